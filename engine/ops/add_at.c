/* add_at: a tensor with `part` added to its numbers from `first` on, whatever part's shape: what
 * gradients are summed with, those of views among them.  Inputs base, or NULL for zeros, and part; i[0..3] the result's shape,
 * i[4] its rank, f[0] first. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  t->shape.rank = t->attr.i[4];
  for (int i = 0; i < t->shape.rank; i++)
    t->shape.dim[i] = t->attr.i[i];
  if (t->in[0] && !moa_shape_equal (&t->in[0]->shape, &t->shape))
    return moa_rule_fail (t, error, "the base must have the result's shape");
  if (t->attr.f[0] + moa_shape_count (&t->in[1]->shape) > moa_shape_count (&t->shape))
    return moa_rule_fail (t, error, "the part reaches beyond the end");
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 1. * moa_shape_count (&t->in[1]->shape);
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return i == 0 ? dy : moa_graph_slice (g, dy, t->attr.f[0], t->in[1]->shape);
}

const MoaOp moa_op_add_at = { "add_at", infer, NULL, 0, flops, MOA_KERNELS (add_at), gradient,
                              NULL, MOA_FOLLOWS };

MoaTensor *
moa_add_at (MoaGraph *g, MoaShape shape, MoaTensor *base, MoaTensor *part, gint64 first)
{
  MOA_NEED (part);
  MoaAttrs attrs = { .i = { [4] = shape.rank }, .f = { first } };
  for (int i = 0; i < shape.rank; i++)
    attrs.i[i] = shape.dim[i];
  return moa_graph_add (g, &moa_op_add_at, (MoaTensor *[]){ base, part }, 2, &attrs);
}
