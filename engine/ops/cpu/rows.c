/* Ops on rows by index, and their gradients. */
#include "base/half.h"
#include "ops/cpu/kernel.h"

typedef struct {
  const MoaTensor *t;
  int n_tasks;
} Scatter;

/* An index as a row of n, kept inside whatever the number is. */
static gsize
row_index (real value, gsize n)
{
  return value >= 0 && value < n ? (gsize) value : 0;
}

void
KERNEL (embedding) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *ids = t->in[0]->data, *table = t->in[1]->data;
  gsize d = last_of (t), n = t->in[1]->shape.dim[0];
  MoaNumber number = t->in[1]->number;
  for (gsize i = 0; i < count_of (t->in[0]); i++)
    {
      gsize row = row_index (ids[i], n) * d;
      real *y = (real *) t->data + i * d;
      const guint16 *half = (const guint16 *) t->in[1]->data + row;
      if (moa_number_size (number) > 2)
        memcpy (y, table + row, d * sizeof (real));
      else
        for (gsize c = 0; c < d; c++)
          y[c] = number == MOA_F16 ? moa_half_to_float (half[c]) : moa_bfloat_to_float (half[c]);
    }
}

void
KERNEL (gather_rows) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *x = t->in[0]->data, *index = t->in[1]->data;
  gsize d = last_of (t), rows = t->in[0]->shape.dim[1], per_item = t->shape.dim[1];
  for (gsize i = 0; i < count_of (t->in[1]); i++)
    memcpy ((real *) t->data + i * d,
            x + (i / per_item * rows + row_index (index[i], rows)) * d, d * sizeof (real));
}

void
KERNEL (put_rows) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *x = t->in[0]->data, *rows = t->in[1]->data, *index = t->in[2]->data,
             *present = t->in[3]->data;
  gsize d = last_of (t), n = t->shape.dim[1], per_item = t->in[1]->shape.dim[1];
  real *y = t->data;
  if (x != y)
    memcpy (y, x, count_of (t) * sizeof (real));
  for (gsize i = 0; i < count_of (t->in[2]); i++)
    if (present[i] != 0)
      memcpy (y + (i / per_item * n + row_index (index[i], n)) * d, rows + i * d,
              d * sizeof (real));
}

/* Each task has some rows of the results, and looks for what is sent there. */
static void
scatter_rows_task (gpointer data, int task, int thread)
{
  const MoaTensor *t = ((const Scatter *) data)->t;
  const real *index = t->in[0]->data, *rows = t->in[1]->data;
  real *y = t->data;
  gsize d = last_of (t), n = t->shape.dim[1], per_item = t->in[0]->shape.dim[1], first, end;
  task_range (t->shape.dim[0] * n, task, ((const Scatter *) data)->n_tasks, &first, &end);
  memset (y + first * d, 0, (end - first) * d * sizeof (real));
  for (gsize i = 0; i < count_of (t->in[0]); i++)
    {
      gsize row = i / per_item * n + row_index (index[i], n);
      if (row < first || row >= end)
        continue;
      for (gsize c = 0; c < d; c++)
        y[row * d + c] += rows[i * d + c];
    }
}

void
KERNEL (scatter_rows) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  gsize n = t->shape.dim[0] * t->shape.dim[1];
  Scatter s = { t, task_count (cpu, n, 0.5 * count_of (t)) };
  moa_cpu_parallel (cpu, s.n_tasks, scatter_rows_task, &s);
}

/* Row s was used if it is present and no later one of the item went to the same place. */
static gboolean
row_used (const real *index, const real *present, gsize s, gsize n_rows, gsize n)
{
  if (present[s] == 0)
    return FALSE;
  for (gsize later = s + 1; later < n_rows; later++)
    if (present[later] != 0 && row_index (index[later], n) == row_index (index[s], n))
      return FALSE;
  return TRUE;
}

void
KERNEL (put_rows_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *dy = t->in[0]->data, *index = t->in[1]->data, *present = t->in[2]->data;
  gsize d = last_of (t), n = t->in[0]->shape.dim[1], per_item = t->shape.dim[1];
  for (gsize b = 0; b < (gsize) t->shape.dim[0]; b++, index += per_item, present += per_item)
    for (gsize s = 0; s < per_item; s++)
      {
        real *y = (real *) t->data + (b * per_item + s) * d;
        if (row_used (index, present, s, per_item, n))
          memcpy (y, dy + (b * n + row_index (index[s], n)) * d, d * sizeof (real));
        else
          memset (y, 0, d * sizeof (real));
      }
}
