/* Where persons are in a picture: the routers' personalised weight on the
 * noised picture, mean over a few timesteps, with the picture itself as the
 * subject.  What is above SEEN, in one piece, is a person; a piece with a waist
 * is two when more persons are expected than there are pieces. */
#include "jobs/persons.h"

#include "base/mask.h"
#include "base/rng.h"
#include "jobs/encode.h"
#include "jobs/frame.h"
#include "jobs/maps.h"
#include "sample/schedule.h"

#include <string.h>

/* Shares of max_timestep; between them the routers see a person best. */
static const double looks[] = { 0.15, 0.3, 0.45, 0.6 };
enum { N_LOOKS = G_N_ELEMENTS (looks), NOISE_STREAM = 2 };

/* The weight of a person's pixels.  At 0.5 a fiftieth of them is outside moa_persons_room(), mostly of arms
 * and hair, on the drawn world; at 0.45 a hundredth. */
#define SEEN 0.45

/* Smaller pieces, as shares of the picture, are noise. */
#define SMALLEST_SHARE 0.004
/* A waist is a column with less than so much of what is on both its sides. */
#define WAIST 0.6
/* Around a person who goes, as a share of the picture's shorter side. */
#define ROOM (1 / 16.0)

/* ---- The weight ---- */

typedef struct {
  MoaJob *job;
  MoaFrame frame;
  const MoaImage *picture;
  MoaPrompt *prompt;
  MoaCoder text, vision, encoder;
  MoaDenoiser mixture;
  MoaRouterMaps maps;
  float *states, *feats, *z;
  gint32 index[1];
} Search;

static gboolean
build (Search *s, GError **error)
{
  MoaModel *model = s->job->model;
  MoaCpu *cpu = s->job->cpu;
  const MoaFrame *frame = &s->frame;
  MoaDenoiserSpec spec = { .width = frame->latent_width, .height = frame->latent_height,
                           .text_rows = moa_tokenizer_window (model->tokenizer),
                           .mixture = TRUE, .n_slots = 1, .maps = TRUE };
  g_mutex_lock (&model->lock);
  gboolean ok = moa_coder_text (&s->text, model, cpu, 1, 0, error) &&
                moa_coder_vision (&s->vision, model, cpu, error) &&
                moa_coder_encode (&s->encoder, model, cpu, frame->width, frame->height, error) &&
                moa_denoiser_init (&s->mixture, model, cpu, &spec, error);
  g_mutex_unlock (&model->lock);
  if (!ok)
    return FALSE;
  moa_job_count (s->job, s->text.graph, model->text_params);
  moa_job_count (s->job, s->vision.graph, model->vision_params);
  moa_job_count (s->job, s->encoder.graph, model->vae_params);
  moa_job_count (s->job, s->mixture.graph, model->unet_params);
  moa_job_count (s->job, NULL, model->moa_params);
  return moa_job_reserve (s->job, error);
}

static gboolean
encode (Search *s, GError **error)
{
  MoaJob *job = s->job;
  const MoaModel *model = job->model;
  const MoaImage *photos[] = { s->picture };
  const MoaSubject subject = { photos, 1 };
  const MoaPrompt *const prompts[] = { s->prompt };
  gsize n = moa_shape_count (&s->mixture.sample->shape);
  s->states = moa_job_floats (
      (gsize) moa_tokenizer_window (model->tokenizer) * model->unet.text_dim, error);
  s->feats = s->states ? moa_job_floats (model->moa.feature_dim, error) : NULL;
  s->z = s->feats ? moa_job_floats (n, error) : NULL;
  MoaImage *work = s->z ? moa_frame_in (&s->frame, s->picture, error) : NULL;
  moa_meter_begin (&job->meter, MOA_PHASE_ENCODE, 3);
  gboolean ok = work && moa_encode_texts (job, &s->text, prompts, 1, s->states, error) &&
                moa_encode_subjects (job, &s->vision, &subject, 1, s->feats, error) &&
                moa_encode_picture (job, &s->encoder, work, s->z, error);
  moa_image_free (work);
  return ok;
}

