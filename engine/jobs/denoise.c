/* eps for a latent, with classifier-free guidance: see denoise.h. */
#include "jobs/denoise.h"

#include "jobs/encode.h"
#include "sample/guidance.h"

void
moa_guide_clear (MoaGuide *guide)
{
  moa_denoiser_clear (&guide->prior);
  moa_denoiser_clear (&guide->mixture);
  moa_controller_clear (&guide->controller);
  g_clear_pointer (&guide->scratch, g_free);
}

gboolean
moa_guide_mixes (const MoaGuide *guide, int t)
{
  return guide->mixes && t <= guide->max_timestep;
}

/* At timestep t. */
static double
guidance (const MoaGuide *guide, int t)
{
  return t <= guide->guidance_max_timestep ? guide->guidance : 1;
}

/* Whether the base's row changes the result at timestep t. */
static gboolean
base_counts (const MoaGuide *guide, int t)
{
  if (guidance (guide, t) == 1)
    return FALSE;
  return moa_guide_mixes (guide, t) || guide->prompt.text != guide->base.text;
}

void
moa_guide_passes (const MoaGuide *guide, int t, int *prior, int *mixture)
{
  gboolean mixes = moa_guide_mixes (guide, t);
  ++*(mixes ? mixture : prior);
  if (base_counts (guide, t))
    ++*(mixes && guide->base_is_mixture ? mixture : prior);
}

double
moa_guide_cost (const MoaGuide *guide, int t)
{
  int prior = 0, mixture = 0;
  moa_guide_passes (guide, t, &prior, &mixture);
  return prior * MOA_COST_PRIOR + mixture * MOA_COST_MIXTURE;
}

gboolean
moa_control_check (const MoaModel *model, const MoaControl *control, GError **error)
{
  const MoaImage *image = control->image;
  if (!image)
    return TRUE;
  if (!model->control_params)
    return moa_fail (error, MOA_ERROR_MODEL, "%s: was opened without a ControlNet, so there is "
                     "nothing that follows a picture; give one with the model", model->path);
  if (!image->data || (image->channels != 3 && image->channels != 4))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "The picture for the ControlNet must be RGB or RGBA");
  return moa_number_check ("the ControlNet's scale", control->scale, -10, 10, error) &&
         moa_number_check ("the ControlNet's start", control->start, 0, 1, error) &&
         moa_number_check ("the ControlNet's end", control->end, control->start, 1, error);
}

void
moa_guide_step (MoaGuide *guide, int i, int n)
{
  guide->controls = guide->controller.graph && guide->control->start <= (double) i / n &&
                    guide->control->end >= (double) (i + 1) / n;
}

static gboolean
run (MoaGuide *guide, MoaDenoiser *denoiser, const MoaCondition *condition, MoaJob *job,
     const float *z, int t, float *eps, GError **error)
{
  /* Both rows are of one latent: the residuals differ only where their texts do. */
  if (guide->controls && guide->controlled != condition->text &&
      !moa_controller_run (&guide->controller, condition->text, z, t, guide->control->scale,
                           job->run.cancellable, error))
    return FALSE;
  guide->controlled = condition->text;
  if (!moa_denoiser_run (denoiser, condition, guide->controls ? guide->controller.values : NULL, z,
                         t, eps, job->run.cancellable, error))
    return FALSE;
  gsize n = moa_shape_count (&denoiser->sample->shape);
  moa_schedule_eps (job->model->schedule, t, z, eps, n);
  return moa_job_check_finite (job, "U-Net", eps, n, error);
}

gboolean
moa_guide_prior (MoaGuide *guide, const MoaCondition *condition, MoaJob *job, const float *z, int t,
                 float *eps, GError **error)
{
  guide->controls = FALSE;
  return run (guide, &guide->prior, condition, job, z, t, eps, error);
}

gboolean
moa_guide_eps (MoaGuide *guide, MoaJob *job, const float *z, int t, float *eps, GError **error)
{
  gboolean mixes = moa_guide_mixes (guide, t);
  float *base = guide->scratch;
  guide->controlled = NULL;
  /* The base first: who wants router maps reads those of the prompt's row. */
  if (base_counts (guide, t) &&
      !run (guide, mixes && guide->base_is_mixture ? &guide->mixture : &guide->prior, &guide->base,
            job, z, t, base, error))
    return FALSE;
  if (!run (guide, mixes ? &guide->mixture : &guide->prior, &guide->prompt, job, z, t, eps, error))
    return FALSE;
  int channels = job->model->unet.in_channels;
  if (base_counts (guide, t))
    moa_guidance (job->model->schedule, t, guidance (guide, t), guide->guidance_rescale, z, base, eps,
                  guide->n / channels, channels);
  return TRUE;
}
