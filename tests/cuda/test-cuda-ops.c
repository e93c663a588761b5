/* Every op of the table, forward and backward, on the card that $MOA_DEVICE names, against the host in
 * double.  The module is the emulation's in ./check, the real one on a machine with a card. */
#include <gmodule.h>
#include <math.h>
#include <string.h>

#include "../unit/op-cases.h"
#include "graph/gradient.h"
#include "emulation/emulation.h"

static MoaTensor *
rows (OpRun *run, const int *p, int n)
{
  MoaTensor *x = op_input (run, MOA_SHAPE (p[0], n, p[3]), OP_NORMAL, 0);
  return moa_gather_rows (op_graph (run), x, op_input (run, MOA_SHAPE (p[0], n), OP_INDEX, n));
}

/* batch, L, T, C, heads, causal, active; T = 0: self-attention.  Inputs are float, rows of them the device's
 * type; so is the gradient of the result if an activation follows. */
static MoaTensor *
attention (OpRun *run, const int *p)
{
  MoaTensor *q = rows (run, p, p[1]), *k = q, *v = q;
  if (p[2])
    {
      k = rows (run, p, p[2]);
      v = rows (run, p, p[2]);
    }
  MoaTensor *y = moa_attention (op_graph (run), q, k, v, p[4], p[5]);
  return p[6] ? moa_activation (op_graph (run), y, MOA_ACT_SILU) : y;
}

/* Beside the table's: around the tiles of attention's kernels, for each width that they are made for. */
static const OpCase attentions[] = {
  { "attention", { 1, 1, 77, 80, 2, 0 }, attention, NULL, 64 },
  { "attention", { 2, 63, 65, 16, 2, 0 }, attention, NULL, 64 },
  { "attention", { 1, 65, 64, 128, 2, 0 }, attention, NULL, 64 },
  { "attention", { 2, 77, 0, 128, 2, 1 }, attention, NULL, 64 },
  { "attention", { 1, 64, 63, 80, 1, 0 }, attention, NULL, 64 },
  { "attention", { 1, 256, 0, 80, 2, 0 }, attention, NULL, 64 },
  { "attention", { 1, 130, 77, 160, 1, 0 }, attention, NULL, 64 },
  { "attention", { 1, 33, 129, 112, 1, 0 }, attention, NULL, 64 },
  { "attention", { 1, 65, 0, 160, 1, 1 }, attention, NULL, 64 },
  { "attention", { 1, 70, 131, 24, 1, 1 }, attention, NULL, 64 },
  { "attention", { 1, 150, 70, 48, 1, 1 }, attention, NULL, 64 },
  { "attention", { 1, 40, 50, 36, 1, 0 }, attention, NULL, 64 },
  { "attention", { 1, 40, 50, 176, 1, 0 }, attention, NULL, 64 },
  { "attention", { 1, 70, 77, 80, 2, 0, 1 }, attention, NULL, 64 },
  { "attention", { 1, 70, 0, 160, 1, 1, 1 }, attention, NULL, 64 },
  { "attention", { 1, 200, 16, 160, 2, 0, 1 }, attention, NULL, 64 },
};

static MoaDevice *device;
/* Of the emulation: the same card with compute capability 7.5, and how often a kernel was launched. */
static MoaDevice *old;
static EmulatedLaunches launches;

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

/* Of attention: forward; for q, and for k and v. */
static const char *const flash_kernels[] = { "flash_kernel", "flash_grad_q_kernel", "flash_grad_k_kernel" };
#define N_FLASH (int) G_N_ELEMENTS (flash_kernels)

static void
count_flash (gsize n[N_FLASH])
{
  for (int i = 0; i < N_FLASH; i++)
    n[i] = launches ? launches (flash_kernels[i]) : 0;
}

/* Tensor cores where the card, the type and the heads' width allow. */
static void
check_kernel (const OpCase *c, const gsize before[N_FLASH])
{
  if (!launches || c->build != attention)
    return;
  int width = c->p[3] / c->p[4];
  gboolean narrow = device->number == MOA_F16 || device->number == MOA_BF16;
  gsize after[N_FLASH];
  count_flash (after);
  for (int i = 0; i < N_FLASH; i++)
    g_assert_cmpint (after[i] > before[i], ==, narrow && device != old && width % 8 == 0 && width <= 160);
}

static void
test_case (gconstpointer data)
{
  const OpCase *c = data;
  gsize before[N_FLASH];
  count_flash (before);
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
  check_kernel (c, before);
}

static void
test_old (gconstpointer data)
{
  MoaDevice *young = device;
  device = old;
  test_case (data);
  device = young;
}

