/* geglu: [..., 2C] -> [..., C], the first half times the exact GELU of the second.
 * geglu_grad: x [..., 2C], dy [..., C] -> [..., 2C]. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  if (moa_last_dim (t->in[0]) % 2 != 0)
    return moa_rule_fail (t, error, "the channels must be even");
  t->shape.dim[t->shape.rank - 1] /= 2;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 16. * moa_shape_count (&t->shape);
}

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  return TRUE;
}

const MoaOp moa_op_geglu_grad = { "geglu_grad", infer_grad, NULL, -1, flops,
                                  MOA_KERNELS (geglu_grad), NULL, MOA_NO_SECOND_GRADIENT };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return moa_graph_add (g, &moa_op_geglu_grad, (MoaTensor *[]){ t->in[0], dy }, 2, NULL);
}

const MoaOp moa_op_geglu = { "geglu", infer, NULL, -1, flops, MOA_KERNELS (geglu), gradient, NULL };

MoaTensor *
moa_geglu (MoaGraph *g, MoaTensor *x)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_geglu, (MoaTensor *[]){ x }, 1, NULL);
}
