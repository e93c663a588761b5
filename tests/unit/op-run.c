/* Builds and runs the cases of op-cases.c. */
#include "op-cases.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/rng.h"
#include "graph/gradient.h"
#include "graph/graph_private.h"
#include "io/safetensors.h"

char *
op_case_name (const OpCase *c)
{
  GString *name = g_string_new (c->op);
  int n = G_N_ELEMENTS (c->p);
  while (n > 0 && c->p[n - 1] == 0)
    n--;
  for (int i = 0; i < n; i++)
    g_string_append_printf (name, "%c%d", i ? ',' : ' ', c->p[i]);
  return g_string_free (name, FALSE);
}

static void
leaf_free (gpointer data)
{
  OpLeaf *leaf = data;
  g_free (leaf->values);
  g_free (leaf);
}

/* Each leaf's numbers depend on its place in the case alone. */
static OpLeaf *
leaf_new (OpRun *run, MoaShape shape, OpFill fill, int below)
{
  OpLeaf *leaf = g_new0 (OpLeaf, 1);
  gint64 n = moa_shape_count (&shape);
  leaf->shape = shape;
  leaf->fill = fill;
  leaf->values = g_new (float, n);
  if (fill == OP_NORMAL)
    moa_rng_normal (7, run->leaves->len, 0, leaf->values, n);
  else
    moa_rng_uniform (7, run->leaves->len, 0, leaf->values, n);
  for (gint64 i = 0; i < n && fill != OP_NORMAL; i++)
    leaf->values[i] = (int) (leaf->values[i] * (fill == OP_FLAG ? 2 : below));
  g_ptr_array_add (run->leaves, leaf);
  return leaf;
}

MoaGraph *
op_graph (OpRun *run)
{
  return run->graph;
}

MoaTensor *
op_input (OpRun *run, MoaShape shape, OpFill fill, int below)
{
  OpLeaf *leaf = leaf_new (run, shape, fill, below);
  g_autofree char *name = g_strdup_printf ("input.%u", run->leaves->len);
  if (run->params)
    leaf->tensor = moa_graph_input (run->graph, name, shape, MOA_EACH_RUN);
  return leaf->tensor;
}

MoaTensor *
op_weight (OpRun *run, MoaShape shape, MoaLayout layout)
{
  OpLeaf *leaf = leaf_new (run, shape, OP_NORMAL, 0);
  g_autofree char *name = g_strdup_printf ("weight.%u", run->leaves->len);
  leaf->is_weight = TRUE;
  if (run->params)
    leaf->tensor = moa_graph_param (run->graph, run->params, name, shape, layout);
  return leaf->tensor;
}

/* The weights that a first, empty pass through the builder asked for, in a file. */
static MoaParams *
write_weights (OpRun *run)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("moa-ops-XXXXXX.safetensors", &path, &error);
  g_assert_no_error (error);
  g_close (fd, NULL);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  for (guint i = 0; i < run->leaves->len; i++)
    {
      const OpLeaf *leaf = run->leaves->pdata[i];
      g_autofree char *name = g_strdup_printf ("weight.%u", i + 1);
      if (leaf->is_weight)
        moa_safetensors_writer_add (writer, name, MOA_DTYPE_F32, leaf->shape.rank, leaf->shape.dim,
                                    leaf->values);
    }
  const gint64 one = 1;
  moa_safetensors_writer_add (writer, "unused", MOA_DTYPE_F32, 1, &one, &(float){ 0 });
  moa_safetensors_writer_save (writer, path, &error);
  g_assert_no_error (error);
  moa_safetensors_writer_free (writer);
  MoaWeights *weights = moa_weights_open (path, "case", &error);
  g_assert_no_error (error);
  MoaDevice *device = moa_cpu_device (run->cpu);
  MoaParams *params = device == moa_device_host () ? moa_params_new (weights, moa_cpu_isa (run->cpu))
                                                   : moa_params_new_on (weights, device);
  moa_weights_unref (weights);
  g_unlink (path);
  return params;
}

