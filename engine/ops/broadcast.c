/* broadcast: dimensions of 1 repeated to those of the shape asked for; i[0..3] the shape. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *x = &t->in[0]->shape;
  t->shape.rank = x->rank;
  for (int i = 0; i < x->rank; i++)
    {
      t->shape.dim[i] = t->attr.i[i];
      if (x->dim[i] != 1 && x->dim[i] != t->attr.i[i])
        return moa_rule_fail (t, error, "only dimensions of 1 can be repeated");
    }
  return TRUE;
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return moa_reduce (g, dy, t->in[0]->shape);
}

const MoaOp moa_op_broadcast = { "broadcast", infer, NULL, -1, NULL, MOA_KERNELS (broadcast),
                                 gradient, NULL, MOA_FOLLOWS };

MoaTensor *
moa_broadcast (MoaGraph *g, MoaTensor *x, MoaShape shape)
{
  MOA_NEED (x);
  MoaAttrs attrs = { .i = { 0 } };
  for (int i = 0; i < shape.rank; i++)
    attrs.i[i] = shape.dim[i];
  return moa_graph_add (g, &moa_op_broadcast, (MoaTensor *[]){ x }, 1, &attrs);
}
