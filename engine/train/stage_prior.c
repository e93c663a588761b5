/* Stage "prior": the U-Net, and the text encoder with it, learn to tell the
 * noise in a picture's latent (Ho et al. 2020; Rombach et al. 2022):
 *
 *   z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps,
 *   loss = w_t mean (eps_hat (z_t, t, text) - eps)^2,
 *
 * with w_t = min (SNR, gamma) / SNR (Hang et al. 2023, min-SNR) or 1.  Some
 * captions are dropped, for guidance. */
#include "train/latents.h"
#include "train/losses.h"

#include "nets/clip.h"
#include "nets/unet.h"
#include "ops/ops.h"
#include "sample/ddim.h"

#include <math.h>
#include <string.h>

typedef struct {
  MoaTrainGraph graph;
  MoaTensor *sample, *t, *ids, *target, *weight; /* inputs */
  MoaTensor *out;
  MoaLatents latents;
  MoaPrompt *empty;
  int batch, window;
} Prior;

static void
options (const MoaTrainer *t, MoaDataOptions *o)
{
  o->n_photos = 0;
}

static gboolean
build (MoaTrainer *t, GError **error)
{
  Prior *p = t->state;
  int n = p->batch = t->config->micro_batch;
  p->window = moa_tokenizer_window (t->parts.tokenizer);
  p->empty = moa_prompt_new (t->parts.tokenizer, "", 0, error);
  if (!p->empty || !moa_latents_build (&p->latents, t, moa_data_source_pictures (t->source), error))
    return FALSE;
  int side = p->latents.side, channels = p->latents.channels;
  MoaGraph *g = p->graph.graph = moa_trainer_graph (t);
  p->sample = moa_trainer_input (g, "sample", MOA_SHAPE (n, side, side, channels));
  p->t = moa_trainer_input (g, "t", MOA_SHAPE (n));
  p->ids = moa_trainer_input (g, "ids", MOA_SHAPE (n, p->window));
  p->target = moa_trainer_input (g, "target", MOA_SHAPE (n, side, side, channels));
  p->weight = moa_trainer_input (g, "weight", MOA_SHAPE (n, 1, 1, 1));
  MoaTensor *text = moa_clip_text (g, &t->parts.text, t->parts.params[MOA_PART_TEXT], p->ids);
  MoaUnetArgs args = { p->sample, p->t, text, .keep = t->config->checkpointing };
  p->out = moa_unet (g, &t->parts.unet, t->parts.params[MOA_PART_UNET], &args);
  moa_graph_output (p->out);
  MoaTensor *d = moa_subtract (g, p->out, p->target);
  MoaTensor *squares = moa_mul (g, moa_mul (g, d, d), p->weight);
  return moa_trainer_loss (t, &p->graph, moa_mean (g, squares), error);
}

static MoaStepPlan
plan (MoaTrainer *t, guint64 step)
{
  Prior *p = t->state;
  return (MoaStepPlan){ &p->graph, p->batch, t->config->batch / p->batch };
}

/* ---- Batches ---------------------------------------------------------- */

typedef struct {
  float *sample, *target, *weight;
  gint32 *t, *ids;
  float *latent, *noise;   /* of one item */
} Batch;

static Batch *
batch_new (const Prior *p)
{
  gsize n = p->latents.n;
  Batch *b = g_new0 (Batch, 1);
  b->sample = g_new0 (float, p->batch * n);
  b->target = g_new0 (float, p->batch * n);
  b->weight = g_new0 (float, p->batch);
  b->t = g_new0 (gint32, p->batch);
  b->ids = g_new0 (gint32, p->batch * p->window);
  b->latent = g_new (float, n);
  b->noise = g_new (float, n);
  return b;
}

static void
batch_free (Batch *b)
{
  g_free (b->sample);
  g_free (b->target);
  g_free (b->weight);
  g_free (b->t);
  g_free (b->ids);
  g_free (b->latent);
  g_free (b->noise);
  g_free (b);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Batch, batch_free)

