/* gather_rows: rows index[b, s] of x[b]; x B,T,D, index B,S -> B,S,D. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *x = &t->in[0]->shape, *index = &t->in[1]->shape;
  if (x->rank != 3 || index->rank != 2 || index->dim[0] != x->dim[0])
    return moa_rule_fail (t, error, "x must be B x T x D and the index B x S");
  t->shape = MOA_SHAPE (x->dim[0], index->dim[1], x->dim[2]);
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 0;
}

const MoaOp moa_op_gather_rows = { "gather_rows", infer, NULL, -1, flops, MOA_KERNELS (gather_rows) };

MoaTensor *
moa_gather_rows (MoaGraph *g, MoaTensor *x, MoaTensor *index)
{
  MOA_NEED (x, index);
  return moa_graph_add (g, &moa_op_gather_rows, (MoaTensor *[]){ x, index }, 2, NULL);
}
