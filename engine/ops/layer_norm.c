/* layer_norm: over the last dimension, then gamma, beta.  f[0] eps.
 * layer_norm_grad_x: inputs x, gamma, dy.
 * layer_norm_grad_affine: inputs x, dy -> the gradients of gamma and beta, one behind the other. */
#include "graph/gradient.h"
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

static gboolean
infer_grad_x (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  return TRUE;
}

static double
flops_grad (const MoaTensor *t)
{
  return 12. * moa_shape_count (&t->in[0]->shape);
}

const MoaOp moa_op_layer_norm_grad_x = { "layer_norm_grad_x", infer_grad_x, NULL, 2, flops_grad,
                                         MOA_KERNELS (layer_norm_grad_x), NULL,
                                         MOA_NO_SECOND_GRADIENT };

static gboolean
infer_grad_affine (MoaTensor *t, GError **error)
{
  t->shape = MOA_SHAPE (2 * moa_last_dim (t->in[0]));
  return TRUE;
}

/* Both sums of each task, in double. */
static gsize
scratch_grad_affine (const MoaTensor *t, const MoaCpu *cpu)
{
  return (gsize) 4 * moa_cpu_threads (cpu) * moa_shape_count (&t->shape) * sizeof (double);
}

const MoaOp moa_op_layer_norm_grad_affine = { "layer_norm_grad_affine", infer_grad_affine,
                                              scratch_grad_affine, -1, flops_grad,
                                              MOA_KERNELS (layer_norm_grad_affine), NULL,
                                              MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *x = t->in[0];
  if (i == 0)
    return moa_graph_add (g, &moa_op_layer_norm_grad_x, (MoaTensor *[]){ x, t->in[1], dy }, 3,
                          &t->attr);
  MoaTensor *both = moa_graph_add_once (g, &moa_op_layer_norm_grad_affine,
                                        (MoaTensor *[]){ x, dy }, 2, &t->attr);
  gint64 n = moa_last_dim (x);
  return moa_graph_slice (g, both, (i - 1) * n, MOA_SHAPE (n));
}

const MoaOp moa_op_layer_norm = { "layer_norm", infer, NULL, 0, flops, MOA_KERNELS (layer_norm),
                                  gradient, NULL };

MoaTensor *
moa_layer_norm (MoaGraph *g, MoaTensor *x, MoaTensor *gamma, MoaTensor *beta, double eps)
{
  MOA_NEED (x, gamma, beta);
  return moa_graph_add (g, &moa_op_layer_norm, (MoaTensor *[]){ x, gamma, beta }, 3,
                        &(MoaAttrs){ .f = { eps } });
}
