/* take: places first .. first + n - 1 of an axis; i[0] axis, i[1] first, i[2] n.
 * pad: its transpose, zeros before and after along an axis; i[0] axis, i[1] before, i[2] the
 * axis' size in the result. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  int axis = t->attr.i[0], first = t->attr.i[1], n = t->attr.i[2];
  t->shape = t->in[0]->shape;
  if (axis < 0 || axis >= t->shape.rank || first < 0 || n > t->shape.dim[axis] - first)
    return moa_rule_fail (t, error, "the axis has not that many places");
  t->shape.dim[axis] = n;
  return TRUE;
}

static gboolean
infer_pad (MoaTensor *t, GError **error)
{
  int axis = t->attr.i[0], before = t->attr.i[1], n = t->attr.i[2];
  t->shape = t->in[0]->shape;
  if (axis < 0 || axis >= t->shape.rank || before < 0 || t->shape.dim[axis] > n - before)
    return moa_rule_fail (t, error, "the axis is too small to hold the input");
  t->shape.dim[axis] = n;
  return TRUE;
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  int axis = t->attr.i[0];
  return moa_pad (g, dy, axis, t->attr.i[1], t->in[0]->shape.dim[axis]);
}

static MoaTensor *
gradient_pad (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  int axis = t->attr.i[0];
  return moa_take (g, dy, axis, t->attr.i[1], t->in[0]->shape.dim[axis]);
}

const MoaOp moa_op_take = { "take", infer, NULL, -1, NULL, MOA_KERNELS (take), gradient, NULL,
                            MOA_FOLLOWS };
const MoaOp moa_op_pad = { "pad", infer_pad, NULL, -1, NULL, MOA_KERNELS (pad), gradient_pad,
                           NULL, MOA_FOLLOWS };

MoaTensor *
moa_take (MoaGraph *g, MoaTensor *x, int axis, int first, int n)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_take, &x, 1, &(MoaAttrs){ .i = { axis, first, n } });
}

MoaTensor *
moa_pad (MoaGraph *g, MoaTensor *x, int axis, int before, int n)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_pad, &x, 1, &(MoaAttrs){ .i = { axis, before, n } });
}
