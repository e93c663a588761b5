/* upsample: nearest neighbour, B,H,W,C -> B,height,width,C.  i[0] height, i[1] width. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *x = &t->in[0]->shape;
  if (x->rank != 4 || t->attr.i[0] < 1 || t->attr.i[1] < 1)
    return moa_rule_fail (t, error, "the input must be B x H x W x C");
  t->shape = MOA_SHAPE (x->dim[0], t->attr.i[0], t->attr.i[1], x->dim[3]);
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 0;
}

const MoaOp moa_op_upsample = { "upsample", infer, NULL, -1, flops, MOA_KERNELS (upsample) };

MoaTensor *
moa_upsample (MoaGraph *g, MoaTensor *x, int height, int width)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_upsample, (MoaTensor *[]){ x }, 1, &(MoaAttrs){ .i = { height, width } });
}
