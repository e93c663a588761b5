/* Sums over some dimensions: columns where the last dimension is kept, else a warp for each result
 * and part of what is summed. */
#include "ops/cuda/columns.h"

/* Neighbouring dimensions that are both kept or both summed count as one. */
struct Axes {
  int n;
  unsigned size[MOA_MAX_DIMS], step[MOA_MAX_DIMS];

  __device__ unsigned
  offset (unsigned i) const
  {
    unsigned at = 0;
    for (int k = n - 1; k >= 0; k--)
      {
        at += i % size[k] * step[k];
        i /= size[k];
      }
    return at;
  }
};

struct Reduce {
  Axes kept, summed;
  unsigned runs, terms; /* results, or runs of them; what is summed for each */
  unsigned width;       /* the last dimension's size */
  bool last_kept;       /* a run of results is `width` numbers, else a term is */
};

static void
add_axis (Axes *axes, unsigned *count, unsigned size, unsigned step)
{
  axes->size[axes->n] = size;
  axes->step[axes->n++] = step;
  *count *= size;
}

static Reduce
reduce_of (const MoaTensor *t)
{
  const MoaShape *x = &t->in[0]->shape, *y = &t->shape;
  Reduce r;
  memset (&r, 0, sizeof (r));
  r.runs = r.terms = r.width = 1;
  r.last_kept = true;
  unsigned size[MOA_MAX_DIMS], steps[MOA_MAX_DIMS], step = 1;
  bool keeps[MOA_MAX_DIMS];
  int n = 0, shift = x->rank - y->rank;
  for (int i = x->rank - 1; i >= 0; step *= (unsigned) x->dim[i], i--)
    {
      bool keep = i >= shift && y->dim[i - shift] > 1;
      if (x->dim[i] == 1)
        continue;
      if (n > 0 && keep == keeps[n - 1])
        {
          size[n - 1] *= (unsigned) x->dim[i];
          continue;
        }
      keeps[n] = keep;
      size[n] = (unsigned) x->dim[i];
      steps[n++] = step;
    }
  if (n > 0)
    {
      r.last_kept = keeps[0];
      r.width = size[0];
    }
  for (int k = n - 1; k > 0; k--)
    if (keeps[k])
      add_axis (&r.kept, &r.runs, size[k], steps[k]);
    else
      add_axis (&r.summed, &r.terms, size[k], steps[k]);
  return r;
}

struct Term {
  Numbers x;
  Reduce r;

  __device__ void
  operator() (unsigned run, unsigned term, unsigned column, float *a, float *b) const
  {
    *a = x[r.kept.offset (run) + r.summed.offset (term) + column];
  }
};

/* As columns of one each: what add_parts_kernel takes. */
static Columns
split (const Reduce &r)
{
  if (r.last_kept)
    return columns_of (r.runs, r.terms, r.width);
  Columns c = { 1, r.terms * r.width, r.runs, 1 };
  c.parts = MIN (MAX (c.rows / 2048, 1), MIN (COLUMN_PARTS, MAX (1, 4096 / r.runs)));
  return c;
}

/* part [parts][2][runs] */
static __global__ void
runs_kernel (Numbers x, Reduce r, Columns s, float *part, unsigned n)
{
  EACH_ROW (row, n)
    {
      unsigned run = row % r.runs, p = row / r.runs;
      unsigned first = (unsigned) ((unsigned long long) s.rows * p / s.parts);
      unsigned end = (unsigned) ((unsigned long long) s.rows * (p + 1) / s.parts);
      unsigned from = r.kept.offset (run);
      float sum = 0;
      for (unsigned i = first + lane; i < end; i += 32)
        sum += x[from + r.summed.offset (i / r.width) + i % r.width];
      sum = warp_sum (sum);
      if (lane == 0)
        part[p * 2 * r.runs + run] = sum;
    }
}

gsize
moa_cuda_reduce_scratch (const MoaTensor *t)
{
  return columns_scratch (split (reduce_of (t)));
}

KERNEL (reduce)
{
  Reduce r = reduce_of (t);
  Columns s = split (r);
  unsigned n = count_of (t), rows = r.runs * s.parts;
  if (r.last_kept)
    {
      Term term = { numbers (t->in[0]), r };
      sum_columns (cuda, s, term, 1, numbers (t), 0, scratch);
      return;
    }
  LAUNCH_ROWS (cuda, rows, runs_kernel, numbers (t->in[0]), r, s, (float *) scratch, rows);
  LAUNCH_EACH (cuda, n, add_parts_kernel, s, (const float *) scratch, numbers (t), n, 0u);
}
