/* cross_entropy: of the softmax of each row to target weights p: sum p log (sum exp x) - sum p x.
 * Rows of zeros as target cost nothing.  Inputs x and p, both [..., K] -> [..., 1].
 * cross_entropy_grad: x's, (softmax (x) sum p - p) dy; inputs x, p, dy [..., 1] -> [..., K]. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  if (!moa_shape_equal (&t->in[0]->shape, &t->in[1]->shape))
    return moa_rule_fail (t, error, "the target must have the input's shape");
  t->shape = t->in[0]->shape;
  t->shape.dim[t->shape.rank - 1] = 1;
  return TRUE;
}

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 12. * moa_shape_count (&t->in[0]->shape);
}

const MoaOp moa_op_cross_entropy_grad = { "cross_entropy_grad", infer_grad, NULL, -1, flops,
                                          MOA_KERNELS (cross_entropy_grad), NULL,
                                          MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (i == 1)
    return NULL;
  return moa_graph_add (g, &moa_op_cross_entropy_grad, (MoaTensor *[]){ t->in[0], t->in[1], dy }, 3,
                        NULL);
}

const MoaOp moa_op_cross_entropy = { "cross_entropy", infer, NULL, -1, flops,
                                     MOA_KERNELS (cross_entropy), gradient,
                                     "a target is what one aims at, not what one moves", MOA_WIDE };

MoaTensor *
moa_cross_entropy (MoaGraph *g, MoaTensor *x, MoaTensor *target)
{
  MOA_NEED (x, target);
  return moa_graph_add (g, &moa_op_cross_entropy, (MoaTensor *[]){ x, target }, 2, NULL);
}
