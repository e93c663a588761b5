/* Evaluation: its numbers against numpy and PyTorch, its cases against what
 * they promise, and a whole report. */
#include "job-util.h"

#include <stdlib.h>

#include "evaluate/encoder.h"
#include "evaluate/evaluator.h"
#include "train/train.h"

/* ---- Pixels: against numpy in double, tests/golden is for networks ---- */

enum { WIDTH = 24, HEIGHT = 20 };

typedef struct {
  MoaImage *a, *b, *mask;
} Pictures;

static void
pictures_init (Pictures *p)
{
  p->a = moa_image_new (WIDTH, HEIGHT, 3);
  p->b = moa_image_new (WIDTH, HEIGHT, 3);
  p->mask = moa_image_new (WIDTH, HEIGHT, 1);
  for (int i = 0; i < WIDTH * HEIGHT * 3; i++)
    {
      float noise = (i * 104729ll % 997) / 996.0f - 0.5f;
      p->a->data[i] = (i * 7919 % 1009) / 1008.0f;
      p->b->data[i] = CLAMP (p->a->data[i] + 0.4f * noise, 0, 1);
    }
  for (int i = 0; i < WIDTH * HEIGHT; i++)
    p->mask->data[i] = i * 31 % 17 > 8;
}

static void
pictures_clear (Pictures *p)
{
  moa_image_free (p->a);
  moa_image_free (p->b);
  moa_image_free (p->mask);
}

static void
test_psnr (void)
{
  Pictures p;
  pictures_init (&p);
  g_assert_cmpfloat_with_epsilon (moa_psnr (p.a, p.b, NULL), 19.2087512048, 1e-6);
  g_assert_cmpfloat_with_epsilon (moa_psnr (p.a, p.b, p.mask), 19.2268295912, 1e-6);
  g_assert_cmpfloat (moa_psnr (p.a, p.a, NULL), ==, 100);
  memset (p.mask->data, 0, image_count (p.mask) * sizeof (float));
  g_assert_true (isnan (moa_psnr (p.a, p.b, p.mask)));
  pictures_clear (&p);
}

/* numpy takes each window's variances about its own means. */
static void
test_ssim (void)
{
  Pictures p;
  pictures_init (&p);
  g_assert_cmpfloat_with_epsilon (moa_ssim (p.a, p.b, NULL), 0.930549380, 1e-8);
  g_assert_cmpfloat_with_epsilon (moa_ssim (p.a, p.b, p.mask), 0.930731240, 1e-8);
  g_assert_cmpfloat_with_epsilon (moa_ssim (p.a, p.a, NULL), 1, 1e-12);
  p.a->width = p.b->width = 10;
  g_assert_true (isnan (moa_ssim (p.a, p.b, NULL)));
  pictures_clear (&p);
}

static void
test_overlap (void)
{
  const float a[] = { 1, 1, 0.6f, 0, 0.5f }, b[] = { 1, 0, 0.7f, 0.9f, 0 }, none[5] = { 0 };
  g_assert_cmpfloat (moa_overlap (a, b, 5), ==, 0.5);
  g_assert_true (isnan (moa_overlap (none, none, 5)));
}

static void
test_scores (void)
{
  g_autoptr (MoaScores) scores = moa_scores_new ();
  int n;
  moa_scores_add (scores, "one", 1);
  moa_scores_add (scores, "two", NAN);
  moa_scores_add (scores, "one", 2);
  g_assert_cmpint (moa_scores_n (scores), ==, 2);
  g_assert_cmpfloat (moa_scores_mean (scores, "one"), ==, 1.5);
  g_assert_true (isnan (moa_scores_mean (scores, "two")));
  g_assert_null (moa_scores_values (scores, "two", &n));
  g_assert_cmpint (n, ==, 0);
}

/* Of 400 numbers the normal interval, mean +- 1.96 sd / sqrt (n), is right; 2000 draws put the
 * percentiles within a few hundredths of its width. */
