/* A replacement before anything runs: what is needed is read, checked, built and counted. */
#include "jobs/replace.h"

#include "base/mask.h"
#include "jobs/persons.h"
#include "sample/ddim.h"

/* A latent pixel may change where the selection covers more of it than this:
 * less would leave a rim of the old person, since what is put back after each
 * step stays the old picture's. */
#define EDIT_COVERAGE 0.2

/* ---- What is asked for ---- */

static gboolean
read_prompts (MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  const MoaTokenizer *tokenizer = r->job->model->tokenizer;
  /* An IP-Adapter's subjects have no words. */
  gboolean adapter = moa_model_adapter (r->job->model) != NULL;
  int n = adapter ? 0 : params->n_subjects;
  g_autofree char *plain = moa_prompt_default (params->n_subjects);
  r->source_prompt = moa_prompt_new (tokenizer, plain, n, error);
  if (!r->source_prompt)
    return FALSE;
  r->prompt = moa_prompt_new_weighted (tokenizer, r->result->prompt, n, r->job->model->embeddings,
                                       error);
  if (!r->prompt)
    return FALSE;
  if (r->prompt->warning)
    moa_job_warn (r->job, "%s", r->prompt->warning);
  if (r->result->base == MOA_BASE_MOA)
    {
      r->empty_prompt = moa_prompt_new (tokenizer, "", 0, error);
      if (!r->empty_prompt)
        return FALSE;
    }
  const MoaPrompt *const prompts[] = { r->prompt };
  r->windows = moa_prompts_windows (r->job, prompts, 1, &r->n_vectors);
  for (int k = 0; k < params->n_subjects; k++)
    if (!params->subjects[k].keep)
      {
        if (!adapter)
          r->index[r->n_subjects] = r->prompt->subject[params->order ? params->order[k] : k];
        r->subjects[r->n_subjects++] = params->subjects[k];
      }
  return TRUE;
}

/* The conditions of the picture, the prompt and the base.  Equal prompts share
 * one text, so that rows which cannot differ are not run. */
static gboolean
set_conditions (MoaReplacement *r, GError **error)
{
  const MoaModel *model = r->job->model;
  int window = moa_tokenizer_window (model->tokenizer), n = r->n_subjects;
  gsize size = (gsize) r->windows * window * model->unet.text_dim;
  r->texts = moa_job_floats (N_TEXTS * size, error);
  gboolean adapter = moa_model_adapter (model) != NULL;
  gsize feats = (gsize) n * model->moa.feature_dim;
  r->feats = r->texts ? moa_job_floats (adapter ? 2 * feats : feats, error) : NULL;
  if (!r->feats)
    return FALSE;
  gboolean same = moa_prompt_equal (r->source_prompt, r->prompt);
  MoaGuide *guide = &r->guide;
  r->source = (MoaCondition){ r->texts };
  guide->prompt = (MoaCondition){ same ? r->texts : r->texts + size, n, r->feats, r->index };
  guide->base = r->empty_prompt ? (MoaCondition){ r->texts + 2 * size } : r->source;
  if (adapter && r->empty_prompt)
    guide->base = (MoaCondition){ r->texts + 2 * size, n, r->feats + feats, r->index };
  guide->mixes = TRUE;
  guide->base_is_mixture = r->empty_prompt != NULL;
  guide->guidance = r->result->guidance;
  guide->guidance_rescale = r->result->guidance_rescale;
  guide->guidance_max_timestep = r->result->guidance_max_timestep;
  guide->max_timestep = r->result->max_timestep;
  guide->control = &r->params->control;
  r->retrace = same && !r->empty_prompt && r->result->freedom <= 0 && !r->params->control.image;
  return TRUE;
}

static gboolean
set_steps (MoaReplacement *r, GError **error)
{
  int steps = r->result->steps;
  r->timesteps = g_new (int, steps);
  moa_ddim_timesteps (r->job->model->schedule, MOA_SPACING_LEADING, steps, r->timesteps);
  r->first = moa_part_first (r->part, steps);
  r->n = r->guide.n = moa_picture_count (&r->picture, r->job->model);
  r->trajectory = r->picture.z = moa_job_floats ((gsize) (steps + 1) * r->n, error);
  return r->trajectory != NULL;
}

