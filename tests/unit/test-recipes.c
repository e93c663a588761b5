/* What docs/training.md promises: its configurations, the ablations' one difference each, the
 * vanilla fuser, and the timing of steps. */
#include "train-util.h"

#include "nets/mixture.h"
#include "train/folder.h"
#include "train/timing.h"

static char *
source_path (const char *name)
{
  return g_build_filename (g_getenv ("MOA_TEST_MODEL"), "..", name, NULL);
}

static MoaTrainConfig
read_recipe (const char *name)
{
  g_autofree char *path = source_path (name);
  MoaTrainConfig config;
  GError *error = NULL;
  moa_train_config_read (path, &config, &error);
  g_assert_no_error (error);
  return config;
}

static MoaTrainConfig
config_of (const char *text)
{
  g_autofree char *quoted = g_strdelimit (g_strdup (text), "'", '"');
  json_t *json = json_loads (quoted, 0, NULL);
  g_assert_nonnull (json);
  MoaTrainConfig config;
  GError *error = NULL;
  moa_train_config_parse (json, "test", &config, &error);
  g_assert_no_error (error);
  json_decref (json);
  return config;
}

/* ---- Configurations --------------------------------------------------- */

/* The paper's Table 1, written out; and each kind of parameter has its own rate. */
static void
test_sd15 (void)
{
  MoaTrainConfig c = read_recipe ("sd15/recipe/moa.json");
  g_assert_cmpint (c.stage, ==, MOA_STAGE_MOA);
  g_assert_cmpfloat (c.optimizer.lr, ==, 5e-5);
  g_assert_cmpfloat (c.optimizer.decay, ==, 0.01);
  g_assert_cmpfloat (c.optimizer.clip, ==, 1);
  g_assert_cmpint (c.batch, ==, 128);
  g_assert_cmpfloat (c.moa.lambda_router, ==, 1e-4);
  g_assert_cmpfloat (c.moa.lambda_object, ==, 1e-4);
  g_assert_cmpint (c.moa.t_max, ==, 800);
  g_assert_cmpint (c.data.source, ==, MOA_SOURCE_FASTCOMPOSER);
  g_assert_true (g_path_is_absolute (c.data.path));
  const char *names[] = { "moa/mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight",
                          "moa/mid_block.attentions.0.transformer_blocks.0.attn1.router.weight",
                          "moa/fuser.mlp.0.weight" };
  g_assert_cmpint (c.optimizer.n_groups, ==, 3);
  for (int i = 0; i < 3; i++)
    {
      int last = -1;
      for (int k = 0; k < 3; k++)
        if (g_pattern_match_simple (c.optimizer.groups[k].match, names[i]))
          last = k;
      g_assert_cmpint (last, ==, i);
    }
  moa_train_config_clear (&c);
}

/* Every value but one is that of the whole recipe. */
static void
test_ablations (void)
{
  static const char *const files[][2] = { { "mini/recipe/moa-no-router-loss.json", "lambda_router" },
                                          { "mini/recipe/moa-vanilla-fuser.json", "space_time" } };
  MoaTrainConfig whole = read_recipe ("mini/recipe/moa.json");
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      MoaTrainConfig c = read_recipe (files[i][0]);
      json_t *section = json_object_get (c.json, "moa");
      g_assert_false (json_equal (c.json, whole.json));
      json_object_set (section, files[i][1],
                       json_object_get (json_object_get (whole.json, "moa"), files[i][1]));
      g_assert_true (json_equal (c.json, whole.json));
      moa_train_config_clear (&c);
    }
  moa_train_config_clear (&whole);
}

/* A LoRA and nothing else. */
static void
test_loras (void)
{
  static const struct {
    const char *name;
    int rank;
  } files[] = { { "sd15/recipe/lora.json", 16 }, { "mini/recipe/style.json", 8 } };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      MoaTrainConfig c = read_recipe (files[i].name);
      g_assert_cmpint (c.prior.lora_rank, ==, files[i].rank);
      g_assert_cmpuint (g_strv_length (c.train), ==, 1);
      g_assert_cmpstr (c.train[0], ==, "lora/*");
      g_assert_cmpint (c.data.source, ==, MOA_SOURCE_PLAIN);
      g_assert_true (g_path_is_absolute (c.data.path));
      moa_train_config_clear (&c);
    }
}

