/* put_rows: x B,T,D with row index[b, s] replaced by rows[b, s] where present[b, s] is not 0;
 * of equal indices the last wins.  rows B,S,D, index and present B,S.
 * put_rows_grad: what of dy B,T,D goes to the rows, zeros for those not used; inputs dy, index,
 * present -> B,S,D. */
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

static gboolean
infer_grad (MoaTensor *t, GError **error)
{
  const MoaShape *dy = &t->in[0]->shape;
  t->shape = MOA_SHAPE (dy->dim[0], t->in[1]->shape.dim[1], dy->dim[2]);
  return TRUE;
}

const MoaOp moa_op_put_rows_grad = { "put_rows_grad", infer_grad, NULL, -1, NULL,
                                     MOA_KERNELS (put_rows_grad), NULL, MOA_NO_SECOND_GRADIENT };

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  MoaTensor *index = t->in[2], *present = t->in[3];
  if (i == 1)
    return moa_graph_add (g, &moa_op_put_rows_grad, (MoaTensor *[]){ dy, index, present }, 3, NULL);
  if (i > 1)
    return NULL; /* an index is not differentiable */
  const MoaShape *rows = &t->in[1]->shape;
  g_autofree double *zeros = g_new0 (double, moa_shape_count (rows));
  return moa_put_rows (g, dy, moa_graph_constant (g, *rows, zeros), index, present);
}

const MoaOp moa_op_put_rows = { "put_rows", infer, NULL, 0, NULL, MOA_KERNELS (put_rows), gradient,
                                NULL };

MoaTensor *
moa_put_rows (MoaGraph *g, MoaTensor *x, MoaTensor *rows, MoaTensor *index, MoaTensor *present)
{
  MOA_NEED (x, rows, index, present);
  return moa_graph_add (g, &moa_op_put_rows, (MoaTensor *[]){ x, rows, index, present }, 4, NULL);
}
