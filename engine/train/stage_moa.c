/* Stage "moa": the personalised experts, the routers and the prompt fuser, the
 * prior as it is (arXiv 2404.11565, section 4).
 *
 *   loss = reconstruction inside the subjects' masks (Eq. 9)
 *        + lambda_r router (Eq. 10, 11) + lambda_o object (Eq. 12); see losses.h.
 *
 * Beyond the paper, where the data has the truth of a swap: a share of items are
 * noised as a replacement goes (MoaNoising), with the loss inside both silhouettes. */
#include "train/latents.h"
#include "train/losses.h"
#include "train/subjects.h"

#include "base/error.h"
#include "nets/clip.h"
#include "nets/unet.h"
#include "sample/ddim.h"

#include <math.h>
#include <string.h>

typedef struct {
  MoaTrainGraph graph;
  MoaLoss loss;
  MoaTensor *sample, *t, *ids; /* inputs, with the subjects' */
  MoaSubjects subjects;
  MoaTensor *out;
  MoaLatents latents;
  MoaPrompt *empty, *generic[MOA_SLOTS];
  int batch, window;
} Moa;

static void
options (const MoaTrainer *t, MoaDataOptions *o)
{
  o->n_photos = 2;
  o->max_people = MOA_SLOTS;
  o->truth = t->config->moa.swap;
}

/* ---- Graph ------------------------------------------------------------ */

static void
build_inputs (MoaTrainer *t, Moa *m, MoaGraph *g)
{
  int n = m->batch, side = m->latents.side;
  m->sample = moa_trainer_input (g, "sample", MOA_SHAPE (n, side, side, m->latents.channels));
  m->t = moa_trainer_input (g, "t", MOA_SHAPE (n));
  m->ids = moa_trainer_input (g, "ids", MOA_SHAPE (n, m->window));
  moa_subjects_build (&m->subjects, t, g, n);
}

static gboolean
build (MoaTrainer *t, GError **error)
{
  Moa *m = t->state;
  MoaParts *parts = &t->parts;
  m->batch = t->config->micro_batch;
  m->window = moa_tokenizer_window (parts->tokenizer);
  m->empty = moa_prompt_new (parts->tokenizer, "", 0, error);
  if (!m->empty || !moa_subjects_prompts (t, m->generic, error)
      || !moa_latents_build (&m->latents, t, moa_data_source_pictures (t->source), error))
    return FALSE;
  MoaGraph *g = m->graph.graph = moa_trainer_graph (t);
  build_inputs (t, m, g);
  MoaTensor *text = moa_clip_text (g, &parts->text, parts->params[MOA_PART_TEXT], m->ids);
  MoaMixture mixture = moa_subjects_mixture (&m->subjects, t);
  mixture.attention_maps = TRUE;
  MoaUnetArgs args = { m->sample, m->t, text, &mixture, .keep = t->config->checkpointing };
  m->out = moa_unet (g, &parts->unet, parts->params[MOA_PART_UNET], &args);
  moa_graph_output (m->out);
  gboolean all = t->config->moa.all_blocks;
  moa_loss_build (&m->loss, g, m->out, all ? 0 : 2, parts->moa.n_layers - (all ? 0 : 3));
  moa_graph_output (m->loss.map);
  moa_train_graph_part (&m->graph, "masked", m->loss.masked);
  moa_train_graph_part (&m->graph, "router", m->loss.router);
  moa_train_graph_part (&m->graph, "object", m->loss.object);
  return moa_trainer_loss (t, &m->graph, m->loss.total, error);
}

static MoaStepPlan
plan (MoaTrainer *t, guint64 step)
{
  Moa *m = t->state;
  return (MoaStepPlan){ &m->graph, m->batch, t->config->batch / m->batch };
}

/* ---- Batches ---------------------------------------------------------- */

typedef struct {
  float *sample, *noise, *mask, *subject_masks, *weight;
  gint32 *t, *ids;
  MoaSubjectBatch subjects;
  float *pooled;  /* of one item */
} Batch;

static Batch *
batch_new (const Moa *m)
{
  gsize n = m->latents.n, pixels = (gsize) m->latents.side * m->latents.side;
  Batch *b = g_new0 (Batch, 1);
  b->sample = g_new0 (float, m->batch * n);
  b->noise = g_new0 (float, m->batch * n);
  b->mask = g_new0 (float, m->batch * pixels);
  b->subject_masks = g_new0 (float, m->batch * pixels * MOA_SLOTS);
  b->weight = g_new0 (float, m->batch);
  b->t = g_new0 (gint32, m->batch);
  b->ids = g_new0 (gint32, m->batch * m->window);
  moa_subject_batch_init (&b->subjects, &m->subjects);
  b->pooled = g_new (float, pixels);
  return b;
}

