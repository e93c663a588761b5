/* Replacing persons in a picture.
 *
 *   check -> plan every network, make sure of the memory -> load
 *   -> encode text, subjects, picture -> invert -> regenerate -> decode
 *   -> composite mask from the routers and the selection -> composite */
#include "jobs/replace.h"

#include "base/mask.h"
#include "jobs/compose.h"
#include "jobs/faces.h"
#include "jobs/fingerprint.h"
#include "jobs/inversion.h"
#include "jobs/persons.h"
#include "sample/ddim.h"

#include <math.h>
#include <string.h>

/* A latent pixel may change where the selection covers more of it than this:
 * less would leave a rim of the old person, since what is put back after each
 * step stays the old picture's. */
#define EDIT_COVERAGE 0.2

enum { N_TEXTS = 3 }; /* the picture's, the prompt, the base's */

/* ---- Before anything runs ---- */

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

/* The selection at latent size: how much of each latent pixel it covers, and
 * which of them may change.  Before the networks are built: the experts'
 * graph leaves out the pixels that are not covered. */
static gboolean
read_selection (MoaReplacement *r, GError **error)
{
  gsize n = (gsize) r->frame.latent_width * r->frame.latent_height;
  r->selection = moa_frame_in (&r->frame, r->params->selection, error);
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
  MoaImage *soft = moa_frame_in (&r->frame, mask, error);
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
  gsize n = (gsize) r->frame.latent_width * r->frame.latent_height;
  gboolean any = r->params->selection && r->params->limit;
  for (int s = 0; s < r->n_subjects; s++)
    any |= r->subjects[s].mask != NULL;
  r->region = any ? moa_job_floats (r->n_subjects * n, error) : NULL;
  if (any && !r->region)
    return FALSE;
  for (int s = 0; any && s < r->n_subjects; s++)
    {
      const MoaImage *own = r->subjects[s].mask;
      const MoaImage *mask = own ? own : r->params->limit ? r->params->selection : NULL;
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
  gsize n = (gsize) r->frame.latent_width * r->frame.latent_height;
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
      MoaImage *scaled = part ? moa_frame_in (&r->frame, part, error) : NULL;
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

static gboolean
build (MoaReplacement *r, GError **error)
{
  MoaModel *model = r->job->model;
  MoaCpu *cpu = r->job->cpu;
  const MoaFrame *frame = &r->frame;
  int text_rows = r->windows * moa_tokenizer_window (model->tokenizer);
  gboolean control = r->params->control.image != NULL;
  MoaDenoiserSpec prior = { .width = frame->latent_width, .height = frame->latent_height,
                            .text_rows = text_rows, .control = control };
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
                moa_coder_encode (&r->encoder, model, cpu, frame->width, frame->height, error) &&
                moa_coder_decode (&r->decoder, model, cpu, frame->width, frame->height, error) &&
                moa_denoiser_init (&r->guide.prior, model, cpu, &prior, error) &&
                moa_denoiser_init (&r->guide.mixture, model, cpu, &mixture, error) &&
                (!control || moa_controller_init (&r->guide.controller, model, cpu, prior.width,
                                                  prior.height, text_rows, error));
  g_mutex_unlock (&model->lock);
  return ok;
}

/* What the graphs, the latents and the pictures will take. */
static void
count_memory (MoaReplacement *r)
{
  MoaJob *job = r->job;
  MoaModel *model = job->model;
  moa_job_count (job, r->text.graph, model->text_params);
  moa_job_count (job, r->vision.graph, model->vision_params);
  moa_job_count (job, r->encoder.graph, model->vae_params);
  moa_job_count (job, r->decoder.graph, model->vae_params);
  moa_job_count (job, r->guide.prior.graph, model->unet_params);
  moa_job_count (job, r->guide.mixture.graph, model->moa_params);
  if (r->guide.controller.graph)
    moa_job_count (job, r->guide.controller.graph, model->control_params);
  enum { WORK_CHANNELS = 16, SOURCE_CHANNELS = 14, LATENTS = 8 };
  const MoaImage *source = r->params->source;
  job->held_bytes += (guint64) r->frame.width * r->frame.height * WORK_CHANNELS * sizeof (float);
  enum { VARIATION_CHANNELS = 7 }; /* picture, composite, mask */
  guint64 channels = SOURCE_CHANNELS + VARIATION_CHANNELS * (r->result->n_variations - 1);
  job->held_bytes += (guint64) source->width * source->height * channels * sizeof (float);
  job->held_bytes += (guint64) r->n * (r->result->steps + r->result->n_variations + LATENTS) *
                     sizeof (float);
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
  guide->base_is_mixture = r->empty_prompt != NULL;
  guide->guidance = r->result->guidance;
  guide->guidance_max_timestep = r->result->guidance_max_timestep;
  guide->max_timestep = r->result->max_timestep;
  guide->control = &r->params->control;
  r->retrace = same && !r->empty_prompt && r->result->freedom <= 0 && !r->params->control.image;
  return TRUE;
}

static int
n_decodes (const MoaReplacement *r)
{
  return (r->params->maps_only ? 0 : r->result->n_variations) + r->params->want_reconstruction;
}

/* What working on all heads again may cost at most, in passes of the first run's size. */
static double
faces_cost (const MoaReplacement *r, int *prior, int *mixture)
{
  double side = r->job->model->info.side;
  int heads = r->params->faces > 0 && !r->params->maps_only ? r->n_subjects * r->result->n_variations : 0;
  moa_replacement_face_passes (r, prior, mixture);
  double cost = MOA_COST_LOAD + N_TEXTS * MOA_COST_TEXT + MOA_COST_PHOTO + MOA_COST_VAE_ENCODE +
                *prior * MOA_COST_PRIOR + *mixture * MOA_COST_MIXTURE + MOA_COST_VAE_DECODE;
  *prior *= heads;
  *mixture *= heads;
  return heads * cost * side * side / ((double) r->frame.width * r->frame.height);
}

/* What all steps that will be reported cost. */
static double
total_cost (const MoaReplacement *r)
{
  int photos = moa_subjects_photos (r->subjects, r->n_subjects);
  int prior, mixture;
  moa_replacement_passes (r, &prior, &mixture);
  return MOA_COST_LOAD + N_TEXTS * MOA_COST_TEXT + photos * MOA_COST_PHOTO +
         (r->result->cached_inversion ? 0 : MOA_COST_VAE_ENCODE) + prior * MOA_COST_PRIOR +
         mixture * MOA_COST_MIXTURE + n_decodes (r) * MOA_COST_VAE_DECODE;
}

/* Everything that is known before memory is taken. */
static gboolean
plan (MoaReplacement *r, GError **error)
{
  const MoaImage *source = r->params->source;
  const MoaModel *model = r->job->model;
  if (!moa_replacement_resolve (r, error) ||
      !moa_frame_init (&r->frame, model, source->width, source->height, error) ||
      !read_prompts (r, error) || (r->params->selection && !read_selection (r, error)) ||
      !set_region (r, error) || !build (r, error))
    return FALSE;
  r->n = (gsize) r->frame.latent_width * r->frame.latent_height * model->vae.latent_channels;
  r->picture = moa_frame_in (&r->frame, source, error);
  if (!r->picture)
    return FALSE;
  count_memory (r);
  return TRUE;
}

static gboolean
allocate (MoaReplacement *r, GError **error)
{
  int steps = r->result->steps;
  r->timesteps = g_new (int, steps);
  moa_ddim_timesteps (r->job->model->schedule, MOA_SPACING_LEADING, steps, r->timesteps);
  r->first = moa_part_first (r->part, steps);
  r->trajectory = moa_job_floats ((gsize) (steps + 1) * r->n, error);
  r->guide.scratch = r->trajectory ? moa_job_floats (r->n, error) : NULL;
  r->guide.n = r->n;
  return r->guide.scratch && set_conditions (r, error);
}

/* ---- Encoding ---- */

static gboolean
encode (MoaReplacement *r, GError **error)
{
  const MoaPrompt *const prompts[N_TEXTS] = { r->source_prompt, r->prompt,
                                              r->empty_prompt ? r->empty_prompt
                                                              : r->source_prompt };
  int photos = moa_subjects_photos (r->subjects, r->n_subjects);
  moa_meter_begin (&r->job->meter, MOA_PHASE_ENCODE, photos + 2);
  if (r->params->control.image &&
      !(r->hint = moa_frame_in (&r->frame, r->params->control.image, error)))
    return FALSE;
  if (!moa_encode_texts (r->job, &r->text, prompts, N_TEXTS, r->texts, error) ||
      !moa_encode_subjects (r->job, &r->vision, r->subjects, r->n_subjects, r->feats, error))
    return FALSE;
  if (moa_model_adapter (r->job->model) && r->guide.base_is_mixture &&
      !moa_encode_nobodies (r->job, &r->vision, r->n_subjects, r->feats, error))
    return FALSE;
  if (!r->result->cached_inversion &&
      !moa_encode_picture (r->job, &r->encoder, r->picture, r->trajectory, error))
    return FALSE;
  moa_coder_clear (&r->text);
  moa_coder_clear (&r->vision);
  moa_coder_clear (&r->encoder);
  return TRUE;
}

/* ---- Steps ---- */

static gboolean
init_maps (const MoaReplacement *r, MoaRouterMaps *maps, int step, int timestep, GError **error)
{
  if (!moa_maps_init (maps, &r->guide.mixture, step, timestep, error))
    return FALSE;
  maps->width_share = (double) r->frame.scaled_width / r->frame.width;
  maps->height_share = (double) r->frame.scaled_height / r->frame.height;
  return TRUE;
}

static gboolean
start_maps (MoaReplacement *r, MoaVariation *variation, GError **error)
{
  int n = 1 + r->params->n_map_steps;
  variation->maps = g_new0 (MoaRouterMaps, n);
  for (int i = 0; i < n; i++)
    {
      int step = i ? r->params->map_steps[i - 1] : -1;
      variation->n_maps = i + 1;
      if (!init_maps (r, &variation->maps[i], step, i ? r->timesteps[step] : -1, error))
        return FALSE;
    }
  return TRUE;
}

/* The preview starts as the picture itself. */
static gboolean
start_live (MoaReplacement *r, GError **error)
{
  const MoaModel *model = r->job->model;
  if (!r->job->run.live)
    return TRUE;
  moa_preview_fit (&r->colours, r->picture, moa_model_vae_factor (model), r->trajectory,
                   model->vae.latent_channels);
  r->live_preview = moa_image_fit (r->picture, r->frame.latent_width, r->frame.latent_height,
                                   error);
  return r->live_preview && init_maps (r, &r->live_maps, 0, 0, error);
}

static gboolean
run_steps (MoaReplacement *r, GError **error)
{
  MoaWorkspace *workspace = r->job->workspace;
  for (int k = 0; k < r->result->n_variations; k++)
    if (!start_maps (r, &r->result->variations[k], error))
      return FALSE;
  if (!start_live (r, error) || !moa_graph_prepare (r->guide.prior.graph, workspace, error) ||
      !moa_graph_prepare (r->guide.mixture.graph, workspace, error) ||
      (r->hint && !moa_graph_prepare (r->guide.controller.graph, workspace, error)))
    return FALSE;
  if (r->hint)
    moa_controller_set_hint (&r->guide.controller, r->hint);
  if (!moa_replacement_invert (r, error) || !moa_replacement_regenerate (r, error))
    return FALSE;
  moa_job_note_rate (r->job, &r->guide.prior);
  moa_guide_clear (&r->guide);
  return TRUE;
}

/* ---- Pictures ---- */

/* How much each pixel of picture, of the work picture's size, differs from the work picture: the largest of
 * its colours' differences, around it. */
static MoaImage *
find_change (const MoaReplacement *r, const MoaImage *picture, GError **error)
{
  MoaImage *change = moa_image_new (r->frame.width, r->frame.height, 1);
  if (!change)
    {
      moa_fail (error, MOA_ERROR_MEMORY, "No memory for the mask; close other programs");
      return NULL;
    }
  for (gsize i = 0; i < (gsize) change->width * change->height; i++)
    for (int c = 0; c < 3; c++)
      {
        double difference = CLAMP (picture->data[3 * i + c], 0, 1) - r->picture->data[3 * i + c];
        change->data[i] = MAX (change->data[i], fabs (difference));
      }
  moa_mask_blur (change, r->job->model->info.side / 64.0);
  return change;
}

/* The composite mask at the work picture's size.  picture: what was drawn, NULL if nothing was.  *found:
 * whether the routers saw a person. */
static MoaImage *
make_mask (const MoaReplacement *r, const MoaRouterMaps *maps, const MoaImage *picture,
           gboolean *found, GError **error)
{
  const MoaReplaceParams *params = r->params;
  double side = r->job->model->info.side;
  MoaImage *mask = NULL, *change = NULL;
  MoaImage *weight = moa_maps_weight (maps, params->mask_layers, params->n_mask_layers,
                                      r->frame.width, r->frame.height, error);
  if (weight && (!picture || !r->selection || (change = find_change (r, picture, error))))
    mask = moa_mask_composite (weight, change, r->selection, params->mask_threshold,
                               params->grow < 0 ? side / 64 : params->grow,
                               params->feather < 0 ? side / 42 : params->feather, found, error);
  moa_image_free (weight);
  moa_image_free (change);
  return mask;
}

/* The mask at the source's size, and nowhere above the selection. */
static MoaImage *
fit_mask (const MoaReplacement *r, const MoaImage *mask, GError **error)
{
  const MoaImage *selection = r->params->selection;
  MoaImage *out = moa_frame_out (&r->frame, mask, error);
  if (!out || !selection)
    return out;
  MoaImage *clean = moa_image_fit (selection, selection->width, selection->height, error);
  if (clean)
    moa_mask_limit (out, clean);
  else
    g_clear_pointer (&out, moa_image_free);
  moa_image_free (clean);
  return out;
}

static gboolean
finish_variation (MoaReplacement *r, int k, GError **error)
{
  const MoaReplaceParams *params = r->params;
  MoaVariation *variation = &r->result->variations[k];
  double ring = r->job->model->info.side / 16.0;
  MoaImage *picture = NULL, *mask = NULL;
  gboolean found, ok;
  r->job->meter.picture = k;
  ok = (params->maps_only
        || (picture = moa_decode_latent (r->job, &r->decoder, r->z + k * r->n, error)))
       && (mask = make_mask (r, &variation->maps[0], picture, &found, error))
       && (variation->mask = fit_mask (r, mask, error));
  if (ok && !found && k == 0)
    moa_job_warn (r->job,
                  r->selection
                      ? N_ ("The model saw no person in the selection; all of it is replaced")
                      : N_ ("The model saw no person, so nothing is replaced; select the person"));
  if (ok && picture)
    ok = (!params->color_match || moa_match_colors (picture, r->picture, mask, ring, error))
         && (variation->image = moa_frame_out (&r->frame, picture, error))
         && (variation->composite = moa_image_compose (params->source, variation->image,
                                                       variation->mask, error));
  moa_image_free (picture);
  moa_image_free (mask);
  return ok;
}

static gboolean
decode_way_back (MoaReplacement *r, GError **error)
{
  MoaImage *picture = moa_decode_latent (r->job, &r->decoder, r->way_back, error);
  if (picture)
    r->result->reconstruction = moa_frame_out (&r->frame, picture, error);
  moa_image_free (picture);
  return r->result->reconstruction != NULL;
}

static gboolean
finish (MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  MoaReplaceResult *result = r->result;
  moa_meter_begin (&r->job->meter, MOA_PHASE_DECODE, n_decodes (r));
  if (!moa_graph_prepare (r->decoder.graph, r->job->workspace, error))
    return FALSE;
  if (params->want_reconstruction && !decode_way_back (r, error))
    return FALSE;
  for (int k = 0; k < result->n_variations; k++)
    if (!finish_variation (r, k, error))
      return FALSE;
  if (g_cancellable_set_error_if_cancelled (r->job->run.cancellable, error))
    return FALSE;
  moa_meter_end (&r->job->meter, r->later);
  if (params->keep_trajectory)
    result->trajectory = g_steal_pointer (&r->trajectory);
  result->features = g_steal_pointer (&r->feats);
  result->n_features = r->n_subjects;
  result->dim = r->job->model->moa.feature_dim;
  result->encoder = moa_fingerprint_encoder (r->job->model, error);
  if (!result->encoder)
    return FALSE;
  result->latent_width = r->frame.latent_width;
  result->latent_height = r->frame.latent_height;
  memcpy (result->seconds, r->job->meter.seconds, sizeof (result->seconds));
  result->peak_bytes = r->job->peak_bytes;
  result->warnings = moa_job_take_warnings (r->job);
  return TRUE;
}

static gboolean
run_replacement (MoaReplacement *r, GError **error)
{
  if (!r->job || !plan (r, error) || !moa_job_reserve (r->job, error) || !allocate (r, error))
    return FALSE;
  r->inversion = moa_inversion_path (r);
  r->result->cached_inversion = moa_inversion_load (r, r->inversion);
  int prior, mixture;
  r->later = faces_cost (r, &prior, &mixture);
  moa_meter_init (&r->job->meter, total_cost (r) + r->later, &r->job->run);
  return moa_job_load (r->job, error) && encode (r, error) && run_steps (r, error) &&
         finish (r, error);
}

static void
clear_replacement (MoaReplacement *r)
{
  moa_coder_clear (&r->text);
  moa_coder_clear (&r->vision);
  moa_coder_clear (&r->encoder);
  moa_coder_clear (&r->decoder);
  moa_guide_clear (&r->guide);
  moa_image_free (r->picture);
  moa_image_free (r->selection);
  moa_image_free (r->hint);
  g_clear_pointer (&r->source_prompt, moa_prompt_free);
  g_clear_pointer (&r->prompt, moa_prompt_free);
  g_clear_pointer (&r->empty_prompt, moa_prompt_free);
  g_free (r->coverage);
  g_free (r->region);
  g_free (r->edit);
  g_free (r->texts);
  g_free (r->feats);
  g_free (r->timesteps);
  g_free (r->inversion);
  g_free (r->trajectory);
  g_free (r->z);
  g_free (r->way_back);
  moa_maps_clear (&r->live_maps);
  moa_image_free (r->live_preview);
  moa_job_free (r->job);
}

/* Where persons may change in place of params->selection: NULL, as it says.  Everything else is
 * checked before anybody is looked for. */
static gboolean
find_allowed (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run, MoaImage **allowed,
              GError **error)
{
  MoaReplaceResult *result = g_new0 (MoaReplaceResult, 1);
  MoaReplacement r = { .job = moa_job_new (model, run, error), .params = params, .result = result };
  gboolean ok = r.job && moa_replacement_resolve (&r, error);
  clear_replacement (&r);
  moa_replace_result_free (result);
  return ok && moa_persons_allow (model, params, run, allowed, error);
}

MoaReplaceResult *
moa_replacement_run (MoaModel *model, const MoaReplaceParams *params, double part, MoaMeter *meter,
                     const MoaRun *run, GError **error)
{
  MoaReplaceResult *result = g_new0 (MoaReplaceResult, 1);
  MoaReplacement r = { .job = moa_job_new (model, run, error), .params = params, .result = result,
                       .part = part };
  if (!run_replacement (&r, error))
    g_clear_pointer (&result, moa_replace_result_free);
  else if (meter)
    *meter = r.job->meter;
  clear_replacement (&r);
  return result;
}

MoaReplaceResult *
moa_replace (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && params, NULL);
  MoaReplaceParams own = *params;
  MoaImage *allowed = NULL;
  if (moa_persons_wanted (model, params) && !find_allowed (model, params, run, &allowed, error))
    return NULL;
  if (allowed)
    own.selection = allowed;
  MoaMeter meter;
  MoaReplaceResult *result = moa_replacement_run (model, &own, 1, &meter, run, error);
  if (result && own.faces > 0 && !own.maps_only && !moa_faces_run (model, &own, result, &meter, run, error))
    g_clear_pointer (&result, moa_replace_result_free);
  moa_image_free (allowed);
  return result;
}

/* What r needs of the source and of an earlier picture; *drawn at the work picture's size, or NULL. */
static gboolean
fit_earlier (MoaReplacement *r, const MoaImage *image, MoaImage **drawn, GError **error)
{
  const MoaImage *source = r->params->source;
  return moa_frame_init (&r->frame, r->job->model, source->width, source->height, error)
         && (!r->params->selection || read_selection (r, error))
         && (!image || ((r->picture = moa_frame_in (&r->frame, source, error))
                        && (*drawn = moa_frame_in (&r->frame, image, error))));
}

MoaImage *
moa_replace_mask (MoaModel *model, const MoaReplaceParams *params, const MoaVariation *variation,
                  GError **error)
{
  g_return_val_if_fail (model && params && variation && variation->n_maps > 0, NULL);
  const MoaRouterMaps *maps = &variation->maps[0];
  MoaReplaceResult *result = g_new0 (MoaReplaceResult, 1);
  MoaReplacement r = { .job = moa_job_new (model, NULL, error), .params = params, .result = result };
  MoaImage *mask = NULL, *fitted = NULL, *drawn = NULL;
  gboolean found;
  if (r.job && maps->n_layers != model->info.n_layers)
    moa_fail (error, MOA_ERROR_ARGUMENT, "The maps are of %d blocks, the model has %d",
              maps->n_layers, model->info.n_layers);
  else if (r.job && moa_replacement_resolve (&r, error)
           && fit_earlier (&r, variation->image, &drawn, error))
    mask = make_mask (&r, maps, drawn, &found, error);
  if (mask)
    fitted = fit_mask (&r, mask, error);
  moa_image_free (mask);
  moa_image_free (drawn);
  clear_replacement (&r);
  moa_replace_result_free (result);
  return fitted;
}

gboolean
moa_replace_estimate (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run,
                      gboolean calibrate, MoaEstimate *estimate, GError **error)
{
  MoaReplaceResult *result = g_new0 (MoaReplaceResult, 1);
  MoaReplacement r = { .job = moa_job_new (model, run, error), .params = params, .result = result,
                       .part = 1 };
  gboolean ok = r.job && plan (&r, error) && allocate (&r, error);
  if (ok)
    {
      g_autofree char *inversion = moa_inversion_path (&r);
      *estimate = (MoaEstimate){ r.frame.width, r.frame.height };
      estimate->cached_inversion = result->cached_inversion = moa_inversion_ready (&r, inversion);
      int prior, mixture;
      double faces = faces_cost (&r, &prior, &mixture);
      moa_replacement_passes (&r, &estimate->prior_passes, &estimate->mixture_passes);
      estimate->prior_passes += prior;
      estimate->mixture_passes += mixture;
      double search = moa_persons_wanted (model, params) ? moa_persons_cost () : 0;
      ok = moa_job_estimate (r.job, &r.guide.prior, &r.source, total_cost (&r) + faces + search, calibrate,
                             estimate, error);
    }
  clear_replacement (&r);
  moa_replace_result_free (result);
  return ok;
}
