/* Training: stopped and gone on with, damage, what may change between, memory, learning. */
#include "train-util.h"

#include "base/half.h"
#include "nets/vae.h"
#include "train/symmetric.h"
#include "train/trainer.h"

/* ---- Training --------------------------------------------------------- */

#define VAE                                                                                        \
  "{'stage': 'vae', 'fresh': ['vae'], 'steps': 6, 'optimizer': {'ema': 0.9},"                      \
  " 'data': {'pictures': 50, 'held_out': 2}, 'every': {'log': 2, 'checkpoint': 2, 'validate': 6}," \
  " 'vae': {'phases': [[0.5, 16, 8], [1.0, 32, 4]], 'whiten': false}}"

/* Stopped and gone on with, training ends with the same bits. */
static void
test_resume (gconstpointer data)
{
  static const struct {
    const char *config;
    int part;
    int steps;
  } cases[] = {
    { VAE, MOA_PART_VAE, 6 },
    { PRIOR ("'data': {'pictures': 7, 'held_out': 1}"), MOA_PART_UNET, 2 },
    /* Micro batches are added up; items are swaps, drops and words of any person. */
    { "{'stage': 'moa', 'steps': 3, 'batch': 4, 'micro_batch': 2, 'weights': 'float16',"
      " 'data': {'pictures': 9, 'held_out': 1},"
      " 'moa': {'swap': 0.5, 'swap_path': 0.5, 'generic': 0.3, 'condition_drop': 0.3}}",
      MOA_PART_MOA, 3 },
    { "{'stage': 'prior', 'steps': 3, 'batch': 4, 'micro_batch': 2, 'prior': {'lora_rank': 3},"
      " 'data': {'pictures': 7, 'held_out': 1}, 'every': {'checkpoint': 1}}",
      MOA_PART_LORA, 3 },
  };
  int i = GPOINTER_TO_INT (data), steps = cases[i].steps;
  g_autofree char *a = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *b = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  train (cases[i].config, a, FALSE, 0, NULL);
  train (cases[i].config, b, FALSE, steps / 2, NULL);
  train (cases[i].config, b, TRUE, steps / 2 + 1, NULL);
  train (cases[i].config, b, TRUE, 0, NULL);
  g_autofree char *end_a = checkpoint (a, steps), *end_b = checkpoint (b, steps);
  assert_same_tensors (end_a, end_b);
  g_autofree char *model_a = g_build_filename (a, "model", NULL);
  g_autofree char *model_b = g_build_filename (b, "model", NULL);
  g_autofree char *part_a = moa_part_file (model_a, cases[i].part);
  g_autofree char *part_b = moa_part_file (model_b, cases[i].part);
  assert_same_tensors (part_a, part_b);
  remove_all (a);
  remove_all (b);
}

/* Of two checkpoints the older serves where the newer is damaged; what a killed process left half
 * written is passed by; without one that is whole there is an error. */