static void
batch_free (Batch *b)
{
  g_free (b->sample);
  g_free (b->noise);
  g_free (b->mask);
  g_free (b->subject_masks);
  g_free (b->weight);
  g_free (b->t);
  g_free (b->ids);
  moa_subject_batch_clear (&b->subjects);
  g_free (b->pooled);
  g_free (b);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Batch, batch_free)

/* What is drawn for an item. */
typedef struct {
  MoaNoising noising;
  const MoaPrompt *prompt;
  gboolean present[MOA_SLOTS];
  int photo[MOA_SLOTS];
} Draw;

static Draw
draw (const MoaTrainer *t, const MoaDataItem *item)
{
  const Moa *m = t->state;
  const MoaTrainConfig *c = t->config;
#define UNIT(use, k) moa_trainer_unit (t, item->number, use, k)
  gboolean swap = item->has_truth;
  Draw d = { .noising = moa_noising_draw (t, item->number, swap, c->moa.t_max),
             .prompt = swap ? item->truth_prompt : item->prompt };
  int people = MIN (item->n_people, MOA_SLOTS);
  for (int s = 0; s < people; s++)
    {
      d.present[s] = TRUE;
      d.photo[s] = moa_subject_photo (t, item->number, s);
    }
  if (people > 0 && UNIT (MOA_USE_GENERIC, 0) < c->moa.generic)
    d.prompt = m->generic[people - 1];
  if (!swap && people > 1 && UNIT (MOA_USE_DROP, 0) < c->moa.subject_drop)
    d.present[UNIT (MOA_USE_DROP, 1) < 0.5] = FALSE;
  if (!swap && UNIT (MOA_USE_DROP, 2) < c->moa.condition_drop)
    {
      d.prompt = m->empty;
      memset (d.present, 0, sizeof (d.present));
    }
#undef UNIT
  return d;
}

/* Where the people are, before and, if they are swapped, after.  Who lost a photo is background,
 * but where words and photos are all dropped the people remain to be drawn. */
static void
set_masks (const MoaTrainer *t, Batch *b, int k, const MoaDataItem *item, const Draw *d)
{
  const Moa *m = t->state;
  int pixels = m->latents.side * m->latents.side;
  int size = moa_data_source_options (t->source)->size;
  float *mask = b->mask + k * pixels, *subjects = b->subject_masks + k * pixels * MOA_SLOTS;
  gboolean dropped = d->prompt == m->empty;
  memset (mask, 0, pixels * sizeof (float));
  memset (subjects, 0, pixels * MOA_SLOTS * sizeof (float));
  for (int s = 0; s < MIN (item->n_people, MOA_SLOTS); s++)
    for (int side = 0; side <= d->noising.swap && (d->present[s] || dropped); side++)
      {
        const MoaDataPerson *person = side ? &item->truth_people[s] : &item->people[s];
        moa_latents_pool (&m->latents, person->mask, size, b->pooled);
        for (int i = 0; i < pixels; i++)
          {
            subjects[i * MOA_SLOTS + s] = MAX (subjects[i * MOA_SLOTS + s], b->pooled[i]);
            mask[i] = MAX (mask[i], b->pooled[i]);
          }
      }
}

static void
set_subjects (const MoaTrainer *t, Batch *b, int k, const MoaDataItem *item, const Draw *d)
{
  const Moa *m = t->state;
  for (int s = 0; s < MOA_SLOTS; s++)
    {
      const MoaDataPerson *person = d->noising.swap ? &item->truth_people[s] : &item->people[s];
      moa_subject_batch_put (&b->subjects, &m->subjects, t, k, s,
                             d->present[s] ? person->photos[d->photo[s]] : NULL,
                             d->prompt->subject[s]);
    }
}

