/* Drawing new pictures: text, and persons by their photos, to image; UniPC of
 * order 2.  Pictures are drawn one after another: on a CPU a batch gains
 * nothing, and so its size costs no memory. */
#include "base/mask.h"
#include "base/rng.h"
#include "jobs/denoise.h"
#include "jobs/encode.h"
#include "jobs/frame.h"
#include "jobs/maps.h"
#include "jobs/preview.h"
#include "sample/unipc.h"

#include <string.h>

enum { NOISE_STREAM = 0 };
enum { MOST_PICTURES = 1024, LARGEST_SIDE = 4096 };

typedef struct {
  MoaJob *job;
  const MoaGenerateParams *params;
  MoaGenerateResult *result;     /* steps and guidance used are read from here */
  int width, height, n_subjects; /* n_subjects 0: the prior alone */
  MoaPrompt *prompt, *negative;
  int windows, n_vectors, text_rows; /* of the texts */
  MoaImage *hint; /* the ControlNet's picture, the result's size; or NULL */
  float *texts, *feats; /* an IP-Adapter's feats are followed by as many of nobody */
  float *region;  /* masks that stand for routers, [n_subjects * h * w]; or NULL */
  gint32 index[MOA_MAX_SUBJECTS];
  MoaCoder text, vision, decoder;
  MoaGuide guide;
  /* With MoaRun.live. */
  MoaCoder encoder;
  MoaPreview colours;
  MoaRouterMaps live_maps;
  MoaImage *live_preview;
} Generation;

void
moa_generate_params_init (MoaGenerateParams *params)
{
  *params = (MoaGenerateParams){
    .guidance = -1,
    .base = MOA_BASE_DEFAULT,
    .max_timestep = -1,
    .expert_scale = 1,
    .control = { .scale = 1, .end = 1 },
  };
}

static gboolean
size_ok (Generation *g, GError **error)
{
  const MoaGenerateParams *params = g->params;
  int side = g->job->model->info.side, factor = moa_model_vae_factor (g->job->model);
  g->width = params->width == 0 ? side : params->width;
  g->height = params->height == 0 ? side : params->height;
  if (!moa_number_check ("the width", g->width, factor, LARGEST_SIDE, error) ||
      !moa_number_check ("the height", g->height, factor, LARGEST_SIDE, error))
    return FALSE;
  if (g->width % factor || g->height % factor)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "The size is %d x %d; width and height must be multiples of %d", g->width,
                     g->height, factor);
  return TRUE;
}

static gboolean
none_kept (const Generation *g, GError **error)
{
  for (int k = 0; k < g->params->n_subjects; k++)
    if (g->params->subjects[k].keep)
      return moa_fail (error, MOA_ERROR_ARGUMENT,
                       "Subject %d is to stay as it is, but there is no picture yet; give a photo",
                       k + 1);
  return TRUE;
}

static gboolean
resolve (Generation *g, GError **error)
{
  const MoaGenerateParams *params = g->params;
  MoaGenerateResult *used = g->result;
  if (!params->prompt)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "There is no prompt");
  if (!moa_number_check ("the number of subjects", params->n_subjects, 0, MOA_MAX_SUBJECTS, error))
    return FALSE;
  if (params->n_subjects > 0 && !params->subjects)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "There are no subjects");
  if (!params->seeds)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "There is no seed; give one for each picture");
  used->steps = params->steps == 0 ? 30 : params->steps;
  used->guidance = params->guidance < 0 ? 5 : params->guidance;
  g->n_subjects = params->prior_only ? 0 : params->n_subjects;
  return moa_number_check ("the number of seeds", params->n_seeds, 1, MOST_PICTURES, error) &&
         moa_number_check ("steps", used->steps, 1, g->job->model->schedule->n - 1, error) &&
         moa_number_check ("guidance", used->guidance, 0, 100, error) &&
         moa_number_check ("guidance_rescale", params->guidance_rescale, 0, 1, error) &&
         moa_number_check ("base", params->base, MOA_BASE_DEFAULT, MOA_BASE_MOA, error) &&
         moa_subjects_check (params->subjects, params->n_subjects, error) && none_kept (g, error) &&
         (g->n_subjects == 0 || moa_model_need_expert (g->job->model, error)) &&
         moa_subjects_fit (g->job->model, params->subjects, g->n_subjects, error) &&
         moa_subjects_masks_check (g->job->model, params->subjects, g->n_subjects, error) &&
         moa_number_check ("expert_scale", params->expert_scale, 0, MOA_MAX_EXPERT_SCALE, error) &&
         size_ok (g, error) && moa_control_check (g->job->model, &params->control, error);
}

