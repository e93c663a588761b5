/* Cross-entropy of rows; see ops/cross_entropy.c.  Small: the heads of a few classes. */
#include "ops/cpu/pointwise.h"

#ifdef MOA_KERNEL_F64
#define EXP exp
#define LOG log
#else
#define EXP expf
#define LOG logf
#endif

static real
largest (const real *x, gsize n)
{
  real most = x[0];
  for (gsize i = 1; i < n; i++)
    most = x[i] > most ? x[i] : most;
  return most;
}

static real
sum_of_exps (const real *x, gsize n, real most)
{
  real sum = 0;
  for (gsize i = 0; i < n; i++)
    sum += EXP (x[i] - most);
  return sum;
}

static void
forward_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  gsize first, end, n = r->width;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *x = (const real *) r->t->in[0]->data + row * n;
      const real *p = (const real *) r->t->in[1]->data + row * n;
      real most = largest (x, n), log_sum = LOG (sum_of_exps (x, n, most)) + most, loss = 0;
      for (gsize i = 0; i < n; i++)
        loss += p[i] * (log_sum - x[i]);
      ((real *) r->t->data)[row] = loss;
    }
}

static void
backward_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  gsize first, end, n = r->width;
  task_range (r->n, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *x = (const real *) r->t->in[0]->data + row * n;
      const real *p = (const real *) r->t->in[1]->data + row * n;
      real *dx = (real *) r->t->data + row * n, dy = ((const real *) r->t->in[2]->data)[row];
      real most = largest (x, n), total = 0;
      for (gsize i = 0; i < n; i++)
        total += p[i];
      total /= sum_of_exps (x, n, most);
      for (gsize i = 0; i < n; i++)
        dx[i] = (EXP (x[i] - most) * total - p[i]) * dy;
    }
}

void
KERNEL (cross_entropy) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  gsize n = last_of (t->in[0]);
  run_rows (t, cpu, count_of (t->in[0]) / n, n, 12, forward_task);
}

void
KERNEL (cross_entropy_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  gsize n = last_of (t->in[0]);
  run_rows (t, cpu, count_of (t->in[0]) / n, n, 20, backward_task);
}
