/* The instructions of engine/ops/cuda/mma.h on the CPU, after the layouts that the PTX manual gives: each
 * lane puts what it has where all see it, and takes from there what its own part of the result needs. */
#ifndef MOA_EMULATED_PTX_H
#define MOA_EMULATED_PTX_H

#include <cmath>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

namespace emulated {

static inline float
number_of (__half, uint32_t bits)
{
  return __half2float (__half{ (uint16_t) bits });
}

static inline float
number_of (__nv_bfloat16, uint32_t bits)
{
  return __bfloat162float (__nv_bfloat16{ (uint16_t) bits });
}

/* What the lanes of a warp multiply; b is turned. */
struct Operands {
  float a[16][16], b[8][16];
};
static_assert (sizeof (Operands) <= GIFTS, "what a warp can tell itself");

/* Row T of a matrix is where lane T of its eight says; lane l gets the two numbers of row l / 4 from column
 * l % 4 * 2 on, or turned, of column l / 4 from row l % 4 * 2 on. */
static inline void
load_matrices (const char *file, int line, uint32_t (&to)[4], const void *row, bool turned)
{
  const uint16_t **rows = (const uint16_t **) gifts ();
  unsigned l = lane ();
  rows[l] = (const uint16_t *) row;
  gather (file, line);
  for (unsigned m = 0; m < 4; m++)
    {
      uint16_t two[2];
      for (unsigned i = 0; i < 2; i++)
        two[i] = turned ? rows[8 * m + l % 4 * 2 + i][l / 4] : rows[8 * m + l / 4][l % 4 * 2 + i];
      to[m] = two[0] | (uint32_t) two[1] << 16;
    }
}

}

/* Number i of a fragment is in register i / 2, if i is even in its low half. */
template <class T>
static inline void
mma_16816 (float (&d)[4], const uint32_t (&a)[4], const uint32_t *b)
{
  emulated::Operands *all = (emulated::Operands *) emulated::gifts ();
  unsigned g = emulated::lane () / 4, t = emulated::lane () % 4;
  for (int i = 0; i < 8; i++)
    all->a[i / 2 % 2 * 8 + g][i / 4 * 8 + 2 * t + i % 2] = emulated::number_of (T (), a[i / 2] >> i % 2 * 16);
  for (int i = 0; i < 4; i++)
    all->b[g][i / 2 * 8 + 2 * t + i % 2] = emulated::number_of (T (), b[i / 2] >> i % 2 * 16);
  emulated::gather (__FILE__, __LINE__);
  float sum[4] = { 0, 0, 0, 0 };
  for (int k = 0; k < 16; k++)
    for (int i = 0; i < 4; i++)
      sum[i] += all->a[g + i / 2 * 8][k] * all->b[2 * t + i % 2][k];
  for (int i = 0; i < 4; i++)
    d[i] += sum[i];
}

static inline void
load_matrices (uint32_t (&to)[4], const void *row)
{
  emulated::load_matrices (__FILE__, __LINE__, to, row, false);
}

static inline void
load_turned (uint32_t (&to)[4], const void *row)
{
  emulated::load_matrices (__FILE__, __LINE__, to, row, true);
}

static inline void
copy_16 (void *to, const void *from, bool zeros)
{
  emulated::copy_later (to, zeros ? NULL : from);
}

static inline void
wait_for_copies ()
{
  emulated::copies_done ();
}

static inline float
fast_exp2 (float x)
{
  return exp2f (x);
}

#endif