/* Item k of the batch, at that timestep. */
static gboolean
set_item (MoaTrainer *t, Batch *b, int k, const MoaDataItem *item, const MoaPrompt *prompt,
          guint64 picture, int timestep, GError **error)
{
  Prior *p = t->state;
  gsize n = p->latents.n;
  const MoaSchedule *schedule = t->parts.schedule;
  if (!moa_latents_get (&p->latents, item->picture, picture, b->latent, error))
    return FALSE;
  moa_trainer_normal (t, item->number, MOA_USE_NOISE, b->noise, n);
  moa_schedule_add_noise (schedule, timestep, b->latent, b->noise, b->sample + k * n, n);
  const float a = sqrt (schedule->abar[timestep]), c = sqrt (1 - (double) schedule->abar[timestep]);
  for (gsize i = 0; i < n; i++)
    b->target[k * n + i] = schedule->prediction == MOA_PREDICT_V
                             ? a * b->noise[i] - c * b->latent[i] : b->noise[i];
  memcpy (b->ids + k * p->window, prompt->ids, p->window * sizeof (gint32));
  b->t[k] = timestep;
  b->weight[k] = moa_loss_snr_weight (schedule, timestep, t->config->prior.min_snr);
  return TRUE;
}

static void
set_inputs (const Prior *p, const Batch *b)
{
  moa_graph_set (p->sample, b->sample);
  moa_graph_set (p->target, b->target);
  moa_graph_set (p->weight, b->weight);
  moa_graph_set_ints (p->t, b->t);
  moa_graph_set_ints (p->ids, b->ids);
}

static gboolean
fill (MoaTrainer *t, const MoaStepPlan *step, MoaDataItem *const *items, GError **error)
{
  Prior *p = t->state;
  g_autoptr (Batch) b = batch_new (p);
  for (int k = 0; k < p->batch; k++)
    {
      guint64 number = items[k]->number;
      gboolean drop
        = moa_trainer_unit (t, number, MOA_USE_DROP, 0) < t->config->prior.caption_drop;
      int timestep = moa_trainer_unit (t, number, MOA_USE_TIME, 0) * t->parts.schedule->n;
      if (!set_item (t, b, k, items[k], drop ? p->empty : items[k]->prompt,
                     items[k]->index, timestep, error))
        return FALSE;
    }
  set_inputs (p, b);
  return TRUE;
}

/* ---- What was held out ------------------------------------------------ */

/* Mean squared error of each item of the batch that was run. */
static void
item_errors (const Prior *p, const Batch *b, double *errors)
{
  gsize n = p->latents.n;
  g_autofree float *out = g_new (float, p->batch * n);
  moa_graph_get (p->out, out);
  for (int k = 0; k < p->batch; k++)
    {
      errors[k] = 0;
      for (gsize i = k * n; i < (k + 1) * n; i++)
        errors[k] += pow (out[i] - b->target[i], 2) / n;
    }
}

/* By the quarter of t. */
static gboolean
validate (MoaTrainer *t, json_t *out, GError **error)
{
  Prior *p = t->state;
  int n = t->config->data.held_out, n_t = t->parts.schedule->n;
  double sum[4] = { 0 };
  int count[4] = { 0 };
  g_autoptr (Batch) b = batch_new (p);
  g_autofree double *errors = g_new (double, p->batch);
  MoaDataItem *item = moa_data_item_new (t->held_out);
  gboolean ok = TRUE;
  for (int first = 0; first < n && ok; first += p->batch)
    {
      for (int k = 0; k < p->batch && ok; k++)
        {
          int i = (first + k) % n;
          ok = moa_data_source_load (t->held_out, i, item, error)
               && set_item (t, b, k, item, item->prompt, G_MAXUINT64, (i + 0.5) / n * n_t, error);
        }
      set_inputs (p, b);
      if (!ok || !(ok = moa_graph_run (p->graph.graph, NULL, error)))
        break;
      item_errors (p, b, errors);
      for (int k = 0; k < p->batch && first + k < n; k++)
        {
          sum[b->t[k] * 4 / n_t] += errors[k];
          count[b->t[k] * 4 / n_t]++;
        }
    }
  moa_data_item_free (t->held_out, item);
  static const char *const names[] = { "mse_t1", "mse_t2", "mse_t3", "mse_t4" };
  for (int i = 0; i < 4; i++)
    json_object_set_new (out, names[i], json_real (sum[i] / MAX (1, count[i])));
  return ok;
}

/* ---- Samples ---------------------------------------------------------- */

/* The network's outputs for latents z [n] with their captions, ids [n], and without words: out
 * [n, 2], in as many runs as it takes. */
