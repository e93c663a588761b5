/* Jobs as JSON, and what tells whether their pictures are there already: see job.h. */
#include "cli/job.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

/* ---- JSON -> job ---- */

static const MoaCliArgument *
find_argument (const MoaCliJobClass *klass, const char *name)
{
  for (const MoaCliArgument *a = klass->arguments; a->name; a++)
    if (!strcmp (a->name, name))
      return a;
  return NULL;
}

static gboolean
wrong_kind (const char *key, const char *kind, GError **error)
{
  return moa_fail (error, MOA_ERROR_ARGUMENT, "\"%s\" must be %s", key, kind);
}

static char *
resolved (const char *path, const char *folder)
{
  return folder && !g_path_is_absolute (path) ? g_build_filename (folder, path, NULL) : g_strdup (path);
}

/* Words, a whole number, or a list of them, as a command line has them: "2,1".  NULL: neither. */
static char *
text_of (const json_t *value)
{
  if (json_is_string (value))
    return g_strdup (json_string_value (value));
  if (json_is_integer (value))
    return g_strdup_printf ("%" JSON_INTEGER_FORMAT, json_integer_value (value));
  g_autoptr (GString) text = g_string_new (NULL);
  const json_t *number;
  size_t i;
  json_array_foreach (value, i, number)
    {
      if (!json_is_integer (number))
        return NULL;
      g_string_append_printf (text, "%s%" JSON_INTEGER_FORMAT, i ? "," : "",
                              json_integer_value (number));
    }
  return text->len ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
}

/* A path or a list of them.  (transfer full); NULL: neither. */
static char **
paths_of (const json_t *value, const char *folder)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  const json_t *path;
  size_t i;
  json_array_foreach (value, i, path)
    if (json_is_string (path))
      g_ptr_array_add (paths, resolved (json_string_value (path), folder));
  if (json_is_string (value))
    g_ptr_array_add (paths, resolved (json_string_value (value), folder));
  else if (paths->len == 0 || paths->len != json_array_size (value))
    return NULL;
  g_ptr_array_add (paths, NULL);
  g_ptr_array_set_free_func (paths, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&paths), FALSE);
}

static gboolean
set_argument (MoaCliJob *job, const MoaCliArgument *a, const json_t *value, const char *folder,
              GError **error)
{
  char **text = &G_STRUCT_MEMBER (char *, job, a->offset);
  switch (a->kind)
    {
    case MOA_CLI_TEXT:
      g_free (*text);
      *text = text_of (value);
      return *text || wrong_kind (a->name, "a text or a whole number", error);
    case MOA_CLI_INPUT:
    case MOA_CLI_OUTPUT:
      if (!json_is_string (value) || !*json_string_value (value))
        return wrong_kind (a->name, "a path", error);
      g_free (*text);
      *text = resolved (json_string_value (value), folder);
      return TRUE;
    case MOA_CLI_INPUTS:
      g_strfreev (G_STRUCT_MEMBER (char **, job, a->offset));
      G_STRUCT_MEMBER (char **, job, a->offset) = paths_of (value, folder);
      return G_STRUCT_MEMBER (char **, job, a->offset) ||
             wrong_kind (a->name, "a path or a list of paths", error);
    case MOA_CLI_NUMBER:
      if (!json_is_number (value))
        return wrong_kind (a->name, "a number", error);
      G_STRUCT_MEMBER (double, job, a->offset) = json_number_value (value);
      return TRUE;
    case MOA_CLI_COUNT:
      if (!json_is_integer (value) || llabs (json_integer_value (value)) > G_MAXINT)
        return wrong_kind (a->name, "a whole number", error);
      G_STRUCT_MEMBER (int, job, a->offset) = json_integer_value (value);
      return TRUE;
    }
  g_return_val_if_reached (FALSE);
}

static gboolean
set_setting (MoaCliJob *job, const MoaSetting *setting, const json_t *value, GError **error)
{
  gboolean is_switch = setting->kind == MOA_SETTING_BOOLEAN;
  if (is_switch ? !json_is_boolean (value) : !json_is_number (value))
    return wrong_kind (setting->name, is_switch ? "true or false" : "a number", error);
  return moa_setting_set (setting, &G_STRUCT_MEMBER (char, job, job->klass->params),
                          is_switch ? json_is_true (value) : json_number_value (value), error);
}

