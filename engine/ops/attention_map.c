/* attention_map: the probabilities of attention, mean over the heads; q B,L,C, k B,T,C -> B,L,T.
 * i[0] heads. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *q = &t->in[0]->shape, *k = &t->in[1]->shape;
  if (q->rank != 3 || k->rank != 3 || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2])
    return moa_rule_fail (t, error, "q must be B x L x C and k B x T x C");
  if (t->attr.i[0] < 1 || q->dim[2] % t->attr.i[0] != 0)
    return moa_rule_fail (t, error, "the channels must be a multiple of the heads");
  t->shape = MOA_SHAPE (q->dim[0], q->dim[1], k->dim[1]);
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * moa_last_dim (t->in[0]);
}

const MoaOp moa_op_attention_map = { "attention_map", infer, NULL, -1, flops,
                                     MOA_KERNELS (attention_map) };

MoaTensor *
moa_attention_map (MoaGraph *g, MoaTensor *q, MoaTensor *k, int heads)
{
  MOA_NEED (q, k);
  return moa_graph_add (g, &moa_op_attention_map, (MoaTensor *[]){ q, k }, 2,
                        &(MoaAttrs){ .i = { heads } });
}
