/* Tests of the trainer: configurations, first values, steps, checkpoints. */
#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/half.h"
#include "base/rng.h"
#include "io/safetensors.h"
#include "moa.h"
#include "nets/vae.h"
#include "train/data-private.h"
#include "train/parts.h"
#include "train/symmetric.h"
#include "train/train.h"
#include "train/trainer.h"

/* ---- Helpers ---------------------------------------------------------- */

static char *
tiny_model (void)
{
  const char *fixtures = g_getenv ("MOA_FIXTURES");
  g_assert_nonnull (fixtures);
  return g_build_filename (fixtures, "tiny", NULL);
}

static void
remove_all (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      remove_all (inner);
    }
  g_clear_pointer (&dir, g_dir_close);
  g_remove (path);
}

/* A configuration of the tiny model: text with ' for ", without the model. */
static MoaTrainConfig
make_config (const char *text)
{
  g_autofree char *copy = g_strdelimit (g_strdup (text), "'", '"'), *model = tiny_model ();
  json_t *json = json_loads (copy, 0, NULL);
  g_assert_nonnull (json);
  json_object_set_new (json, "model", json_string (model));
  MoaTrainConfig config;
  GError *error = NULL;
  moa_train_config_parse (json, "test", &config, &error);
  g_assert_no_error (error);
  json_decref (json);
  return config;
}

static void
collect_line (const char *line, gpointer data)
{
  g_ptr_array_add (data, g_strdup (line));
}

/* Trains; the lines that it told go to lines, which may be NULL. */
static void
train (const char *config_text, const char *folder, gboolean resume, int stop_at, GPtrArray *lines)
{
  MoaTrainConfig config = make_config (config_text);
  MoaTrainRun run = { .n_threads = 1, .resume = resume, .stop_at = stop_at,
                      .tell = lines ? collect_line : NULL, .data = lines };
  GError *error = NULL;
  gboolean ok = moa_train (&config, folder, &run, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  moa_train_config_clear (&config);
}

static char *
checkpoint (const char *folder, int step)
{
  return g_strdup_printf ("%s/checkpoint-%09d.safetensors", folder, step);
}

/* All tensors of two files are the same, to the bit. */
static void
assert_same_tensors (const char *a, const char *b)
{
  GError *error = NULL;
  MoaSafetensors *x = moa_safetensors_open (a, &error), *y = moa_safetensors_open (b, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moa_safetensors_count (x), ==, moa_safetensors_count (y));
  g_assert_cmpint (moa_safetensors_count (x), >, 0);
  for (int i = 0; i < moa_safetensors_count (x); i++)
    {
      const MoaFileTensor *s = moa_safetensors_tensor (x, i), *t = moa_safetensors_tensor (y, i);
      g_assert_cmpstr (s->name, ==, t->name);
      g_assert_cmpint (s->n, ==, t->n);
      g_autofree float *p = g_new (float, s->n), *q = g_new (float, s->n);
      g_assert_true (moa_safetensors_read_float (x, s, 0, s->n, p, NULL));
      g_assert_true (moa_safetensors_read_float (y, t, 0, t->n, q, NULL));
      g_assert_cmpmem (p, s->n * sizeof (float), q, s->n * sizeof (float));
    }
  moa_safetensors_close (x);
  moa_safetensors_close (y);
}

static void
corrupt (const char *path)
{
  g_autofree char *data = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (path, &data, &n, NULL));
  data[n - n / 3] ^= 0x40;
  g_assert_true (g_file_set_contents (path, data, n, NULL));
}

static gboolean
was_said (const GPtrArray *lines, const char *text)
{
  for (guint i = 0; i < lines->len; i++)
    if (strstr (lines->pdata[i], text))
      return TRUE;
  return FALSE;
}

