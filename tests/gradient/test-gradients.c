/* Gradients against finite differences, in double, for every op of the table: each case's inputs
 * and weights are moved a little one by one, forward and back. */
#include <math.h>
#include <string.h>

#include "../unit/op-cases.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/gradients/every-op", test_every_op);
  for (const OpCase *c = op_cases; c->op; c++)
    {
      g_autofree char *name = op_case_name (c);
      g_autofree char *path = g_strconcat ("/gradients/", name, NULL);
      g_test_add_data_func (path, c, test_case);
    }
  return g_test_run ();
}