static gboolean
read_prompts (Generation *g, GError **error)
{
  const MoaTokenizer *tokenizer = g->job->model->tokenizer;
  const char *negative = g->params->negative ? g->params->negative : "";
  /* Marked for all subjects even where the prior draws alone: the preview must
   * refuse what the picture would. */
  const GPtrArray *embeddings = g->job->model->embeddings;
  gboolean adapter = moa_model_adapter (g->job->model) != NULL; /* whose subjects have no words */
  g->prompt = moa_prompt_new_weighted (tokenizer, g->params->prompt,
                                       adapter ? 0 : g->params->n_subjects, embeddings, error);
  if (!g->prompt)
    return FALSE;
  g->negative = moa_prompt_new_weighted (tokenizer, negative, 0, embeddings, error);
  if (!g->negative)
    return FALSE;
  if (g->prompt->warning)
    moa_job_warn (g->job, "%s", g->prompt->warning);
  if (g->negative->warning)
    moa_job_warn (g->job, "%s", g->negative->warning);
  for (int k = 0; k < g->n_subjects && !adapter; k++)
    g->index[k] = g->prompt->subject[k];
  return TRUE;
}

/* The masks that stand for routers, at latent size; where a subject has none it is everywhere. */
static gboolean
set_region (Generation *g, GError **error)
{
  const MoaModel *model = g->job->model;
  int factor = moa_model_vae_factor (model);
  gsize n = (gsize) (g->width / factor) * (g->height / factor);
  if (g->n_subjects == 0 || !model->moa.masks || !g->params->subjects[0].mask)
    return TRUE;
  g->region = moa_job_floats (g->n_subjects * n, error);
  for (int s = 0; g->region && s < g->n_subjects; s++)
    {
      MoaImage *mask = moa_image_fit (g->params->subjects[s].mask, g->width, g->height, error);
      if (!mask)
        return FALSE;
      moa_mask_blur (mask, model->info.side / 84.0);
      moa_image_pool (mask, factor, g->region + s * n);
      moa_image_free (mask);
    }
  return g->region != NULL;
}

static gboolean
set_conditions (Generation *g, GError **error)
{
  const MoaModel *model = g->job->model;
  const MoaGenerateParams *params = g->params;
  MoaGuide *guide = &g->guide;
  int factor = moa_model_vae_factor (model);
  const MoaPrompt *const prompts[] = { g->prompt, g->negative };
  g->windows = moa_prompts_windows (g->job, prompts, 2, &g->n_vectors);
  g->text_rows = g->windows * moa_tokenizer_window (model->tokenizer);
  guide->n = (gsize) (g->width / factor) * (g->height / factor) * model->unet.in_channels;
  gsize size = (gsize) g->text_rows * model->unet.text_dim;
  g->texts = moa_job_floats (2 * size, error);
  gboolean adapter = moa_model_adapter (model) != NULL;
  gsize feats = (gsize) g->n_subjects * model->moa.feature_dim;
  g->feats = g->texts ? moa_job_floats (MAX (1, adapter ? 2 * feats : feats), error) : NULL;
  if (!g->feats)
    return FALSE;
  gboolean same = moa_prompt_equal (g->prompt, g->negative);
  guide->prompt = (MoaCondition){ g->texts, g->n_subjects, g->feats, g->index };
  guide->base = (MoaCondition){ same ? g->texts : g->texts + size };
  guide->mixes = g->n_subjects > 0;
  guide->base_is_mixture = g->n_subjects > 0 && params->base != MOA_BASE_PRIOR;
  if (adapter && guide->base_is_mixture)
    guide->base = (MoaCondition){ guide->base.text, g->n_subjects, g->feats + feats, g->index };
  guide->control = &params->control;
  guide->guidance = g->result->guidance;
  guide->guidance_rescale = params->guidance_rescale;
  guide->guidance_max_timestep = model->schedule->n;
  guide->max_timestep = params->max_timestep < 0 ? model->info.max_timestep : params->max_timestep;
  return TRUE;
}

