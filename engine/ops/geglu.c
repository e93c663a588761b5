/* geglu: [..., 2C] -> [..., C], the first half times the exact GELU of the second. */
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

const MoaOp moa_op_geglu = { "geglu", infer, NULL, -1, flops, MOA_KERNELS (geglu) };

MoaTensor *
moa_geglu (MoaGraph *g, MoaTensor *x)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_geglu, (MoaTensor *[]){ x }, 1, NULL);
}
