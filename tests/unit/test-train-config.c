/* Configurations of trainings, what they refuse and change; first values; the pieces of a step. */
#include "train-util.h"

#include "train/symmetric.h"
#include "train/trainer.h"

/* ---- Configurations --------------------------------------------------- */

static void
test_config_paper (void)
{
  MoaTrainConfig c = make_config ("{'stage': 'moa'}");
  g_assert_cmpfloat (c.optimizer.lr, ==, 5e-5);
  g_assert_cmpfloat (c.optimizer.decay, ==, 0.01);
  g_assert_cmpfloat (c.optimizer.clip, ==, 1);
  g_assert_cmpint (c.batch, ==, 128);
  g_assert_cmpfloat (c.moa.lambda_router, ==, 1e-4);
  g_assert_cmpfloat (c.moa.lambda_object, ==, 1e-4);
  g_assert_cmpfloat (c.moa.condition_drop, ==, 0.1);
  g_assert_cmpint (c.moa.t_max, ==, 800);
  g_assert_false (c.moa.balanced);
  g_assert_false (c.moa.all_blocks);
  moa_train_config_clear (&c);
}

/* A LoRA alone is trained where there is one, unless it is said otherwise; other stages have none. */
static void
test_config_lora (void)
{
  static const struct {
    const char *config, *train;
    double lr;
  } cases[] = {
    { "{'stage': 'prior', 'prior': {'lora_rank': 0}}", "unet/*|text_encoder/*", 1e-3 },
    { "{'stage': 'prior', 'prior': {'lora_rank': 8}}", "lora/*", 1e-4 },
    { "{'stage': 'prior', 'prior': {'lora_rank': 8}, 'train': ['lora/*lora_B*'], 'optimizer': {'lr': 0.5}}",
      "lora/*lora_B*", 0.5 },
    { "{'stage': 'moa', 'prior': {'lora_rank': 8}}", "moa/*", 5e-5 },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      MoaTrainConfig c = make_config (cases[i].config);
      g_autofree char *trained = g_strjoinv ("|", c.train);
      g_assert_cmpstr (trained, ==, cases[i].train);
      g_assert_cmpfloat (c.optimizer.lr, ==, cases[i].lr);
      moa_train_config_clear (&c);
    }
}

