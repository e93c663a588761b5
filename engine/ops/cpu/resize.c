/* Bilinear resizing with pixel centres at halves: place i of the result looks at
 * (i + 1/2) in / out - 1/2 of the input, between two neighbours. */
#include "ops/cpu/kernel.h"

typedef struct {
  gsize a, b;        /* the neighbours */
  real weight;       /* of b */
} Between;

static Between
look (gsize i, gsize in, gsize out)
{
  real at = MAX (((real) i + R (0.5)) * ((real) in / (real) out) - R (0.5), 0);
  gsize a = MIN ((gsize) at, in - 1);
  return (Between){ a, MIN (a + 1, in - 1), at - a };
}

typedef struct {
  const MoaTensor *t;
  int n_tasks;
} Resize;

static void
resize_task (gpointer data, int task, int thread)
{
  const Resize *r = data;
  const MoaTensor *x = r->t->in[0];
  gsize h = x->shape.dim[1], w = x->shape.dim[2], n = x->shape.dim[3];
  gsize oh = r->t->shape.dim[1], ow = r->t->shape.dim[2], first, end;
  task_range (r->t->shape.dim[0] * oh, task, r->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      Between v = look (row % oh, h, oh);
      const real *top = (const real *) x->data + (row / oh * h + v.a) * w * n;
      const real *bottom = (const real *) x->data + (row / oh * h + v.b) * w * n;
      real *y = (real *) r->t->data + row * ow * n;
      for (gsize i = 0; i < ow; i++, y += n)
        {
          Between u = look (i, w, ow);
          for (gsize c = 0; c < n; c++)
            {
              real up = (1 - u.weight) * top[u.a * n + c] + u.weight * top[u.b * n + c];
              real down = (1 - u.weight) * bottom[u.a * n + c] + u.weight * bottom[u.b * n + c];
              y[c] = (1 - v.weight) * up + v.weight * down;
            }
        }
    }
}

void
KERNEL (resize) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Resize r = { t, task_count (cpu, t->shape.dim[0] * t->shape.dim[1], 8. * count_of (t)) };
  moa_cpu_parallel (cpu, r.n_tasks, resize_task, &r);
}

/* One item: every place of dy goes to its four neighbours. */
static void
resize_grad_task (gpointer data, int task, int thread)
{
  const MoaTensor *t = ((const Resize *) data)->t, *in = t->in[0];
  gsize h = t->shape.dim[1], w = t->shape.dim[2], n = t->shape.dim[3];
  gsize oh = in->shape.dim[1], ow = in->shape.dim[2];
  const real *dy = (const real *) in->data + (gsize) task * oh * ow * n;
  real *dx = (real *) t->data + (gsize) task * h * w * n;
  memset (dx, 0, h * w * n * sizeof (real));
  for (gsize row = 0; row < oh; row++)
    {
      Between v = look (row, h, oh);
      real *top = dx + v.a * w * n, *bottom = dx + v.b * w * n;
      for (gsize i = 0; i < ow; i++, dy += n)
        {
          Between u = look (i, w, ow);
          for (gsize c = 0; c < n; c++)
            {
              real up = (1 - v.weight) * dy[c], down = v.weight * dy[c];
              top[u.a * n + c] += (1 - u.weight) * up;
              top[u.b * n + c] += u.weight * up;
              bottom[u.a * n + c] += (1 - u.weight) * down;
              bottom[u.b * n + c] += u.weight * down;
            }
        }
    }
}

void
KERNEL (resize_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Resize r = { t };
  moa_cpu_parallel (cpu, t->shape.dim[0], resize_grad_task, &r);
}