static gboolean
predict (Prior *p, Batch *b, int n, const float *z, const gint32 *ids, int timestep, float *out,
         GError **error)
{
  gsize m = p->latents.n;
  g_autofree float *run = g_new (float, p->batch * m);
  for (int first = 0; first < 2 * n; first += p->batch)
    {
      int rows = MIN (p->batch, 2 * n - first);
      for (int i = 0; i < rows; i++)
        {
          int k = (first + i) / 2;
          const gint32 *words = (first + i) % 2 ? p->empty->ids : ids + k * p->window;
          memcpy (b->sample + i * m, z + k * m, m * sizeof (float));
          memcpy (b->ids + i * p->window, words, p->window * sizeof (gint32));
        }
      for (int i = 0; i < p->batch; i++)
        b->t[i] = timestep;
      set_inputs (p, b);
      if (!moa_graph_run (p->graph.graph, NULL, error))
        return FALSE;
      moa_graph_get (p->out, run);
      memcpy (out + first * m, run, rows * m * sizeof (float));
    }
  return TRUE;
}

/* Latents z [n] from noise for captions, ids [n], by DDIM with guidance. */
static gboolean
denoise (MoaTrainer *t, int n, float *z, const gint32 *ids, GError **error)
{
  enum { STEPS = 20 };
  const double guidance = 2.5;
  Prior *p = t->state;
  gsize m = p->latents.n;
  int timesteps[STEPS];
  g_autofree float *out = g_new (float, 2 * n * m), *eps = g_new (float, m);
  g_autoptr (Batch) b = batch_new (p);
  moa_ddim_timesteps (t->parts.schedule, MOA_SPACING_LEADING, STEPS, timesteps);
  for (int i = 0; i < STEPS; i++)
    {
      if (!predict (p, b, n, z, ids, timesteps[i], out, error))
        return FALSE;
      for (int k = 0; k < n; k++)
        {
          const float *with = out + 2 * k * m, *without = with + m;
          for (gsize j = 0; j < m; j++)
            eps[j] = without[j] + guidance * (with[j] - without[j]);
          moa_schedule_eps (t->parts.schedule, timesteps[i], z + k * m, eps, m);
          moa_ddim_step (t->parts.schedule, STEPS, timesteps[i], z + k * m, eps, m);
        }
    }
  return TRUE;
}

/* Pictures that were held out, and below each one drawn from its caption. */
static gboolean
sample (MoaTrainer *t, const char *path, GError **error)
{
  Prior *p = t->state;
  int n = MIN (8, t->config->data.held_out), size = moa_data_source_options (t->held_out)->size;
  g_autofree gint32 *ids = g_new (gint32, n * p->window);
  g_autofree float *z = g_new (float, n * p->latents.n);
  g_autofree float *picture = g_new (float, (gsize) 3 * size * size);
  MoaSheet *sheet = moa_sheet_new (n, 2, size);
  MoaDataItem *item = moa_data_item_new (t->held_out);
  gboolean ok = TRUE;
  for (int k = 0; k < n && ok; k++)
    {
      ok = moa_data_source_load (t->held_out, k, item, error);
      if (!ok)
        break;
      memcpy (ids + k * p->window, item->prompt->ids, p->window * sizeof (gint32));
      moa_trainer_normal (t, k, MOA_USE_NOISE, z + k * p->latents.n, p->latents.n);
      moa_sheet_put (sheet, k, 0, item->picture, size, -1);
    }
  moa_data_item_free (t->held_out, item);
  ok = ok && denoise (t, n, z, ids, error);
  for (int k = 0; k < n && ok; k++)
    {
      ok = moa_latents_picture (&p->latents, z + k * p->latents.n, picture, error);
      moa_sheet_put (sheet, k, 1, picture, size, -1);
    }
  return moa_sheet_save (sheet, path, ok ? error : NULL) && ok;
}

static void
clear (MoaTrainer *t)
{
  Prior *p = t->state;
  moa_train_graph_clear (&p->graph);
  moa_latents_clear (&p->latents);
  moa_prompt_free (p->empty);
}

const MoaStage moa_stage_prior = {
  .parts = 1u << MOA_PART_VAE | 1u << MOA_PART_TEXT | 1u << MOA_PART_UNET,
  .state_size = sizeof (Prior), .options = options, .build = build, .plan = plan, .fill = fill,
  .validate = validate, .sample = sample, .clear = clear,
};
