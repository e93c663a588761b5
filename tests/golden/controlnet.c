/* Golden tests of ControlNet: its residuals (down.N, mid) and what the U-Net makes with them
 * (eps.SCALE). */
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "nets/controlnet.h"

enum { RESIDUALS = 13 };

static gboolean
residuals (const Golden *golden, Fixture *f, float *values[RESIDUALS], MoaShape shape[RESIDUALS],
           GError **error)
{
  MoaControlConfig config;
  g_autofree char *path = golden_path (golden, "controlnet", "config.json");
  if (!moa_control_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, "controlnet", error);
  if (!params)
    return FALSE;
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaUnetArgs args = { golden_input (graph, f, "sample"), golden_input (graph, f, "t"),
                       golden_input (graph, f, "encoder_hidden_states"), NULL };
  MoaTensor *hint = golden_input (graph, f, "cond"), *residual[RESIDUALS];
  g_assert (moa_unet_skips (&config.unet) + 1 == RESIDUALS);
  moa_controlnet (graph, &config, params, &args, hint, residual);
  for (int i = 0; i < RESIDUALS && residual[i]; i++)
    moa_graph_output (residual[i]);
  MoaTensor *embedding = moa_graph_find (graph, "cond_embedding");
  if (embedding)
    moa_graph_output (embedding);
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  golden_set (args.sample, f, "sample");
  golden_set (args.t, f, "t");
  golden_set (args.text, f, "encoder_hidden_states");
  golden_set (hint, f, "cond");
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  golden_check (f, "cond_embedding", embedding);
  for (int i = 0; i < RESIDUALS; i++)
    {
      g_autofree char *name = i + 1 < RESIDUALS ? g_strdup_printf ("down.%d", i)
                                                : g_strdup ("mid");
      golden_check (f, name, residual[i]);
      values[i] = golden_get (residual[i]);
      shape[i] = residual[i]->shape;
    }
  return TRUE;
}

static gboolean
check_eps (const Golden *golden, Fixture *f, float *values[RESIDUALS], MoaShape shape[RESIDUALS],
           GError **error)
{
  MoaUnetConfig config;
  g_autofree char *path = golden_path (golden, "unet", "config.json");
  if (!moa_unet_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, "unet", error);
  if (!params)
    return FALSE;
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *control[RESIDUALS];
  for (int i = 0; i < RESIDUALS; i++)
    control[i] = moa_graph_input (graph, "control", shape[i], MOA_EACH_RUN);
  MoaUnetArgs args = { golden_input (graph, f, "sample"), golden_input (graph, f, "t"),
                       golden_input (graph, f, "encoder_hidden_states"), NULL, control };
  MoaTensor *eps = moa_unet (graph, &config, params, &args);
  moa_graph_output (eps);
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  g_auto (GStrv) outputs = fixture_outputs (f, "eps.");
  for (char **output = outputs; *output; output++)
    {
      float scale = g_ascii_strtod (*output + strlen ("eps."), NULL);
      golden_set (args.sample, f, "sample");
      golden_set (args.t, f, "t");
      golden_set (args.text, f, "encoder_hidden_states");
      for (int i = 0; i < RESIDUALS; i++)
        {
          gint64 n = moa_shape_count (&shape[i]);
          g_autofree float *scaled = g_new (float, n);
          for (gint64 k = 0; k < n; k++)
            scaled[k] = scale * values[i][k];
          moa_graph_set (control[i], scaled);
        }
      if (!moa_graph_run (graph, NULL, error))
        return FALSE;
      golden_check (f, *output, eps);
    }
  return TRUE;
}

gboolean
golden_controlnet (const Golden *golden, Fixture *f, GError **error)
{
  float *values[RESIDUALS] = { NULL };
  MoaShape shape[RESIDUALS];
  gboolean ok = residuals (golden, f, values, shape, error) &&
                check_eps (golden, f, values, shape, error);
  for (int i = 0; i < RESIDUALS; i++)
    g_free (values[i]);
  return ok;
}