static void
test_bootstrap (void)
{
  enum { N = 400 };
  double values[N], sum = 0, squares = 0, low, high;
  for (int i = 0; i < N; i++)
    {
      values[i] = i * 7919 % 1009 / 1008.0;
      sum += values[i] / N;
    }
  for (int i = 0; i < N; i++)
    squares += (values[i] - sum) * (values[i] - sum) / N;
  double half = 1.96 * sqrt (squares / N);
  moa_bootstrap (values, N, &low, &high);
  g_assert_cmpfloat_with_epsilon (low, sum - half, 0.15 * half);
  g_assert_cmpfloat_with_epsilon (high, sum + half, 0.15 * half);
  moa_bootstrap (values, 1, &low, &high);
  g_assert_cmpfloat (low, ==, values[0]);
  g_assert_cmpfloat (high, ==, values[0]);
  moa_bootstrap (values, 0, &low, &high);
  g_assert_true (isnan (low) && isnan (high));
}

/* ---- Cases ------------------------------------------------------------ */

enum { SIDE = 128, PHOTO = 64 };

static void
check_case (const MoaWorld *world, int i, int n_people, guint who)
{
  g_autoptr (MoaCase) c = moa_case_new (world, i, n_people, who);
  g_assert_nonnull (c);
  gsize n = (gsize) SIDE * SIDE, selected = 0, region = 0, changed = 0;
  for (gsize k = 0; k < n; k++)
    {
      gboolean same = !memcmp (c->source->data + 3 * k, c->truth->data + 3 * k, 3 * sizeof (float));
      g_assert_true (same || c->region->data[k] == 1);
      changed += !same;
      region += c->region->data[k] == 1;
      selected += c->selection->data[k] == 1;
      g_assert_true (c->selection->data[k] == 0 || c->selection->data[k] == 1);
      for (int p = 0; p < n_people; p++)
        if (c->who >> p & 1)
          g_assert_true (c->before[p]->data[k] <= 0.5f || c->selection->data[k] == 1);
    }
  g_assert_cmpuint (changed, >, n / 50);
  g_assert_cmpuint (region, >, changed);
  g_assert_cmpuint (region, <, n);
  g_assert_cmpuint (selected, <, n);
  for (int p = 0; p < n_people; p++)
    {
      gboolean stays = !memcmp (&c->scene.people[p], &c->swapped.people[p], sizeof (MoaIdentity));
      g_assert_true (stays == !(c->who >> p & 1));
    }
  g_autoptr (MoaCase) again = moa_case_new (world, i, n_people, who);
  g_assert_cmpfloat (image_difference (c->source, again->source), ==, 0);
  g_assert_cmpfloat (image_difference (c->photo[0], again->photo[0]), ==, 0);
  g_assert_cmpuint (c->noise, ==, again->noise);
}

static void
test_cases (void)
{
  MoaWorld *world = moa_world_new (11, SIDE, PHOTO);
  for (int i = 0; i < 12; i++)
    {
      check_case (world, i, 1, 0);
      check_case (world, i, 2, 0);
      check_case (world, i, 2, 3);
    }
  g_autoptr (MoaCase) left = moa_case_new (world, 0, 2, 0);
  g_autoptr (MoaCase) right = moa_case_new (world, 1, 2, 0);
  g_assert_cmpuint (left->who, ==, 1);
  g_assert_cmpuint (right->who, ==, 2);
  moa_world_free (world);
}

/* Each person's noun is marked and is theirs, and the words keep their promises. */
static void
test_prompts (void)
{
  MoaWorld *world = moa_world_new (3, SIDE, PHOTO);
  int fronts = 0, poses = 0;
  for (int i = 0; i < 24; i++)
    {
      g_autoptr (MoaCase) c = moa_case_new (world, i, 1 + i % 2, 3);
      MoaCasePrompt prompt;
      moa_case_prompt (world, c, &prompt);
      const char *at = prompt.text;
      for (int k = 0; k < c->n_people; k++)
        {
          const int *is = c->swapped.people[k].is;
          const char *noun = is[MOA_ATTRIBUTE_KID] ? (is[MOA_ATTRIBUTE_WOMAN] ? "girl" : "boy")
                                                   : is[MOA_ATTRIBUTE_WOMAN] ? "woman" : "man";
          g_autofree char *marked = g_strdup_printf (" %s<%d>", noun, k + 1);
          g_assert_nonnull (at = strstr (at, marked));
        }
      g_assert_true (!prompt.front || c->scene.context.front != MOA_FRONT_NONE);
      g_assert_true (!prompt.pose || c->scene.context.people[0].gesture.pose != MOA_POSE_DOWN);
      fronts += prompt.front;
      poses += prompt.pose;
    }
  g_assert_cmpint (fronts, >, 0);
  g_assert_cmpint (poses, >, 0);
  moa_world_free (world);
}

