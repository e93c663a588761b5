/* Memory for a planned graph, and running it. */
#include "graph/graph_private.h"

#include <string.h>

#include "base/half.h"

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
  if (workspace->data)
    workspace->device->methods->release (workspace->device, workspace->data);
  moa_device_unref (workspace->device);
  g_free (workspace);
}

static gboolean
workspace_grow (MoaWorkspace *workspace, MoaDevice *device, gsize bytes, GError **error)
{
  if (!workspace->device)
    workspace->device = moa_device_ref (device);
  g_assert (workspace->device == device);
  if (workspace->data && workspace->bytes >= bytes)
    return TRUE;
  if (workspace->data)
    device->methods->release (device, workspace->data);
  workspace->data = device->methods->allocate (device, bytes);
  workspace->bytes = workspace->data ? bytes : 0;
  workspace->generation++;
  if (!workspace->data) /* a card that failed gives no memory either, and tells why */
    return device->methods->finish (device, error)
           && moa_fail (error, MOA_ERROR_MEMORY,
                        "No memory for %" G_GSIZE_FORMAT " MiB of work; close other programs, or use a "
                        "smaller model", bytes >> 20);
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
      g_assert (!t->linked || t->linked->data);
      if (t->param)
        t->data = t->param->data;
      else if (t->linked)
        t->data = t->linked->data;
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
                  t->view_first * moa_number_size (t->number);
    }
  graph->generation = graph->workspace->generation;
}

/* value (i) for each number of t, made on the host. */
#define SET(t, value)                                                             \
  G_STMT_START                                                                    \
  {                                                                               \
    MoaDevice *device_ = moa_cpu_device ((t)->graph->cpu);                        \
    gboolean host_ = device_ == moa_device_host ();                               \
    void *numbers_ = host_ ? (t)->data : g_malloc ((t)->bytes);                   \
    for (gint64 i = 0; i < moa_shape_count (&(t)->shape); i++)                    \
      if ((t)->number == MOA_F64)                                                 \
        ((double *) numbers_)[i] = (value);                                       \
      else                                                                        \
        ((float *) numbers_)[i] = (value);                                        \
    if (!host_)                                                                   \
      {                                                                           \
        device_->methods->upload (device_, (t)->data, numbers_, (t)->bytes);      \
        g_free (numbers_);                                                        \
      }                                                                           \
  }                                                                               \
  G_STMT_END

gboolean
moa_graph_prepare (MoaGraph *graph, MoaWorkspace *workspace, GError **error)
{
  MoaDevice *device = moa_cpu_device (graph->cpu);
  g_assert (graph->order && !graph->held);
  if (!workspace_grow (workspace, device, moa_graph_work_bytes (graph), error))
    return FALSE;
  graph->held = device->methods->allocate (device, graph->held_bytes);
  if (!graph->held)
    return device->methods->finish (device, error)
           && moa_fail (error, MOA_ERROR_MEMORY,
                        "No memory for %" G_GSIZE_FORMAT " MiB of results; close other programs, or use a "
                        "smaller model", graph->held_bytes >> 20);
  device->methods->clear (device, graph->held, graph->held_bytes);
  graph->workspace = workspace;
  resolve (graph);
  for (guint k = 0; k < graph->nodes->len; k++)
    {
      MoaTensor *t = graph->nodes->pdata[k];
      if (t->constant && t->offset < graph->held_bytes)
        SET (t, t->constant[i]);
    }
  return TRUE;
}

void
moa_graph_set (MoaTensor *input, const float *values)
{
  g_assert (input->is_input && input->data);
  MoaDevice *device = moa_cpu_device (input->graph->cpu);
  if (input->number == MOA_F32)
    device->methods->upload (device, input->data, values, input->bytes);
  else
    SET (input, values[i]);
  if (input->is_held)
    input->graph->held_done = FALSE;
}

void
moa_graph_set_ints (MoaTensor *input, const gint32 *values)
{
  g_assert (input->is_input && input->data);
  SET (input, values[i]);
  if (input->is_held)
    input->graph->held_done = FALSE;
}

