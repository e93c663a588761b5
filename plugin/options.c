/* Settings of the engine's jobs as JSON: see options.h. */
#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const bases[] = { "default", "prior", "moa" };

gboolean
options_fail (GError **error, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  if (error)
    *error = g_error_new_valist (MOA_ERROR, MOA_ERROR_ARGUMENT, format, args);
  va_end (args);
  return FALSE;
}

json_t *
options_parse (const char *what, const char *json, GError **error)
{
  json_error_t where;
  json_t *object = json_loads (json, JSON_REJECT_DUPLICATES, &where);

  if (!object)
    options_fail (error, "%s: not JSON, %s (at character %d); \"{}\" sets none", what, where.text,
                  where.position);
  else if (!json_is_object (object))
    {
      options_fail (error, "%s: must be a JSON object like {\"freedom\": 0.5}", what);
      g_clear_pointer (&object, json_decref);
    }
  return object;
}

char *
options_print (json_t *object)
{
  char *text = json_dumps (object, JSON_REAL_PRECISION (9) | JSON_INDENT (1));
  char *json = g_strdup (text);

  free (text);
  json_decref (object);
  return json;
}

json_t *
options_text (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  return json_string (valid);
}

/* ---- Reading ------------------------------------------------------------- */

static gboolean
base_from_json (const char *key, const json_t *value, double *number, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (bases); i++)
    if (json_is_string (value) && !strcmp (json_string_value (value), bases[i]))
      {
        *number = i;
        return TRUE;
      }
  return options_fail (error, "options: \"%s\" must be \"default\", \"prior\" or \"moa\"", key);
}

static gboolean
value_from_json (const MoaSetting *setting, const json_t *value, double *number, GError **error)
{
  const char *key = setting->name;

  switch (setting->kind)
    {
    case MOA_SETTING_BOOLEAN:
      *number = json_is_true (value);
      return json_is_boolean (value)
             || options_fail (error, "options: \"%s\" must be true or false", key);
    case MOA_SETTING_INTEGER:
    case MOA_SETTING_SEED:
      *number = json_integer_value (value);
      return json_is_integer (value)
             || options_fail (error, "options: \"%s\" must be a whole number", key);
    case MOA_SETTING_NUMBER:
      *number = json_number_value (value);
      return json_is_number (value)
             || options_fail (error, "options: \"%s\" must be a number", key);
    case MOA_SETTING_BASE:
      return base_from_json (key, value, number, error);
    }
  g_return_val_if_reached (FALSE);
}

gboolean
options_set (const MoaSetting *settings, int n, gpointer params, const char *key,
             const json_t *value, GError **error)
{
  const MoaSetting *setting = moa_setting_find (settings, n, key);
  double number = 0;

  if (!setting || !value_from_json (setting, value, &number, error))
    return FALSE;
  if (!moa_setting_set (setting, params, number, error))
    {
      g_prefix_error (error, "options: ");
      return FALSE;
    }
  return TRUE;
}

/* ---- Writing ------------------------------------------------------------- */

json_t *
options_get (const MoaSetting *setting, gconstpointer params)
{
  double value = moa_setting_get (setting, params);

  if (setting->left_to_model && value == setting->fallback && setting->kind != MOA_SETTING_BASE)
    return NULL;
  switch (setting->kind)
    {
    case MOA_SETTING_BOOLEAN:
      return json_boolean (value != 0);
    case MOA_SETTING_INTEGER:
    case MOA_SETTING_SEED:
      return json_integer (value);
    case MOA_SETTING_NUMBER:
      return json_real (value);
    case MOA_SETTING_BASE:
      return json_string (bases[(int) value]);
    }
  g_return_val_if_reached (NULL);
}

void
options_put (json_t *object, const MoaSetting *settings, int n, gconstpointer params)
{
  for (int i = 0; i < n; i++)
    {
      json_t *value = options_get (&settings[i], params);

      if (value)
        json_object_set_new (object, settings[i].name, value);
    }
}
