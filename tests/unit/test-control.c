/* A LoRA and a ControlNet before and after their trainings: what they begin with, what their files look like,
 * and the pictures that a ControlNet follows. */
#include "train-util.h"

#include "train/data-private.h"
#include "train/folder.h"
#include "train/trainer.h"

enum { RANK = 5, SIZE = 64 };

static char *layers[] = { "*.attn1.to_?", "conv_in", "*.proj_in", NULL };

/* The tiny model with a new ControlNet, and a new LoRA beside it. */
static void
start_both (MoaParts *parts)
{
  g_autofree char *tiny = tiny_model ();
  g_autoptr (GError) error = NULL;
  moa_parts_open (parts, tiny, 1u << MOA_PART_CONTROL, moa_device_host (), &error);
  g_assert_no_error (error);
  moa_parts_add_lora (parts, RANK, layers, &error);
  g_assert_no_error (error);
  moa_parts_load (parts, 1u << MOA_PART_UNET | 1u << MOA_PART_CONTROL | 1u << MOA_PART_LORA, NULL, &error);
  g_assert_no_error (error);
  moa_parts_start (parts, MOA_PART_CONTROL, 3);
  moa_parts_start (parts, MOA_PART_LORA, 3);
}

/* (transfer full) */
static float *
numbers_of (MoaParams *params, const MoaParam *param)
{
  float *numbers = g_new (float, moa_param_numbers (param));
  g_assert_true (moa_params_get_numbers (params, param, numbers, NULL));
  return numbers;
}

/* ---- First values ----------------------------------------------------- */

typedef struct {
  double mean, deviation, most;
} Spread;

static Spread
spread_of (const float *x, gsize n)
{
  Spread s = { 0, 0, 0 };
  for (gsize i = 0; i < n; i++)
    {
      s.mean += x[i] / n;
      s.most = MAX (s.most, fabs (x[i]));
    }
  for (gsize i = 0; i < n; i++)
    s.deviation += pow (x[i] - s.mean, 2) / n;
  s.deviation = sqrt (s.deviation);
  return s;
}

/* As PEFT's "gaussian": down normal with deviation 1 / rank, up zero. */
static void
test_lora_start (void)
{
  MoaParts parts;
  start_both (&parts);
  MoaParams *lora = parts.params[MOA_PART_LORA];
  g_autoptr (GHashTable) firsts = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  int down = 0, up = 0;
  for (guint i = 0; i < moa_params_count (lora); i++)
    {
      const MoaParam *param = moa_params_nth (lora, i);
      g_autofree float *x = numbers_of (lora, param);
      gsize n = moa_param_numbers (param);
      Spread s = spread_of (x, n);
      if (g_str_has_suffix (param->name, ".lora_B.weight"))
        {
          g_assert_cmpint (param->dim[1], ==, RANK);
          g_assert_cmpfloat (s.most, ==, 0);
          up++;
          continue;
        }
      g_assert_true (g_str_has_suffix (param->name, ".lora_A.weight"));
      g_assert_cmpint (param->dim[0], ==, RANK);
      g_assert_cmpfloat_with_epsilon (s.deviation * RANK, 1, 4 / sqrt (2 * n));
      g_assert_cmpfloat_with_epsilon (s.mean * RANK, 0, 4 / sqrt (n));
      g_assert_cmpfloat (s.most * RANK, >, 1.8); /* uniform numbers end before */
      g_assert_true (g_hash_table_add (firsts, g_strdup_printf ("%.9g", x[0])));
      down++;
    }
  g_assert_cmpint (down, ==, up);
  g_assert_cmpint (down, >, 16 * 3);
  moa_parts_clear (&parts);
}

/* The U-Net's way down to the bit, ends that are zero, and convolutions of the picture as PyTorch starts
 * them: uniform within 1 / sqrt (fan in), biases too. */
