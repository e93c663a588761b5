/* The cases; see op-cases.h.  Sizes straddle vectors (4, 8, 16), panels (8, 16, 32), tiles of rows
 * (6, 12) and blocks (48, 64, 192, 256). */
#include "op-cases.h"

#define IN(...) op_input (run, MOA_SHAPE (__VA_ARGS__), OP_NORMAL, 0)
#define INDEX(below, ...) op_input (run, MOA_SHAPE (__VA_ARGS__), OP_INDEX, below)
#define FLAG(...) op_input (run, MOA_SHAPE (__VA_ARGS__), OP_FLAG, 0)
#define PLAIN(...) op_weight (run, MOA_SHAPE (__VA_ARGS__), MOA_PLAIN)
#define PANELS(...) op_weight (run, MOA_SHAPE (__VA_ARGS__), MOA_PANELS)
#define BUILD(name) static MoaTensor *name (OpRun *run, const int *p)
#define G op_graph (run)

/* batch, tokens, K, N, bias, residual */
BUILD (linear)
{
  MoaTensor *x = IN (p[0], p[1], p[2]), *w = PANELS (p[3], p[2]);
  MoaTensor *bias = p[4] ? PLAIN (p[3]) : NULL;
  return moa_linear (G, x, w, bias, p[5] ? IN (p[0], p[1], p[3]) : NULL);
}

/* batch, H, W, C, N, kernel, stride, before, after, bias and residual; kernel 0: a matrix */
BUILD (conv2d)
{
  int k = MAX (p[5], 1), pad = p[7] + p[8];
  MoaTensor *x = IN (p[0], p[1], p[2], p[3]);
  MoaTensor *w = p[5] ? PANELS (p[4], p[3], k, k) : PANELS (p[4], p[3]);
  MoaTensor *bias = p[9] ? PLAIN (p[4]) : NULL, *residual = NULL;
  if (p[9])
    residual = IN (p[0], (p[1] + pad - k) / p[6] + 1, (p[2] + pad - k) / p[6] + 1, p[4]);
  return moa_conv2d (G, x, w, bias, residual, p[6], p[7], p[8]);
}

/* The same without bias, of results, which a device with numbers of its own holds in those. */
BUILD (conv2d_results)
{
  MoaTensor *x = moa_scale (G, IN (p[0], p[1], p[2], p[3]), 2, 0);
  MoaTensor *both = moa_concat (G, x, moa_upsample (G, x, p[1], p[2]), 3);
  return moa_conv2d (G, both, PANELS (p[4], 2 * p[3], p[5], p[5]), NULL, NULL, p[6], p[7], p[8]);
}

/* batch, L, T, C, heads, causal; T = 0: self-attention, all three the same tensor */
BUILD (attention)
{
  MoaTensor *q = IN (p[0], p[1], p[3]), *k = q, *v = q;
  if (p[2])
    {
      k = IN (p[0], p[2], p[3]);
      v = IN (p[0], p[2], p[3]);
    }
  return moa_attention (G, q, k, v, p[4], p[5]);
}

/* batch, L, T, C, heads */
BUILD (attention_map)
{
  MoaTensor *q = IN (p[0], p[1], p[3]), *k = IN (p[0], p[2], p[3]);
  return moa_attention_map (G, q, k, p[4]);
}

/* batch, H, W, C, groups, SiLU */
BUILD (group_norm)
{
  MoaTensor *x = IN (p[0], p[1], p[2], p[3]), *gamma = PLAIN (p[3]), *beta = PLAIN (p[3]);
  return moa_group_norm (G, x, gamma, beta, p[4], 1e-5, p[5]);
}

/* The same with a mean that is far from zero. */
BUILD (group_norm_far)
{
  MoaTensor *x = moa_scale (G, IN (p[0], p[1], p[2], p[3]), 1, 8), *gamma = PLAIN (p[3]);
  return moa_group_norm (G, x, gamma, PLAIN (p[3]), p[4], 1e-5, p[5]);
}

