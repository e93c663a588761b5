/* What the user chose for a replacement: defaults, the table of options, JSON.
 *
 * One table serves reading, checking and writing the options, so that a new one is one row. */
#include "settings.h"

#include <jansson.h>
#include <libgimp/gimp.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

typedef enum {
  OPTION_BOOLEAN, OPTION_INTEGER, OPTION_NUMBER, OPTION_BASE, OPTION_ORDER
} OptionKind;

typedef struct {
  const char *key;
  OptionKind kind;
  size_t offset;
  double lower, upper;
} Option;

#define PARAM(field) offsetof (ReplaceSettings, params.field)

/* A lower bound of -1 is how a number is left to the model. */
static const Option options[] = {
  { "base", OPTION_BASE, PARAM (base), 0, 0 },
  { "freedom", OPTION_NUMBER, PARAM (freedom), -1, 1 },
  { "fixed_point", OPTION_INTEGER, PARAM (fixed_point), -1, 100 },
  { "max_timestep", OPTION_INTEGER, PARAM (max_timestep), -1, 1000 },
  { "limit", OPTION_BOOLEAN, PARAM (limit), 0, 0 },
  { "blend", OPTION_BOOLEAN, PARAM (blend), 0, 0 },
  { "color_match", OPTION_BOOLEAN, PARAM (color_match), 0, 0 },
  { "grow", OPTION_NUMBER, PARAM (grow), -1, 1000 },
  { "feather", OPTION_NUMBER, PARAM (feather), -1, 1000 },
  { "mask_threshold", OPTION_NUMBER, PARAM (mask_threshold), 0, 1 },
  { "order", OPTION_ORDER, offsetof (ReplaceSettings, order), 0, MOA_MAX_SUBJECTS - 1 },
  { "reconstruction", OPTION_BOOLEAN, PARAM (want_reconstruction), 0, 0 },
  { "maps", OPTION_BOOLEAN, offsetof (ReplaceSettings, maps), 0, 0 },
  { "threads", OPTION_INTEGER, offsetof (ReplaceSettings, n_threads), 0, 1024 },
  { "memory_limit", OPTION_INTEGER, offsetof (ReplaceSettings, memory_limit), 0, G_MAXINT },
};

static const char *const bases[] = { "default", "prior", "moa" };

ReplaceSettings *
replace_settings_new (void)
{
  ReplaceSettings *settings = g_new0 (ReplaceSettings, 1);

  moa_replace_params_init (&settings->params);
  settings->prompt = g_strdup ("");
  settings->model = g_strdup ("");
  return settings;
}

ReplaceSettings *
replace_settings_copy (const ReplaceSettings *settings)
{
  ReplaceSettings *copy = g_memdup2 (settings, sizeof *settings);

  copy->prompt = g_strdup (settings->prompt);
  copy->model = g_strdup (settings->model);
  return copy;
}

void
replace_settings_free (ReplaceSettings *settings)
{
  if (settings)
    {
      g_free (settings->prompt);
      g_free (settings->model);
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

static gboolean
fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error)
    *error = g_error_new_valist (MOA_ERROR, MOA_ERROR_ARGUMENT, format, args);
  va_end (args);
  return FALSE;
}

/* ---- Reading ------------------------------------------------------------- */

static gboolean
number_from_json (const Option *option, const json_t *value, double *number, GError **error)
{
  gboolean integer = option->kind != OPTION_NUMBER;

  if (integer ? !json_is_integer (value) : !json_is_number (value))
    return fail (error, "options: \"%s\" must be %s number", option->key,
                 integer ? "a whole" : "a");
  *number = json_number_value (value);
  if (!(*number >= option->lower && *number <= option->upper))
    return fail (error, "options: \"%s\" is %g; it may be %g to %g%s", option->key, *number,
                 MAX (option->lower, 0), option->upper,
                 option->lower < 0 ? ", or -1 for the model's own" : "");
  return TRUE;
}

static gboolean
order_from_json (const Option *option, ReplaceSettings *settings, const json_t *value,
                 GError **error)
{
  if (!json_is_array (value) || json_array_size (value) > MOA_MAX_SUBJECTS)
    return fail (error, "options: \"order\" must be a list with one whole number for each subject,"
                 " at most %d; [1, 0] gives the first subject the second person from the left",
                 MOA_MAX_SUBJECTS);
  settings->n_order = json_array_size (value);
  for (int k = 0; k < settings->n_order; k++)
    {
      double person;

      if (!number_from_json (option, json_array_get (value, k), &person, error))
        return FALSE;
      settings->order[k] = person;
    }
  return TRUE;
}