static void
test_config_refused (void)
{
  static const char *const cases[][2] = {
    { "{'stage': 'dream'}", "stage" },
    { "{'steps': 3}", "stage" },
    { "{'stage': 'vae', 'step': 3}", "step" },
    { "{'stage': 'vae', 'vae': {'l2': 3}}", "vae.l2" },
    { "{'stage': 'vae', 'vae': 3}", "vae" },
    { "{'stage': 'vae', 'steps': 0}", "steps" },
    { "{'stage': 'vae', 'steps': '3'}", "steps" },
    { "{'stage': 'vae', 'optimizer': {'beta2': 1}}", "optimizer.beta2" },
    { "{'stage': 'vae', 'optimizer': {'groups': [{'lr': 2}]}}", "match" },
    { "{'stage': 'vae', 'vae': {'phases': [[0.5, 32, 4]]}}", "vae.phases" },
    { "{'stage': 'vae', 'vae': {'phases': [[1.0, 32, 0]]}}", "vae.phases" },
    { "{'stage': 'moa', 'batch': 10, 'micro_batch': 4}", "batch" },
    { "{'stage': 'moa', 'train': [3]}", "train" },
    { "{'stage': 'moa', 'seed': -1}", "seed" },
    { "{'stage': 'prior', 'prior': {'lora_rank': -1}}", "prior.lora_rank" },
    { "{'stage': 'prior', 'prior': {'lora_layers': '*'}}", "prior.lora_layers" },
    { "{'stage': 'moa', 'data': {'source': 'photos'}}", "data.source" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdelimit (g_strdup (cases[i][0]), "'", '"');
      json_t *json = json_loads (text, 0, NULL);
      g_autoptr (GError) error = NULL;
      MoaTrainConfig config;
      g_assert_false (moa_train_config_parse (json, "test.json", &config, &error));
      g_assert_nonnull (strstr (error->message, cases[i][1]));
      g_assert_nonnull (strstr (error->message, "test.json"));
      json_decref (json);
    }
}

/* A training that goes on says what is no longer as it was; what other stages use does not count. */
static void
test_config_changes (void)
{
  static const struct {
    const char *before, *now, *changes;
  } cases[] = {
    { "{'stage': 'prior', 'batch': 32}", "{'stage': 'prior', 'moa': {'swap': 1.0}}", "" },
    { "{'stage': 'prior', 'optimizer': {'lr': 1}}", "{'stage': 'prior', 'optimizer': {'lr': 1.0}}", "" },
    { "{'stage': 'prior', 'optimizer': {'lr': 1}}",
      "{'stage': 'prior', 'optimizer': {'lr': 2.0}, 'train': ['unet/*'], 'fresh': ['unet']}",
      "train is [\"unet/*\"], was [\"unet/*\",\"text_encoder/*\"]|optimizer.lr is 2.0, was 1" },
    { "{'stage': 'prior', 'lost': 3}", "{'stage': 'prior'}", "steps is 10000, was not known" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text = g_strdelimit (g_strdup (cases[i].before), "'", '"');
      json_t *before = json_loads (text, 0, NULL);
      MoaTrainConfig now = make_config (cases[i].now);
      g_auto (GStrv) changes = moa_train_config_changes (&now, before);
      g_autofree char *joined = g_strjoinv ("|", changes);
      if (i < 3)
        g_assert_cmpstr (joined, ==, cases[i].changes);
      else
        g_assert_nonnull (strstr (joined, cases[i].changes));
      json_decref (before);
      moa_train_config_clear (&now);
    }
}

static void
test_config_lines (void)
{
  MoaTrainConfig c = make_config ("{'stage': 'moa', 'steps': 77, 'optimizer': {'lr': 0.25}}");
  g_auto (GStrv) lines = moa_train_config_lines (&c);
  g_autofree char *all = g_strjoinv ("\n", lines);
  static const char *const parts[] = { "stage \"moa\"", "steps 77", "optimizer: lr 0.25,", "seed 1",
                                       "moa/*.router.*", "  moa: lambda_router 0.0001" };
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_assert_nonnull (strstr (all, parts[i]));
  g_assert_null (strstr (all, "caption_drop")); /* of another stage */
  moa_train_config_clear (&c);
}

/* ---- Pieces ----------------------------------------------------------- */

static void
test_eigen (void)
{
  double a[9] = { 2, -1, 0, -1, 2, -1, 0, -1, 2 }, values[3], vectors[9];
  moa_symmetric_eigen (a, 3, values, vectors);
  for (int k = 0; k < 3; k++)
    {
      /* 2 - 2 cos (j pi / 4), j = 3, 2, 1 */
      g_assert_cmpfloat_with_epsilon (values[k], 2 - 2 * cos ((3 - k) * G_PI / 4), 1e-12);
      const double *v = vectors + 3 * k;
      g_assert_cmpfloat_with_epsilon (2 * v[0] - v[1], values[k] * v[0], 1e-12);
      g_assert_cmpfloat_with_epsilon (v[0] * v[0] + v[1] * v[1] + v[2] * v[2], 1, 1e-12);
    }
}

/* A fresh MoA is the prior: its experts are the prior's attentions, and it routes evenly. */
static void
test_start (void)
{
  g_autofree char *model = tiny_model ();
  MoaParts parts;
  GError *error = NULL;
  guint which = 1u << MOA_PART_UNET | 1u << MOA_PART_MOA;
  moa_parts_open (&parts, model, 1u << MOA_PART_MOA, moa_device_host (), &error);
  g_assert_no_error (error);
  moa_parts_load (&parts, which, NULL, &error);
  g_assert_no_error (error);
  moa_parts_start (&parts, MOA_PART_MOA, 1);
  const MoaParams *moa = parts.params[MOA_PART_MOA], *unet = parts.params[MOA_PART_UNET];
  int copies = 0, zeros = 0;
  for (guint i = 0; i < moa_params_count (moa); i++)
    {
      const MoaParam *p = moa_params_nth (moa, i);
      const MoaParam *prior = moa_params_find (unet, p->name);
      if (prior)
        {
          g_assert_cmpmem (p->data, p->bytes, prior->data, p->bytes);
          copies++;
        }
      if (strstr (p->name, ".router.") || g_str_has_prefix (p->name, "fuser.mlp.2"))
        for (gsize n = 0; n < p->bytes; n++, zeros++)
          g_assert_cmpint (((guint8 *) p->data)[n], ==, 0);
    }
  g_assert_cmpint (copies, ==, 16 * 2 * 5);
  g_assert_cmpint (zeros, >, 0);
  moa_parts_clear (&parts);
}

/* Numbers come back from the packed order, whatever the shape. */
static void
test_pack (void)
{
  static const int shapes[][4] = { { 7, 5, 1, 1 }, { 33, 3, 3, 3 }, { 64, 16, 1, 1 }, { 1, 1, 3, 3 } };
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (int isa = 0; isa < MOA_N_ISAS; isa++)
      {
        MoaParams *params = moa_params_new (NULL, isa);
        gint64 dim[4] = { shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3] };
        MoaParam *p = moa_params_get (params, "x", 4, dim, MOA_PANELS, NULL);
        gsize n = moa_param_numbers (p);
        g_autofree float *in = g_new (float, n), *out = g_new (float, n);
        for (gsize k = 0; k < n; k++)
          in[k] = k + 1;
        g_assert_true (moa_params_load (params, 0, NULL, NULL));
        moa_param_pack (p, isa, in, p->data);
        moa_param_unpack (p, isa, p->data, out);
        g_assert_cmpmem (in, n * sizeof (float), out, n * sizeof (float));
        moa_params_free (params);
      }
}

static void
test_unknown_pattern (gconstpointer data)
{
  static const char *const cases[][2] = {
    { "{'stage': 'vae', 'train': ['vae/*', 'vea/encoder.*']}", "vea/encoder.*" },
    { "{'stage': 'prior', 'prior': {'lora_rank': 2, 'lora_layers': ['*to_q', 'unet/*to_k']}}", "unet/*to_k" },
  };
  int i = GPOINTER_TO_INT (data);
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  MoaTrainConfig config = make_config (cases[i][0]);
  MoaTrainRun run = { .n_threads = 1 };
  g_autoptr (GError) error = NULL;
  g_assert_false (moa_train (&config, folder, &run, &error));
  g_assert_nonnull (strstr (error->message, cases[i][1]));
  moa_train_config_clear (&config);
  remove_all (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train/config/paper", test_config_paper);
  g_test_add_func ("/train/config/lora", test_config_lora);
  g_test_add_func ("/train/config/refused", test_config_refused);
  g_test_add_func ("/train/config/changes", test_config_changes);
  g_test_add_func ("/train/config/lines", test_config_lines);
  g_test_add_func ("/train/eigen", test_eigen);
  g_test_add_func ("/train/start", test_start);
  g_test_add_func ("/train/pack", test_pack);
  g_test_add_data_func ("/train/unknown-pattern/parameters", GINT_TO_POINTER (0), test_unknown_pattern);
  g_test_add_data_func ("/train/unknown-pattern/layers", GINT_TO_POINTER (1), test_unknown_pattern);
  return g_test_run ();
}
