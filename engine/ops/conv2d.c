/* conv2d: x B,H,W,C with W (panels [N, C, k, k] or [N, C]), bias or NULL, residual or NULL ->
 * B,H',W',N.  i[0] stride, i[1] zero rows and columns before, i[2] after.
 * conv2d_grad_x: inputs dy, W; i[3] H, i[4] W of the input.
 * conv2d_grad_w: inputs x, dy; i[3] the kernel's side; the result in W's packed order. */
#include "ops/rule.h"
#include "ops/scratch.h"

static gint64
kernel_size (const MoaTensor *t)
{
  return t->in[1]->shape.rank == 4 ? t->in[1]->shape.dim[2] : 1;
}

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaTensor *x = t->in[0], *w = t->in[1];
  gint64 n = w->shape.dim[0], k = kernel_size (t), pad = t->attr.i[1] + t->attr.i[2];
  if (x->shape.rank != 4 || (w->shape.rank != 4 && w->shape.rank != 2) ||
      w->shape.dim[1] != x->shape.dim[3] || (w->shape.rank == 4 && w->shape.dim[3] != k))
    return moa_rule_fail (t, error, "the weight must be N x C x k x k for an input B x H x W x C");
  if (x->shape.dim[1] + pad < k || x->shape.dim[2] + pad < k)
    return moa_rule_fail (t, error, "the picture is smaller than the kernel");
  if (t->in[2] && !moa_is_vector (t->in[2], n))
    return moa_rule_fail (t, error, "the bias must have N numbers");
  t->shape = MOA_SHAPE (x->shape.dim[0], (x->shape.dim[1] + pad - k) / t->attr.i[0] + 1,
                        (x->shape.dim[2] + pad - k) / t->attr.i[0] + 1, n);
  if (t->in[3] && !moa_shape_equal (&t->in[3]->shape, &t->shape))
    return moa_rule_fail (t, error, "the residual must have the result's shape");
  return TRUE;
}

MoaConvSize
moa_conv_size (const MoaShape *x, const MoaShape *y, gint64 kernel, const MoaAttrs *attr)
{
  return (MoaConvSize){ .items = x->dim[0], .height = x->dim[1], .width = x->dim[2],
                        .channels = x->dim[3], .out_height = y->dim[1], .out_width = y->dim[2],
                        .n = y->dim[3], .kernel_height = kernel, .kernel_width = kernel,
                        .stride = attr->i[0], .top = attr->i[1], .left = attr->i[1] };
}

static gboolean
keeps_size (const MoaConvSize *s, gsize kernel)
{
  gssize border = kernel / 2;
  return s->kernel_height == kernel && s->kernel_width == kernel && s->stride == 1 &&
         s->top == border && s->left == border && s->out_height == s->height &&
         s->out_width == s->width;
}

gboolean
moa_conv_is_product (const MoaConvSize *s)
{
  return keeps_size (s, 1);
}

static gsize
winograd_tiles (const MoaConvSize *s)
{
  return s->items * ((s->height + 3) / 4) * ((s->width + 3) / 4);
}

/* Winograd pays when there is enough to multiply for each weight and tile that
 * is transformed, and the tiles are well filled; below that rounding is also
 * better served by the plain sum. */
gboolean
moa_conv_uses_winograd (const MoaConvSize *s)
{
  gsize tiles = winograd_tiles (s), pixels = s->items * s->height * s->width;
  return keeps_size (s, 3) && s->channels >= 32 && s->n >= 32 && tiles >= 12 && pixels >= 6 * tiles;
}

gsize
moa_winograd_stride (gsize channels, gsize real_size)
{
  gsize stride = (channels + 15) / 16 * 16;
  return moa_unkind_stride (stride * real_size) ? stride + 16 : stride;
}

gsize
moa_winograd_tiles (gsize n_tiles, gsize width, gsize real_size)
{
  gsize most = MOA_WINO_BYTES / (36 * width * real_size);
  return MIN (n_tiles, MAX (most / MOA_WINO_TILES, 1) * MOA_WINO_TILES);
}

gsize
moa_conv_scratch (const MoaConvSize *s, const MoaCpu *cpu)
{
  gsize real_size = moa_isa_real_size (moa_cpu_isa (cpu)), threads = moa_cpu_threads (cpu);
  if (!moa_conv_uses_winograd (s))
    return threads * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE * real_size;
  gsize width = moa_winograd_stride (s->channels, real_size);
  gsize shared = moa_winograd_tiles (winograd_tiles (s), width, real_size) * width;
  gsize own = (MOA_WINO_DEPTH + MOA_WINO_TILES) * moa_isa_panel (moa_cpu_isa (cpu));
  return 36 * (shared + threads * own) * real_size;
}

static gsize
scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  MoaConvSize s = moa_conv_size (&t->in[0]->shape, &t->shape, kernel_size (t), &t->attr);
  return moa_conv_scratch (&s, cpu);
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * t->in[0]->shape.dim[3] * kernel_size (t) *
         kernel_size (t);
}

static gboolean
infer_grad_x (MoaTensor *t, GError **error)
{
  t->shape = MOA_SHAPE (t->in[0]->shape.dim[0], t->attr.i[3], t->attr.i[4],
                        t->in[1]->shape.dim[1]);
  return TRUE;
}

/* In one dimension: the phase's first tap, how many it has (every step-th), and how many rows of
 * zeros stand before dy. */
static void
phase_taps (gsize kernel, gsize step, gsize before, gsize at, gsize *first, gsize *n, gssize *zeros)
{
  *first = (at + before) % step;
  *n = *first < kernel ? (kernel - 1 - *first) / step + 1 : 0;
  *zeros = (gssize) *n - 1 - (gssize) ((at + before) / step);
}

