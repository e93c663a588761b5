/* resize: bilinear, B,H,W,C -> B,height,width,C, pixel centres aligned at halves (PyTorch's
 * align_corners=False).  i[0] height, i[1] width.
 * resize_grad: its transpose, dy B,height,width,C -> B,H,W,C; i[0] H, i[1] W. */
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
  return 8. * MAX (moa_shape_count (&t->shape), moa_shape_count (&t->in[0]->shape));
}

const MoaOp moa_op_resize_grad = { "resize_grad", infer, NULL, -1, flops, MOA_KERNELS (resize_grad),
                                   NULL, MOA_NO_SECOND_GRADIENT, MOA_FOLLOWS };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  const MoaShape *x = &t->in[0]->shape;
  return moa_graph_add (g, &moa_op_resize_grad, &dy, 1,
                        &(MoaAttrs){ .i = { (gint32) x->dim[1], (gint32) x->dim[2] } });
}

const MoaOp moa_op_resize = { "resize", infer, NULL, -1, flops, MOA_KERNELS (resize), gradient,
                              NULL, MOA_FOLLOWS };

MoaTensor *
moa_resize (MoaGraph *g, MoaTensor *x, int height, int width)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_resize, &x, 1, &(MoaAttrs){ .i = { height, width } });
}
