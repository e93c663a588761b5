/* The gradients of convolution.  dx is dy correlated with the kernel turned
 * around; with a stride, each of its phases (dx's pixels at the same place
 * within the stride) by itself, for it sees only some of the taps.  dW is the
 * product of the gathered input, turned, and dy. */
#include "ops/cpu/conv.h"
#include "ops/cpu/turn.h"
#include "ops/cpu/weight_grad.h"

typedef struct {
  const MoaTensor *t;
  const MoaConvPhase *phase;
  const real *part;  /* the phase's pixels, dense; NULL: zeros */
  int n_tasks;
} Spread;

/* Rows of a phase into the picture. */
static void
spread_task (gpointer data, int task, int thread)
{
  const Spread *s = data;
  const MoaConvPhase *phase = s->phase;
  gsize h = phase->size.out_height, w = phase->size.out_width, c = phase->size.n;
  gsize height = s->t->shape.dim[1], width = s->t->shape.dim[2], first, end;
  task_range (phase->size.items * h, task, s->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      gsize y = row % h * phase->step + phase->y;
      real *to = (real *) s->t->data + ((row / h * height + y) * width + phase->x) * c;
      for (gsize i = 0; i < w; i++, to += phase->step * c)
        if (s->part)
          memcpy (to, s->part + (row * w + i) * c, c * sizeof (real));
        else
          memset (to, 0, c * sizeof (real));
    }
}

static void
run_phase (const MoaTensor *t, MoaCpu *cpu, const MoaConvPhase *phase, real *scratch)
{
  const MoaTensor *dy = t->in[0], *w = t->in[1];
  gsize kernel = w->shape.rank == 4 ? w->shape.dim[2] : 1, dense = 0;
  gsize items = phase->size.items, n_taps = phase->size.kernel_height * phase->size.kernel_width;
  if (phase->step > 1)
    dense = items * phase->size.out_height * phase->size.out_width * phase->size.n;
  if (n_taps > 0)
    {
      Turn turn = { .from = w->data, .to = scratch + dense, .n = last_of (dy),
                    .channels = last_of (t), .taps = kernel * kernel, .n_taps = n_taps,
                    .tap_width = phase->size.kernel_width, .last_tap = phase->last_tap,
                    .step_y = phase->step * kernel, .step_x = phase->step };
      run_turn (&turn, cpu);
      Conv conv = { .s = phase->size, .x = dy->data, .w = { turn.to },
                    .y = dense ? scratch : t->data,
                    .scratch = turn.to + moa_panels_count (turn.channels, n_taps * turn.n, cpu) };
      run_conv (&conv, cpu);
    }
  if (phase->step == 1)
    return;
  Spread spread = { t, phase, n_taps ? scratch : NULL };
  spread.n_tasks = task_count (cpu, items * phase->size.out_height, 0.5 * dense);
  moa_cpu_parallel (cpu, spread.n_tasks, spread_task, &spread);
}

void
KERNEL (conv2d_grad_x) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  gsize step = t->attr.i[0];
  for (gsize i = 0; i < step * step; i++)
    {
      MoaConvPhase phase;
      if (moa_conv_phase (t, i, &phase))
        run_phase (t, cpu, &phase, scratch);
    }
}

void
KERNEL (conv2d_grad_w) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *x = t->in[0], *dy = t->in[1];
  gsize kernel = t->attr.i[3];
  Conv conv = { .s = moa_conv_size (&x->shape, &dy->shape, kernel, &t->attr), .x = x->data,
                .scratch = scratch };
  if (moa_conv_uses_winograd (&conv.s))
    {
      run_winograd_grad_w (&conv, dy->data, t->data, cpu);
      return;
    }
  WeightGrad grad = {
    .x = moa_conv_is_product (&conv.s) ? x->data : NULL, .gather = conv_gather, .from = &conv,
    .dy = dy->data, .dw = t->data, .m = count_of (dy) / last_of (dy), .n = last_of (dy),
    .k = kernel * kernel * last_of (x), .scratch = scratch,
  };
  run_weight_grad (&grad, cpu);
}
