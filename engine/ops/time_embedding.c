/* time_embedding: t [B] -> B,dim = [cos (t f_i) | sin (t f_i)], f_i = 10000^(-i / (dim / 2)).
 * i[0] dim, even. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  if (t->in[0]->shape.rank != 1 || t->attr.i[0] < 2 || t->attr.i[0] % 2 != 0)
    return moa_rule_fail (t, error, "timesteps must be a vector, and the width even");
  t->shape = MOA_SHAPE (t->in[0]->shape.dim[0], t->attr.i[0]);
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 20. * moa_shape_count (&t->shape);
}

const MoaOp moa_op_time_embedding = { "time_embedding", infer, NULL, -1, flops,
                                      MOA_KERNELS (time_embedding), NULL,
                                      "timesteps are drawn, and it has no weights", MOA_WIDE };

MoaTensor *
moa_time_embedding (MoaGraph *g, MoaTensor *t, int dim)
{
  MOA_NEED (t);
  return moa_graph_add (g, &moa_op_time_embedding, &t, 1, &(MoaAttrs){ .i = { dim } });
}
