/* Every op of the table, forward and backward, on the card that $MOA_DEVICE names, against the host in
 * double.  The module is the emulation's in ./check, the real one on a machine with a card. */
#include <math.h>
#include <string.h>

#include "../unit/op-cases.h"

static MoaDevice *device;

static double
largest (const float *values, gint64 n)
{
  double max = 0;
  for (gint64 i = 0; i < n; i++)
    max = MAX (max, fabs (values[i]));
  return max;
}

/* What 16 bits, or TF32's 10 of the mantissa, lose at each number, on top of the rounding in float. */
static double
rounding (const OpCase *c)
{
  double unit = device->number == MOA_F16 ? 0x1p-11 : device->number == MOA_BF16 ? 0x1p-8
                : device->tf32 ? 0x1p-11 : 0;
  return c->rounding * 0x1p-24 + 8 * unit;
}

static void
compare (const OpRun *run, const char *what, const float *values, const float *expected, gint64 n)
{
  double allowed = rounding (run->c) * largest (expected, n);
  for (gint64 i = 0; i < n; i++)
    if (!(fabs ((double) values[i] - expected[i]) <= allowed))
      {
        g_autofree char *name = op_case_name (run->c);
        g_test_message ("%s: %s on %s: number %d is %.9g, in double %.9g, allowed %.3g", name, what,
                        device->name, (int) i, values[i], expected[i], allowed);
        g_test_fail ();
        return;
      }
}

/* The same bytes again, though threads and blocks run in another order. */
static void
check_again (OpRun *run)
{
  g_autofree float *y = op_run_get (run, run->y, NULL);
  g_autofree float *loss = op_run_get (run, run->loss, NULL);
  op_run (run);
  g_autofree float *y1 = op_run_get (run, run->y, NULL);
  g_autofree float *loss1 = op_run_get (run, run->loss, NULL);
  gsize bytes = moa_shape_count (&run->y->shape) * sizeof (float);
  g_assert_cmpmem (y, bytes, y1, bytes);
  g_assert_cmpmem (loss, sizeof (float), loss1, sizeof (float));
}

static void
test_case (gconstpointer data)
{
  const OpCase *c = data;
  g_autoptr (OpRun) expected = op_run_new (c, MOA_ISA_F64, 1);
  g_autoptr (OpRun) run = op_run_new_on (c, moa_cpu_new_on (device, 1));
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
  check_again (run);
}

static void
test_all_there (void)
{
  for (int i = 0; moa_ops[i]; i++)
    if (!device->methods->find (device, moa_ops[i]->name))
      g_error ("%s has no kernel in engine/ops/cuda/", moa_ops[i]->name);
  g_assert_null (device->methods->find (device, "no such op"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  GError *error = NULL;
  device = moa_device_open (NULL, NULL, &error);
  g_assert_no_error (error);
  if (device == moa_device_host ())
    g_error ("MOA_DEVICE must name a card");
  g_test_add_func ("/cuda/ops/all-there", test_all_there);
  for (const OpCase *c = op_cases; c->op; c++)
    {
      g_autofree char *name = op_case_name (c);
      g_autofree char *path = g_strconcat ("/cuda/ops/", name, NULL);
      g_test_add_data_func (path, c, test_case);
    }
  int result = g_test_run ();
  moa_device_unref (device);
  return result;
}