/* A ControlNet and nothing else; pictures of a folder are not flipped, for poses tell left from right. */
static void
test_controlnets (void)
{
  static const struct {
    const char *name;
    double lr;
    MoaTrainSource source;
  } files[] = { { "sd15/recipe/controlnet.json", 1e-5, MOA_SOURCE_PLAIN },
                { "mini/recipe/controlnet.json", 1e-3, MOA_SOURCE_WORLD } };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      MoaTrainConfig c = read_recipe (files[i].name);
      g_assert_true (c.prior.controlnet && c.prior.lora_rank == 0 && c.prior.caption_drop == 0.5);
      g_assert_cmpfloat (c.optimizer.lr, ==, files[i].lr);
      g_assert_cmpuint (g_strv_length (c.train), ==, 1);
      g_assert_cmpstr (c.train[0], ==, "controlnet/*");
      g_assert_cmpint (c.data.source, ==, files[i].source);
      g_assert_true (files[i].source == MOA_SOURCE_WORLD || !c.data.augment);
      moa_train_config_clear (&c);
    }
}

/* ---- The vanilla fuser ------------------------------------------------ */

/* What the fuser makes of two subjects' tokens at that timestep.  silent: with the norm behind PE at
 * zero, so that PE says nothing. */
static void
fuse (gboolean space_time, gboolean silent, int timestep, float *out)
{
  g_autofree char *path = tiny_model ();
  g_autoptr (GError) error = NULL;
  MoaIsa isa = moa_isa_best ();
  MoaParts parts;
  moa_parts_open (&parts, path, 0, moa_device_host (), &error);
  g_assert_no_error (error);
  g_assert_true (moa_parts_load (&parts, 1u << MOA_PART_MOA, NULL, &error));
  MoaParams *params = parts.params[MOA_PART_MOA];
  for (guint i = 0; i < moa_params_count (params) && silent; i++)
    if (g_str_has_prefix (moa_params_nth (params, i)->name, "fuser.pe_norm."))
      memset (moa_params_nth (params, i)->data, 0, moa_params_nth (params, i)->bytes);
  parts.moa.space_time = space_time;

  MoaCpu *cpu = moa_cpu_new (isa, 1);
  MoaGraph *g = moa_graph_new (cpu);
  MoaWorkspace *workspace = moa_workspace_new ();
  int d = parts.text.width, f = parts.moa.feature_dim;
  MoaTensor *text = moa_graph_input (g, "text", MOA_SHAPE (1, 4, d), MOA_EACH_RUN);
  MoaTensor *feats = moa_graph_input (g, "feats", MOA_SHAPE (1, 2, f), MOA_EACH_RUN);
  MoaTensor *index = moa_graph_input (g, "index", MOA_SHAPE (1, 2), MOA_EACH_RUN);
  MoaTensor *t = moa_graph_input (g, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  MoaMixture mixture = { .config = &parts.moa, .params = params, .feats = feats, .index = index };
  MoaTensor *fused = moa_fuse_prompt (g, &mixture, text, t, 3);
  moa_graph_output (fused);
  g_assert_true (moa_graph_plan (g, &error) && moa_graph_prepare (g, workspace, &error));
  g_autofree float *numbers = g_new (float, 4 * d + 2 * f);
  for (int i = 0; i < 4 * d + 2 * f; i++)
    numbers[i] = sinf (i);
  moa_graph_set (text, numbers);
  moa_graph_set (feats, numbers + 4 * d);
  moa_graph_set_ints (index, (gint32[]){ 1, 3 });
  moa_graph_set_ints (t, (gint32[]){ timestep });
  g_assert_true (moa_graph_run (g, NULL, &error));
  g_assert_cmpint (moa_shape_count (&fused->shape), <=, 512);
  moa_graph_get (fused, out);
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_cpu_free (cpu);
  moa_parts_clear (&parts);
}

static void
test_vanilla (void)
{
  float vanilla[512] = { 0 }, later[512] = { 0 }, silent[512] = { 0 }, whole[512] = { 0 };
  fuse (FALSE, FALSE, 700, vanilla);
  fuse (FALSE, FALSE, 20, later);
  fuse (TRUE, TRUE, 700, silent);
  fuse (TRUE, FALSE, 700, whole);
  g_assert_cmpmem (vanilla, sizeof (vanilla), later, sizeof (later));
  g_assert_cmpmem (vanilla, sizeof (vanilla), silent, sizeof (silent));
  g_assert_cmpint (memcmp (vanilla, whole, sizeof (vanilla)), !=, 0);
}

/* The trained model says that its fuser is vanilla, and has none of what that lacks. */
static void
test_train_vanilla (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-recipes-XXXXXX", NULL);
  g_autofree char *model = g_build_filename (folder, "model", NULL), *tiny = tiny_model ();
  MoaTrainConfig config = config_of (
    "{'stage': 'moa', 'fresh': ['moa'], 'steps': 1, 'batch': 1, 'micro_batch': 1,"
    " 'data': {'pictures': 4, 'held_out': 1}, 'moa': {'space_time': false},"
    " 'every': {'samples': 0}}");
  g_free (config.model);
  config.model = g_strdup (tiny);
  MoaTrainRun run = { .n_threads = 1 };
  g_autoptr (GError) error = NULL;
  moa_train (&config, folder, &run, &error);
  g_assert_no_error (error);
  MoaParts parts;
  moa_parts_open (&parts, model, 0, moa_device_host (), &error);
  g_assert_no_error (error);
  g_assert_false (parts.moa.space_time);
  gboolean fuser = FALSE;
  for (guint i = 0; i < moa_params_count (parts.params[MOA_PART_MOA]); i++)
    {
      const MoaParam *param = moa_params_nth (parts.params[MOA_PART_MOA], i);
      g_assert_cmpstr (param->name, !=, "fuser.freq");
      fuser |= param->file && !strcmp (param->name, "fuser.norm.weight");
    }
  g_assert_true (fuser);
  moa_parts_clear (&parts);
  moa_train_config_clear (&config);
  remove_all (folder);
}

/* ---- Timing ----------------------------------------------------------- */

static void
count (const MoaTensor *t, double seconds, gpointer data)
{
  ++*(int *) data;
}

static void
test_timing (void)
{
  g_autofree char *tiny = tiny_model ();
  static const char *const configs[] = {
    "{'stage': 'prior', 'batch': 2, 'micro_batch': 2, 'train': ['unet/*']}",
    "{'stage': 'moa', 'batch': 2, 'micro_batch': 2}",
    "{'stage': 'prior', 'batch': 2, 'micro_batch': 2, 'prior': {'lora_rank': 2}}",
  };
  for (guint i = 0; i < G_N_ELEMENTS (configs); i++)
    {
      MoaTrainConfig config = config_of (configs[i]);
      MoaStepTiming t;
      g_autoptr (GError) error = NULL;
      int ops = 0;
      moa_train_time (&config, tiny, moa_cpu_new (moa_isa_best (), 1), 2, count, &ops, &t, &error);
      g_assert_no_error (error);
      g_assert_cmpint (t.items, ==, 2);
      g_assert_cmpint (t.threads, ==, 1);
      g_assert_cmpint (ops, >, 500);
      g_assert_true (t.gradients > 0 && t.update > 0 && t.data > 0);
      g_assert_true (isfinite (t.norm) && t.norm > 0);
      g_assert_cmpfloat (t.loss[1], <, t.loss[0]); /* it is a step of training, on the same batch */
      g_assert_cmpint (t.moment_bytes, >=, 16 * t.trained); /* sums, two moments, averages */
      g_assert_true (t.work_bytes > 0 && t.weight_bytes > 0);
      moa_train_config_clear (&config);
    }
}

static void
test_timing_refused (void)
{
  g_autofree char *tiny = tiny_model ();
  MoaTrainConfig config = config_of ("{'stage': 'vae'}");
  MoaStepTiming t;
  g_autoptr (GError) error = NULL;
  g_assert_false (moa_train_time (&config, tiny, moa_cpu_new (moa_isa_best (), 1), 1, NULL, NULL, &t, &error));
  g_assert_nonnull (strstr (error->message, "vae"));
  moa_train_config_clear (&config);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/recipes/sd15", test_sd15);
  g_test_add_func ("/recipes/ablations", test_ablations);
  g_test_add_func ("/recipes/loras", test_loras);
  g_test_add_func ("/recipes/controlnets", test_controlnets);
  g_test_add_func ("/recipes/vanilla", test_vanilla);
  g_test_add_func ("/recipes/train-vanilla", test_train_vanilla);
  g_test_add_func ("/recipes/timing", test_timing);
  g_test_add_func ("/recipes/timing-refused", test_timing_refused);
  return g_test_run ();
}