static gboolean
set_item (MoaTrainer *t, Batch *b, int k, const MoaDataItem *item, guint64 index, const Draw *d,
          GError **error)
{
  Moa *m = t->state;
  set_masks (t, b, k, item, d);
  set_subjects (t, b, k, item, d);
  memcpy (b->ids + k * m->window, d->prompt->ids, m->window * sizeof (gint32));
  b->t[k] = d->noising.t;
  b->weight[k] = moa_loss_snr_weight (t->parts.schedule, d->noising.t, t->config->moa.min_snr);
  gsize n = m->latents.n;
  return moa_latents_noise (&m->latents, t, item, index, &d->noising, b->sample + k * n,
                            b->noise + k * n, error);
}

/* lambda_router rises from `from` on, over `ramp`, as shares of all steps: a router that is paid
 * before the expert is worth anything starves it. */
static double
router_factor (const MoaTrainer *t)
{
  const MoaTrainConfig *c = t->config;
  double past = moa_trainer_progress (t) - c->moa.router_from;
  if (past < 0)
    return 0;
  return c->moa.lambda_router * (c->moa.router_ramp > 0 ? MIN (1, past / c->moa.router_ramp) : 1);
}

static void
set_inputs (const MoaTrainer *t, const Batch *b)
{
  const Moa *m = t->state;
  const MoaTrainConfig *c = t->config;
  moa_graph_set (m->sample, b->sample);
  moa_graph_set_ints (m->t, b->t);
  moa_graph_set_ints (m->ids, b->ids);
  moa_subjects_set (&m->subjects, &b->subjects);
  MoaLossBatch batch = { .noise = b->noise, .mask = b->mask, .subject_masks = b->subject_masks,
                         .index = b->subjects.index, .present = b->subjects.present,
                         .n_subjects = MOA_SLOTS,
                         .lambda_router = router_factor (t), .lambda_object = c->moa.lambda_object,
                         .full = !c->moa.masked, .by_item = TRUE, .item_weight = b->weight,
                         .balanced = c->moa.balanced };
  moa_loss_set (&m->loss, &batch);
}

static gboolean
fill (MoaTrainer *t, const MoaStepPlan *step, MoaDataItem *const *items, GError **error)
{
  Moa *m = t->state;
  g_autoptr (Batch) b = batch_new (m);
  for (int k = 0; k < m->batch; k++)
    {
      Draw d = draw (t, items[k]);
      if (!set_item (t, b, k, items[k], items[k]->index, &d, error))
        return FALSE;
    }
  set_inputs (t, b);
  return TRUE;
}

/* ---- What was held out ------------------------------------------------ */

/* Sums over items. */
typedef struct {
  double inside, outside, inside_n, outside_n; /* squared error of the output */
  double prior_inside, prior_outside;          /* the prior's weight R */
  double both, either;                         /* experts' weight above 1/2, and the mask */
} Score;

static void
score (const Moa *m, const Batch *b, int items, Score *s)
{
  int pixels = m->latents.side * m->latents.side, c = m->latents.channels;
  g_autofree float *out = g_new (float, m->batch * m->latents.n);
  g_autofree float *map = g_new (float, m->batch * pixels);
  moa_graph_get (m->out, out);
  moa_graph_get (m->loss.map, map);
  for (int i = 0; i < items * pixels; i++)
    {
      double squares = 0, mask = b->mask[i];
      for (int k = 0; k < c; k++)
        squares += pow (out[i * c + k] - b->noise[i * c + k], 2) / c;
      s->inside += mask * squares;
      s->outside += (1 - mask) * squares;
      s->inside_n += mask;
      s->outside_n += 1 - mask;
      s->prior_inside += mask * (1 - map[i]);
      s->prior_outside += (1 - mask) * (1 - map[i]);
      s->both += map[i] > 0.5 && mask > 0.5;
      s->either += map[i] > 0.5 || mask > 0.5;
    }
}

/* Numbers of an item's photos. */
static gsize
photos_size (const Moa *m)
{
  return (gsize) 3 * m->subjects.photo_size * m->subjects.photo_size * MOA_SLOTS;
}

/* Every item gets the photos of the one before it; before: of the one before the first, and then
 * of the last. */
static void
turn_photos (const Moa *m, Batch *b, float *before)
{
  gsize n = photos_size (m);
  g_autofree float *last = g_memdup2 (b->subjects.photos + (m->batch - 1) * n, n * sizeof (float));
  memmove (b->subjects.photos + n, b->subjects.photos, (m->batch - 1) * n * sizeof (float));
  memcpy (b->subjects.photos, before, n * sizeof (float));
  memcpy (before, last, n * sizeof (float));
}

