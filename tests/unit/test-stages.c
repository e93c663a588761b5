/* What each stage learns from: folders, photos, the truth of a swap; and the samples that it leaves. */
#include "train-util.h"

#include "base/rng.h"
#include "nets/unet.h"
#include "nets/vae.h"
#include "train/data-private.h"
#include "train/trainer.h"

/* ---- Folders and samples ---- */

/* Of the pictures one is none. */
static void
make_pictures (const char *folder, int n, int broken)
{
  write_pictures (folder, n);
  g_autofree char *list = file_text (folder, "captions.txt");
  g_auto (GStrv) names = g_strsplit (list, "\n", -1);
  *strchr (names[broken], '\t') = 0;
  g_autofree char *path = g_strdup_printf ("%s/images/%s.png", folder, names[broken]);
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_set_contents (path, "no picture", -1, NULL));
}

/* From a folder; what is broken is counted and named once, on the screen and in the log. */
static void
test_folder (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *data = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  make_pictures (data, 12, 4);
  g_autofree char *text = g_strdup_printf (
    PRIOR ("'data': {'source': 'plain', 'path': '%s', 'held_out': 1, 'augment': false}"), data);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *more = g_strdup_printf ("%s", text);
  char *steps = strstr (more, "'steps': 2");
  steps[strlen ("'steps': ")] = '6';
  train (more, folder, FALSE, 0, lines);
  int said = 0;
  for (guint i = 0; i < lines->len; i++)
    said += g_str_has_prefix (lines->pdata[i], "left out: ");
  g_assert_cmpint (said, ==, 1);
  g_autofree char *log = file_text (folder, "log.jsonl");
  g_auto (GStrv) parts = g_strsplit (log, "\"left_out\":[\"", -1);
  g_assert_cmpint (g_strv_length (parts), ==, 2);
  g_assert_nonnull (g_strrstr (log, "\"broken\":1"));
  g_assert_true (isfinite (last_value (lines, "\"mse_t3\":")));
  remove_all (folder);
  remove_all (data);
}

/* A sheet of samples of that many columns and rows, (transfer full); the last row has pictures, not
 * the sheet's gray. */
static guint8 *
read_sheet (const char *folder, int columns, int rows)
{
  enum { SIDE = 128 };
  g_autofree char *path = g_build_filename (folder, "samples-000000001.png", NULL);
  int width, height;
  GError *error = NULL;
  guint8 *rgb = moa_data_read_picture (path, &width, &height, &error);
  g_assert_no_error (error);
  g_assert_cmpint (width, ==, columns * SIDE);
  g_assert_cmpint (height, ==, rows * SIDE);
  for (int column = 0; column < columns; column++)
    {
      int other = 0;
      for (int i = 0; i < SIDE * SIDE; i++)
        other += rgb[3 * (((rows - 1) * SIDE + i / SIDE) * width + column * SIDE + i % SIDE)] != 128;
      g_assert_cmpint (other, >, SIDE * SIDE / 2);
    }
  return rgb;
}

/* Samples of a training that changes nothing are the same whatever the micro batch. */
static void
test_samples (gconstpointer data)
{
#define SAMPLED(stage, micro, data)                                                                \
  "{'stage': '" stage "', 'steps': 1, 'batch': 4, 'micro_batch': " micro ","                       \
  " 'optimizer': {'lr': 0.0}, 'every': {'samples': 1},"                                            \
  " 'data': {'pictures': 5, 'held_out': 3" data "}, 'moa': {'swap': 0.5}}"
  int kind = GPOINTER_TO_INT (data), rows = kind == 0 ? 2 : 4;
  g_autofree char *pictures = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  make_pictures (pictures, 12, 4);
  g_autofree char *one = g_strdup_printf (
    SAMPLED ("moa", "1", ", 'source': 'plain', 'path': '%s'"), pictures);
  g_autofree char *four = g_strdup_printf (
    SAMPLED ("moa", "4", ", 'source': 'plain', 'path': '%s'"), pictures);
  const char *configs[][2] = { { SAMPLED ("prior", "1", ""), SAMPLED ("prior", "4", "") },
                               { SAMPLED ("moa", "1", ""), SAMPLED ("moa", "4", "") },
                               { one, four } };
  guint8 *sheets[2];
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
      train (configs[kind][i], folder, FALSE, 0, NULL);
      sheets[i] = read_sheet (folder, 3, rows);
      remove_all (folder);
    }
  int most = 0;
  for (int i = 0; i < 3 * 3 * rows * 128 * 128; i++)
    most = MAX (most, abs (sheets[0][i] - sheets[1][i]));
  g_assert_cmpint (most, <=, 2);
  g_free (sheets[0]);
  g_free (sheets[1]);
  remove_all (pictures);
}

