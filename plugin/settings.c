/* What the user chose for a replacement: defaults, options, JSON.
 *
 * The engine describes its own settings; what only the plug-in knows is in the table here. */
#include "settings.h"

#include "intl.h"
#include "options.h"

#include "ui/path_list.h"

#include <libgimp/gimp.h>
#include <stddef.h>
#include <string.h>

/* In the form of the engine's, with offsets in ReplaceSettings. */
static const MoaSetting own_settings[] = {
  { "control_scale", MOA_SETTING_NUMBER, offsetof (ReplaceSettings, params.control.scale), -10, 10, 1 },
  { "control_start", MOA_SETTING_NUMBER, offsetof (ReplaceSettings, params.control.start), 0, 1, 0 },
  { "control_end", MOA_SETTING_NUMBER, offsetof (ReplaceSettings, params.control.end), 0, 1, 1 },
  { "clip_skip", MOA_SETTING_INTEGER, offsetof (ReplaceSettings, clip_skip), 0, 64, 0 },
  { "lora_on_experts", MOA_SETTING_BOOLEAN, offsetof (ReplaceSettings, lora_on_experts), 0, 1, FALSE },
  { "maps", MOA_SETTING_BOOLEAN, offsetof (ReplaceSettings, maps), 0, 1, FALSE },
  { "cache", MOA_SETTING_BOOLEAN, offsetof (ReplaceSettings, cache), 0, 1, TRUE },
  { "mark", MOA_SETTING_BOOLEAN, offsetof (ReplaceSettings, mark), 0, 1, TRUE },
  { "threads", MOA_SETTING_INTEGER, offsetof (ReplaceSettings, n_threads), 0, 1024, 0 },
  { "memory_limit", MOA_SETTING_INTEGER, offsetof (ReplaceSettings, memory_limit), 0, G_MAXINT, 0 },
};
enum { N_OWN = G_N_ELEMENTS (own_settings) };

static const struct {
  const char *name;
  gsize offset;
  gboolean kept;
} texts[] = {
  { "prompt", offsetof (ReplaceSettings, prompt), TRUE },
  { "model", offsetof (ReplaceSettings, model), TRUE },
  { "expert", offsetof (ReplaceSettings, expert), TRUE },
  { "image_encoder", offsetof (ReplaceSettings, image_encoder), TRUE },
  { "lora", offsetof (ReplaceSettings, lora), TRUE },
  { "embedding", offsetof (ReplaceSettings, embedding), TRUE },
  { "controlnet", offsetof (ReplaceSettings, controlnet), TRUE },
  { "control", offsetof (ReplaceSettings, control), TRUE },
  { "device", offsetof (ReplaceSettings, device), TRUE },
  { "layer", offsetof (ReplaceSettings, layer), FALSE },
};
enum { N_TEXTS = G_N_ELEMENTS (texts) };

static char **
get_text (const ReplaceSettings *settings, int i)
{
  return (char **) ((char *) settings + texts[i].offset);
}

ReplaceSettings *
replace_settings_new (void)
{
  ReplaceSettings *settings = g_new0 (ReplaceSettings, 1);

  moa_replace_params_init (&settings->params);
  for (int i = 0; i < N_OWN; i++)
    moa_setting_set (&own_settings[i], settings, own_settings[i].fallback, NULL);
  for (int i = 0; i < N_TEXTS; i++)
    if (texts[i].kept)
      *get_text (settings, i) = g_strdup ("");
  return settings;
}

ReplaceSettings *
replace_settings_copy (const ReplaceSettings *settings)
{
  ReplaceSettings *copy = g_memdup2 (settings, sizeof *settings);

  for (int i = 0; i < N_TEXTS; i++)
    *get_text (copy, i) = g_strdup (*get_text (settings, i));
  copy->subjects = g_strdup (settings->subjects);
  return copy;
}

