/* Classifier-free guidance: see guidance.h. */
#include "sample/guidance.h"

#include <math.h>

/* Of the numbers of one channel. */
static void
moments (const float *eps, const float *z, double alpha, double sigma, gsize n_pixels, int channels,
         double *mean, double *deviation)
{
  double sum = 0, squares = 0;
  for (gsize i = 0; i < n_pixels; i++)
    sum += (z[i * channels] - sigma * eps[i * channels]) / alpha;
  *mean = sum / n_pixels;
  for (gsize i = 0; i < n_pixels; i++)
    {
      double x = (z[i * channels] - sigma * eps[i * channels]) / alpha - *mean;
      squares += x * x;
    }
  *deviation = sqrt (squares / n_pixels);
}

/* By how much z_0 goes from its mean instead of 1, in a channel. */
static void
scale_channel (float *eps, const float *z, double alpha, double sigma, gsize n_pixels, int channels,
               double mean, double scale)
{
  for (gsize i = 0; i < n_pixels; i++)
    {
      double x = (z[i * channels] - sigma * eps[i * channels]) / alpha;
      eps[i * channels] = (z[i * channels] - alpha * (mean + scale * (x - mean))) / sigma;
    }
}

void
moa_guidance (const MoaSchedule *schedule, int t, double guidance, double rescale, const float *z,
              const float *base, float *prompt, gsize n_pixels, int channels)
{
  const float g = guidance;
  const double alpha = sqrt (schedule->abar[t]), sigma = sqrt (1 - (double) schedule->abar[t]);
  for (int k = 0; k < channels; k++)
    {
      double wanted = 0, unused, mean, deviation;
      if (rescale > 0)
        moments (prompt + k, z + k, alpha, sigma, n_pixels, channels, &unused, &wanted);
      for (gsize i = k; i < n_pixels * channels; i += channels)
        prompt[i] = base[i] + g * (prompt[i] - base[i]);
      if (rescale <= 0)
        continue;
      moments (prompt + k, z + k, alpha, sigma, n_pixels, channels, &mean, &deviation);
      if (deviation > 0)
        scale_channel (prompt + k, z + k, alpha, sigma, n_pixels, channels, mean,
                       rescale * wanted / deviation + 1 - rescale);
    }
}