static gboolean
look (Search *s, GError **error)
{
  MoaJob *job = s->job;
  const MoaModel *model = job->model;
  gsize n = moa_shape_count (&s->mixture.sample->shape);
  const MoaCondition condition = { s->states, 1, s->feats, s->index };
  g_autofree float *noise = moa_job_floats (n, error);
  g_autofree float *z = noise ? moa_job_floats (n, error) : NULL;
  g_autofree float *out = z ? moa_job_floats (n, error) : NULL;
  if (!out || !moa_graph_prepare (s->mixture.graph, job->workspace, error) ||
      !moa_maps_init (&s->maps, &s->mixture, -1, -1, error))
    return FALSE;
  moa_rng_normal (0, NOISE_STREAM, 0, noise, n);
  moa_meter_begin (&job->meter, MOA_PHASE_GENERATE, N_LOOKS);
  for (int i = 0; i < N_LOOKS; i++)
    {
      int t = looks[i] * MIN (model->info.max_timestep, model->schedule->n - 1);
      moa_schedule_add_noise (model->schedule, t, s->z, noise, z, n);
      if (!moa_denoiser_run (&s->mixture, &condition, NULL, z, t, out, job->run.cancellable, error) ||
          !moa_job_check_finite (job, "U-Net", out, n, error))
        return FALSE;
      moa_maps_take (&s->maps, &s->mixture, i + 1);
      moa_meter_step (&job->meter, MOA_COST_MIXTURE);
    }
  moa_meter_end (&job->meter, 0);
  return TRUE;
}

static gboolean
search (Search *s, GError **error)
{
  const MoaModel *model = s->job->model;
  s->prompt = moa_prompt_new (model->tokenizer, "a person", 1, error);
  if (!s->prompt ||
      !moa_frame_init (&s->frame, model, s->picture->width, s->picture->height, error) ||
      !build (s, error))
    return FALSE;
  s->index[0] = s->prompt->subject[0];
  moa_meter_init (&s->job->meter,
                  MOA_COST_LOAD + MOA_COST_TEXT + MOA_COST_PHOTO + MOA_COST_VAE_ENCODE +
                      N_LOOKS * MOA_COST_MIXTURE,
                  &s->job->run);
  return moa_job_load (s->job, error) && encode (s, error) && look (s, error);
}

/* The weight at the picture's size; (transfer full). */
static MoaImage *
find_weight (MoaModel *model, const MoaImage *picture, const MoaRun *run, GError **error)
{
  Search s = { .job = moa_job_new (model, run, error), .picture = picture };
  MoaImage *work = NULL, *weight = NULL;
  if (s.job && search (&s, error))
    work = moa_maps_weight (&s.maps, NULL, 0, s.frame.width, s.frame.height, error);
  if (work)
    weight = moa_frame_out (&s.frame, work, error);
  moa_image_free (work);
  moa_coder_clear (&s.text);
  moa_coder_clear (&s.vision);
  moa_coder_clear (&s.encoder);
  moa_denoiser_clear (&s.mixture);
  moa_maps_clear (&s.maps);
  g_clear_pointer (&s.prompt, moa_prompt_free);
  g_free (s.states);
  g_free (s.feats);
  g_free (s.z);
  moa_job_free (s.job);
  return weight;
}

/* ---- Pieces ---- */

