/* scale: factor x + offset of each number.  f[0] factor, f[1] offset. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape);
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return moa_scale (g, dy, t->attr.f[0], 0);
}

const MoaOp moa_op_scale = { "scale", infer, NULL, 0, flops, MOA_KERNELS (scale), gradient, NULL,
                             MOA_FOLLOWS };

MoaTensor *
moa_scale (MoaGraph *g, MoaTensor *x, double factor, double offset)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_scale, &x, 1, &(MoaAttrs){ .f = { factor, offset } });
}
