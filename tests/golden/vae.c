/* Golden tests of the autoencoder. */
#include <math.h>

#include "golden.h"
#include "nets/vae.h"

/* mean, logvar and sample from the moments: mean first, then logvar. */
static void
check_moments (Fixture *f, const MoaVaeConfig *config, const MoaTensor *moments)
{
  gint64 c = config->latent_channels, b = moments->shape.dim[0];
  gint64 l = moments->shape.dim[1] * moments->shape.dim[2], n = b * l * c;
  g_autofree float *both = golden_get (moments);
  g_autofree float *mean = g_new (float, n), *logvar = g_new (float, n), *sample = g_new (float, n);
  gboolean noisy = fixture_has (f, "noise");
  g_autofree float *noise = noisy ? fixture_read (f, "noise") : g_new0 (float, n);
  for (gint64 i = 0; i < n; i++)
    {
      const float *pixel = both + i / c * 2 * c;
      mean[i] = pixel[i % c];
      logvar[i] = CLAMP (pixel[c + i % c], -30.0f, 20.0f);
      sample[i] = config->scaling_factor *
                  (mean[i] + expf (0.5f * logvar[i]) * noise[i] - config->shift_factor);
    }
  fixture_check (f, "mean", mean, b, l, c);
  fixture_check (f, "logvar", logvar, b, l, c);
  if (fixture_has (f, "sample"))
    fixture_check (f, "sample", sample, b, l, c);
}

static gboolean
encode (const Golden *golden, Fixture *f, const MoaVaeConfig *config, MoaParams *params,
        GError **error)
{
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *image = golden_input (graph, f, "image");
  MoaTensor *moments = moa_vae_encode (graph, config, params, image);
  moa_graph_output (moments);
  g_autoptr (Watch) watch = watch_new (f, graph, "");
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  golden_set (image, f, "image");
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  watch_check (watch);
  check_moments (f, config, moments);
  return TRUE;
}

static gboolean
decode (const Golden *golden, Fixture *f, const MoaVaeConfig *config, MoaParams *params,
        GError **error)
{
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *z = golden_input (graph, f, "z");
  MoaTensor *image = moa_vae_decode (graph, config, params, z);
  moa_graph_output (image);
  g_autoptr (Watch) watch = watch_new (f, graph, "");
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  g_autofree float *latent = fixture_read (f, "z");
  for (gint64 i = 0; i < moa_shape_count (&z->shape); i++)
    latent[i] = latent[i] / config->scaling_factor + config->shift_factor;
  moa_graph_set (z, latent);
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  watch_check (watch);
  golden_check (f, "image_out", image);
  return TRUE;
}

static gboolean
run (const Golden *golden, Fixture *f, const char *folder, GError **error)
{
  MoaVaeConfig config;
  g_autofree char *path = golden_path (golden, folder, "config.json");
  if (!moa_vae_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, folder, error);
  return params && encode (golden, f, &config, params, error) &&
         decode (golden, f, &config, params, error);
}

gboolean
golden_vae (const Golden *golden, Fixture *f, GError **error)
{
  return run (golden, f, "vae", error);
}

gboolean
golden_vae_old_names (const Golden *golden, Fixture *f, GError **error)
{
  return run (golden, f, "vae-old-names", error);
}
