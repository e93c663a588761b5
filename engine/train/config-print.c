/* The configuration of a training in words: its values, and what changed. */
#include "train/config.h"

#include <stdlib.h>
#include <string.h>

/* Keys that nothing looks at once a training has begun. */
static const char *const start_only[] = { "model", "fresh", NULL };

static char *
value_text (json_t *value)
{
  char *text = json_dumps (value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION (9));
  char *copy = g_strdup (text);
  free (text);
  return copy;
}

/* " KEY VALUE, KEY VALUE" of what is no section. */
static void
append_values (GString *line, json_t *object)
{
  const char *key;
  json_t *value;
  json_object_foreach (object, key, value)
    {
      g_autofree char *text = value_text (value);
      if (!json_is_object (value) && key[0] != '_')
        g_string_append_printf (line, "%s %s %s", line->len > 0 && line->str[line->len - 1] != ':'
                                                      ? "," : "", key, text);
    }
}

static gboolean
is_other_stage (const MoaTrainConfig *config, const char *section)
{
  for (int i = 0; i < MOA_N_STAGES; i++)
    if (i != (int) config->stage && !strcmp (section, moa_stage_name (i)))
      return TRUE;
  return FALSE;
}

char **
moa_train_config_lines (const MoaTrainConfig *config)
{
  GPtrArray *lines = g_ptr_array_new ();
  GString *top = g_string_new ("configuration:");
  append_values (top, config->json);
  g_ptr_array_add (lines, g_string_free (top, FALSE));
  const char *key;
  json_t *section;
  json_object_foreach (config->json, key, section)
    {
      if (!json_is_object (section) || is_other_stage (config, key))
        continue;
      GString *line = g_string_new (NULL);
      g_string_append_printf (line, "  %s:", key);
      append_values (line, section);
      g_ptr_array_add (lines, g_string_free (line, FALSE));
    }
  g_ptr_array_add (lines, NULL);
  return (char **) g_ptr_array_free (lines, FALSE);
}

/* ---- Changes ---------------------------------------------------------- */

/* 1 and 1.0 are the same. */
static gboolean
same (const json_t *a, const json_t *b)
{
  if (json_is_number (a) && json_is_number (b))
    return json_number_value (a) == json_number_value (b);
  return json_equal (a, b);
}

static void
add_changes (GPtrArray *list, const MoaTrainConfig *config, const char *prefix, json_t *now,
             json_t *before)
{
  const char *key;
  json_t *value;
  json_object_foreach (now, key, value)
    {
      json_t *old = json_object_get (before, key);
      g_autofree char *name = g_strconcat (prefix, key, NULL);
      if (json_is_object (value) && !is_other_stage (config, name))
        {
          g_autofree char *inner = g_strconcat (name, ".", NULL);
          add_changes (list, config, inner, value, old);
        }
      else if (!json_is_object (value) && key[0] != '_' && !same (value, old) && !g_strv_contains (start_only, name))
        {
          g_autofree char *text = value_text (value), *was = old ? value_text (old) : NULL;
          g_ptr_array_add (list, g_strdup_printf ("%s is %s, was %s", name, text,
                                                  was ? was : "not known"));
        }
    }
}

char **
moa_train_config_changes (const MoaTrainConfig *config, json_t *before)
{
  MoaTrainConfig whole;
  gboolean known = moa_train_config_parse (before, "", &whole, NULL);
  GPtrArray *list = g_ptr_array_new ();
  add_changes (list, config, "", config->json, known ? whole.json : before);
  if (known)
    moa_train_config_clear (&whole);
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (list, FALSE);
}
