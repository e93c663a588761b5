/* upsample: nearest neighbour, B,H,W,C -> B,height,width,C.  i[0] height, i[1] width.
 * upsample_grad: dy B,height,width,C -> B,H,W,C, each pixel the sum of its copies; i[0] H,
 * i[1] W. */
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

const MoaOp moa_op_upsample_grad = { "upsample_grad", infer, NULL, -1, NULL,
                                     MOA_KERNELS (upsample_grad), NULL, MOA_NO_SECOND_GRADIENT };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  const MoaShape *x = &t->in[0]->shape;
  return moa_graph_add (g, &moa_op_upsample_grad, &dy, 1,
                        &(MoaAttrs){ .i = { (gint32) x->dim[1], (gint32) x->dim[2] } });
}

const MoaOp moa_op_upsample = { "upsample", infer, NULL, -1, NULL, MOA_KERNELS (upsample),
                                gradient, NULL };

MoaTensor *
moa_upsample (MoaGraph *g, MoaTensor *x, int height, int width)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_upsample, &x, 1, &(MoaAttrs){ .i = { height, width } });
}
