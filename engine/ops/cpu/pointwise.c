/* Ops that look at each number, or each row, by itself. */
#include "ops/cpu/pointwise.h"
#include "ops/cpu/vmath.h"

static void
activation_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const real *x = r->t->in[0]->data;
  real *y = r->t->data;
  MoaAct act = r->t->attr.i[0];
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  gsize i = first;
  for (; i + VL <= end; i += VL)
    save (y + i, vec_activate (act, load (x + i)));
  if (i < end)
    save_part (y + i, vec_activate (act, load_part (x + i, end - i)), end - i);
}

void
KERNEL (activation) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t), 1, 8, activation_task);
}

static void
geglu_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  gsize first, end, n = r->width;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *a = (const real *) r->t->in[0]->data + row * 2 * n, *b = a + n;
      real *y = (real *) r->t->data + row * n;
      gsize c = 0;
      for (; c + VL <= n; c += VL)
        save (y + c, load (a + c) * vec_gelu (load (b + c)));
      if (c < n)
        save_part (y + c, load_part (a + c, n - c) * vec_gelu (load_part (b + c, n - c)), n - c);
    }
}

void
KERNEL (geglu) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t) / last_of (t), last_of (t), 16, geglu_task);
}

/* Offset of b's element for the row `row` of a, with dims of 1 repeated. */
static gsize
broadcast_row (const MoaTensor *a, const MoaTensor *b, gsize row)
{
  gsize offset = 0, step = last_of (b);
  int shift = a->shape.rank - b->shape.rank;
  for (int i = a->shape.rank - 2; i >= 0; i--)
    {
      gsize at = row % a->shape.dim[i];
      row /= a->shape.dim[i];
      if (i - shift < 0)
        continue;
      if (b->shape.dim[i - shift] > 1)
        offset += at * step;
      step *= b->shape.dim[i - shift];
    }
  return offset;
}

/* y = a + b or a b. */
static inline void
combine (const Rows *r, int task, gboolean multiply)
{
  const MoaTensor *a = r->t->in[0], *b = r->t->in[1];
  gsize first, end, n = r->width;
  gboolean same = moa_shape_equal (&a->shape, &b->shape), one = last_of (b) == 1 && n > 1;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *x = (const real *) a->data + row * n;
      const real *z = (const real *) b->data + (same ? row * n : broadcast_row (a, b, row));
      real *y = (real *) r->t->data + row * n;
      if (one)
        for (gsize c = 0; c < n; c++)
          y[c] = multiply ? x[c] * z[0] : x[c] + z[0];
      else
        for (gsize c = 0; c < n; c++)
          y[c] = multiply ? x[c] * z[c] : x[c] + z[c];
    }
}

static void
add_task (gpointer data, int task, int thread)
{
  combine (data, task, FALSE);
}

void
KERNEL (add) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t) / last_of (t), last_of (t), 1, add_task);
}

static void
mul_task (gpointer data, int task, int thread)
{
  combine (data, task, TRUE);
}

void
KERNEL (mul) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t) / last_of (t), last_of (t), 1, mul_task);
}

static void
scale_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const real *x = r->t->in[0]->data;
  real *y = r->t->data, factor = r->t->attr.f[0], offset = r->t->attr.f[1];
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    y[i] = factor * x[i] + offset;
}

void
KERNEL (scale) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t), 1, 1, scale_task);
}

static void
broadcast_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const MoaTensor *x = r->t->in[0];
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *from = (const real *) x->data + broadcast_row (r->t, x, row);
      real *y = (real *) r->t->data + row * r->width;
      for (gsize c = 0; c < r->width; c++)
        y[c] = last_of (x) == 1 ? from[0] : from[c];
    }
}

void
KERNEL (broadcast) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t) / last_of (t), last_of (t), 1, broadcast_task);
}

/* Eq. 7; softmax over two is a sigmoid of the difference.  A limit above 1 raises the weight, to 1
 * at most. */
static void
router_weight_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const real *x = r->t->in[0]->data, *limit = r->t->in[1] ? r->t->in[1]->data : NULL;
  real *w = r->t->data;
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    {
      real v = 1 / (1 + R (exp) (x[2 * i] - x[2 * i + 1])) * (limit ? limit[i] : 1);
      w[i] = v < 1 ? v : 1;
    }
}

void
KERNEL (router_weight) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t), 1, 20, router_weight_task);
}

/* Eq. 6 */
static void
mix_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *prior = (const real *) r->t->in[0]->data + row * r->width;
      const real *mine = (const real *) r->t->in[1]->data + row * r->width;
      real w = ((const real *) r->t->in[2]->data)[row], *y = (real *) r->t->data + row * r->width;
      for (gsize c = 0; c < r->width; c++)
        y[c] = prior[c] + w * (mine[c] - prior[c]);
    }
}

void
KERNEL (mix) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t) / last_of (t), last_of (t), 2, mix_task);
}
