/* concat: a and b one after the other along an axis; all other dimensions equal.  i[0] axis. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *a = &t->in[0]->shape, *b = &t->in[1]->shape;
  int axis = t->attr.i[0];
  gboolean fits = a->rank == b->rank && axis >= 0 && axis < a->rank;
  for (int i = 0; fits && i < a->rank; i++)
    fits = i == axis || a->dim[i] == b->dim[i];
  if (!fits)
    return moa_rule_fail (t, error, "all dimensions but the joined one must be equal");
  t->shape = *a;
  t->shape.dim[axis] += b->dim[axis];
  return TRUE;
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  int axis = t->attr.i[0];
  return moa_take (g, dy, axis, i == 0 ? 0 : t->in[0]->shape.dim[axis], t->in[i]->shape.dim[axis]);
}

const MoaOp moa_op_concat = { "concat", infer, NULL, -1, NULL, MOA_KERNELS (concat), gradient,
                              NULL, MOA_FOLLOWS };

MoaTensor *
moa_concat (MoaGraph *g, MoaTensor *a, MoaTensor *b, int axis)
{
  MOA_NEED (a, b);
  return moa_graph_add (g, &moa_op_concat, (MoaTensor *[]){ a, b }, 2,
                        &(MoaAttrs){ .i = { axis } });
}
