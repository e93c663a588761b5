/* The gradients of the norms.  With h = (x - mean) / deviation, z = gamma h + beta and dz = dy (through
 * SiLU: dy times its slope at z):
 *
 *   dgamma = sum dz h    dbeta = sum dz
 *   dx = (gamma dz - mean (gamma dz) - h mean (gamma dz h)) / deviation
 *
 * means over what was normed together. */
#include "ops/cuda/norm.h"

/* Inputs x, gamma, beta, dy; the result [4][items][channels]: the sums, means, 1 / deviations. */
struct GroupTerm {
  Groups g;
  Numbers x, gamma, beta, dy;
  const float *stats;

  __device__ void
  operator() (unsigned item, unsigned pixel, unsigned c, float *a, float *b) const
  {
    unsigned i = (item * g.pixels + pixel) * g.channels + c, k = item * g.groups + c / g.size;
    float h = (x[i] - stats[k]) * stats[g.items * g.groups + k], dz = dy[i];
    if (g.silu)
      dz *= slope (MOA_ACT_SILU, h * gamma[c] + beta[c]);
    *a = dz * h;
    *b = dz;
  }
};

static __global__ void
spread_stats_kernel (Groups g, const float *stats, Numbers y, unsigned n)
{
  EACH (i, n)
    {
      unsigned k = i / g.channels * g.groups + i % g.channels / g.size;
      y.put (2 * n + i, stats[k]);
      y.put (3 * n + i, stats[g.items * g.groups + k]);
    }
}

gsize
moa_cuda_group_norm_sums_scratch (const MoaTensor *t)
{
  Groups g = moa_cuda_groups (t);
  return moa_cuda_group_scratch (g) + columns_scratch (columns_of (g.items, g.pixels, g.channels));
}

KERNEL (group_norm_sums)
{
  Groups g = moa_cuda_groups (t);
  float *stats = (float *) scratch;
  unsigned n = g.items * g.channels;
  moa_cuda_group_stats (cuda, g, numbers (t->in[0]), stats);
  GroupTerm term = { g, numbers (t->in[0]), numbers (t->in[1]), numbers (t->in[2]),
                     numbers (t->in[3]), stats };
  sum_columns (cuda, columns_of (g.items, g.pixels, g.channels), term, 2, numbers (t), n,
               (char *) scratch + moa_cuda_group_scratch (g));
  LAUNCH_EACH (cuda, n, spread_stats_kernel, g, (const float *) stats, numbers (t), n);
}

/* Means over each group: coefficients [2][items * groups]. */
static __global__ void
group_means_kernel (Groups g, Numbers gamma, Numbers sums, float *means, unsigned n)
{
  EACH (i, n)
    {
      unsigned plane = g.items * g.channels, first = i % g.groups * g.size;
      double mean_h = 0, mean = 0;
      for (unsigned c = first; c < first + g.size; c++)
        {
          unsigned at = i / g.groups * g.channels + c;
          mean_h += (double) gamma[c] * sums[at];
          mean += (double) gamma[c] * sums[plane + at];
        }
      means[i] = (float) (mean_h / ((double) g.size * g.pixels));
      means[n + i] = (float) (mean / ((double) g.size * g.pixels));
    }
}

static __global__ void
group_norm_grad_x_kernel (GroupTerm term, Numbers sums, const float *means, Numbers dx, unsigned n)
{
  EACH (i, n)
    {
      const Groups &g = term.g;
      unsigned c = g.channel (i), k = g.group (i), plane = g.items * g.channels;
      unsigned at = i / (g.pixels * g.channels) * g.channels + c;
      float inverse = sums[3 * plane + at], h = (term.x[i] - sums[2 * plane + at]) * inverse;
      float gamma = term.gamma[c], dz = term.dy[i];
      if (g.silu)
        dz *= slope (MOA_ACT_SILU, h * gamma + term.beta[c]);
      dx.put (i, (gamma * dz - means[g.items * g.groups + k] - h * means[k]) * inverse);
    }
}

gsize
moa_cuda_group_norm_grad_x_scratch (const MoaTensor *t)
{
  Groups g = moa_cuda_groups (t);
  return (gsize) 2 * g.items * g.groups * sizeof (float);
}

