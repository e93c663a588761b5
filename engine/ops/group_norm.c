/* group_norm: over each group of C / groups channels and all pixels of an item, then gamma, beta,
 * then SiLU if asked.  x B,...,C; i[0] groups, i[1] SiLU, f[0] eps. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaTensor *x = t->in[0];
  gint64 c = moa_last_dim (x);
  if (x->shape.rank < 2 || t->attr.i[0] < 1 || c % t->attr.i[0] != 0)
    return moa_rule_fail (t, error, "the channels must be a multiple of the groups");
  if (!moa_is_vector (t->in[1], c) || !moa_is_vector (t->in[2], c))
    return moa_rule_fail (t, error, "gamma and beta must have a number for each channel");
  t->shape = x->shape;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 8. * moa_shape_count (&t->shape);
}

const MoaOp moa_op_group_norm = { "group_norm", infer, NULL, 0, flops, MOA_KERNELS (group_norm) };

MoaTensor *
moa_group_norm (MoaGraph *g, MoaTensor *x, MoaTensor *gamma, MoaTensor *beta, int groups, double eps,
                gboolean silu)
{
  MOA_NEED (x, gamma, beta);
  return moa_graph_add (g, &moa_op_group_norm, (MoaTensor *[]){ x, gamma, beta }, 3,
                        &(MoaAttrs){ .i = { groups, silu }, .f = { eps } });
}