static void
test_damage (void)
{
  g_autofree char *a = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *b = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  train (VAE, a, FALSE, 0, NULL);
  train (VAE, b, FALSE, 4, NULL);
  g_autofree char *first = checkpoint (b, 2), *second = checkpoint (b, 4), *end = checkpoint (b, 6);
  g_autofree char *other = checkpoint (a, 6);
  g_autofree char *rest = g_strconcat (end, ".Xd8aQ1", NULL);
  g_assert_true (g_file_test (first, G_FILE_TEST_EXISTS));
  corrupt (second);
  g_assert_true (g_file_set_contents (rest, "half", 4, NULL));
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  train (VAE, b, TRUE, 0, lines);
  g_assert_true (was_said (lines, "is damaged"));
  g_assert_true (was_said (lines, "going on after step 2"));
  assert_same_tensors (other, end);
  g_assert_false (g_file_test (rest, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (first, G_FILE_TEST_EXISTS)); /* two are kept */

  corrupt (end);
  corrupt (second);
  MoaTrainConfig config = make_config (VAE);
  MoaTrainRun run = { .n_threads = 1, .resume = TRUE };
  g_autoptr (GError) error = NULL;
  g_assert_false (moa_train (&config, b, &run, &error));
  g_assert_nonnull (strstr (error->message, "damaged"));
  moa_train_config_clear (&config);
  remove_all (a);
  remove_all (b);
}

static void
test_not_twice (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  train (VAE, folder, FALSE, 1, NULL);
  MoaTrainConfig config = make_config (VAE);
  MoaTrainRun run = { .n_threads = 1 };
  g_autoptr (GError) error = NULL;
  g_assert_false (moa_train (&config, folder, &run, &error));
  g_assert_nonnull (strstr (error->message, "--resume"));
  moa_train_config_clear (&config);
  remove_all (folder);
}

static void
assert_refused (const char *config_text, const char *folder, gboolean resume, MoaErrorCode code,
                const char *said)
{
  MoaTrainConfig config = make_config (config_text);
  MoaTrainRun run = { .n_threads = 1, .resume = resume };
  g_autoptr (GError) error = NULL;
  g_assert_false (moa_train (&config, folder, &run, &error));
  g_assert_error (error, MOA_ERROR, (int) code);
  g_assert_nonnull (strstr (error->message, said));
  moa_train_config_clear (&config);
}

/* Gone on with under another configuration: said, and kept; another stage is no going on. */
static void
test_changed (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  train (PRIOR ("'data': {'pictures': 9, 'held_out': 2}"), folder, FALSE, 1, NULL);
  train (PRIOR ("'data': {'pictures': 8, 'held_out': 2}"), folder, TRUE, 0, lines);
  int said = 0;
  for (guint i = 0; i < lines->len; i++)
    said += strstr (lines->pdata[i], "changed") != NULL;
  g_assert_cmpint (said, ==, 1);
  g_assert_cmpfloat (last_value (lines, "data.pictures is "), ==, 8);
  g_autofree char *kept = file_text (folder, "config.json");
  g_assert_nonnull (strstr (kept, "\"pictures\": 8"));
  assert_refused (VAE, folder, TRUE, MOA_ERROR_ARGUMENT, "\"prior\", not \"vae\"");
  remove_all (folder);
}

/* More than there is, known before it is taken. */
static void
test_memory (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  assert_refused (PRIOR ("'data': {'pictures': 1000000000}"), folder, FALSE, MOA_ERROR_MEMORY,
                  "make data.pictures smaller");
  remove_all (folder);
}

/* From nothing to a picture that can be told, in some seconds. */
static void
test_learns (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  train ("{'stage': 'vae', 'fresh': ['vae'], 'steps': 80, 'optimizer': {'ema': 0.9},"
         " 'data': {'pictures': 400, 'held_out': 4}, 'every': {'log': 10, 'validate': 80},"
         " 'vae': {'phases': [[1.0, 32, 16]]}}", folder, FALSE, 0, lines);
  g_autofree char *plot = g_build_filename (folder, "log.svg", NULL), *svg = NULL;
  g_assert_true (g_file_get_contents (plot, &svg, NULL, NULL));
  g_assert_nonnull (strstr (svg, "held_out.psnr"));
  double psnr = last_value (lines, "\"psnr\":");
  g_test_message ("%.1f dB after 80 steps", psnr);
  g_assert_cmpfloat (psnr, >, 12.5); /* a gray picture has about 10 */
  remove_all (folder);
}

/* The covariance of the latents of a trained, whitened VAE is 1. */
static void
test_whitened (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL);
  train ("{'stage': 'vae', 'fresh': ['vae'], 'steps': 20, 'half': false,"
         " 'data': {'pictures': 600, 'held_out': 2},"
         " 'vae': {'phases': [[1.0, 32, 8]]}}", folder, FALSE, 0, NULL);
  MoaParts parts;
  GError *error = NULL;
  moa_parts_open (&parts, model, 0, moa_device_host (), &error);
  g_assert_no_error (error);
  MoaCpu *cpu = moa_cpu_new (moa_isa_best (), 1);
  MoaGraph *g = moa_graph_new (cpu);
  MoaWorkspace *workspace = moa_workspace_new ();
  MoaTensor *in = moa_graph_input (g, "in", MOA_SHAPE (1, 128, 128, 3), MOA_EACH_RUN);
  MoaTensor *out = moa_vae_encode (g, &parts.vae, parts.params[MOA_PART_VAE], in);
  moa_graph_output (out);
  g_assert_true (moa_graph_plan (g, &error));
  g_assert_true (moa_parts_load (&parts, 1u << MOA_PART_VAE, NULL, &error));
  g_assert_true (moa_graph_prepare (g, workspace, &error));
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.n_photos = 0;
  options.seed = 1;
  MoaDataSource *source = moa_data_world (&options);
  MoaDataItem *item = moa_data_item_new (source);
  MoaMoments *moments = moa_moments_new (4);
  float values[16 * 16 * 8];
  for (int i = 0; i < 60; i++)
    {
      g_assert_true (moa_data_source_load (source, i, item, &error));
      moa_graph_set (in, item->picture);
      g_assert_true (moa_graph_run (g, NULL, &error));
      moa_graph_get (out, values);
      for (int k = 0; k < 256; k++)
        moa_moments_add (moments, (double[]){ values[8 * k], values[8 * k + 1], values[8 * k + 2],
                                              values[8 * k + 3] });
    }
  double mean[4], covariance[16];
  moa_moments_get (moments, mean, covariance);
  double unit = pow (parts.vae.scaling_factor, -2); /* latents are the means times it */
  for (int i = 0; i < 16; i++)
    g_assert_cmpfloat_with_epsilon (covariance[i], i / 4 == i % 4 ? unit : 0, 0.3 * unit);
  moa_moments_free (moments);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_parts_clear (&parts);
  moa_cpu_free (cpu);
  remove_all (folder);
}

