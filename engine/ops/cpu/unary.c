/* exp, absolute value, sign. */
#include "ops/cpu/pointwise.h"
#include "ops/cpu/vmath.h"

static inline vec
apply (MoaUnary what, vec x)
{
  if (what == MOA_EXP)
    return vec_exp (x);
  for (int i = 0; i < VL; i++)
    {
      real sign = (x[i] > 0) - (x[i] < 0);
      x[i] = what == MOA_ABS ? x[i] * sign : sign;
    }
  return x;
}

static void
unary_task (gpointer data, int task, int thread)
{
  const Rows *r = data;
  const real *x = r->t->in[0]->data;
  real *y = r->t->data;
  MoaUnary what = r->t->attr.i[0];
  gsize first, end;
  task_range (r->n, task, r->n_tasks, &first, &end);
  gsize i = first;
  for (; i + VL <= end; i += VL)
    save (y + i, apply (what, load (x + i)));
  if (i < end)
    save_part (y + i, apply (what, load_part (x + i, end - i)), end - i);
}

void
KERNEL (unary) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  run_rows (t, cpu, count_of (t), 1, t->attr.i[0] == MOA_EXP ? 8 : 1, unary_task);
}
