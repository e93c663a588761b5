/* router_weight: Eq. 7, the personalised expert's weight softmax (logits)[1], times the limit if
 * there is one.  logits B,L,2, limit B,L,1 or NULL -> B,L,1.
 * router_weight_grad: inputs logits, limit or NULL, dy -> B,L,2. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *x = &t->in[0]->shape;
  if (x->rank != 3 || x->dim[2] != 2)
    return moa_rule_fail (t, error, "the logits must be B x L x 2");
  t->shape = MOA_SHAPE (x->dim[0], x->dim[1], 1);
  if (t->in[1] && !moa_shape_equal (&t->in[1]->shape, &t->shape))
    return moa_rule_fail (t, error, "the limit must be B x L x 1");
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 20. * moa_shape_count (&t->shape);
}

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  return TRUE;
}

const MoaOp moa_op_router_weight_grad = { "router_weight_grad", infer_grad, NULL, -1, flops,
                                          MOA_KERNELS (router_weight_grad), NULL,
                                          MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (i == 1)
    return moa_mul (g, dy, moa_router_weight (g, t->in[0], NULL));
  return moa_graph_add (g, &moa_op_router_weight_grad, (MoaTensor *[]){ t->in[0], t->in[1], dy }, 3,
                        NULL);
}

const MoaOp moa_op_router_weight = { "router_weight", infer, NULL, -1, flops,
                                     MOA_KERNELS (router_weight), gradient, NULL, MOA_WIDE };

MoaTensor *
moa_router_weight (MoaGraph *g, MoaTensor *logits, MoaTensor *limit)
{
  MOA_NEED (logits);
  return moa_graph_add (g, &moa_op_router_weight, (MoaTensor *[]){ logits, limit }, 2, NULL);
}
