/* The product at the heart of linear, convolution and attention:
 * C[m x n] = A[m x k] B[k x n] (+ bias) (+ add), B packed in panels of PANEL
 * columns: [k][PANEL].
 *
 * A tile of ROWS x PANEL results stays in registers while k runs; A is read in
 * place, row by row, through broadcasts, so activations need no packing when
 * their row stride is kind to the cache. */
#ifndef MOA_GEMM_H
#define MOA_GEMM_H

#include "ops/cpu/packed.h"

/* Rows of a register tile: 2 * ROWS accumulators, 2 of B, 1 of A. */
#if VL == 16
#define ROWS 12
#else
#define ROWS 6
#endif

/* Depth of one block: a panel's block of B stays in the first-level cache. */
#define DEPTH 256

#define ALWAYS_INLINE static inline __attribute__ ((always_inline))

#define gemm_tile KERNEL (gemm_tile)
#define gemm_tile_turned KERNEL (gemm_tile_turned)
#define gemm_block KERNEL (gemm_block)
#define gemm_packed KERNEL (gemm_packed)

/* m <= ROWS rows and n <= PANEL columns: a's rows are lda apart, b's PANEL, c's ldc.  c = a b + bias
 * (NULL: 0) + add (NULL: 0; may be c itself, rows ldadd apart). */
void gemm_tile (int m, const real *a, gsize lda, const real *b, gsize k, real *c, gsize ldc, int n,
                const real *bias, const real *add, gsize ldadd);

/* The same with A turned, as gradients of weights want it: c = a^T b + add, a's k rows of m numbers
 * lda apart; n is VL or PANEL. */
void gemm_tile_turned (int m, const real *a, gsize lda, const real *b, gsize k, real *c, gsize ldc,
                       int n, const real *add, gsize ldadd);

/* Rows m by panels of a packed B with `depth` rows in all: block [k0, k0 + k) of them.  a is A's
 * block; b, c, bias, add begin at the first panel. */
void gemm_block (gsize m, const real *a, gsize lda, const real *b, gsize depth, gsize k0, gsize k,
                 gsize n, real *c, gsize ldc, const real *bias, const real *add, gsize ldadd);

/* The same with B's panels from `panel` on, however they are held; k <= DEPTH. */
void gemm_packed (gsize m, const real *a, gsize lda, const Packed *b, gsize panel, gsize k0, gsize k,
                  gsize n, real *c, gsize ldc, const real *bias, const real *add, gsize ldadd);

#endif