static void
test_controlnet_start (void)
{
  MoaParts parts;
  start_both (&parts);
  MoaParams *control = parts.params[MOA_PART_CONTROL], *unet = parts.params[MOA_PART_UNET];
  int copies = 0, zeros = 0, seeing = 0;
  for (guint i = 0; i < moa_params_count (control); i++)
    {
      const MoaParam *param = moa_params_nth (control, i), *own = moa_params_find (unet, param->name);
      g_autofree float *x = numbers_of (control, param);
      gsize n = moa_param_numbers (param);
      Spread s = spread_of (x, n);
      if (own)
        {
          g_autofree float *y = numbers_of (unet, own);
          g_assert_cmpmem (x, n * sizeof (float), y, moa_param_numbers (own) * sizeof (float));
          copies++;
        }
      else if (g_str_has_prefix (param->name, "controlnet_cond_embedding.")
               && !strstr (param->name, "conv_out"))
        {
          g_autofree char *layer = g_strndup (param->name, g_strrstr (param->name, ".") - param->name);
          g_autofree char *name = g_strconcat (layer, ".weight", NULL);
          const MoaParam *weight = moa_params_find (control, name);
          double bound = 1 / sqrt (weight->dim[1] * 9);
          g_assert_cmpfloat (s.most, <=, bound);
          g_assert_cmpfloat (s.most, >, bound * pow (1e-3, 1.0 / n)); /* one in a thousand ends before */
          g_assert_cmpfloat (fabs (s.mean), <, 4 * bound / sqrt (3 * n));
          seeing++;
        }
      else
        {
          g_assert_cmpfloat (s.most, ==, 0);
          zeros++;
        }
    }
  g_assert_cmpint (seeing, ==, 2 * 7);
  g_assert_cmpint (zeros, ==, 2 * (1 + 12 + 1));
  g_assert_cmpint (copies + seeing + zeros, ==, moa_params_count (control));
  g_assert_cmpint (copies, >, 100);
  moa_parts_clear (&parts);
}

/* ---- Files ------------------------------------------------------------ */

static MoaSafetensors *
written (const MoaParts *parts, int part, const char *folder)
{
  g_autofree char *path = moa_part_file (folder, part), *dir = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;
  g_mkdir_with_parents (dir, 0777);
  moa_parts_write (parts, part, folder, NULL, FALSE, &error);
  g_assert_no_error (error);
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  return file;
}

/* A ControlNet's tensors have the shapes that diffusers gives them; a LoRA's as many dimensions as what they
 * are added to. */
static void
test_shapes (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL), *tiny = tiny_model ();
  g_autofree char *control = moa_part_file (tiny, MOA_PART_CONTROL);
  g_autofree char *unet = moa_part_file (tiny, MOA_PART_UNET);
  MoaParts parts;
  start_both (&parts);
  MoaSafetensors *theirs = moa_safetensors_open (control, NULL), *layer = moa_safetensors_open (unet, NULL);
  MoaSafetensors *own = written (&parts, MOA_PART_CONTROL, folder);
  MoaSafetensors *lora = written (&parts, MOA_PART_LORA, folder);
  g_assert_cmpint (moa_safetensors_count (own), ==, moa_safetensors_count (theirs));
  for (int i = 0; i < moa_safetensors_count (own); i++)
    {
      const MoaFileTensor *a = moa_safetensors_tensor (own, i), *b = moa_safetensors_find (theirs, a->name);
      g_assert_nonnull (b);
      g_assert_cmpint (a->rank, ==, b->rank);
      g_assert_cmpmem (a->dim, a->rank * sizeof *a->dim, b->dim, b->rank * sizeof *b->dim);
    }
  for (int i = 0; i < moa_safetensors_count (lora); i++)
    {
      const MoaFileTensor *a = moa_safetensors_tensor (lora, i);
      gboolean up = strstr (a->name, ".lora_B.") != NULL;
      g_assert_true (g_str_has_prefix (a->name, "unet."));
      const char *rest = a->name + strlen ("unet.");
      g_autofree char *stem = g_strndup (rest, strstr (rest, ".lora_") - rest);
      g_autofree char *name = g_strconcat (stem, ".weight", NULL);
      const MoaFileTensor *b = moa_safetensors_find (layer, name);
      g_assert_nonnull (b);
      g_assert_cmpint (a->rank, ==, b->rank);
      g_assert_cmpint (a->dim[0], ==, up ? b->dim[0] : RANK);
      g_assert_cmpint (a->dim[1], ==, up ? RANK : b->dim[1]);
      for (int k = 2; k < a->rank; k++)
        g_assert_cmpint (a->dim[k], ==, up ? 1 : b->dim[k]);
    }
  MoaSafetensors *files[] = { theirs, layer, own, lora };
  for (int i = 0; i < 4; i++)
    moa_safetensors_close (files[i]);
  moa_parts_clear (&parts);
  remove_all (folder);
}

/* A copy of the tiny model's folder, without a ControlNet. */
static char *
copy_tiny (void)
{
  char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *tiny = tiny_model ();
  g_autoptr (GError) error = NULL;
  moa_folder_copy_model (tiny, folder, &error);
  g_assert_no_error (error);
  return folder;
}