gboolean
moa_replacement_prepare (MoaReplacement *r, GError **error)
{
  return moa_replacement_resolve (r, error)
         && moa_picture_open (&r->picture, r->job->model, r->params->source, error) && read_prompts (r, error)
         && set_conditions (r, error) && set_steps (r, error);
}

/* ---- Where ---- */

/* The selection at latent size: how much of each latent pixel it covers, and
 * which of them may change.  Before the networks are built: the experts'
 * graph leaves out the pixels that are not covered. */
gboolean
moa_replacement_select (MoaReplacement *r, GError **error)
{
  gsize n = (gsize) r->picture.frame.latent_width * r->picture.frame.latent_height;
  r->selection = moa_frame_in (&r->picture.frame, r->selected, error);
  r->coverage = r->selection ? moa_job_floats (n, error) : NULL;
  if (!r->coverage)
    return FALSE;
  moa_image_pool (r->selection, moa_model_vae_factor (r->job->model), r->coverage);
  r->edit = g_new (gboolean, n);
  for (gsize i = 0; i < n; i++)
    r->edit[i] = r->coverage[i] > EDIT_COVERAGE;
  return TRUE;
}

/* A mask that stands for routers: its edge softened, at latent size. */
static gboolean
soften (const MoaReplacement *r, const MoaImage *mask, float *region, GError **error)
{
  const MoaModel *model = r->job->model;
  double feather = r->params->feather < 0 ? model->info.side / 42.0 : r->params->feather;
  MoaImage *soft = moa_frame_in (&r->picture.frame, mask, error);
  if (!soft)
    return FALSE;
  if (feather > 0)
    moa_mask_blur (soft, feather / 2);
  moa_image_pool (soft, moa_model_vae_factor (model), region);
  moa_image_free (soft);
  return TRUE;
}

/* Masks instead of routers, one for each subject: its own, the selection, or everywhere. */
static gboolean
set_masks (MoaReplacement *r, GError **error)
{
  gsize n = (gsize) r->picture.frame.latent_width * r->picture.frame.latent_height;
  gboolean any = r->selected && r->params->limit;
  for (int s = 0; s < r->n_subjects; s++)
    any |= r->subjects[s].mask != NULL;
  r->region = any ? moa_job_floats (r->n_subjects * n, error) : NULL;
  if (any && !r->region)
    return FALSE;
  for (int s = 0; any && s < r->n_subjects; s++)
    {
      const MoaImage *own = r->subjects[s].mask;
      const MoaImage *mask = own ? own : r->params->limit ? r->selected : NULL;
      if (mask && !soften (r, mask, r->region + s * n, error))
        return FALSE;
      for (gsize i = 0; !mask && i < n; i++)
        r->region[s * n + i] = 1;
    }
  return TRUE;
}

/* What scales the personalised weight: the selection, the painted map, or both. */
static gboolean
set_region (MoaReplacement *r, GError **error)
{
  if (r->job->model->moa.masks)
    return set_masks (r, error);
  const float *limit = r->params->limit ? r->coverage : NULL;
  const MoaImage *paint = r->params->paint;
  gsize n = (gsize) r->picture.frame.latent_width * r->picture.frame.latent_height;
  if (!limit && !paint)
    return TRUE;
  r->region = moa_job_floats (n, error);
  if (!r->region)
    return FALSE;
  if (paint)
    {
      /* Pictures are scaled as values of [0,1]. */
      MoaImage *part = moa_image_copy (paint);
      for (gsize i = 0; part && i < (gsize) part->width * part->height; i++)
        part->data[i] /= MOA_MAX_PAINT;
      MoaImage *scaled = part ? moa_frame_in (&r->picture.frame, part, error) : NULL;
      moa_image_free (part);
      if (!scaled)
        return part || moa_fail (error, MOA_ERROR_MEMORY, "No memory for the painted map");
      moa_image_pool (scaled, moa_model_vae_factor (r->job->model), r->region);
      moa_image_free (scaled);
    }
  for (gsize i = 0; i < n; i++)
    r->region[i] = (paint ? r->region[i] * MOA_MAX_PAINT : 1) * (limit ? limit[i] : 1);
  return TRUE;
}

/* ---- Networks and memory ---- */

