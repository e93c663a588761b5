/* Replacing persons in a picture.
 *
 *   check, read prompts (replace-plan.c) -> encode the picture and find persons, if they are wanted
 *   -> plan every network, make sure of the memory -> load
 *   -> encode text, subjects, picture -> invert -> regenerate (replace-steps.c) -> decode
 *   -> composite mask from the routers and the selection -> composite (replace-finish.c) */
#include "jobs/replace.h"

#include "jobs/faces.h"
#include "jobs/inversion.h"
#include "jobs/persons.h"

/* ---- Encoding ---- */

static gboolean
encode (MoaReplacement *r, GError **error)
{
  const MoaPrompt *const prompts[N_TEXTS] = { r->source_prompt, r->prompt,
                                              r->empty_prompt ? r->empty_prompt
                                                              : r->source_prompt };
  int photos = moa_subjects_photos (r->subjects, r->n_subjects);
  moa_meter_begin (&r->job->meter, MOA_PHASE_ENCODE, photos + 1 + !r->picture.encoded);
  if (r->params->control.image &&
      !(r->hint = moa_frame_in (&r->picture.frame, r->params->control.image, error)))
    return FALSE;
  if (!moa_encode_texts (r->job, &r->text, prompts, N_TEXTS, r->texts, error) ||
      !moa_encode_subjects (r->job, &r->vision, r->subjects, r->n_subjects, r->feats, error))
    return FALSE;
  if (moa_model_adapter (r->job->model) && r->guide.base_is_mixture &&
      !moa_encode_nobodies (r->job, &r->vision, r->n_subjects, r->feats, error))
    return FALSE;
  moa_coder_clear (&r->text);
  moa_coder_clear (&r->vision);
  return moa_picture_encode (&r->picture, r->job, error);
}

/* ---- Steps ---- */

static gboolean
init_maps (const MoaReplacement *r, MoaRouterMaps *maps, int step, int timestep, GError **error)
{
  if (!moa_maps_init (maps, moa_guide_routed (&r->guide), step, timestep, error))
    return FALSE;
  maps->width_share = (double) r->picture.frame.scaled_width / r->picture.frame.width;
  maps->height_share = (double) r->picture.frame.scaled_height / r->picture.frame.height;
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
  moa_preview_fit (&r->colours, r->picture.work, moa_model_vae_factor (model), r->trajectory,
                   model->vae.latent_channels);
  const MoaFrame *frame = &r->picture.frame;
  r->live_preview = moa_image_fit (r->picture.work, frame->latent_width, frame->latent_height, error);
  return r->live_preview && init_maps (r, &r->live_maps, 0, 0, error);
}

static gboolean
run_steps (MoaReplacement *r, GError **error)
{
  for (int k = 0; k < r->result->n_variations; k++)
    if (!start_maps (r, &r->result->variations[k], error))
      return FALSE;
  if (!start_live (r, error) || !moa_guide_prepare (&r->guide, r->job, r->hint, error))
    return FALSE;
  if (!moa_replacement_invert (r, error) || !moa_replacement_regenerate (r, error))
    return FALSE;
  moa_job_note_rate (r->job, &r->guide.nets[0].prior);
  moa_guide_clear (&r->guide);
  return TRUE;
}

/* ---- The whole ---- */

/* Without a selection, and without those who stay, persons may change where some are seen. */
static gboolean
find_persons (MoaReplacement *r, GError **error)
{
  if (!moa_persons_wanted (r->job->model, r->params))
    return TRUE;
  if (!moa_persons_allow (r->job, &r->picture, r->params, &r->allowed, error))
    return FALSE;
  if (r->allowed)
    r->selected = r->allowed;
  return TRUE;
}

static gboolean
run_replacement (MoaReplacement *r, GError **error)
{
  if (!r->job || !moa_replacement_prepare (r, error))
    return FALSE;
  r->inversion = moa_inversion_path (r);
  r->result->cached_inversion = r->picture.encoded = moa_inversion_load (r, r->inversion);
  int prior, mixture;
  r->later = moa_replacement_faces_cost (r, &prior, &mixture);
  moa_meter_init (&r->job->meter, moa_replacement_cost (r) + r->later, &r->job->run);
  return find_persons (r, error) && moa_replacement_plan (r, error) && moa_job_reserve (r->job, error)
         && moa_job_load (r->job, error) && encode (r, error)
         && run_steps (r, error) && moa_replacement_finish (r, error);
}

void
moa_replacement_clear (MoaReplacement *r)
{
  moa_coder_clear (&r->text);
  moa_coder_clear (&r->vision);
  moa_picture_clear (&r->picture);
  moa_coder_clear (&r->decoder);
  moa_guide_clear (&r->guide);
  moa_image_free (r->allowed);
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
  moa_replacement_clear (&r);
  return result;
}

MoaReplaceResult *
moa_replace (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && params, NULL);
  MoaMeter meter;
  MoaReplaceResult *result = moa_replacement_run (model, params, 1, &meter, run, error);
  if (result && params->faces > 0 && !params->maps_only
      && !moa_faces_run (model, params, result, &meter, run, error))
    g_clear_pointer (&result, moa_replace_result_free);
  return result;
}

gboolean
moa_replace_estimate (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run,
                      gboolean calibrate, MoaEstimate *estimate, GError **error)
{
  MoaReplaceResult *result = g_new0 (MoaReplaceResult, 1);
  MoaReplacement r = { .job = moa_job_new (model, run, error), .params = params, .result = result,
                       .part = 1 };
  gboolean ok = r.job && moa_replacement_prepare (&r, error) && moa_replacement_plan (&r, error);
  if (ok)
    {
      g_autofree char *inversion = moa_inversion_path (&r);
      *estimate = (MoaEstimate){ r.picture.frame.width, r.picture.frame.height };
      estimate->cached_inversion = result->cached_inversion = moa_inversion_ready (&r, inversion);
      int prior, mixture;
      double faces = moa_replacement_faces_cost (&r, &prior, &mixture);
      moa_replacement_passes (&r, &estimate->prior_passes, &estimate->mixture_passes);
      estimate->prior_passes += prior;
      estimate->mixture_passes += mixture;
      ok = moa_job_estimate (r.job, &r.guide.nets[0].prior, &r.source, moa_replacement_cost (&r) + faces,
                             calibrate, estimate, error);
    }
  moa_replacement_clear (&r);
  moa_replace_result_free (result);
  return ok;
}