/* Where a model has none, it is like the U-Net's way down; one that is there goes on. */
static void
test_config (void)
{
  g_autofree char *none = copy_tiny (), *folder = copy_tiny (), *tiny = tiny_model ();
  g_autofree char *path = g_build_filename (folder, "controlnet", "config.json", NULL);
  g_autofree char *theirs = moa_part_file (tiny, MOA_PART_CONTROL);
  g_autofree char *own = moa_part_file (folder, MOA_PART_CONTROL);
  g_autoptr (GError) error = NULL;
  MoaParts parts;
  moa_folder_add_controlnet (none, folder, &error);
  g_assert_no_error (error);
  moa_parts_open (&parts, folder, 0, moa_device_host (), &error);
  g_assert_no_error (error);
  const MoaUnetConfig *a = &parts.control.unet, *b = &parts.unet;
  g_assert_cmpint (a->n_levels, ==, b->n_levels);
  g_assert_cmpmem (a->channels, sizeof a->channels, b->channels, sizeof b->channels);
  g_assert_cmpmem (a->heads, sizeof a->heads, b->heads, sizeof b->heads);
  g_assert_cmpmem (a->down_cross, sizeof a->down_cross, b->down_cross, sizeof b->down_cross);
  g_assert_cmpint (a->layers_per_block, ==, b->layers_per_block);
  g_assert_cmpint (a->norm_groups, ==, b->norm_groups);
  g_assert_cmpint (a->text_dim, ==, b->text_dim);
  g_assert_cmpint (a->linear_projection, ==, b->linear_projection);
  g_assert_cmpfloat (a->norm_eps, ==, b->norm_eps);
  const int hint[] = { 16, 32, 32, 32 }; /* no wider than the U-Net's 32 */
  g_assert_cmpint (parts.control.n_hint, ==, 4);
  g_assert_cmpmem (parts.control.hint, sizeof hint, hint, sizeof hint);
  moa_folder_start_parts (&parts, folder, 1, &error);
  g_assert_no_error (error);
  moa_parts_clear (&parts);
  MoaModel *model = moa_model_open (folder, &error);
  g_assert_no_error (error);
  g_assert_true (moa_model_get_info (model)->controlnet);
  moa_model_unref (model);
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_null (strstr (text, "up_block_types"));

  moa_folder_add_controlnet (tiny, folder, &error);
  g_assert_no_error (error);
  assert_same_tensors (theirs, own);
  remove_all (none);
  remove_all (folder);
}