/* Held-out item i as slot k of a batch. */
static gboolean
set_held_out (MoaTrainer *t, Batch *b, int k, int i, gboolean swap, MoaDataItem *item,
              GError **error)
{
  int n = t->config->data.held_out, n_t = t->parts.schedule->n;
  if (!moa_data_source_load (t->held_out, i, item, error))
    return FALSE;
  int low = swap ? t->config->moa.swap_t_min : 0, at = low + (i + 0.5) / n * (n_t - low);
  Draw d = { { swap, at, at }, swap ? item->truth_prompt : item->prompt };
  for (int s = 0; s < MIN (item->n_people, MOA_SLOTS); s++)
    d.present[s] = TRUE;
  return set_item (t, b, k, item, G_MAXUINT64, &d, error);
}

static gboolean
run_held_out (MoaTrainer *t, gboolean swap, Score *right, Score *wrong, GError **error)
{
  Moa *m = t->state;
  int n = t->config->data.held_out;
  g_autoptr (Batch) b = batch_new (m);
  MoaDataItem *item = moa_data_item_new (t->held_out);
  gboolean ok = set_held_out (t, b, 0, n - 1, swap, item, error);
  g_autofree float *before = g_memdup2 (b->subjects.photos, photos_size (m) * sizeof (float));
  for (int first = 0; first < n && ok; first += m->batch)
    {
      int items = MIN (m->batch, n - first);
      for (int k = 0; k < m->batch && ok; k++)
        ok = set_held_out (t, b, k, (first + k) % n, swap, item, error);
      for (int turn = 0; turn < 2 && ok; turn++)
        {
          if (turn)
            turn_photos (m, b, before);
          set_inputs (t, b);
          ok = moa_graph_run (m->graph.graph, NULL, error);
          if (ok)
            score (m, b, items, turn ? wrong : right);
        }
    }
  moa_data_item_free (t->held_out, item);
  return ok;
}

static void
put (json_t *out, const char *name, double sum, double n)
{
  json_object_set_new (out, name, json_real (sum / MAX (n, 1e-9)));
}

static gboolean
validate (MoaTrainer *t, json_t *out, GError **error)
{
  Score right = { 0 }, wrong = { 0 }, swap = { 0 }, swap_wrong = { 0 };
  if (!run_held_out (t, FALSE, &right, &wrong, error))
    return FALSE;
  put (out, "person", right.inside, right.inside_n);
  put (out, "person_wrong", wrong.inside, wrong.inside_n);
  put (out, "background", right.outside, right.outside_n);
  put (out, "prior_in", right.prior_inside, right.inside_n);
  put (out, "prior_out", right.prior_outside, right.outside_n);
  put (out, "iou", right.both, right.either);
  if (moa_data_source_options (t->held_out)->truth == 0 || t->config->data.source)
    return TRUE;
  if (!run_held_out (t, TRUE, &swap, &swap_wrong, error))
    return FALSE;
  put (out, "swap", swap.inside, swap.inside_n);
  put (out, "swap_wrong", swap_wrong.inside, swap_wrong.inside_n);
  return TRUE;
}

/* ---- Samples ---------------------------------------------------------- */

enum { SAMPLES = 8, SAMPLE_STEPS = 25, SAMPLE_FROM = 750 };

/* The batch's z_t, at the step `from` of the grid, down to pictures. */
static gboolean
denoise (MoaTrainer *t, Batch *b, const int *timesteps, int from, int n, GError **error)
{
  Moa *m = t->state;
  gsize size = m->latents.n;
  g_autofree float *out = g_new (float, m->batch * size);
  for (int i = from; i < SAMPLE_STEPS; i++)
    {
      for (int k = 0; k < m->batch; k++)
        b->t[k] = timesteps[i];
      set_inputs (t, b);
      if (!moa_graph_run (m->graph.graph, NULL, error))
        return FALSE;
      moa_graph_get (m->out, out);
      for (int k = 0; k < n; k++)
        {
          float *z = b->sample + k * size;
          moa_schedule_eps (t->parts.schedule, timesteps[i], z, out + k * size, size);
          moa_ddim_step (t->parts.schedule, SAMPLE_STEPS, timesteps[i], z, out + k * size, size);
        }
    }
  return TRUE;
}

/* Item k of the held-out ones as a row of a batch, and what is known of it on the sheet: from above
 * the picture, the new person's photo, and what a swap should give.  Where nobody knows that, in
 * photographs, the new persons are those of the next picture. */
