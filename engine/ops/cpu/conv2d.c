/* Convolution: a 1x1 one is a product, large 3x3 ones go by Winograd, all
 * others gather their input row by row into blocks and multiply those. */
#include "ops/cpu/product.h"
#include "ops/cpu/winograd.h"

typedef struct {
  const real *x, *w, *bias, *add;
  real *y;
  gsize height, width, channels;       /* of x */
  gsize out_height, out_width, n;      /* of y */
  gsize kernel, stride, before, m, depth;
  real *scratch;
  gboolean by_rows;  /* tasks share the output's pixels, else its channels */
  int n_tasks;
} Conv;

/* Columns k0 .. k0+k-1 of the gathered row of output pixel `pixel`: tap by tap,
 * the input pixel's channels, or zeros outside. */
static void
gather (const Conv *conv, gsize pixel, gsize k0, gsize k, real *out)
{
  gsize ox = pixel % conv->out_width;
  gsize oy = pixel / conv->out_width % conv->out_height;
  const real *item = conv->x + pixel / conv->out_width / conv->out_height * conv->height *
                                   conv->width * conv->channels;
  while (k > 0)
    {
      gsize tap = k0 / conv->channels, c = k0 % conv->channels;
      gsize n = MIN (k, conv->channels - c);
      gssize y = (gssize) (oy * conv->stride + tap / conv->kernel) - (gssize) conv->before;
      gssize x = (gssize) (ox * conv->stride + tap % conv->kernel) - (gssize) conv->before;
      if (y >= 0 && y < (gssize) conv->height && x >= 0 && x < (gssize) conv->width)
        memcpy (out, item + ((gsize) y * conv->width + x) * conv->channels + c, n * sizeof (real));
      else
        memset (out, 0, n * sizeof (real));
      out += n;
      k0 += n;
      k -= n;
    }
}

static void
conv_task (gpointer data, int task, int thread)
{
  const Conv *conv = data;
  gsize step = conv->by_rows ? ROWS : PANEL, all = conv->by_rows ? conv->m : conv->n, first, end;
  task_range ((all + step - 1) / step, task, conv->n_tasks, &first, &end);
  first *= step;
  end = MIN (end * step, all);
  gsize m0 = conv->by_rows ? first : 0, m1 = conv->by_rows ? end : conv->m;
  gsize n0 = conv->by_rows ? 0 : first, n1 = conv->by_rows ? conv->n : end;
  real *block = conv->scratch + (gsize) thread * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE;
  for (gsize i = m0; i < m1; i += MOA_BLOCK_ROWS)
    for (gsize k0 = 0; k0 < conv->depth; k0 += DEPTH)
      {
        gsize rows = MIN (MOA_BLOCK_ROWS, m1 - i), k = MIN (DEPTH, conv->depth - k0);
        for (gsize r = 0; r < rows; r++)
          gather (conv, i + r, k0, k, block + r * MOA_BLOCK_STRIDE);
        real *c = conv->y + i * conv->n + n0;
        const real *add = k0 ? c : conv->add ? conv->add + i * conv->n + n0 : NULL;
        gemm_block (rows, block, MOA_BLOCK_STRIDE, conv->w + n0 * conv->depth, conv->depth, k0, k,
                    n1 - n0, c, conv->n, k0 || !conv->bias ? NULL : conv->bias + n0, add, conv->n);
      }
}

void
KERNEL (conv2d) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *x = t->in[0], *w = t->in[1];
  const real *bias = t->in[2] ? t->in[2]->data : NULL;
  const real *add = t->in[3] ? t->in[3]->data : NULL;
  gsize stride = t->attr.i[0], before = t->attr.i[1], after = t->attr.i[2];
  gsize kernel = w->shape.rank == 4 ? w->shape.dim[2] : 1;
  gsize m = count_of (t) / last_of (t);
  if (kernel == 1 && stride == 1 && before == 0 && after == 0)
    {
      Product product = { .a = x->data, .b = w->data, .bias = bias, .add = add, .c = t->data,
                          .m = m, .n = last_of (t), .k = last_of (x), .scratch = scratch };
      run_product (&product, cpu);
      return;
    }
  if (moa_conv2d_uses_winograd (t))
    {
      run_winograd (t, cpu, scratch);
      return;
    }
  Conv conv = {
    .x = x->data, .w = w->data, .bias = bias, .add = add, .y = t->data,
    .height = x->shape.dim[1], .width = x->shape.dim[2], .channels = x->shape.dim[3],
    .out_height = t->shape.dim[1], .out_width = t->shape.dim[2], .n = t->shape.dim[3],
    .kernel = kernel, .stride = stride, .before = before, .m = m,
    .depth = kernel * kernel * x->shape.dim[3], .scratch = scratch,
  };
  gsize row_tiles = (m + ROWS - 1) / ROWS, panels = (conv.n + PANEL - 1) / PANEL;
  conv.by_rows = row_tiles >= panels;
  conv.n_tasks = task_count (cpu, MAX (row_tiles, panels), 2. * m * conv.n * conv.depth);
  moa_cpu_parallel (cpu, conv.n_tasks, conv_task, &conv);
}
