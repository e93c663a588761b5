/* Training: opens the model, builds the stage's graphs, and makes steps.
 *
 * One step: for each micro batch of this rank the stage sets the inputs, the
 * graph runs forward and back, and its gradients are added up; over the ranks
 * too; then they are clipped to a norm, and AdamW moves the parameters.  All
 * that is random is drawn by the item's number, and items by the step's. */
#include "train/trainer.h"

#include "base/error.h"
#include "base/rng.h"
#include "ops/ops.h"
#include "train/folder.h"
#include "train/reduce.h"
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELD_OUT_SCENES ((guint64) 1 << 40) /* far from those of training */

/* What one report is about. */
typedef struct {
  double sum[MOA_MAX_LOSS_PARTS], norm;
  const char *name[MOA_MAX_LOSS_PARTS];
  int n_parts, micros, steps;
  guint64 items;
  gint64 start;        /* time, microseconds */
} Interval;

typedef struct {
  MoaTrainer t;
  const MoaTrainRun *run;
  MoaTrainLog *log;
  int lock;            /* the folder's, of the first rank; -1: none */
  Interval interval;
} Training;

static const MoaStage *const stages[MOA_N_STAGES] = { &moa_stage_vae, &moa_stage_encoders,
                                                      &moa_stage_prior, &moa_stage_moa,
                                                      &moa_stage_judge };

static void
tell (Training *training, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
tell (Training *training, const char *format, ...)
{
  if (!training->run->tell || moa_group_rank (training->t.group) != 0)
    return;
  va_list args;
  va_start (args, format);
  g_autofree char *line = g_strdup_vprintf (format, args);
  va_end (args);
  training->run->tell (line, training->run->data);
}

/* ---- Opening ---------------------------------------------------------- */

static guint
fresh_parts (const MoaTrainConfig *config, GError **error)
{
  guint fresh = 0;
  for (int i = 0; config->fresh[i]; i++)
    {
      int kind = 0;
      while (kind < MOA_PART_HEADS && strcmp (config->fresh[i], moa_part_name (kind)))
        kind++;
      if (kind == MOA_PART_HEADS)
        {
          moa_fail (error, MOA_ERROR_ARGUMENT,
                    "\"fresh\": a model has no part \"%s\"; its parts are unet, vae, text_encoder, "
                    "image_encoder and moa", config->fresh[i]);
          return G_MAXUINT;
        }
      fresh |= 1u << kind;
    }
  return fresh;
}

/* FOLDER/model from the configuration's, with what is fresh started. */
static gboolean
make_model (MoaTrainer *t, GError **error)
{
  const MoaTrainConfig *config = t->config;
  guint fresh = fresh_parts (config, error);
  if (!*config->model)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "Which model to start from? Say it as \"model\" in the configuration, or with "
                     "--model; a folder of configurations alone will do");
  if (fresh == G_MAXUINT || !moa_folder_copy_model (config->model, t->model, error)
      || (!config->moa.space_time && !moa_folder_set_vanilla_fuser (t->model, error)))
    return FALSE;
  MoaParts parts;
  gboolean ok = moa_parts_open (&parts, t->model, fresh, moa_cpu_isa (t->cpu), error)
                && moa_folder_start_parts (&parts, t->model, config->seed, error);
  moa_parts_clear (&parts);
  if (!ok)
    return FALSE;
  g_autofree char *path = g_build_filename (t->folder, "config.json", NULL);
  char *text = json_dumps (config->json, JSON_INDENT (2) | JSON_REAL_PRECISION (9));
  ok = g_file_set_contents (path, text, -1, error);
  free (text);
  return ok;
}

static gboolean
open_folder (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  g_autofree char *config = g_build_filename (t->folder, "config.json", NULL);
  if (moa_group_rank (t->group) == 0
      && (training->lock = moa_folder_take (t->folder, error)) < 0)
    return FALSE;
  gboolean exists = g_file_test (config, G_FILE_TEST_EXISTS);
  if (exists && !training->run->resume)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: holds a training already; go on with --resume, or name another folder",
                     t->folder);
  if (!exists && training->run->resume)
    tell (training, "%s: nothing to go on from; starting", t->folder);
  gint64 made = TRUE;
  if (moa_group_rank (t->group) == 0 && !exists && !make_model (t, error))
    return FALSE; /* the others end with this rank */
  moa_group_share (t->group, &made);
  return TRUE;
}