static void
set_leaves (OpRun *run)
{
  for (guint i = 0; i < run->leaves->len; i++)
    {
      const OpLeaf *leaf = run->leaves->pdata[i];
      if (!leaf->is_weight)
        moa_graph_set (leaf->tensor, leaf->values);
    }
}

static void
add_gradients (OpRun *run)
{
  for (guint i = 0; i < run->leaves->len; i++)
    if (((OpLeaf *) run->leaves->pdata[i])->fill == OP_NORMAL)
      g_ptr_array_add (run->wrt, run->leaves->pdata[i]);
  int n = run->wrt->len;
  run->grads = g_new0 (MoaTensor *, n + 1);
  g_autofree MoaTensor **wrt = g_new0 (MoaTensor *, n + 1);
  for (int i = 0; i < n; i++)
    wrt[i] = ((OpLeaf *) run->wrt->pdata[i])->tensor;
  MoaTensor *r = op_input (run, run->y->shape, OP_NORMAL, 0);
  run->loss = moa_reduce (run->graph, moa_mul (run->graph, run->y, r), MOA_SHAPE (1));
  moa_graph_output (run->loss);
  moa_graph_gradients (run->graph, run->loss, wrt, n, run->grads);
  for (int i = 0; i < n; i++)
    moa_graph_output (run->grads[i]);
}

OpRun *
op_run_new (const OpCase *c, MoaIsa isa, int threads)
{
  return op_run_new_on (c, moa_cpu_new (isa, threads));
}

OpRun *
op_run_new_on (const OpCase *c, MoaCpu *cpu)
{
  g_autoptr (GError) error = NULL;
  OpRun *run = g_new0 (OpRun, 1);
  run->c = c;
  run->cpu = cpu;
  run->workspace = moa_workspace_new ();
  run->leaves = g_ptr_array_new_with_free_func (leaf_free);
  run->wrt = g_ptr_array_new ();
  run->graph = moa_graph_new (run->cpu);
  c->build (run, c->p);
  run->params = write_weights (run);
  g_ptr_array_set_size (run->leaves, 0);
  run->y = c->build (run, c->p);
  moa_graph_output (run->y);
  if (run->y)
    add_gradients (run);
  moa_graph_plan (run->graph, &error);
  g_assert_no_error (error);
  moa_params_load (run->params, 0, NULL, &error);
  g_assert_no_error (error);
  moa_graph_prepare (run->graph, run->workspace, &error);
  g_assert_no_error (error);
  set_leaves (run);
  op_run (run);
  return run;
}

void
op_run (OpRun *run)
{
  g_autoptr (GError) error = NULL;
  moa_graph_run (run->graph, NULL, &error);
  g_assert_no_error (error);
}

void
op_run_free (OpRun *run)
{
  moa_graph_free (run->graph);
  moa_params_free (run->params);
  moa_workspace_free (run->workspace);
  moa_cpu_free (run->cpu);
  g_ptr_array_unref (run->leaves);
  g_ptr_array_unref (run->wrt);
  g_free (run->grads);
  g_free (run);
}

float *
op_run_get (OpRun *run, const MoaTensor *t, const OpLeaf *leaf)
{
  if (leaf && leaf->is_weight)
    {
      float *values = g_new (float, moa_shape_count (&leaf->shape));
      g_autofree float *packed = NULL;
      if (moa_cpu_isa (run->cpu) != MOA_ISA_F64)
        {
          packed = g_new (float, moa_shape_count (&t->shape));
          moa_graph_get (t, packed);
        }
      moa_param_unpack (leaf->tensor->param, moa_cpu_isa (run->cpu), packed ? packed : t->data,
                        values);
      return values;
    }
  float *values = g_new (float, moa_shape_count (&t->shape));
  moa_graph_get (t, values);
  return values;
}

gboolean
op_run_has (const OpRun *run, const MoaOp *op)
{
  for (guint i = 0; i < run->graph->order->len; i++)
    if (((const MoaTensor *) run->graph->order->pdata[i])->op == op)
      return TRUE;
  return FALSE;
}
