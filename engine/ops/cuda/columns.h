/* Sums over rows of one or two quantities for each column, in parts that are then added in their
 * order: the same bits each time.  What group norm's sums, layer norm's affine gradients and reduce
 * share. */
#ifndef MOA_CUDA_COLUMNS_H
#define MOA_CUDA_COLUMNS_H

#include "ops/cuda/kernel.h"

#define COLUMN_PARTS 64
#define COLUMN_LANES 8

struct Columns {
  unsigned batch, rows, columns;
  unsigned parts; /* of the rows */
};

static inline Columns
columns_of (gsize batch, gsize rows, gsize columns)
{
  Columns c = { (unsigned) batch, (unsigned) rows, (unsigned) columns, 1 };
  gsize parts = rows / 128, blocks = batch * parts_of (columns, 32);
  /* A few hundred blocks fill a card. */
  c.parts = (unsigned) MIN (MIN (MAX (parts, 1), COLUMN_PARTS), MAX (1, 512 / blocks));
  return c;
}

/* Bytes of scratch. */
static inline gsize
columns_scratch (const Columns &c)
{
  return (gsize) c.batch * c.parts * 2 * c.columns * sizeof (float);
}

/* term (batch, row, column, &a, &b).  part [batch][parts][2][columns]; grid: batch and columns
 * by 32, parts; block 32 x COLUMN_LANES. */
template <class Term>
static __global__ void
columns_kernel (Columns s, Term term, float *part)
{
  MOA_SHARED (float, shared);
  unsigned across = (s.columns + 31) / 32, batch = blockIdx.x / across;
  unsigned column = blockIdx.x % across * 32 + threadIdx.x;
  unsigned lane = threadIdx.y, at = lane * 32 + threadIdx.x;
  unsigned first = (unsigned) ((unsigned long long) s.rows * blockIdx.y / s.parts);
  unsigned end = (unsigned) ((unsigned long long) s.rows * (blockIdx.y + 1) / s.parts);
  float sum_a = 0, sum_b = 0;
  /* 64 at a time, so that long sums round little. */
  for (unsigned some = first + lane; column < s.columns && some < end; some += 64 * COLUMN_LANES)
    {
      float part_a = 0, part_b = 0;
      for (unsigned row = some; row < min (some + 64 * COLUMN_LANES, end); row += COLUMN_LANES)
        {
          float a = 0, b = 0;
          term (batch, row, column, &a, &b);
          part_a += a;
          part_b += b;
        }
      sum_a += part_a;
      sum_b += part_b;
    }
  shared[at] = sum_a;
  shared[COLUMN_LANES * 32 + at] = sum_b;
  __syncthreads ();
  if (lane >= 2 || column >= s.columns)
    return;
  float sum = 0;
  for (unsigned i = 0; i < COLUMN_LANES; i++)
    sum += shared[(lane * COLUMN_LANES + i) * 32 + threadIdx.x];
  part[((batch * s.parts + blockIdx.y) * 2 + lane) * s.columns + column] = sum;
}

/* The parts of quantity k of n, to y[k * plane + batch * columns + column]. */
static __global__ void
add_parts_kernel (Columns s, const float *part, Numbers y, unsigned n, unsigned plane)
{
  EACH (i, n)
    {
      unsigned k = i / (s.batch * s.columns), at = i % (s.batch * s.columns);
      unsigned batch = at / s.columns, column = at % s.columns;
      double sum = 0;
      for (unsigned p = 0; p < s.parts; p++)
        sum += part[((batch * s.parts + p) * 2 + k) * s.columns + column];
      y.put (k * plane + at, (float) sum);
    }
}

template <class Term>
static void
sum_columns (MoaCuda *cuda, const Columns &s, Term term, int quantities, Numbers y, unsigned plane,
             void *scratch)
{
  unsigned n = quantities * s.batch * s.columns;
  MOA_LAUNCH (cuda, (columns_kernel<Term>), dim3 (parts_of (s.columns, 32) * s.batch, s.parts),
              dim3 (32, COLUMN_LANES), 2 * COLUMN_LANES * 32 * sizeof (float), s, term,
              (float *) scratch);
  LAUNCH_EACH (cuda, n, add_parts_kernel, s, (const float *) scratch, y, n, plane);
}

#endif