/* Gives every pixel of the piece around `start` the label; its pixels.  stack has room for all. */
static gsize
flood (const MoaImage *mask, int *label, int value, gsize start, gsize *stack)
{
  int w = mask->width, h = mask->height;
  gsize n = 0, top = 0;
  stack[top++] = start;
  label[start] = value;
  while (top > 0)
    {
      gsize p = stack[--top];
      int x = p % w, y = p / w;
      const gssize next[] = { x > 0 ? (gssize) p - 1 : -1, x < w - 1 ? (gssize) p + 1 : -1,
                              y > 0 ? (gssize) p - w : -1, y < h - 1 ? (gssize) p + w : -1 };
      n++;
      for (int i = 0; i < 4; i++)
        if (next[i] >= 0 && mask->data[next[i]] > 0 && !label[next[i]])
          {
            label[next[i]] = value;
            stack[top++] = next[i];
          }
    }
  return n;
}

/* The person of the pixels that have the label; mask is 1 on them. */
static gboolean
describe (MoaPerson *person, const int *label, int value, int width, int height, GError **error)
{
  int left = width, top = height, right = -1, bottom = -1;
  gsize n = 0;
  double x_sum = 0, y_sum = 0;
  *person = (MoaPerson){ .mask = moa_image_try (width, height, 1, error) };
  if (!person->mask)
    return FALSE;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (label[(gsize) y * width + x] == value)
        {
          person->mask->data[(gsize) y * width + x] = 1;
          left = MIN (left, x);
          right = MAX (right, x);
          top = MIN (top, y);
          bottom = MAX (bottom, y);
          x_sum += x + 0.5;
          y_sum += y + 0.5;
          n++;
        }
  person->bounds = (MoaRect){ left, top, right - left + 1, bottom - top + 1 };
  person->x = x_sum / n;
  person->y = y_sum / n;
  person->share = n / ((double) width * height);
  return TRUE;
}

/* Every piece that is large enough as a person; array elements are freed with it. */
static gboolean
find_pieces (const MoaImage *mask, GArray *persons, GError **error)
{
  gsize n = (gsize) mask->width * mask->height;
  g_autofree int *label = g_try_new0 (int, n);
  g_autofree gsize *stack = g_try_new (gsize, n);
  int value = 0;
  if (!label || !stack)
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory to look for persons; use a smaller area");
  for (gsize i = 0; i < n; i++)
    if (mask->data[i] > 0 && !label[i] &&
        flood (mask, label, ++value, i, stack) >= SMALLEST_SHARE * n)
      {
        MoaPerson person;
        if (!describe (&person, label, value, mask->width, mask->height, error))
          return FALSE;
        g_array_append_val (persons, person);
      }
  return TRUE;
}

/* The column, in its middle half, where a piece is lowest; -1 if that is no waist. */
static int
find_waist (const MoaPerson *person)
{
  const MoaRect *b = &person->bounds;
  const MoaImage *mask = person->mask;
  g_autofree int *height = g_new0 (int, b->width);
  for (int y = b->y; y < b->y + b->height; y++)
    for (int x = 0; x < b->width; x++)
      height[x] += mask->data[(gsize) y * mask->width + b->x + x] > 0;
  int best = -1;
  for (int x = b->width / 4; x < b->width * 3 / 4; x++)
    if (best < 0 || height[x] < height[best])
      best = x;
  if (best < 1)
    return -1;
  int left = 0, right = 0;
  for (int x = 0; x < b->width; x++)
    {
      int *side = x < best ? &left : &right;
      *side = MAX (*side, height[x]);
    }
  return height[best] <= WAIST * MIN (left, right) ? b->x + best : -1;
}

/* Replaces the person by its two halves; FALSE without an error if it has no waist. */
static gboolean
split (GArray *persons, guint i, GError **error)
{
  MoaPerson whole = g_array_index (persons, MoaPerson, i), half[2];
  int waist = find_waist (&whole), w = whole.mask->width, h = whole.mask->height;
  if (waist < 0)
    return FALSE;
  g_autofree int *label = g_new0 (int, (gsize) w *h);
  for (gsize p = 0; p < (gsize) w * h; p++)
    label[p] = whole.mask->data[p] > 0 ? 1 + ((int) (p % w) >= waist) : 0;
  if (!describe (&half[0], label, 1, w, h, error))
    return FALSE;
  if (!describe (&half[1], label, 2, w, h, error))
    {
      moa_image_free (half[0].mask);
      return FALSE;
    }
  moa_image_free (whole.mask);
  g_array_index (persons, MoaPerson, i) = half[0];
  g_array_append_val (persons, half[1]);
  return TRUE;
}

