/* Subjects, as command lines and JSON tell them:
 *
 *   "A.png"  "A.png+B.png"  ["A.png", "B.png"]     photos of one person; an ending .safetensors: a
 *                                                  saved subject, or a face embedding
 *   {"from": SUBJECT, "to": SUBJECT, "share": 0.3} a person between two
 *   "keep"                                         in a replacement: who stays as it is */
#include "cli/cli.h"

#include "base/error.h"

#include <string.h>

/* ---- Reading what was written ---- */

static json_t *
resolve (const char *path, const char *folder)
{
  g_autofree char *whole = folder && !g_path_is_absolute (path) ? g_build_filename (folder, path, NULL)
                                                                : g_strdup (path);
  return json_string_nocheck (whole);
}

json_t *
moa_cli_subject_from_text (const char *text, const char *folder)
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
moa_cli_subject_from_json (json_t *value, const char *folder, GError **error)
{
  json_t *from = json_object_get (value, "from"), *to = json_object_get (value, "to");
  json_t *share = json_object_get (value, "share"), *subject = NULL;
  if (json_is_string (value))
    return moa_cli_subject_from_text (json_string_value (value), folder);
  if (json_is_array (value) && (subject = from_list (value, folder)))
    return subject;
  if (!json_is_object (value) || json_object_size (value) != 3 || !from || !to || !json_is_number (share))
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "a subject is a file, a list of files, or {\"from\": SUBJECT, \"to\": SUBJECT, "
                "\"share\": 0.5}");
      return NULL;
    }
  json_t *a = moa_cli_subject_from_json (from, folder, error);
  json_t *b = a ? moa_cli_subject_from_json (to, folder, error) : NULL;
  if (b)
    subject = json_pack ("{s:O, s:O, s:O}", "from", a, "to", b, "share", share);
  json_decref (a);
  json_decref (b);
  return subject;
}

/* ---- Loading ---- */

static gboolean
load_file (MoaSubject *subject, GPtrArray *photos, const char *path, GError **error)
{
  if (g_str_has_suffix (path, ".safetensors"))
    {
      if (subject->saved)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "%s: a subject has at most one saved subject or face embedding",
                         path);
      subject->saved = moa_saved_subject_load (path, error);
      return subject->saved != NULL;
    }
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_load (path, error);
  MoaImage *photo = pixbuf ? moa_cli_image (pixbuf, NULL) : NULL;
  if (photo)
    g_ptr_array_add (photos, photo);
  else if (pixbuf)
    moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", path);
  return photo != NULL;
}

static void
clear_subject (MoaSubject *subject)
{
  for (int k = 0; k < subject->n_photos; k++)
    moa_image_free ((MoaImage *) subject->photos[k]);
  g_free ((gpointer) subject->photos);
  moa_saved_subject_free ((MoaSavedSubject *) subject->saved);
  moa_image_free ((MoaImage *) subject->mask);
  *subject = (MoaSubject){ NULL };
}

static gboolean load_subject (MoaSubject *subject, const json_t *value, const MoaCli *cli, GError **error);

/* One end of a blend, as a saved subject. */
static MoaSavedSubject *
load_end (const json_t *value, const MoaCli *cli, GError **error)
{
  MoaSubject subject = { NULL };
  MoaSavedSubject *saved = NULL;
  MoaRun quiet = cli->run;
  quiet.progress = NULL;
  if (!load_subject (&subject, value, cli, error))
    ;
  else if (subject.keep || (subject.saved && subject.n_photos > 0))
    moa_fail (error, MOA_ERROR_ARGUMENT,
              "what is blended are photos or a saved subject, not both, and nobody who is kept");
  else if (subject.saved)
    saved = (MoaSavedSubject *) g_steal_pointer (&subject.saved);
  else
    saved = moa_saved_subject_new (cli->model, "", subject.photos, subject.n_photos, &quiet, error);
  clear_subject (&subject);
  return saved;
}

static gboolean
load_blend (MoaSubject *subject, const json_t *value, const MoaCli *cli, GError **error)
{
  MoaSavedSubject *from = load_end (json_object_get (value, "from"), cli, error);
  MoaSavedSubject *to = from ? load_end (json_object_get (value, "to"), cli, error) : NULL;
  double share = json_number_value (json_object_get (value, "share"));
  if (to)
    subject->saved = moa_saved_subject_blend (from, to, share, error);
  moa_saved_subject_free (from);
  moa_saved_subject_free (to);
  return subject->saved != NULL;
}

static gboolean
load_subject (MoaSubject *subject, const json_t *value, const MoaCli *cli, GError **error)
{
  if (json_is_object (value))
    return load_blend (subject, value, cli, error);
  if (json_is_string (value))
    return subject->keep = TRUE;
  GPtrArray *photos = g_ptr_array_new ();
  gboolean ok = TRUE;
  for (size_t i = 0; ok && i < json_array_size (value); i++)
    ok = load_file (subject, photos, json_string_value (json_array_get (value, i)), error);
  subject->n_photos = photos->len;
  subject->photos = (const MoaImage *const *) g_ptr_array_free (photos, FALSE);
  return ok;
}

gboolean
moa_cli_load_subjects (MoaCliSubjects *subjects, const json_t *list, const MoaCli *cli, GError **error)
{
  int n = json_array_size (list);
  subjects->subjects = g_new0 (MoaSubject, n + 1);
  for (int i = 0; i < n; i++)
    {
      subjects->n_subjects = i + 1;
      if (!load_subject (&subjects->subjects[i], json_array_get (list, i), cli, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
moa_cli_load_subject_masks (MoaCliSubjects *subjects, char *const *masks, int width, int height,
                            const MoaRect *area, GError **error)
{
  int n = masks ? g_strv_length ((char **) masks) : 0;
  if (n > 0 && n != subjects->n_subjects)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "There are %d subjects and %d --subject-mask; give one for each",
                     subjects->n_subjects, n);
  for (int i = 0; i < n; i++)
    {
      MoaImage *mask = moa_cli_load_mask (masks[i], error);
      if (!mask)
        return FALSE;
      subjects->subjects[i].mask = mask;
      if (!area)
        continue;
      if (mask->width != width || mask->height != height)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "%s: the mask is %d x %d pixels, the picture %d x %d; they must be alike",
                         masks[i], mask->width, mask->height, width, height);
      subjects->subjects[i].mask = moa_cli_crop_mask (mask, area);
      moa_image_free (mask);
      if (!subjects->subjects[i].mask)
        return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", masks[i]);
    }
  return TRUE;
}

void
moa_cli_clear_subjects (MoaCliSubjects *subjects)
{
  for (int i = 0; i < subjects->n_subjects; i++)
    clear_subject (&subjects->subjects[i]);
  g_free (subjects->subjects);
  *subjects = (MoaCliSubjects){ NULL };
}