/* batch, tokens, C */
BUILD (layer_norm)
{
  MoaTensor *x = IN (p[0], p[1], p[2]), *gamma = PLAIN (p[2]), *beta = PLAIN (p[2]);
  return moa_layer_norm (G, x, gamma, beta, 1e-5);
}

/* rows, C, which */
BUILD (activation)
{
  return moa_activation (G, IN (p[0], p[1]), p[2]);
}

/* rows, C, which */
BUILD (unary)
{
  return moa_unary (G, IN (p[0], p[1]), p[2]);
}

/* rows, classes */
BUILD (cross_entropy)
{
  MoaTensor *x = IN (p[0], p[1]);
  return moa_cross_entropy (G, x, op_input (run, MOA_SHAPE (p[0], p[1]), OP_FLAG, 0));
}

/* rows, 2C */
BUILD (geglu)
{
  return moa_geglu (G, IN (p[0], p[1]));
}

/* a's four dimensions, b's */
BUILD (add)
{
  MoaTensor *a = IN (p[0], p[1], p[2], p[3]);
  return moa_add (G, a, IN (p[4], p[5], p[6], p[7]));
}

BUILD (mul)
{
  MoaTensor *a = IN (p[0], p[1], p[2], p[3]);
  return moa_mul (G, a, IN (p[4], p[5], p[6], p[7]));
}

BUILD (square)
{
  MoaTensor *a = IN (p[0], p[1]);
  return moa_mul (G, a, a);
}

/* rows, C, of a parameter seen as another shape */
BUILD (add_positions)
{
  MoaTensor *a = IN (2, p[0], p[1]), *table = PLAIN (p[0] + 2, p[1]);
  return moa_add (G, a, moa_graph_slice (G, table, p[1], MOA_SHAPE (1, p[0], p[1])));
}

BUILD (scale)
{
  return moa_scale (G, IN (p[0], p[1]), -1.75, 0.5);
}

/* x's four dimensions; then which of them to keep */
BUILD (reduce)
{
  MoaShape shape = { .rank = 4 };
  for (int i = 0; i < 4; i++)
    shape.dim[i] = p[4 + i] ? p[i] : 1;
  return moa_reduce (G, IN (p[0], p[1], p[2], p[3]), shape);
}

BUILD (reduce_left)
{
  return moa_reduce (G, IN (p[0], p[1], p[2]), p[3] ? MOA_SHAPE (p[2]) : MOA_SHAPE (1));
}

/* B, H, Ca, Cb, axis */
BUILD (concat)
{
  MoaShape a = MOA_SHAPE (p[0], p[1], p[2]), b = a;
  b.dim[p[4]] = p[3];
  MoaTensor *x = op_input (run, a, OP_NORMAL, 0);
  return moa_concat (G, x, op_input (run, b, OP_NORMAL, 0), p[4]);
}

/* three dimensions, axis, first, n */
BUILD (take)
{
  return moa_take (G, IN (p[0], p[1], p[2]), p[3], p[4], p[5]);
}

BUILD (pad)
{
  return moa_pad (G, IN (p[0], p[1], p[2]), p[3], p[4], p[5]);
}

/* two dimensions, part, first, base */
BUILD (add_at)
{
  MoaTensor *part = IN (p[2]), *base = p[4] ? IN (p[0], p[1]) : NULL;
  return moa_add_at (G, MOA_SHAPE (p[0], p[1]), base, part, p[3]);
}

/* Two overlapping views of one result, and the whole of it in another shape. */
BUILD (views)
{
  MoaTensor *x = moa_scale (G, IN (p[0], p[1]), 2, 0);
  MoaTensor *a = moa_graph_slice (G, x, 1, MOA_SHAPE (p[1], 2));
  MoaTensor *b = moa_graph_slice (G, x, p[1], MOA_SHAPE (p[1], 2));
  MoaTensor *all = moa_graph_reshape (G, x, MOA_SHAPE (p[1], p[0]));
  return moa_mul (G, moa_concat (G, moa_mul (G, a, b), all, 1), moa_concat (G, all, a, 1));
}