/* One for fewer levels, or for another text encoder, is refused. */
static void
test_other_unet (void)
{
  static const struct { const char *from, *to; } changes[] = {
    { "\"layers_per_block\": 2", "\"layers_per_block\": 1" },
    { "\"cross_attention_dim\": 32", "\"cross_attention_dim\": 48" },
    { "    32,\n    32,\n    48,\n    48\n", "    32,\n    48,\n    48,\n    48\n" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autofree char *folder = copy_tiny (), *tiny = tiny_model (), *text = NULL;
      g_autofree char *path = g_build_filename (folder, "controlnet", "config.json", NULL);
      g_autoptr (GError) error = NULL;
      MoaParts parts;
      g_assert_true (moa_folder_add_controlnet (tiny, folder, &error));
      g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
      g_auto (GStrv) parts_of = g_strsplit (text, changes[i].from, -1);
      g_assert_cmpint (g_strv_length (parts_of), ==, 2);
      g_autofree char *other = g_strjoinv (changes[i].to, parts_of);
      g_assert_true (g_file_set_contents (path, other, -1, NULL));
      g_assert_false (moa_parts_open (&parts, folder, 1u << MOA_PART_CONTROL, moa_device_host (), &error));
      g_assert_error (error, MOA_ERROR, MOA_ERROR_MODEL);
      g_assert_nonnull (strstr (error->message, "another U-Net"));
      moa_parts_clear (&parts);
      remove_all (folder);
    }
}

/* ---- The pictures that it follows -------------------------------------- */

static void
hint_options (MoaDataOptions *options)
{
  moa_data_options_init (options);
  options->size = SIZE;
  options->photo_size = 32;
  options->hint = TRUE;
}

static gboolean
is_mirrored (const float *a, const float *b)
{
  for (int i = 0; i < SIZE * SIZE; i++)
    if (memcmp (a + 3 * i, b + 3 * (i / SIZE * SIZE + SIZE - 1 - i % SIZE), 3 * sizeof (float)))
      return FALSE;
  return TRUE;
}

/* It is flipped where its picture is; one of another size is refused. */
static void
test_flips (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  MoaDataOptions options;
  g_autoptr (GError) error = NULL;
  write_pictures (folder, 1);
  hint_options (&options);
  MoaDataSource *source = moa_data_plain (folder, &options, &error);
  g_assert_no_error (error);
  MoaDataItem *first = moa_data_item_new (source), *item = moa_data_item_new (source);
  g_assert_true (moa_data_source_load (source, 0, first, &error));
  int flipped = 0;
  for (int i = 1; i < 20; i++)
    {
      g_assert_true (moa_data_source_load (source, i, item, &error));
      gboolean turned = item->index != first->index;
      g_assert_cmpint (is_mirrored (first->picture, item->picture), ==, turned);
      g_assert_cmpint (is_mirrored (first->hint, item->hint), ==, turned);
      flipped += turned;
    }
  g_assert_cmpint (flipped, >, 3);
  g_assert_cmpint (flipped, <, 16);

  g_autofree char *photo = g_build_filename (folder, "photos", "000000000-1.png", NULL);
  g_autofree char *hint = g_build_filename (folder, "conditioning", "000000000.png", NULL);
  g_assert_cmpint (g_rename (photo, hint), ==, 0);
  g_assert_false (moa_data_source_load (source, 0, item, &error)); /* the only one */
  char **broken = moa_data_source_broken (source);
  g_assert_nonnull (strstr (broken[0], "is 32 x 32, but the picture is 64 x 64"));
  g_strfreev (broken);
  moa_data_item_free (source, first);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  remove_all (folder);
}

/* The world's is how its people stand, from 0 to 1, and it is counted as memory. */
static void
test_world_hint (void)
{
  MoaDataOptions options;
  hint_options (&options);
  options.seed = 3;
  MoaDataSource *source = moa_data_world (&options);
  MoaWorld *world = moa_world_new (3, SIZE, 32);
  MoaDataItem *item = moa_data_item_new (source);
  gsize bytes = moa_data_item_bytes (source);
  for (int k = 0; k < 4; k++)
    {
      MoaScene scene;
      guint8 pose[3 * SIZE * SIZE];
      g_assert_true (moa_data_source_load (source, k, item, NULL));
      moa_world_scene (world, k, 0, &scene);
      moa_world_pose (world, &scene, pose);
      for (int i = 0; i < 3 * SIZE * SIZE; i++)
        g_assert_cmpfloat_with_epsilon (item->hint[i], pose[i] / 255.0, 1e-6);
    }
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  moa_world_free (world);
  options.hint = FALSE;
  source = moa_data_world (&options);
  g_assert_cmpuint (bytes - moa_data_item_bytes (source), ==, 3 * SIZE * SIZE * sizeof (float));
  moa_data_source_free (source);
}

/* ---- What it is worth --------------------------------------------------- */

/* The bundled model, validated in micro batches of that size: its error at high noise where its ControlNet
 * sees a picture's own pose, and where it sees another's; other NULL: without the ControlNet. */
static void
validate_bundled (int micro_batch, double *own, double *other)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
#define STILL(prior, trained)                                                                      \
  "{'stage': 'prior', 'steps': 1, 'batch': 4, 'micro_batch': 4, 'prior': {" prior "},"             \
  " 'train': ['" trained "'], 'optimizer': {'lr': 0.0}, 'every': {'validate': 1, 'samples': 0},"   \
  " 'data': {'pictures': 4, 'held_out': 3}}"
  MoaTrainConfig config = make_config (other ? STILL ("'controlnet': true", "controlnet/*.bias")
                                             : STILL ("", "unet/conv_out.bias"));
  MoaTrainRun run = { .n_threads = 1 };
  g_free (config.model);
  config.model = g_strdup (g_getenv ("MOA_TEST_MODEL"));
  config.micro_batch = micro_batch;
  moa_train (&config, folder, &run, &error);
  g_assert_no_error (error);
  g_ptr_array_add (lines, file_text (folder, "log.jsonl")); /* which has more digits than what it tells */
  *own = last_value (lines, "\"mse_t3\":");
  if (other)
    *other = last_value (lines, "\"other_hint_t3\":");
  moa_train_config_clear (&config);
  remove_all (folder);
}

/* With its own picture the error falls below the prior's, and with another's it rises above it: in micro
 * batches of any size another's is another's, and the errors are the same. */
