/* attention: softmax (q k^T / sqrt (C / heads)) v per head; q B,L,C, k and v B,T,C -> B,L,C.
 * i[0] heads, i[1] causal (token i sees 0 .. i). */
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

gsize
moa_attention_stride (gsize n_keys)
{
  gsize stride = (n_keys + 15) / 16 * 16;
  return stride % 256 == 0 ? stride + 16 : stride;
}

/* As many rows as keep their scores in half a megabyte, at least 12. */
gsize
moa_attention_rows (gsize n_keys, gsize n_rows, gsize real_size)
{
  gsize rows = (512u << 10) / (moa_attention_stride (n_keys) * real_size) / 12 * 12;
  return MIN (CLAMP (rows, 12, MOA_BLOCK_ROWS), n_rows);
}

gsize
moa_attention_scratch (const MoaTensor *t, const MoaCpu *cpu)
{
  const MoaShape *q = &t->in[0]->shape, *k = &t->in[1]->shape;
  gsize panel = moa_isa_panel (moa_cpu_isa (cpu)), real_size = moa_isa_real_size (moa_cpu_isa (cpu));
  gsize width = q->dim[2] / t->attr.i[0], keys = k->dim[1];
  gsize packed = (keys + panel - 1) / panel * panel * width + (width + panel - 1) / panel * panel * keys;
  gsize scores = moa_attention_rows (keys, q->dim[1], real_size) * moa_attention_stride (keys);
  return (q->dim[0] * t->attr.i[0] * packed + moa_cpu_threads (cpu) * scores) * real_size;
}

static double
flops (const MoaTensor *t)
{
  return 4. * moa_shape_count (&t->shape) * t->in[1]->shape.dim[1];
}

const MoaOp moa_op_attention = { "attention", infer, moa_attention_scratch, -1, flops,
                                 MOA_KERNELS (attention) };

MoaTensor *
moa_attention (MoaGraph *g, MoaTensor *q, MoaTensor *k, MoaTensor *v, int heads, gboolean causal)
{
  MOA_NEED (q, k, v);
  return moa_graph_add (g, &moa_op_attention, (MoaTensor *[]){ q, k, v }, 3,
                        &(MoaAttrs){ .i = { heads, causal } });
}