/* ---- The judge: its network against PyTorch --------------------------- */

/* Numbers of the k-th weight of both networks, in the order of their layers. */
static float *
formula (int k, gsize n, double scale, double offset)
{
  float *numbers = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    numbers[i] = offset + scale * ((i * 7919 + k * 104729) % 1009 / 1008.0 - 0.5);
  return numbers;
}

typedef struct {
  MoaSafetensorsWriter *writer;
  GPtrArray *blocks;
  int k;
} JudgeFile;

static void
add_weight (JudgeFile *file, const char *net, const char *layer, const char *what, int rank,
            const gint64 *dim)
{
  gsize n = 1;
  for (int i = 0; i < rank; i++)
    n *= dim[i];
  double scale = rank > 1 ? 2 * 1.7 / sqrt ((double) n / dim[0]) : 0.2;
  double offset = g_str_has_prefix (layer, "norm") && !strcmp (what, "weight");
  float *numbers = formula (file->k++, n, scale, offset);
  g_autofree char *name = g_strdup_printf ("%s.%s.%s", net, layer, what);
  g_ptr_array_add (file->blocks, numbers);
  moa_safetensors_writer_add (file->writer, name, MOA_DTYPE_F32, rank, dim, numbers);
}

/* A folder with a judge of such weights.  (transfer full) */
static char *
make_judge (void)
{
  static const char *const nets[MOA_N_JUDGES] = { "person", "scene" };
  static const gint64 widths[] = { 16, 32, 64, 96, 128 };
  JudgeFile file = { moa_safetensors_writer_new (), g_ptr_array_new_with_free_func (g_free), 0 };
  for (int net = 0; net < MOA_N_JUDGES; net++)
    {
      gint64 before = 3, outputs = moa_judge_n_outputs (net);
      for (int i = 0; i < 5; i++, before = widths[i - 1])
        {
          g_autofree char *conv = g_strdup_printf ("conv.%d", i);
          g_autofree char *norm = g_strdup_printf ("norm.%d", i);
          add_weight (&file, nets[net], conv, "weight", 4, (gint64[]){ widths[i], before, 3, 3 });
          add_weight (&file, nets[net], conv, "bias", 1, &widths[i]);
          add_weight (&file, nets[net], norm, "weight", 1, &widths[i]);
          add_weight (&file, nets[net], norm, "bias", 1, &widths[i]);
        }
      add_weight (&file, nets[net], "hidden", "weight", 2, (gint64[]){ 96, 16 * 128 });
      add_weight (&file, nets[net], "hidden", "bias", 1, (gint64[]){ 96 });
      add_weight (&file, nets[net], "answers", "weight", 2, (gint64[]){ outputs, 96 });
      add_weight (&file, nets[net], "answers", "bias", 1, &outputs);
    }
  GError *error = NULL;
  char *folder = g_dir_make_tmp ("moa-judge-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *weights = g_build_filename (folder, "judge.safetensors", NULL);
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  moa_safetensors_writer_save (file.writer, weights, &error);
  g_assert_no_error (error);
  json_t *description = moa_judge_description ();
  g_assert_cmpint (json_dump_file (description, config, 0), ==, 0);
  json_decref (description);
  moa_safetensors_writer_free (file.writer);
  g_ptr_array_unref (file.blocks);
  return folder;
}

static void
remove_judge (char *folder)
{
  static const char *const files[] = { "judge.safetensors", "config.json" };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (folder, files[i], NULL);
      g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
}

static void
test_judge_net (void)
{
  /* The first four answers of each, by PyTorch in double. */
  static const double wanted[MOA_N_JUDGES][4] = {
    { -0.107904090, -0.002003405, -0.042927959, 0.200243800 },
    { 0.073903576, -0.220337529, -0.267599259, 0.248644281 },
  };
  char *folder = make_judge ();
  g_autofree char *path = g_build_filename (folder, "judge.safetensors", NULL);
  GError *error = NULL;
  MoaWeights *weights = moa_weights_open (path, "judge", &error);
  g_assert_no_error (error);
  MoaCpu *cpu = moa_cpu_new (MOA_ISA_F64, 1);
  MoaParams *params = moa_params_new (weights, MOA_ISA_F64);
  MoaWorkspace *workspace = moa_workspace_new ();
  float pixels[MOA_JUDGE_SIDE * MOA_JUDGE_SIDE * 3];
  for (gsize i = 0; i < G_N_ELEMENTS (pixels); i++)
    pixels[i] = i * 31337 % 509 / 254.0 - 1;
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    {
      MoaGraph *g = moa_graph_new (cpu);
      MoaTensor *in = moa_graph_input (g, "in", MOA_SHAPE (1, MOA_JUDGE_SIDE, MOA_JUDGE_SIDE, 3),
                                       MOA_EACH_RUN);
      MoaTensor *out = moa_judge_net (g, params, kind, in);
      moa_graph_output (out);
      g_assert_true (moa_graph_plan (g, NULL) && moa_params_load (params, 0, NULL, NULL)
                     && moa_graph_prepare (g, workspace, NULL));
      g_autofree float *answers = g_new (float, moa_judge_n_outputs (kind));
      moa_graph_set (in, pixels);
      g_assert_true (moa_graph_run (g, NULL, NULL));
      moa_graph_get (out, answers);
      for (int i = 0; i < 4; i++)
        g_assert_cmpfloat_with_epsilon (answers[i], wanted[kind][i], 2e-7);
      moa_graph_free (g);
    }
  moa_workspace_free (workspace);
  moa_params_free (params);
  moa_weights_unref (weights);
  moa_cpu_free (cpu);
  remove_judge (folder);
}

/* Questions follow one another without holes, and heads come back. */
static void
test_judge_questions (void)
{
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    {
      int next = 0;
      for (int i = 0; i <= moa_judge_n_questions (kind); i++)
        {
          MoaJudgeQuestion q = moa_judge_question (kind, i);
          g_assert_cmpint (q.first, ==, next);
          next += q.n;
        }
      g_assert_cmpint (next, ==, moa_judge_n_outputs (kind));
    }
  MoaPlacement place = { 70, 40, 21 }, back = { 0 };
  float numbers[3];
  moa_judge_from_head (&place, numbers);
  moa_judge_to_head (numbers, &back);
  g_assert_cmpfloat_with_epsilon (back.x, 70, 1e-4);
  g_assert_cmpfloat_with_epsilon (back.y, 40, 1e-4);
  g_assert_cmpfloat_with_epsilon (back.r, 21, 1e-4);
}

static void
test_judge_other (void)
{
  char *folder = make_judge ();
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autoptr (GError) error = NULL;
  g_assert_true (g_file_set_contents (config, "{\"version\": 1, \"side\": 32}", -1, NULL));
  g_assert_null (moa_judge_open (folder, NULL, &error));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_MODEL);
  g_assert_nonnull (strstr (error->message, config));
  remove_judge (folder);
}