void
replace_settings_free (ReplaceSettings *settings)
{
  if (settings)
    {
      for (int i = 0; i < N_TEXTS; i++)
        g_free (*get_text (settings, i));
      g_free (settings->subjects);
      g_free (settings);
    }
}

void
replace_settings_set_string (char **field, const char *value)
{
  char *copy = g_strdup (value ? value : "");

  g_free (*field);
  *field = copy;
}

/* ---- What is followed ---------------------------------------------------- */

gboolean
replace_settings_has_control_layer (const ReplaceSettings *settings)
{
  return *settings->control && !g_str_has_prefix (settings->control, "file:");
}

void
replace_settings_set_control_layer (ReplaceSettings *settings, gint32 layer)
{
  g_autofree char *name = layer > 0 && gimp_item_is_valid (layer) ? gimp_item_get_name (layer) : NULL;
  g_autofree char *named = name ? g_strconcat ("layer:", name, NULL) : NULL;

  replace_settings_set_string (&settings->control, named);
  settings->control_layer = name ? layer : 0;
}

/* ---- Reading ------------------------------------------------------------- */

static gboolean
order_from_json (ReplaceSettings *settings, const json_t *value, GError **error)
{
  gboolean list = json_is_array (value) && json_array_size (value) <= MOA_MAX_SUBJECTS;

  for (guint k = 0; list && k < json_array_size (value); k++)
    {
      const json_t *person = json_array_get (value, k);

      list = json_is_integer (person) && json_integer_value (person) >= 0
             && json_integer_value (person) < MOA_MAX_SUBJECTS;
      settings->order[k] = list ? json_integer_value (person) : 0;
    }
  if (!list)
    return options_fail (error, "options: \"order\" must be a list with one whole number for each "
                         "subject, at most %d; [1, 0] gives the first subject the second person "
                         "from the left", MOA_MAX_SUBJECTS);
  settings->n_order = json_array_size (value);
  return TRUE;
}

/* A list of texts as one. */
static json_t *
join (const json_t *list)
{
  g_autoptr (GString) all = g_string_new (NULL);
  const json_t *text;
  size_t i;

  json_array_foreach (list, i, text)
    if (json_is_string (text))
      path_list_add (all, json_string_value (text));
    else
      return json_null ();
  return json_string (all->str);
}

static gboolean
text_from_json (char **field, const char *key, const json_t *value, GError **error)
{
  if (!json_is_string (value))
    return options_fail (error, "options: \"%s\" must be a text", key);
  replace_settings_set_string (field, json_string_value (value));
  return TRUE;
}

char *
replace_settings_list_options (void)
{
  int n;
  const MoaSetting *rows = moa_replace_settings (&n);
  GString *known = g_string_new ("subjects, order");

  for (int i = 0; i < N_TEXTS; i++)
    g_string_append_printf (known, ", %s", texts[i].name);
  for (int i = 0; i < n; i++)
    g_string_append_printf (known, ", %s", rows[i].name);
  for (int i = 0; i < N_OWN; i++)
    g_string_append_printf (known, ", %s", own_settings[i].name);
  return g_string_free (known, FALSE);
}

static gboolean
option_from_json (ReplaceSettings *settings, const char *key, json_t *value, GError **error)
{
  int n;
  const MoaSetting *rows = moa_replace_settings (&n);

  if (!strcmp (key, "order"))
    return order_from_json (settings, value, error);
  if (json_is_array (value) && (!strcmp (key, "lora") || !strcmp (key, "embedding")))
    {
      json_t *text = join (value);
      gboolean success = text_from_json (*key == 'l' ? &settings->lora : &settings->embedding, key, text, error);

      json_decref (text);
      return success;
    }
  if (!strcmp (key, "control"))
    settings->control_layer = 0;
  for (int i = 0; i < N_TEXTS; i++)
    if (!strcmp (key, texts[i].name))
      return text_from_json (get_text (settings, i), key, value, error);
  if (!strcmp (key, "subjects"))
    {
      g_free (settings->subjects);
      settings->subjects = options_print (json_incref (value));
      return json_is_array (value)
             || options_fail (error, "options: \"subjects\" must be a list");
    }
  if (moa_setting_find (rows, n, key))
    return options_set (rows, n, &settings->params, key, value, error);
  if (moa_setting_find (own_settings, N_OWN, key))
    return options_set (own_settings, N_OWN, settings, key, value, error);

  g_autofree char *known = replace_settings_list_options ();
  return options_fail (error, "options: there is no \"%s\"; there are %s", key, known);
}

