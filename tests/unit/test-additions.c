/* What is added to a model: LoRA's convolutions (LoCon) in numbers, LoRA on MoA's experts, and
 * ControlNet in replacements. */
#include "base/rng.h"
#include "io/weights.h"
#include "job-util.h"

static char *
data_file (const char *name)
{
  return g_build_filename (g_getenv ("MOA_FIXTURES"), name, NULL);
}

/* ---- LoCon ----------------------------------------------------------- */

enum { RANK = 3, N = 32, TAPS = 9 };

/* Factors for two convolutions of 32 channels: one as down 3x3 and up, one as down, mid 3x3 and up. */
typedef struct {
  float down[RANK * N * TAPS], up[N * RANK], thin[RANK * N], mid[RANK * RANK * TAPS], wide[N * RANK];
  float alpha;
} Factors;

#define PLAIN "lora_unet_down_blocks_0_resnets_0_conv1"
#define SPLIT "lora_unet_down_blocks_0_resnets_0_conv2"

static char *
make_locon (Factors *f)
{
  float *const numbers[] = { f->down, f->up, f->thin, f->mid, f->wide };
  const gsize counts[] = { RANK * N * TAPS, N * RANK, RANK * N, RANK * RANK * TAPS, N * RANK };
  for (int i = 0; i < 5; i++)
    moa_rng_normal (11, i, 0, numbers[i], counts[i]);
  f->alpha = 1.5f;
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
#define ADD(name, a, b, k, data)                                                                  \
  moa_safetensors_writer_add (writer, name, MOA_DTYPE_F32, 4, (gint64[]){ a, b, k, k }, data)
  ADD (PLAIN ".lora_down.weight", RANK, N, 3, f->down);
  ADD (PLAIN ".lora_up.weight", N, RANK, 1, f->up);
  ADD (SPLIT ".lora_down.weight", RANK, N, 1, f->thin);
  ADD (SPLIT ".lora_mid.weight", RANK, RANK, 3, f->mid);
  ADD (SPLIT ".lora_up.weight", N, RANK, 1, f->wide);
#undef ADD
  moa_safetensors_writer_add (writer, PLAIN ".alpha", MOA_DTYPE_F32, 0, NULL, &f->alpha);
  char *path = g_build_filename (g_get_tmp_dir (), "moa-test-locon.safetensors", NULL);
  g_assert_true (moa_safetensors_writer_save (writer, path, NULL));
  moa_safetensors_writer_free (writer);
  return path;
}

static void
read_conv (MoaWeights *weights, const char *name, float *out)
{
  GError *error = NULL;
  const MoaFileTensor *t = moa_weights_find (weights, name, 4, (gint64[]){ N, N, 3, 3 }, &error);
  g_assert_no_error (error);
  g_assert_true (moa_weights_read (weights, t, 0, t->n, out, &error));
}

/* By the definition: what the chain of convolutions is as one. */
static double
added_plain (const Factors *f, int o, int c, int t)
{
  double sum = 0;
  for (int r = 0; r < RANK; r++)
    sum += (double) f->up[o * RANK + r] * f->down[(r * N + c) * TAPS + t];
  return sum * f->alpha / RANK;
}

static double
added_split (const Factors *f, int o, int c, int t)
{
  double sum = 0;
  for (int a = 0; a < RANK; a++)
    for (int b = 0; b < RANK; b++)
      sum += (double) f->wide[o * RANK + a] * f->mid[(a * RANK + b) * TAPS + t] * f->thin[b * N + c];
  return sum; /* without alpha, 1 */
}

static void
test_locon (void)
{
  static const char *const names[] = { "down_blocks.0.resnets.0.conv1.weight",
                                       "down_blocks.0.resnets.0.conv2.weight" };
  const double weight = 0.5;
  g_autofree Factors *f = g_new (Factors, 1);
  g_autofree char *path = make_locon (f);
  g_autofree char *unet = data_file ("tiny/unet/diffusion_pytorch_model.safetensors");
  GError *error = NULL;
  MoaLoraFile *lora = moa_lora_open (path, &error);
  g_assert_no_error (error);
  MoaWeights *plain = moa_weights_open (unet, "U-Net", NULL), *with = moa_weights_open (unet, "U-Net",
                                                                                       NULL);
  moa_weights_add_lora (with, lora, MOA_NAMES_UNET, weight);
  g_assert_cmpint (moa_lora_count (lora), ==, 2);
  for (int i = 0; i < 2; i++)
    {
      g_autofree float *a = g_new (float, N * N * TAPS), *b = g_new (float, N * N * TAPS);
      read_conv (plain, names[i], a);
      read_conv (with, names[i], b);
      double far = 0;
      for (int k = 0; k < N * N * TAPS; k++)
        {
          int o = k / (N * TAPS), c = k / TAPS % N, t = k % TAPS;
          double added = i == 0 ? added_plain (f, o, c, t) : added_split (f, o, c, t);
          far = MAX (far, fabs (a[k] + weight * added - b[k]));
        }
      g_assert_cmpfloat (far, <, 1e-5);
    }
  g_assert_cmpint (moa_lora_used (lora), ==, 2);
  moa_weights_unref (plain);
  moa_weights_unref (with);
  moa_lora_unref (lora);
  g_unlink (path);
}

/* ---- LoRA on the experts --------------------------------------------- */

