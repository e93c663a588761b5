/* embedding: ids B,T (rows of the table; others count as 0), table [V, D] -> B,T,D. */
#include "ops/rule.h"

static gboolean
infer (MoaTensor *t, GError **error)
{
  const MoaShape *ids = &t->in[0]->shape, *table = &t->in[1]->shape;
  if (ids->rank != 2 || table->rank != 2)
    return moa_rule_fail (t, error, "ids must be B x T and the table V x D");
  t->shape = MOA_SHAPE (ids->dim[0], ids->dim[1], table->dim[1]);
  return TRUE;
}

static MoaTensor *
gradient (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i)
{
  if (i == 0)
    return NULL; /* ids are not differentiable */
  gint64 n = t->shape.dim[0] * t->shape.dim[1], d = t->shape.dim[2];
  MoaTensor *ids = moa_graph_reshape (g, t->in[0], MOA_SHAPE (1, n));
  MoaTensor *rows = moa_graph_reshape (g, dy, MOA_SHAPE (1, n, d));
  MoaTensor *table = moa_scatter_rows (g, ids, rows, t->in[1]->shape.dim[0]);
  return moa_graph_reshape (g, table, t->in[1]->shape);
}

const MoaOp moa_op_embedding = { "embedding", infer, NULL, -1, NULL, MOA_KERNELS (embedding),
                                 gradient, NULL };

MoaTensor *
moa_embedding (MoaGraph *g, MoaTensor *ids, MoaTensor *table)
{
  MOA_NEED (ids, table);
  return moa_graph_add (g, &moa_op_embedding, (MoaTensor *[]){ ids, table }, 2, NULL);
}