static void
test_other_hint (void)
{
  double own[2], other[2], plain;
  validate_bundled (4, &plain, NULL);
  validate_bundled (1, &own[0], &other[0]);
  validate_bundled (4, &own[1], &other[1]); /* more than are held out */
  g_test_message ("own %.7g, none %.7g, another's %.7g", own[0], plain, other[0]);
  g_assert_cmpfloat (plain, >, 1.02 * own[0]);
  g_assert_cmpfloat (other[0], >, 1.02 * plain);
  g_assert_cmpfloat_with_epsilon (own[0], own[1], 1e-5 * own[0]);
  g_assert_cmpfloat_with_epsilon (other[0], other[1], 1e-5 * own[0]);
}

/* A column of a sheet of samples: the sums of its rows' bytes. */
static void
sample_rows (const char *pictures, guint64 sums[3])
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "samples-000000001.png", NULL);
  g_autofree char *config = g_strdup_printf (
    "{'stage': 'prior', 'steps': 1, 'batch': 2, 'micro_batch': 2, 'prior': {'controlnet': true},"
    " 'optimizer': {'lr': 0.0}, 'every': {'samples': 1, 'validate': 100},"
    " 'data': {'source': 'plain', 'path': '%s', 'held_out': 1, 'augment': false}}", pictures);
  g_autoptr (GError) error = NULL;
  int width, height;
  train (config, folder, FALSE, 0, NULL);
  g_autofree guint8 *rgb = moa_data_read_picture (path, &width, &height, &error);
  g_assert_no_error (error);
  g_assert_cmpint (height, ==, 3 * width);
  for (int row = 0; row < 3; row++)
    {
      sums[row] = 0;
      for (int i = 0; i < 3 * width * width; i++)
        sums[row] += (guint64) (i + 1) * rgb[3 * row * width * width + i];
    }
  remove_all (folder);
}

/* What is drawn follows the picture in the last row. */
static void
test_samples (void)
{
  g_autofree char *pictures = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *list = g_build_filename (pictures, "captions.txt", NULL);
  g_autofree char *hint = g_build_filename (pictures, "conditioning", "000000000.png", NULL);
  g_autofree char *other = g_build_filename (pictures, "conditioning", "000000001.png", NULL);
  guint64 one[3], two[3];
  write_pictures (pictures, 2);
  g_assert_true (g_file_set_contents (list, "000000000\ta man\n", -1, NULL));
  sample_rows (pictures, one);
  g_assert_cmpint (g_rename (other, hint), ==, 0);
  sample_rows (pictures, two);
  g_assert_cmpuint (one[0], ==, two[0]);
  g_assert_cmpuint (one[1], !=, two[1]);
  g_assert_cmpuint (one[2], !=, two[2]);
  remove_all (pictures);
}

/* ---- Activation checkpointing ------------------------------------------ */

/* It changes no bit: of a ControlNet, whose results the U-Net's way up takes, nor of a LoRA. */
static void
test_checkpointing (void)
{
#define KEEP(how, prior)                                                                           \
  "{'stage': 'prior', 'steps': 2, 'batch': 1, 'micro_batch': 1, 'checkpointing': '" how "',"       \
  " 'prior': {" prior "}, 'optimizer': {'lr': 0.01, 'warmup': 1}, 'data': {'pictures': 3, 'held_out': 1}}"
#define CONTROLNET "'controlnet': true"
#define LORA "'lora_rank': 2, 'lora_layers': ['*.attn?.to_*', '*.conv1']"
  static const char *const configs[2][3] = {
    { KEEP ("none", CONTROLNET), KEEP ("block", CONTROLNET), KEEP ("layer", CONTROLNET) },
    { KEEP ("none", LORA), KEEP ("block", LORA) },
  };
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *plain = g_dir_make_tmp ("moa-train-XXXXXX", NULL), *end = checkpoint (plain, 2);
      train (configs[i][0], plain, FALSE, 0, NULL);
      for (int how = 1; how < 3 && configs[i][how]; how++)
        {
          g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
          g_autofree char *other = checkpoint (folder, 2);
          train (configs[i][how], folder, FALSE, 0, NULL);
          assert_same_tensors (end, other);
          remove_all (folder);
        }
      remove_all (plain);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/lora-start", test_lora_start);
  g_test_add_func ("/control/start", test_controlnet_start);
  g_test_add_func ("/control/shapes", test_shapes);
  g_test_add_func ("/control/config", test_config);
  g_test_add_func ("/control/other-unet", test_other_unet);
  g_test_add_func ("/control/flips", test_flips);
  g_test_add_func ("/control/world-hint", test_world_hint);
  g_test_add_func ("/control/other-hint", test_other_hint);
  g_test_add_func ("/control/samples", test_samples);
  g_test_add_func ("/control/checkpointing", test_checkpointing);
  return g_test_run ();
}