static gboolean
open_data (MoaTrainer *t, GError **error)
{
  const MoaTrainConfig *config = t->config;
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.size = t->parts.unet.sample_size << (t->parts.vae.n_levels - 1);
  options.photo_size = t->parts.vision.image_size;
  options.seed = config->data.seed;
  options.tokenizer = t->parts.tokenizer;
  options.n_scenes = config->data.pictures;
  t->stage->options (t, &options);
  MoaDataOptions other = options;
  other.first_scene = HELD_OUT_SCENES;
  other.n_scenes = config->data.held_out;
  other.test_split = TRUE;
  other.augment = FALSE;
  other.truth = options.truth > 0;
  switch ((MoaTrainSource) config->data.source)
    {
    case MOA_SOURCE_WORLD:
      t->source = moa_data_world (&options);
      t->held_out = moa_data_world (&other);
      break;
    case MOA_SOURCE_FASTCOMPOSER:
      t->source = moa_data_fastcomposer (config->data.path, &options, error);
      t->held_out = t->source ? moa_data_fastcomposer (config->data.path, &other, error) : NULL;
      break;
    case MOA_SOURCE_PLAIN:
      t->source = moa_data_plain (config->data.path, &options, error);
      t->held_out = t->source ? moa_data_plain (config->data.path, &other, error) : NULL;
      break;
    }
  return t->held_out != NULL;
}

/* Parameters: the model's, or the last checkpoint's. */
static gboolean
open_parameters (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  GError *fault = NULL;
  g_autofree char *warning = NULL;
  if (!moa_parts_open (&t->parts, t->model, 0, moa_cpu_isa (t->cpu), error)
      || (t->stage->heads && !t->stage->heads (t, error))
      || !moa_parts_load (&t->parts, t->stage->parts, training->run->cancellable, error))
    return FALSE;
  if (t->stage->heads)
    moa_parts_start (&t->parts, MOA_PART_HEADS, t->config->seed);
  if (!moa_trained_init (&t->set, &t->parts, t->config, t->cpu, error))
    return FALSE;
  if (t->set.which & ~t->stage->parts)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"train\": the stage \"%s\" does not compute with all of these parts",
                     moa_stage_name (t->config->stage));
  if (!training->run->resume)
    return TRUE;
  gboolean found = moa_checkpoint_read (&t->set, t->folder, &t->mark, &warning, &fault);
  if (warning && found)
    tell (training, "passed by: %s", warning);
  if (found)
    tell (training, "going on after step %" G_GUINT64_FORMAT, t->mark.step);
  if (fault)
    g_propagate_error (error, fault);
  return fault == NULL;
}

/* The memory of everything, before any of it is taken. */
static gboolean
check_memory (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  guint64 work = 0, held = 0, available = moa_cpu_free_memory ();
  for (guint i = 0; i < t->graphs->len; i++)
    {
      work = MAX (work, moa_graph_work_bytes (t->graphs->pdata[i]));
      held += moa_graph_held_bytes (t->graphs->pdata[i]);
    }
  tell (training, "memory: %.0f MiB of results and gradients, %.0f of moments, %.0f free",
        (work + held) / 1048576., moa_trained_bytes (&t->set) / 1048576., available / 1048576.);
  if (work + held > available)
    return moa_fail (error, MOA_ERROR_MEMORY,
                     "A step needs %.1f GiB, and %.1f are free; make micro_batch smaller",
                     (work + held) / 1073741824., available / 1073741824.);
  for (guint i = 0; i < t->graphs->len; i++)
    if (!moa_graph_prepare (t->graphs->pdata[i], t->workspace, error))
      return FALSE;
  return TRUE;
}

/* Items that all ranks together have taken before a step. */
static guint64
items_before (MoaTrainer *t, guint64 step)
{
  guint64 items = 0;
  for (guint64 i = 0; i < step; i++)
    {
      MoaStepPlan plan = t->stage->plan (t, i);
      items += (guint64) plan.items * plan.micros;
    }
  return items;
}

static gboolean
check_ranks (MoaTrainer *t, GError **error)
{
  int size = moa_group_size (t->group);
  for (guint64 i = 0; i < (guint64) t->config->steps; i++)
    if (t->stage->plan (t, i).micros % size != 0)
      return moa_fail (error, MOA_ERROR_ARGUMENT,
                       "The batch of a step has %d micro batches, which %d ranks cannot share; "
                       "change batch or micro_batch", t->stage->plan (t, i).micros, size);
  return TRUE;
}

