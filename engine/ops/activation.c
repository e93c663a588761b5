/* activation: SiLU, exact GELU or quick GELU of each number.  i[0] a MoaAct. */
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

const MoaOp moa_op_activation = { "activation", infer, NULL, 0, flops, MOA_KERNELS (activation) };

MoaTensor *
moa_activation (MoaGraph *g, MoaTensor *x, MoaAct act)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_activation, (MoaTensor *[]){ x }, 1, &(MoaAttrs){ .i = { act } });
}
