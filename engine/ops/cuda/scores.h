/* Attention's sizes, and attention by products over some rows of q at a time, all heads of an item in one
 * batch: what maps and wide heads share.  q B,L,C; k, v B,T,C; scores [heads][rows][T]. */
#ifndef MOA_CUDA_SCORES_H
#define MOA_CUDA_SCORES_H

#include "ops/cuda/gemm.h"

#define SCORE_BYTES ((gsize) 64 << 20) /* of a block of scores */
#define WIDEST 160                     /* channels of a head that needs no blocks of scores */

struct Heads {
  unsigned items, rows, keys, channels, heads, width; /* width: channels of a head */
  unsigned block;                                     /* rows of q at a time */
  bool causal;
  float scale;
  int number;                                         /* of q, k and v as multiplied */
};

/* By q and k; causal by the caller. */
Heads moa_cuda_heads (const MoaTensor *q, const MoaTensor *k, int heads);

static inline Heads
heads_of (const MoaTensor *attention)
{
  Heads h = moa_cuda_heads (attention->in[0], attention->in[1], attention->attr.i[0]);
  h.causal = attention->attr.i[1] != 0;
  return h;
}

/* n inputs as products take them. */
static inline gsize
operand_scratch (const MoaTensor *t, int n, int number)
{
  gsize bytes = 0;
  for (int i = 0; i < n; i++)
    bytes += as_scratch (t->in[i], number);
  return bytes;
}

/* Numbers of a block of scores. */
static inline gsize
scores_count (const Heads &h)
{
  return (gsize) h.heads * h.block * h.keys;
}

/* Bytes for n blocks of scores of that type. */
static inline gsize
scores_bytes (const Heads &h, int number)
{
  return (scores_count (h) * moa_number_size ((MoaNumber) number) + 255) / 256 * 256;
}

/* A head's rows in a tensor, from one row on; the batch goes over heads. */
static inline Matrix
head_rows (const Heads &h, Numbers x, gsize row, bool turned = false)
{
  return matrix (numbers_at (x.data, x.number, row * h.channels), h.channels, turned, h.width);
}

/* A block of scores as a matrix of n rows. */
static inline Matrix
score_rows (const Heads &h, Numbers s, unsigned n, bool turned = false)
{
  return matrix (s, h.keys, turned, (long long) n * h.keys);
}

/* Queues s = a b^T for n rows of a from row `first` of an item on, and all of b's. */
void moa_cuda_scores (MoaCuda *cuda, const Heads &h, Numbers a, Numbers b, unsigned item,
                      unsigned first, unsigned n, Numbers s);
/* Queues p = softmax (scale s) of heads * n rows, those of each head from row `first` on. */
void moa_cuda_softmax (MoaCuda *cuda, const Heads &h, Numbers s, Numbers p, unsigned first,
                       unsigned n);
/* Queues from scores s and dp, each head's dp_stride apart: p = softmax (scale s) and
 * ds = factor p (dp - sum p dp). */
void moa_cuda_softmax_grad (MoaCuda *cuda, const Heads &h, Numbers s, Numbers dp, unsigned dp_stride,
                            Numbers p, Numbers ds, float factor, unsigned first, unsigned n);

/* Queues attention on tensor cores, if the card has those of capability 8.0, all tensors have the same 16-bit
 * type and heads a multiple of 8 channels, WIDEST at most: see flash_attention.cu.  False: not possible. */
bool moa_cuda_flash_attention (MoaCuda *cuda, const MoaTensor *t, const Heads &h);
/* The same for its gradients, with dy of any type, for which there is scratch at `rest`; marks: two numbers
 * for each of marks_of() rows of all heads. */
bool moa_cuda_flash_attention_grad (MoaCuda *cuda, const MoaTensor *t, const Heads &h, float *marks,
                                    char *rest);

/* A head's rows up to whole tiles of 64. */
static inline __host__ __device__ unsigned
marks_of (const Heads &h)
{
  return (h.rows + 63) / 64 * 64;
}

#endif