static void
add_case (const OpCase *c)
{
  g_autofree char *name = op_case_name (c);
  g_autofree char *path = g_strconcat ("/cuda/ops/", name, NULL);
  g_autofree char *old_path = g_strconcat ("/cuda/ops/capability-7.5/", name, NULL);
  g_test_add_data_func (path, c, test_case);
  if (old && strcmp (c->op, "attention") == 0)
    g_test_add_data_func (old_path, c, test_old);
}

/* Which way a case's kernel goes: eight numbers at a time where the rows and the addresses allow. */
static const struct {
  const char *name, *kernel;
} ways[] = {
  { "linear 1,5,9,16,1,1", "start_kernel<8>" },
  { "linear 3,7,5,3,0,1", "start_kernel<1>" },
  { "conv2d 2,5,4,16,8,3,2,1,1,1", "gather_kernel<8>" },
  { "conv2d 2,5,7,3,5,3,1,1,1,1", "gather_kernel<1>" },
  { "group_norm 1,13,7,96,32,1", "group_part_kernel<8>" },
  { "group_norm 1,17,19,32,8", "group_norm_kernel<8>" },
  { "group_norm 1,2,3,522,2", "group_part_kernel<1>" },
  { "group_norm 2,25,23,9,1", "group_norm_kernel<1>" },
  { "layer_norm 2,5,328", "layer_norm_kernel<8>" },
  { "layer_norm 2,5,328", "layer_norm_grad_x_kernel<8>" },
  { "layer_norm 2,5,37", "layer_norm_kernel<1>" },
  { "activation 257,8", "activation_kernel<8>" },
  { "activation 257,8", "activation_grad_kernel<8>" },
  { "activation 3,13", "activation_kernel<1>" },
  { "geglu 5,48", "geglu_kernel<8>" },
  { "geglu 5,48", "geglu_grad_kernel<8>" },
  { "geglu 8,18", "geglu_kernel<1>" },
  { "add 2,3,5,8,2,3,5,8", "add_kernel<8>" },
  { "add 2,3,4,24,2,1,1,24", "add_kernel<8>" },
  { "add 2,3,5,8,1,3,1,1", "add_kernel<8>" },
  { "add 2,3,5,8,1,3,1,8", "add_kernel<8>" },
  { "add 2,2,2,7,2,1,1,7", "add_kernel<1>" },
  { "add 8,8", "add_kernel<8>" },
  { "add 8,9", "add_kernel<1>" },
  { "mul 3,5,3,16,3,5,3,1", "mul_kernel<8>" },
  { "mul 8,13", "mul_kernel<8>" },
  { "mul 9,13", "mul_kernel<1>" },
  { "scale 8,13", "scale_kernel<8>" },
  { "scale 9,13", "scale_kernel<1>" },
  { "concat 2,3,8,16,2", "concat_kernel<8>" },
  { "concat 4,5,2,3,1", "concat_kernel<1>" },
  { "take 3,5,24,2,8,8", "cut_kernel<8>" },
  { "take 3,5,24,2,4,8", "cut_kernel<1>" },
  { "pad 3,5,8,1,2,9", "cut_kernel<8>" },
  { "pad 3,5,8,2,3,16", "cut_kernel<1>" },
  { "add_at 5,8", "mul_kernel<1>" },
  { "broadcast 3,0,8,5", "broadcast_kernel<8>" },
  { "broadcast 0,5,0,8", "broadcast_kernel<8>" },
  { "broadcast 3,0,7,5", "broadcast_kernel<1>" },
  { "upsample 1,3,2,8,7,4", "upsample_kernel<8>" },
  { "upsample 2,3,5,7,6,10", "upsample_kernel<1>" },
  { "embedding 3,7,11,8", "gather_kernel<8>" },
  { "gather_rows 3,5,8,9", "gather_kernel<8>" },
  { "gather_rows 2,5,6,4", "gather_kernel<1>" },
  { "put_rows 3,5,8,6", "put_rows_kernel<8>" },
  { "put_rows 3,5,8,6", "put_rows_grad_kernel<8>" },
  { "put_rows 3,5,7,6", "put_rows_kernel<1>" },
  { "mix 3,13,24", "mix_kernel<8>" },
  { "mix 2,8,6", "mix_kernel<1>" },
};

static const OpCase *
case_of (const char *name)
{
  for (const OpCase *c = op_cases; c->op; c++)
    {
      g_autofree char *own = op_case_name (c);
      if (strcmp (own, name) == 0)
        return c;
    }
  g_error ("no case %s", name);
}

