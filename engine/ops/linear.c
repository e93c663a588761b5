/* linear: y[..., N] = x[..., K] W^T + bias[N] + residual[..., N].  Inputs x, W (panels [N, K]),
 * bias or NULL, residual or NULL. */
#include "ops/rule.h"
#include "ops/scratch.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaTensor *x = t->in[0], *w = t->in[1];
  gint64 n = w->shape.dim[0];
  if (w->shape.rank != 2 || w->shape.dim[1] != moa_last_dim (x))
    return moa_rule_fail (t, error, "the weight must be N x K for an input of ... x K");
  if (t->in[2] && !moa_is_vector (t->in[2], n))
    return moa_rule_fail (t, error, "the bias must have N numbers");
  t->shape = x->shape;
  t->shape.dim[x->shape.rank - 1] = n;
  if (t->in[3] && !moa_shape_equal (&t->in[3]->shape, &t->shape))
    return moa_rule_fail (t, error, "the residual must have the result's shape");
  return TRUE;
}

gsize
moa_linear_scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  return (gsize) moa_cpu_threads (cpu) * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE *
         moa_isa_real_size (moa_cpu_isa (cpu));
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * t->in[1]->shape.dim[1];
}

const MoaOp moa_op_linear = { "linear", infer, moa_linear_scratch, 3, flops, MOA_KERNELS (linear) };

MoaTensor *
moa_linear (MoaGraph *g, MoaTensor *x, MoaTensor *weight, MoaTensor *bias, MoaTensor *residual)
{
  MOA_NEED (x, weight);
  return moa_graph_add (g, &moa_op_linear, (MoaTensor *[]){ x, weight, bias, residual }, 4, NULL);
}