/* the shape, with 0 where it is repeated; repetitions */
BUILD (broadcast)
{
  MoaShape from = { .rank = 3 }, to = from;
  for (int i = 0; i < 3; i++)
    {
      from.dim[i] = MAX (p[i], 1);
      to.dim[i] = p[i] ? p[i] : p[3];
    }
  return moa_broadcast (G, op_input (run, from, OP_NORMAL, 0), to);
}

/* batch, H, W, C, height, width */
BUILD (upsample)
{
  return moa_upsample (G, IN (p[0], p[1], p[2], p[3]), p[4], p[5]);
}

BUILD (resize)
{
  return moa_resize (G, IN (p[0], p[1], p[2], p[3]), p[4], p[5]);
}

/* batch, H, W, C, k */
BUILD (avg_pool)
{
  return moa_avg_pool (G, IN (p[0], p[1], p[2], p[3]), p[4]);
}

/* batch, T, vocabulary, D */
BUILD (embedding)
{
  MoaTensor *ids = INDEX (p[2], p[0], p[1]);
  return moa_embedding (G, ids, PLAIN (p[2], p[3]));
}

/* batch, T, D, S; more S than T: some twice */
BUILD (gather_rows)
{
  MoaTensor *x = IN (p[0], p[1], p[2]);
  return moa_gather_rows (G, x, INDEX (p[1], p[0], p[3]));
}

BUILD (scatter_rows)
{
  MoaTensor *index = INDEX (p[1], p[0], p[3]);
  return moa_scatter_rows (G, index, IN (p[0], p[3], p[2]), p[1]);
}

BUILD (put_rows)
{
  MoaTensor *x = IN (p[0], p[1], p[2]), *rows = IN (p[0], p[3], p[2]);
  MoaTensor *index = INDEX (p[1], p[0], p[3]);
  return moa_put_rows (G, x, rows, index, FLAG (p[0], p[3]));
}

/* batch, width, largest timestep */
BUILD (time_embedding)
{
  return moa_time_embedding (G, INDEX (p[2], p[0]), p[1]);
}

/* batch, F, largest timestep, layer */
BUILD (fourier)
{
  MoaTensor *t = INDEX (p[2], p[0]);
  return moa_fourier (G, t, PLAIN (p[1], 2), p[3]);
}

/* batch, L, limit */
BUILD (router_weight)
{
  MoaTensor *logits = IN (p[0], p[1], 2);
  return moa_router_weight (G, logits, p[2] ? IN (p[0], p[1], 1) : NULL);
}

/* batch, L, C */
BUILD (mix)
{
  MoaTensor *prior = IN (p[0], p[1], p[2]), *mine = IN (p[0], p[1], p[2]);
  return moa_mix (G, prior, mine, IN (p[0], p[1], 1));
}

/* Rounding.  One or two operations a number: 4.  A function by polynomials: 32.  Sums of n products
 * in n steps lose up to n / 2, in practice about sqrt (n), to the largest result; the gradients of
 * weights sum over all pixels.  Winograd's transforms lose some ten times that. */
