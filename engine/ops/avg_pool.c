/* avg_pool: mean over k x k squares, B,H,W,C -> B,H/k,W/k,C.  i[0] k. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *x = &t->in[0]->shape;
  int k = t->attr.i[0];
  if (x->rank != 4 || k < 1 || x->dim[1] % k != 0 || x->dim[2] % k != 0)
    return moa_rule_fail (t, error, "the sides must be multiples of the square's");
  t->shape = MOA_SHAPE (x->dim[0], x->dim[1] / k, x->dim[2] / k, x->dim[3]);
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
  double k = t->attr.i[0];
  return moa_upsample (g, moa_scale (g, dy, 1 / (k * k), 0), x->dim[1], x->dim[2]);
}

const MoaOp moa_op_avg_pool = { "avg_pool", infer, NULL, -1, flops, MOA_KERNELS (avg_pool),
                                gradient, NULL };

MoaTensor *
moa_avg_pool (MoaGraph *g, MoaTensor *x, int k)
{
  MOA_NEED (x);
  return moa_graph_add (g, &moa_op_avg_pool, (MoaTensor *[]){ x }, 1, &(MoaAttrs){ .i = { k } });
}
