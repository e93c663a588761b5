/* Blocks of scores and their softmax: see scores.h.  A warp for each row. */
#include "ops/cuda/scores.h"

Heads
moa_cuda_heads (const MoaTensor *q, const MoaTensor *k, int heads)
{
  Heads h;
  h.items = (unsigned) q->shape.dim[0];
  h.rows = (unsigned) q->shape.dim[1];
  h.keys = (unsigned) k->shape.dim[1];
  h.channels = (unsigned) q->shape.dim[2];
  h.heads = (unsigned) heads;
  h.width = h.channels / h.heads;
  gsize block = SCORE_BYTES / ((gsize) h.heads * h.keys * sizeof (float));
  h.block = (unsigned) MIN (MAX (block, 16), h.rows);
  h.causal = false;
  h.scale = 1 / sqrtf ((float) h.width);
  h.number = q->number == MOA_F32 ? k->number : q->number;
  return h;
}

void
moa_cuda_scores (MoaCuda *cuda, const Heads &h, Numbers a, Numbers b, unsigned item, unsigned first,
                 unsigned n, Numbers s)
{
  moa_cuda_gemm (cuda, n, h.keys, h.width, head_rows (h, a, (gsize) item * h.rows + first),
                 head_rows (h, b, (gsize) item * h.keys, true), score_rows (h, s, n), 1, 0, h.heads);
}

/* The largest of a row's first n scores, and the sum of exp (scale (s - largest)). */
static __device__ inline float
row_softmax (const Numbers &s, unsigned first, unsigned n, unsigned lane, float scale, float *sum)
{
  float most = -INFINITY, total = 0;
  for (unsigned i = lane; i < n; i += 32)
    most = fmaxf (most, s[first + i]);
  most = warp_max (most);
  for (unsigned i = lane; i < n; i += 32)
    total += expf (scale * (s[first + i] - most));
  *sum = warp_sum (total);
  return most;
}

static __global__ void
softmax_kernel (Heads h, Numbers s, Numbers p, unsigned first, unsigned n, unsigned n_rows)
{
  EACH_ROW (row, n_rows)
    {
      unsigned from = row * h.keys, keys = h.keys;
      if (h.causal)
        keys = min (keys, first + row % n + 1);
      float sum, most = row_softmax (s, from, keys, lane, h.scale, &sum);
      for (unsigned i = lane; i < h.keys; i += 32)
        p.put (from + i, i < keys ? expf (h.scale * (s[from + i] - most)) / sum : 0);
    }
}

void
moa_cuda_softmax (MoaCuda *cuda, const Heads &h, Numbers s, Numbers p, unsigned first, unsigned n)
{
  unsigned n_rows = h.heads * n;
  LAUNCH_ROWS (cuda, n_rows, softmax_kernel, h, s, p, first, n, n_rows);
}

static __global__ void
softmax_grad_kernel (Heads h, Numbers s, Numbers dp, unsigned dp_stride, Numbers p, Numbers ds,
                     float factor, unsigned first, unsigned n, unsigned n_rows)
{
  EACH_ROW (row, n_rows)
    {
      unsigned from = row * h.keys, keys = h.keys;
      unsigned other = row / n * dp_stride + row % n * h.keys;
      if (h.causal)
        keys = min (keys, first + row % n + 1);
      float sum, most = row_softmax (s, from, keys, lane, h.scale, &sum), dot = 0;
      for (unsigned i = lane; i < keys; i += 32)
        dot += expf (h.scale * (s[from + i] - most)) / sum * dp[other + i];
      dot = warp_sum (dot);
      for (unsigned i = lane; i < h.keys; i += 32)
        {
          float e = i < keys ? expf (h.scale * (s[from + i] - most)) / sum : 0;
          float d = i < keys ? factor * e * (dp[other + i] - dot) : 0;
          p.put (from + i, e);
          ds.put (from + i, d);
        }
    }
}

void
moa_cuda_softmax_grad (MoaCuda *cuda, const Heads &h, Numbers s, Numbers dp, unsigned dp_stride,
                       Numbers p, Numbers ds, float factor, unsigned first, unsigned n)
{
  unsigned n_rows = h.heads * n;
  LAUNCH_ROWS (cuda, n_rows, softmax_grad_kernel, h, s, dp, dp_stride, p, ds, factor, first, n,
               n_rows);
}