void
moa_graph_get (const MoaTensor *output, float *values)
{
  g_assert (output->data && (output->is_output || output->is_input));
  MoaDevice *device = moa_cpu_device (output->graph->cpu);
  gint64 n = moa_shape_count (&output->shape);
  if (output->number == MOA_F32)
    {
      device->methods->download (device, values, output->data, output->bytes);
      return;
    }
  if (output->number == MOA_F64)
    {
      for (gint64 i = 0; i < n; i++)
        values[i] = ((const double *) output->data)[i];
      return;
    }
  /* 16 bits: into the upper half of the caller's memory, and spread out from the front. */
  guint16 *numbers = (guint16 *) values + n;
  device->methods->download (device, numbers, output->data, output->bytes);
  for (gint64 i = 0; i < n; i++)
    values[i] = (output->number == MOA_F16 ? moa_half_to_float : moa_bfloat_to_float) (numbers[i]);
}

void
moa_graph_clear (MoaTensor *output)
{
  g_assert (output->data && output->is_output);
  MoaDevice *device = moa_cpu_device (output->graph->cpu);
  device->methods->clear (device, output->data, output->bytes);
}

void
moa_graph_params_changed (MoaGraph *graph)
{
  graph->held_done = FALSE;
}

static void
run_node (const MoaGraph *graph, guint i)
{
  const MoaTensor *t = graph->order->pdata[i];
  if (graph->device_ops)
    graph->device_ops[i]->run (t, moa_cpu_device (graph->cpu), graph->workspace->data);
  else
    t->op->kernel[moa_cpu_isa (graph->cpu)](t, graph->cpu, graph->workspace->data);
}

/* Nodes that depend on what each run sets, as one recording. */
static void
record (gpointer data)
{
  MoaGraph *graph = data;
  for (guint i = graph->n_held; i < graph->order->len; i++)
    run_node (graph, i);
}

static gboolean
run_nodes (MoaGraph *graph, guint end, GCancellable *cancellable, GError **error)
{
  MoaDevice *device = moa_cpu_device (graph->cpu);
  for (guint i = graph->held_done ? graph->n_held : 0; i < end; i++)
    {
      const MoaTensor *t = graph->order->pdata[i];
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      gint64 start = graph->profile ? g_get_monotonic_time () : 0;
      run_node (graph, i);
      if (graph->node_func)
        graph->node_func (t, graph->node_data);
      if (graph->profile)
        {
          if (!device->methods->finish (device, error))
            return FALSE;
          graph->profile (t, (g_get_monotonic_time () - start) * 1e-6, graph->profile_data);
        }
      if (i + 1 == graph->n_held)
        graph->held_done = TRUE;
    }
  return TRUE;
}

/* A device that can record its work does so when a graph runs again on the same memory; it is then
 * cancelled between runs. */
gboolean
moa_graph_run (MoaGraph *graph, GCancellable *cancellable, GError **error)
{
  MoaDevice *device = moa_cpu_device (graph->cpu);
  g_assert (graph->held);
  gboolean again = graph->ran && graph->generation == graph->workspace->generation;
  if (graph->generation != graph->workspace->generation)
    {
      moa_graph_forget (graph);
      resolve (graph);
    }
  gboolean replays = again && device->methods->replay && !graph->profile
                     && !graph->node_func && graph->n_held < graph->order->len;
  if (!run_nodes (graph, replays ? graph->n_held : graph->order->len, cancellable, error))
    return FALSE;
  if (replays)
    {
      if (g_cancellable_set_error_if_cancelled (cancellable, error))
        return FALSE;
      device->methods->replay (device, &graph->recording, record, graph);
    }
  graph->ran = TRUE;
  return device->methods->finish (device, error);
}

void
moa_graph_forget (MoaGraph *graph)
{
  MoaDevice *device = moa_cpu_device (graph->cpu);
  if (graph->recording)
    device->methods->forget (device, graph->recording);
  graph->recording = NULL;
}
