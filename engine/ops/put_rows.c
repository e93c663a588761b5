/* put_rows: x B,T,D with row index[b, s] replaced by rows[b, s] where present[b, s] is not 0;
 * of equal indices the last wins.  rows B,S,D, index and present B,S. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *x = &t->in[0]->shape, *rows = &t->in[1]->shape, *index = &t->in[2]->shape;
  if (x->rank != 3 || rows->rank != 3 || index->rank != 2 || rows->dim[0] != x->dim[0] ||
      rows->dim[2] != x->dim[2] || index->dim[0] != x->dim[0] || index->dim[1] != rows->dim[1] ||
      !moa_shape_equal (index, &t->in[3]->shape))
    return moa_rule_fail (t, error, "x must be B x T x D, rows B x S x D, index and present B x S");
  t->shape = *x;
  return TRUE;
}

static double
flops (const MoaTensor *t)
{
  return 0;
}

const MoaOp moa_op_put_rows = { "put_rows", infer, NULL, 0, flops, MOA_KERNELS (put_rows) };

MoaTensor *
moa_put_rows (MoaGraph *g, MoaTensor *x, MoaTensor *rows, MoaTensor *index, MoaTensor *present)
{
  MOA_NEED (x, rows, index, present);
  return moa_graph_add (g, &moa_op_put_rows, (MoaTensor *[]){ x, rows, index, present }, 4, NULL);
}
