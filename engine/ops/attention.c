/* attention: softmax (q k^T / sqrt (C / heads)) v per head; q B,L,C, k and v B,T,C -> B,L,C.
 * i[0] heads, i[1] causal (token i sees 0 .. i).
 * attention_grad: inputs q, k, v, dy -> the gradients of q, k and v, one behind the other. */
#include "graph/gradient.h"
#include "ops/rule.h"
#include "ops/scratch.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *q = &t->in[0]->shape, *k = &t->in[1]->shape;
  if (q->rank != 3 || k->rank != 3 || q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2] ||
      !moa_shape_equal (k, &t->in[2]->shape))
    return moa_rule_fail (t, error, "q must be B x L x C, k and v B x T x C");
  if (t->attr.i[0] < 1 || q->dim[2] % t->attr.i[0] != 0)
    return moa_rule_fail (t, error, "the channels must be a multiple of the heads");
  t->shape = *q;
  return TRUE;
}

/* A row of scores. */
static gsize
score_stride (gsize n_keys)
{
  gsize stride = (n_keys + 15) / 16 * 16;
  return stride % 256 == 0 ? stride + 16 : stride;
}

/* Scores, and for each panel of rows: q, the result, the largest score and their sum. */
gsize
moa_attention_own (gsize width, gsize panel)
{
  return (MOA_ATTENTION_KEYS + MOA_ATTENTION_PANELS * 2 * (width + 1)) * panel;
}

static gsize
scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  MoaIsa isa = moa_cpu_isa (cpu);
  gsize own = moa_attention_own (t->in[0]->shape.dim[2] / t->attr.i[0], moa_isa_panel (isa));
  return moa_cpu_threads (cpu) * own * moa_isa_real_size (isa);
}

static double
flops (const MoaTensor *t)
{
  return 4. * moa_shape_count (&t->shape) * t->in[1]->shape.dim[1];
}

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  t->shape = MOA_SHAPE (moa_shape_count (&t->in[0]->shape) +
                        2 * moa_shape_count (&t->in[1]->shape));
  return TRUE;
}

/* Scores and their gradients in a quarter of a megabyte each, at least 48 rows.  Heads of items are
 * shared out among the threads; where they are too few, so are their rows, in parts whose sums for
 * k and v are then added in their order. */
MoaAttentionPlan
moa_attention_grad_plan (const MoaTensor *t, const MoaCpu *cpu)
{
  gsize panel = moa_isa_panel (moa_cpu_isa (cpu));
  gsize real_size = moa_isa_real_size (moa_cpu_isa (cpu));
  gsize threads = moa_cpu_threads (cpu), rows = t->in[0]->shape.dim[1];
  gsize keys = t->in[1]->shape.dim[1], width = t->in[0]->shape.dim[2] / t->attr.i[0];
  gsize pairs = t->in[0]->shape.dim[0] * t->attr.i[0];
  MoaAttentionPlan plan = { .stride = score_stride (keys), .parts = 1 };
  gsize block = (256u << 10) / (plan.stride * real_size) / 12 * 12;
  plan.block = MIN (CLAMP (block, 48, MOA_BLOCK_ROWS), rows);
  if (threads > 1 && pairs < 2 * threads)
    plan.parts = MIN ((2 * threads + pairs - 1) / pairs, (rows + plan.block - 1) / plan.block);
  gsize columns = (width + panel - 1) / panel * panel;
  plan.own = 2 * ((keys + panel - 1) / panel * panel * width) + 3 * columns * keys +
             2 * plan.block * (plan.stride + columns);
  return plan;
}

static gsize
scratch_grad (const MoaTensor *t, const MoaCpu *cpu)
{
  MoaAttentionPlan plan = moa_attention_grad_plan (t, cpu);
  gsize sums = (plan.parts - 1) * 2 * moa_shape_count (&t->in[1]->shape);
  return (moa_cpu_threads (cpu) * plan.own + sums) * moa_isa_real_size (moa_cpu_isa (cpu));
}

static double
flops_grad (const MoaTensor *t)
{
  return 10. * moa_shape_count (&t->in[0]->shape) * t->in[1]->shape.dim[1];
}

const MoaOp moa_op_attention_grad = { "attention_grad", infer_grad, scratch_grad, -1, flops_grad,
                                      MOA_KERNELS (attention_grad), NULL, MOA_NO_SECOND_GRADIENT };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *const *in = t->in;
  MoaTensor *all = moa_graph_add_once (g, &moa_op_attention_grad,
                                       (MoaTensor *[]){ in[0], in[1], in[2], dy }, 4, &t->attr);
  gint64 first = 0;
  for (int k = 0; k < i; k++)
    first += moa_shape_count (&in[k]->shape);
  return moa_graph_slice (g, all, first, in[i]->shape);
}

const MoaOp moa_op_attention = { "attention", infer, scratch, -1, flops, MOA_KERNELS (attention),
                                 gradient, NULL };

MoaTensor *
moa_attention (MoaGraph *g, MoaTensor *q, MoaTensor *k, MoaTensor *v, int heads, gboolean causal)
{
  MOA_NEED (q, k, v);
  return moa_graph_add (g, &moa_op_attention, (MoaTensor *[]){ q, k, v }, 3,
                        &(MoaAttrs){ .i = { heads, causal } });
}
