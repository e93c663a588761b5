/* add: a + b; b has a's dimensions or 1, aligned at the last. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *a = &t->in[0]->shape, *b = &t->in[1]->shape;
  gboolean fits = b->rank <= a->rank;
  for (int i = 1; fits && i <= b->rank; i++)
    fits = b->dim[b->rank - i] == 1 || b->dim[b->rank - i] == a->dim[a->rank - i];
  if (!fits)
    return moa_rule_fail (t, error, "the second must have the first's dimensions, or 1");
  t->shape = *a;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 1. * moa_shape_count (&t->shape);
}

const MoaOp moa_op_add = { "add", infer, NULL, 0, flops, MOA_KERNELS (add) };

MoaTensor *
moa_add (MoaGraph *g, MoaTensor *a, MoaTensor *b)
{
  MOA_NEED (a, b);
  return moa_graph_add (g, &moa_op_add, (MoaTensor *[]){ a, b }, 2, NULL);
}
