/* The instructions of flash.h, for compute capability 8.0 on: products of 16-bit matrices by the tensor
 * cores, what brings matrices from shared memory into their registers, copies into shared memory beside other
 * work.  All but the copies are a whole warp's.  T is __half or __nv_bfloat16.
 *
 * A fragment is a lane's part of a matrix, two numbers of a row (of a column, for b) in each register.  With
 * g = lane / 4 and t = lane % 4 (PTX, "Matrix Fragments for mma.m16n8k16"):
 *
 *   a 16 x 16   a[0] row g, columns 2t and 2t + 1; a[1] row g + 8; a[2], a[3] the same of columns + 8
 *   b 16 x 8    b[0] column g, rows 2t and 2t + 1; b[1] rows + 8
 *   d 16 x 8    d[0], d[1] row g, columns 2t and 2t + 1; d[2], d[3] row g + 8 */
#ifndef MOA_CUDA_MMA_H
#define MOA_CUDA_MMA_H

#include "ops/cuda/kernel.h"

#if !defined (__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define MOA_HAVE_MMA
#endif

/* d += a b, sums in float. */
template <class T> static __device__ void mma_16816 (float (&d)[4], const uint32_t (&a)[4],
                                                     const uint32_t *b);
/* Both as T in one register, `low` in its lower half. */
template <class T> static __device__ uint32_t pack (float low, float high);

#ifdef __CUDACC__

#define MMA_16816(type, d, a, b)                                                                  \
  asm ("mma.sync.aligned.m16n8k16.row.col.f32." type "." type ".f32 {%0, %1, %2, %3}, "           \
       "{%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"                                            \
       : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                           \
       : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

template <>
__device__ inline void
mma_16816<__half> (float (&d)[4], const uint32_t (&a)[4], const uint32_t *b)
{
  MMA_16816 ("f16", d, a, b);
}

template <>
__device__ inline void
mma_16816<__nv_bfloat16> (float (&d)[4], const uint32_t (&a)[4], const uint32_t *b)
{
  MMA_16816 ("bf16", d, a, b);
}

static __device__ inline uint32_t
in_shared (const void *at)
{
  return (uint32_t) __cvta_generic_to_shared (at);
}

/* Four matrices of 8 rows of 8 numbers, 16 bytes each: lane i says where row i % 8 of matrix i / 8 is.
 * to[m]: of matrix m the row g, columns 2t and 2t + 1. */
static __device__ inline void
load_matrices (uint32_t (&to)[4], const void *row)
{
  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(in_shared (row)) : "memory");
}

/* The same with matrices turned: to[m] is rows 2t and 2t + 1 of column g. */
static __device__ inline void
load_turned (uint32_t (&to)[4], const void *row)
{
  asm volatile ("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3]) : "r"(in_shared (row)) : "memory");
}

/* Begins to copy 16 bytes into shared memory, or zeros; both places are multiples of 16. */
static __device__ inline void
copy_16 (void *to, const void *from, bool zeros)
{
  asm volatile ("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                : : "r"(in_shared (to)), "l"(from), "r"(zeros ? 0 : 16) : "memory");
}

/* Waits for the thread's own copies. */
static __device__ inline void
wait_for_copies ()
{
  asm volatile ("cp.async.wait_all;" : : : "memory");
}

/* 2^x to 2^-22 of itself, denormals as zero. */
static __device__ inline float
fast_exp2 (float x)
{
  float y;
  asm ("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

#else
#include <ptx.h> /* the same on the CPU, for tests */
#endif

template <>
__device__ inline uint32_t
pack<__half> (float low, float high)
{
  __half2 two = __floats2half2_rn (low, high);
  uint32_t bits;
  memcpy (&bits, &two, 4);
  return bits;
}

template <>
__device__ inline uint32_t
pack<__nv_bfloat16> (float low, float high)
{
  __nv_bfloat162 two = __floats2bfloat162_rn (low, high);
  uint32_t bits;
  memcpy (&bits, &two, 4);
  return bits;
}

#endif
