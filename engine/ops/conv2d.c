/* conv2d: x B,H,W,C with W (panels [N, C, k, k] or [N, C]), bias or NULL, residual or NULL ->
 * B,H',W',N.  i[0] stride, i[1] zero rows and columns before, i[2] after. */
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

/* Winograd pays when there is enough to multiply for each weight and tile that
 * is transformed; below that rounding is also better served by the plain sum. */
gboolean
moa_conv2d_uses_winograd (const MoaTensor *t)
{
  const MoaShape *x = &t->in[0]->shape;
  gint64 tiles = x->dim[0] * ((x->dim[1] + 3) / 4) * ((x->dim[2] + 3) / 4);
  return kernel_size (t) == 3 && t->attr.i[0] == 1 && t->attr.i[1] == 1 && t->attr.i[2] == 1 &&
         x->dim[3] >= 64 && t->shape.dim[3] >= 64 && tiles >= 12;
}

gsize
moa_winograd_stride (gsize channels, gsize real_size)
{
  gsize stride = (channels + 15) / 16 * 16;
  return moa_unkind_stride (stride * real_size) ? stride + 16 : stride;
}

gsize
moa_winograd_tiles (gsize n_tiles, gsize channels, gsize real_size)
{
  gsize most = MOA_WINO_BYTES / (36 * moa_winograd_stride (channels, real_size) * real_size);
  return MIN (n_tiles, MAX (most / MOA_WINO_TILES, 1) * MOA_WINO_TILES);
}

gsize
moa_conv2d_scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize real_size = moa_isa_real_size (moa_cpu_isa (cpu)), threads = moa_cpu_threads (cpu);
  if (!moa_conv2d_uses_winograd (t))
    return threads * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE * real_size;
  const MoaShape *x = &t->in[0]->shape;
  gsize tiles = x->dim[0] * ((x->dim[1] + 3) / 4) * ((x->dim[2] + 3) / 4);
  gsize shared = moa_winograd_tiles (tiles, x->dim[3], real_size) *
                 moa_winograd_stride (x->dim[3], real_size);
  gsize own = (MOA_WINO_DEPTH + MOA_WINO_TILES) * moa_isa_panel (moa_cpu_isa (cpu));
  return 36 * (shared + threads * own) * real_size;
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * t->in[0]->shape.dim[3] * kernel_size (t) *
         kernel_size (t);
}

const MoaOp moa_op_conv2d = { "conv2d", infer, moa_conv2d_scratch, 3, flops, MOA_KERNELS (conv2d) };

MoaTensor *
moa_conv2d (MoaGraph *g, MoaTensor *x, MoaTensor *weight, MoaTensor *bias, MoaTensor *residual,
            int stride, int before, int after)
{
  MOA_NEED (x, weight);
  g_assert (stride >= 1 && before >= 0 && after >= 0);
  return moa_graph_add (g, &moa_op_conv2d, (MoaTensor *[]){ x, weight, bias, residual }, 4,
                        &(MoaAttrs){ .i = { stride, before, after } });
}
