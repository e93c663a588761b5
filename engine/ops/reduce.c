/* reduce: sums over the dimensions that the shape asked for has as 1, or lacks at the left.
 * i[0..3] that shape, i[4] its rank. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  t->shape.rank = t->attr.i[4];
  for (int i = 0; i < t->shape.rank; i++)
    t->shape.dim[i] = t->attr.i[i];
  if (!moa_repeats (&t->shape, &t->in[0]->shape))
    return moa_rule_fail (t, error, "each dimension can only be kept or become 1");
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 1. * moa_shape_count (&t->in[0]->shape);
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  const MoaShape *x = &t->in[0]->shape;
  MoaShape shape = { x->rank };
  for (int k = 0; k < x->rank; k++)
    {
      int from = k - (x->rank - t->shape.rank);
      shape.dim[k] = from < 0 ? 1 : t->shape.dim[from];
    }
  return moa_broadcast (g, moa_graph_reshape (g, dy, shape), *x);
}

const MoaOp moa_op_reduce = { "reduce", infer, NULL, -1, flops, MOA_KERNELS (reduce), gradient,
                              NULL, MOA_WIDE };

MoaTensor *
moa_reduce (MoaGraph *g, MoaTensor *x, MoaShape shape)
{
  MOA_NEED (x);
  if (moa_shape_equal (&x->shape, &shape))
    return x;
  MoaAttrs attrs = { .i = { [4] = shape.rank } };
  for (int i = 0; i < shape.rank; i++)
    attrs.i[i] = shape.dim[i];
  return moa_graph_add (g, &moa_op_reduce, &x, 1, &attrs);
}