static gboolean
open_all (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  t->stage = stages[t->config->stage];
  t->state = g_malloc0 (t->stage->state_size);
  if (!open_folder (training, error) || !open_parameters (training, error)
      || !open_data (t, error) || !t->stage->build (t, error) || !check_ranks (t, error)
      || !check_memory (training, error) || (t->stage->begin && !t->stage->begin (t, error)))
    return FALSE;
  int rank = moa_group_rank (t->group), size = moa_group_size (t->group);
  t->queue = moa_data_queue_new (t->source, items_before (t, t->mark.step) + rank, size,
                                 t->config->data.threads, 2 * t->config->micro_batch);
  if (rank == 0)
    training->log = moa_train_log_open (t->folder, t->mark.step, error);
  tell (training, "%s: %" G_GSIZE_FORMAT " parameters, %d steps, %d rank%s of %d threads on %s",
        moa_stage_name (t->config->stage), moa_trained_numbers (&t->set), t->config->steps, size,
        size == 1 ? "" : "s", moa_cpu_threads (t->cpu), moa_isa_name (moa_cpu_isa (t->cpu)));
  return rank != 0 || training->log;
}

static void
clear_all (Training *training)
{
  MoaTrainer *t = &training->t;
  moa_data_queue_free (t->queue);
  if (t->state)
    t->stage->clear (t);
  g_ptr_array_unref (t->graphs);
  moa_workspace_free (t->workspace);
  moa_trained_clear (&t->set);
  moa_data_source_free (t->source);
  moa_data_source_free (t->held_out);
  moa_parts_clear (&t->parts);
  moa_train_log_close (training->log);
  moa_cpu_free (t->cpu);
  if (training->lock >= 0)
    close (training->lock);
  g_free (t->state);
  g_free (t->folder);
  g_free (t->model);
}

/* ---- A step ----------------------------------------------------------- */

double
moa_trainer_progress (const MoaTrainer *t)
{
  return (double) t->mark.step / t->config->steps;
}

static double
learning_rate (const MoaTrainer *t)
{
  const MoaTrainConfig *c = t->config;
  double rate = c->optimizer.lr;
  if (c->optimizer.cosine)
    rate *= c->optimizer.final
            + (1 - c->optimizer.final) * 0.5 * (1 + cos (G_PI * moa_trainer_progress (t)));
  return rate * MIN (1, (t->mark.step + 1.0) / MAX (1, c->optimizer.warmup));
}

static void
count_parts (Interval *interval, const MoaTrainGraph *tg)
{
  for (int i = 0; i < tg->n_parts; i++)
    {
      float value;
      moa_graph_get (tg->part[i], &value);
      interval->name[i] = tg->part_name[i];
      interval->sum[i] += value;
    }
  interval->n_parts = tg->n_parts;
  interval->micros++;
}

static gboolean
micro_batch (Training *training, const MoaStepPlan *plan, gboolean last, GError **error)
{
  MoaTrainer *t = &training->t;
  g_autofree MoaDataItem **items = g_new0 (MoaDataItem *, plan->items);
  gboolean ok = TRUE;
  for (int i = 0; i < plan->items && ok; i++)
    ok = (items[i] = moa_data_queue_take (t->queue, error)) != NULL;
  ok = ok && t->stage->fill (t, plan, items, error);
  for (int i = 0; i < plan->items && items[i]; i++)
    moa_data_queue_give_back (t->queue, items[i]);
  if (!ok
      || !moa_reduce_run (&t->set, t->group, plan->graph->graph, plan->graph->gradients, last, error))
    return FALSE;
  count_parts (&training->interval, plan->graph);
  training->interval.items += plan->items;
  return TRUE;
}

static gboolean
make_step (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  const MoaTrainConfig *c = t->config;
  gint64 start = g_get_monotonic_time ();
  MoaStepPlan plan = t->stage->plan (t, t->mark.step);
  moa_trained_zero (&t->set);
  int own = plan.micros / moa_group_size (t->group);
  for (int i = 0; i < own; i++)
    if (!micro_batch (training, &plan, i == own - 1, error))
      return FALSE;

  double scale = 1.0 / plan.micros, norm = moa_trained_norm (&t->set, scale);
  if (!isfinite (norm))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "step %" G_GUINT64_FORMAT ": the gradients are no numbers any more; go on from "
                     "the last checkpoint with a smaller learning rate", t->mark.step + 1);
  if (c->optimizer.clip > 0 && norm > c->optimizer.clip)
    scale *= c->optimizer.clip / norm;
  double n = t->mark.step + 1;
  moa_trained_step (&t->set, c, t->mark.step + 1, learning_rate (t), scale,
                    MIN (c->optimizer.average, (1 + n) / (10 + n)));
  for (guint i = 0; i < t->graphs->len; i++)
    moa_graph_params_changed (t->graphs->pdata[i]);
  t->mark.step++;
  t->mark.seconds += (g_get_monotonic_time () - start) * 1e-6;
  training->interval.norm += norm;
  training->interval.steps++;
  return TRUE;
}

