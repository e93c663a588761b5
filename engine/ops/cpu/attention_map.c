/* The probabilities of attention, mean over heads: for looking at, not for speed. */
#include "ops/cpu/vmath.h"

typedef struct {
  const MoaTensor *t;
  gsize rows, keys, channels, heads, width;
  int n_tasks;
} Map;

/* Adds one head's probabilities / heads to out[keys]. */
static void
add_head (const Map *m, const real *q, const real *k, real *out)
{
  real max = 0, sum = 0, scale = 1 / R (sqrt) ((real) m->width);
  for (int pass = 0; pass < 3; pass++)
    for (gsize j = 0; j < m->keys; j++)
      {
        real s = 0;
        for (gsize c = 0; c < m->width; c++)
          s += q[c] * k[j * m->channels + c];
        s *= scale;
        if (pass == 0)
          max = j == 0 ? s : MAX (max, s);
        else if (pass == 1)
          sum += R (exp) (s - max);
        else
          out[j] += R (exp) (s - max) / (sum * m->heads);
      }
}

static void
map_task (gpointer data, int task, int thread)
{
  const Map *m = data;
  const real *q = m->t->in[0]->data, *k = m->t->in[1]->data;
  real *out = m->t->data;
  gsize first, end;
  task_range (m->rows * m->t->shape.dim[0], task, m->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      memset (out + row * m->keys, 0, m->keys * sizeof (real));
      for (gsize h = 0; h < m->heads; h++)
        add_head (m, q + row * m->channels + h * m->width,
                  k + row / m->rows * m->keys * m->channels + h * m->width, out + row * m->keys);
    }
}

void
KERNEL (attention_map) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Map m = { .t = t, .rows = t->in[0]->shape.dim[1], .keys = t->in[1]->shape.dim[1],
            .channels = t->in[0]->shape.dim[2], .heads = t->attr.i[0] };
  m.width = m.channels / m.heads;
  gsize rows = m.rows * t->shape.dim[0];
  m.n_tasks = task_count (cpu, rows, 6. * rows * m.keys * m.channels);
  moa_cpu_parallel (cpu, m.n_tasks, map_task, &m);
}
