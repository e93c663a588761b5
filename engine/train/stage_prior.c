/* Stage "prior": the U-Net, and the text encoder with it, learn to tell the
 * noise in a picture's latent (Ho et al. 2020; Rombach et al. 2022):
 *
 *   z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) eps,
 *   loss = w_t mean (eps_hat (z_t, t, text) - eps)^2,
 *
 * with w_t = min (SNR, gamma) / SNR (Hang et al. 2023, min-SNR) or 1.  Some
 * captions are dropped, for guidance.
 *
 * A prior that starts from nothing on few words learns "a woman", and nothing
 * that could say which: no expert beside it can then draw one.  Stable Diffusion
 * has names and descriptions for that.  Here, with `described`, the subjects'
 * rows of some items are fused with their photos' features (the fuser of MoA,
 * Eq. 8), and the prior itself reads them; in a share `swap` of those, noised as a
 * replacement goes (MoaNoising), which tells people apart far better than noise
 * alone.  Without photos it remains what words alone make of it.
 *
 * With `controlnet` a ControlNet (Zhang et al. 2023) learns beside networks that stay as they are: it sees a
 * picture besides, of how people stand, say, and adds to the U-Net's skips.
 *
 * With `lora_rank` the networks stay as they are, and a LoRA of that rank beside the U-Net's layers learns
 * (Hu et al. 2021): a style, say.  Its file is for every program that takes such. */
#include "train/latents.h"
#include "train/losses.h"
#include "train/subjects.h"

#include "nets/clip.h"
#include "nets/controlnet.h"
#include "nets/unet.h"
#include "ops/ops.h"
#include "sample/ddim.h"

#include <math.h>
#include <string.h>

typedef struct {
  MoaTrainGraph graph;
  MoaTensor *sample, *t, *ids, *target, *weight; /* inputs, with the subjects' if described */
  MoaSubjects subjects;
  MoaTensor *hint, **residuals; /* a ControlNet's; or NULL */
  MoaTensor *out;
  MoaLatents latents;
  MoaPrompt *empty, *generic[MOA_SLOTS];
  int batch, window;
  gsize n_hint;                  /* numbers of a picture that the ControlNet sees; 0: there is none */
} Prior;

static gboolean
described (const MoaTrainer *t)
{
  return t->config->prior.described > 0;
}

static guint
more_parts (const MoaTrainConfig *config)
{
  return (config->prior.described > 0 ? 1u << MOA_PART_VISION | 1u << MOA_PART_MOA : 0)
         | (config->prior.lora_rank > 0 ? 1u << MOA_PART_LORA : 0)
         | (config->prior.controlnet ? 1u << MOA_PART_CONTROL : 0);
}

static gboolean
declare (MoaTrainer *t, GError **error)
{
  int rank = t->config->prior.lora_rank;
  if (rank > 0 && t->config->prior.controlnet)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"prior\": a LoRA and a ControlNet are trained one after the other; set \"lora_rank\" to 0 "
                     "or \"controlnet\" to false");
  if (t->config->prior.controlnet && t->parts.control.n_hint == 0)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "The model has no controlnet/config.json, which says what a ControlNet looks like");
  return rank == 0 || moa_parts_add_lora (&t->parts, rank, t->config->prior.lora_layers, error);
}

static void
options (const MoaTrainer *t, MoaDataOptions *o)
{
  o->n_photos = described (t) ? 2 : 0;
  o->hint = t->config->prior.controlnet;
  if (described (t))
    {
      o->max_people = MOA_SLOTS;
      o->truth = t->config->prior.described * t->config->prior.swap;
    }
}

