/* Memory for a planned graph, and running it. */
#include "graph/graph_private.h"

#include <stdlib.h>
#include <string.h>

MoaWorkspace *
moa_workspace_new (void)
{
  return g_new0 (MoaWorkspace, 1);
}

void
moa_workspace_free (MoaWorkspace *workspace)
{
  if (!workspace)
    return;
  free (workspace->data);
  g_free (workspace);
}

/* 64 bytes of alignment; NULL when memory is short. */
static guint8 *
allocate (gsize bytes)
{
  return aligned_alloc (64, MAX (64, (bytes + 63) / 64 * 64));
}

static gboolean
workspace_grow (MoaWorkspace *workspace, gsize bytes, GError **error)
{
  if (workspace->bytes >= bytes)
    return TRUE;
  free (workspace->data);
  workspace->data = allocate (bytes);
  workspace->bytes = workspace->data ? bytes : 0;
  workspace->generation++;
  if (!workspace->data)
    return moa_fail (error, MOA_ERROR_MEMORY,
                     "No memory for %" G_GSIZE_FORMAT " MiB of work; use a smaller area",
                     bytes >> 20);
  return TRUE;
}

/* Sets the data pointers, after the workspace moved. */
static void
resolve (MoaGraph *graph)
{
  guint8 *work = graph->workspace->data + graph->scratch_bytes;
  for (guint i = 0; i < graph->nodes->len; i++)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      if (t->param)
        t->data = t->param->data;
      else if (t->is_input || t->constant || t->in_held_memory)
        t->data = graph->held + t->offset;
      else if (t->op)
        t->data = work + t->offset;
    }
  for (guint i = 0; i < graph->nodes->len; i++)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      if (t->view_of)
        t->data = (guint8 *) t->view_of->data +
                  t->view_first * moa_isa_real_size (moa_cpu_isa (graph->cpu));
    }
  graph->generation = graph->workspace->generation;
}

static void
store (MoaTensor *t, gsize i, double value)
{
  if (moa_cpu_isa (t->graph->cpu) == MOA_ISA_F64)
    ((double *) t->data)[i] = value;
  else
    ((float *) t->data)[i] = value;
}

gboolean
moa_graph_prepare (MoaGraph *graph, MoaWorkspace *workspace, GError **error)
{
  g_assert (graph->order && !graph->held);
  if (!workspace_grow (workspace, moa_graph_work_bytes (graph), error))
    return FALSE;
  graph->held = allocate (graph->held_bytes);
  if (!graph->held)
    return moa_fail (error, MOA_ERROR_MEMORY,
                     "No memory for %" G_GSIZE_FORMAT " MiB of results; use a smaller area",
                     graph->held_bytes >> 20);
  memset (graph->held, 0, graph->held_bytes);
  graph->workspace = workspace;
  resolve (graph);
  for (guint i = 0; i < graph->nodes->len; i++)
    {
      MoaTensor *t = graph->nodes->pdata[i];
      if (t->constant && t->offset < graph->held_bytes)
        for (gint64 k = 0; k < moa_shape_count (&t->shape); k++)
          store (t, k, t->constant[k]);
    }
  return TRUE;
}

void
moa_graph_set (MoaTensor *input, const float *values)
{
  g_assert (input->is_input && input->data);
  gint64 n = moa_shape_count (&input->shape);
  if (moa_cpu_isa (input->graph->cpu) == MOA_ISA_F64)
    for (gint64 i = 0; i < n; i++)
      ((double *) input->data)[i] = values[i];
  else
    memcpy (input->data, values, n * sizeof (float));
  if (input->is_held)
    input->graph->held_done = FALSE;
}

void
moa_graph_set_ints (MoaTensor *input, const gint32 *values)
{
  g_assert (input->is_input && input->data);
  gint64 n = moa_shape_count (&input->shape);
  for (gint64 i = 0; i < n; i++)
    store (input, i, values[i]);
  if (input->is_held)
    input->graph->held_done = FALSE;
}

void
moa_graph_get (const MoaTensor *output, float *values)
{
  g_assert (output->data && (output->is_output || output->is_input));
  gint64 n = moa_shape_count (&output->shape);
  if (moa_cpu_isa (output->graph->cpu) == MOA_ISA_F64)
    for (gint64 i = 0; i < n; i++)
      values[i] = ((const double *) output->data)[i];
  else
    memcpy (values, output->data, n * sizeof (float));
}

void
moa_graph_params_changed (MoaGraph *graph)
{
  graph->held_done = FALSE;
}

gboolean
moa_graph_run (MoaGraph *graph, GCancellable *cancellable, GError **error)
{
  g_assert (graph->held);
  if (graph->generation != graph->workspace->generation)
    resolve (graph);
  MoaIsa isa = moa_cpu_isa (graph->cpu);
  for (guint i = graph->held_done ? graph->n_held : 0; i < graph->order->len; i++)
    {
      const MoaTensor *t = graph->order->pdata[i];
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      gint64 start = graph->profile ? g_get_monotonic_time () : 0;
      t->op->kernel[isa](t, graph->cpu, graph->workspace->data);
      if (graph->profile)
        graph->profile (t, (g_get_monotonic_time () - start) * 1e-6, graph->profile_data);
      if (i + 1 == graph->n_held)
        graph->held_done = TRUE;
    }
  return TRUE;
}