/* ---- Reports ---------------------------------------------------------- */

static char *
time_left (double seconds)
{
  int minutes = lround (seconds / 60);
  return g_strdup_printf ("%d:%02d h left", minutes / 60, minutes % 60);
}

static gboolean
report (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  Interval *interval = &training->interval;
  double counts[] = { interval->items, interval->micros };
  moa_group_sum_doubles (t->group, interval->sum, interval->n_parts);
  moa_group_sum_doubles (t->group, counts, 2);
  double seconds = (g_get_monotonic_time () - interval->start) * 1e-6;
  double left = seconds / interval->steps * (t->config->steps - t->mark.step);
  json_t *row = json_pack ("{s:I, s:f}", "step", (json_int_t) t->mark.step, "seconds",
                           t->mark.seconds);
  g_autoptr (GString) line = g_string_new (NULL);
  for (int i = 0; i < interval->n_parts; i++)
    {
      double value = interval->sum[i] / counts[1];
      json_object_set_new (row, interval->name[i], json_real (value));
      g_string_append_printf (line, " %s %.4g", interval->name[i], value);
    }
  json_object_set_new (row, "norm", json_real (interval->norm / interval->steps));
  json_object_set_new (row, "learning_rate", json_real (learning_rate (t)));
  json_object_set_new (row, "items_per_second", json_real (counts[0] / seconds));
  json_object_set_new (row, "data_waited", json_real (moa_data_queue_waited (t->queue)));
  g_autofree char *when = time_left (left);
  tell (training, "%" G_GUINT64_FORMAT "/%d%s | %.1f/s, %s", t->mark.step, t->config->steps,
        line->str, counts[0] / seconds, when);
  gboolean ok = !training->log || moa_train_log_add (training->log, row, error);
  json_decref (row);
  *interval = (Interval){ .start = g_get_monotonic_time () };
  return ok;
}

static void
parameters_changed (MoaTrainer *t)
{
  moa_trained_exchange (&t->set);
  for (guint i = 0; i < t->graphs->len; i++)
    moa_graph_params_changed (t->graphs->pdata[i]);
}

static gboolean
validate (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  if (moa_group_rank (t->group) != 0)
    return TRUE;
  json_t *row = json_pack ("{s:I, s:{}}", "step", (json_int_t) t->mark.step, "held_out");
  json_t *values = json_object_get (row, "held_out");
  parameters_changed (t);
  gboolean ok = t->stage->validate (t, values, error);
  parameters_changed (t);
  if (ok)
    {
      char *text = json_dumps (values, JSON_COMPACT | JSON_REAL_PRECISION (4));
      tell (training, "held out: %s", text);
      free (text);
      ok = moa_train_log_add (training->log, row, error);
    }
  json_decref (row);
  training->interval.start = g_get_monotonic_time ();
  return ok;
}

/* FOLDER/samples-000002000.png */
static gboolean
sample (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  if (moa_group_rank (t->group) != 0 || !t->stage->sample)
    return TRUE;
  g_autofree char *path = g_strdup_printf ("%s/samples-%09" G_GUINT64_FORMAT ".png", t->folder,
                                           t->mark.step);
  parameters_changed (t);
  gboolean ok = t->stage->sample (t, path, error);
  parameters_changed (t);
  training->interval.start = g_get_monotonic_time ();
  return ok;
}

static gboolean
save (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  if (moa_group_rank (t->group) != 0)
    return TRUE;
  return moa_checkpoint_write (&t->set, t->config, t->folder, &t->mark, error)
         && moa_trained_write (&t->set, t->model, t->config->half, error);
}

/* The model as others shall use it: the averages, and what the stage makes of them. */
static gboolean
finish (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  if (moa_group_rank (t->group) != 0 || !t->stage->finish)
    return TRUE;
  parameters_changed (t);
  gboolean ok = t->stage->finish (t, error);
  parameters_changed (t);
  return ok && moa_trained_write (&t->set, t->model, t->config->half, error);
}

/* ---- All steps -------------------------------------------------------- */