/* ---- People described by photos ---------------------------------------- */

/* Tensors that the U-Net's file and MoA's both have. */
static int
same_tensors (const char *model, gboolean *equal)
{
  g_autofree char *a = g_build_filename (model, "unet/diffusion_pytorch_model.safetensors", NULL);
  g_autofree char *b = g_build_filename (model, "moa/moa.safetensors", NULL);
  GError *error = NULL;
  MoaSafetensors *x = moa_safetensors_open (a, &error), *y = moa_safetensors_open (b, &error);
  g_assert_no_error (error);
  int shared = 0;
  *equal = TRUE;
  for (int i = 0; i < moa_safetensors_count (y); i++)
    {
      const MoaFileTensor *t = moa_safetensors_tensor (y, i), *s = moa_safetensors_find (x, t->name);
      if (!s)
        continue;
      g_autofree float *p = g_new (float, s->n), *q = g_new (float, s->n);
      g_assert_true (moa_safetensors_read_float (x, s, 0, s->n, p, NULL));
      g_assert_true (moa_safetensors_read_float (y, t, 0, t->n, q, NULL));
      *equal = *equal && !memcmp (p, q, s->n * sizeof (float));
      shared++;
    }
  moa_safetensors_close (x);
  moa_safetensors_close (y);
  return shared;
}

/* Before anything is learned photos change nothing; then the fuser alone makes them count, and leaves
 * what the prior makes of words as it was; in the end the experts are copies of the prior. */
static void
test_described (void)
{
#define DESCRIBED(lr, train, every)                                                                \
  "{'stage': 'prior', 'fresh': ['moa'], 'steps': 3, 'batch': 4, 'micro_batch': 2, 'half': false,"\
  " 'optimizer': {'warmup': 1, 'lr': " lr ", 'ema': 0.5}, 'every': {'validate': 3" every "},"       \
  " 'data': {'pictures': 50, 'held_out': 4}, 'prior': {'described': 0.7, 'swap': 0.5}, 'train': [" train "]}"
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL);
  g_autoptr (GPtrArray) still = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  train (DESCRIBED ("0.0", "'moa/fuser.*'", ""), folder, FALSE, 0, still);
  gboolean equal;
  g_assert_cmpint (same_tensors (model, &equal), ==, 16 * 2 * 5);
  g_assert_true (equal);
  g_assert_cmpfloat (last_value (still, "\"described_t1\":"), ==, last_value (still, "\"mse_t1\":"));
  remove_all (folder);
  train (DESCRIBED ("1e-2", "'moa/fuser.*'", ""), folder, FALSE, 0, lines);
  g_assert_cmpfloat (last_value (lines, "\"mse_t1\":"), ==, last_value (still, "\"mse_t1\":"));
  g_assert_cmpfloat (last_value (lines, "\"described_t1\":"), !=, last_value (lines, "\"mse_t1\":"));
  remove_all (folder);
  train (DESCRIBED ("1e-2", "'unet/*', 'moa/fuser.*'", ", 'samples': 3"), folder, FALSE, 0, NULL);
  g_assert_cmpint (same_tensors (model, &equal), ==, 16 * 2 * 5);
  g_assert_true (equal);
  remove_all (folder);
}

/* ---- The truth of a swap ---------------------------------------------- */