/* 16-bit weights: the graphs see rounded numbers, AdamW moves float32 ones, so that steps far below
 * the rounding add up; a checkpoint has the masters. */
static void
test_masters (void)
{
  g_autofree char *model = tiny_model (), *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  MoaTrainConfig config = make_config ("{'stage': 'prior', 'weights': 'bfloat16',"
                                       " 'train': ['unet/conv_in.weight']}");
  MoaParts parts;
  GError *error = NULL;
  MoaCpu *cpu = moa_cpu_new (moa_isa_best (), 1);
  MoaTrainedSet set;
  g_assert_true (moa_parts_open (&parts, model, 0, moa_device_host (), &error));
  g_assert_true (moa_parts_load (&parts, 1u << MOA_PART_UNET, NULL, &error));
  g_assert_true (moa_trained_init (&set, &parts, &config, cpu, &error));
  const MoaTrained *t = &set.list[0];
  g_autofree float *start = g_memdup2 (t->param->data, t->n * sizeof (float));
  g_assert_true (moa_trained_allocate (&set, &error));
  const float *data = t->param->data, *master = moa_trained_value (t);
  int rounded = 0, moved[2] = { 0 };
  for (gsize i = 0; i < t->n; i++)
    {
      g_assert_cmpfloat (master[i], ==, start[i]);
      g_assert_cmpfloat (data[i], ==, moa_bfloat_to_float (moa_bfloat_from_float (start[i])));
      rounded += data[i] != start[i];
    }
  g_assert_cmpint (rounded, >, (int) t->n / 4);
  config.optimizer.decay = 0;
  for (int step = 1; step <= 400; step++)
    {
      for (gsize i = 0; i < t->n; i++)
        t->sum[i] = 1;
      moa_trained_step (&set, &config, step, 1e-5, 1, 0.5); /* AdamW moves each by just 1e-5 */
      for (gsize i = 0; i < t->n && (step == 1 || step == 400); i++)
        {
          g_assert_cmpfloat (data[i], ==, moa_bfloat_to_float (moa_bfloat_from_float (master[i])));
          if (fabs (start[i]) > 0.02) /* a rounding there is 6e-5 and more */
            moved[step == 400] += data[i] != moa_bfloat_to_float (moa_bfloat_from_float (start[i]));
          if (step == 400 && start[i] != 0)
            g_assert_cmpfloat_with_epsilon (master[i], start[i] - 400 * 1e-5, 2e-5);
        }
    }
  g_test_message ("%d rounded; %d moved after 1 step, %d after 400", rounded, moved[0], moved[1]);
  g_assert_cmpint (moved[1], >, 4 * moved[0]);
  g_assert_cmpint (moved[1], >, 0);

  MoaProgressMark mark = { 400, 1 };
  g_autofree char *path = checkpoint (folder, 400), *warning = NULL;
  g_assert_true (moa_checkpoint_write (&set, &config, folder, &mark, &error));
  g_autofree float *kept = g_memdup2 (master, t->n * sizeof (float));
  memset (moa_trained_value (t), 0, t->n * sizeof (float));
  json_t *json = NULL;
  g_assert_true (moa_checkpoint_read (&set, folder, &mark, &json, &warning, &error));
  for (gsize i = 0; i < t->n; i++)
    {
      g_assert_cmpfloat (master[i], ==, kept[i]);
      g_assert_cmpfloat (data[i], ==, moa_bfloat_to_float (moa_bfloat_from_float (kept[i])));
    }
  json_decref (json);
  moa_trained_clear (&set);
  moa_parts_clear (&parts);
  moa_cpu_free (cpu);
  moa_train_config_clear (&config);
  remove_all (folder);
}

