/* Sizes that both the scratch rules and the kernels must know. */
#ifndef MOA_SCRATCH_H
#define MOA_SCRATCH_H

#include "ops/op.h"

/* A block of A's rows that a thread copies: 192 x 256 numbers, rows a little
 * apart so that they fall on different cache sets. */
#define MOA_BLOCK_ROWS 192
#define MOA_BLOCK_STRIDE (256 + 16)

/* Rows this many bytes apart crowd into few sets of a first-level cache. */
static inline gboolean
moa_unkind_stride (gsize bytes)
{
  return bytes % 2048 == 0;
}

/* A convolution, forward or the one that a gradient is. */
typedef struct {
  gsize items, height, width, channels;  /* of the input */
  gsize out_height, out_width, n;        /* of the result */
  gsize kernel_height, kernel_width, stride;
  gssize top, left;                      /* zero rows, columns before the input; less than 0: cut */
} MoaConvSize;

/* Of a forward convolution of this shape by this one, attributes as conv2d's. */
MoaConvSize moa_conv_size (const MoaShape *x, const MoaShape *y, gint64 kernel,
                           const MoaAttrs *attr);
gboolean moa_conv_is_product (const MoaConvSize *size);
gboolean moa_conv_uses_winograd (const MoaConvSize *size);
gsize moa_conv_scratch (const MoaConvSize *size, const MoaCpu *cpu);

/* The pixels of conv2d_grad_x's result at (y, x) + multiples of the stride: dy convolved by a part
 * of the kernel's taps, without a stride. */
typedef struct {
  MoaConvSize size;
  gsize y, x, step;
  gsize last_tap;  /* which comes first */
} MoaConvPhase;

/* Phase i of stride^2; FALSE if it has no pixels. */
gboolean moa_conv_phase (const MoaTensor *t, int i, MoaConvPhase *phase);

/* Winograd, see ops/cpu/winograd.c. */
#define MOA_WINO_DEPTH 128  /* channels of a transformed weight block */
#define MOA_WINO_TILES 128  /* tiles that a thread multiplies at a time */
#define MOA_WINO_CHANNELS 48  /* of the input that a thread finds the weight's gradient for */
#define MOA_WINO_BYTES (24u << 20) /* of transformed input at a time */

/* Distance between transformed pixels, and tiles transformed at a time, where each makes 36 times
 * `width` numbers. */
gsize moa_winograd_stride (gsize channels, gsize real_size);
gsize moa_winograd_tiles (gsize n_tiles, gsize width, gsize real_size);

/* Attention: the keys, and panels of rows of q, that a thread handles at a time; the numbers that it
 * needs. */
#define MOA_ATTENTION_KEYS 144
#define MOA_ATTENTION_PANELS 4
gsize moa_attention_own (gsize width, gsize panel);

/* Its gradient: the numbers that a thread needs, and the parts of a head's rows. */
typedef struct {
  gsize block, stride, own, parts;
} MoaAttentionPlan;

MoaAttentionPlan moa_attention_grad_plan (const MoaTensor *t, const MoaCpu *cpu);

/* Attention maps: rows of q that a thread handles at a time. */
#define MOA_MAP_ROWS 48

/* A weight's gradient X^T dY, X of m rows by k, dY of m by n, is shared out in parts of X's
 * columns, of dY's panels and, where these are too few for the threads, of the rows: the parts'
 * sums are then added in their order. */
#define MOA_WEIGHT_COLUMNS 252  /* of X at most; a multiple of the register tile */
typedef struct {
  gsize k_parts, n_parts, m_parts;
} MoaWeightParts;

MoaWeightParts moa_weight_parts (gsize m, gsize n, gsize k, const MoaCpu *cpu);
gsize moa_weight_scratch (gsize m, gsize n, gsize k, const MoaCpu *cpu);
/* Numbers of a matrix of n rows in panels. */
gsize moa_panels_count (gsize n, gsize row_length, const MoaCpu *cpu);

#endif