/* Latent means of a picture, 16-bit as the trainer keeps them. */
static void
encode (MoaGraph *g, MoaTensor *in, MoaTensor *out, const MoaVaeConfig *vae, const float *picture,
        float *latent, int n)
{
  g_autofree float *moments = g_new (float, 2 * n);
  int c = vae->latent_channels;
  moa_graph_set (in, picture);
  g_assert_true (moa_graph_run (g, NULL, NULL));
  moa_graph_get (out, moments);
  for (int i = 0; i < n; i++)
    latent[i] = (moments[i / c * 2 * c + i % c] - vae->shift_factor) * vae->scaling_factor;
}

/* The mean of a mask over a latent's pixel, of before and after the swap the larger. */
static double
mask_at (const MoaDataItem *item, int pixel, int side, int size)
{
  int k = size / side;
  double most = 0;
  for (int s = 0; s < item->n_people; s++)
    for (int after = 0; after < 2; after++)
      {
        const float *mask = (after ? item->truth_people : item->people)[s].mask;
        double sum = 0;
        for (int i = 0; i < k * k; i++)
          sum += mask[(pixel / side * k + i / k) * size + pixel % side * k + i % k];
        most = MAX (most, sum / (k * k));
      }
  return most;
}

/* The masked loss of a network whose output is 0 is the mean square of what it should have been:
 * the noise that leads from the noised picture before the swap to the picture after it. */
static double
swap_loss_by_hand (const MoaTrainConfig *config)
{
  enum { SIZE = 128, SIDE = 16, C = 4, N = SIDE * SIDE * C };
  g_autofree char *model = tiny_model ();
  MoaParts parts;
  GError *error = NULL;
  g_assert_true (moa_parts_open (&parts, model, 0, moa_device_host (), &error));
  MoaCpu *cpu = moa_cpu_new (moa_isa_best (), 1);
  MoaGraph *g = moa_graph_new (cpu);
  MoaWorkspace *workspace = moa_workspace_new ();
  MoaTensor *in = moa_graph_input (g, "in", MOA_SHAPE (1, SIZE, SIZE, 3), MOA_EACH_RUN);
  MoaTensor *out = moa_vae_encode (g, &parts.vae, parts.params[MOA_PART_VAE], in);
  moa_graph_output (out);
  g_assert_true (moa_graph_plan (g, &error));
  g_assert_true (moa_parts_load (&parts, 1u << MOA_PART_VAE, NULL, &error));
  g_assert_true (moa_graph_prepare (g, workspace, &error));
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.photo_size = parts.vision.image_size;
  options.seed = config->data.seed;
  options.tokenizer = parts.tokenizer;
  options.n_scenes = config->data.pictures;
  options.truth = 1;
  MoaDataSource *source = moa_data_world (&options);
  MoaDataItem *item = moa_data_item_new (source);
  g_assert_true (moa_data_source_load (source, 0, item, &error));
  g_assert_true (item->has_truth);

  float before[N], after[N], noise[N], unit;
  encode (g, in, out, &parts.vae, item->picture, before, N);
  encode (g, in, out, &parts.vae, item->truth, after, N);
  moa_rng_normal (config->seed ^ 0x747261696e, MOA_USE_NOISE, 0, noise, N);
  moa_rng_uniform (config->seed ^ 0x647261777, MOA_USE_TIME, 0, &unit, 1);
  int t = config->moa.swap_t_min + (int) (unit * (parts.schedule->n - config->moa.swap_t_min));
  double abar = parts.schedule->abar[t], sum = 0, area = 0;
  for (int i = 0; i < N; i++)
    {
      double z = sqrt (abar) * before[i] + sqrt (1 - abar) * noise[i];
      double eps = (z - sqrt (abar) * after[i]) / sqrt (1 - abar);
      double mask = mask_at (item, i / C, SIDE, SIZE);
      sum += mask * eps * eps;
      area += mask;
    }
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_parts_clear (&parts);
  moa_cpu_free (cpu);
  return sum / area;
}