static void
test_judged (void)
{
  MoaWorld *world = moa_world_new (1, SIDE, PHOTO);
  MoaScene scene, swapped;
  moa_world_scene (world, 4, 1, &scene);
  moa_world_swap (world, 4, 0, 1, &scene, &swapped);
  MoaJudgedPerson right = { { 0 } }, old = { { 0 } };
  memcpy (right.classes, swapped.people[0].is, sizeof (right.classes));
  memcpy (old.classes, scene.people[0].is, sizeof (old.classes));
  g_assert_cmpfloat (moa_judged_accuracy (&right, &swapped.people[0]), ==, 1);
  g_assert_cmpfloat (moa_judged_accuracy (&old, &swapped.people[0]), <, 1);
  g_assert_cmpfloat (moa_judged_left (&right, &scene.people[0], &swapped.people[0]), ==, 0);
  g_assert_cmpfloat (moa_judged_left (&old, &scene.people[0], &swapped.people[0]), ==, 1);
  g_assert_true (isnan (moa_judged_left (&old, &scene.people[0], &scene.people[0])));
  /* One wrong answer costs one share of what shows. */
  int shown[MOA_N_ATTRIBUTES], n = 0;
  moa_identity_classes (&swapped.people[0], shown);
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    n += shown[i] >= 0;
  right.classes[MOA_ATTRIBUTE_WOMAN] ^= 1;
  g_assert_cmpfloat_with_epsilon (moa_judged_accuracy (&right, &swapped.people[0]),
                                  1 - 1.0 / n, 1e-12);
  moa_world_free (world);
}

