/* add: a + b; b has a's dimensions or 1, aligned at the last. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  if (!moa_repeats (&t->in[1]->shape, &t->in[0]->shape))
    return moa_rule_fail (t, error, "the second must have the first's dimensions, or 1");
  t->shape = t->in[0]->shape;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 1. * moa_shape_count (&t->shape);
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return moa_reduce (g, dy, t->in[i]->shape);
}

const MoaOp moa_op_add = { "add", infer, NULL, 0, flops, MOA_KERNELS (add), gradient, NULL,
                           MOA_FOLLOWS };

MoaTensor *
moa_add (MoaGraph *g, MoaTensor *a, MoaTensor *b)
{
  MOA_NEED (a, b);
  return moa_graph_add (g, &moa_op_add, (MoaTensor *[]){ a, b }, 2, NULL);
}
