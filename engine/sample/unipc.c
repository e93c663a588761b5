/* UniPC-2 in terms of sigma = sqrt((1 - abar) / abar):
 *   alpha = 1 / sqrt(1 + sigma^2), lambda = -ln sigma, h = lambda_to - lambda_from,
 *   x_to = (alpha_to sigma_to) / (alpha_from sigma_from) x_from
 *          - alpha_to expm1(-h) (m0 + p)
 * where m0 is x0 as predicted at `from`, and p the prediction's slope: in the
 * predictor from the step before, in the corrector also from x0 at `to`. */
#include "sample/unipc.h"

#include <math.h>

struct _MoaUnipc {
  int steps, step;
  gsize n;
  int *timesteps; /* [steps] */
  float *sigma;   /* [steps + 1] */
  int order;      /* of the last predictor, which its corrector shares */
  float *from;    /* the sample that the last predictor started from */
  float *m0, *m1; /* x0 at the last step and at the one before */
};

static int
grid_timestep (const MoaSchedule *schedule, MoaSpacing spacing, int steps, int i)
{
  int n = schedule->n, rest = steps - i, ratio = n / (steps + 1);
  switch (spacing)
    {
    case MOA_SPACING_LEADING:
      return rest * ratio + MIN (schedule->steps_offset, n - 1 - steps * ratio);
    case MOA_SPACING_TRAILING:
      return (int) rint (n - i * ((double) n / steps)) - 1;
    case MOA_SPACING_LINSPACE:
    default:
      return (int) rint (rest * ((n - 1.0) / steps));
    }
}

MoaUnipc *
moa_unipc_new (const MoaSchedule *schedule, MoaSpacing spacing, int steps, gsize n)
{
  g_assert (steps >= 1 && steps < schedule->n);
  MoaUnipc *unipc = g_new0 (MoaUnipc, 1);
  unipc->steps = steps;
  unipc->n = n;
  unipc->timesteps = g_new (int, steps);
  unipc->sigma = g_new0 (float, steps + 1);
  for (int i = 0; i < steps; i++)
    {
      int t = unipc->timesteps[i] = grid_timestep (schedule, spacing, steps, i);
      unipc->sigma[i] = sqrtf ((1 - schedule->abar[t]) / schedule->abar[t]);
    }
  unipc->from = g_new0 (float, n);
  unipc->m0 = g_new0 (float, n);
  unipc->m1 = g_new0 (float, n);
  return unipc;
}

void
moa_unipc_free (MoaUnipc *unipc)
{
  if (!unipc)
    return;
  g_free (unipc->timesteps);
  g_free (unipc->sigma);
  g_free (unipc->from);
  g_free (unipc->m0);
  g_free (unipc->m1);
  g_free (unipc);
}

int
moa_unipc_timestep (const MoaUnipc *unipc, int i)
{
  return unipc->timesteps[i];
}

double
moa_unipc_sigma (const MoaUnipc *unipc, int i)
{
  return unipc->sigma[i];
}

static double
alpha_of (double sigma)
{
  return 1 / sqrt (1 + sigma * sigma);
}

/* Weights of x_to = x x_from + m0 m0 + m1 m1 + mt mt. */
typedef struct {
  double x, m0, m1, mt;
} Weights;

/* From step `from` to from + 1, whose sigma may be 0 in a predictor of order 1. */
static Weights
weights_of (const MoaUnipc *unipc, int from, int order, gboolean corrector)
{
  double sigma_0 = unipc->sigma[from], sigma = unipc->sigma[from + 1];
  double alpha_0 = alpha_of (sigma_0), alpha = alpha_of (sigma);
  double h = log (sigma_0 / sigma);
  double e = expm1 (-h), scale = -alpha * e;
  /* lambda of the step before, from `from`, in units of h; below 0 */
  double r = order == 2 ? log (sigma_0 / unipc->sigma[from - 1]) / h : 0;

  double slope_1 = 0, slope_t = 0; /* weights of m1 - m0 and mt - m0 in p */
  if (!corrector && order == 2)
    slope_1 = 0.5 / r;
  else if (corrector && order == 1)
    slope_t = 0.5;
  else if (corrector)
    {
      double phi = e / -h - 1, b1 = phi / e, b2 = 2 * (phi / -h - 0.5) / e;
      double rho = (b1 - b2) / (1 - r);
      slope_1 = rho / r;
      slope_t = b1 - rho;
    }
  return (Weights){ alpha * sigma / (alpha_0 * sigma_0), scale * (1 - slope_1 - slope_t),
                    scale * slope_1, scale * slope_t };
}

/* z: the sample at this step -> the corrected one; the predicted x0 goes to
 * the history.  x0 is that of the sample as it came. */
static void
correct (MoaUnipc *unipc, float *z, const float *eps)
{
  int i = unipc->step;
  const float sigma = unipc->sigma[i], inverse = 1 / alpha_of (sigma);
  Weights w = { 0 };
  if (i > 0)
    w = weights_of (unipc, i - 1, unipc->order, TRUE);
  const float wx = w.x, w0 = w.m0, w1 = w.m1, wt = w.mt;

  float *m0 = unipc->m0, *m1 = unipc->m1, *mt = unipc->m1; /* mt takes the oldest's place */
  for (gsize k = 0; k < unipc->n; k++)
    {
      float x0 = inverse * z[k] - sigma * eps[k];
      if (i > 0)
        z[k] = wx * unipc->from[k] + w0 * m0[k] + w1 * m1[k] + wt * x0;
      mt[k] = x0;
    }
  unipc->m1 = m0;
  unipc->m0 = mt;
}

void
moa_unipc_step (MoaUnipc *unipc, float *z, const float *eps)
{
  int i = unipc->step;
  g_assert (i < unipc->steps);
  correct (unipc, z, eps);

  unipc->order = i > 0 && i + 1 < unipc->steps ? 2 : 1;
  Weights w = weights_of (unipc, i, unipc->order, FALSE);
  const float wx = w.x, w0 = w.m0, w1 = w.m1;
  for (gsize k = 0; k < unipc->n; k++)
    {
      unipc->from[k] = z[k];
      z[k] = wx * z[k] + w0 * unipc->m0[k] + w1 * unipc->m1[k];
    }
  unipc->step++;
}