static gboolean
set_subjects (MoaCliJob *job, json_t *value, const char *folder, GError **error)
{
  json_t *one;
  size_t i;
  if (!json_is_array (value))
    return wrong_kind ("subjects", "a list", error);
  json_array_foreach (value, i, one)
    {
      json_t *subject = moa_subject_from_json (one, folder, error);
      if (!subject)
        return FALSE;
      json_array_append_new (job->subjects, subject);
    }
  return TRUE;
}

static gboolean
set_key (MoaCliJob *job, const char *key, json_t *value, const char *folder, GError **error)
{
  int n;
  const MoaCliJobClass *klass = job->klass;
  const MoaSetting *settings = klass->settings (&n), *setting = moa_setting_find (settings, n, key);
  const MoaCliArgument *argument = find_argument (klass, key);
  if (!strcmp (key, klass->name))
    {
      if (!json_is_string (value))
        return wrong_kind (key, klass->first_is_file ? "a path" : "a prompt", error);
      job->first = resolved (json_string_value (value), klass->first_is_file ? folder : NULL);
      return TRUE;
    }
  if (!strcmp (key, "subjects"))
    return set_subjects (job, value, folder, error);
  if (argument)
    return set_argument (job, argument, value, folder, error);
  if (setting)
    return set_setting (job, setting, value, error);
  g_autofree char *shown = g_strndup (key, 60);
  return moa_fail (error, MOA_ERROR_ARGUMENT, "there is no setting \"%s\"; `moa %s --help` lists them",
                   shown, klass->name);
}

static gboolean
read_job (MoaCliJob *job, const json_t *object, const char *folder, GError **error)
{
  const char *key;
  json_t *value;
  json_object_foreach ((json_t *) object, key, value)
    if (!set_key (job, key, value, folder, error))
      return FALSE;
  if ((int) json_array_size (job->subjects) < job->klass->least_subjects)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "\"subjects\" must name who comes in");
  g_autofree char *end = job->output ? g_ascii_strdown (job->output, -1) : NULL;
  if (!end || !g_str_has_suffix (end, ".png"))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"output\" must say where to write the picture, a name that ends in .png");
  return job->klass->check (job, error);
}

MoaCliJob *
moa_cli_job_from_json (MoaCli *cli, const json_t *object, const char *folder, GError **error)
{
  static const MoaCliJobClass *const classes[] = { &moa_cli_replace_class, &moa_cli_generate_class };
  const MoaCliJobClass *klass = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (classes); i++)
    if (json_object_get (object, classes[i]->name))
      klass = klass ? NULL : classes[i];
  if (!klass)
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "a job is {\"replace\": PICTURE, ...} or {\"generate\": PROMPT, ...}");
      return NULL;
    }
  MoaCliJob *job = moa_cli_job_new (klass, cli);
  if (!read_job (job, object, folder, error))
    g_clear_pointer (&job, moa_cli_job_free);
  return job;
}

/* ---- Job -> JSON ---- */

static json_t *
argument_value (const MoaCliJob *job, const MoaCliArgument *a)
{
  if (a->kind == MOA_CLI_NUMBER)
    return json_real (G_STRUCT_MEMBER (double, job, a->offset));
  if (a->kind == MOA_CLI_COUNT)
    return json_integer (G_STRUCT_MEMBER (int, job, a->offset));
  if (a->kind == MOA_CLI_INPUTS)
    {
      char **paths = G_STRUCT_MEMBER (char **, job, a->offset);
      json_t *list = paths ? json_array () : NULL;
      for (; paths && *paths; paths++)
        json_array_append_new (list, json_string_nocheck (*paths));
      return list;
    }
  const char *text = G_STRUCT_MEMBER (char *, job, a->offset);
  return text ? json_string_nocheck (text) : NULL;
}

