/* Training: makes steps, reports, and saves.
 *
 * One step: for each micro batch of this rank the stage sets the inputs, the
 * graph runs forward and back, and its gradients are added up; over the ranks
 * too; then they are clipped to a norm, and AdamW moves the parameters.  All
 * that is random is drawn by the item's number, and items by the step's. */
#include "train/training.h"

#include "base/error.h"
#include "base/rng.h"
#include "ops/ops.h"
#include "train/reduce.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
count_parts (MoaInterval *interval, const MoaTrainGraph *tg)
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
micro_batch (MoaTraining *training, const MoaStepPlan *plan, gboolean last, GError **error)
{
  MoaTrainer *t = &training->t;
  g_autofree MoaDataItem **items = g_new0 (MoaDataItem *, plan->items);
  gboolean ok = TRUE;
  for (int i = 0; i < plan->items && ok; i++)
    ok = (items[i] = moa_data_queue_take (t->queue, error)) != NULL;
  ok = ok && t->stage->fill (t, plan, items, error);
  if (plan->graph->scale)
    moa_graph_set (plan->graph->scale, &(float){ t->mark.loss_scale });
  for (int i = 0; i < plan->items && items[i]; i++)
    moa_data_queue_give_back (t->queue, items[i]);
  if (!ok
      || !moa_reduce_run (&t->set, t->group, t->cards, plan->graph->graph, plan->graph->gradients,
                          last, error))
    return FALSE;
  count_parts (&training->interval, plan->graph);
  training->interval.items += plan->items;
  return TRUE;
}

/* Gradients in float16 are scaled up, so that small ones are not lost, and their sums back down; where
 * that overflows, the step is left out and the next ones are scaled by half. */
static void
adapt_loss_scale (MoaTraining *training, gboolean fits)
{
  enum { PATIENCE = 2000, MOST = 1 << 24 };
  MoaProgressMark *mark = &training->t.mark;
  if (moa_cpu_device (training->t.cpu)->number != MOA_F16)
    return;
  training->interval.left_out += !fits;
  if (fits && ++mark->since < PATIENCE)
    return;
  mark->loss_scale = fits ? MIN (2 * mark->loss_scale, MOST) : MAX (mark->loss_scale / 2, 1);
  mark->since = 0;
}

static void
move_parameters (MoaTraining *training, double norm, double scale)
{
  MoaTrainer *t = &training->t;
  const MoaTrainConfig *c = t->config;
  if (c->optimizer.clip > 0 && norm > c->optimizer.clip)
    scale *= c->optimizer.clip / norm;
  double n = t->mark.step + 1;
  moa_trained_step (&t->set, c, t->mark.step + 1, training->interval.rate, scale,
                    MIN (c->optimizer.average, (1 + n) / (10 + n)));
  for (guint i = 0; i < t->graphs->len; i++)
    moa_graph_params_changed (t->graphs->pdata[i]);
  training->interval.norm += norm;
}

static gboolean
make_step (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  gint64 start = g_get_monotonic_time ();
  MoaStepPlan plan = t->stage->plan (t, t->mark.step);
  moa_trained_zero (&t->set);
  int own = plan.micros / moa_group_size (t->group);
  for (int i = 0; i < own; i++)
    if (!micro_batch (training, &plan, i == own - 1, error))
      return FALSE;

  double scale = 1.0 / plan.micros / t->mark.loss_scale, norm = moa_trained_norm (&t->set, scale);
  gboolean fits = isfinite (norm);
  MoaDevice *device = moa_cpu_device (t->cpu);
  if (!fits && !device->methods->finish (device, error))
    return FALSE;
  if (!fits && t->mark.loss_scale <= 1)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "step %" G_GUINT64_FORMAT ": the gradients are no numbers any more; go on from "
                     "the last checkpoint with a smaller learning rate", t->mark.step + 1);
  training->interval.rate = learning_rate (t);
  if (fits)
    move_parameters (training, norm, scale);
  adapt_loss_scale (training, fits);
  t->mark.step++;
  t->mark.seconds += (g_get_monotonic_time () - start) * 1e-6;
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

/* Tells of pictures that could not be used, of any rank, once each; their number and names go to
 * the log's row. */
static void
report_broken (MoaTraining *training, json_t *row)
{
  MoaTrainer *t = &training->t;
  g_auto (GStrv) own = moa_data_source_broken (t->source);
  g_autoptr (GString) text = g_string_new (NULL);
  for (; own[training->n_broken]; training->n_broken++)
    {
      g_autofree char *line = g_strdelimit (g_strdup (own[training->n_broken]), "\n", ' ');
      g_string_append_printf (text, "%s\n", line);
    }
  g_autofree char *all = moa_group_gather (t->group, text->str);
  if (!all)
    return;
  json_t *names = json_array ();
  g_auto (GStrv) lines = g_strsplit (all, "\n", -1);
  for (char **line = lines; *line; line++)
    if (**line && g_hash_table_add (training->broken, g_strdup (*line)))
      {
        g_autofree char *valid = g_utf8_make_valid (*line, -1);
        moa_training_tell (training, "left out: %s", valid);
        json_array_append_new (names, json_string (valid));
      }
  json_object_set_new (row, "broken", json_integer (g_hash_table_size (training->broken)));
  if (json_array_size (names))
    json_object_set (row, "left_out", names);
  json_decref (names);
}

