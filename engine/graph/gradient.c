/* Reverse mode: from the loss back to what it was made of, each op's rule adding the nodes of its
 * inputs' gradients.  Only tensors that lead to what is asked for get one. */
#include "graph/gradient.h"

#include <string.h>

#include "graph/graph_private.h"

typedef struct {
  MoaGraph *graph;
  gboolean *leads;     /* by tensor: depends on what is asked for */
  MoaTensor **grad;    /* by tensor: the sum so far, or NULL */
  MoaTensor **again;   /* by tensor: what the rules look at; the tensor, or the same made anew */
} Reverse;

MoaTensor *
moa_graph_add_once (MoaGraph *graph, const MoaOp *op, MoaTensor *const *in, int n_in,
                    const MoaAttrs *attrs)
{
  MoaTensor wanted = { .op = op };
  for (int i = 0; i < n_in; i++)
    wanted.in[i] = in[i];
  if (attrs)
    wanted.attr = *attrs;
  /* Asked for again soon after the first time: the search ends early. */
  for (guint i = graph->nodes->len; i > 0; i--)
    {
      MoaTensor *t = graph->nodes->pdata[i - 1];
      if (t->op == op && memcmp (t->in, wanted.in, sizeof (t->in)) == 0 &&
          memcmp (&t->attr, &wanted.attr, sizeof (t->attr)) == 0)
        return t;
    }
  return moa_graph_add (graph, op, in, n_in, attrs);
}

void
moa_graph_checkpoint (MoaTensor *t)
{
  if (!t)
    return;
  int index = moa_tensor_root (t)->index;
  g_array_append_val (t->graph->checkpoints, index);
}

/* Tensors first .. end - 1 once more, from those that are kept. */
static void
make_again (Reverse *r, int first, int end)
{
  for (int i = first; i < end && !r->graph->error; i++)
    {
      const MoaTensor *t = r->graph->nodes->pdata[i];
      MoaTensor *in[MOA_MAX_INPUTS];
      for (int k = 0; k < MOA_MAX_INPUTS; k++)
        in[k] = t->in[k] ? r->again[t->in[k]->index] : NULL;
      if (t->view_of)
        r->again[i] = moa_graph_slice (r->graph, r->again[t->view_of->index], t->view_first,
                                       t->shape);
      else if (t->op)
        r->again[i] = moa_graph_add (r->graph, t->op, in, MOA_MAX_INPUTS, &t->attr);
    }
}

static void
mark_leading (Reverse *r, int n)
{
  for (int i = 0; i < n; i++)
    {
      const MoaTensor *t = r->graph->nodes->pdata[i];
      if (t->view_of && r->leads[t->view_of->index])
        r->leads[i] = TRUE;
      for (int k = 0; k < MOA_MAX_INPUTS; k++)
        if (t->in[k] && r->leads[t->in[k]->index])
          r->leads[i] = TRUE;
    }
}

/* Adds dx to the gradient of t's numbers from `first` on. */
static void
sum_up (Reverse *r, const MoaTensor *t, MoaTensor *dx, gint64 first)
{
  MoaTensor **sum = &r->grad[t->index];
  MoaShape shape = *sum ? (*sum)->shape : t->shape;
  if (*sum || moa_shape_count (&dx->shape) < moa_shape_count (&t->shape))
    *sum = moa_add_at (r->graph, shape, *sum, dx, first);
  else
    *sum = dx;
}

/* The whole seen in another shape passes its gradient on; a part adds it at its place. */
static void
view_back (Reverse *r, const MoaTensor *view)
{
  MoaTensor *root = view->view_of, *dy = r->grad[view->index];
  if (moa_shape_count (&view->shape) == moa_shape_count (&root->shape))
    dy = moa_graph_reshape (r->graph, dy, root->shape);
  if (dy)
    sum_up (r, root, dy, view->view_first);
}

static void
op_back (Reverse *r, MoaTensor *t)
{
  for (int i = 0; i < MOA_MAX_INPUTS; i++)
    {
      MoaTensor *in = t->in[i];
      if (!in || !r->leads[in->index])
        continue;
      MoaTensor *dx = t->op->gradient ? t->op->gradient (r->graph, r->again[t->index],
                                                         r->grad[t->index], i)
                                      : NULL;
      if (!dx)
        {
          moa_graph_fail (r->graph, MOA_ERROR_ARGUMENT, "%s has no gradient for its input %d%s%s",
                          t->op->name, i, t->op->no_gradient ? ": " : "",
                          t->op->no_gradient ? t->op->no_gradient : "");
          return;
        }
      g_assert (in->param ? dx->shape.rank == 1 || moa_shape_equal (&dx->shape, &in->shape)
                          : moa_shape_equal (&dx->shape, &in->shape));
      sum_up (r, in, dx, 0);
    }
}

gboolean
moa_graph_gradients (MoaGraph *graph, MoaTensor *loss, MoaTensor *const *wrt, int n,
                     MoaTensor **grads)
{
  memset (grads, 0, n * sizeof (MoaTensor *));
  if (graph->error || !loss)
    return FALSE;
  g_assert (moa_shape_count (&loss->shape) == 1);
  int n_tensors = graph->nodes->len; /* the gradients' own come behind */
  g_autofree gboolean *leads = g_new0 (gboolean, n_tensors);
  g_autofree MoaTensor **grad = g_new0 (MoaTensor *, n_tensors);
  g_autofree MoaTensor **again = g_memdup2 (graph->nodes->pdata, n_tensors * sizeof (MoaTensor *));
  Reverse r = { graph, leads, grad, again };
  for (int i = 0; i < n; i++)
    leads[wrt[i]->index] = TRUE;
  mark_leading (&r, n_tensors);

  grad[loss->index] = moa_graph_constant (graph, loss->shape, (double[]){ 1 });
  const int *checkpoints = (const int *) graph->checkpoints->data;
  int n_checkpoints = graph->checkpoints->len;
  for (int i = loss->index; i >= 0 && !graph->error; i--)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      if (n_checkpoints > 0 && i == checkpoints[n_checkpoints - 1])
        {
          n_checkpoints--;
          make_again (&r, n_checkpoints > 0 ? checkpoints[n_checkpoints - 1] + 1 : 0, i);
        }
      if (!grad[i] || !leads[i])
        continue;
      if (t->view_of)
        view_back (&r, t);
      else if (t->op)
        op_back (&r, t);
    }
  if (graph->error)
    return FALSE;
  for (int i = 0; i < n; i++)
    grads[i] = leads[loss->index] ? grad[wrt[i]->index] : NULL;
  return TRUE;
}