static gboolean
build (MoaReplacement *r, GError **error)
{
  MoaModel *model = r->job->model;
  MoaCpu *cpu = r->job->cpu;
  const MoaFrame *frame = &r->picture.frame;
  int text_rows = r->windows * moa_tokenizer_window (model->tokenizer);
  MoaDenoiserSpec prior = { .width = frame->latent_width, .height = frame->latent_height,
                            .text_rows = text_rows };
  MoaDenoiserSpec mixture = prior;
  mixture.mixture = mixture.maps = TRUE;
  mixture.n_slots = r->n_subjects;
  mixture.limit = r->region;
  mixture.scale = r->params->expert_scale;
  g_mutex_lock (&model->lock);
  gboolean ok = moa_coder_text (&r->text, model, cpu, N_TEXTS * r->windows, r->n_vectors,
                                error) &&
                (!moa_model_sees_photos (model) ||
                 moa_coder_vision (&r->vision, model, cpu, error)) &&
                moa_picture_build (&r->picture, r->job, error) &&
                moa_coder_decode (&r->decoder, model, cpu, frame->width, frame->height, error) &&
                moa_guide_build (&r->guide, model, cpu, &prior, &mixture, r->timesteps + r->first,
                                 r->result->steps - r->first, error);
  g_mutex_unlock (&model->lock);
  return ok;
}

/* What the graphs, the latents and the pictures will take. */
static void
count_memory (MoaReplacement *r)
{
  MoaJob *job = r->job;
  MoaModel *model = job->model;
  job->held_bytes = job->work_bytes = 0; /* what looking for persons took is free again */
  moa_job_count (job, r->text.graph, model->text_params);
  moa_job_count (job, r->vision.graph, model->vision_params);
  moa_job_count (job, r->picture.encoder.graph, model->vae_params);
  moa_job_count (job, r->decoder.graph, model->vae_params);
  moa_guide_count (&r->guide, job);
  enum { WORK_CHANNELS = 16, SOURCE_CHANNELS = 14, LATENTS = 7 };
  const MoaImage *source = r->params->source;
  const MoaFrame *frame = &r->picture.frame;
  job->held_bytes += (guint64) frame->width * frame->height * WORK_CHANNELS * sizeof (float);
  enum { VARIATION_CHANNELS = 7 }; /* picture, composite, mask */
  guint64 channels = SOURCE_CHANNELS + VARIATION_CHANNELS * (r->result->n_variations - 1);
  job->held_bytes += (guint64) source->width * source->height * channels * sizeof (float);
  job->held_bytes += (guint64) r->n * (r->result->steps + r->result->n_variations + LATENTS) *
                     sizeof (float);
}

gboolean
moa_replacement_plan (MoaReplacement *r, GError **error)
{
  if ((r->selected && !moa_replacement_select (r, error)) || !set_region (r, error) || !build (r, error))
    return FALSE;
  count_memory (r);
  return TRUE;
}

/* ---- What it costs ---- */

int
moa_replacement_decodes (const MoaReplacement *r)
{
  return (r->params->maps_only ? 0 : r->result->n_variations) + r->params->want_reconstruction;
}

double
moa_replacement_faces_cost (const MoaReplacement *r, int *prior, int *mixture)
{
  double side = r->job->model->info.side;
  int heads = r->params->faces > 0 && !r->params->maps_only ? r->n_subjects * r->result->n_variations : 0;
  moa_replacement_face_passes (r, prior, mixture);
  double cost = MOA_COST_LOAD + N_TEXTS * MOA_COST_TEXT + MOA_COST_PHOTO + MOA_COST_VAE_ENCODE +
                *prior * MOA_COST_PRIOR + *mixture * MOA_COST_MIXTURE + MOA_COST_VAE_DECODE;
  *prior *= heads;
  *mixture *= heads;
  return heads * cost * side * side / ((double) r->picture.frame.width * r->picture.frame.height);
}

double
moa_replacement_cost (const MoaReplacement *r)
{
  int photos = moa_subjects_photos (r->subjects, r->n_subjects);
  int prior, mixture;
  moa_replacement_passes (r, &prior, &mixture);
  return MOA_COST_LOAD + N_TEXTS * MOA_COST_TEXT + photos * MOA_COST_PHOTO +
         (r->result->cached_inversion ? 0 : MOA_COST_VAE_ENCODE) + prior * MOA_COST_PRIOR +
         mixture * MOA_COST_MIXTURE + moa_replacement_decodes (r) * MOA_COST_VAE_DECODE +
         moa_persons_cost (r->job->model, r->params);
}
