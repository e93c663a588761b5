/* gather_rows: rows index[b, s] of x[b]; x B,T,D, index B,S -> B,S,D.
 * scatter_rows: its transpose, row index[b, s] of b's result is the sum of the rows sent there, or
 * zeros; index B,S, rows B,S,D -> B,T,D; i[0] T. */
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

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (i == 1)
    return NULL; /* an index is not differentiable */
  return moa_scatter_rows (g, t->in[1], dy, t->in[0]->shape.dim[1]);
}

const MoaOp moa_op_gather_rows = { "gather_rows", infer, NULL, -1, NULL, MOA_KERNELS (gather_rows),
                                   gradient, NULL };

MoaTensor *
moa_gather_rows (MoaGraph *g, MoaTensor *x, MoaTensor *index)
{
  MOA_NEED (x, index);
  return moa_graph_add (g, &moa_op_gather_rows, (MoaTensor *[]){ x, index }, 2, NULL);
}

static gboolean
infer_scatter (MoaTensor *t, GError **error)
{
  const MoaShape *index = &t->in[0]->shape, *rows = &t->in[1]->shape;
  if (index->rank != 2 || rows->rank != 3 || index->dim[0] != rows->dim[0] ||
      index->dim[1] != rows->dim[1])
    return moa_rule_fail (t, error, "the index must be B x S and the rows B x S x D");
  t->shape = MOA_SHAPE (rows->dim[0], t->attr.i[0], rows->dim[2]);
  return TRUE;
}

static MoaTensor *
gradient_scatter (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  return i == 0 ? NULL : moa_gather_rows (g, dy, t->in[0]);
}

const MoaOp moa_op_scatter_rows = { "scatter_rows", infer_scatter, NULL, -1, NULL,
                                    MOA_KERNELS (scatter_rows), gradient_scatter, NULL, MOA_WIDE };

MoaTensor *
moa_scatter_rows (MoaGraph *g, MoaTensor *index, MoaTensor *rows, int n)
{
  MOA_NEED (index, rows);
  return moa_graph_add (g, &moa_op_scatter_rows, (MoaTensor *[]){ index, rows }, 2,
                        &(MoaAttrs){ .i = { n } });
}