/* A checkpoint serves a program that declares parameters in another order, not one that trains fewer. */
static void
test_other_order (void)
{
  g_autofree char *model = tiny_model (), *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  MoaTrainConfig config = make_config ("{'stage': 'prior', 'train': ['unet/time_embedding.*']}");
  MoaParts parts;
  g_autoptr (GError) error = NULL;
  MoaCpu *cpu = moa_cpu_new (moa_isa_best (), 1);
  MoaTrainedSet set;
  MoaProgressMark mark = { 3, 1 };
  g_assert_true (moa_parts_open (&parts, model, 0, moa_device_host (), &error));
  g_assert_true (moa_parts_load (&parts, 1u << MOA_PART_UNET, NULL, &error));
  g_assert_true (moa_trained_init (&set, &parts, &config, cpu, &error));
  g_assert_true (moa_trained_allocate (&set, &error));
  g_assert_cmpint (set.n, ==, 4);
  g_assert_true (moa_checkpoint_write (&set, &config, folder, &mark, &error));
  for (int i = 0; i < 2; i++)
    {
      MoaTrained kept = set.list[i];
      set.list[i] = set.list[3 - i];
      set.list[3 - i] = kept;
    }
  float *data = set.list[0].param->data, value = data[0];
  data[0] = value + 1;
  g_autofree char *warning = NULL;
  json_t *json = NULL;
  g_assert_true (moa_checkpoint_read (&set, folder, &mark, &json, &warning, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (data[0], ==, value);
  json_decref (json);
  set.n--;
  g_assert_false (moa_checkpoint_read (&set, folder, &mark, &json, &warning, &error));
  g_assert_nonnull (strstr (error->message, "of 4 parameters, and 3 are trained"));
  set.n++;
  moa_trained_clear (&set);
  moa_parts_clear (&parts);
  moa_cpu_free (cpu);
  moa_train_config_clear (&config);
  remove_all (folder);
}

/* Activation checkpointing changes memory and time, and no bit; it says what it saves. */
static void
test_checkpointing (void)
{
#define KEEP(stage, how)                                                                           \
  "{'stage': '" stage "', 'steps': 2, 'batch': 2, 'micro_batch': 1, 'checkpointing': '" how "',"   \
  " 'data': {'pictures': 5, 'held_out': 1}, 'moa': {'swap': 0.5}}"
  static const char *const configs[2][3] = {
    { KEEP ("prior", "none"), KEEP ("prior", "block"), KEEP ("prior", "layer") },
    { KEEP ("moa", "none"), KEEP ("moa", "block"), KEEP ("moa", "layer") },
  };
  for (int stage = 0; stage < 2; stage++)
    {
      g_autofree char *plain = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
      g_autofree char *end = checkpoint (plain, 2);
      train (configs[stage][0], plain, FALSE, 0, NULL);
      for (int how = 1; how < 3; how++)
        {
          g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
          g_autofree char *other = checkpoint (folder, 2);
          g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
          train (configs[stage][how], folder, FALSE, 0, lines);
          assert_same_tensors (end, other);
          double bytes = last_value (lines, "checkpointing: results take ");
          double before = last_value (lines, "in place of "), more = last_value (lines, "a step ");
          g_test_message ("%.0f MiB in place of %.0f, %.0f %% more arithmetic", bytes, before, more);
          g_assert_cmpfloat (bytes, <, 0.8 * before);
          g_assert_cmpfloat (more, >, 5);
          g_assert_cmpfloat (more, <, 50);
          remove_all (folder);
        }
      remove_all (plain);
    }
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  assert_refused ("{'stage': 'vae', 'checkpointing': 'block'}", folder, FALSE, MOA_ERROR_ARGUMENT,
                  "U-Net");
  remove_all (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/train/resume/vae", GINT_TO_POINTER (0), test_resume);
  g_test_add_data_func ("/train/resume/prior", GINT_TO_POINTER (1), test_resume);
  g_test_add_data_func ("/train/resume/moa", GINT_TO_POINTER (2), test_resume);
  g_test_add_data_func ("/train/resume/lora", GINT_TO_POINTER (3), test_resume);
  g_test_add_func ("/train/masters", test_masters);
  g_test_add_func ("/train/other-order", test_other_order);
  g_test_add_func ("/train/checkpointing", test_checkpointing);
  g_test_add_func ("/train/damage", test_damage);
  g_test_add_func ("/train/not-twice", test_not_twice);
  g_test_add_func ("/train/changed", test_changed);
  g_test_add_func ("/train/memory", test_memory);
  g_test_add_func ("/train/learns", test_learns);
  g_test_add_func ("/train/whitened", test_whitened);
  return g_test_run ();
}
