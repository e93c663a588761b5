/* Timing of training steps: see timing.h.  The stage's own graph, batch and update are run, so that
 * what is measured is what a training does. */
#include "train/timing.h"

#include "base/error.h"
#include "base/rng.h"
#include "train/folder.h"
#include "train/trainer.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
  MoaTrainer t;
  MoaStepPlan plan;
  MoaStepTiming *out;
} Timing;

static double
now (void)
{
  return g_get_monotonic_time () * 1e-6;
}

static gboolean
check_free (const MoaTrainer *t, const char *what, gsize bytes, GError **error)
{
  MoaDevice *device = moa_cpu_device (t->cpu);
  guint64 free_bytes = device->methods->free_memory ? device->methods->free_memory (device)
                                                    : moa_cpu_free_memory ();
  return bytes <= free_bytes
         || moa_fail (error, MOA_ERROR_MEMORY, "%s: %.1f GiB are needed, and %.1f are free", what,
                      bytes / 1073741824., free_bytes / 1073741824.);
}

/* ---- The model -------------------------------------------------------- */

/* A matrix that training starts at zero would keep most gradients at zero. */
static void
fill_zeros (MoaParams *params, int part)
{
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      MoaParam *param = moa_params_nth (params, i);
      gsize n = moa_param_numbers (param), k = 0;
      g_autofree float *numbers = g_new (float, n);
      if (!moa_params_get_numbers (params, param, numbers, NULL))
        continue; /* a card that failed tells at the next run */
      while (k < n && numbers[k] == 0)
        k++;
      if (param->rank < 2 || k < n)
        continue;
      moa_rng_uniform (1, ((guint64) part << 32) + i, 0, numbers, n);
      for (k = 0; k < n; k++)
        numbers[k] = (2 * numbers[k] - 1) / sqrt ((double) n / param->dim[0]);
      moa_params_set_numbers (params, param, numbers, NULL);
    }
}

/* A folder without a vocabulary is opened as a copy that has the drawn world's. */
static gboolean
open_parts (MoaTrainer *t, const char *model, GError **error)
{
  MoaDevice *device = moa_cpu_device (t->cpu);
  g_autofree char *vocabulary = g_build_filename (model, "tokenizer", "vocab.json", NULL);
  if (g_file_test (vocabulary, G_FILE_TEST_EXISTS))
    return moa_parts_open (&t->parts, model, 0, device, error);
  t->model = g_dir_make_tmp ("moa-bench-XXXXXX", error);
  return t->model && moa_folder_copy_model (model, t->model, error)
         && moa_parts_open (&t->parts, t->model, 0, device, error);
}

static gboolean
load_parts (Timing *timing, GError **error)
{
  MoaTrainer *t = &timing->t;
  if (t->stage->declare && !t->stage->declare (t, error))
    return FALSE;
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    if (moa_trainer_parts (t) >> part & 1)
      timing->out->weight_bytes += moa_params_bytes (t->parts.params[part]);
  if (!check_free (t, "The weights", timing->out->weight_bytes, error)
      || !moa_parts_load (&t->parts, moa_trainer_parts (t), NULL, error))
    return FALSE;
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    if (moa_trainer_parts (t) >> part & 1 && !moa_params_weights (t->parts.params[part]))
      {
        moa_parts_start (&t->parts, part, 1);
        fill_zeros (t->parts.params[part], part);
      }
  if (!moa_trained_init (&t->set, &t->parts, t->config, t->cpu, error)
      || !moa_trained_allocate (&t->set, error))
    return FALSE;
  timing->out->trained = moa_trained_numbers (&t->set);
  timing->out->moment_bytes = moa_trained_bytes (&t->set);
  return TRUE;
}

/* ---- The step --------------------------------------------------------- */

static gboolean
build (Timing *timing, GError **error)
{
  MoaTrainer *t = &timing->t;
  MoaDataOptions options;
  moa_trainer_data_options (t, &options);
  options.n_scenes = t->config->micro_batch; /* the stage keeps a latent for each */
  t->stage->options (t, &options);
  t->source = moa_data_world (&options);
  if (!t->stage->build (t, error))
    return FALSE;
  gsize work = 0;
  for (guint i = 0; i < t->graphs->len; i++)
    {
      work = MAX (work, moa_graph_work_bytes (t->graphs->pdata[i]));
      timing->out->work_bytes += moa_graph_held_bytes (t->graphs->pdata[i]);
    }
  timing->out->work_bytes += work;
  if (!check_free (t, "Results and gradients", timing->out->work_bytes, error))
    return FALSE;
  for (guint i = 0; i < t->graphs->len; i++)
    if (!moa_graph_prepare (t->graphs->pdata[i], t->workspace, error))
      return FALSE;
  timing->plan = t->stage->plan (t, 0);
  timing->out->items = timing->plan.items;
  return TRUE;
}

static gboolean
fill (Timing *timing, GError **error)
{
  MoaTrainer *t = &timing->t;
  int n = timing->plan.items;
  double start = now ();
  g_autofree MoaDataItem **items = g_new0 (MoaDataItem *, n);
  gboolean ok = TRUE;
  for (int i = 0; i < n && ok; i++)
    {
      items[i] = moa_data_item_new (t->source);
      ok = moa_data_source_load (t->source, i, items[i], error);
    }
  ok = ok && t->stage->fill (t, &timing->plan, items, error);
  for (int i = 0; i < n; i++)
    moa_data_item_free (t->source, items[i]);
  timing->out->data = now () - start;
  return ok;
}

