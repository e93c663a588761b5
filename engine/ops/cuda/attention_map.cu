/* The probabilities of attention, mean over heads, and what their gradient is to q and k: by blocks of
 * scores. */
#include "ops/cuda/scores.h"

/* s [heads][n][keys] -> the mean over heads of softmax (scale s), [n][keys] */
static __global__ void
mean_map_kernel (Heads h, Numbers s, Numbers y, unsigned n)
{
  EACH_ROW (row, n)
    for (unsigned head = 0; head < h.heads; head++)
      {
        unsigned from = (head * n + row) * h.keys;
        float most = -INFINITY, sum = 0;
        for (unsigned i = lane; i < h.keys; i += 32)
          most = fmaxf (most, s[from + i]);
        most = warp_max (most);
        for (unsigned i = lane; i < h.keys; i += 32)
          sum += expf (h.scale * (s[from + i] - most));
        sum = warp_sum (sum) * h.heads;
        for (unsigned i = lane; i < h.keys; i += 32)
          {
            float e = expf (h.scale * (s[from + i] - most)) / sum;
            y.put (row * h.keys + i, head ? y[row * h.keys + i] + e : e);
          }
      }
}

gsize
moa_cuda_attention_map_scratch (const MoaTensor *t)
{
  Heads h = moa_cuda_heads (t->in[0], t->in[1], t->attr.i[0]);
  return operand_scratch (t, 2, h.number) + scores_bytes (h, MOA_F32);
}

KERNEL (attention_map)
{
  Heads h = moa_cuda_heads (t->in[0], t->in[1], t->attr.i[0]);
  char *rest = (char *) scratch;
  Numbers q = moa_cuda_as (cuda, numbers (t->in[0]), count_of (t->in[0]), h.number, &rest);
  Numbers k = moa_cuda_as (cuda, numbers (t->in[1]), count_of (t->in[1]), h.number, &rest);
  Numbers s = floats (rest);
  for (unsigned item = 0; item < h.items; item++)
    for (unsigned first = 0; first < h.rows; first += h.block)
      {
        unsigned n = MIN (h.block, h.rows - first);
        gsize place = ((gsize) item * h.rows + first) * h.keys;
        moa_cuda_scores (cuda, h, q, k, item, first, n, s);
        LAUNCH_ROWS (cuda, n, mean_map_kernel, h, s, numbers_at (t->data, t->number, place), n);
      }
}

/* As the result has it: cuBLAS makes no 16 bits of floats. */
static Heads
heads_of_grad (const MoaTensor *t)
{
  Heads h = moa_cuda_heads (t->in[0], t->in[1], t->attr.i[0]);
  h.number = t->number == MOA_F32 ? h.number : (int) t->number;
  return h;
}

gsize
moa_cuda_attention_map_grad_scratch (const MoaTensor *t)
{
  Heads h = heads_of_grad (t);
  return operand_scratch (t, 2, h.number) + 2 * scores_bytes (h, MOA_F32);
}

/* ds = scale / heads p (dy - sum p dy), dq = ds k, dk += ds^T q */
KERNEL (attention_map_grad)
{
  Heads h = heads_of_grad (t);
  char *rest = (char *) scratch;
  Numbers q = moa_cuda_as (cuda, numbers (t->in[0]), count_of (t->in[0]), h.number, &rest);
  Numbers k = moa_cuda_as (cuda, numbers (t->in[1]), count_of (t->in[1]), h.number, &rest);
  Numbers s = floats (rest), ds = numbers_at (rest + scores_bytes (h, MOA_F32), h.number, 0);
  Numbers dk = numbers_at (t->data, t->number, count_of (t->in[0])), dy = numbers (t->in[2]);
  for (unsigned item = 0; item < h.items; item++)
    for (unsigned first = 0; first < h.rows; first += h.block)
      {
        unsigned n = MIN (h.block, h.rows - first);
        gsize row = (gsize) item * h.rows + first, key = (gsize) item * h.keys;
        moa_cuda_scores (cuda, h, q, k, item, first, n, s);
        moa_cuda_softmax_grad (cuda, h, s, numbers_at (dy.data, dy.number, row * h.keys), 0, s, ds,
                               h.scale / h.heads, first, n);
        moa_cuda_gemm (cuda, n, h.width, h.keys, score_rows (h, ds, n), head_rows (h, k, key),
                       head_rows (h, numbers (t), row), 1, 0, h.heads);
        moa_cuda_gemm (cuda, h.keys, h.width, n, score_rows (h, ds, n, true), head_rows (h, q, row),
                       head_rows (h, dk, key), 1, first > 0 ? 1.f : 0.f, h.heads);
      }
}
