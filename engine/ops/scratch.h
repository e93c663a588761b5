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

/* Winograd, see ops/cpu/winograd.h. */
#define MOA_WINO_DEPTH 128  /* channels of a transformed weight block */
#define MOA_WINO_TILES 128  /* tiles that a thread multiplies at a time */
#define MOA_WINO_BYTES (24u << 20) /* of transformed input at a time */

gboolean moa_conv2d_uses_winograd (const MoaTensor *t);
/* Distance between transformed pixels, and tiles transformed at a time. */
gsize moa_winograd_stride (gsize channels, gsize real_size);
gsize moa_winograd_tiles (gsize n_tiles, gsize channels, gsize real_size);

/* Attention: rows of q that a thread handles at a time, keys t. */
gsize moa_attention_rows (gsize n_keys, gsize n_rows, gsize real_size);
gsize moa_attention_stride (gsize n_keys); /* of a row of scores */

/* Attention maps: rows of q that a thread handles at a time. */
#define MOA_MAP_ROWS 48

#endif