static int
compare_share (gconstpointer a, gconstpointer b)
{
  const MoaPerson *p = a, *q = b;
  return p->share < q->share ? 1 : p->share > q->share ? -1 : 0;
}

static int
compare_x (gconstpointer a, gconstpointer b)
{
  const MoaPerson *p = a, *q = b;
  return p->x > q->x ? 1 : p->x < q->x ? -1 : 0;
}

/* The largest pieces, as many as expected: too many are left out, too few split. */
static void
fit_count (GArray *persons, guint count, GError **error)
{
  g_array_sort (persons, compare_share);
  for (guint i = 0; i < persons->len && persons->len < count && !(error && *error);)
    if (split (persons, i, error))
      {
        g_array_sort (persons, compare_share);
        i = 0;
      }
    else
      i++;
  while (count > 0 && persons->len > count)
    {
      moa_image_free (g_array_index (persons, MoaPerson, persons->len - 1).mask);
      g_array_set_size (persons, persons->len - 1);
    }
}

MoaPerson *
moa_persons_in_mask (const MoaImage *mask, int count, int *n_persons, GError **error)
{
  GArray *persons = g_array_new (FALSE, FALSE, sizeof (MoaPerson));
  GError *own = NULL;
  if (find_pieces (mask, persons, &own))
    fit_count (persons, count, &own);
  g_array_sort (persons, compare_x);
  *n_persons = persons->len;
  MoaPerson *list = (MoaPerson *) g_array_free (persons, FALSE);
  if (!own)
    return list ? list : g_new0 (MoaPerson, 1);
  g_propagate_error (error, own);
  moa_persons_free (list, *n_persons);
  *n_persons = 0;
  return NULL;
}

MoaPerson *
moa_find_persons (MoaModel *model, const MoaImage *picture, const MoaImage *selection, int count,
                  int *n_persons, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && picture && n_persons, NULL);
  const MoaImage *photos[] = { picture };
  const MoaSubject self = { photos, 1 };
  *n_persons = 0;
  if (!moa_number_check ("the number of persons", count, 0, MOA_MAX_SUBJECTS, error) ||
      !moa_subjects_check (&self, 1, error) || !moa_model_need_expert (model, error))
    return NULL;
  if (model->moa.masks)
    {
      moa_fail (error, MOA_ERROR_MODEL, "%s does not see where persons are; select the one who "
                "goes, and give that subject alone", model->info.expert);
      return NULL;
    }
  if (selection && (selection->channels != 1 || selection->width != picture->width ||
                    selection->height != picture->height))
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "The selection must have one channel and the picture's size");
      return NULL;
    }
  MoaImage *mask = find_weight (model, picture, run, error);
  if (!mask)
    return NULL;
  for (gsize i = 0; i < (gsize) mask->width * mask->height; i++)
    mask->data[i] = mask->data[i] > SEEN && (!selection || selection->data[i] > 0.5);
  MoaPerson *persons = moa_persons_in_mask (mask, count, n_persons, error);
  moa_image_free (mask);
  return persons;
}

void
moa_persons_free (MoaPerson *persons, int n_persons)
{
  for (int i = 0; persons && i < n_persons; i++)
    moa_image_free (persons[i].mask);
  g_free (persons);
}

/* ---- Who goes and who stays ---- */

MoaImage *
moa_persons_room (const MoaPerson *persons, int n_persons)
{
  g_return_val_if_fail (persons && n_persons > 0, NULL);
  MoaImage *room = moa_image_copy (persons[0].mask);
  gsize n = room ? (gsize) room->width * room->height : 0;
  for (int k = 1; k < n_persons; k++)
    for (gsize i = 0; i < n; i++)
      room->data[i] = MAX (room->data[i], persons[k].mask->data[i]);
  if (room)
    moa_mask_dilate (room, MIN (room->width, room->height) * ROOM);
  return room;
}