static gboolean
set_sample (MoaTrainer *t, Batch *b, int row, int k, int timestep, MoaSheet *sheet,
            MoaDataItem *item, MoaDataItem *next, GError **error)
{
  Moa *m = t->state;
  int n = t->config->data.held_out, size = moa_data_source_options (t->held_out)->size;
  if (!moa_data_source_load (t->held_out, k, item, error))
    return FALSE;
  gboolean swap = item->has_truth;
  Draw d = { { swap, timestep, timestep }, swap ? item->truth_prompt : item->prompt };
  for (int s = 0; s < MIN (item->n_people, MOA_SLOTS); s++)
    d.present[s] = TRUE;
  if (!set_item (t, b, row, item, G_MAXUINT64, &d, error)
      || !moa_data_source_load (t->held_out, (k + 1) % n, next, error))
    return FALSE;
  for (int s = 0; s < MIN (item->n_people, MOA_SLOTS) && !swap && next->n_people > 0; s++)
    moa_subject_batch_put (&b->subjects, &m->subjects, t, row, s,
                           next->people[s % next->n_people].photos[0], d.prompt->subject[s]);
  const MoaDataPerson *person = swap ? &item->truth_people[item->who == 2] : &next->people[0];
  moa_sheet_put (sheet, k, 0, item->picture, size, -1);
  if (swap || (next->n_people > 0 && item->n_people > 0))
    moa_sheet_put (sheet, k, 1, person->photos[0], m->subjects.photo_size, 0);
  if (swap)
    moa_sheet_put (sheet, k, 2, item->truth, size, -1);
  return TRUE;
}

/* Pictures `first` on of the sheet, as many as a batch holds; in the last row what comes of the
 * picture's own noise. */
static gboolean
sample_batch (MoaTrainer *t, MoaSheet *sheet, int first, int n, const int *timesteps, int from,
              GError **error)
{
  Moa *m = t->state;
  int size = moa_data_source_options (t->held_out)->size;
  g_autoptr (Batch) b = batch_new (m);
  g_autofree float *picture = g_new (float, (gsize) 3 * size * size);
  MoaDataItem *item = moa_data_item_new (t->held_out), *next = moa_data_item_new (t->held_out);
  gboolean ok = TRUE;
  for (int i = 0; i < n && ok; i++)
    ok = set_sample (t, b, i, first + i, timesteps[from], sheet, item, next, error);
  moa_data_item_free (t->held_out, item);
  moa_data_item_free (t->held_out, next);
  ok = ok && denoise (t, b, timesteps, from, n, error);
  for (int i = 0; i < n && ok; i++)
    {
      ok = moa_latents_picture (&m->latents, b->sample + i * m->latents.n, picture, error);
      moa_sheet_put (sheet, first + i, 3, picture, size, -1);
    }
  return ok;
}

static gboolean
sample (MoaTrainer *t, const char *path, GError **error)
{
  Moa *m = t->state;
  int n = MIN (SAMPLES, t->config->data.held_out), timesteps[SAMPLE_STEPS], from = 0;
  moa_ddim_timesteps (t->parts.schedule, MOA_SPACING_LEADING, SAMPLE_STEPS, timesteps);
  while (from < SAMPLE_STEPS - 1 && timesteps[from] > SAMPLE_FROM)
    from++;
  MoaSheet *sheet = moa_sheet_new (n, 4, moa_data_source_options (t->held_out)->size);
  gboolean ok = TRUE;
  for (int first = 0; first < n && ok; first += m->batch)
    ok = sample_batch (t, sheet, first, MIN (m->batch, n - first), timesteps, from, error);
  return moa_sheet_save (sheet, path, ok ? error : NULL) && ok;
}

static void
clear (MoaTrainer *t)
{
  Moa *m = t->state;
  moa_train_graph_clear (&m->graph);
  moa_latents_clear (&m->latents);
  moa_prompt_free (m->empty);
  for (int i = 0; i < MOA_SLOTS; i++)
    moa_prompt_free (m->generic[i]);
}

const MoaStage moa_stage_moa = {
  .parts = 1u << MOA_PART_VAE | 1u << MOA_PART_TEXT | 1u << MOA_PART_VISION | 1u << MOA_PART_UNET
           | 1u << MOA_PART_MOA,
  .state_size = sizeof (Moa), .options = options, .build = build, .plan = plan, .fill = fill,
  .validate = validate, .sample = sample, .clear = clear,
};
