/* unary: exp, absolute value or sign of each number; what losses are made of.  i[0] a MoaUnary. */
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
  return (t->attr.i[0] == MOA_EXP ? 8. : 1.) * moa_shape_count (&t->shape);
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (t->attr.i[0] == MOA_EXP)
    return moa_mul (g, dy, t);
  if (t->attr.i[0] == MOA_ABS)
    return moa_mul (g, dy, moa_unary (g, t->in[0], MOA_SIGN));
  return moa_scale (g, dy, 0, 0); /* a sign does not change, but where it jumps */
}

const MoaOp moa_op_unary = { "unary", infer, NULL, 0, flops, MOA_KERNELS (unary), gradient, NULL,
                             MOA_FOLLOWS };

MoaTensor *
moa_unary (MoaGraph *g, MoaTensor *x, MoaUnary what)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_unary, &x, 1, &(MoaAttrs){ .i = { what } });
}