/* The timesteps that are gone through. */
static int *
grid (const Generation *g)
{
  int steps = g->result->steps, *timesteps = g_new (int, steps);
  MoaUnipc *unipc = moa_unipc_new (g->job->model->schedule, MOA_SPACING_LINSPACE, steps, 1);
  for (int i = 0; i < steps; i++)
    timesteps[i] = moa_unipc_timestep (unipc, i);
  moa_unipc_free (unipc);
  return timesteps;
}

static gboolean
build (Generation *g, GError **error)
{
  MoaModel *model = g->job->model;
  MoaCpu *cpu = g->job->cpu;
  int factor = moa_model_vae_factor (model), steps = g->result->steps;
  g_autofree int *timesteps = grid (g);
  MoaDenoiserSpec prior = { .width = g->width / factor, .height = g->height / factor,
                            .text_rows = g->text_rows };
  MoaDenoiserSpec mixture = prior;
  mixture.mixture = TRUE;
  mixture.n_slots = g->n_subjects;
  mixture.limit = g->region;
  mixture.scale = g->params->expert_scale;
  mixture.maps = g->params->want_maps || g->job->run.live;
  g_mutex_lock (&model->lock);
  gboolean ok = moa_coder_text (&g->text, model, cpu, 2 * g->windows, g->n_vectors, error) &&
                moa_coder_decode (&g->decoder, model, cpu, g->width, g->height, error) &&
                (!g->job->run.live ||
                 moa_coder_encode (&g->encoder, model, cpu, MOA_PREVIEW_SIDE * factor,
                                   MOA_PREVIEW_SIDE * factor, error)) &&
                (g->n_subjects == 0 || !moa_model_sees_photos (model) ||
                 moa_coder_vision (&g->vision, model, cpu, error)) &&
                moa_guide_build (&g->guide, model, cpu, &prior, &mixture, timesteps, steps, error);
  g_mutex_unlock (&model->lock);
  if (!ok)
    return FALSE;
  moa_job_count (g->job, g->text.graph, model->text_params);
  moa_job_count (g->job, g->decoder.graph, model->vae_params);
  if (g->job->run.live)
    moa_job_count (g->job, g->encoder.graph, model->vae_params);
  if (g->n_subjects > 0)
    moa_job_count (g->job, g->vision.graph, model->vision_params);
  moa_guide_count (&g->guide, g->job);
  enum { LATENTS = 9 };
  g->job->held_bytes += (guint64) g->width * g->height * 3 * sizeof (float) * g->params->n_seeds;
  g->job->held_bytes += g->guide.n * LATENTS * sizeof (float);
  return TRUE;
}

static gboolean
start_live (Generation *g, GError **error)
{
  int factor = moa_model_vae_factor (g->job->model);
  if (!moa_preview_learn (&g->colours, g->job, &g->encoder, error))
    return FALSE;
  moa_coder_clear (&g->encoder);
  g->live_preview = moa_image_try (g->width / factor, g->height / factor, 3, error);
  return g->live_preview &&
         (g->n_subjects == 0 || moa_maps_init (&g->live_maps, moa_guide_routed (&g->guide), 0, 0, error));
}

/* For who watches: the routers of step i, and where z is going. */
static void
show (Generation *g, int i, int t, const float *z, const float *eps)
{
  MoaMeter *meter = &g->job->meter;
  if (!g->live_preview)
    return;
  if (moa_guide_mixes (&g->guide, t))
    {
      g->live_maps.step = i;
      g->live_maps.timestep = t;
      moa_maps_take (&g->live_maps, moa_guide_routed (&g->guide), 1);
      meter->maps = &g->live_maps;
    }
  moa_preview_draw (&g->colours, g->job->model->schedule, t, z, eps, NULL, g->live_preview);
  meter->preview = g->live_preview;
}

