/* Reading configuration values: see values.h. */
#include "io/values.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static json_t *
get (const MoaValues *values, const char *key)
{
  return json_object_get (values->json, key);
}

/* The value as short plain text. */
static char *
show (const json_t *value)
{
  char *text = json_dumps (value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);
  gboolean is_long = text && strlen (text) > 60;
  char *shown = g_strdup_printf ("%.60s%s", text ? text : "?", is_long ? "..." : "");
  free (text);
  return shown;
}

gboolean
moa_values_fail (const MoaValues *values, const char *key, const char *expected)
{
  json_t *value = get (values, key);
  if (!value)
    return moa_fail (values->error, MOA_ERROR_MODEL, "%s: \"%s%s\" is missing; it should be %s",
                     values->path, values->prefix, key, expected);
  g_autofree char *shown = show (value);
  return moa_fail (values->error, MOA_ERROR_MODEL, "%s: \"%s%s\" is %s; it should be %s",
                   values->path, values->prefix, key, shown, expected);
}

gboolean
moa_values_has (const MoaValues *values, const char *key)
{
  json_t *value = get (values, key);
  return value && !json_is_null (value);
}

static gboolean
fail_range (const MoaValues *values, const char *key, int n, const char *what, double low,
            double high)
{
  g_autofree char *count = n > 1 ? g_strdup_printf ("an array of %d numbers,", n) : g_strdup (what);
  g_autofree char *expected = low == high
    ? g_strdup_printf ("%.9g", low) : g_strdup_printf ("%s from %.9g to %.9g", count, low, high);
  return moa_values_fail (values, key, expected);
}

static gboolean
int_in (const json_t *value, int low, int high, int *out)
{
  json_int_t i = json_integer_value (value);
  if (!json_is_integer (value) || i < low || i > high)
    return FALSE;
  *out = (int) i;
  return TRUE;
}

static gboolean
double_in (const json_t *value, double low, double high, double *out)
{
  double d = json_number_value (value);
  if (!json_is_number (value) || !(d >= low && d <= high))
    return FALSE;
  *out = d;
  return TRUE;
}

gboolean
moa_values_int (const MoaValues *values, const char *key, int low, int high, int *out)
{
  return int_in (get (values, key), low, high, out)
         || fail_range (values, key, 1, "a whole number", low, high);
}

gboolean
moa_values_double (const MoaValues *values, const char *key, double low, double high, double *out)
{
  return double_in (get (values, key), low, high, out)
         || fail_range (values, key, 1, "a number", low, high);
}

gboolean
moa_values_ints (const MoaValues *values, const char *key, int n, int low, int high, int *out)
{
  json_t *array = get (values, key);
  gboolean ok = (int) json_array_size (array) == n;
  for (int i = 0; ok && i < n; i++)
    ok = int_in (json_array_get (array, i), low, high, &out[i]);
  return ok || fail_range (values, key, n, "an array of one number,", low, high);
}

gboolean
moa_values_doubles (const MoaValues *values, const char *key, int n, double low, double high,
                    double *out)
{
  json_t *array = get (values, key);
  gboolean ok = (int) json_array_size (array) == n;
  for (int i = 0; ok && i < n; i++)
    ok = double_in (json_array_get (array, i), low, high, &out[i]);
  return ok || fail_range (values, key, n, "an array of one number,", low, high);
}

gboolean
moa_values_choice (const MoaValues *values, const char *key, int n, const char *const *names,
                   int *out)
{
  const char *value = json_string_value (get (values, key));
  for (int i = 0; value && i < n; i++)
    if (strcmp (value, names[i]) == 0)
      {
        *out = i;
        return TRUE;
      }
  GString *expected = g_string_new (NULL);
  for (int i = 0; i < n; i++)
    g_string_append_printf (expected, "%s\"%s\"", i ? " or " : "", names[i]);
  moa_values_fail (values, key, expected->str);
  g_string_free (expected, TRUE);
  return FALSE;
}

gboolean
moa_values_kinds (const MoaValues *values, const char *key, int n, const char *yes, const char *no,
                  gboolean *out)
{
  json_t *array = get (values, key);
  gboolean ok = (int) json_array_size (array) == n;
  for (int i = 0; ok && i < n; i++)
    {
      const char *kind = json_string_value (json_array_get (array, i));
      out[i] = g_strcmp0 (kind, yes) == 0;
      ok = out[i] || g_strcmp0 (kind, no) == 0;
    }
  if (ok)
    return TRUE;
  g_autofree char *expected = strcmp (yes, no) == 0
    ? g_strdup_printf ("an array of %d times \"%s\"", n, yes)
    : g_strdup_printf ("an array of %d, each \"%s\" or \"%s\"", n, yes, no);
  return moa_values_fail (values, key, expected);
}

gboolean
moa_values_optional_int (const MoaValues *values, const char *key, int low, int high, int *out)
{
  return !moa_values_has (values, key) || moa_values_int (values, key, low, high, out);
}

gboolean
moa_values_optional_double (const MoaValues *values, const char *key, double low, double high,
                            double *out)
{
  return !moa_values_has (values, key) || moa_values_double (values, key, low, high, out);
}

gboolean
moa_values_optional_flag (const MoaValues *values, const char *key, gboolean *out)
{
  if (!moa_values_has (values, key))
    return TRUE;
  if (!json_is_boolean (get (values, key)))
    return moa_values_fail (values, key, "true or false");
  *out = json_is_true (get (values, key));
  return TRUE;
}

static gboolean
same_value (const json_t *a, const json_t *b)
{
  gboolean a_off = json_is_null (a) || json_is_false (a);
  gboolean b_off = json_is_null (b) || json_is_false (b);
  if (a_off || b_off)
    return a_off && b_off;
  if (json_is_number (a) && json_is_number (b))
    return json_number_value (a) == json_number_value (b);
  return json_equal (a, b);
}

gboolean
moa_values_fixed (const MoaValues *values, const MoaFixedValue *fixed, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      json_t *value = get (values, fixed[i].key);
      json_t *wanted = json_loads (fixed[i].json, JSON_DECODE_ANY, NULL);
      gboolean same = !value || same_value (value, wanted);
      json_decref (wanted);
      if (same)
        continue;
      g_autofree char *expected
        = g_strdup_printf ("%s%s%s%s; this program can do nothing else", fixed[i].json,
                           fixed[i].kind ? " (other values belong to " : "",
                           fixed[i].kind ? fixed[i].kind : "", fixed[i].kind ? ")" : "");
      return moa_values_fail (values, fixed[i].key, expected);
    }
  return TRUE;
}

gboolean
moa_values_known (const MoaValues *values, int n, const char *const *names)
{
  const char *key;
  json_t *value;
  json_object_foreach (values->json, key, value)
    {
      gboolean known = key[0] == '_';
      for (int i = 0; i < n; i++)
        known = known || strcmp (key, names[i]) == 0;
      if (!known)
        {
          g_autofree char *shown = g_strescape (key, NULL);
          return moa_fail (values->error, MOA_ERROR_MODEL, "%s: \"%s%.60s\" is not a key that this "
                           "program knows", values->path, values->prefix, shown);
        }
    }
  return TRUE;
}