static MoaImage *
swap_picture (const MoaModelFiles *files, gboolean prior)
{
  GError *error = NULL;
  MoaModel *model = moa_model_open_files (files, &error);
  g_assert_no_error (error);
  Swap swap;
  swap_init (&swap, "lake", 2);
  swap.params.guidance = 1;
  if (prior)
    swap.params.max_timestep = 0; /* below the first timestep of all */
  MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
  MoaImage *image = moa_image_copy (result->variations[0].image);
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
  return image;
}

static void
test_experts (void)
{
  g_autofree char *tiny = tiny_path (), *path = data_file ("golden/lora/kohya.safetensors");
  MoaLora lora = { path, 1, FALSE };
  MoaModelFiles files = { .model = tiny, .loras = &lora, .n_loras = 1 };
  MoaImage *outside = swap_picture (&files, FALSE), *prior = swap_picture (&files, TRUE);
  lora.on_experts = TRUE;
  MoaImage *both = swap_picture (&files, FALSE), *still = swap_picture (&files, TRUE);
  g_assert_cmpfloat (image_difference (outside, both), >, 1e-4);
  g_assert_cmpfloat (image_difference (prior, still), ==, 0); /* the prior has it either way */
  files.n_loras = 0;
  MoaImage *none = swap_picture (&files, FALSE);
  g_assert_cmpfloat (image_difference (none, outside), >, 1e-4);
  MoaImage *const images[] = { outside, prior, both, still, none };
  for (gsize i = 0; i < G_N_ELEMENTS (images); i++)
    moa_image_free (images[i]);
}

/* ---- ControlNet in replacements -------------------------------------- */

/* The result's picture; the inversion must be the same whatever is controlled. */
static MoaImage *
controlled (MoaModel *model, Swap *swap, double scale, double start, double end, float **trajectory)
{
  swap->params.control = (MoaControl){ swap->source, scale, start, end };
  swap->params.keep_trajectory = TRUE;
  MoaReplaceResult *result = replace_with (model, &swap->params, NULL);
  gsize n = (gsize) (result->steps + 1) * result->latent_width * result->latent_height * 4;
  if (!*trajectory)
    *trajectory = g_memdup2 (result->trajectory, n * sizeof (float));
  g_assert_cmpmem (*trajectory, n * sizeof (float), result->trajectory, n * sizeof (float));
  MoaImage *image = moa_image_copy (result->variations[0].image);
  for (gsize i = 0; i < image_count (swap->selection); i++)
    for (int c = 0; c < 3 && swap->selection->data[i] == 0; c++)
      g_assert_true (result->variations[0].composite->data[3 * i + c] == swap->source->data[3 * i + c]);
  moa_replace_result_free (result);
  return image;
}

/* Before any job, so that passes are run to tell how long one takes. */
static void
check_estimates (MoaModel *model, Swap *swap)
{
  g_autoptr (GError) error = NULL;
  MoaGenerateParams drawing;
  MoaEstimate estimate;
  moa_generate_params_init (&drawing);
  swap->params.control = (MoaControl){ swap->source, 1, 0, 1 };
  moa_replace_estimate (model, &swap->params, NULL, TRUE, &estimate, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (estimate.seconds, >, 0);
  drawing.prompt = "a man";
  drawing.seeds = &(const guint64){ 0 };
  drawing.n_seeds = 1;
  drawing.control = swap->params.control;
  moa_generate_estimate (model, &drawing, NULL, TRUE, &estimate, &error);
  g_assert_no_error (error);
}

static void
test_control (void)
{
  g_autofree char *tiny = tiny_path (), *dir = data_file ("tiny/controlnet");
  g_autofree float *trajectory = NULL;
  GError *error = NULL;
  MoaModel *model = moa_model_open_files (&(MoaModelFiles){ .model = tiny, .controlnet = dir }, &error);
  g_assert_no_error (error);
  Swap swap;
  swap_init (&swap, "lake", 2);
  swap.params.freedom = 1;
  swap.params.guidance = 2;
  check_estimates (model, &swap);
  MoaImage *none = controlled (model, &swap, 0, 0, 1, &trajectory);
  MoaImage *full = controlled (model, &swap, 1, 0, 1, &trajectory);
  MoaImage *half = controlled (model, &swap, 1, 0, 0.5, &trajectory);
  MoaImage *never = controlled (model, &swap, 1, 0.9, 1, &trajectory);
  swap.params.control = (MoaControl){ NULL, 1, 0, 1 };
  MoaReplaceResult *plain = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (image_difference (plain->variations[0].image, none), ==, 0);
  g_assert_cmpfloat (image_difference (never, none), ==, 0);
  g_assert_cmpfloat (image_difference (full, none), >, 1e-4);
  g_assert_cmpfloat (image_difference (half, none), >, 1e-5);
  g_assert_cmpfloat (image_difference (half, full), >, 1e-5);
  moa_replace_result_free (plain);
  MoaImage *const images[] = { none, full, half, never };
  for (gsize i = 0; i < G_N_ELEMENTS (images); i++)
    moa_image_free (images[i]);
  swap_clear (&swap);
  moa_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/additions/locon", test_locon);
  g_test_add_func ("/additions/experts", test_experts);
  g_test_add_func ("/additions/control", test_control);
  return g_test_run ();
}
