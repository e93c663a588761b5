/* Golden tests of the U-Net without MoA. */
#include <stdlib.h>
#include <string.h>

#include "golden.h"

/* The timestep at which activations were taken: the note says "at t=501". */
static int
watched_timestep (const Fixture *f, int first)
{
  const char *note = json_string_value (json_object_get (f->entry, "note"));
  const char *at = note ? strstr (note, "t=") : NULL;
  return at ? atoi (at + 2) : first;
}

/* timesteps [runs, B] with eps.0, eps.1 ..., or t [B] with eps. */
gboolean
golden_unet (const Golden *golden, Fixture *f, GError **error)
{
  MoaUnetConfig config;
  g_autofree char *path = golden_path (golden, "unet", "config.json");
  if (!moa_unet_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, "unet", error);
  if (!params)
    return FALSE;
  gboolean many = fixture_has (f, "timesteps");
  g_autofree float *times = fixture_read (f, many ? "timesteps" : "t");
  MoaShape shape = fixture_shape (f, many ? "timesteps" : "t");
  gint64 runs = many ? shape.dim[0] : 1, batch = moa_shape_count (&shape) / runs;

  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *t = moa_graph_input (graph, "t", MOA_SHAPE (batch), MOA_EACH_RUN);
  MoaTensor *text = moa_graph_input (graph, "text", fixture_shape (f, "encoder_hidden_states"),
                                     MOA_HELD);
  MoaUnetArgs args = { golden_input (graph, f, "sample"), t, text, NULL };
  MoaTensor *eps = moa_unet (graph, &config, params, &args);
  moa_graph_output (eps);
  g_autoptr (Watch) watch = watch_new (f, graph, "act.");
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  golden_set (text, f, "encoder_hidden_states");
  for (gint64 i = 0; i < runs; i++)
    {
      golden_set (args.sample, f, "sample");
      moa_graph_set (t, times + i * batch);
      if (!moa_graph_run (graph, NULL, error))
        return FALSE;
      g_autofree char *name = many ? g_strdup_printf ("eps.%d", (int) i) : g_strdup ("eps");
      golden_check (f, name, eps);
      if (times[i * batch] == watched_timestep (f, times[0]))
        watch_check (watch);
    }
  return TRUE;
}