static gboolean
options_from_json (ReplaceSettings *settings, json_t *object, GError **error)
{
  const char *key;
  json_t *value;

  json_object_foreach (object, key, value)
    if (!option_from_json (settings, key, value, error))
      return FALSE;
  return TRUE;
}

gboolean
replace_settings_set_options (ReplaceSettings *settings, const char *json, GError **error)
{
  if (!json || !*json)
    return TRUE;

  json_t *object = options_parse ("options", json, error);
  gboolean success = object && options_from_json (settings, object, error);

  json_decref (object);
  return success;
}

static gboolean
version_ok (const json_t *object, GError **error)
{
  const json_t *version = json_object_get (object, "version");

  if (!version || json_integer_value (version) <= SETTINGS_VERSION)
    return TRUE;
  return options_fail (error, _("settings: they are of version %d, this MoA for GIMP reads up to %d: "
                       "update it to use them"), (int) json_integer_value (version),
                       SETTINGS_VERSION);
}

/* Version 1 had some settings beside the options. */
static gboolean
settings_from_json (ReplaceSettings *settings, json_t *object, GError **error)
{
  static const char *const beside[] = { "prompt", "model", "steps", "guidance", "seed" };
  json_t *chosen = json_object_get (object, "options");

  if (!version_ok (object, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (beside); i++)
    {
      json_t *value = json_object_get (object, beside[i]);

      if (value && !option_from_json (settings, beside[i], value, error))
        return FALSE;
    }
  return !chosen || options_from_json (settings, chosen, error);
}

ReplaceSettings *
replace_settings_from_json (const char *json, GError **error)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  json_t *object = options_parse ("settings", json, error);
  gboolean success = object && settings_from_json (settings, object, error);

  json_decref (object);
  return success ? g_steal_pointer (&settings) : NULL;
}

/* ---- Writing ------------------------------------------------------------- */

char *
replace_settings_to_json (const ReplaceSettings *settings)
{
  int n;
  const MoaSetting *rows = moa_replace_settings (&n);
  json_t *object = json_object ();
  json_t *chosen = json_object ();

  json_object_set_new (object, "version", json_integer (SETTINGS_VERSION));
  json_object_set_new (object, "prompt", options_text (settings->prompt));
  json_object_set_new (object, "model", options_text (settings->model));
  options_put (chosen, rows, n, &settings->params);
  options_put (chosen, own_settings, N_OWN, settings);
  for (int i = 2; i < N_TEXTS; i++) /* the first two stand beside the options */
    if (texts[i].kept && **get_text (settings, i))
      json_object_set_new (chosen, texts[i].name, options_text (*get_text (settings, i)));
  if (settings->n_order)
    {
      json_t *order = json_array ();

      for (int k = 0; k < settings->n_order; k++)
        json_array_append_new (order, json_integer (settings->order[k]));
      json_object_set_new (chosen, "order", order);
    }
  json_object_set_new (object, "options", chosen);
  return options_print (object);
}