static void
test_ways (void)
{
  for (gsize i = 0; launches && i < G_N_ELEMENTS (ways); i++)
    {
      gsize before = launches (ways[i].kernel);
      op_run_free (op_run_new_on (case_of (ways[i].name), moa_cpu_new_on (device, 1)));
      if (launches (ways[i].kernel) == before)
        {
          g_test_message ("%s goes without %s", ways[i].name, ways[i].kernel);
          g_test_fail ();
        }
    }
}

/* What only the emulation has: NULL on a card. */
static void
find_emulation (void)
{
  const char *path = g_getenv ("MOA_CUDA_MODULE");
  GModule *module = path ? g_module_open (path, G_MODULE_BIND_LAZY) : NULL;
  GError *error = NULL;
  if (!module || !g_module_symbol (module, "emulated_launches", (gpointer *) &launches))
    return;
  g_setenv ("MOA_EMULATED_CAPABILITY", "7.5", TRUE);
  old = moa_device_open (NULL, NULL, &error);
  g_assert_no_error (error);
  g_unsetenv ("MOA_EMULATED_CAPABILITY");
}

/* Bytes of work of attention and its gradients, 8 heads of 40 channels. */
static gsize
work_bytes (int rows)
{
  MoaCpu *cpu = moa_cpu_new_on (device, 1);
  MoaGraph *g = moa_graph_new (cpu);
  GError *error = NULL;
  MoaTensor *q = moa_graph_input (g, "q", MOA_SHAPE (1, rows, 320), MOA_EACH_RUN), *dq = NULL;
  MoaTensor *loss = moa_reduce (g, moa_attention (g, q, q, q, 8, FALSE), MOA_SHAPE (1));
  moa_graph_output (loss);
  moa_graph_gradients (g, loss, &q, 1, &dq);
  moa_graph_output (dq);
  moa_graph_plan (g, &error);
  g_assert_no_error (error);
  gsize bytes = moa_graph_work_bytes (g);
  moa_graph_free (g);
  moa_cpu_free (cpu);
  return bytes;
}

/* No scores: twice the rows take twice the memory, and all of it less than one head's scores would. */
static void
test_attention_memory (void)
{
  gsize some = work_bytes (4096);
  g_assert_cmpuint (some, <, 4096 * 4096 * sizeof (float));
  g_assert_cmpuint (work_bytes (8192), <=, 2 * some);
}

/* Sums of 16-bit products that leave float16 on their way: of each half, 32 times 25000. */
static void
test_sums (void)
{
  enum { M = 4, N = 8, K = 64 };
  float x[M * K], w[N * K], y[M * N];
  GError *error = NULL;
  MoaCpu *cpu = moa_cpu_new_on (device, 1);
  MoaParams *params = moa_params_new_on (NULL, device);
  MoaWorkspace *workspace = moa_workspace_new ();
  MoaGraph *g = moa_graph_new (cpu);
  for (int i = 0; i < M * K; i++)
    x[i] = i % K < K / 2 ? 250 : -250;
  for (int i = 0; i < N * K; i++)
    w[i] = 100;
  MoaTensor *in = moa_graph_input (g, "x", MOA_SHAPE (M, K), MOA_EACH_RUN);
  MoaTensor *weight = moa_graph_param (g, params, "w", MOA_SHAPE (N, K), MOA_PANELS);
  MoaTensor *out = moa_linear (g, in, weight, NULL, NULL);
  moa_graph_output (out);
  g_assert_true (moa_graph_plan (g, &error) && moa_params_load (params, 0, NULL, &error)
                 && moa_params_set_numbers (params, moa_params_nth (params, 0), w, &error)
                 && moa_graph_prepare (g, workspace, &error));
  moa_graph_set (in, x);
  moa_graph_run (g, NULL, &error);
  g_assert_no_error (error);
  moa_graph_get (out, y);
  for (int i = 0; i < M * N; i++)
    g_assert_cmpfloat (y[i], ==, 0);
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_params_free (params);
  moa_cpu_free (cpu);
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
  find_emulation ();
  g_test_add_func ("/cuda/ops/all-there", test_all_there);
  g_test_add_func ("/cuda/ops/attention-memory", test_attention_memory);
  g_test_add_func ("/cuda/ops/sums", test_sums);
  g_test_add_func ("/cuda/ops/ways", test_ways);
  for (const OpCase *c = op_cases; c->op; c++)
    add_case (c);
  for (gsize i = 0; i < G_N_ELEMENTS (attentions); i++)
    add_case (&attentions[i]);
  int result = g_test_run ();
  if (old)
    moa_device_unref (old);
  moa_device_unref (device);
  return result;
}
