/* mix: Eq. 6, (1 - w) prior + w personalised; both B,L,C, w B,L,1.
 * mix_grad: the weight's, sum over channels of dy (personalised - prior); inputs prior,
 * personalised, dy -> B,L,1. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *prior = &t->in[0]->shape;
  if (prior->rank != 3 || !moa_shape_equal (prior, &t->in[1]->shape) ||
      !moa_shape_equal (&t->in[2]->shape, &MOA_SHAPE (prior->dim[0], prior->dim[1], 1)))
    return moa_rule_fail (t, error, "the experts must be B x L x C and the weight B x L x 1");
  t->shape = *prior;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 3. * moa_shape_count (&t->shape);
}

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  const MoaShape *dy = &t->in[2]->shape;
  t->shape = MOA_SHAPE (dy->dim[0], dy->dim[1], 1);
  return TRUE;
}

static double
flops_grad (const MoaTensor *t)
{
  return 3. * moa_shape_count (&t->in[2]->shape);
}

const MoaOp moa_op_mix_grad = { "mix_grad", infer_grad, NULL, -1, flops_grad,
                                MOA_KERNELS (mix_grad), NULL, MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *w = t->in[2];
  if (i == 2)
    return moa_graph_add (g, &moa_op_mix_grad, (MoaTensor *[]){ t->in[0], t->in[1], dy }, 3, NULL);
  return moa_mul (g, dy, i == 0 ? moa_scale (g, w, -1, 1) : w);
}

const MoaOp moa_op_mix = { "mix", infer, NULL, 0, flops, MOA_KERNELS (mix), gradient, NULL };

MoaTensor *
moa_mix (MoaGraph *g, MoaTensor *prior, MoaTensor *personalised, MoaTensor *w)
{
  MOA_NEED (prior, personalised, w);
  return moa_graph_add (g, &moa_op_mix, (MoaTensor *[]){ prior, personalised, w }, 3, NULL);
}
