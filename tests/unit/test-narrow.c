/* Weights that memory holds narrower than they are computed with: 16 bits where the file has 16 give
 * the same bits in every op and on every instruction set, bytes give nearly the same; and what they
 * take. */
#include "base/half.h"
#include "base/rng.h"
#include "graph/graph.h"
#include "job-util.h"
#include "jobs/job.h"
#include "ops/ops.h"

/* ---- One op ---------------------------------------------------------- */

typedef struct {
  const char *name;
  MoaShape weight, input;
  int stride, pad;   /* of a convolution */
} Case;

/* The second 3x3 convolution is large enough for Winograd; odd sizes leave panels and blocks unfilled. */
static const Case cases[] = {
  { "linear", { 2, { 100, 331 } }, { 2, { 37, 331 } }, 0, 0 },
  { "linear", { 2, { 640, 320 } }, { 2, { 1, 320 } }, 0, 0 },
  { "conv", { 4, { 35, 20, 3, 3 } }, { 4, { 1, 9, 7, 20 } }, 2, 1 },
  { "conv", { 4, { 72, 100, 3, 3 } }, { 4, { 1, 24, 28, 100 } }, 1, 1 },
  { "conv", { 4, { 40, 70, 1, 1 } }, { 4, { 1, 8, 8, 70 } }, 1, 0 },
  { "table", { 2, { 50, 70 } }, { 2, { 1, 9 } }, 0, 0 },
};

static float *
random_numbers (guint64 stream, gsize n)
{
  float *numbers = g_new (float, n);
  moa_rng_normal (7, stream, 0, numbers, n);
  return numbers;
}

/* A file of the case's weight, "w". */
static char *
make_file (const Case *c, MoaDtype dtype)
{
  gsize n = moa_shape_count (&c->weight);
  g_autofree float *numbers = random_numbers (1, n);
  g_autofree guint16 *halves = g_new (guint16, n);
  if (dtype == MOA_DTYPE_F16)
    moa_half_from_floats (numbers, halves, n);
  else
    moa_bfloat_from_floats (numbers, halves, n);
  halves[3] = 0x8003; /* a subnormal */
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (writer, "w", dtype, c->weight.rank, c->weight.dim,
                              dtype == MOA_DTYPE_F32 ? (void *) numbers : halves);
  char *path = g_build_filename (g_get_tmp_dir (), "moa-test-narrow.safetensors", NULL);
  g_assert_true (moa_safetensors_writer_save (writer, path, NULL));
  moa_safetensors_writer_free (writer);
  return path;
}

static MoaTensor *
build (MoaGraph *g, const Case *c, MoaTensor *x, MoaTensor *w)
{
  if (!strcmp (c->name, "linear"))
    return moa_linear (g, x, w, NULL, NULL);
  if (!strcmp (c->name, "table"))
    return moa_embedding (g, x, w);
  return moa_conv2d (g, x, w, NULL, NULL, c->stride, c->pad, c->pad);
}

