/* group_norm: over each group of C / groups channels and all pixels of an item, then gamma, beta,
 * then SiLU if asked.  x B,...,C; i[0] groups, i[1] SiLU, f[0] eps.
 * group_norm_sums: inputs x, gamma, beta, dy -> [4, B, C]: each item's share of dgamma and dbeta,
 * and the mean and 1 / deviation that were used.
 * group_norm_grad_x: inputs x, gamma, beta, dy and those sums. */
#include "graph/gradient.h"
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

static double
flops_grad (const MoaTensor *t)
{
  return 12. * moa_shape_count (&t->in[0]->shape);
}

static gboolean
infer_sums (MoaTensor *t, GError **error)
{
  t->shape = MOA_SHAPE (4, t->in[0]->shape.dim[0], moa_last_dim (t->in[0]));
  return TRUE;
}

const MoaOp moa_op_group_norm_sums = { "group_norm_sums", infer_sums, NULL, -1, flops_grad,
                                       MOA_KERNELS (group_norm_sums), NULL,
                                       MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static gboolean
infer_grad_x (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  return TRUE;
}

const MoaOp moa_op_group_norm_grad_x = { "group_norm_grad_x", infer_grad_x, NULL, 3, flops_grad,
                                         MOA_KERNELS (group_norm_grad_x), NULL,
                                         MOA_NO_SECOND_GRADIENT };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *in[] = { t->in[0], t->in[1], t->in[2], dy, NULL };
  MoaTensor *sums = in[4] = moa_graph_add_once (g, &moa_op_group_norm_sums, in, 4, &t->attr);
  MOA_NEED (sums);
  if (i == 0)
    return moa_graph_add (g, &moa_op_group_norm_grad_x, in, 5, &t->attr);
  gint64 items = sums->shape.dim[1], channels = sums->shape.dim[2];
  MoaTensor *part = moa_graph_slice (g, sums, (i - 1) * items * channels,
                                     MOA_SHAPE (items, channels));
  return moa_reduce (g, part, MOA_SHAPE (channels));
}

const MoaOp moa_op_group_norm = { "group_norm", infer, NULL, 0, flops, MOA_KERNELS (group_norm),
                                  gradient, NULL };

MoaTensor *
moa_group_norm (MoaGraph *g, MoaTensor *x, MoaTensor *gamma, MoaTensor *beta, int groups,
                double eps, gboolean silu)
{
  MOA_NEED (x, gamma, beta);
  return moa_graph_add (g, &moa_op_group_norm, (MoaTensor *[]){ x, gamma, beta }, 3,
                        &(MoaAttrs){ .i = { groups, silu }, .f = { eps } });
}
