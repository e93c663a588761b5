/* activation: SiLU, exact GELU or quick GELU of each number.  i[0] a MoaAct.
 * activation_grad: dy times the slope at x; inputs x, dy. */
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
  return 8. * moa_shape_count (&t->shape);
}

const MoaOp moa_op_activation_grad = { "activation_grad", infer, NULL, 1, flops,
                                       MOA_KERNELS (activation_grad), NULL,
                                       MOA_NO_SECOND_GRADIENT };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return moa_graph_add (g, &moa_op_activation_grad, (MoaTensor *[]){ t->in[0], dy }, 2, &t->attr);
}

const MoaOp moa_op_activation = { "activation", infer, NULL, 0, flops, MOA_KERNELS (activation),
                                  gradient, NULL };

MoaTensor *
moa_activation (MoaGraph *g, MoaTensor *x, MoaAct act)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_activation, &x, 1, &(MoaAttrs){ .i = { act } });
}