static void
test_swap_target (void)
{
  static const char config_text[]
    = "{'stage': 'moa', 'fresh': ['unet', 'moa'], 'steps': 1, 'batch': 1, 'micro_batch': 1,"
      " 'every': {'log': 1}, 'data': {'pictures': 5, 'held_out': 1}, 'moa': {'swap': 1.0}}";
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  train (config_text, folder, FALSE, 0, lines);
  MoaTrainConfig config = make_config (config_text);
  double expected = swap_loss_by_hand (&config), got = last_value (lines, " masked ");
  g_assert_cmpfloat_with_epsilon (got, expected, 2e-3 * expected);
  moa_train_config_clear (&config);
  remove_all (folder);
}

/* ---- A LoRA ----------------------------------------------------------- */

/* eps of the U-Net for drawn inputs, with the LoRA in training if there is one; (transfer full) */
static float *
unet_eps (const MoaParts *parts, MoaParams *unet, const MoaLowRank *lora, gsize *n)
{
  enum { SIDE = 8, WORDS = 5 };
  g_autoptr (GError) error = NULL;
  MoaCpu *cpu = moa_cpu_new (moa_isa_best (), 1);
  MoaGraph *g = moa_graph_new (cpu);
  MoaWorkspace *workspace = moa_workspace_new ();
  MoaUnetArgs args = { moa_graph_input (g, "z", MOA_SHAPE (1, SIDE, SIDE, parts->unet.in_channels), MOA_HELD),
                       moa_graph_input (g, "t", MOA_SHAPE (1), MOA_HELD),
                       moa_graph_input (g, "text", MOA_SHAPE (1, WORDS, parts->unet.text_dim), MOA_HELD),
                       .lora = lora };
  MoaTensor *eps = moa_unet (g, &parts->unet, unet, &args);
  moa_graph_output (eps);
  g_assert_true (moa_graph_plan (g, &error) && moa_params_load (unet, 1, NULL, &error));
  g_assert_true (moa_graph_prepare (g, workspace, &error));
  MoaTensor *inputs[] = { args.sample, args.text };
  for (int i = 0; i < 2; i++)
    {
      g_autofree float *numbers = g_new (float, moa_shape_count (&inputs[i]->shape));
      moa_rng_normal (9, i, 0, numbers, moa_shape_count (&inputs[i]->shape));
      moa_graph_set (inputs[i], numbers);
    }
  moa_graph_set_ints (args.t, (gint32[]){ 400 });
  g_assert_true (moa_graph_run (g, NULL, &error));
  *n = moa_shape_count (&eps->shape);
  float *out = g_new (float, *n);
  moa_graph_get (eps, out);
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_cpu_free (cpu);
  return out;
}

/* The U-Net of PATH with a LoRA's file added to its weights, or without; (transfer full) */
static MoaParams *
unet_with_file (const char *path, const char *file)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *unet = moa_part_file (path, MOA_PART_UNET);
  MoaWeights *weights = moa_weights_open (unet, "U-Net", &error);
  g_assert_no_error (error);
  if (file)
    {
      MoaLoraFile *lora = moa_lora_open (file, &error);
      g_assert_no_error (error);
      moa_weights_add_lora (weights, lora, MOA_NAMES_UNET, 1);
      moa_lora_unref (lora);
    }
  MoaParams *params = moa_params_new (weights, moa_isa_best ());
  moa_weights_unref (weights);
  return params;
}

/* The LoRA of a training's last checkpoint in its part's parameters, each at its average. */
static void
load_lora (MoaParts *parts, const char *folder, int step)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = checkpoint (folder, step);
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  MoaParams *params = parts->params[MOA_PART_LORA];
  g_assert_true (moa_params_load (params, 1, NULL, &error));
  g_assert_cmpint (moa_safetensors_count (file), ==, 4 * moa_params_count (params));
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      MoaParam *param = moa_params_nth (params, i);
      g_autofree char *name = g_strconcat ("average/lora/", param->name, NULL);
      const MoaFileTensor *tensor = moa_safetensors_find (file, name);
      g_autofree float *numbers = g_new (float, tensor->n);
      g_assert_true (moa_safetensors_read_float (file, tensor, 0, tensor->n, numbers, &error));
      g_assert_true (moa_params_set_numbers (params, param, numbers, &error));
    }
  moa_safetensors_close (file);
}