gboolean
moa_conv_phase (const MoaTensor *t, int i, MoaConvPhase *phase)
{
  const MoaShape *dy = &t->in[0]->shape;
  gsize kernel = kernel_size (t), step = t->attr.i[0], before = t->attr.i[1];
  gsize height = t->shape.dim[1], width = t->shape.dim[2], first_y, first_x;
  *phase = (MoaConvPhase){ .y = i / step, .x = i % step, .step = step };
  if (phase->y >= height || phase->x >= width)
    return FALSE;
  phase->size = (MoaConvSize){
    .items = dy->dim[0], .height = dy->dim[1], .width = dy->dim[2], .channels = dy->dim[3],
    .out_height = (height - phase->y + step - 1) / step,
    .out_width = (width - phase->x + step - 1) / step, .n = t->shape.dim[3], .stride = 1,
  };
  MoaConvSize *s = &phase->size;
  phase_taps (kernel, step, before, phase->y, &first_y, &s->kernel_height, &s->top);
  phase_taps (kernel, step, before, phase->x, &first_x, &s->kernel_width, &s->left);
  if (s->kernel_height == 0 || s->kernel_width == 0)
    s->kernel_height = s->kernel_width = 0;
  else
    phase->last_tap = (first_y + (s->kernel_height - 1) * step) * kernel + first_x +
                      (s->kernel_width - 1) * step;
  return TRUE;
}

/* Of a phase: its pixels, its weights turned, and its convolution's own. */
static gsize
scratch_grad_x (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize most = 0, step = t->attr.i[0], real_size = moa_isa_real_size (moa_cpu_isa (cpu));
  for (gsize i = 0; i < step * step; i++)
    {
      MoaConvPhase phase;
      if (!moa_conv_phase (t, i, &phase))
        continue;
      const MoaConvSize *s = &phase.size;
      gsize dense = step > 1 ? s->items * s->out_height * s->out_width * s->n : 0;
      gsize turned = moa_panels_count (s->n, s->kernel_height * s->kernel_width * s->channels, cpu);
      most = MAX (most, (dense + turned) * real_size + moa_conv_scratch (s, cpu));
    }
  return most;
}

static double
flops_grad_x (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->in[0]->shape) * t->shape.dim[3] * kernel_size (t) *
         kernel_size (t);
}

const MoaOp moa_op_conv2d_grad_x = { "conv2d_grad_x", infer_grad_x, scratch_grad_x, -1,
                                     flops_grad_x, MOA_KERNELS (conv2d_grad_x), NULL,
                                     MOA_NO_SECOND_GRADIENT };

static gboolean
infer_grad_w (MoaTensor *t, GError **error)
{
  gsize taps = t->attr.i[3] * t->attr.i[3];
  t->shape = MOA_SHAPE (moa_panels_count (moa_last_dim (t->in[1]), taps * moa_last_dim (t->in[0]),
                                          moa_graph_cpu (t->graph)));
  return TRUE;
}

static gsize
scratch_grad_w (const MoaTensor *t, const MoaCpu *cpu)
{
  const MoaShape *x = &t->in[0]->shape, *dy = &t->in[1]->shape;
  MoaConvSize s = moa_conv_size (x, dy, t->attr.i[3], &t->attr);
  if (!moa_conv_uses_winograd (&s))
    return moa_weight_scratch (s.items * s.out_height * s.out_width, s.n,
                               s.kernel_height * s.kernel_width * s.channels, cpu);
  gsize real_size = moa_isa_real_size (moa_cpu_isa (cpu));
  gsize panel = moa_isa_panel (moa_cpu_isa (cpu));
  gsize width = moa_winograd_stride (s.channels, real_size) + moa_panels_count (s.n, 1, cpu);
  gsize shared = moa_winograd_tiles (winograd_tiles (&s), width, real_size) * width;
  return 36 * (shared + moa_cpu_threads (cpu) * MOA_WINO_CHANNELS * panel) * real_size;
}

static double
flops_grad_w (const MoaTensor *t)
{
  gsize taps = t->attr.i[3] * t->attr.i[3];
  return 2. * moa_shape_count (&t->in[1]->shape) * moa_last_dim (t->in[0]) * taps;
}

const MoaOp moa_op_conv2d_grad_w = { "conv2d_grad_w", infer_grad_w, scratch_grad_w, -1,
                                     flops_grad_w, MOA_KERNELS (conv2d_grad_w), NULL,
                                     MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *x = t->in[0], *w = t->in[1];
  MoaAttrs attr = t->attr;
  if (i == 0)
    {
      attr.i[3] = x->shape.dim[1];
      attr.i[4] = x->shape.dim[2];
      return moa_graph_add (g, &moa_op_conv2d_grad_x, (MoaTensor *[]){ dy, w }, 2, &attr);
    }
  if (i == 1)
    {
      attr.i[3] = kernel_size (t);
      return moa_graph_add (g, &moa_op_conv2d_grad_w, (MoaTensor *[]){ x, dy }, 2, &attr);
    }
  return i == 2 ? moa_reduce (g, dy, t->in[2]->shape) : dy;
}

const MoaOp moa_op_conv2d = { "conv2d", infer, scratch, 3, flops, MOA_KERNELS (conv2d), gradient,
                              NULL };

MoaTensor *
moa_conv2d (MoaGraph *g, MoaTensor *x, MoaTensor *weight, MoaTensor *bias, MoaTensor *residual,
            int stride, int before, int after)
{
  MOA_NEED (x, weight);
  g_assert (stride >= 1 && before >= 0 && after >= 0);
  return moa_graph_add (g, &moa_op_conv2d, (MoaTensor *[]){ x, weight, bias, residual }, 4,
                        &(MoaAttrs){ .i = { stride, before, after } });
}