/* The value after a name in the last line that has it. */
static double
last_value (const GPtrArray *lines, const char *name)
{
  for (guint i = lines->len; i > 0; i--)
    {
      const char *at = strstr (lines->pdata[i - 1], name);
      if (at)
        return g_ascii_strtod (at + strlen (name), NULL);
    }
  g_error ("no line has \"%s\"", name);
}

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
      for (guint k = 0; k < moa_params_count (unet); k++)
        if (!strcmp (p->name, moa_params_nth (unet, k)->name))
          {
            g_assert_cmpmem (p->data, p->bytes, moa_params_nth (unet, k)->data, p->bytes);
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
test_unknown_pattern (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  MoaTrainConfig config = make_config ("{'stage': 'vae', 'train': ['vae/*', 'vea/encoder.*']}");
  MoaTrainRun run = { .n_threads = 1 };
  g_autoptr (GError) error = NULL;
  g_assert_false (moa_train (&config, folder, &run, &error));
  g_assert_nonnull (strstr (error->message, "vea/encoder.*"));
  moa_train_config_clear (&config);
  remove_all (folder);
}

/* ---- Training --------------------------------------------------------- */

#define VAE                                                                                        \
  "{'stage': 'vae', 'fresh': ['vae'], 'steps': 6, 'optimizer': {'ema': 0.9},"                      \
  " 'data': {'pictures': 50, 'held_out': 2}, 'every': {'log': 2, 'checkpoint': 2, 'validate': 6}," \
  " 'vae': {'phases': [[0.5, 16, 8], [1.0, 32, 4]], 'whiten': false}}"

#define PRIOR(more)                                                                                \
  "{'stage': 'prior', 'steps': 2, 'batch': 4, 'micro_batch': 2, 'train': ['unet/*'],"              \
  " 'every': {'log': 1, 'checkpoint': 1, 'validate': 2}, " more "}"

/* Stopped and gone on with, training ends with the same bits. */
static void
test_resume (gconstpointer data)
{
  static const struct {
    const char *config;
    MoaPartKind part;
    int steps;
  } cases[] = {
    { VAE, MOA_PART_VAE, 6 },
    { PRIOR ("'data': {'pictures': 7, 'held_out': 1}"), MOA_PART_UNET, 2 },
    /* Micro batches are added up; items are swaps, drops and words of any person. */
    { "{'stage': 'moa', 'steps': 3, 'batch': 4, 'micro_batch': 2, 'weights': 'float16',"
      " 'data': {'pictures': 9, 'held_out': 1},"
      " 'moa': {'swap': 0.5, 'swap_path': 0.5, 'generic': 0.3, 'condition_drop': 0.3}}",
      MOA_PART_MOA, 3 },
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

static char *
file_text (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
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

/* A folder in the plain layout with pictures of the world, of which one is none. */
static void
make_pictures (const char *folder, int n, int broken)
{
  GError *error = NULL;
  MoaWorld *world = moa_world_new (3, 64, 32);
  moa_data_write_world (world, 0, n, MOA_DATA_LAYOUT_PLAIN, folder, NULL, &error);
  g_assert_no_error (error);
  moa_world_free (world);
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
  g_test_add_func ("/train/config/paper", test_config_paper);
  g_test_add_func ("/train/config/refused", test_config_refused);
  g_test_add_func ("/train/config/changes", test_config_changes);
  g_test_add_func ("/train/config/lines", test_config_lines);
  g_test_add_func ("/train/eigen", test_eigen);
  g_test_add_func ("/train/start", test_start);
  g_test_add_func ("/train/pack", test_pack);
  g_test_add_func ("/train/unknown-pattern", test_unknown_pattern);
  g_test_add_data_func ("/train/resume/vae", GINT_TO_POINTER (0), test_resume);
  g_test_add_data_func ("/train/resume/prior", GINT_TO_POINTER (1), test_resume);
  g_test_add_data_func ("/train/resume/moa", GINT_TO_POINTER (2), test_resume);
  g_test_add_func ("/train/masters", test_masters);
  g_test_add_func ("/train/other-order", test_other_order);
  g_test_add_func ("/train/checkpointing", test_checkpointing);
  g_test_add_func ("/train/described", test_described);
  g_test_add_func ("/train/swap-target", test_swap_target);
  g_test_add_data_func ("/train/samples/prior", GINT_TO_POINTER (0), test_samples);
  g_test_add_data_func ("/train/samples/moa", GINT_TO_POINTER (1), test_samples);
  g_test_add_data_func ("/train/samples/folder", GINT_TO_POINTER (2), test_samples);
  g_test_add_func ("/train/damage", test_damage);
  g_test_add_func ("/train/not-twice", test_not_twice);
  g_test_add_func ("/train/changed", test_changed);
  g_test_add_func ("/train/memory", test_memory);
  g_test_add_func ("/train/folder", test_folder);
  g_test_add_func ("/train/learns", test_learns);
  g_test_add_func ("/train/whitened", test_whitened);
  g_test_add_data_func ("/train/stages/encoders", GINT_TO_POINTER (0), test_stages);
  g_test_add_data_func ("/train/stages/prior", GINT_TO_POINTER (1), test_stages);
  g_test_add_data_func ("/train/stages/moa", GINT_TO_POINTER (2), test_stages);
  g_test_add_data_func ("/train/stages/routers", GINT_TO_POINTER (3), test_stages);
  return g_test_run ();
}