typedef struct {
  double gradients, update, processor;
} Seconds;

/* As the trainer makes them. */
static gboolean
step (Timing *timing, int number, Seconds *seconds, GError **error)
{
  MoaTrainer *t = &timing->t;
  const MoaTrainConfig *c = t->config;
  const MoaTrainGraph *tg = timing->plan.graph;
  double start = now (), clip = c->optimizer.clip;
  clock_t processor = clock ();
  moa_trained_zero (&t->set);
  if (tg->scale)
    moa_graph_set (tg->scale, &(float){ 1 });
  if (!moa_graph_run (tg->graph, NULL, error))
    return FALSE;
  for (int k = 0; k < t->set.n; k++)
    if (tg->gradients[k])
      moa_trained_collect (&t->set, k, tg->gradients[k]);
  double middle = now (), norm = timing->out->norm = moa_trained_norm (&t->set, 1);
  moa_trained_step (&t->set, c, number, c->optimizer.lr, clip > 0 && norm > clip ? clip / norm : 1,
                    c->optimizer.average);
  moa_graph_params_changed (tg->graph);
  MoaDevice *device = moa_cpu_device (t->cpu);
  if (!device->methods->finish (device, error))
    return FALSE;
  *seconds = (Seconds){ middle - start, now () - middle,
                        (double) (clock () - processor) / CLOCKS_PER_SEC };
  float loss;
  moa_graph_get (tg->part[tg->n_parts - 1], &loss); /* the last part is the whole */
  timing->out->loss[number > 1] = loss;
  return TRUE;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

static double
median (const Seconds *seconds, guint n, gsize offset)
{
  g_autofree double *values = g_new (double, n);
  for (guint i = 0; i < n; i++)
    values[i] = G_STRUCT_MEMBER (double, &seconds[i], offset);
  qsort (values, n, sizeof (double), compare_doubles);
  return values[n / 2];
}

static gboolean
run (Timing *timing, MoaProfileFunc profile, gpointer data, GError **error)
{
  MoaStepTiming *out = timing->out;
  g_autofree Seconds *seconds = g_new (Seconds, out->runs + 1);
  for (int i = 0; i <= out->runs; i++)
    if (!step (timing, i + 1, &seconds[i], error))
      return FALSE;
#define MEDIAN(what) median (seconds + 1, out->runs, G_STRUCT_OFFSET (Seconds, what))
  out->gradients = MEDIAN (gradients);
  out->update = MEDIAN (update);
  out->processor = MEDIAN (processor);
#undef MEDIAN
  if (!profile)
    return TRUE;
  MoaGraph *graph = timing->plan.graph->graph;
  moa_graph_set_profile (graph, profile, data);
  gboolean ok = moa_graph_run (graph, NULL, error);
  moa_graph_set_profile (graph, NULL, NULL);
  return ok;
}

/* ---- All -------------------------------------------------------------- */

static void
remove_folder (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      remove_folder (inner);
    }
  g_clear_pointer (&dir, g_dir_close);
  g_remove (path);
}

static void
clear (Timing *timing)
{
  MoaTrainer *t = &timing->t;
  t->stage->clear (t);
  g_ptr_array_unref (t->graphs);
  moa_workspace_free (t->workspace);
  moa_trained_clear (&t->set);
  moa_data_source_free (t->source);
  moa_parts_clear (&t->parts);
  moa_cpu_free (t->cpu);
  g_free (t->state);
  if (t->model)
    remove_folder (t->model);
  g_free (t->model);
}

gboolean
moa_train_time (const MoaTrainConfig *config, const char *model, MoaCpu *cpu, int runs,
                MoaProfileFunc profile, gpointer data, MoaStepTiming *out, GError **error)
{
  if (config->stage != MOA_STAGE_PRIOR && config->stage != MOA_STAGE_MOA)
    {
      moa_cpu_free (cpu);
      return moa_fail (error, MOA_ERROR_ARGUMENT,
                       "Steps of the stages \"prior\" and \"moa\" can be timed, not of \"%s\"",
                       moa_stage_name (config->stage));
    }
  *out = (MoaStepTiming){ .runs = runs };
  Timing timing = { .t = { .config = config, .cpu = cpu,
                           .stage = config->stage == MOA_STAGE_MOA ? &moa_stage_moa
                                                                   : &moa_stage_prior,
                           .workspace = moa_workspace_new (),
                           .graphs = g_ptr_array_new_with_free_func (
                             (GDestroyNotify) moa_graph_free) },
                    .out = out };
  timing.t.state = g_malloc0 (timing.t.stage->state_size);
  out->threads = moa_cpu_threads (timing.t.cpu);
  gboolean ok = open_parts (&timing.t, model, error)
                && moa_parts_need (&timing.t.parts, moa_trainer_parts (&timing.t), model, error)
                && load_parts (&timing, error)
                && build (&timing, error) && fill (&timing, error)
                && run (&timing, profile, data, error);
  clear (&timing);
  return ok;
}