void
replace_settings_put_files (const ReplaceSettings *settings, json_t *object)
{
  const MoaControl *control = &settings->params.control;
  json_t *files = json_pack ("{s:o, s:o, s:o, s:b, s:o, s:i, s:o, s:o, s:f, s:f, s:f}",
                             "expert", options_text (settings->expert),
                             "image_encoder", options_text (settings->image_encoder),
                             "lora", options_text (settings->lora),
                             "lora_on_experts", settings->lora_on_experts,
                             "embedding", options_text (settings->embedding),
                             "clip_skip", settings->clip_skip,
                             "controlnet", options_text (settings->controlnet),
                             "control", options_text (settings->control), "control_scale", control->scale,
                             "control_start", control->start, "control_end", control->end);

  json_object_update (object, files);
  json_decref (files);
}

/* ---- The model, and how to run it ---------------------------------------- */

char *
replace_settings_find_model (void)
{
  const char *named = g_getenv ("MOA_MODEL");

  if (named && *named)
    return g_strdup (named);

  g_autofree char *configured = gimp_gimprc_query ("moa-model");
  if (configured && *configured)
    return g_steal_pointer (&configured);

  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  if (program)
    {
      g_autofree char *folder = g_path_get_dirname (program);
      g_autofree char *beside = g_build_filename (folder, "models", "mini", NULL);

      if (g_file_test (beside, G_FILE_TEST_IS_DIR))
        return g_steal_pointer (&beside);
    }
  return g_build_filename (MOA_MODEL_DIR, "mini", NULL);
}

/* "FILE:0.7", where what follows the last colon is a number, or "FILE"; the file's name is cut there. */
static MoaLora
read_lora (char *text, gboolean on_experts)
{
  char *colon, *end = NULL;
  MoaLora lora = { text, 1, on_experts };

  colon = strrchr (text, ':');
  if (colon)
    {
      double weight = g_ascii_strtod (colon + 1, &end);

      if (end > colon + 1 && !*end)
        {
          *colon = '\0';
          g_strchomp (text);
          lora.weight = weight;
        }
    }
  return lora;
}

MoaModel *
replace_settings_open_model (const ReplaceSettings *settings, const char *folder, GError **error)
{
  g_auto (GStrv) named = path_list_split (settings->lora), embeddings = path_list_split (settings->embedding);
  g_autofree MoaLora *loras = g_new0 (MoaLora, g_strv_length (named) + 1);
  MoaModelFiles files = {
    .model = folder,
    .expert = *settings->expert ? settings->expert : NULL,
    .image_encoder = *settings->image_encoder ? settings->image_encoder : NULL,
    .controlnet = *settings->controlnet ? settings->controlnet : NULL,
    .loras = loras,
    .embeddings = (const char *const *) embeddings,
    .clip_skip = settings->clip_skip,
  };

  for (; named[files.n_loras]; files.n_loras++)
    loras[files.n_loras] = read_lora (named[files.n_loras], settings->lora_on_experts);
  return moa_model_open_files (&files, error);
}

gboolean
replace_settings_blame_added (const ReplaceSettings *settings, const char *folder)
{
  g_autoptr (ReplaceSettings) plain = replace_settings_copy (settings);

  replace_settings_set_string (&plain->lora, "");
  replace_settings_set_string (&plain->embedding, "");
  plain->clip_skip = 0;

  gboolean added = *settings->lora || *settings->embedding || settings->clip_skip;
  MoaModel *model = added ? replace_settings_open_model (plain, folder, NULL) : NULL;
  gboolean opens = model != NULL;

  g_clear_pointer (&model, moa_model_unref);
  return opens;
}

void
replace_settings_get_run (const ReplaceSettings *settings, MoaRun *run)
{
  static char *folder;

  if (!folder)
    folder = g_build_filename (g_get_user_cache_dir (), "moa-gimp", "inversions", NULL);
  *run = (MoaRun) {
    .n_threads = settings->n_threads,
    .device = *settings->device ? g_intern_string (settings->device) : NULL,
    .memory_limit = (guint64) settings->memory_limit << 20,
    .cache = settings->cache ? folder : NULL,
  };
}
