/* Ops that move numbers: concatenation, resampling, rows by index. */
#include "ops/cpu/kernel.h"

typedef struct {
  const MoaTensor *t;
  gsize n;
  int n_tasks;
} Move;

static void
run_move (const MoaTensor *t, MoaCpu *cpu, gsize n, MoaTaskFunc func)
{
  Move move = { t, n, task_count (cpu, n, 0.5 * count_of (t)) };
  moa_cpu_parallel (cpu, move.n_tasks, func, &move);
}

/* Numbers from `axis` on: one run of a concatenation. */
static gsize
run_length (const MoaTensor *t, int axis)
{
  gsize n = 1;
  for (int i = axis; i < t->shape.rank; i++)
    n *= t->shape.dim[i];
  return n;
}

static void
concat_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  const MoaTensor *a = m->t->in[0], *b = m->t->in[1];
  gsize na = run_length (a, m->t->attr.i[0]), nb = run_length (b, m->t->attr.i[0]), first, end;
  task_range (m->n, task, m->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    {
      real *y = (real *) m->t->data + i * (na + nb);
      memcpy (y, (const real *) a->data + i * na, na * sizeof (real));
      memcpy (y + na, (const real *) b->data + i * nb, nb * sizeof (real));
    }
}

void
KERNEL (concat) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, count_of (t) / run_length (t, t->attr.i[0]), concat_task);
}

/* Nearest: source = floor (i * in / out), as torch's interpolate. */
static void
upsample_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  const MoaTensor *x = m->t->in[0];
  gsize h = x->shape.dim[1], w = x->shape.dim[2], c = x->shape.dim[3];
  gsize oh = m->t->shape.dim[1], ow = m->t->shape.dim[2], first, end;
  task_range (m->n, task, m->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *from = (const real *) x->data + (row / oh * h + row % oh * h / oh) * w * c;
      real *y = (real *) m->t->data + row * ow * c;
      for (gsize i = 0; i < ow; i++)
        memcpy (y + i * c, from + i * w / ow * c, c * sizeof (real));
    }
}

void
KERNEL (upsample) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, t->shape.dim[0] * t->shape.dim[1], upsample_task);
}

static void
avg_pool_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  const MoaTensor *x = m->t->in[0];
  gsize w = x->shape.dim[2], c = x->shape.dim[3], k = m->t->attr.i[0], first, end;
  gsize oh = m->t->shape.dim[1], ow = m->t->shape.dim[2], h = x->shape.dim[1];
  task_range (m->n, task, m->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    for (gsize i = 0; i < ow * c; i++)
      {
        const real *from = (const real *) x->data +
                           ((row / oh * h + row % oh * k) * w + i / c * k) * c + i % c;
        real sum = 0;
        for (gsize dy = 0; dy < k; dy++)
          for (gsize dx = 0; dx < k; dx++)
            sum += from[(dy * w + dx) * c];
        ((real *) m->t->data)[row * ow * c + i] = sum / (k * k);
      }
}

void
KERNEL (avg_pool) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, t->shape.dim[0] * t->shape.dim[1], avg_pool_task);
}

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
  for (gsize i = 0; i < count_of (t->in[0]); i++)
    memcpy ((real *) t->data + i * d, table + row_index (ids[i], n) * d, d * sizeof (real));
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
      memcpy (y + (i / per_item * n + row_index (index[i], n)) * d, rows + i * d, d * sizeof (real));
}