/* In parameters that may be wrong still. */
static gboolean
keeps_someone (const MoaReplaceParams *params)
{
  for (int k = 0; params->subjects && k < MIN (params->n_subjects, MOA_MAX_SUBJECTS); k++)
    if (params->subjects[k].keep)
      return TRUE;
  return FALSE;
}

gboolean
moa_persons_wanted (const MoaModel *model, const MoaReplaceParams *params)
{
  return keeps_someone (params) || (params->find && !params->selection && !model->moa.masks);
}

double
moa_persons_cost (void)
{
  return MOA_COST_TEXT + MOA_COST_PHOTO + MOA_COST_VAE_ENCODE + N_LOOKS * MOA_COST_MIXTURE;
}

/* The job's own progress begins after the search; it shows the phase alone. */
static void
report_search (const MoaProgress *progress, gpointer data)
{
  const MoaRun *run = data;
  MoaProgress shown = { progress->phase == MOA_PHASE_LOAD ? MOA_PHASE_LOAD : MOA_PHASE_ENCODE, 0, 0,
                        0, -1 };
  run->progress (&shown, run->progress_data);
}

static MoaPerson *
find (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run, int *n_found, GError **error)
{
  MoaRun search = run ? *run : (MoaRun){ 0 };
  if (search.progress)
    {
      search.progress = report_search;
      search.progress_data = (gpointer) run;
    }
  search.live = FALSE;
  return moa_find_persons (model, params->source, params->selection, params->n_subjects, n_found,
                           &search, error);
}

/* Everywhere, at the picture's size. */
static MoaImage *
everywhere (const MoaImage *picture, GError **error)
{
  MoaImage *all = moa_image_try (picture->width, picture->height, 1, error);
  for (gsize i = 0; all && i < (gsize) all->width * all->height; i++)
    all->data[i] = 1;
  return all;
}

/* Takes those who stay, a little widened, from where others may change. */
static void
protect (const MoaReplaceParams *params, MoaPerson *persons, MoaImage *allowed)
{
  gsize n = (gsize) allowed->width * allowed->height;
  for (int k = 0; k < params->n_subjects; k++)
    {
      MoaImage *mask = persons[params->order ? params->order[k] : k].mask;
      if (!params->subjects[k].keep)
        continue;
      moa_mask_dilate (mask, MIN (mask->width, mask->height) / 64.0);
      for (gsize i = 0; i < n; i++)
        allowed->data[i] = MIN (allowed->data[i], 1 - mask->data[i]);
    }
}

gboolean
moa_persons_allow (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run,
                   MoaImage **allowed, GError **error)
{
  gboolean keep = keeps_someone (params), found = params->find && !params->selection;
  int n_found;
  *allowed = NULL;
  MoaPerson *persons = find (model, params, run, &n_found, error);
  if (!persons)
    return FALSE;
  gboolean ok = TRUE;
  if (keep && n_found < params->n_subjects)
    ok = moa_fail (error, MOA_ERROR_ARGUMENT,
                   N_ ("The model can tell only %d of the %d persons apart, so that it does not know who "
                   "is to stay; select the person who goes, and give that subject alone"),
                   n_found, params->n_subjects);
  else if (keep || (found && n_found > 0))
    {
      *allowed = params->selection ? moa_image_copy (params->selection)
                 : found           ? moa_persons_room (persons, n_found)
                                   : everywhere (params->source, error);
      ok = *allowed || moa_fail (error, MOA_ERROR_MEMORY,
                                 "No memory for where persons may change; use a smaller area");
    }
  if (*allowed && keep)
    protect (params, persons, *allowed);
  moa_persons_free (persons, n_found);
  return ok;
}
