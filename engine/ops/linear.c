/* linear: y[..., N] = x[..., K] W^T + bias[N] + residual[..., N].  Inputs x, W (panels [N, K]),
 * bias or NULL, residual or NULL.
 * linear_grad_x: dy W; inputs dy, W.
 * linear_grad_w: dy^T x in W's packed order; inputs x, dy. */
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

static gsize
scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  return (gsize) moa_cpu_threads (cpu) * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE *
         moa_isa_real_size (moa_cpu_isa (cpu));
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * t->in[1]->shape.dim[1];
}

static gboolean
infer_grad_x (MoaTensor *t, GError **error)
{
  t->shape = t->in[0]->shape;
  t->shape.dim[t->shape.rank - 1] = t->in[1]->shape.dim[1];
  return TRUE;
}

static gsize
scratch_grad_x (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize turned = moa_panels_count (moa_last_dim (t), moa_last_dim (t->in[0]), cpu);
  return turned * moa_isa_real_size (moa_cpu_isa (cpu)) + scratch (t, cpu);
}

static double
flops_grad_x (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * moa_last_dim (t->in[0]);
}

const MoaOp moa_op_linear_grad_x = { "linear_grad_x", infer_grad_x, scratch_grad_x, -1,
                                     flops_grad_x, MOA_KERNELS (linear_grad_x), NULL,
                                     MOA_NO_SECOND_GRADIENT };

gsize
moa_panels_count (gsize n, gsize row_length, const MoaCpu *cpu)
{
  gsize panel = moa_isa_panel (moa_cpu_isa (cpu));
  return (n + panel - 1) / panel * panel * row_length;
}

MoaWeightParts
moa_weight_parts (gsize m, gsize n, gsize k, const MoaCpu *cpu)
{
  gsize threads = moa_cpu_threads (cpu), panels = moa_panels_count (n, 1, cpu);
  panels /= moa_isa_panel (moa_cpu_isa (cpu));
  double work = 2. * m * n * k;
  gsize wanted = work < 50e3 || threads == 1 ? 1 : work < 1e6 ? threads : 4 * threads;
  MoaWeightParts parts = { .k_parts = (k + MOA_WEIGHT_COLUMNS - 1) / MOA_WEIGHT_COLUMNS };
  parts.n_parts = CLAMP ((wanted + parts.k_parts - 1) / parts.k_parts, 1, panels);
  parts.m_parts = CLAMP (wanted / (parts.k_parts * parts.n_parts), 1, MAX (1, m / 512));
  return parts;
}

gsize
moa_weight_scratch (gsize m, gsize n, gsize k, const MoaCpu *cpu)
{
  MoaIsa isa = moa_cpu_isa (cpu);
  gsize own = MOA_BLOCK_ROWS * (MOA_BLOCK_STRIDE + moa_isa_panel (isa));
  gsize sums = (moa_weight_parts (m, n, k, cpu).m_parts - 1) * moa_panels_count (n, k, cpu);
  return (moa_cpu_threads (cpu) * own + sums) * moa_isa_real_size (isa);
}

static gboolean
infer_grad_w (MoaTensor *t, GError **error)
{
  const MoaTensor *x = t->in[0], *dy = t->in[1];
  t->shape = MOA_SHAPE (moa_panels_count (moa_last_dim (dy), moa_last_dim (x),
                                          moa_graph_cpu (t->graph)));
  return TRUE;
}

static gsize
scratch_grad_w (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize k = moa_last_dim (t->in[0]), n = moa_last_dim (t->in[1]);
  return moa_weight_scratch (moa_shape_count (&t->in[0]->shape) / k, n, k, cpu);
}

static double
flops_grad_w (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->in[0]->shape) * moa_last_dim (t->in[1]);
}

const MoaOp moa_op_linear_grad_w = { "linear_grad_w", infer_grad_w, scratch_grad_w, -1,
                                     flops_grad_w, MOA_KERNELS (linear_grad_w), NULL,
                                     MOA_NO_SECOND_GRADIENT, MOA_WIDE };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (i == 0)
    return moa_graph_add (g, &moa_op_linear_grad_x, (MoaTensor *[]){ dy, t->in[1] }, 2, NULL);
  if (i == 1)
    return moa_graph_add (g, &moa_op_linear_grad_w, (MoaTensor *[]){ t->in[0], dy }, 2, NULL);
  return i == 2 ? moa_reduce (g, dy, t->in[2]->shape) : dy;
}

const MoaOp moa_op_linear = { "linear", infer, scratch, 3, flops, MOA_KERNELS (linear), gradient,
                              NULL };

MoaTensor *
moa_linear (MoaGraph *g, MoaTensor *x, MoaTensor *weight, MoaTensor *bias, MoaTensor *residual)
{
  MOA_NEED (x, weight);
  return moa_graph_add (g, &moa_op_linear, (MoaTensor *[]){ x, weight, bias, residual }, 4, NULL);
}
