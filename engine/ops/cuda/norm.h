/* What the norms and their gradients share.  Mean and variance in two passes; those of a group's parts
 * are joined as Chan, Golub and LeVeque (1979) do. */
#ifndef MOA_CUDA_NORM_H
#define MOA_CUDA_NORM_H

#include "ops/cuda/columns.h"
#include "ops/cuda/math.h"

#define GROUP_PARTS 64

/* Group norm of x B,...,C. */
struct Groups {
  unsigned items, pixels, channels, groups, size; /* size: channels of a group */
  unsigned parts;                                 /* of the pixels */
  float eps;
  int silu;

  /* A number's channel and its group among all items'. */
  __device__ unsigned
  channel (unsigned i) const
  {
    return i % channels;
  }

  __device__ unsigned
  group (unsigned i) const
  {
    return i / (pixels * channels) * groups + channel (i) / size;
  }
};

Groups moa_cuda_groups (const MoaTensor *t);
/* Bytes of scratch for moa_cuda_group_stats(), the statistics first. */
gsize moa_cuda_group_scratch (const Groups &g);
/* Queues: stats[group] = mean, stats[items * groups + group] = 1 / deviation. */
void moa_cuda_group_stats (MoaCuda *cuda, const Groups &g, Numbers x, float *stats);

/* Mean and 1 / deviation of a row of n; all lanes of its warp together. */
static __device__ inline void
row_stats (const Numbers &x, unsigned first, unsigned n, unsigned lane, float eps, float *mean,
           float *inverse)
{
  float sum = 0, squares = 0;
  for (unsigned c = lane; c < n; c += 32)
    sum += x[first + c];
  *mean = warp_sum (sum) / n;
  for (unsigned c = lane; c < n; c += 32)
    {
      float d = x[first + c] - *mean;
      squares += d * d;
    }
  *inverse = 1 / sqrtf (warp_sum (squares) / n + eps);
}

#endif
