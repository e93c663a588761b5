/* Products by cuBLAS, matrices row by row: C = alpha op (A) op (B) + beta C, in batches a stride apart.
 *
 * Bias and residual are written to C first, and beta is 1 then: one more write and read of C.  What the
 * epilogues of cublasLt could save at most, in Stable Diffusion 1.5's U-Net at 64 x 64 in float16: 186
 * results have a bias, 189 million numbers or 2 MB each; 0.23 ms of an H100's 3.3 TB/s, were they not in its
 * cache of 50 MB, and 186 launches in a graph, some 2 us each, 0.37 ms.  cublasLt wants a bias of C's type,
 * where ours stays float beside results of 16 bits, and a search for the algorithm of each shape, which
 * nothing but a card can test.  So this waits until a card has shown that it matters. */
#ifndef MOA_CUDA_GEMM_H
#define MOA_CUDA_GEMM_H

#include "ops/cuda/kernel.h"

struct Matrix {
  Numbers x;
  unsigned step;    /* numbers from row to row */
  bool turned;      /* its rows are the product's columns */
  long long stride; /* numbers from one of the batch to the next */
};

static inline Matrix
matrix (Numbers x, unsigned step, bool turned = false, long long stride = 0)
{
  Matrix m = { x, step, turned, stride };
  return m;
}

/* a and b of the same type, floats of 10 bits if the device says tf32; sums in float. */
void moa_cuda_gemm (MoaCuda *cuda, unsigned m, unsigned n, unsigned k, const Matrix &a,
                    const Matrix &b, const Matrix &c, float alpha = 1, float beta = 0,
                    unsigned batch = 1);

/* x as `number` says: itself, or converted into *scratch, which moves on. */
Numbers moa_cuda_as (MoaCuda *cuda, Numbers x, gsize n, int number, char **scratch);
/* The scratch that it may take. */
static inline gsize
as_scratch (const MoaTensor *x, int number)
{
  return (int) x->number == number ? 0 : (count_of (x) * moa_number_size ((MoaNumber) number) + 255) / 256 * 256;
}

/* y = bias + add, either may be none, add may be y: the start of a product's sum.  Returns beta. */
float moa_cuda_start (MoaCuda *cuda, const MoaTensor *bias, const MoaTensor *add, Numbers y, gsize n,
                      unsigned width);

#endif