/* The op's result; *bytes: what the weight takes. */
static float *
run (const Case *c, const char *path, MoaIsa isa, MoaKeep keep, gsize *n, gsize *bytes)
{
  GError *error = NULL;
  gboolean table = !strcmp (c->name, "table");
  MoaWeights *weights = moa_weights_open (path, "test", &error);
  g_assert_no_error (error);
  MoaParams *params = moa_params_new (weights, isa);
  moa_weights_unref (weights);
  moa_params_keep (params, keep);
  MoaCpu *cpu = moa_cpu_new (isa, 2);
  MoaWorkspace *workspace = moa_workspace_new ();
  MoaGraph *g = moa_graph_new (cpu);
  MoaTensor *x = moa_graph_input (g, "x", c->input, MOA_EACH_RUN);
  MoaTensor *w = moa_graph_param (g, params, "w", c->weight, table ? MOA_TABLE : MOA_PANELS);
  MoaTensor *y = build (g, c, x, w);
  if (y)
    moa_graph_output (y);
  gboolean ok = moa_graph_plan (g, &error) && moa_params_load (params, 0, NULL, &error) &&
                moa_graph_prepare (g, workspace, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  gsize n_in = moa_shape_count (&c->input);
  g_autofree float *in = random_numbers (2, n_in);
  for (gsize i = 0; table && i < n_in; i++)
    in[i] = i * 5;
  moa_graph_set (x, in);
  g_assert_true (moa_graph_run (g, NULL, &error));
  *n = moa_shape_count (&y->shape);
  *bytes = moa_params_bytes (params);
  float *out = g_new (float, *n);
  moa_graph_get (y, out);
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_cpu_free (cpu);
  moa_params_free (params);
  return out;
}

static double
relative_rms (const float *a, const float *b, gsize n)
{
  double far = 0, all = 0;
  for (gsize i = 0; i < n; i++)
    {
      far += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
      all += (double) b[i] * b[i];
    }
  return sqrt (far / all);
}

static void
test_ops (void)
{
  for (int isa = 0; isa < MOA_ISA_F64; isa++)
    for (gsize i = 0; moa_isa_supported (isa) && i < G_N_ELEMENTS (cases); i++)
      for (int d = MOA_DTYPE_F32; d <= MOA_DTYPE_BF16; d++)
        {
          const Case *c = &cases[i];
          g_autofree char *path = make_file (c, d);
          gsize n, real_bytes, bytes;
          g_autofree float *real = run (c, path, isa, MOA_KEEP_REAL, &n, &real_bytes);
          g_autofree float *kept = run (c, path, isa, MOA_KEEP_FILE, &n, &bytes);
          g_assert_cmpmem (real, n * sizeof (float), kept, n * sizeof (float));
          g_assert_cmpuint (bytes, ==, d == MOA_DTYPE_F32 ? real_bytes : real_bytes / 2);
          g_autofree float *brain = run (c, path, isa, MOA_KEEP_BF16, &n, &bytes);
          g_assert_cmpuint (bytes, ==, real_bytes / 2);
          double far = relative_rms (brain, real, n);
          g_assert_cmpfloat (far, <, 3e-3); /* 2^-8 / sqrt (12), and as much from rounding's tails */
          g_assert_cmpint (far > 0, ==, d == MOA_DTYPE_F32);
          g_autofree float *q8 = run (c, path, isa, MOA_KEEP_Q8, &n, &bytes);
          far = relative_rms (q8, real, n);
          g_test_message ("%s %d, %s: bytes %g from real", c->name, (int) i, moa_isa_name (isa), far);
          g_assert_cmpfloat (far, <, 9e-3);
          if (strcmp (c->name, "table"))
            {
              g_assert_cmpfloat (far, >, 1e-3);
              g_assert_cmpuint (bytes, <, 0.3 * real_bytes);
            }
          g_unlink (path);
        }
}

/* Numbers set are those that are got again, as near as they are held. */
static void
test_numbers (void)
{
  static const double near[] = { [MOA_KEEP_REAL] = 0, [MOA_KEEP_FILE] = 0, [MOA_KEEP_F16] = 3e-4,
                                 [MOA_KEEP_BF16] = 3e-3, [MOA_KEEP_Q8] = 9e-3 };
  const Case *c = &cases[3];
  g_autofree char *path = make_file (c, MOA_DTYPE_F32);
  gsize n = moa_shape_count (&c->weight);
  g_autofree float *in = random_numbers (5, n), *out = g_new (float, n);
  for (int keep = MOA_KEEP_REAL; keep <= MOA_KEEP_Q8; keep++)
    {
      MoaWeights *weights = moa_weights_open (path, "test", NULL);
      MoaParams *params = moa_params_new (weights, moa_isa_best ());
      moa_weights_unref (weights);
      moa_params_keep (params, keep);
      MoaParam *param = moa_params_get (params, "w", 4, c->weight.dim, MOA_PANELS, NULL);
      g_assert_true (moa_params_load (params, 0, NULL, NULL));
      g_assert_true (moa_params_set_numbers (params, param, in, NULL));
      g_assert_true (moa_params_get_numbers (params, param, out, NULL));
      double far = relative_rms (out, in, n);
      g_assert_cmpfloat (far, <=, near[keep]);
      g_assert_cmpint (far > 0, ==, near[keep] > 0);
      moa_params_free (params);
    }
  g_unlink (path);
}

/* ---- A whole model --------------------------------------------------- */

static MoaImage *
swap_with (const char *weights, guint64 *bytes)
{
  GError *error = NULL;
  MoaModel *model
      = moa_model_open_files (&(MoaModelFiles){ .model = mini_path (), .weights = weights }, &error);
  g_assert_no_error (error);
  Swap swap;
  swap_init (&swap, "lake", 2);
  MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
  MoaImage *image = moa_image_copy (result->variations[0].image);
  *bytes = moa_model_get_info (model)->weight_bytes;
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
  return image;
}

/* The bundled model's files have 16 bits. */
static void
test_model (void)
{
  guint64 real_bytes, bytes;
  MoaImage *real = swap_with ("f32", &real_bytes), *kept = swap_with ("auto", &bytes);
  g_assert_cmpfloat (image_difference (real, kept), ==, 0);
  g_assert_cmpfloat ((double) bytes / real_bytes, <, 0.52);
  moa_image_free (kept);
  kept = swap_with ("q8", &bytes);
  g_test_message ("bytes take %.3f of floats", (double) bytes / real_bytes);
  g_assert_cmpfloat ((double) bytes / real_bytes, <, 0.34);
  double far = image_difference (real, kept);
  g_assert_cmpfloat (far, >, 0);
  g_assert_cmpfloat (relative_rms (kept->data, real->data, image_count (real)), <, 0.05);
  moa_image_free (kept);
  moa_image_free (real);
  GError *error = NULL;
  g_assert_null (moa_model_open_files (&(MoaModelFiles){ .model = mini_path (), .weights = "q4" },
                                       &error));
  g_assert_nonnull (strstr (error->message, "q8"));
  g_error_free (error);
}

/* The prior's eps for noise, on 16 x 16 latent pixels. */
static float *
eps_of (const char *path, const char *weights, gsize *n)
{
  enum { SIDE = 16 };
  GError *error = NULL;
  MoaModel *model = moa_model_open_files (&(MoaModelFiles){ .model = path, .weights = weights }, &error);
  g_assert_no_error (error);
  MoaJob *job = moa_job_new (model, NULL, &error);
  int rows = moa_tokenizer_window (model->tokenizer);
  MoaDenoiserSpec spec = { .width = SIDE, .height = SIDE, .rows = 1, .text_rows = rows };
  MoaDenoiser d = { NULL };
  g_autofree float *text = random_numbers (3, rows * model->unet.text_dim);
  const MoaCondition condition = { text }, *row = &condition;
  *n = SIDE * SIDE * 4;
  g_autofree float *z = random_numbers (4, *n);
  float *eps = g_new (float, *n);
  gboolean ok = moa_denoiser_init (&d, model, job->cpu, &spec, &error) &&
                moa_params_load (model->unet_params, 0, NULL, &error) &&
                moa_graph_prepare (d.graph, job->workspace, &error) &&
                moa_denoiser_run (&d, &row, z, 500, eps, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  moa_denoiser_clear (&d);
  moa_job_free (job);
  moa_model_unref (model);
  return eps;
}

/* MOA_NARROW_MODEL: another model to measure. */
static void
test_eps (void)
{
  const char *other = g_getenv ("MOA_NARROW_MODEL"), *path = other ? other : mini_path ();
  gsize n;
  g_autofree float *real = eps_of (path, "f32", &n), *kept = eps_of (path, "auto", &n);
  g_autofree float *bf16 = eps_of (path, "bf16", &n), *q8 = eps_of (path, "q8", &n);
  g_test_message ("eps, relative RMS: bf16 %g, bytes %g", relative_rms (bf16, real, n),
                  relative_rms (q8, real, n));
  g_assert_cmpmem (real, n * sizeof (float), kept, n * sizeof (float));
  g_assert_cmpfloat (relative_rms (q8, real, n), <, 0.05);
  g_assert_cmpfloat (relative_rms (q8, real, n), >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/narrow/ops", test_ops);
  g_test_add_func ("/narrow/numbers", test_numbers);
  g_test_add_func ("/narrow/model", test_model);
  g_test_add_func ("/narrow/eps", test_eps);
  return g_test_run ();
}
