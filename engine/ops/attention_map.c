/* attention_map: the probabilities of attention, mean over the heads; q B,L,C, k B,T,C -> B,L,T.
 * i[0] heads.
 * attention_map_grad: inputs q, k, dy -> the gradients of q and k, one behind the other. */
#include "graph/gradient.h"
#include "ops/rule.h"
#include "ops/scratch.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *q = &t->in[0]->shape, *k = &t->in[1]->shape;
  if (q->rank != 3 || k->rank != 3 || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2])
    return moa_rule_fail (t, error, "q must be B x L x C and k B x T x C");
  if (t->attr.i[0] < 1 || q->dim[2] % t->attr.i[0] != 0)
    return moa_rule_fail (t, error, "the channels must be a multiple of the heads");
  t->shape = MOA_SHAPE (q->dim[0], q->dim[1], k->dim[1]);
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 2. * moa_shape_count (&t->shape) * moa_last_dim (t->in[0]);
}

/* Of each thread: k packed for products with q, then scores. */
gsize
moa_attention_map_scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize panel = moa_isa_panel (moa_cpu_isa (cpu)), width = t->in[0]->shape.dim[2] / t->attr.i[0];
  gsize keys = (t->in[1]->shape.dim[1] + panel - 1) / panel * panel;
  return (gsize) moa_cpu_threads (cpu) * keys * (width + MOA_MAP_ROWS) *
         moa_isa_real_size (moa_cpu_isa (cpu));
}

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  t->shape = MOA_SHAPE (moa_shape_count (&t->in[0]->shape) + moa_shape_count (&t->in[1]->shape));
  return TRUE;
}

/* Of each thread: k packed twice, a block of q packed, scores, and their gradient transposed. */
gsize
moa_attention_map_grad_scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize panel = moa_isa_panel (moa_cpu_isa (cpu)), width = t->in[0]->shape.dim[2] / t->attr.i[0];
  gsize keys = (t->in[1]->shape.dim[1] + panel - 1) / panel * panel;
  gsize columns = (width + panel - 1) / panel * panel;
  return (gsize) moa_cpu_threads (cpu) *
         (keys * (width + columns) + MOA_MAP_ROWS * (columns + 2 * keys)) *
         moa_isa_real_size (moa_cpu_isa (cpu));
}

static double
flops_grad (const MoaTensor *t)
{
  return 6. * moa_shape_count (&t->in[2]->shape) * moa_last_dim (t->in[0]);
}

const MoaOp moa_op_attention_map_grad = {
  "attention_map_grad", infer_grad, moa_attention_map_grad_scratch, -1, flops_grad,
  MOA_KERNELS (attention_map_grad), NULL, MOA_NO_SECOND_GRADIENT
};

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *both = moa_graph_add_once (g, &moa_op_attention_map_grad,
                                        (MoaTensor *[]){ t->in[0], t->in[1], dy }, 3, &t->attr);
  gint64 first = i == 0 ? 0 : moa_shape_count (&t->in[0]->shape);
  return moa_graph_slice (g, both, first, t->in[i]->shape);
}

const MoaOp moa_op_attention_map = { "attention_map", infer, moa_attention_map_scratch, -1, flops,
                                     MOA_KERNELS (attention_map), gradient, NULL, MOA_WIDE };

MoaTensor *
moa_attention_map (MoaGraph *g, MoaTensor *q, MoaTensor *k, int heads)
{
  MOA_NEED (q, k);
  return moa_graph_add (g, &moa_op_attention_map, (MoaTensor *[]){ q, k }, 2,
                        &(MoaAttrs){ .i = { heads } });
}
