/* Ops that move numbers: joining and cutting, whole pixels up and down. */
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

/* take and pad: runs of an axis, one inside the other; the longer has zeros or is cut. */
static void
take_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  int axis = m->t->attr.i[0];
  gsize n = run_length (m->t, axis), all = run_length (m->t->in[0], axis), first, end;
  gsize before = m->t->attr.i[1] * (n / m->t->shape.dim[axis]);
  task_range (m->n, task, m->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    memcpy ((real *) m->t->data + i * n, (const real *) m->t->in[0]->data + i * all + before,
            n * sizeof (real));
}

void
KERNEL (take) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, count_of (t) / run_length (t, t->attr.i[0]), take_task);
}

static void
pad_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  int axis = m->t->attr.i[0];
  gsize all = run_length (m->t, axis), n = run_length (m->t->in[0], axis), first, end;
  gsize before = m->t->attr.i[1] * (all / m->t->shape.dim[axis]);
  task_range (m->n, task, m->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    {
      real *y = (real *) m->t->data + i * all;
      memset (y, 0, before * sizeof (real));
      memcpy (y + before, (const real *) m->t->in[0]->data + i * n, n * sizeof (real));
      memset (y + before + n, 0, (all - before - n) * sizeof (real));
    }
}

void
KERNEL (pad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, count_of (t) / run_length (t, t->attr.i[0]), pad_task);
}

static void
add_at_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  const real *base = m->t->in[0] ? m->t->in[0]->data : NULL, *part = m->t->in[1]->data;
  real *y = m->t->data;
  gsize at = m->t->attr.f[0], n = count_of (m->t->in[1]), first, end;
  task_range (m->n, task, m->n_tasks, &first, &end);
  gsize from = CLAMP (at, first, end), to = CLAMP (at + n, first, end);
  if (!base)
    memset (y + first, 0, (end - first) * sizeof (real));
  else if (base != y)
    {
      memcpy (y + first, base + first, (from - first) * sizeof (real));
      memcpy (y + to, base + to, (end - to) * sizeof (real));
    }
  for (gsize i = from; i < to; i++)
    y[i] = (base ? base[i] : 0) + part[i - at];
}

void
KERNEL (add_at) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, count_of (t), add_at_task);
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

/* The places of the larger side that upsample made from place i of n: first .. end - 1. */
static void
copies (gsize i, gsize n, gsize larger, gsize *first, gsize *end)
{
  *first = (i * larger + n - 1) / n;
  *end = ((i + 1) * larger + n - 1) / n;
}

static void
upsample_grad_task (gpointer data, int task, int thread)
{
  const Move *m = data;
  const MoaTensor *dy = m->t->in[0];
  gsize oh = dy->shape.dim[1], ow = dy->shape.dim[2], c = dy->shape.dim[3];
  gsize h = m->t->shape.dim[1], w = m->t->shape.dim[2], first, end;
  task_range (m->n, task, m->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    for (gsize x = 0; x < w; x++)
      {
        real *sum = (real *) m->t->data + (row * w + x) * c;
        memset (sum, 0, c * sizeof (real));
        gsize y0, y1, x0, x1;
        copies (row % h, h, oh, &y0, &y1);
        copies (x, w, ow, &x0, &x1);
        for (gsize i = y0; i < y1; i++)
          for (gsize j = x0; j < x1; j++)
            {
              const real *from = (const real *) dy->data + ((row / h * oh + i) * ow + j) * c;
              for (gsize k = 0; k < c; k++)
                sum[k] += from[k];
            }
      }
}

void
KERNEL (upsample_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_move (t, cpu, t->shape.dim[0] * t->shape.dim[1], upsample_grad_task);
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
