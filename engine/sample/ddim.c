/* DDIM without noise is one linear map a step, there and back:
 *   z_to = c1 z_from + c2 eps,  c1 = sqrt(abar_to / abar_from),
 *   c2 = sqrt(1 - abar_to) - c1 sqrt(1 - abar_from). */
#include "sample/ddim.h"

#include <math.h>

void
moa_ddim_timesteps (const MoaSchedule *schedule, MoaSpacing spacing, int steps, int *timesteps)
{
  int n = schedule->n;
  g_assert (steps >= 1 && steps <= n);

  int ratio = n / steps;
  int offset = MIN (schedule->steps_offset, n - 1 - (steps - 1) * ratio);
  for (int i = 0; i < steps; i++)
    {
      int rest = steps - 1 - i;
      switch (spacing)
        {
        case MOA_SPACING_LEADING:
          timesteps[i] = rest * ratio + offset;
          break;
        case MOA_SPACING_TRAILING:
          timesteps[i] = (int) rint (n - i * ((double) n / steps)) - 1;
          break;
        case MOA_SPACING_LINSPACE:
          timesteps[i] = steps == 1 ? 0 : (int) rint (rest * ((n - 1.0) / (steps - 1)));
          break;
        }
    }
}

static void
move (double from, double to, const float *z, const float *eps, float *out, gsize n)
{
  double c1 = sqrt (to / from), c2 = sqrt (1 - to) - c1 * sqrt (1 - from);
  const float a = c1, b = c2;
  for (gsize i = 0; i < n; i++)
    out[i] = a * z[i] + b * eps[i];
}

/* abar at the timestep below t on the grid. */
static double
abar_below (const MoaSchedule *schedule, int steps, int t)
{
  int s = t - schedule->n / steps;
  return s >= 0 ? schedule->abar[s] : schedule->final_abar;
}

void
moa_ddim_step (const MoaSchedule *schedule, int steps, int t, float *z, const float *eps, gsize n)
{
  g_assert (t >= 0 && t < schedule->n);
  move (schedule->abar[t], abar_below (schedule, steps, t), z, eps, z, n);
}

void
moa_ddim_invert_step (const MoaSchedule *schedule, int steps, int t, const float *z_s,
                      const float *eps, float *z_t, gsize n)
{
  g_assert (t >= 0 && t < schedule->n);
  move (abar_below (schedule, steps, t), schedule->abar[t], z_s, eps, z_t, n);
}
