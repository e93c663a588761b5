/* layer_norm: over the last dimension, then gamma, beta.  f[0] eps. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  gint64 c = moa_last_dim (t->in[0]);
  if (!moa_is_vector (t->in[1], c) || !moa_is_vector (t->in[2], c))
    return moa_rule_fail (t, error, "gamma and beta must have a number for each channel");
  t->shape = t->in[0]->shape;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 8. * moa_shape_count (&t->shape);
}

const MoaOp moa_op_layer_norm = { "layer_norm", infer, NULL, 0, flops, MOA_KERNELS (layer_norm) };

MoaTensor *
moa_layer_norm (MoaGraph *g, MoaTensor *x, MoaTensor *gamma, MoaTensor *beta, double eps)
{
  MOA_NEED (x, gamma, beta);
  return moa_graph_add (g, &moa_op_layer_norm, (MoaTensor *[]){ x, gamma, beta }, 3,
                        &(MoaAttrs){ .f = { eps } });
}