static gboolean
build (MoaTrainer *t, GError **error)
{
  Prior *p = t->state;
  int n = p->batch = t->config->micro_batch;
  p->window = moa_tokenizer_window (t->parts.tokenizer);
  p->empty = moa_prompt_new (t->parts.tokenizer, "", 0, error);
  if (!p->empty || !moa_subjects_prompts (t, p->generic, error)
      || !moa_latents_build (&p->latents, t, moa_data_source_pictures (t->source), error))
    return FALSE;
  int side = p->latents.side, channels = p->latents.channels;
  MoaGraph *g = p->graph.graph = moa_trainer_graph (t);
  p->sample = moa_trainer_input (g, "sample", MOA_SHAPE (n, side, side, channels));
  p->t = moa_trainer_input (g, "t", MOA_SHAPE (n));
  p->ids = moa_trainer_input (g, "ids", MOA_SHAPE (n, p->window));
  p->target = moa_trainer_input (g, "target", MOA_SHAPE (n, side, side, channels));
  p->weight = moa_trainer_input (g, "weight", MOA_SHAPE (n, 1, 1, 1));
  MoaTensor *text = moa_clip_text (g, &t->parts.text, t->parts.params[MOA_PART_TEXT], p->ids);
  MoaMixture mixture;
  if (described (t))
    {
      moa_subjects_build (&p->subjects, t, g, n);
      mixture = moa_subjects_mixture (&p->subjects, t);
      mixture.described = TRUE;
    }
  MoaUnetArgs args = { p->sample, p->t, text, described (t) ? &mixture : NULL,
                       .keep = t->config->checkpointing,
                       .lora = t->parts.lora.rank > 0 ? &t->parts.lora : NULL };
  if (t->config->prior.controlnet)
    {
      int size = side << (t->parts.vae.n_levels - 1);
      p->n_hint = (gsize) 3 * size * size;
      p->hint = moa_trainer_input (g, "hint", MOA_SHAPE (n, size, size, 3));
      args.control = p->residuals = g_new (MoaTensor *, moa_unet_skips (&t->parts.control.unet) + 1);
      MoaUnetArgs down = { p->sample, p->t, text, .keep = args.keep };
      moa_controlnet (g, &t->parts.control, t->parts.params[MOA_PART_CONTROL], &down, p->hint, p->residuals);
    }
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
  float *sample, *target, *weight, *hint;
  gint32 *t, *ids;
  MoaSubjectBatch subjects;
} Batch;

static Batch *
batch_new (const Prior *p)
{
  gsize n = p->latents.n;
  Batch *b = g_new0 (Batch, 1);
  b->sample = g_new0 (float, p->batch * n);
  b->target = g_new0 (float, p->batch * n);
  b->weight = g_new0 (float, p->batch);
  b->hint = g_new0 (float, p->batch * p->n_hint);
  b->t = g_new0 (gint32, p->batch);
  b->ids = g_new0 (gint32, p->batch * p->window);
  if (p->subjects.feats)
    moa_subject_batch_init (&b->subjects, &p->subjects);
  return b;
}

static void
batch_free (Batch *b)
{
  g_free (b->sample);
  g_free (b->target);
  g_free (b->weight);
  g_free (b->hint);
  g_free (b->t);
  g_free (b->ids);
  moa_subject_batch_clear (&b->subjects);
  g_free (b);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Batch, batch_free)

/* An item of a batch. */
typedef struct {
  MoaNoising noising;
  const MoaPrompt *prompt;
  gboolean show;           /* the people's photos */
} Draw;

static void
set_subjects (const MoaTrainer *t, Batch *b, int k, const MoaDataItem *item, const Draw *d)
{
  const Prior *p = t->state;
  const MoaDataPerson *people = d->noising.swap ? item->truth_people : item->people;
  for (int s = 0; s < MOA_SLOTS && p->subjects.feats; s++)
    {
      const float *photo = NULL;
      if (d->show && s < item->n_people && d->prompt != p->empty)
        photo = people[s].photos[moa_subject_photo (t, item->number, s)];
      moa_subject_batch_put (&b->subjects, &p->subjects, t, k, s, photo, d->prompt->subject[s]);
    }
}

static gboolean
set_item (MoaTrainer *t, Batch *b, int k, const MoaDataItem *item, guint64 index, const Draw *d,
          GError **error)
{
  Prior *p = t->state;
  gsize n = p->latents.n;
  set_subjects (t, b, k, item, d);
  if (p->hint)
    memcpy (b->hint + k * p->n_hint, item->hint, p->n_hint * sizeof (float));
  memcpy (b->ids + k * p->window, d->prompt->ids, p->window * sizeof (gint32));
  b->t[k] = d->noising.t;
  b->weight[k] = moa_loss_snr_weight (t->parts.schedule, d->noising.t, t->config->prior.min_snr);
  return moa_latents_noise (&p->latents, t, item, index, &d->noising, b->sample + k * n,
                            b->target + k * n, error);
}

static void
set_inputs (const Prior *p, const Batch *b)
{
  if (p->subjects.feats)
    moa_subjects_set (&p->subjects, &b->subjects);
  if (p->hint)
    moa_graph_set (p->hint, b->hint);
  moa_graph_set (p->sample, b->sample);
  moa_graph_set (p->target, b->target);
  moa_graph_set (p->weight, b->weight);
  moa_graph_set_ints (p->t, b->t);
  moa_graph_set_ints (p->ids, b->ids);
}

