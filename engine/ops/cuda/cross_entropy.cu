/* Cross-entropy of rows; see ops/cross_entropy.c.  A warp for each row. */
#include "ops/cuda/kernel.h"

/* log sum exp x as most + *log_sum; sum of p. */
static __device__ inline float
row_sums (const Numbers &x, const Numbers &p, unsigned first, unsigned width, unsigned lane,
          float *exps, float *targets)
{
  float most = -INFINITY, sum = 0, total = 0;
  for (unsigned i = lane; i < width; i += 32)
    most = fmaxf (most, x[first + i]);
  most = warp_max (most);
  for (unsigned i = lane; i < width; i += 32)
    {
      sum += expf (x[first + i] - most);
      total += p[first + i];
    }
  *exps = warp_sum (sum);
  *targets = warp_sum (total);
  return most;
}

static __global__ void
cross_entropy_kernel (Numbers x, Numbers p, Numbers y, unsigned n, unsigned width)
{
  EACH_ROW (row, n)
    {
      float exps, targets, loss = 0;
      float most = row_sums (x, p, row * width, width, lane, &exps, &targets);
      float log_sum = logf (exps) + most;
      for (unsigned i = lane; i < width; i += 32)
        loss += p[row * width + i] * (log_sum - x[row * width + i]);
      loss = warp_sum (loss);
      if (lane == 0)
        y.put (row, loss);
    }
}

KERNEL (cross_entropy)
{
  unsigned n = count_of (t);
  LAUNCH_ROWS (cuda, n, cross_entropy_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t), n,
               last_of (t->in[0]));
}

static __global__ void
cross_entropy_grad_kernel (Numbers x, Numbers p, Numbers dy, Numbers dx, unsigned n, unsigned width)
{
  EACH_ROW (row, n)
    {
      float exps, targets, d = dy[row];
      float most = row_sums (x, p, row * width, width, lane, &exps, &targets);
      for (unsigned i = row * width + lane; i < (row + 1) * width; i += 32)
        dx.put (i, (expf (x[i] - most) * (targets / exps) - p[i]) * d);
    }
}

KERNEL (cross_entropy_grad)
{
  unsigned n = count_of (t->in[2]);
  LAUNCH_ROWS (cuda, n, cross_entropy_grad_kernel, numbers (t->in[0]), numbers (t->in[1]),
               numbers (t->in[2]), numbers (t), n, last_of (t));
}