static gboolean
report (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  MoaInterval *interval = &training->interval;
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
  int made = interval->steps - interval->left_out;
  json_object_set_new (row, "norm", json_real (interval->norm / MAX (made, 1)));
  if (moa_cpu_device (t->cpu)->number == MOA_F16)
    {
      json_object_set_new (row, "loss_scale", json_real (t->mark.loss_scale));
      json_object_set_new (row, "steps_left_out", json_integer (interval->left_out));
    }
  json_object_set_new (row, "learning_rate", json_real (interval->rate));
  json_object_set_new (row, "items_per_second", json_real (counts[0] / seconds));
  json_object_set_new (row, "data_waited", json_real (moa_data_queue_waited (t->queue)));
  if (t->config->data.source != MOA_SOURCE_WORLD)
    report_broken (training, row);
  g_autofree char *when = time_left (left);
  moa_training_tell (training, "%" G_GUINT64_FORMAT "/%d%s | %.1f/s, %s", t->mark.step, t->config->steps,
        line->str, counts[0] / seconds, when);
  gboolean ok = !training->log || moa_train_log_add (training->log, row, error);
  json_decref (row);
  *interval = (MoaInterval){ .start = g_get_monotonic_time () };
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
validate (MoaTraining *training, GError **error)
{
  gint64 start = g_get_monotonic_time ();
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
      moa_training_tell (training, "held out: %s", text);
      free (text);
      ok = moa_train_log_add (training->log, row, error);
    }
  json_decref (row);
  training->interval.start += g_get_monotonic_time () - start; /* no time of training */
  return ok;
}

/* FOLDER/samples-000002000.png */
static gboolean
sample (MoaTraining *training, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  MoaTrainer *t = &training->t;
  if (moa_group_rank (t->group) != 0 || !t->stage->sample)
    return TRUE;
  g_autofree char *path = g_strdup_printf ("%s/samples-%09" G_GUINT64_FORMAT ".png", t->folder,
                                           t->mark.step);
  parameters_changed (t);
  gboolean ok = t->stage->sample (t, path, error);
  parameters_changed (t);
  training->interval.start += g_get_monotonic_time () - start; /* no time of training */
  return ok;
}

static gboolean
save (MoaTraining *training, GError **error)
{
  MoaTrainer *t = &training->t;
  if (moa_group_rank (t->group) != 0)
    return TRUE;
  return moa_checkpoint_write (&t->set, t->config, t->folder, &t->mark, error)
         && moa_trained_write (&t->set, t->model, t->config->half, error);
}

/* The model as others shall use it: the averages, and what the stage makes of them. */
static gboolean
finish (MoaTraining *training, GError **error)
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

/* Whether to stop: all ranks do once one is asked to. */
static gboolean
must_stop (MoaTraining *training)
{
  double stop = g_cancellable_is_cancelled (training->run->cancellable)
                || (training->run->stop_at && training->t.mark.step >= training->run->stop_at);
  moa_group_sum_doubles (training->t.group, &stop, 1);
  return stop > 0;
}

static gboolean
make_steps (MoaTraining *training, GError **error)
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
    moa_training_tell (training, "stopped after step %" G_GUINT64_FORMAT "; --resume goes on", t->mark.step);
  return finish (training, error);
}

/* On a group, an error has to be told here: it ends this process and the others. */
static void
leave (MoaGroup *group, const MoaTrainRun *run, const GError *fault)
{
  if (fault && run->fail && moa_group_size (group) > 1)
    {
      g_autofree char *line = g_strdup_printf ("rank %d of %d: %s", moa_group_rank (group),
                                               moa_group_size (group), fault->message);
      run->fail (line, run->data);
    }
  moa_group_leave (group, fault != NULL);
}

gboolean
moa_train (const MoaTrainConfig *config, const char *folder, const MoaTrainRun *run, GError **error)
{
  GError *fault = NULL;
  MoaTraining training = { .t = { .config = config, .folder = g_strdup (folder),
                                  .model = g_build_filename (folder, "model", NULL),
                                  .group = moa_group_join (), .workspace = moa_workspace_new (),
                                  .graphs = g_ptr_array_new_with_free_func (
                                    (GDestroyNotify) moa_graph_free) },
                           .run = run, .lock = -1,
                           .broken = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) };
  gboolean ok = moa_training_open (&training, &fault) && make_steps (&training, &fault);
  MoaGroup *group = training.t.group;
  moa_training_clear (&training);
  leave (group, run, fault);
  if (fault)
    g_propagate_error (error, fault);
  return ok;
}

/* ---- For stages ------------------------------------------------------- */

guint
moa_trainer_parts (const MoaTrainer *t)
{
  return t->stage->parts | (t->stage->more_parts ? t->stage->more_parts (t->config) : 0);
}

void
moa_trainer_data_options (const MoaTrainer *t, MoaDataOptions *options)
{
  moa_data_options_init (options);
  options->size = t->parts.unet.sample_size << (t->parts.vae.n_levels - 1);
  if (t->parts.vision.image_size > 0)
    options->photo_size = t->parts.vision.image_size;
  options->tokenizer = t->parts.tokenizer;
}

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
  if (moa_cpu_device (t->cpu)->number == MOA_F16)
    {
      tg->scale = moa_trainer_input (tg->graph, "loss_scale", MOA_SHAPE (1));
      loss = moa_mul (tg->graph, loss, tg->scale);
    }
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
