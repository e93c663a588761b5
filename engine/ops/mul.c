/* mul: a b, number by number; b has a's dimensions or 1, aligned at the last. */
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
  if (i == 0)
    return moa_mul (g, dy, t->in[1]);
  return moa_reduce (g, moa_mul (g, dy, t->in[0]), t->in[1]->shape);
}

const MoaOp moa_op_mul = { "mul", infer, NULL, 0, flops, MOA_KERNELS (mul), gradient, NULL,
                           MOA_FOLLOWS };

MoaTensor *
moa_mul (MoaGraph *g, MoaTensor *a, MoaTensor *b)
{
  MOA_NEED (a, b);
  return moa_graph_add (g, &moa_op_mul, (MoaTensor *[]){ a, b }, 2, NULL);
}
