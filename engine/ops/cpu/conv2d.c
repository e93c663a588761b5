/* Convolution: a 1x1 one is a product, large 3x3 ones go by Winograd, all
 * others gather their input row by row into blocks and multiply those. */
#include "ops/cpu/conv.h"
#include "ops/cpu/product.h"

static void
conv_task (gpointer data, int task, int thread)
{
  const Conv *conv = data;
  gsize n = conv->s.n, step = conv->by_rows ? ROWS : PANEL, all = conv->by_rows ? conv->m : n;
  gsize first, end;
  task_range ((all + step - 1) / step, task, conv->n_tasks, &first, &end);
  first *= step;
  end = MIN (end * step, all);
  gsize m0 = conv->by_rows ? first : 0, m1 = conv->by_rows ? end : conv->m;
  gsize n0 = conv->by_rows ? 0 : first, n1 = conv->by_rows ? n : end;
  real *block = conv->scratch + (gsize) thread * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE;
  for (gsize i = m0; i < m1; i += MOA_BLOCK_ROWS)
    for (gsize k0 = 0; k0 < conv->depth; k0 += DEPTH)
      {
        gsize rows = MIN (MOA_BLOCK_ROWS, m1 - i), k = MIN (DEPTH, conv->depth - k0);
        for (gsize r = 0; r < rows; r++)
          conv_gather (conv, i + r, k0, k, block + r * MOA_BLOCK_STRIDE);
        real *c = conv->y + i * n + n0;
        const real *add = k0 ? c : conv->add ? conv->add + i * n + n0 : NULL;
        gemm_packed (rows, block, MOA_BLOCK_STRIDE, &conv->w, n0 / PANEL, k0, k, n1 - n0, c, n,
                     k0 || !conv->bias ? NULL : conv->bias + n0, add, n);
      }
}

void
run_conv (Conv *conv, MoaCpu *cpu)
{
  const MoaConvSize *s = &conv->s;
  conv->m = s->items * s->out_height * s->out_width;
  conv->w.depth = conv->depth = s->kernel_height * s->kernel_width * s->channels;
  if (moa_conv_is_product (s))
    {
      Product product = { .a = conv->x, .b = conv->w, .bias = conv->bias, .add = conv->add,
                          .c = conv->y, .m = conv->m, .n = s->n, .k = s->channels,
                          .scratch = conv->scratch };
      run_product (&product, cpu);
      return;
    }
  if (moa_conv_uses_winograd (s))
    {
      run_winograd (conv, cpu);
      return;
    }
  gsize row_tiles = (conv->m + ROWS - 1) / ROWS, panels = (s->n + PANEL - 1) / PANEL;
  conv->by_rows = row_tiles >= panels;
  conv->n_tasks = task_count (cpu, MAX (row_tiles, panels), 2. * conv->m * s->n * conv->depth);
  moa_cpu_parallel (cpu, conv->n_tasks, conv_task, conv);
}

void
KERNEL (conv2d) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *x = t->in[0], *w = t->in[1];
  Conv conv = {
    .s = moa_conv_size (&x->shape, &t->shape, w->shape.rank == 4 ? w->shape.dim[2] : 1, &t->attr),
    .x = x->data, .w = { w->data, w->number }, .bias = t->in[2] ? t->in[2]->data : NULL,
    .add = t->in[3] ? t->in[3]->data : NULL, .y = t->data, .scratch = scratch,
  };
  run_conv (&conv, cpu);
}