json_t *
moa_cli_job_to_json (const MoaCliJob *job)
{
  const MoaCliJobClass *klass = job->klass;
  MoaCliJob *usual = moa_cli_job_new (klass, job->cli);
  json_t *object = json_object ();
  int n;
  const MoaSetting *settings = klass->settings (&n);
  for (int i = 0; i < n; i++)
    {
      double value = moa_setting_get (&settings[i], &G_STRUCT_MEMBER (char, job, klass->params));
      if (value == moa_setting_get (&settings[i], &G_STRUCT_MEMBER (char, usual, klass->params)) ||
          find_argument (klass, settings[i].name))
        continue;
      json_object_set_new (object, settings[i].name,
                           settings[i].kind == MOA_SETTING_BOOLEAN ? json_boolean (value != 0)
                           : value == floor (value) && fabs (value) < 1e15 ? json_integer (value)
                                                                            : json_real (value));
    }
  for (const MoaCliArgument *a = klass->arguments; a->name; a++)
    {
      json_t *value = argument_value (job, a), *normal = argument_value (usual, a);
      if (value && !json_equal (value, normal))
        json_object_set (object, a->name, value);
      json_decref (value);
      json_decref (normal);
    }
  if (job->first)
    json_object_set_new_nocheck (object, klass->name, json_string_nocheck (job->first));
  if (json_array_size (job->subjects) > 0)
    json_object_set (object, "subjects", job->subjects);
  moa_cli_job_free (usual);
  return object;
}

/* ---- Done or not ---- */

/* Of a file's contents; what cannot be read has a hash too, and another one once it can. */
static const char *
hash_of_file (const char *path, GHashTable *hashes)
{
  char *hash = g_hash_table_lookup (hashes, path), *bytes;
  gsize n;
  if (hash)
    return hash;
  if (g_file_get_contents (path, &bytes, &n, NULL))
    {
      hash = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) bytes, n);
      g_free (bytes);
    }
  else
    hash = g_strdup ("missing");
  g_hash_table_insert (hashes, g_strdup (path), hash);
  return hash;
}

/* Paths of subjects by the hashes of what they hold. */
static json_t *
hash_subjects (const json_t *value, GHashTable *hashes)
{
  if (json_is_object (value))
    return json_pack ("{s:o, s:o, s:O}", "from", hash_subjects (json_object_get (value, "from"), hashes),
                      "to", hash_subjects (json_object_get (value, "to"), hashes), "share",
                      json_object_get (value, "share"));
  if (json_is_string (value))
    return json_string (strcmp (json_string_value (value), "keep")
                            ? hash_of_file (json_string_value (value), hashes)
                            : "keep");
  json_t *list = json_array (), *one;
  size_t i;
  json_array_foreach (value, i, one)
    json_array_append_new (list, hash_subjects (one, hashes));
  return list;
}

char *
moa_cli_job_key (const MoaCliJob *job, const char *model, GHashTable *hashes)
{
  g_autoptr (GHashTable) own = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  json_t *object = moa_cli_job_to_json (job);
  hashes = hashes ? hashes : own;
  for (const MoaCliArgument *a = job->klass->arguments; a->name; a++)
    if (a->kind == MOA_CLI_OUTPUT)
      json_object_del (object, a->name);
    else if (a->kind == MOA_CLI_INPUT && G_STRUCT_MEMBER (char *, job, a->offset))
      json_object_set_new (object, a->name,
                           json_string (hash_of_file (G_STRUCT_MEMBER (char *, job, a->offset), hashes)));
    else if (a->kind == MOA_CLI_INPUTS && G_STRUCT_MEMBER (char **, job, a->offset))
      json_object_set_new (object, a->name, hash_subjects (json_object_get (object, a->name), hashes));
  if (job->klass->first_is_file)
    json_object_set_new (object, job->klass->name, json_string (hash_of_file (job->first, hashes)));
  json_object_set_new (object, "subjects", hash_subjects (job->subjects, hashes));
  json_object_set_new (object, "model", json_string (model));
  char *text = json_dumps (object, JSON_SORT_KEYS | JSON_COMPACT | JSON_REAL_PRECISION (15));
  char *key = text ? g_compute_checksum_for_string (G_CHECKSUM_SHA256, text, -1) : NULL;
  free (text);
  json_decref (object);
  return key;
}

gboolean
moa_cli_job_done (const MoaCliJob *job, const char *key)
{
  for (int k = 0; k < job->klass->n_pictures (job); k++)
    {
      g_autofree char *path = moa_cli_job_output (job, k), *mark = moa_cli_read_mark (path);
      if (g_strcmp0 (mark, key))
        return FALSE;
    }
  /* Masks and maps carry no mark; they are written before the pictures. */
  for (const MoaCliArgument *a = job->klass->arguments; a->name; a++)
    {
      const char *path = a->kind == MOA_CLI_OUTPUT ? G_STRUCT_MEMBER (char *, job, a->offset) : NULL;
      if (path && path != job->output && job->klass->n_pictures (job) == 1 &&
          !g_file_test (path, G_FILE_TEST_EXISTS))
        return FALSE;
    }
  return TRUE;
}