static gboolean
encode (Generation *g, GError **error)
{
  const MoaPrompt *const prompts[] = { g->prompt, g->negative };
  int photos = moa_subjects_photos (g->params->subjects, g->n_subjects);
  moa_meter_begin (&g->job->meter, MOA_PHASE_ENCODE, photos + 1 + g->job->run.live);
  if (g->params->control.image &&
      !(g->hint = moa_image_fit_rgb (g->params->control.image, g->width, g->height, error)))
    return FALSE;
  if (!moa_encode_texts (g->job, &g->text, prompts, 2, g->texts, error))
    return FALSE;
  if (g->n_subjects > 0 && !moa_encode_subjects (g->job, &g->vision, g->params->subjects,
                                                 g->n_subjects, g->feats, error))
    return FALSE;
  if (moa_model_adapter (g->job->model) && g->guide.base_is_mixture
      && !moa_encode_nobodies (g->job, &g->vision, g->n_subjects, g->feats, error))
    return FALSE;
  if (g->job->run.live && !start_live (g, error))
    return FALSE;
  moa_coder_clear (&g->text);
  moa_coder_clear (&g->vision);
  return TRUE;
}

/* Noise -> latent z; the router maps' mean over the late half of the steps. */
static gboolean
denoise (Generation *g, MoaUnipc *unipc, float *z, float *eps, MoaRouterMaps *maps, GError **error)
{
  int steps = g->result->steps, n_late = 0;
  for (int i = 0; i < steps; i++)
    {
      int t = moa_unipc_timestep (unipc, i);
      moa_guide_step (&g->guide, i, steps);
      if (!moa_guide_eps (&g->guide, g->job, z, t, eps, error))
        return FALSE;
      show (g, i, t, z, eps);
      moa_unipc_step (unipc, z, eps);
      if (maps && i >= steps / 2 && moa_guide_mixes (&g->guide, t))
        moa_maps_take (maps, moa_guide_routed (&g->guide), ++n_late);
      moa_meter_step (&g->job->meter, moa_guide_cost (&g->guide, t));
    }
  return TRUE;
}

/* The latents of all pictures, drawn one after another. */
static gboolean
draw (Generation *g, float *latents, GError **error)
{
  const MoaGenerateParams *params = g->params;
  const MoaSchedule *schedule = g->job->model->schedule;
  int steps = g->result->steps;
  gsize n = g->guide.n;
  gboolean want_maps = params->want_maps && g->n_subjects > 0;
  g_autofree float *eps = moa_job_floats (n, error);
  if (!eps || !moa_guide_prepare (&g->guide, g->job, g->hint, error))
    return FALSE;
  if (want_maps)
    g->result->maps = g_new0 (MoaRouterMaps, params->n_seeds);
  moa_meter_begin (&g->job->meter, MOA_PHASE_GENERATE, steps * params->n_seeds);
  for (int i = 0; i < params->n_seeds; i++)
    {
      float *z = latents + i * n;
      MoaRouterMaps *maps = want_maps ? &g->result->maps[i] : NULL;
      g->result->n_images = i + 1;
      g->job->meter.picture = i;
      if (maps && !moa_maps_init (maps, moa_guide_routed (&g->guide), -1, -1, error))
        return FALSE;
      moa_rng_normal (params->seeds[i], NOISE_STREAM, 0, z, n);
      MoaUnipc *unipc = moa_unipc_new (schedule, MOA_SPACING_LINSPACE, steps, n);
      gboolean ok = denoise (g, unipc, z, eps, maps, error);
      moa_unipc_free (unipc);
      if (!ok)
        return FALSE;
    }
  moa_job_note_rate (g->job, &g->guide.nets[0].prior);
  moa_guide_clear (&g->guide);
  return TRUE;
}

/* The U-Net's passes of one picture. */
static void
count_passes (Generation *g, int *prior, int *mixture)
{
  g_autofree int *timesteps = grid (g);
  *prior = *mixture = 0;
  for (int i = 0; i < g->result->steps; i++)
    moa_guide_passes (&g->guide, timesteps[i], prior, mixture);
}

static double
total_cost (Generation *g)
{
  int prior, mixture;
  count_passes (g, &prior, &mixture);
  double learn = g->job->run.live ? MOA_COST_VAE_ENCODE : 0;
  return MOA_COST_LOAD + 2 * MOA_COST_TEXT + learn +
         MOA_COST_PHOTO * moa_subjects_photos (g->params->subjects, g->n_subjects) +
         g->params->n_seeds *
             (prior * MOA_COST_PRIOR + mixture * MOA_COST_MIXTURE + MOA_COST_VAE_DECODE);
}