/* Whether to stop: as the first rank sees it. */
static gboolean
must_stop (Training *training)
{
  gint64 stop = g_cancellable_is_cancelled (training->run->cancellable)
                || (training->run->stop_at && training->t.mark.step >= training->run->stop_at);
  moa_group_share (training->t.group, &stop);
  return stop;
}

static gboolean
make_steps (Training *training, GError **error)
{
  MoaTrainer *t = &training->t;
  const MoaTrainConfig *c = t->config;
  guint64 steps = c->steps, saved = G_MAXUINT64;
  training->interval.start = g_get_monotonic_time ();
  gboolean stop = FALSE;
  while (t->mark.step < steps && !(stop = must_stop (training)))
    {
      if (!make_step (training, error))
        return FALSE;
      guint64 step = t->mark.step;
      if ((step % c->every.log == 0 || step == steps) && !report (training, error))
        return FALSE;
      if (step % c->every.checkpoint == 0)
        {
          if (!save (training, error))
            return FALSE;
          saved = step;
        }
      if ((step % c->every.validate == 0 || step == steps) && !validate (training, error))
        return FALSE;
      if (c->every.samples && (step % c->every.samples == 0 || step == steps)
          && !sample (training, error))
        return FALSE;
    }
  if (saved != t->mark.step && !save (training, error))
    return FALSE;
  if (stop)
    tell (training, "stopped after step %" G_GUINT64_FORMAT "; --resume goes on", t->mark.step);
  return finish (training, error);
}

gboolean
moa_train (const MoaTrainConfig *config, const char *folder, const MoaTrainRun *run, GError **error)
{
  Training training = { .t = { .config = config, .folder = g_strdup (folder),
                               .model = g_build_filename (folder, "model", NULL),
                               .cpu = moa_cpu_new (moa_isa_best (), run->n_threads),
                               .group = moa_group_join (), .workspace = moa_workspace_new (),
                               .graphs = g_ptr_array_new_with_free_func (
                                 (GDestroyNotify) moa_graph_free) },
                        .run = run, .lock = -1 };
  gboolean ok = open_all (&training, error) && make_steps (&training, error);
  MoaGroup *group = training.t.group;
  clear_all (&training);
  moa_group_leave (group, !ok);
  return ok;
}

/* ---- For stages ------------------------------------------------------- */

MoaGraph *
moa_trainer_graph (MoaTrainer *t)
{
  MoaGraph *g = moa_graph_new (t->cpu);
  g_ptr_array_add (t->graphs, g);
  return g;
}

MoaTensor *
moa_trainer_input (MoaGraph *g, const char *name, MoaShape shape)
{
  return moa_graph_input (g, name, shape, MOA_EACH_RUN);
}

void
moa_train_graph_part (MoaTrainGraph *tg, const char *name, MoaTensor *value)
{
  g_assert (tg->n_parts < MOA_MAX_LOSS_PARTS);
  moa_graph_output (value);
  tg->part_name[tg->n_parts] = name;
  tg->part[tg->n_parts++] = value;
}

gboolean
moa_trainer_loss (MoaTrainer *t, MoaTrainGraph *tg, MoaTensor *loss, GError **error)
{
  moa_train_graph_part (tg, "loss", loss);
  tg->gradients = g_new0 (MoaTensor *, t->set.n);
  moa_trained_gradients (&t->set, tg->graph, loss, tg->gradients);
  return moa_graph_plan (tg->graph, error);
}

void
moa_train_graph_clear (MoaTrainGraph *tg)
{
  g_free (tg->gradients);
  *tg = (MoaTrainGraph){ .graph = NULL };
}

void
moa_trainer_normal (const MoaTrainer *t, guint64 item, MoaUse use, float *out, gsize n)
{
  moa_rng_normal (t->config->seed ^ 0x747261696e, item << 8 | use, 0, out, n);
}

double
moa_trainer_unit (const MoaTrainer *t, guint64 item, MoaUse use, guint index)
{
  float value;
  moa_rng_uniform (t->config->seed ^ 0x647261777, item << 8 | use, index, &value, 1);
  return value;
}

MoaTensor *
moa_mean (MoaGraph *g, MoaTensor *x)
{
  if (!x)
    return NULL;
  return moa_scale (g, moa_reduce (g, x, MOA_SHAPE (1)), 1.0 / moa_shape_count (&x->shape), 0);
}

MoaTensor *
moa_subtract (MoaGraph *g, MoaTensor *a, MoaTensor *b)
{
  return moa_add (g, a, moa_scale (g, b, -1, 0));
}
