/* Building graphs: leaves, nodes, names, errors. */
#include "graph/graph_private.h"

#include <stdlib.h>
#include <string.h>

gint64
moa_shape_count (const MoaShape *shape)
{
  gint64 n = 1;
  for (int i = 0; i < shape->rank; i++)
    n *= shape->dim[i];
  return n;
}

gboolean
moa_shape_equal (const MoaShape *a, const MoaShape *b)
{
  if (a->rank != b->rank)
    return FALSE;
  for (int i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i])
      return FALSE;
  return TRUE;
}

char *
moa_shape_string (const MoaShape *shape)
{
  GString *s = g_string_new (NULL);
  for (int i = 0; i < shape->rank; i++)
    g_string_append_printf (s, "%s%" G_GINT64_FORMAT, i ? "x" : "", shape->dim[i]);
  return g_string_free (s, FALSE);
}

MoaGraph *
moa_graph_new (MoaCpu *cpu)
{
  MoaGraph *graph = g_new0 (MoaGraph, 1);
  graph->cpu = cpu;
  graph->number = moa_cpu_device (cpu)->number;
  graph->nodes = g_ptr_array_new_with_free_func (g_free);
  graph->names = g_string_chunk_new (1024);
  graph->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  graph->params = g_ptr_array_new ();
  graph->by_param = g_hash_table_new (NULL, NULL);
  graph->checkpoints = g_array_new (FALSE, FALSE, sizeof (int));
  return graph;
}

void
moa_graph_free (MoaGraph *graph)
{
  if (!graph)
    return;
  for (guint i = 0; i < graph->nodes->len; i++)
    g_free (((MoaTensor *) graph->nodes->pdata[i])->constant);
  g_ptr_array_unref (graph->nodes);
  g_hash_table_unref (graph->by_name);
  g_ptr_array_unref (graph->params);
  g_hash_table_unref (graph->by_param);
  g_array_unref (graph->checkpoints);
  g_string_chunk_free (graph->names);
  g_clear_pointer (&graph->order, g_ptr_array_unref);
  g_clear_error (&graph->error);
  moa_graph_forget (graph);
  if (graph->held)
    moa_cpu_device (graph->cpu)->methods->release (moa_cpu_device (graph->cpu), graph->held);
  g_free (graph->device_ops);
  g_free (graph);
}

void
moa_graph_set_number (MoaGraph *graph, MoaNumber number)
{
  g_assert (graph->nodes->len == 0);
  graph->number = number;
}

MoaCpu *
moa_graph_cpu (const MoaGraph *graph)
{
  return graph->cpu;
}

void
moa_graph_fail (MoaGraph *graph, MoaErrorCode code, const char *format, ...)
{
  if (graph->error)
    return;
  va_list args;
  va_start (args, format);
  graph->error = g_error_new_valist (MOA_ERROR, code, format, args);
  va_end (args);
}

/* Every tensor's size is checked here, so that later arithmetic on counts and
 * bytes cannot overflow. */
static gboolean
check_shape (MoaGraph *graph, const MoaShape *shape)
{
  gint64 n = sizeof (double);
  gboolean fits = shape->rank >= 1 && shape->rank <= MOA_MAX_DIMS;
  for (int i = 0; fits && i < shape->rank; i++)
    fits = shape->dim[i] > 0 && !__builtin_mul_overflow (n, shape->dim[i], &n) &&
           n < (G_GINT64_CONSTANT (1) << 46);
  if (!fits)
    moa_graph_fail (graph, MOA_ERROR_ARGUMENT,
                    "A tensor of rank %d is empty or too large; use a smaller picture", shape->rank);
  return fits;
}

/* A device's own type is for what ops make; leaves, of which t->op is NULL, are float there, so that
 * indices fit. */
static MoaNumber
number_of (const MoaGraph *graph, const MoaTensor *t)
{
  if (moa_cpu_isa (graph->cpu) == MOA_ISA_F64)
    return MOA_F64;
  if (!t || t->op->number == MOA_WIDE)
    return MOA_F32;
  for (int i = 0; i < MOA_MAX_INPUTS && t->op->number == MOA_FOLLOWS; i++)
    if (t->in[i] && !moa_tensor_root (t->in[i])->param && t->in[i]->number == MOA_F32)
      return MOA_F32;
  return graph->number;
}

static MoaTensor *
append (MoaGraph *graph, MoaShape shape, MoaNumber number)
{
  if (graph->error || !check_shape (graph, &shape))
    return NULL;
  MoaTensor *t = g_new0 (MoaTensor, 1);
  t->graph = graph;
  t->index = graph->nodes->len;
  t->shape = shape;
  t->number = number;
  t->bytes = moa_shape_count (&shape) * moa_number_size (number);
  g_ptr_array_add (graph->nodes, t);
  return t;
}