/* The words are an item's caption; of some who are described, those of an inversion. */
static Draw
draw (const MoaTrainer *t, const MoaDataItem *item)
{
  const Prior *p = t->state;
  const MoaTrainConfig *c = t->config;
#define UNIT(use, k) moa_trainer_unit (t, item->number, use, k)
  gboolean swap = item->has_truth;
  int people = MIN (item->n_people, MOA_SLOTS);
  /* Swaps are described; of the others as many as make up the share. */
  double others = (c->prior.described - c->prior.described * c->prior.swap)
                  / (1 - c->prior.described * c->prior.swap + 1e-9);
  Draw d = { .noising = moa_noising_draw (t, item->number, swap, t->parts.schedule->n),
             .prompt = swap ? item->truth_prompt : item->prompt,
             .show = swap || UNIT (MOA_USE_DROP, 1) < others };
  if (d.show && people > 0 && UNIT (MOA_USE_GENERIC, 0) < 0.5)
    d.prompt = p->generic[people - 1];
  if (!swap && UNIT (MOA_USE_DROP, 0) < c->prior.caption_drop)
    d.prompt = p->empty;
#undef UNIT
  return d;
}

static gboolean
fill (MoaTrainer *t, const MoaStepPlan *step, MoaDataItem *const *items, GError **error)
{
  Prior *p = t->state;
  g_autoptr (Batch) b = batch_new (p);
  for (int k = 0; k < p->batch; k++)
    {
      Draw d = draw (t, items[k]);
      if (!set_item (t, b, k, items[k], items[k]->index, &d, error))
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

/* The held-out pictures with words alone, with photos, and as swaps; and where a ControlNet sees another's
 * picture, which tells what its own is worth. */
typedef enum { WORDS, PHOTOS, SWAPS, OTHER_HINT } HeldOut;

/* Item k of the batch, which is number i of those held out, sees the picture of the next one: whatever the
 * batch, another's.  item: to load that. */
static gboolean
set_other_hint (MoaTrainer *t, Batch *b, int k, int i, MoaDataItem *item, GError **error)
{
  const Prior *p = t->state;
  if (!moa_data_source_load (t->held_out, (i + 1) % t->config->data.held_out, item, error))
    return FALSE;
  memcpy (b->hint + k * p->n_hint, item->hint, p->n_hint * sizeof (float));
  return TRUE;
}

static gboolean
run_held_out (MoaTrainer *t, HeldOut how, double sum[4], int count[4], GError **error)
{
  Prior *p = t->state;
  int n = t->config->data.held_out, n_t = t->parts.schedule->n;
  g_autoptr (Batch) b = batch_new (p);
  g_autofree double *errors = g_new (double, p->batch);
  MoaDataItem *item = moa_data_item_new (t->held_out);
  gboolean ok = TRUE;
  for (int first = 0; first < n && ok; first += p->batch)
    {
      for (int k = 0; k < p->batch && ok; k++)
        {
          int i = (first + k) % n;
          ok = moa_data_source_load (t->held_out, i, item, error);
          if (!ok)
            break;
          int at = (i + 0.5) / n * n_t;
          Draw d = { { how == SWAPS, at, at }, how == SWAPS ? item->truth_prompt : item->prompt,
                     how == PHOTOS || how == SWAPS };
          ok = set_item (t, b, k, item, G_MAXUINT64, &d, error)
               && (how != OTHER_HINT || set_other_hint (t, b, k, i, item, error));
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
  return ok;
}

/* By the quarter of t. */
static gboolean
validate (MoaTrainer *t, json_t *out, GError **error)
{
  static const char *const names[] = { "mse", "described", "swap", "other_hint" };
  gboolean measured[] = { TRUE, described (t), moa_data_source_options (t->held_out)->truth > 0,
                          t->config->prior.controlnet };
  for (int how = WORDS; how <= OTHER_HINT; how++)
    {
      if (!measured[how])
        continue;
      double sum[4] = { 0 };
      int count[4] = { 0 };
      if (!run_held_out (t, how, sum, count, error))
        return FALSE;
      for (int i = 0; i < 4; i++)
        {
          g_autofree char *name = g_strdup_printf ("%s_t%d", names[how], i + 1);
          json_object_set_new (out, name, json_real (sum[i] / MAX (1, count[i])));
        }
    }
  return TRUE;
}

/* ---- Samples ---------------------------------------------------------- */

enum { SAMPLES = 8 };

/* The network's outputs for latents z [n] with the items' captions, and photos if shown, and without
 * either: out [n, 2], in as many runs as it takes. */
static gboolean
predict (MoaTrainer *t, Batch *b, MoaDataItem *const *items, int n, gboolean show, const float *z,
         int timestep, float *out, GError **error)
{
  Prior *p = t->state;
  gsize m = p->latents.n;
  g_autofree float *run = g_new (float, p->batch * m);
  for (int first = 0; first < 2 * n; first += p->batch)
    {
      int rows = MIN (p->batch, 2 * n - first);
      for (int i = 0; i < rows; i++)
        {
          int k = (first + i) / 2;
          Draw d = { { FALSE }, (first + i) % 2 ? p->empty : items[k]->prompt, show };
          memcpy (b->sample + i * m, z + k * m, m * sizeof (float));
          memcpy (b->ids + i * p->window, d.prompt->ids, p->window * sizeof (gint32));
          set_subjects (t, b, i, items[k], &d);
          if (p->hint)
            memcpy (b->hint + i * p->n_hint, items[k]->hint, p->n_hint * sizeof (float));
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

/* Latents z [n] from noise by DDIM with guidance. */
static gboolean
denoise (MoaTrainer *t, MoaDataItem *const *items, int n, gboolean show, float *z, GError **error)
{
  enum { STEPS = 20 };
  const double guidance = show ? 1.5 : 2.5;
  Prior *p = t->state;
  gsize m = p->latents.n;
  int timesteps[STEPS];
  g_autofree float *out = g_new (float, 2 * n * m), *eps = g_new (float, m);
  g_autoptr (Batch) b = batch_new (p);
  moa_ddim_timesteps (t->parts.schedule, MOA_SPACING_LEADING, STEPS, timesteps);
  for (int i = 0; i < STEPS; i++)
    {
      if (!predict (t, b, items, n, show, z, timesteps[i], out, error))
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

/* A row of the sheet: what is drawn from the items' captions, and photos if shown. */
static gboolean
draw_row (MoaTrainer *t, MoaSheet *sheet, int row, MoaDataItem *const *items, int n, gboolean show,
          GError **error)
{
  Prior *p = t->state;
  int size = moa_data_source_options (t->held_out)->size;
  g_autofree float *z = g_new (float, n * p->latents.n);
  g_autofree float *picture = g_new (float, (gsize) 3 * size * size);
  for (int k = 0; k < n; k++)
    moa_trainer_normal (t, k, MOA_USE_NOISE, z + k * p->latents.n, p->latents.n);
  if (!denoise (t, items, n, show, z, error))
    return FALSE;
  for (int k = 0; k < n; k++)
    {
      if (!moa_latents_picture (&p->latents, z + k * p->latents.n, picture, error))
        return FALSE;
      moa_sheet_put (sheet, k, row, picture, size, -1);
    }
  return TRUE;
}

/* Pictures that were held out, and below each one drawn from its caption; if described, then the
 * first person's photo, and one drawn from caption and photos; with a ControlNet, what it saw. */
static gboolean
sample (MoaTrainer *t, const char *path, GError **error)
{
  Prior *p = t->state;
  int n = MIN (SAMPLES, t->config->data.held_out), size = moa_data_source_options (t->held_out)->size;
  MoaDataItem *items[SAMPLES] = { NULL };
  MoaSheet *sheet = moa_sheet_new (n, 2 + 2 * described (t) + (p->hint != NULL), size);
  gboolean ok = TRUE;
  for (int k = 0; k < n; k++)
    {
      items[k] = moa_data_item_new (t->held_out);
      ok = ok && moa_data_source_load (t->held_out, k, items[k], error);
      if (!ok)
        continue;
      moa_sheet_put (sheet, k, 0, items[k]->picture, size, -1);
      if (p->hint)
        moa_sheet_put (sheet, k, 2 + 2 * described (t), items[k]->hint, size, 0);
      if (described (t) && items[k]->n_people > 0)
        moa_sheet_put (sheet, k, 2, items[k]->people[0].photos[0], p->subjects.photo_size, 0);
    }
  for (int show = 0; show <= described (t); show++)
    ok = ok && draw_row (t, sheet, show ? 3 : 1, items, n, show, error);
  for (int k = 0; k < n; k++)
    moa_data_item_free (t->held_out, items[k]);
  return moa_sheet_save (sheet, path, ok ? error : NULL) && ok;
}

/* Experts start from the prior as it has become. */
static gboolean
finish (MoaTrainer *t, GError **error)
{
  if (described (t))
    moa_parts_start_experts (&t->parts);
  return TRUE;
}

static void
clear (MoaTrainer *t)
{
  Prior *p = t->state;
  moa_train_graph_clear (&p->graph);
  g_free (p->residuals);
  moa_latents_clear (&p->latents);
  moa_prompt_free (p->empty);
  for (int i = 0; i < MOA_SLOTS; i++)
    moa_prompt_free (p->generic[i]);
}

const MoaStage moa_stage_prior = {
  .parts = 1u << MOA_PART_VAE | 1u << MOA_PART_TEXT | 1u << MOA_PART_UNET,
  .more_parts = more_parts, .state_size = sizeof (Prior), .options = options, .declare = declare,
  .build = build, .plan = plan, .fill = fill, .validate = validate, .sample = sample,
  .finish = finish, .clear = clear,
};
