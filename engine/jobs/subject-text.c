/* Subjects, as command lines, stories and JSON tell them: see subject-text.h. */
#include "jobs/subject-text.h"

#include "base/error.h"

#include <string.h>

static json_t *
resolve (const char *path, const char *folder)
{
  g_autofree char *whole = folder && !g_path_is_absolute (path) ? g_build_filename (folder, path, NULL)
                                                                : g_strdup (path);
  return json_string_nocheck (whole);
}

json_t *
moa_subject_from_text (const char *text, const char *folder)
{
  if (!strcmp (text, "keep"))
    return json_string (text);
  /* A file that has a + in its name is that file. */
  json_t *whole = resolve (text, folder), *paths = json_array ();
  gboolean one = g_file_test (json_string_value (whole), G_FILE_TEST_EXISTS);
  json_decref (whole);
  g_auto (GStrv) parts = g_strsplit (text, "+", one ? 1 : -1);
  for (char **part = parts; *part; part++)
    json_array_append_new (paths, resolve (*part, folder));
  return paths;
}

static json_t *
from_list (json_t *list, const char *folder)
{
  json_t *paths = json_array (), *path;
  size_t i;
  json_array_foreach (list, i, path)
    if (json_is_string (path))
      json_array_append_new (paths, resolve (json_string_value (path), folder));
  if (json_array_size (paths) == json_array_size (list) && json_array_size (list) > 0)
    return paths;
  json_decref (paths);
  return NULL;
}

json_t *
moa_subject_from_json (json_t *value, const char *folder, GError **error)
{
  json_t *from = json_object_get (value, "from"), *to = json_object_get (value, "to");
  json_t *share = json_object_get (value, "share"), *subject = NULL;
  if (json_is_string (value))
    return moa_subject_from_text (json_string_value (value), folder);
  if (json_is_array (value) && (subject = from_list (value, folder)))
    return subject;
  if (!json_is_object (value) || json_object_size (value) != 3 || !from || !to || !json_is_number (share))
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "a subject is a file, a list of files, or {\"from\": SUBJECT, \"to\": SUBJECT, "
                "\"share\": 0.5}");
      return NULL;
    }
  json_t *a = moa_subject_from_json (from, folder, error);
  json_t *b = a ? moa_subject_from_json (to, folder, error) : NULL;
  if (b)
    subject = json_pack ("{s:O, s:O, s:O}", "from", a, "to", b, "share", share);
  json_decref (a);
  json_decref (b);
  return subject;
}