MoaTensor *
moa_graph_input (MoaGraph *graph, const char *name, MoaShape shape, MoaInputKind kind)
{
  MoaTensor *t = append (graph, shape, number_of (graph, NULL));
  if (!t)
    return NULL;
  t->is_input = TRUE;
  t->is_held = kind == MOA_HELD;
  return moa_graph_name (t, "%s", name);
}

MoaTensor *
moa_graph_constant (MoaGraph *graph, MoaShape shape, const double *values)
{
  MoaTensor *t = append (graph, shape, number_of (graph, NULL));
  if (!t)
    return NULL;
  t->is_held = TRUE;
  t->constant = g_memdup2 (values, moa_shape_count (&shape) * sizeof (double));
  return t;
}

MoaTensor *
moa_graph_link (MoaGraph *graph, const MoaTensor *output)
{
  g_assert (output->is_output && output->graph != graph && output->graph->cpu == graph->cpu);
  MoaTensor *t = append (graph, output->shape, output->number);
  if (t)
    t->linked = output;
  return t;
}

MoaTensor *
moa_graph_param (MoaGraph *graph, MoaParams *params, const char *name, MoaShape shape,
                 MoaLayout layout)
{
  if (graph->error || !check_shape (graph, &shape))
    return NULL;
  g_assert (moa_params_isa (params) == moa_cpu_isa (graph->cpu));
  MoaParam *param = moa_params_get (params, name, shape.rank, shape.dim, layout, &graph->error);
  if (!param)
    return NULL;
  MoaTensor *t = g_hash_table_lookup (graph->by_param, param);
  if (t || !(t = append (graph, shape, param->number)))
    return t;
  t->param = param;
  t->is_held = TRUE;
  g_ptr_array_add (graph->params, t);
  g_hash_table_insert (graph->by_param, param, t);
  return t;
}

const GPtrArray *
moa_graph_params (const MoaGraph *graph)
{
  return graph->params;
}

MoaTensor *
moa_graph_add (MoaGraph *graph, const MoaOp *op, MoaTensor *const *in, int n_in,
               const MoaAttrs *attrs)
{
  if (graph->error)
    return NULL;
  g_assert (n_in <= MOA_MAX_INPUTS);
  MoaTensor t = { .graph = graph, .op = op };
  for (int i = 0; i < n_in; i++)
    t.in[i] = in[i];
  if (attrs)
    t.attr = *attrs;
  GError *error = NULL;
  if (!op->infer (&t, &error))
    {
      moa_graph_fail (graph, error->code, "%s: %s", op->name, error->message);
      g_error_free (error);
      return NULL;
    }
  MoaTensor *node = append (graph, t.shape, number_of (graph, &t));
  if (!node)
    return NULL;
  node->op = op;
  node->attr = t.attr;
  memcpy (node->in, t.in, sizeof (t.in));
  return node;
}

MoaTensor *
moa_graph_slice (MoaGraph *graph, MoaTensor *t, gint64 first, MoaShape shape)
{
  if (graph->error || !t)
    return NULL;
  g_assert (first >= 0 && first + moa_shape_count (&shape) <= moa_shape_count (&t->shape));
  MoaTensor *view = append (graph, shape, t->number);
  if (view)
    {
      view->view_of = moa_tensor_root (t);
      view->view_first = t->view_first + first;
    }
  return view;
}

MoaTensor *
moa_graph_reshape (MoaGraph *graph, MoaTensor *t, MoaShape shape)
{
  if (graph->error || !t)
    return NULL;
  if (moa_shape_count (&shape) != moa_shape_count (&t->shape))
    {
      g_autofree char *from = moa_shape_string (&t->shape), *to = moa_shape_string (&shape);
      moa_graph_fail (graph, MOA_ERROR_ARGUMENT, "Cannot see %s as %s", from, to);
      return NULL;
    }
  return moa_graph_slice (graph, t, 0, shape);
}

MoaTensor *
moa_graph_name (MoaTensor *t, const char *format, ...)
{
  if (!t)
    return NULL;
  va_list args;
  va_start (args, format);
  g_autofree char *name = g_strdup_vprintf (format, args);
  va_end (args);
  t->name = g_string_chunk_insert_const (t->graph->names, name);
  g_hash_table_insert (t->graph->by_name, (gpointer) t->name, t);
  return t;
}

MoaTensor *
moa_graph_find (MoaGraph *graph, const char *name)
{
  return g_hash_table_lookup (graph->by_name, name);
}

void
moa_graph_output (MoaTensor *t)
{
  if (t)
    moa_tensor_root (t)->is_output = t->is_output = TRUE;
}

void
moa_graph_set_node_func (MoaGraph *graph, MoaNodeFunc func, gpointer data)
{
  graph->node_func = func;
  graph->node_data = data;
}

void
moa_graph_set_profile (MoaGraph *graph, MoaProfileFunc func, gpointer data)
{
  graph->profile = func;
  graph->profile_data = data;
}
