/* Gradients against finite differences, in double, for every op of the table: each case's inputs
 * and weights are moved a little one by one, forward and back.  Those of a LoRA beside layers too. */
#include <math.h>
#include <string.h>

#include "../unit/op-cases.h"
#include "base/rng.h"
#include "graph/gradient.h"
#include "nets/layers.h"

#define STEP 1e-4
/* The difference quotient is off by about STEP^2 and by rounding over STEP. */
#define TOLERANCE 1e-6
#define MOST 40 /* numbers of a tensor that are moved */

static double
loss_with (OpRun *run, double *number, double value)
{
  double old = *number;
  *number = value;
  moa_graph_params_changed (run->graph);
  op_run (run);
  double loss = *(const double *) run->loss->data;
  *number = old;
  return loss;
}

static void
check_leaf (OpRun *run, const OpLeaf *leaf, const MoaTensor *grad)
{
  gint64 n = leaf->is_weight ? (gint64) (leaf->tensor->param->bytes / sizeof (double))
                             : moa_shape_count (&leaf->shape);
  g_autofree double *expected = g_new0 (double, n);
  moa_graph_params_changed (run->graph);
  op_run (run);
  if (grad)
    {
      g_assert_cmpint (moa_shape_count (&grad->shape), ==, n);
      memcpy (expected, grad->data, n * sizeof (double));
    }
  double max = 0;
  for (gint64 i = 0; i < n; i++)
    max = MAX (max, fabs (expected[i]));
  double *numbers = leaf->tensor->data;
  gint64 step = n <= MOST ? 1 : n / MOST | 1;
  for (gint64 i = 0; i < n; i += step)
    {
      double x = numbers[i];
      double up = loss_with (run, numbers + i, x + STEP);
      double down = loss_with (run, numbers + i, x - STEP);
      double found = (up - down) / (2 * STEP);
      if (!(fabs (found - expected[i]) <= TOLERANCE * MAX (max, 1)))
        {
          g_autofree char *name = op_case_name (run->c);
          g_error ("%s: %s of %d numbers, number %d: gradient %.9g, finite difference %.9g", name,
                   leaf->is_weight ? "weight" : "input", (int) n, (int) i, expected[i], found);
        }
    }
}

static void
test_case (gconstpointer data)
{
  g_autoptr (OpRun) run = op_run_new (data, MOA_ISA_F64, 1);
  for (guint i = 0; i < run->wrt->len; i++)
    check_leaf (run, run->wrt->pdata[i], run->grads[i]);
}

/* An op has a rule and a case, or says why it needs none. */
static void
test_every_op (void)
{
  for (int i = 0; moa_ops[i]; i++)
    {
      const MoaOp *op = moa_ops[i];
      gboolean has_case = FALSE;
      for (const OpCase *c = op_cases; c->op; c++)
        has_case = has_case || strcmp (c->op, op->name) == 0;
      if (!op->gradient && (!op->no_gradient || !*op->no_gradient))
        g_error ("%s has no gradient and does not say why", op->name);
      if (op->gradient && !has_case)
        g_error ("%s has a gradient but no case in op-cases.c", op->name);
    }
}

/* ---- A LoRA beside layers ---- */

typedef struct {
  MoaGraph *graph;
  MoaTensor *x, *loss, *wrt[16], *grads[16];
  int n;
} LowRank;

