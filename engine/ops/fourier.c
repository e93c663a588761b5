/* fourier: Eq. 8's PE (t, l) with trained frequencies: t [B], freq [F, 2] -> B,2F = [sin | cos] of
 * t freq[:, 0] + l freq[:, 1].  i[0] the layer l.
 * fourier_grad: inputs t, the result, dy -> F,2. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *freq = &t->in[1]->shape;
  if (t->in[0]->shape.rank != 1 || freq->rank != 2 || freq->dim[1] != 2)
    return moa_rule_fail (t, error, "timesteps must be a vector and the frequencies F x 2");
  t->shape = MOA_SHAPE (t->in[0]->shape.dim[0], 2 * freq->dim[0]);
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
  t->shape = MOA_SHAPE (moa_last_dim (t->in[1]) / 2, 2);
  return TRUE;
}

const MoaOp moa_op_fourier_grad = { "fourier_grad", infer_grad, NULL, -1, flops,
                                    MOA_KERNELS (fourier_grad), NULL, MOA_NO_SECOND_GRADIENT,
                                    MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (i == 0)
    return NULL; /* timesteps are drawn */
  return moa_graph_add (g, &moa_op_fourier_grad, (MoaTensor *[]){ t->in[0], t, dy }, 3, &t->attr);
}

const MoaOp moa_op_fourier = { "fourier", infer, NULL, -1, flops, MOA_KERNELS (fourier), gradient,
                               NULL, MOA_WIDE };

MoaTensor *
moa_fourier (MoaGraph *g, MoaTensor *t, MoaTensor *freq, int layer)
{
  MOA_NEED (t, freq);
  return moa_graph_add (g, &moa_op_fourier, (MoaTensor *[]){ t, freq }, 2,
                        &(MoaAttrs){ .i = { layer } });
}
