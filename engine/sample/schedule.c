/* Noise schedule: z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) noise,
 * abar_t = product of (1 - beta_i) over i <= t. */
#include "sample/schedule.h"

#include <math.h>

/* torch.linspace in float32: counted from the nearer end. */
static float
linspace (float first, float last, int n, int i)
{
  if (n == 1)
    return first;
  float step = (last - first) / (float) (n - 1);
  return i < n / 2 ? first + step * (float) i : last - step * (float) (n - 1 - i);
}

MoaSchedule *
moa_schedule_new (const MoaScheduleConfig *config)
{
  MoaSchedule *schedule = g_new0 (MoaSchedule, 1);
  schedule->n = config->n_train;
  schedule->abar = g_new (float, config->n_train);
  schedule->steps_offset = config->steps_offset;
  schedule->prediction = config->prediction;

  double first = config->beta_start, last = config->beta_end, product = 1;
  if (config->scaled_linear)
    {
      first = sqrt (first);
      last = sqrt (last);
    }
  for (int i = 0; i < schedule->n; i++)
    {
      float beta = linspace (first, last, schedule->n, i);
      if (config->scaled_linear)
        beta *= beta;
      product *= 1.0f - beta;
      schedule->abar[i] = product;
    }
  schedule->final_abar = config->set_alpha_to_one ? 1.0f : schedule->abar[0];
  return schedule;
}

void
moa_schedule_free (MoaSchedule *schedule)
{
  if (!schedule)
    return;
  g_free (schedule->abar);
  g_free (schedule);
}

void
moa_schedule_add_noise (const MoaSchedule *schedule, int t, const float *x, const float *noise,
                        float *out, gsize n)
{
  g_assert (t >= 0 && t < schedule->n);
  const float a = sqrt (schedule->abar[t]), b = sqrt (1 - (double) schedule->abar[t]);
  for (gsize i = 0; i < n; i++)
    out[i] = a * x[i] + b * noise[i];
}

/* v = sqrt(abar) eps - sqrt(1 - abar) z_0 (Salimans and Ho 2022) */
void
moa_schedule_eps (const MoaSchedule *schedule, int t, const float *z, float *out, gsize n)
{
  g_assert (t >= 0 && t < schedule->n);
  if (schedule->prediction == MOA_PREDICT_EPSILON)
    return;
  const float a = sqrt (schedule->abar[t]), b = sqrt (1 - (double) schedule->abar[t]);
  for (gsize i = 0; i < n; i++)
    out[i] = a * out[i] + b * z[i];
}