static double
largest_distance (const float *a, const float *b, gsize n)
{
  double most = 0;
  for (gsize i = 0; i < n; i++)
    most = MAX (most, fabs (a[i] - b[i]));
  return most;
}

/* Trained on a folder without masks, the U-Net stays; the file adds to other programs' weights what the
 * training graph adds beside them, in layers of every kind. */
static void
test_lora (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *data = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *masks = g_build_filename (data, "masks", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL), *tiny = tiny_model ();
  g_autofree char *file = moa_part_file (model, MOA_PART_LORA);
  g_autofree char *old = moa_part_file (tiny, MOA_PART_UNET), *now = moa_part_file (model, MOA_PART_UNET);
  make_pictures (data, 12, 4);
  remove_all (masks);
  g_autofree char *config_text = g_strdup_printf (
    "{'stage': 'prior', 'steps': 4, 'batch': 4, 'micro_batch': 2, 'half': false,"
    " 'prior': {'lora_rank': 3, 'lora_layers': ['*.attn?.to_*', 'conv_in', 'down_*.conv', '*.proj_in',"
    "   '*.conv_shortcut', '*.time_emb_proj', '*.ff.net.2', 'up_blocks.1.resnets.*.conv2']},"
    " 'optimizer': {'lr': 0.005, 'warmup': 1, 'ema': 0.5},"
    " 'data': {'source': 'plain', 'path': '%s', 'held_out': 2}}", data);
  train (config_text, folder, FALSE, 0, NULL);
  assert_same_tensors (old, now);

  MoaTrainConfig config = make_config (config_text);
  MoaParts parts;
  g_autoptr (GError) error = NULL;
  moa_parts_open (&parts, model, 0, moa_device_host (), &error);
  g_assert_no_error (error);
  moa_parts_add_lora (&parts, 3, config.prior.lora_layers, &error);
  g_assert_no_error (error);
  load_lora (&parts, folder, 4);
  MoaParams *plain = unet_with_file (model, NULL), *added = unet_with_file (model, file);
  gsize n;
  g_autofree float *trained = unet_eps (&parts, parts.params[MOA_PART_UNET], &parts.lora, &n);
  g_autofree float *opened = unet_eps (&parts, added, NULL, &n);
  g_autofree float *without = unet_eps (&parts, plain, NULL, &n);
  double same = largest_distance (trained, opened, n), apart = largest_distance (trained, without, n);
  g_test_message ("eps moved by %.3g, and the file's is %.3g away", apart, same);
  g_assert_cmpfloat (apart, >, 0.05);
  g_assert_cmpfloat (same, <, 1e-5);
  moa_params_free (plain);
  moa_params_free (added);
  moa_parts_clear (&parts);
  moa_train_config_clear (&config);
  remove_all (folder);
  remove_all (data);
}

/* ---- A ControlNet ----------------------------------------------------- */

/* Of the tiny model, which has one: a new one. */
#define CONTROL(more)                                                                              \
  "{'stage': 'prior', 'fresh': ['controlnet'], 'batch': 2, 'micro_batch': 1, 'half': false,"       \
  " 'prior': {'controlnet': true, 'caption_drop': 0.2}, 'every': {'log': 1}, " more "}"

static char *
controlnet_file (const char *folder)
{
  g_autofree char *model = g_build_filename (folder, "model", NULL);
  return moa_part_file (model, MOA_PART_CONTROL);
}

/* A new one changes nothing: its losses are the prior's, to the bit.  It learns, and nothing else does; what is
 * written is a ControlNet for the engine.  Resumed, it is the same. */
