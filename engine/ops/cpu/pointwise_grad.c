/* Gradients of the ops in pointwise.c that are more than sums and products. */
#include "ops/cpu/pointwise.h"
#include "ops/cpu/vmath.h"

static void
activation_grad_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const real *x = r->t->in[0]->data, *dy = r->t->in[1]->data;
  real *dx = r->t->data;
  MoaAct act = r->t->attr.i[0];
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  gsize i = first, rest;
  for (; i + VL <= end; i += VL)
    save (dx + i, load (dy + i) * vec_slope (act, load (x + i)));
  if ((rest = end - i) > 0)
    save_part (dx + i, load_part (dy + i, rest) * vec_slope (act, load_part (x + i, rest)), rest);
}

void
KERNEL (activation_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t), 1, 10, activation_grad_task);
}

/* x = [a | b], y = a gelu (b):  da = dy gelu (b),  db = dy a gelu' (b) */
static void
geglu_grad_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  gsize first, end, n = r->width;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *a = (const real *) r->t->in[0]->data + row * 2 * n, *b = a + n;
      const real *dy = (const real *) r->t->in[1]->data + row * n;
      real *da = (real *) r->t->data + row * 2 * n, *db = da + n;
      gsize c = 0, rest;
      for (; c + VL <= n; c += VL)
        {
          vec d = load (dy + c), x = load (b + c);
          save (da + c, d * vec_gelu (x));
          save (db + c, d * load (a + c) * vec_slope (MOA_ACT_GELU, x));
        }
      if ((rest = n - c) > 0)
        {
          vec d = load_part (dy + c, rest), x = load_part (b + c, rest);
          save_part (da + c, d * vec_gelu (x), rest);
          save_part (db + c, d * load_part (a + c, rest) * vec_slope (MOA_ACT_GELU, x), rest);
        }
    }
}

void
KERNEL (geglu_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  gsize width = last_of (t) / 2;
  run_rows (t, cpu, count_of (t) / (2 * width), width, 30, geglu_grad_task);
}

/* w = min (1, s limit) with s = sigmoid (x1 - x0):  dx1 = -dx0 = dy limit s (1 - s), or 0 */
static void
router_weight_grad_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const real *x = r->t->in[0]->data, *dy = r->t->in[2]->data;
  const real *limit = r->t->in[1] ? r->t->in[1]->data : NULL;
  real *dx = r->t->data;
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    {
      real s = 1 / (1 + R (exp) (x[2 * i] - x[2 * i + 1]));
      real l = limit ? limit[i] : 1, d = s * l < 1 ? dy[i] * l * s * (1 - s) : 0;
      dx[2 * i] = -d;
      dx[2 * i + 1] = d;
    }
}

void
KERNEL (router_weight_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t) / 2, 1, 20, router_weight_grad_task);
}

static void
mix_grad_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  gsize first, end, n = r->width;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *prior = (const real *) r->t->in[0]->data + row * n;
      const real *mine = (const real *) r->t->in[1]->data + row * n;
      const real *dy = (const real *) r->t->in[2]->data + row * n;
      vec sum = { 0 };
      gsize c = 0, rest;
      for (; c + VL <= n; c += VL)
        sum += load (dy + c) * (load (mine + c) - load (prior + c));
      if ((rest = n - c) > 0)
        sum += load_part (dy + c, rest) *
               (load_part (mine + c, rest) - load_part (prior + c, rest));
      ((real *) r->t->data)[row] = vec_sum (sum);
    }
}

void
KERNEL (mix_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t), last_of (t->in[2]), 3, mix_grad_task);
}
