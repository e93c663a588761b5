/* Ops on rows by index, and their gradients. */
#include "ops/cuda/kernel.h"

/* An index as a row of n, kept inside whatever the number is. */
static __device__ inline unsigned
row_index (float value, unsigned n)
{
  return value >= 0 && value < n ? (unsigned) value : 0;
}

/* y[i] = x[item of i][index[i]], of n_from rows for every n_index indices. */
template <int N>
static __global__ void
gather_kernel (Numbers x, Numbers index, Numbers y, unsigned n, unsigned width, unsigned n_from,
               unsigned n_index)
{
  EACH_SOME (i, n)
    {
      unsigned s = i / width;
      y.move<N> (i, x, (s / n_index * n_from + row_index (index[s], n_from)) * width + i % width);
    }
}

static void
queue_gather (MoaCuda *cuda, const MoaTensor *t, Numbers x, Numbers index, gint64 n_from, gint64 n_index)
{
  unsigned n = count_of (t), width = last_of (t);
  Numbers y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (width, { x, y }), n, gather_kernel, x, index, y, n, width, (unsigned) n_from,
               (unsigned) n_index);
}

KERNEL (embedding)
{
  queue_gather (cuda, t, numbers (t->in[1]), numbers (t->in[0]), t->in[1]->shape.dim[0],
                count_of (t->in[0]));
}

KERNEL (gather_rows)
{
  queue_gather (cuda, t, numbers (t->in[0]), numbers (t->in[1]), t->in[0]->shape.dim[1], t->shape.dim[1]);
}

/* Row s was used if it is present and no later one of the item went to the same place. */
static __device__ inline bool
row_used (const Numbers &index, const Numbers &present, unsigned s, unsigned per_item, unsigned n)
{
  if (present[s] == 0)
    return false;
  unsigned row = row_index (index[s], n);
  for (unsigned later = s + 1; later < (s / per_item + 1) * per_item; later++)
    if (present[later] != 0 && row_index (index[later], n) == row)
      return false;
  return true;
}

/* Rows of y, n for an item, that come from `rows`. */
template <int N>
static __global__ void
put_rows_kernel (Numbers rows, Numbers index, Numbers present, Numbers y, unsigned n_numbers,
                 unsigned width, unsigned per_item, unsigned n)
{
  EACH_SOME (i, n_numbers)
    {
      unsigned s = i / width;
      if (row_used (index, present, s, per_item, n))
        y.move<N> ((s / per_item * n + row_index (index[s], n)) * width + i % width, rows, i);
    }
}

KERNEL (put_rows)
{
  unsigned n = count_of (t->in[1]), width = last_of (t);
  Numbers rows = numbers (t->in[1]), y = numbers (t);
  if (t->data != t->in[0]->data)
    moa_cuda_convert (cuda, numbers (t->in[0]), y, count_of (t));
  LAUNCH_SOME (cuda, is_wide (width, { rows, y }), n, put_rows_kernel, rows, numbers (t->in[2]),
               numbers (t->in[3]), y, n, width, (unsigned) t->in[1]->shape.dim[1],
               (unsigned) t->shape.dim[1]);
}

template <int N>
static __global__ void
put_rows_grad_kernel (Numbers dy, Numbers index, Numbers present, Numbers y, unsigned n_numbers,
                      unsigned width, unsigned per_item, unsigned n)
{
  EACH_SOME (i, n_numbers)
    {
      unsigned s = i / width, from = s / per_item * n + row_index (index[s], n);
      y.put (i, row_used (index, present, s, per_item, n) ? dy.some<N> (from * width + i % width)
                                                          : all_of<N> (0));
    }
}

KERNEL (put_rows_grad)
{
  unsigned n = count_of (t), width = last_of (t);
  Numbers dy = numbers (t->in[0]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (width, { dy, y }), n, put_rows_grad_kernel, dy, numbers (t->in[1]),
               numbers (t->in[2]), y, n, width, (unsigned) t->shape.dim[1],
               (unsigned) t->in[0]->shape.dim[1]);
}

static __global__ void
zero_kernel (Numbers y, unsigned n)
{
  EACH (i, n)
    y.put (i, 0);
}

/* The first of those that go to a row adds up all of them, in their order. */
static __global__ void
scatter_kernel (Numbers index, Numbers rows, Numbers y, unsigned n_numbers, unsigned width,
                unsigned per_item, unsigned n)
{
  EACH (i, n_numbers)
    {
      unsigned s = i / width, first = s / per_item * per_item, row = row_index (index[s], n);
      bool mine = true;
      for (unsigned k = first; k < s && mine; k++)
        mine = row_index (index[k], n) != row;
      float sum = 0;
      for (unsigned k = s; mine && k < first + per_item; k++)
        if (row_index (index[k], n) == row)
          sum += rows[k * width + i % width];
      if (mine)
        y.put ((s / per_item * n + row) * width + i % width, sum);
    }
}

KERNEL (scatter_rows)
{
  const MoaTensor *rows = t->in[1];
  unsigned n = count_of (rows), all = count_of (t);
  LAUNCH_EACH (cuda, all, zero_kernel, numbers (t), all);
  LAUNCH_EACH (cuda, n, scatter_kernel, numbers (t->in[0]), numbers (rows), numbers (t), n,
               last_of (t), (unsigned) rows->shape.dim[1], (unsigned) t->shape.dim[1]);
}
