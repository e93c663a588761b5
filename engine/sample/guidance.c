/* Classifier-free guidance: see guidance.h. */
#include "sample/guidance.h"

#include <math.h>

/* Latents at a timestep, and how much each pixel counts. */
typedef struct {
  const float *z;
  double alpha, sigma;
  float *weight;
  gsize n_pixels;
  int channels;
} Latent;

/* Of z_0 where eps points to, in channel k. */
static double
z0 (const Latent *l, const float *eps, gsize pixel, int k)
{
  gsize i = pixel * l->channels + k;
  return (l->z[i] - l->sigma * eps[i]) / l->alpha;
}

static void
moments (const Latent *l, const float *eps, int k, double *mean, double *deviation)
{
  double sum = 0, squares = 0, weights = 0;
  for (gsize i = 0; i < l->n_pixels; i++)
    {
      sum += l->weight[i] * z0 (l, eps, i, k);
      weights += l->weight[i];
    }
  *mean = sum / weights;
  for (gsize i = 0; i < l->n_pixels; i++)
    {
      double x = z0 (l, eps, i, k) - *mean;
      squares += l->weight[i] * x * x;
    }
  *deviation = sqrt (squares / weights);
}

/* How far guidance moves each pixel, but for a factor; FALSE: nowhere. */
static gboolean
weigh (const Latent *l, const float *base, const float *prompt)
{
  gboolean moves = FALSE;
  for (gsize i = 0; i < l->n_pixels; i++)
    {
      double squares = 0;
      for (gsize k = i * l->channels; k < (i + 1) * l->channels; k++)
        squares += ((double) prompt[k] - base[k]) * ((double) prompt[k] - base[k]);
      l->weight[i] = sqrt (squares);
      moves = moves || l->weight[i] > 0;
    }
  return moves;
}

/* Gives channel k the deviation that it is to have. */
static void
rescale_channel (const Latent *l, float *eps, int k, double rescale, double prompt_deviation)
{
  double mean, deviation;
  moments (l, eps, k, &mean, &deviation);
  if (deviation <= 0)
    return;
  double scale = rescale * prompt_deviation / deviation + 1 - rescale;
  for (gsize i = 0; i < l->n_pixels; i++)
    {
      gsize at = i * l->channels + k;
      double x = mean + scale * (z0 (l, eps, i, k) - mean);
      eps[at] = (l->z[at] - l->alpha * x) / l->sigma;
    }
}

void
moa_guidance (const MoaSchedule *schedule, int t, double guidance, double rescale, const float *z,
              const float *base, float *prompt, gsize n_pixels, int channels)
{
  const float g = guidance;
  g_autofree float *weight = g_new (float, n_pixels);
  g_autofree double *deviation = g_new (double, channels);
  Latent l = { z, sqrt (schedule->abar[t]), sqrt (1 - (double) schedule->abar[t]), weight, n_pixels, channels };
  gboolean rescales = rescale > 0 && weigh (&l, base, prompt);
  double unused;
  for (int k = 0; rescales && k < channels; k++)
    moments (&l, prompt, k, &unused, &deviation[k]);
  for (gsize i = 0; i < n_pixels * channels; i++)
    prompt[i] = base[i] + g * (prompt[i] - base[i]);
  for (int k = 0; rescales && k < channels; k++)
    rescale_channel (&l, prompt, k, rescale, deviation[k]);
}