const OpCase op_cases[] = {
  { "linear", { 1, 1, 1, 1, 1, 0 }, linear, naive_linear, 8 },
  { "linear", { 3, 7, 5, 3, 0, 1 }, linear, naive_linear, 16 },
  { "linear", { 2, 13, 35, 33, 1, 1 }, linear, naive_linear, 32 },
  { "linear", { 1, 1, 300, 45, 1, 0 }, linear, naive_linear, 64 },
  { "linear", { 1, 205, 19, 70, 1, 0 }, linear, naive_linear, 64 },
  { "linear", { 2, 50, 512, 66, 0, 1 }, linear, naive_linear, 96 },
  { "linear", { 1, 5, 9, 16, 1, 1 }, linear, naive_linear, 32 },
  { "conv2d", { 1, 1, 1, 1, 1, 3, 1, 1, 1, 1 }, conv2d, naive_conv2d, 16 },
  { "conv2d", { 2, 5, 7, 3, 5, 3, 1, 1, 1, 1 }, conv2d, naive_conv2d, 32 },
  { "conv2d", { 3, 4, 3, 18, 35, 1, 1, 0, 0, 1 }, conv2d, naive_conv2d, 32 },
  { "conv2d", { 2, 5, 4, 9, 11, 0, 1, 0, 0, 0 }, conv2d, naive_conv2d, 32 },
  { "conv2d", { 2, 7, 9, 5, 6, 3, 2, 1, 1, 1 }, conv2d, naive_conv2d, 32 },
  { "conv2d", { 1, 8, 6, 17, 9, 3, 2, 0, 1, 0 }, conv2d, naive_conv2d, 48 },
  { "conv2d", { 2, 9, 9, 3, 10, 4, 4, 0, 0, 0 }, conv2d, naive_conv2d, 32 },
  { "conv2d", { 1, 6, 5, 33, 34, 3, 1, 1, 1, 0 }, conv2d, naive_conv2d, 64 },
  { "conv2d", { 2, 5, 4, 16, 8, 3, 2, 1, 1, 1 }, conv2d, naive_conv2d, 64 },
  { "conv2d", { 2, 5, 4, 8, 3, 3, 1, 1, 1 }, conv2d_results, NULL, 64 },
  { "conv2d", { 1, 3, 5, 150, 3, 3, 1, 1, 1 }, conv2d_results, NULL, 96 },
  { "conv2d", { 1, 14, 11, 64, 64, 3, 1, 1, 1, 1 }, conv2d, naive_conv2d, 400 },
  { "conv2d", { 3, 8, 6, 67, 75, 3, 1, 1, 1, 0 }, conv2d, naive_conv2d, 400 },
  { "attention", { 1, 1, 1, 1, 1, 0 }, attention, naive_attention, 16 },
  { "attention", { 2, 7, 5, 6, 2, 0 }, attention, naive_attention, 48 },
  { "attention", { 3, 19, 0, 20, 4, 1 }, attention, naive_attention, 64 },
  { "attention", { 1, 13, 33, 35, 1, 0 }, attention, naive_attention, 64 },
  { "attention", { 1, 9, 531, 10, 2, 0 }, attention, naive_attention, 64 },
  { "attention", { 1, 205, 0, 12, 3, 0 }, attention, naive_attention, 64 },
  { "attention_map", { 1, 1, 1, 1, 1 }, attention_map, naive_attention_map, 16 },
  { "attention_map", { 2, 7, 5, 6, 2 }, attention_map, naive_attention_map, 48 },
  { "attention_map", { 3, 101, 37, 20, 4 }, attention_map, naive_attention_map, 64 },
  { "attention_map", { 1, 49, 77, 35, 1 }, attention_map, naive_attention_map, 64 },
  { "group_norm", { 1, 1, 2, 9, 3, 0 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 2, 5, 3, 6, 2, 1 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 3, 9, 11, 36, 4, 0 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 1, 13, 7, 96, 32, 1 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 2, 6, 7, 80, 8, 1 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 1, 17, 19, 32, 8, 0 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 2, 25, 23, 9, 1, 0 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 1, 2, 3, 522, 2, 0 }, group_norm, naive_group_norm, 48 },
  { "group_norm", { 2, 13, 21, 16, 2, 0 }, group_norm_far, NULL, 96 },
  { "layer_norm", { 1, 3, 5 }, layer_norm, naive_layer_norm, 48 },
  { "layer_norm", { 2, 5, 37 }, layer_norm, naive_layer_norm, 48 },
  { "layer_norm", { 3, 67, 100 }, layer_norm, naive_layer_norm, 48 },
  { "layer_norm", { 2, 5, 328 }, layer_norm, naive_layer_norm, 48 },
  { "activation", { 3, 13, MOA_ACT_SILU }, activation, NULL, 32 },
  { "activation", { 257, 13, MOA_ACT_GELU }, activation, NULL, 32 },
  { "activation", { 3, 13, MOA_ACT_QUICK_GELU }, activation, NULL, 32 },
  { "activation", { 257, 8, MOA_ACT_SILU }, activation, NULL, 32 },
  { "unary", { 3, 13, MOA_EXP }, unary, NULL, 32 },
  { "unary", { 257, 13, MOA_ABS }, unary, NULL, 4 },
  { "unary", { 3, 13, MOA_SIGN }, unary, NULL, 4 },
  { "cross_entropy", { 1, 1 }, cross_entropy, NULL, 32 },
  { "cross_entropy", { 67, 9 }, cross_entropy, NULL, 32 },
  { "geglu", { 3, 2 }, geglu, NULL, 32 },
  { "geglu", { 53, 74 }, geglu, NULL, 32 },
  { "geglu", { 8, 18 }, geglu, NULL, 32 },
  { "geglu", { 5, 48 }, geglu, NULL, 32 },
  { "add", { 2, 3, 5, 7, 2, 3, 5, 7 }, add, NULL, 4 },
  { "add", { 3, 2, 5, 67, 1, 1, 1, 67 }, add, NULL, 16 },
  { "add", { 2, 3, 5, 7, 2, 1, 1, 7 }, add, NULL, 8 },
  { "add", { 2, 3, 5, 7, 1, 3, 1, 1 }, add, NULL, 16 },
  { "add", { 3, 33, 21, 9, 3, 1, 1, 9 }, add, NULL, 32 },
  { "add", { 5, 9 }, add_positions, NULL, 8 },
  { "add", { 2, 3, 5, 8, 2, 3, 5, 8 }, add, NULL, 4 },
  { "add", { 2, 3, 4, 24, 2, 1, 1, 24 }, add, NULL, 16 },
  { "add", { 2, 2, 2, 7, 2, 1, 1, 7 }, add, NULL, 8 },
  { "add", { 2, 3, 5, 8, 1, 3, 1, 1 }, add, NULL, 16 },
  { "add", { 2, 3, 5, 8, 1, 3, 1, 8 }, add, NULL, 16 },
  { "add", { 8, 8 }, add_positions, NULL, 8 },
  { "add", { 8, 9 }, add_positions, NULL, 8 },
  { "mul", { 2, 3, 5, 7, 2, 3, 5, 7 }, mul, NULL, 8 },
  { "mul", { 3, 5, 9, 11, 3, 5, 9, 1 }, mul, NULL, 16 },
  { "mul", { 2, 3, 5, 7, 1, 1, 1, 1 }, mul, NULL, 32 },
  { "mul", { 9, 13 }, square, NULL, 8 },
  { "mul", { 3, 5, 3, 16, 3, 5, 3, 1 }, mul, NULL, 16 },
  { "mul", { 8, 13 }, square, NULL, 8 },
  { "scale", { 9, 13 }, scale, NULL, 4 },
  { "scale", { 8, 13 }, scale, NULL, 4 },
  { "reduce", { 3, 5, 7, 9, 0, 0, 0, 0 }, reduce, NULL, 16 },
  { "reduce", { 3, 5, 7, 9, 1, 0, 0, 1 }, reduce, NULL, 16 },
  { "reduce", { 3, 5, 7, 9, 0, 1, 0, 1 }, reduce, NULL, 16 },
  { "reduce", { 3, 5, 7, 9, 1, 0, 1, 0 }, reduce, NULL, 16 },
  { "reduce", { 2, 5, 41, 130, 0, 0, 0, 1 }, reduce, NULL, 32 },
  { "reduce", { 3, 1, 7, 150, 1, 1, 1, 0 }, reduce, NULL, 16 },
  { "reduce", { 5, 31, 9, 1 }, reduce_left, NULL, 16 },
  { "reduce", { 5, 31, 9, 0 }, reduce_left, NULL, 16 },
  { "concat", { 2, 3, 5, 7, 2 }, concat, NULL, 0 },
  { "concat", { 3, 5, 2, 4, 1 }, concat, NULL, 0 },
  { "concat", { 2, 3, 8, 16, 2 }, concat, NULL, 0 },
  { "concat", { 4, 5, 2, 3, 1 }, concat, NULL, 0 },
  { "take", { 3, 5, 7, 1, 2, 2 }, take, NULL, 0 },
  { "take", { 3, 5, 7, 2, 4, 3 }, take, NULL, 0 },
  { "take", { 3, 5, 24, 2, 8, 8 }, take, NULL, 0 },
  { "take", { 3, 5, 24, 2, 4, 8 }, take, NULL, 0 },
  { "pad", { 3, 5, 7, 1, 2, 9 }, pad, NULL, 0 },
  { "pad", { 3, 5, 7, 2, 0, 8 }, pad, NULL, 0 },
  { "pad", { 3, 5, 8, 1, 2, 9 }, pad, NULL, 0 },
  { "pad", { 3, 5, 8, 2, 3, 16 }, pad, NULL, 0 },
  { "add_at", { 5, 7, 11, 9, 0 }, add_at, NULL, 0 },
  { "add_at", { 5, 7, 11, 24, 1 }, add_at, NULL, 4 },
  { "add_at", { 5, 7 }, views, NULL, 16 },
  { "add_at", { 5, 8 }, views, NULL, 16 },
  { "broadcast", { 3, 0, 7, 5 }, broadcast, NULL, 8 },
  { "broadcast", { 0, 5, 0, 3 }, broadcast, NULL, 8 },
  { "broadcast", { 3, 0, 8, 5 }, broadcast, NULL, 8 },
  { "broadcast", { 0, 5, 0, 8 }, broadcast, NULL, 8 },
  { "upsample", { 2, 3, 5, 7, 6, 10 }, upsample, NULL, 8 },
  { "upsample", { 1, 4, 3, 9, 7, 5 }, upsample, NULL, 8 },
  { "upsample", { 1, 5, 4, 2, 3, 4 }, upsample, NULL, 8 },
  { "upsample", { 1, 3, 2, 8, 7, 4 }, upsample, NULL, 8 },
  { "resize", { 2, 3, 5, 1, 12, 10 }, resize, naive_resize, 16 },
  { "resize", { 1, 4, 1, 3, 7, 5 }, resize, naive_resize, 16 },
  { "resize", { 3, 7, 9, 2, 3, 4 }, resize, naive_resize, 16 },
  { "avg_pool", { 2, 6, 9, 5, 3 }, avg_pool, NULL, 8 },
  { "avg_pool", { 3, 5, 7, 3, 1 }, avg_pool, NULL, 4 },
  { "embedding", { 3, 7, 11, 5 }, embedding, NULL, 8 },
  { "embedding", { 3, 7, 11, 8 }, embedding, NULL, 8 },
  { "gather_rows", { 3, 5, 7, 9 }, gather_rows, NULL, 16 },
  { "gather_rows", { 3, 5, 8, 9 }, gather_rows, NULL, 16 },
  { "gather_rows", { 2, 5, 6, 4 }, gather_rows, NULL, 16 },
  { "scatter_rows", { 3, 5, 7, 9 }, scatter_rows, NULL, 16 },
  { "put_rows", { 3, 5, 7, 6 }, put_rows, NULL, 0 },
  { "put_rows", { 3, 5, 8, 6 }, put_rows, NULL, 0 },
  { "time_embedding", { 3, 10, 4 }, time_embedding, NULL, 16 },
  { "fourier", { 3, 9, 4, 5 }, fourier, NULL, 64 },
  { "router_weight", { 2, 7, 0 }, router_weight, NULL, 16 },
  { "router_weight", { 3, 13, 1 }, router_weight, NULL, 16 },
  { "mix", { 2, 7, 5 }, mix, NULL, 16 },
  { "mix", { 3, 13, 35 }, mix, NULL, 32 },
  { "mix", { 3, 13, 24 }, mix, NULL, 32 },
  { "mix", { 2, 8, 6 }, mix, NULL, 16 },
  { NULL }
};