/* Layers of each kind behind one another, all with a LoRA but one. */
static void
build_low_rank (LowRank *l, const MoaNet *net)
{
  MoaGraph *g = l->graph = net->graph;
  l->x = moa_graph_input (g, "x", MOA_SHAPE (2, 6, 6, 3), MOA_EACH_RUN);
  MoaTensor *y = moa_net_conv (net, l->x, 5, NULL, "conv");
  y = moa_net_conv (net, y, 5, y, "sum");
  y = moa_net_downsample (net, y, 1, "half");
  y = moa_net_linear (net, y, 4, NULL, "plain");
  y = moa_net_matrix (net, y, 7, "matrix");
  y = moa_net_linear (net, y, 7, y, "linear");
  l->loss = moa_reduce (g, moa_mul (g, y, y), MOA_SHAPE (1));
  moa_graph_output (l->loss);
  const GPtrArray *params = moa_graph_params (g);
  for (guint i = 0; i < params->len; i++)
    if (strstr (((MoaTensor *) params->pdata[i])->param->name, ".lora_"))
      l->wrt[l->n++] = params->pdata[i];
  moa_graph_gradients (g, l->loss, l->wrt, l->n, l->grads);
  for (int k = 0; k < l->n; k++)
    moa_graph_output (l->grads[k]);
}

static double
run_low_rank (const LowRank *l)
{
  g_autoptr (GError) error = NULL;
  moa_graph_params_changed (l->graph);
  moa_graph_run (l->graph, NULL, &error);
  g_assert_no_error (error);
  return *(const double *) l->loss->data;
}

static void
fill_params (MoaParams *params)
{
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      MoaParam *param = moa_params_nth (params, i);
      g_autofree float *numbers = g_new (float, moa_param_numbers (param));
      moa_rng_normal (5, i, 0, numbers, moa_param_numbers (param));
      moa_params_set_numbers (params, param, numbers, NULL);
    }
}

static void
test_low_rank (void)
{
  g_autoptr (GError) error = NULL;
  char *layers[] = { "conv", "sum", "ha?f", "mat*", "linear", NULL };
  MoaCpu *cpu = moa_cpu_new (MOA_ISA_F64, 1);
  MoaParams *params = moa_params_new (NULL, MOA_ISA_F64), *own = moa_params_new (NULL, MOA_ISA_F64);
  MoaLowRank lora = { own, "unet.", layers, 2 };
  MoaNet net = { moa_graph_new (cpu), params, .lora = &lora };
  MoaWorkspace *workspace = moa_workspace_new ();
  LowRank l = { NULL };
  build_low_rank (&l, &net);
  g_assert_cmpint (l.n, ==, 10);
  moa_graph_plan (l.graph, &error);
  g_assert_no_error (error);
  g_assert_true (moa_params_load (params, 1, NULL, NULL) && moa_params_load (own, 1, NULL, NULL));
  fill_params (params);
  fill_params (own);
  g_assert_true (moa_graph_prepare (l.graph, workspace, NULL));
  float x[2 * 6 * 6 * 3];
  moa_rng_normal (6, 0, 0, x, G_N_ELEMENTS (x));
  moa_graph_set (l.x, x);
  for (int k = 0; k < l.n; k++)
    {
      gsize n = l.wrt[k]->param->bytes / sizeof (double);
      double *numbers = l.wrt[k]->param->data;
      run_low_rank (&l);
      g_autofree double *expected = g_memdup2 (l.grads[k]->data, n * sizeof (double));
      for (gsize i = 0; i < n; i += n <= MOST ? 1 : n / MOST | 1)
        {
          double at = numbers[i];
          numbers[i] = at + STEP;
          double up = run_low_rank (&l);
          numbers[i] = at - STEP;
          double found = (up - run_low_rank (&l)) / (2 * STEP);
          numbers[i] = at;
          g_assert_cmpfloat_with_epsilon (found, expected[i], 1e-6 * (1 + fabs (expected[i])) + 1e-10 * up);
        }
    }
  moa_graph_free (l.graph);
  moa_workspace_free (workspace);
  moa_params_free (params);
  moa_params_free (own);
  moa_cpu_free (cpu);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradients/every-op", test_every_op);
  g_test_add_func ("/gradients/lora", test_low_rank);
  for (const OpCase *c = op_cases; c->op; c++)
    {
      g_autofree char *name = op_case_name (c);
      g_autofree char *path = g_strconcat ("/gradients/", name, NULL);
      g_test_add_data_func (path, c, test_case);
    }
  return g_test_run ();
}
