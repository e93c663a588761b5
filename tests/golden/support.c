/* Weights, graphs and activations for the golden tests; see golden.h. */
#include "golden.h"

#include <string.h>

char *
golden_path (const Golden *golden, const char *folder, const char *name)
{
  return g_build_filename (golden->model, folder, name, NULL);
}

MoaParams *
golden_params (const Golden *golden, const char *folder, GError **error)
{
  static const char *const names[] = { "model.safetensors", "diffusion_pytorch_model.safetensors",
                                       "moa.safetensors" };
  g_autofree char *path = NULL;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_free (path);
      path = golden_path (golden, folder, names[i]);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        break;
    }
  MoaWeights *weights = moa_weights_open (path, folder, error);
  if (!weights)
    return NULL;
  MoaDevice *device = moa_cpu_device (golden->cpu);
  MoaParams *params = device == moa_device_host ()
                        ? moa_params_new (weights, moa_cpu_isa (golden->cpu))
                        : moa_params_new_on (weights, device);
  moa_weights_unref (weights);
  return params;
}

gboolean
golden_prepare (const Golden *golden, MoaGraph *graph, MoaParams *params, MoaParams *others,
                GError **error)
{
  return moa_graph_plan (graph, error) && moa_params_load (params, 0, NULL, error) &&
         (!others || moa_params_load (others, 0, NULL, error)) &&
         moa_graph_prepare (graph, golden->workspace, error);
}

MoaTensor *
golden_input (MoaGraph *graph, const Fixture *f, const char *name)
{
  return moa_graph_input (graph, name, fixture_shape (f, name), MOA_EACH_RUN);
}

void
golden_set (MoaTensor *input, const Fixture *f, const char *name)
{
  g_autofree float *values = fixture_read (f, name);
  moa_graph_set (input, values);
}

float *
golden_get (const MoaTensor *t)
{
  float *values = g_new (float, moa_shape_count (&t->shape));
  moa_graph_get (t, values);
  return values;
}

void
golden_check (Fixture *f, const char *name, const MoaTensor *t)
{
  g_autofree float *values = golden_get (t);
  gint64 b = t->shape.dim[0], c = t->shape.dim[t->shape.rank - 1];
  fixture_check (f, name, values, b, moa_shape_count (&t->shape) / (b * c), c);
}

/* ---- Activations ----------------------------------------------------- */

/* An output of the fixture is t, or t - minus, or t where the fixture has it before SiLU. */
typedef struct {
  char *output;
  MoaTensor *t, *minus;
  gboolean silu;
} Item;

struct _Watch {
  Fixture *fixture;
  GArray *items;
};

static void
item_clear (gpointer data)
{
  g_free (((Item *) data)->output);
}

/* The engine adds the residual in the attention's and MLP's last layer; diffusers' modules end
 * before: module = the hidden state behind it - the one in front. */
static gboolean
find_module (MoaGraph *graph, const char *module, Item *item)
{
  static const struct { const char *end, *after, *before; gboolean silu; } special[] = {
    { ".attn1", ".hidden.1", ".hidden.0", FALSE },
    { ".attn2", ".hidden.2", ".hidden.1", FALSE },
    { ".ff", "", ".hidden.2", FALSE },
    { "conv_norm_out", "conv_act", NULL, TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (special); i++)
    if (g_str_has_suffix (module, special[i].end))
      {
        g_autofree char *stem = g_strndup (module, strlen (module) - strlen (special[i].end));
        g_autofree char *after = g_strconcat (stem, special[i].after, NULL);
        item->t = moa_graph_find (graph, after);
        item->silu = special[i].silu;
        if (!special[i].before)
          return item->t != NULL;
        g_autofree char *before = g_strconcat (stem, special[i].before, NULL);
        item->minus = moa_graph_find (graph, before);
        return item->t && item->minus;
      }
  item->t = moa_graph_find (graph, module);
  return item->t != NULL;
}

Watch *
watch_new (Fixture *f, MoaGraph *graph, const char *prefix)
{
  Watch *watch = g_new0 (Watch, 1);
  watch->fixture = f;
  watch->items = g_array_new (FALSE, TRUE, sizeof (Item));
  g_array_set_clear_func (watch->items, item_clear);
  g_auto (GStrv) outputs = fixture_outputs (f, prefix);
  for (int i = 0; outputs[i]; i++)
    {
      Item item = { NULL };
      if (!find_module (graph, outputs[i] + strlen (prefix), &item))
        continue; /* reported as not compared */
      item.output = g_strdup (outputs[i]);
      moa_graph_output (item.t);
      moa_graph_output (item.minus);
      g_array_append_val (watch->items, item);
    }
  return watch;
}

void
watch_check (const Watch *watch)
{
  for (guint i = 0; i < watch->items->len; i++)
    {
      const Item *item = &g_array_index (watch->items, Item, i);
      const MoaShape *shape = &item->t->shape;
      gint64 n = moa_shape_count (shape), b = shape->dim[0], c = shape->dim[shape->rank - 1];
      g_autofree float *values = golden_get (item->t);
      g_autofree float *minus = item->minus ? golden_get (item->minus) : NULL;
      for (gint64 k = 0; minus && k < n; k++)
        values[k] -= minus[k];
      (item->silu ? fixture_check_silu : fixture_check) (watch->fixture, item->output, values, b,
                                                         n / (b * c), c);
    }
}

void
watch_free (Watch *watch)
{
  g_array_unref (watch->items);
  g_free (watch);
}
