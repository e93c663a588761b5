/* Latents: see latents.h.  They are made one by one, so that a picture's does
 * not depend on its neighbours, and are of 16 bits whether kept or new. */
#include "train/latents.h"

#include "base/error.h"
#include "base/half.h"
#include "nets/vae.h"

#include "sample/ddim.h"

#include <math.h>
#include <string.h>

gboolean
moa_latents_build (MoaLatents *l, MoaTrainer *t, guint64 keep, GError **error)
{
  const MoaVaeConfig *config = &t->parts.vae;
  int size = moa_data_source_options (t->source)->size;
  *l = (MoaLatents){ .side = size >> (config->n_levels - 1), .channels = config->latent_channels,
                     .scale = config->scaling_factor, .shift = config->shift_factor,
                     .n_kept = keep };
  l->n = (gsize) l->side * l->side * l->channels;
  MoaNumber number = moa_params_number (t->parts.params[MOA_PART_VAE]);
  l->graph = moa_trainer_graph (t);
  moa_graph_set_number (l->graph, number);
  l->in = moa_trainer_input (l->graph, "picture", MOA_SHAPE (1, size, size, 3));
  l->moments = moa_vae_encode (l->graph, config, t->parts.params[MOA_PART_VAE], l->in);
  moa_graph_output (l->moments);
  l->decoder = moa_trainer_graph (t);
  moa_graph_set_number (l->decoder, number);
  l->decoder_in = moa_trainer_input (l->decoder, "latent",
                                     MOA_SHAPE (1, l->side, l->side, l->channels));
  l->picture = moa_vae_decode (l->decoder, config, t->parts.params[MOA_PART_VAE], l->decoder_in);
  moa_graph_output (l->picture);
  t->kept_bytes += keep * (l->n * sizeof (guint16) + 1);
  return moa_graph_plan (l->graph, error) && moa_graph_plan (l->decoder, error);
}

void
moa_latents_clear (MoaLatents *l)
{
  g_free (l->kept);
  g_free (l->known);
  *l = (MoaLatents){ .graph = NULL };
}

/* At the first latent: by then it is known that there is memory. */
static gboolean
allocate (MoaLatents *l, GError **error)
{
  if (l->n_kept == 0 || l->kept)
    return TRUE;
  l->kept = g_try_malloc_n (l->n_kept, l->n * sizeof (guint16));
  l->known = g_try_malloc0 (l->n_kept);
  return (l->kept && l->known)
         || moa_fail (error, MOA_ERROR_MEMORY,
                      "no memory to keep the latents of %" G_GUINT64_FORMAT " pictures; make "
                      "data.pictures smaller", l->n_kept);
}

gboolean
moa_latents_get (MoaLatents *l, const float *picture, guint64 number, float *out, GError **error)
{
  if (!allocate (l, error))
    return FALSE;
  if (number < l->n_kept && l->known[number])
    {
      moa_half_to_floats (l->kept + number * l->n, out, l->n);
      return TRUE;
    }
  g_autofree float *moments = g_new (float, 2 * l->n);
  g_autofree guint16 *half = g_new (guint16, l->n);
  moa_graph_set (l->in, picture);
  if (!moa_graph_run (l->graph, NULL, error))
    return FALSE;
  moa_graph_get (l->moments, moments);
  for (gsize i = 0; i < l->n; i++)
    {
      gsize pixel = i / l->channels, channel = i % l->channels;
      out[i] = (moments[pixel * 2 * l->channels + channel] - l->shift) * l->scale;
    }
  moa_half_from_floats (out, half, l->n);
  moa_half_to_floats (half, out, l->n);
  if (number < l->n_kept)
    {
      memcpy (l->kept + number * l->n, half, l->n * sizeof (guint16));
      l->known[number] = TRUE;
    }
  return TRUE;
}

MoaNoising
moa_noising_draw (const MoaTrainer *t, guint64 number, gboolean swap, int t_max)
{
  const MoaTrainConfig *c = t->config;
  int n_t = t->parts.schedule->n;
  gboolean on_path = swap && moa_trainer_unit (t, number, MOA_USE_PATH, 0) < c->moa.swap_path;
  int low = swap ? MIN (on_path ? c->moa.swap_path_from : c->moa.swap_t_min, n_t - 1) : 0;
  int high = swap ? n_t : MIN (t_max, n_t);
  MoaNoising n = { .swap = swap };
  n.t = n.u = low + (int) (moa_trainer_unit (t, number, MOA_USE_TIME, 0) * (high - low));
  if (on_path)
    n.t = moa_trainer_unit (t, number, MOA_USE_PATH, 1) * (n.u + 1);
  return n;
}

gboolean
moa_latents_noise (MoaLatents *l, const MoaTrainer *t, const MoaDataItem *item, guint64 index,
                   const MoaNoising *noising, float *z, float *target, GError **error)
{
  const MoaSchedule *schedule = t->parts.schedule;
  const double abar = schedule->abar[noising->t], a = sqrt (abar), c = sqrt (1 - abar);
  g_autofree float *before = g_new (float, l->n), *truth = g_new (float, l->n);
  if (!moa_latents_get (l, item->picture, index, before, error)
      || (noising->swap && !moa_latents_get (l, item->truth, G_MAXUINT64, truth, error)))
    return FALSE;
  const float *after = noising->swap ? truth : before;
  moa_trainer_normal (t, item->number, MOA_USE_NOISE, target, l->n);
  if (noising->swap)
    {
      double u = schedule->abar[noising->u], shadow = sqrt (u / (1 - u));
      for (gsize i = 0; i < l->n; i++)
        target[i] += shadow * (before[i] - after[i]);
    }
  moa_schedule_add_noise (schedule, noising->t, after, target, z, l->n);
  if (schedule->prediction == MOA_PREDICT_V)
    for (gsize i = 0; i < l->n; i++)
      target[i] = a * target[i] - c * after[i];
  return TRUE;
}

gboolean
moa_latents_picture (MoaLatents *l, const float *latent, float *picture, GError **error)
{
  g_autofree float *z = g_new (float, l->n);
  for (gsize i = 0; i < l->n; i++)
    z[i] = latent[i] / l->scale + l->shift;
  moa_graph_set (l->decoder_in, z);
  if (!moa_graph_run (l->decoder, NULL, error))
    return FALSE;
  moa_graph_get (l->picture, picture);
  return TRUE;
}

void
moa_latents_pool (const MoaLatents *l, const float *mask, int size, float *out)
{
  int k = size / l->side;
  for (int y = 0; y < l->side; y++)
    for (int x = 0; x < l->side; x++)
      {
        double sum = 0;
        for (int i = 0; i < k * k; i++)
          sum += mask[(y * k + i / k) * size + x * k + i % k];
        out[y * l->side + x] = sum / (k * k);
      }
}
