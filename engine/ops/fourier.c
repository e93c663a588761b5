/* fourier: Eq. 8's PE (t, l) with trained frequencies: t [B], freq [F, 2] -> B,2F = [sin | cos] of
 * t freq[:, 0] + l freq[:, 1].  i[0] the layer l. */
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

const MoaOp moa_op_fourier = { "fourier", infer, NULL, -1, flops, MOA_KERNELS (fourier) };

MoaTensor *
moa_fourier (MoaGraph *g, MoaTensor *t, MoaTensor *freq, int layer)
{
  MOA_NEED (t, freq);
  return moa_graph_add (g, &moa_op_fourier, (MoaTensor *[]){ t, freq }, 2, &(MoaAttrs){ .i = { layer } });
}