static void
remove_tree (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      remove_tree (inner);
    }
  if (dir)
    g_dir_close (dir);
  g_remove (path);
}

/* The part of the loss in the first or last report of a training. */
static double
logged_loss (const char *folder, gboolean last)
{
  g_autofree char *path = g_build_filename (folder, "log.jsonl", NULL), *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  double loss = NAN;
  for (char **line = lines; *line && (last || isnan (loss)); line++)
    {
      json_t *row = json_loads (*line, 0, NULL);
      if (json_object_get (row, "loss"))
        loss = json_number_value (json_object_get (row, "loss"));
      json_decref (row);
    }
  return loss;
}

/* A short training learns, and leaves a judge that answers. */
static void
test_judge_train (void)
{
  GError *error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moa-train-XXXXXX", NULL);
  g_autofree char *out = g_build_filename (folder, "out", NULL);
  json_t *json = json_pack ("{s:s, s:s, s:i, s:i, s:i, s:{s:i, s:i}, s:{s:i}, s:{s:i}}", "stage",
                            "judge", "model", mini_path (), "steps", 30, "batch", 8, "micro_batch",
                            8, "every", "log", 5, "validate", 30, "data", "held_out", 8,
                            "optimizer", "warmup", 5);
  MoaTrainConfig config;
  MoaTrainRun run = { .n_threads = 1 };
  moa_train_config_parse (json, "judge.json", &config, &error);
  g_assert_no_error (error);
  moa_train (&config, out, &run, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (logged_loss (out, TRUE), <, 0.8 * logged_loss (out, FALSE));

  g_autofree char *judge_folder = g_build_filename (out, "model", "judge", NULL);
  MoaJudge *judge = moa_judge_open (judge_folder, NULL, &error);
  g_assert_no_error (error);
  MoaWorld *world = moa_world_new (1, SIDE, PHOTO);
  g_autoptr (MoaCase) c = moa_case_new (world, 0, 1, 0);
  MoaJudgedScene scene;
  MoaJudgedPerson person;
  g_assert_true (moa_judge_scene (judge, c->source, &scene, &error));
  g_assert_true (moa_judge_person (judge, c->source, c->index, 0, &scene.heads[0], &person,
                                   &error));
  g_assert_cmpint (scene.n_people, >=, 1);
  g_assert_cmpint (scene.n_people, <=, 2);
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    g_assert_cmpint (person.classes[i], <, moa_attribute_n_classes (i));
  moa_world_free (world);
  moa_judge_free (judge);
  moa_train_config_clear (&config);
  json_decref (json);
  remove_tree (folder);
}

/* ---- Ablations -------------------------------------------------------- */

static float *
param_numbers (MoaModel *model, const char *suffix)
{
  for (guint i = 0; i < moa_params_count (model->moa_params); i++)
    {
      MoaParam *param = moa_params_nth (model->moa_params, i);
      if (!g_str_has_suffix (param->name, suffix))
        continue;
      float *numbers = g_new (float, moa_param_numbers (param));
      g_assert_true (moa_params_get_numbers (model->moa_params, param, numbers, NULL));
      return numbers;
    }
  return NULL;
}

static MoaModel *
open_ablated (MoaAblation ablation)
{
  GError *error = NULL;
  MoaModel *model = moa_model_open_ablated (mini_path (), ablation, &error);
  g_assert_no_error (error);
  return model;
}

/* Without the router the personalised experts have all the weight wherever they may. */
static void
test_ablate_router (void)
{
  MoaModel *whole = open_model (mini_path ()), *ablated = open_ablated (MOA_ABLATE_ROUTER);
  Swap swap;
  swap_init (&swap, "lake", 2);
  swap.params.selection = NULL;
  swap.params.max_timestep = 1000;
  swap.params.maps_only = TRUE;
  MoaReplaceResult *before = replace_with (whole, &swap.params, NULL);
  MoaReplaceResult *after = replace_with (ablated, &swap.params, NULL);
  double largest = 0, largest_before = 0;
  for (int l = 0; l < after->variations->maps[0].n_layers; l++)
    for (gsize i = 0; i < image_count (after->variations->maps[0].layers[l]); i++)
      {
        largest = MAX (largest, after->variations->maps[0].layers[l]->data[i]);
        largest_before = MAX (largest_before, before->variations->maps[0].layers[l]->data[i]);
      }
  g_assert_cmpfloat (largest, <, 1e-6);
  g_assert_cmpfloat (largest_before, >, 0.1);
  moa_replace_result_free (before);
  moa_replace_result_free (after);
  swap_clear (&swap);
  moa_model_unref (whole);
  moa_model_unref (ablated);
}

static void
test_ablate_fuser (void)
{
  MoaModel *ablated = open_ablated (MOA_ABLATE_FUSER), *other = open_ablated (MOA_ABLATE_INVERSION);
  g_autofree float *freq = param_numbers (ablated, "fuser.freq");
  g_autofree float *left = param_numbers (other, "fuser.freq");
  g_assert_cmpfloat (freq[0], ==, 0);
  g_assert_cmpfloat (freq[1], ==, 0);
  g_assert_cmpfloat (left[0], !=, 0);
  moa_model_unref (ablated);
  moa_model_unref (other);
}

/* ---- A swap, and a whole report --------------------------------------- */

/* What is reported of a swap is what its pictures say. */
static void
test_swap (void)
{
  MoaModel *model = open_model (mini_path ());
  MoaEvaluateParams params;
  moa_evaluate_params_init (&params);
  params.steps = 2;
  MoaEvaluator e = { .params = &params, .model = model, .run = { .n_threads = 1 } };
  e.world = moa_world_new (5, model->info.side, model->vision.image_size);
  e.vae = moa_round_trip_new (model, model->info.side, &e.run, NULL);
  g_autoptr (MoaCase) c = moa_case_new (e.world, 0, 1, 0);
  g_autoptr (MoaScores) scores = moa_scores_new ();
  MoaSheetRow row = { NULL };
  MoaUsedSettings used;
  GError *error = NULL;
  moa_evaluate_swap (&e, c, scores, &row, &used, &error);
  g_assert_no_error (error);
  g_assert_cmpint (used.steps, ==, 2);
  g_assert_cmpfloat (moa_scores_mean (scores, "person_psnr"), ==,
                     moa_psnr (row.result, c->truth, c->region));
  g_assert_cmpfloat (moa_scores_mean (scores, "source_person_psnr"), ==,
                     moa_psnr (c->source, c->truth, c->region));
  /* Where the mask is 0 the composite is the source. */
  for (gsize i = 0; i < image_count (row.mask); i++)
    if (row.mask->data[i] == 0)
      g_assert_cmpmem (row.result->data + 3 * i, 12, c->source->data + 3 * i, 12);
  MoaImage *back = moa_round_trip (e.vae, c->source, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (moa_scores_mean (scores, "vae_psnr"), ==, moa_psnr (back, c->source, NULL));
  g_assert_cmpfloat (moa_scores_mean (scores, "vae_psnr"), >, 15);
  g_assert_cmpfloat (moa_scores_mean (scores, "router_iou"), >=, 0);
  g_assert_cmpfloat (moa_scores_mean (scores, "router_iou"), <=, 1);
  moa_image_free (back);
  moa_sheet_row_clear (&row);
  moa_round_trip_free (e.vae);
  moa_world_free (e.world);
  moa_model_unref (model);
}

static const char *const always[] = {
  "vae_psnr", "inversion_psnr", "source_person_psnr", "person_psnr", "background_psnr",
  "attribute_accuracy", "attribute_accuracy_truth", "router_iou", "prompt_consistency",
  "prompt_consistency_truth",
};

static MoaEvaluation *
evaluate (MoaModel *model, const MoaEvaluateParams *params)
{
  MoaRun run = { .n_threads = 1 };
  GError *error = NULL;
  MoaEvaluation *evaluation = moa_evaluate (model, params, &run, &error);
  g_assert_no_error (error);
  return evaluation;
}

/* All keys are there with their intervals around them, twice the same. */
static void
test_report (void)
{
  char *judge = make_judge ();
  MoaModel *model = open_model (mini_path ());
  MoaEvaluateParams params;
  moa_evaluate_params_init (&params);
  params.seed = 9;
  params.count = 2;
  params.steps = 2;
  params.judge = judge;
  params.ablations = 1u << MOA_ABLATE_INVERSION;
  params.sheet_rows = 10;
  MoaEvaluation *first = evaluate (model, &params), *second = evaluate (model, &params);
  for (gsize i = 0; i < G_N_ELEMENTS (always); i++)
    {
      g_autofree char *name = g_strconcat (always[i], "_ci95", NULL);
      json_t *interval = json_object_get (first->json, name);
      double value = json_number_value (json_object_get (first->json, always[i]));
      g_assert_true (json_is_real (json_object_get (first->json, always[i])));
      g_assert_cmpfloat (json_number_value (json_array_get (interval, 0)), <=, value);
      g_assert_cmpfloat (json_number_value (json_array_get (interval, 1)), >=, value);
    }
  json_t *pair = json_object_get (first->json, "pair");
  g_assert_true (json_is_real (json_object_get (json_object_get (pair, "one"), "person_psnr")));
  g_assert_true (json_is_real (json_object_get (json_object_get (pair, "both"), "person_psnr")));
  g_assert_true (json_is_real (json_object_get (json_object_get (pair, "one"),
                                                "kept_person_psnr")));
  g_assert_cmpuint (json_object_size (json_object_get (first->json, "ablations")), ==, 1);
  g_assert_true (json_equal (first->json, second->json));
  g_assert_cmpstr (first->markdown, ==, second->markdown);
  g_assert_cmpfloat (image_difference (first->sheet, second->sheet), ==, 0);
  g_assert_nonnull (strstr (first->markdown, "| without inversion |"));
  moa_evaluation_free (first);
  moa_evaluation_free (second);
  moa_model_unref (model);
  remove_judge (judge);
}

/* Without a judge what needs one is null, and a warning says so. */
static void
test_no_judge (void)
{
  char *copy = link_model (mini_path ());
  MoaModel *model = open_model (copy);
  MoaEvaluateParams params;
  moa_evaluate_params_init (&params);
  params.count = 1;
  params.pairs = 0;
  params.steps = 1;
  MoaEvaluation *evaluation = evaluate (model, &params);
  g_assert_true (json_is_null (json_object_get (evaluation->json, "attribute_accuracy")));
  g_assert_true (json_is_null (json_object_get (evaluation->json, "prompt_consistency_ci95")));
  g_assert_true (json_is_real (json_object_get (evaluation->json, "person_psnr")));
  g_assert_nonnull (evaluation->warnings[0]);
  g_assert_null (evaluation->sheet);
  moa_evaluation_free (evaluation);
  moa_model_unref (model);
  remove_model (copy);
}

/* ---- Photographs ------------------------------------------------------ */

static MoaImage *
fixture_picture (MoaSafetensors *file, const char *name)
{
  g_autofree char *full = g_strconcat ("rgb.", name, NULL);
  const MoaFileTensor *t = moa_safetensors_find (file, full);
  MoaImage *picture = moa_image_new (t->dim[1], t->dim[0], 3);
  g_assert_true (moa_safetensors_read_float (file, t, 0, t->n, picture->data, NULL));
  for (gsize i = 0; i < t->n; i++)
    picture->data[i] /= 255;
  return picture;
}

/* Against transformers' CLIPVisionModelWithProjection: its image_embeds, made of length 1. */
static void
test_encoder (void)
{
  static const char *const order[] = { "wide", "tall", "square", "big",
                                       "odd", "grey", "pal", "vae" };
  g_autofree char *tiny = tiny_path ();
  g_autofree char *folder = g_build_filename (tiny, "image_encoder", NULL);
  g_autofree char *path
    = g_build_filename (g_getenv ("MOA_FIXTURES"), "golden", "vision.safetensors", NULL);
  GError *error = NULL;
  MoaEncoder *encoder = moa_encoder_open (folder, NULL, &error);
  g_assert_no_error (error);
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  int dim = moa_encoder_dim (encoder);
  const MoaFileTensor *embeds = moa_safetensors_find (file, "image_embeds");
  g_assert_cmpint (embeds->dim[1], ==, dim);
  for (gsize i = 0; i < G_N_ELEMENTS (order); i++)
    {
      MoaImage *picture = fixture_picture (file, order[i]);
      g_autofree float *feature = g_new (float, dim), *wanted = g_new (float, dim);
      g_assert_true (moa_safetensors_read_float (file, embeds, i * dim, dim, wanted, NULL));
      double squares = 0;
      for (int k = 0; k < dim; k++)
        squares += (double) wanted[k] * wanted[k];
      moa_encoder_embed (encoder, picture, feature, &error);
      g_assert_no_error (error);
      for (int k = 0; k < dim; k++)
        g_assert_cmpfloat_with_epsilon (feature[k], wanted[k] / sqrt (squares), 2e-5);
      g_assert_cmpfloat_with_epsilon (moa_encoder_cosine (encoder, feature, feature), 1, 1e-6);
      moa_image_free (picture);
    }
  moa_safetensors_close (file);
  moa_encoder_free (encoder);
}

/* "result|subject|replaced" of each pair, or the error. */
static char *
read_pairs (const char *text)
{
  GError *error = NULL;
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("moa-pairs-XXXXXX", &path, NULL);
  close (fd);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  GPtrArray *pairs = moa_photo_pairs_read (path, &error);
  g_unlink (path);
  if (!pairs)
    {
      g_assert_nonnull (strstr (error->message, path));
      g_error_free (error);
      return g_strdup ("error");
    }
  GString *out = g_string_new (NULL);
  for (guint i = 0; i < pairs->len; i++)
    {
      const MoaPhotoPair *pair = pairs->pdata[i];
      g_string_append_printf (out, "%s|%s|%s;", pair->result, pair->subject,
                              pair->replaced ? pair->replaced : "");
    }
  g_ptr_array_unref (pairs);
  return g_string_free (out, FALSE);
}

static void
test_pairs (void)
{
  static const char *const cases[][2] = {
    { "a.png,b.png\nc.png, d.png,e.png\r\n\n", "a.png|b.png|;c.png|d.png|e.png;" },
    { "result,subject,replaced\na,b,\n", "a|b|;" },
    { "[{\"result\": \"a,1\", \"subject\": \"b\"}]", "a,1|b|;" },
    { " [{\"result\": \"a\", \"subject\": \"b\", \"replaced\": \"c\"}]", "a|b|c;" },
    { "", "error" },
    { "a\n", "error" },
    { "a,b,c,d\n", "error" },
    { "[]", "error" },
    { "[{\"result\": \"a\"}]", "error" },
    { "[1]", "error" },
    { "[", "error" },
    { "\xff,\xfe\n", "error" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *found = read_pairs (cases[i][0]);
      g_assert_cmpstr (found, ==, cases[i][1]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/evaluate/psnr", test_psnr);
  g_test_add_func ("/evaluate/ssim", test_ssim);
  g_test_add_func ("/evaluate/overlap", test_overlap);
  g_test_add_func ("/evaluate/scores", test_scores);
  g_test_add_func ("/evaluate/bootstrap", test_bootstrap);
  g_test_add_func ("/evaluate/cases", test_cases);
  g_test_add_func ("/evaluate/prompts", test_prompts);
  g_test_add_func ("/evaluate/judge-net", test_judge_net);
  g_test_add_func ("/evaluate/judge-questions", test_judge_questions);
  g_test_add_func ("/evaluate/judge-other", test_judge_other);
  g_test_add_func ("/evaluate/judged", test_judged);
  g_test_add_func ("/evaluate/judge-train", test_judge_train);
  g_test_add_func ("/evaluate/ablate-router", test_ablate_router);
  g_test_add_func ("/evaluate/ablate-fuser", test_ablate_fuser);
  g_test_add_func ("/evaluate/swap", test_swap);
  g_test_add_func ("/evaluate/report", test_report);
  g_test_add_func ("/evaluate/no-judge", test_no_judge);
  g_test_add_func ("/evaluate/encoder", test_encoder);
  g_test_add_func ("/evaluate/pairs", test_pairs);
  return g_test_run ();
}