KERNEL (group_norm_grad_x)
{
  Groups g = moa_cuda_groups (t);
  unsigned n_groups = g.items * g.groups, n = count_of (t);
  float *means = (float *) scratch;
  LAUNCH_EACH (cuda, n_groups, group_means_kernel, g, numbers (t->in[1]), numbers (t->in[4]), means,
               n_groups);
  GroupTerm term = { g, numbers (t->in[0]), numbers (t->in[1]), numbers (t->in[2]),
                     numbers (t->in[3]), NULL };
  LAUNCH_EACH (cuda, n, group_norm_grad_x_kernel, term, numbers (t->in[4]), (const float *) means,
               numbers (t), n);
}

/* Inputs x, gamma, dy. */
template <int N>
static __global__ void
layer_norm_grad_x_kernel (Numbers x, Numbers gamma, Numbers dy, Numbers dx, unsigned n,
                          unsigned width, float eps)
{
  EACH_ROW (row, n)
    {
      float mean, inverse, sum_h = 0, sum = 0;
      unsigned first = row * width;
      row_stats<N> (x, first, width, lane, eps, &mean, &inverse);
      for (unsigned c = lane * N; c < width; c += 32 * N)
        {
          Some<N> v = x.some<N> (first + c), d = dy.some<N> (first + c), scale = gamma.some<N> (c);
          for (int k = 0; k < N; k++)
            {
              sum += d[k] * scale[k];
              sum_h += d[k] * scale[k] * (v[k] - mean) * inverse;
            }
        }
      sum = warp_sum (sum) / width;
      sum_h = warp_sum (sum_h) / width;
      for (unsigned c = lane * N; c < width; c += 32 * N)
        {
          Some<N> v = x.some<N> (first + c), d = dy.some<N> (first + c), scale = gamma.some<N> (c);
          for (int k = 0; k < N; k++)
            v[k] = (d[k] * scale[k] - sum - (v[k] - mean) * inverse * sum_h) * inverse;
          dx.put (first + c, v);
        }
    }
}

KERNEL (layer_norm_grad_x)
{
  unsigned width = last_of (t), n = count_of (t) / width;
  Numbers x = numbers (t->in[0]), gamma = numbers (t->in[1]), dy = numbers (t->in[2]), dx = numbers (t);
  float eps = (float) t->attr.f[0];
  if (is_wide (width, { x, gamma, dy, dx }))
    LAUNCH_ROWS (cuda, n, (layer_norm_grad_x_kernel<WIDE>), x, gamma, dy, dx, n, width, eps);
  else
    LAUNCH_ROWS (cuda, n, (layer_norm_grad_x_kernel<1>), x, gamma, dy, dx, n, width, eps);
}

/* stats [2][n] */
static __global__ void
row_stats_kernel (Numbers x, float *stats, unsigned n, unsigned width, float eps)
{
  EACH_ROW (row, n)
    {
      float mean, inverse;
      row_stats<1> (x, row * width, width, lane, eps, &mean, &inverse);
      if (lane == 0)
        {
          stats[row] = mean;
          stats[n + row] = inverse;
        }
    }
}

struct RowTerm {
  Numbers x, dy;
  const float *stats;
  unsigned n, width;

  __device__ void
  operator() (unsigned batch, unsigned row, unsigned c, float *a, float *b) const
  {
    float dz = dy[row * width + c];
    *a = dz * (x[row * width + c] - stats[row]) * stats[n + row];
    *b = dz;
  }
};

gsize
moa_cuda_layer_norm_grad_affine_scratch (const MoaTensor *t)
{
  unsigned width = last_of (t->in[0]), n = count_of (t->in[0]) / width;
  return (gsize) 2 * n * sizeof (float) + columns_scratch (columns_of (1, n, width));
}

/* Inputs x, dy; the result dgamma | dbeta. */
KERNEL (layer_norm_grad_affine)
{
  unsigned width = last_of (t->in[0]), n = count_of (t->in[0]) / width;
  float *stats = (float *) scratch;
  LAUNCH_ROWS (cuda, n, row_stats_kernel, numbers (t->in[0]), stats, n, width,
               (float) t->attr.f[0]);
  RowTerm term = { numbers (t->in[0]), numbers (t->in[1]), stats, n, width };
  sum_columns (cuda, columns_of (1, n, width), term, 2, numbers (t), width, stats + 2 * n);
}
