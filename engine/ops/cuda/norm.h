/* What the norms and their gradients share.  A row's mean and variance in two passes; a group's by
 * Welford (1962) for a thread's own numbers, which are joined as Chan, Golub and LeVeque (1979) do: the
 * mean of means, then the squares and what the means are apart. */
#ifndef MOA_CUDA_NORM_H
#define MOA_CUDA_NORM_H

#include "ops/cuda/columns.h"
#include "ops/cuda/math.h"

#define GROUP_PARTS 128
#define GROUP_BLOCK 256

/* n things for `parts`: one more for the first `more`. */
struct Shares {
  unsigned each, more;

  __device__ Shares (unsigned n, unsigned parts) : each (n / parts), more (n % parts) {}
  __device__ unsigned first (unsigned p) const { return p * each + min (p, more); }
  __device__ unsigned count (unsigned p) const { return each + (p < more); }
};

/* Group norm of x B,...,C. */
struct Groups {
  unsigned items, pixels, channels, groups, size; /* size: channels of a group */
  unsigned slice;                                 /* groups that a block looks at, one for each warp */
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
/* Queues: stats[group] = mean, stats[items * groups + group] = 1 / deviation.  If asked, too, what the norm
 * makes of a channel: y = line[i] x + line[items * channels + i], i = item * channels + channel. */
void moa_cuda_group_stats (MoaCuda *cuda, const Groups &g, Numbers x, float *stats,
                           Numbers gamma = numbers (NULL), Numbers beta = numbers (NULL), float *line = NULL);

/* Mean and 1 / deviation of a row of n; all lanes of its warp together. */
template <int N>
static __device__ inline void
row_stats (const Numbers &x, unsigned first, unsigned n, unsigned lane, float eps, float *mean,
           float *inverse)
{
  float sum = 0, squares = 0;
  for (unsigned c = lane * N; c < n; c += 32 * N)
    {
      Some<N> v = x.some<N> (first + c);
      for (int k = 0; k < N; k++)
        sum += v[k];
    }
  *mean = warp_sum (sum) / n;
  for (unsigned c = lane * N; c < n; c += 32 * N)
    {
      Some<N> v = x.some<N> (first + c);
      for (int k = 0; k < N; k++)
        squares += (v[k] - *mean) * (v[k] - *mean);
    }
  *inverse = 1 / sqrtf (warp_sum (squares) / n + eps);
}

#endif
