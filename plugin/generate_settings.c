/* What the user chose for drawn pictures: defaults, options, JSON.
 *
 * The engine describes its own settings; how to run is the same as for a replacement and is kept in
 * the form of its settings. */
#include "generate_settings.h"

#include "intl.h"
#include "options.h"

#include <string.h>

#define VERSION 1

/* Options that a replacement has too. */
static const char *const shared[] = { "subjects", "expert", "image_encoder", "lora", "lora_on_experts",
                                      "embedding", "clip_skip", "controlnet", "control", "control_scale",
                                      "control_start", "control_end", "device", "threads", "memory_limit",
                                      "mark", NULL };

GenerateSettings *
generate_settings_new (const char *name, const char *const *own)
{
  GenerateSettings *settings = g_new0 (GenerateSettings, 1);

  settings->name = name;
  settings->own = own;
  moa_generate_params_init (&settings->params);
  moa_sequence_params_init (&settings->sequence);
  settings->prompt = g_strdup ("");
  settings->negative = g_strdup ("");
  settings->folder = g_strdup ("");
  settings->pictures = 4;
  settings->how = replace_settings_new ();
  return settings;
}

GenerateSettings *
generate_settings_copy (const GenerateSettings *settings)
{
  GenerateSettings *copy = g_memdup2 (settings, sizeof *settings);

  copy->prompt = g_strdup (settings->prompt);
  copy->negative = g_strdup (settings->negative);
  copy->folder = g_strdup (settings->folder);
  copy->how = replace_settings_copy (settings->how);
  return copy;
}

void
generate_settings_free (GenerateSettings *settings)
{
  if (!settings)
    return;
  g_free (settings->prompt);
  g_free (settings->negative);
  g_free (settings->folder);
  replace_settings_free (settings->how);
  g_free (settings);
}

/* ---- Reading ------------------------------------------------------------- */

static gboolean
set_text (char **field, const char *key, const json_t *value, GError **error)
{
  if (!json_is_string (value))
    return options_fail (error, "options: \"%s\" must be a text", key);
  replace_settings_set_string (field, json_string_value (value));
  return TRUE;
}

static gboolean
set_whole (const char *key, const json_t *value, json_int_t lower, json_int_t upper,
           json_int_t *number, GError **error)
{
  *number = json_integer_value (value);
  return (json_is_integer (value) && *number >= lower && *number <= upper)
         || options_fail (error, "options: \"%s\" must be a whole number from %" G_GINT64_FORMAT
                          " to %" G_GINT64_FORMAT, key, (gint64) lower, (gint64) upper);
}

static gboolean
refuse (const GenerateSettings *settings, const char *key, const MoaSetting *rows, int n, GError **error)
{
  g_autofree char *own = settings->own ? g_strjoinv (", ", (char **) settings->own) : NULL;
  g_autoptr (GString) known = g_string_new ("prompt, negative, seed, ");

  g_string_append_printf (known, "%s%s", own ? own : "pictures", own ? ", folder" : "");
  for (guint i = 0; shared[i]; i++)
    g_string_append_printf (known, ", %s", shared[i]);
  for (int i = 0; i < n; i++)
    g_string_append_printf (known, ", %s", rows[i].name);
  return options_fail (error, "options: there is no \"%s\"; there are %s", key, known->str);
}

static gboolean
set_option (GenerateSettings *settings, const char *key, json_t *value, GError **error)
{
  int n, n_own;
  const MoaSetting *rows = moa_generate_settings (&n), *own = moa_sequence_settings (&n_own);
  json_int_t number;

  if (moa_setting_find (rows, n, key))
    return options_set (rows, n, &settings->params, key, value, error);
  if (settings->own && g_strv_contains (settings->own, key))
    return options_set (own, n_own, &settings->sequence, key, value, error);
  if (!strcmp (key, "prompt"))
    return set_text (&settings->prompt, key, value, error);
  if (!strcmp (key, "negative"))
    return set_text (&settings->negative, key, value, error);
  if (settings->own && !strcmp (key, "folder"))
    return set_text (&settings->folder, key, value, error);
  if (!strcmp (key, "seed"))
    {
      gboolean success = set_whole (key, value, 0, G_MAXUINT32, &number, error);

      settings->seed = success ? number : settings->seed;
      return success;
    }
  if (!settings->own && !strcmp (key, "pictures"))
    {
      gboolean success = set_whole (key, value, 1, GENERATE_MOST_PICTURES, &number, error);

      settings->pictures = success ? number : settings->pictures;
      return success;
    }
  if (!g_strv_contains (shared, key))
    return refuse (settings, key, rows, n, error);

  g_autofree char *json = options_print (json_pack ("{s:O}", key, value));

  return replace_settings_set_options (settings->how, json, error);
}

static gboolean
set_all (GenerateSettings *settings, json_t *object, GError **error)
{
  const char *key;
  json_t *value;

  json_object_foreach (object, key, value)
    if (!set_option (settings, key, value, error))
      return FALSE;
  return TRUE;
}

gboolean
generate_settings_set_options (GenerateSettings *settings, const char *json, GError **error)
{
  json_t *object = options_parse ("options", json && *json ? json : "{}", error);
  gboolean success = object && set_all (settings, object, error);

  json_decref (object);
  return success;
}

GenerateSettings *
generate_settings_from_json (const char *name, const char *const *own, const char *json, GError **error)
{
  g_autoptr (GenerateSettings) settings = generate_settings_new (name, own);
  json_t *object = options_parse ("settings", json, error);
  json_int_t version = json_integer_value (json_object_get (object, "version"));
  gboolean success = object != NULL;

  if (version > VERSION)
    success = options_fail (error, _("settings: they are of version %d, this MoA for GIMP reads up to "
                            "%d: update it to use them"), (int) version, VERSION);
  json_object_del (object, "version");
  success = success && set_all (settings, object, error);
  json_decref (object);
  return success ? g_steal_pointer (&settings) : NULL;
}

/* ---- Writing ------------------------------------------------------------- */

void
generate_settings_put_own (const GenerateSettings *settings, json_t *object)
{
  int n;
  const MoaSetting *rows = moa_sequence_settings (&n);

  for (int i = 0; settings->own && settings->own[i]; i++)
    options_put (object, moa_setting_find (rows, n, settings->own[i]), 1, &settings->sequence);
}

char *
generate_settings_to_json (const GenerateSettings *settings)
{
  int n;
  const MoaSetting *rows = moa_generate_settings (&n);
  const ReplaceSettings *how = settings->how;
  json_t *object = json_pack ("{s:i, s:o, s:o, s:I, s:o, s:i, s:i, s:b}", "version", VERSION,
                              "prompt", options_text (settings->prompt),
                              "negative", options_text (settings->negative),
                              "seed", (json_int_t) settings->seed, "device", options_text (how->device),
                              "threads", how->n_threads, "memory_limit", how->memory_limit, "mark", how->mark);

  replace_settings_put_files (how, object);
  if (!settings->own)
    json_object_set_new (object, "pictures", json_integer (settings->pictures));
  options_put (object, rows, n, &settings->params);
  generate_settings_put_own (settings, object);
  return options_print (object);
}