static gboolean
decode (Generation *g, const float *latents, GError **error)
{
  moa_meter_begin (&g->job->meter, MOA_PHASE_DECODE, g->params->n_seeds);
  if (!moa_graph_prepare (g->decoder.graph, g->job->workspace, error))
    return FALSE;
  for (int i = 0; i < g->params->n_seeds; i++)
    {
      g->result->images[i] = moa_decode_latent (g->job, &g->decoder, latents + i * g->guide.n,
                                                error);
      if (!g->result->images[i])
        return FALSE;
    }
  return TRUE;
}

static gboolean
plan (Generation *g, GError **error)
{
  return resolve (g, error) && read_prompts (g, error) && set_region (g, error) &&
         set_conditions (g, error) && build (g, error);
}

static gboolean
run_generation (Generation *g, GError **error)
{
  if (!plan (g, error) || !moa_job_reserve (g->job, error))
    return FALSE;
  MoaGenerateResult *result = g->result;
  result->images = g_new0 (MoaImage *, g->params->n_seeds);
  g_autofree float *latents = moa_job_floats (g->params->n_seeds * g->guide.n, error);
  if (!latents)
    return FALSE;
  moa_meter_init (&g->job->meter, total_cost (g), &g->job->run);
  if (!moa_job_load (g->job, error) || !encode (g, error) || !draw (g, latents, error) ||
      !decode (g, latents, error) ||
      g_cancellable_set_error_if_cancelled (g->job->run.cancellable, error))
    return FALSE;
  moa_meter_end (&g->job->meter, 0);
  memcpy (result->seconds, g->job->meter.seconds, sizeof (result->seconds));
  result->peak_bytes = g->job->peak_bytes;
  result->warnings = moa_job_take_warnings (g->job);
  return TRUE;
}

static void
clear_generation (Generation *g)
{
  moa_coder_clear (&g->text);
  moa_coder_clear (&g->vision);
  moa_coder_clear (&g->encoder);
  moa_coder_clear (&g->decoder);
  moa_guide_clear (&g->guide);
  g_clear_pointer (&g->prompt, moa_prompt_free);
  g_clear_pointer (&g->negative, moa_prompt_free);
  g_free (g->texts);
  g_free (g->feats);
  g_free (g->region);
  moa_maps_clear (&g->live_maps);
  moa_image_free (g->live_preview);
  moa_image_free (g->hint);
  moa_job_free (g->job);
}

MoaGenerateResult *
moa_generate (MoaModel *model, const MoaGenerateParams *params, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && params, NULL);
  MoaGenerateResult *result = g_new0 (MoaGenerateResult, 1);
  Generation g = { .job = moa_job_new (model, run, error), .params = params, .result = result };
  if (!g.job || !run_generation (&g, error))
    g_clear_pointer (&result, moa_generate_result_free);
  clear_generation (&g);
  return result;
}

gboolean
moa_generate_estimate (MoaModel *model, const MoaGenerateParams *params, const MoaRun *run,
                       gboolean calibrate, MoaEstimate *estimate, GError **error)
{
  g_return_val_if_fail (model && params, FALSE);
  MoaGenerateResult *result = g_new0 (MoaGenerateResult, 1);
  Generation g = { .job = moa_job_new (model, run, error), .params = params, .result = result };
  gboolean ok = g.job && plan (&g, error);
  if (ok)
    {
      *estimate = (MoaEstimate){ g.width, g.height };
      count_passes (&g, &estimate->prior_passes, &estimate->mixture_passes);
      estimate->prior_passes *= params->n_seeds;
      estimate->mixture_passes *= params->n_seeds;
      ok = moa_job_estimate (g.job, &g.guide.nets[0].prior, &g.guide.base, total_cost (&g), calibrate,
                             estimate, error);
    }
  clear_generation (&g);
  moa_generate_result_free (result);
  return ok;
}

void
moa_generate_result_free (MoaGenerateResult *result)
{
  if (!result)
    return;
  for (int i = 0; i < result->n_images; i++)
    {
      moa_image_free (result->images[i]);
      if (result->maps)
        moa_maps_clear (&result->maps[i]);
    }
  g_free (result->images);
  g_free (result->maps);
  g_strfreev (result->warnings);
  g_free (result);
}
