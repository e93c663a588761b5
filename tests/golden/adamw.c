/* Golden tests of AdamW: the parameters after each of a few steps, and the moments after the last. */
#include <string.h>

#include "golden.h"
#include "train/adamw.h"

static double
option (json_t *set, const char *key, double otherwise)
{
  json_t *value = json_object_get (set, key);
  return value ? json_number_value (value) : otherwise;
}

/* Fewest dimensions of 1 as batch, pixels, channels. */
static void
check (Fixture *f, const char *name, const float *values)
{
  MoaShape shape = fixture_shape (f, name);
  gint64 n = moa_shape_count (&shape), c = shape.dim[shape.rank - 1];
  gint64 b = shape.rank > 1 ? shape.dim[0] : 1;
  fixture_check (f, name, values, b, n / (b * c), c);
}

/* One parameter through all steps of a set. */
static void
run_param (Fixture *f, const char *set, MoaAdamW adamw, const char *param)
{
  g_autofree char *input = g_strconcat ("param.", param, NULL);
  MoaShape shape = fixture_shape (f, input);
  gsize n = moa_shape_count (&shape);
  g_autofree float *value = fixture_read (f, input);
  g_autofree float *m = g_new0 (float, n), *v = g_new0 (float, n);
  for (int i = 0;; i++)
    {
      g_autofree char *gradient = g_strdup_printf ("grad.%d.%s", i, param);
      g_autofree char *output = g_strdup_printf ("%s.step%d.%s", set, i, param);
      if (!fixture_has (f, gradient))
        break;
      g_autofree float *g = fixture_read (f, gradient);
      adamw.step = i + 1;
      moa_adamw (&adamw, value, g, m, v, n);
      check (f, output, value);
    }
  g_autofree char *m_name = g_strdup_printf ("%s.m.%s", set, param);
  g_autofree char *v_name = g_strdup_printf ("%s.v.%s", set, param);
  check (f, m_name, m);
  check (f, v_name, v);
}

gboolean
golden_adamw (const Golden *golden, Fixture *f, GError **error)
{
  static const char *const params[] = { "matrix", "vector", "kernel" };
  json_t *sets = json_object_get (json_object_get (f->entry, "meta"), "sets"), *set;
  const char *name;
  json_object_foreach (sets, name, set)
    {
      json_t *betas = json_object_get (set, "betas");
      MoaAdamW adamw = {
        .lr = option (set, "lr", 1e-3),
        .beta1 = betas ? json_number_value (json_array_get (betas, 0)) : 0.9,
        .beta2 = betas ? json_number_value (json_array_get (betas, 1)) : 0.999,
        .eps = option (set, "eps", 1e-8),
        .decay = option (set, "weight_decay", 1e-2),
        .gradient_scale = 1,
      };
      for (guint i = 0; i < G_N_ELEMENTS (params); i++)
        run_param (f, name, adamw, params[i]);
    }
  return TRUE;
}