static void
test_controlnet (void)
{
#define DATA "'data': {'pictures': 20, 'held_out': 1}"
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL), *tiny = tiny_model ();
  g_autofree char *old = moa_part_file (tiny, MOA_PART_UNET), *now = moa_part_file (model, MOA_PART_UNET);
  g_autoptr (GPtrArray) plain = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) still = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  train ("{'stage': 'prior', 'steps': 1, 'batch': 2, 'micro_batch': 1, 'optimizer': {'lr': 0.0},"
         " 'prior': {'caption_drop': 0.2}, 'every': {'log': 1}, " DATA "}", folder, FALSE, 0, plain);
  remove_all (folder);
  train (CONTROL ("'steps': 1, 'optimizer': {'lr': 0.0}, " DATA), folder, FALSE, 0, still);
  g_assert_cmpfloat (last_value (plain, " loss "), ==, last_value (still, " loss "));
  g_assert_cmpfloat (last_value (plain, " loss "), >, 0);
  remove_all (folder);

  train (CONTROL ("'steps': 3, 'optimizer': {'lr': 0.003, 'warmup': 1}, " DATA), folder, FALSE, 0, NULL);
  assert_same_tensors (old, now);
  MoaModel *opened = moa_model_open (model, &error);
  g_assert_no_error (error);
  g_assert_true (moa_model_get_info (opened)->controlnet);
  moa_model_unref (opened);

  g_autofree char *other = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *whole = controlnet_file (folder), *resumed = controlnet_file (other);
  train (CONTROL ("'steps': 3, 'optimizer': {'lr': 0.003, 'warmup': 1}, " DATA), other, FALSE, 1, NULL);
  train (CONTROL ("'steps': 3, 'optimizer': {'lr': 0.003, 'warmup': 1}, " DATA), other, TRUE, 0, NULL);
  assert_same_tensors (whole, resumed);
  remove_all (folder);
  remove_all (other);
#undef DATA
}

/* From a folder, whose condition pictures are asked for; as the world draws them. */
static void
test_hints (void)
{
  g_autofree char *data = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *hints = g_build_filename (data, "conditioning", NULL);
  g_autoptr (GError) error = NULL;
  MoaDataOptions options;
  MoaWorld *world = moa_world_new (3, 64, 32);
  guint8 pose[3 * 64 * 64];
  make_pictures (data, 12, 4);
  moa_data_options_init (&options);
  options.size = 64;
  options.photo_size = 32;
  options.hint = TRUE;
  options.augment = FALSE;
  MoaDataSource *source = moa_data_plain (data, &options, &error);
  g_assert_no_error (error);
  MoaDataItem *item = moa_data_item_new (source);
  for (guint64 number = 0; number < 8; number++)
    {
      int same = 0;
      g_assert_true (moa_data_source_load (source, number, item, &error));
      for (guint64 i = 0; i < 12; i++)
        {
          MoaScene scene;
          double distance = 0;
          moa_world_scene (world, i, 0, &scene);
          moa_world_pose (world, &scene, pose);
          for (int k = 0; k < 3 * 64 * 64; k++)
            distance = MAX (distance, fabs (item->hint[k] - pose[k] / 255.0));
          same += distance < 1e-6;
        }
      g_assert_cmpint (same, ==, 1);
    }
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  moa_world_free (world);

  remove_all (hints);
  source = moa_data_plain (data, &options, &error);
  g_assert_no_error (error);
  item = moa_data_item_new (source);
  g_assert_false (moa_data_source_load (source, 0, item, &error));
  g_assert_nonnull (strstr (error->message, "conditioning"));
  g_clear_error (&error);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  g_assert_null (moa_data_fastcomposer (data, &options, &error));
  g_assert_nonnull (strstr (error->message, "plain"));
  remove_all (data);
}

/* ---- All stages ------------------------------------------------------- */

/* The value after a name in the first line that has it, over that in the last. */
static double
fall (const GPtrArray *lines, const char *name)
{
  for (guint i = 0; i < lines->len; i++)
    {
      const char *at = strstr (lines->pdata[i], name);
      if (at)
        return last_value (lines, name) / g_ascii_strtod (at + strlen (name), NULL);
    }
  g_error ("no line has \"%s\"", name);
}

