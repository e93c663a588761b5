/* Every op of the table, forward and backward, in every instruction set that this processor has,
 * against the same in double; and the larger ones in double against plain C. */
#include "op-cases.h"

#include <math.h>
#include <string.h>

static double
largest (const float *values, gint64 n)
{
  double max = 0;
  for (gint64 i = 0; i < n; i++)
    max = MAX (max, fabs (values[i]));
  return max;
}

static void
compare (const OpRun *run, const char *what, const float *values, const float *expected, gint64 n)
{
  double allowed = run->c->rounding * 0x1p-24 * largest (expected, n);
  for (gint64 i = 0; i < n; i++)
    if (!(fabs ((double) values[i] - expected[i]) <= allowed))
      {
        g_autofree char *name = op_case_name (run->c);
        g_test_message ("%s: %s, %s, %d threads: number %d is %.9g, in double %.9g, allowed %.3g",
                        name, what, moa_isa_name (moa_cpu_isa (run->cpu)),
                        moa_cpu_threads (run->cpu), (int) i, values[i], expected[i], allowed);
        g_test_fail ();
        return;
      }
}

/* y and all gradients of two runs. */
static void
compare_runs (OpRun *run, OpRun *expected)
{
  g_autofree float *y = op_run_get (run, run->y, NULL);
  g_autofree float *y0 = op_run_get (expected, expected->y, NULL);
  compare (run, "result", y, y0, moa_shape_count (&run->y->shape));
  for (guint i = 0; i < run->wrt->len; i++)
    {
      if (!run->grads[i])
        continue;
      const OpLeaf *leaf = run->wrt->pdata[i];
      g_autofree char *what = g_strdup_printf ("gradient of input %u", i);
      g_autofree float *grad = op_run_get (run, run->grads[i], leaf);
      g_autofree float *grad0 = op_run_get (expected, expected->grads[i], expected->wrt->pdata[i]);
      compare (run, what, grad, grad0, moa_shape_count (&leaf->shape));
    }
}

/* The same bytes again. */
static void
check_again (OpRun *run)
{
  gsize bytes = run->y->bytes;
  g_autofree void *y = g_memdup2 (run->y->data, bytes);
  g_autofree float *grad = run->wrt->len && run->grads[0] ? op_run_get (run, run->grads[0], NULL)
                                                          : NULL;
  op_run (run);
  g_assert_cmpmem (y, bytes, run->y->data, bytes);
  if (!grad)
    return;
  g_autofree float *again = op_run_get (run, run->grads[0], NULL);
  bytes = moa_shape_count (&run->grads[0]->shape) * sizeof (float);
  g_assert_cmpmem (grad, bytes, again, bytes);
}

static void
test_case (gconstpointer data)
{
  const OpCase *c = data;
  g_autoptr (OpRun) expected = op_run_new (c, MOA_ISA_F64, 1);
  for (int isa = 0; isa < MOA_N_ISAS; isa++)
    for (int threads = 1; threads <= 3; threads += 2)
      {
        if (!moa_isa_supported (isa))
          continue;
        g_autoptr (OpRun) run = op_run_new (c, isa, threads);
        compare_runs (run, expected);
        check_again (run);
      }
}

static void
test_naive (gconstpointer data)
{
  const OpCase *c = data;
  g_autoptr (OpRun) run = op_run_new (c, MOA_ISA_F64, 3);
  int n = run->leaves->len;
  g_autofree double **in = g_new0 (double *, n);
  for (int i = 0; i < n; i++)
    {
      const OpLeaf *leaf = run->leaves->pdata[i];
      gint64 count = moa_shape_count (&leaf->shape);
      in[i] = g_new (double, count);
      for (gint64 k = 0; k < count; k++)
        in[i][k] = leaf->values[k];
    }
  gint64 count = moa_shape_count (&run->y->shape);
  g_autofree double *expected = g_new (double, count);
  c->naive (c->p, in, expected);
  for (gint64 k = 0; k < count; k++)
    {
      double y = ((const double *) run->y->data)[k];
      if (!(fabs (y - expected[k]) <= 1e-11 * MAX (1, fabs (expected[k]))))
        g_error ("number %d is %.15g, should be %.15g", (int) k, y, expected[k]);
    }
  for (int i = 0; i < n; i++)
    g_free (in[i]);
}

/* No op without a case, no backward op that no case reaches. */
static void
test_all_reached (void)
{
  g_autoptr (GHashTable) missing = g_hash_table_new (NULL, NULL);
  for (int i = 0; moa_ops[i]; i++)
    g_hash_table_add (missing, (gpointer) moa_ops[i]);
  for (const OpCase *c = op_cases; c->op; c++)
    {
      g_autoptr (OpRun) run = op_run_new (c, MOA_ISA_BASE, 1);
      for (int i = 0; moa_ops[i]; i++)
        if (op_run_has (run, moa_ops[i]))
          g_hash_table_remove (missing, moa_ops[i]);
    }
  for (int i = 0; moa_ops[i]; i++)
    if (g_hash_table_contains (missing, moa_ops[i]))
      g_error ("no case in op-cases.c reaches %s", moa_ops[i]->name);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (const OpCase *c = op_cases; c->op; c++)
    {
      g_autofree char *name = op_case_name (c);
      g_autofree char *isas = g_strconcat ("/ops/isas/", name, NULL);
      g_test_add_data_func (isas, c, test_case);
      g_autofree char *naive = g_strconcat ("/ops/naive/", name, NULL);
      if (c->naive)
        g_test_add_data_func (naive, c, test_naive);
    }
  g_test_add_func ("/ops/all-reached", test_all_reached);
  return g_test_run ();
}