static gboolean
option_from_json (const Option *option, ReplaceSettings *settings, const json_t *value,
                  GError **error)
{
  void *field = (char *) settings + option->offset;
  double number;

  switch (option->kind)
    {
    case OPTION_BOOLEAN:
      if (!json_is_boolean (value))
        return fail (error, "options: \"%s\" must be true or false", option->key);
      *(gboolean *) field = json_is_true (value);
      return TRUE;

    case OPTION_INTEGER:
      if (!number_from_json (option, value, &number, error))
        return FALSE;
      *(int *) field = number;
      return TRUE;

    case OPTION_NUMBER:
      return number_from_json (option, value, field, error);

    case OPTION_BASE:
      for (guint i = 0; i < G_N_ELEMENTS (bases); i++)
        if (json_is_string (value) && !strcmp (json_string_value (value), bases[i]))
          {
            *(MoaGuidanceBase *) field = i;
            return TRUE;
          }
      return fail (error, "options: \"base\" must be \"default\", \"prior\" or \"moa\"");

    case OPTION_ORDER:
      return order_from_json (option, settings, value, error);
    }
  g_return_val_if_reached (FALSE);
}

static gboolean
options_from_json (ReplaceSettings *settings, json_t *object, GError **error)
{
  const char *key;
  json_t *value;

  json_object_foreach (object, key, value)
    {
      const Option *option = NULL;

      for (guint i = 0; i < G_N_ELEMENTS (options) && !option; i++)
        if (!strcmp (options[i].key, key))
          option = &options[i];
      if (!option)
        {
          g_autoptr (GString) known = g_string_new (NULL);

          for (guint i = 0; i < G_N_ELEMENTS (options); i++)
            g_string_append_printf (known, "%s%s", i ? ", " : "", options[i].key);
          return fail (error, "options: there is no \"%s\"; there are %s", key, known->str);
        }
      if (!option_from_json (option, settings, value, error))
        return FALSE;
    }
  return TRUE;
}

static json_t *
parse_object (const char *what, const char *json, GError **error)
{
  json_error_t where;
  json_t *object = json_loads (json, JSON_REJECT_DUPLICATES, &where);

  if (!object)
    fail (error, "%s: not JSON, %s (at character %d); \"{}\" sets none", what, where.text,
          where.position);
  else if (!json_is_object (object))
    {
      fail (error, "%s: must be a JSON object like {\"freedom\": 0.5}", what);
      g_clear_pointer (&object, json_decref);
    }
  return object;
}

gboolean
replace_settings_set_options (ReplaceSettings *settings, const char *json, GError **error)
{
  if (!json || !*json)
    return TRUE;

  json_t *object = parse_object ("options", json, error);
  gboolean success = object && options_from_json (settings, object, error);

  json_decref (object);
  return success;
}

ReplaceSettings *
replace_settings_from_json (const char *json, GError **error)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  json_t *object = parse_object ("settings", json, error);

  if (!object)
    return NULL;

  const char *prompt = json_string_value (json_object_get (object, "prompt"));
  const char *model = json_string_value (json_object_get (object, "model"));
  json_t *guidance = json_object_get (object, "guidance");
  json_t *chosen = json_object_get (object, "options");

  replace_settings_set_string (&settings->prompt, prompt);
  replace_settings_set_string (&settings->model, model);
  if (guidance)
    settings->params.guidance = json_number_value (guidance);
  settings->params.steps = json_integer_value (json_object_get (object, "steps"));
  settings->params.seed = json_integer_value (json_object_get (object, "seed"));

  gboolean success = !chosen || options_from_json (settings, chosen, error);

  json_decref (object);
  return success ? g_steal_pointer (&settings) : NULL;
}

/* ---- Writing ------------------------------------------------------------- */

static json_t *
option_to_json (const Option *option, const ReplaceSettings *settings)
{
  const void *field = (const char *) settings + option->offset;

  switch (option->kind)
    {
    case OPTION_BOOLEAN:
      return json_boolean (*(const gboolean *) field);
    case OPTION_INTEGER:
      return *(const int *) field < 0 ? NULL : json_integer (*(const int *) field);
    case OPTION_NUMBER:
      return *(const double *) field < 0 ? NULL : json_real (*(const double *) field);
    case OPTION_BASE:
      return json_string (bases[*(const MoaGuidanceBase *) field]);
    case OPTION_ORDER:
      if (!settings->n_order)
        return NULL;
      json_t *order = json_array ();
      for (int k = 0; k < settings->n_order; k++)
        json_array_append_new (order, json_integer (settings->order[k]));
      return order;
    }
  g_return_val_if_reached (NULL);
}

char *
replace_settings_to_json (const ReplaceSettings *settings)
{
  json_t *object = json_object ();
  json_t *chosen = json_object ();

  json_object_set_new (object, "prompt", json_string (settings->prompt));
  json_object_set_new (object, "model", json_string (settings->model));
  json_object_set_new (object, "seed", json_integer (settings->params.seed));
  if (settings->params.steps > 0)
    json_object_set_new (object, "steps", json_integer (settings->params.steps));
  if (settings->params.guidance >= 0)
    json_object_set_new (object, "guidance", json_real (settings->params.guidance));
  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      json_t *value = option_to_json (&options[i], settings);

      if (value)
        json_object_set_new (chosen, options[i].key, value);
    }
  json_object_set_new (object, "options", chosen);

  char *text = json_dumps (object, JSON_REAL_PRECISION (9));
  char *json = g_strdup (text);

  free (text);
  json_decref (object);
  return json;
}

/* ---- The model ----------------------------------------------------------- */

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