/* Each stage leaves a model that opens, and what it is to make small falls. */
static void
test_stages (gconstpointer data)
{
#define FAST "'ema': 0.5, 'warmup': 1"
  static const struct {
    const char *config, *measure;
    double most;
  } stages[] = {
    { "{'stage': 'encoders', 'fresh': ['image_encoder'], 'steps': 30, 'batch': 8, 'micro_batch': 4,"
      " 'optimizer': {" FAST "}, 'every': {'log': 5},"
      " 'data': {'pictures': 200, 'held_out': 4}, 'encoders': {'captions': 3}}", " loss ", 0.9 },
    { "{'stage': 'prior', 'fresh': ['unet'], 'steps': 20, 'batch': 4, 'micro_batch': 4,"
      " 'train': ['unet/*'], 'optimizer': {" FAST ", 'lr': 3e-3}, 'every': {'validate': 4},"
      " 'data': {'pictures': 200, 'held_out': 8}}", "\"mse_t4\":", 0.5 },
    { "{'stage': 'moa', 'fresh': ['moa'], 'steps': 12, 'batch': 4, 'micro_batch': 2,"
      " 'optimizer': {" FAST ", 'lr': 3e-3}, 'every': {'validate': 3},"
      " 'data': {'pictures': 200, 'held_out': 4},"
      " 'moa': {'swap': 0.5, 'generic': 0.3, 'router_loss': 'balanced', 'router_blocks': 'all'}}",
      "\"swap\":", 0.97 },
    { "{'stage': 'moa', 'fresh': ['moa'], 'steps': 8, 'batch': 2, 'micro_batch': 1,"
      " 'train': ['moa/*.router.*', 'moa/fuser.*'], 'optimizer': {" FAST ", 'lr': 3e-2},"
      " 'every': {'log': 2, 'validate': 100}, 'data': {'pictures': 20, 'held_out': 2},"
      " 'moa': {'router_loss': 'balanced', 'lambda_router': 0.5}}", " router ", 0.97 },
    { "{'stage': 'prior', 'fresh': ['controlnet'], 'steps': 12, 'batch': 2, 'micro_batch': 2,"
      " 'prior': {'controlnet': true}, 'optimizer': {" FAST ", 'lr': 3e-3}, 'every': {'validate': 4},"
      " 'data': {'pictures': 200, 'held_out': 4}}", "\"mse_t4\":", 0.97 },
  };
  int i = GPOINTER_TO_INT (data);
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  train (stages[i].config, folder, FALSE, 0, lines);
  double ratio = fall (lines, stages[i].measure);
  g_test_message ("%s%.3f of the first", stages[i].measure, ratio);
  g_assert_cmpfloat (ratio, <, stages[i].most);
  GError *error = NULL;
  MoaModel *opened = moa_model_open (model, &error);
  g_assert_no_error (error);
  moa_model_unref (opened);
  remove_all (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train/described", test_described);
  g_test_add_func ("/train/swap-target", test_swap_target);
  g_test_add_data_func ("/train/samples/prior", GINT_TO_POINTER (0), test_samples);
  g_test_add_data_func ("/train/samples/moa", GINT_TO_POINTER (1), test_samples);
  g_test_add_data_func ("/train/samples/folder", GINT_TO_POINTER (2), test_samples);
  g_test_add_func ("/train/folder", test_folder);
  g_test_add_func ("/train/lora", test_lora);
  g_test_add_func ("/train/controlnet", test_controlnet);
  g_test_add_func ("/train/hints", test_hints);
  g_test_add_data_func ("/train/stages/encoders", GINT_TO_POINTER (0), test_stages);
  g_test_add_data_func ("/train/stages/prior", GINT_TO_POINTER (1), test_stages);
  g_test_add_data_func ("/train/stages/moa", GINT_TO_POINTER (2), test_stages);
  g_test_add_data_func ("/train/stages/routers", GINT_TO_POINTER (3), test_stages);
  g_test_add_data_func ("/train/stages/controlnet", GINT_TO_POINTER (4), test_stages);
  return g_test_run ();
}
