/* Attention per head, some rows of q at a time: scores = q k^T in scratch that
 * fits the second-level cache, softmax in place, times v.  The whole score
 * matrix never exists. */
#include "ops/cpu/attention.h"
#include "ops/scratch.h"

typedef struct {
  const real *q, *k, *v;
  real *out;
  gsize rows, keys, channels, heads, width;   /* width: channels of a head */
  gboolean causal;
  real *packed_k;   /* per item and head: panels of keys, [width][PANEL] */
  real *packed_v;   /* per item and head: panels of channels, [keys][PANEL] */
  gsize k_size, v_size;
  real *scores;     /* per thread: [block][stride] */
  gsize block, stride, blocks;
} Attention;

static void
pack_task (gpointer data, int task, int thread)
{
  const Attention *a = data;
  gsize item = task / a->heads, head = task % a->heads;
  const real *k = a->k + item * a->keys * a->channels + head * a->width;
  const real *v = a->v + item * a->keys * a->channels + head * a->width;
  pack_rows (k, a->keys, a->channels, a->width, a->packed_k + task * a->k_size);
  pack_columns (v, a->keys, a->channels, a->width, a->packed_v + task * a->v_size);
}

static void
rows_task (gpointer data, int task, int thread)
{
  const Attention *a = data;
  gsize pair = task / a->blocks, first = task % a->blocks * a->block;
  gsize item = pair / a->heads, head = pair % a->heads;
  gsize rows = MIN (a->block, a->rows - first);
  gsize offset = (item * a->rows + first) * a->channels + head * a->width;
  real *s = a->scores + thread * a->block * a->stride;

  gemm_block (rows, a->q + offset, a->channels, a->packed_k + pair * a->k_size, a->width, 0,
              a->width, a->keys, s, a->stride, NULL, NULL, 0);
  gsize padded = (a->keys + VL - 1) / VL * VL;
  real inverse[MOA_BLOCK_ROWS];
  for (gsize i = 0; i < rows; i++)
    {
      gsize n = a->causal ? MIN (a->keys, first + i + 1) : a->keys;
      inverse[i] = softmax_row (s + i * a->stride, n, padded, 1 / R (sqrt) ((real) a->width));
    }
  real *out = a->out + offset;
  gemm_block (rows, s, a->stride, a->packed_v + pair * a->v_size, a->keys, 0, a->keys, a->width, out,
              a->channels, NULL, NULL, 0);
  for (gsize i = 0; i < rows; i++)
    for (gsize c = 0; c < a->width; c++)
      out[i * a->channels + c] *= inverse[i];
}

void
KERNEL (attention) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *q = t->in[0], *k = t->in[1], *v = t->in[2];
  Attention a = {
    .q = q->data, .k = k->data, .v = v->data, .out = t->data,
    .rows = q->shape.dim[1], .keys = k->shape.dim[1], .channels = q->shape.dim[2],
    .heads = t->attr.i[0], .causal = t->attr.i[1],
  };
  gsize pairs = q->shape.dim[0] * a.heads;
  a.width = a.channels / a.heads;
  a.k_size = (a.keys + PANEL - 1) / PANEL * PANEL * a.width;
  a.v_size = (a.width + PANEL - 1) / PANEL * PANEL * a.keys;
  a.packed_k = scratch;
  a.packed_v = a.packed_k + pairs * a.k_size;
  a.scores = a.packed_v + pairs * a.v_size;
  a.block = moa_attention_rows (a.keys, a.rows, sizeof (real));
  a.stride = moa_attention_stride (a.keys);
  a.blocks = (a.rows + a.block - 1) / a.block;
  double work = 4. * pairs * a.rows * a.keys * a.width;
  if (task_count (cpu, pairs, work) == 1)
    {
      /* Too little to share. */
      for (gsize i = 0; i < pairs; i++)
        pack_task (&a, i, 0);
      for (gsize i = 0; i < pairs * a.blocks; i++)
        rows_task (&a, i, 0);
      return;
    }
  moa_cpu_parallel (cpu, pairs, pack_task, &a);
  moa_cpu_parallel (cpu, pairs * a.blocks, rows_task, &a);
}
