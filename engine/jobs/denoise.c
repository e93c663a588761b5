/* eps for a latent, with classifier-free guidance: see denoise.h. */
#include "jobs/denoise.h"

#include "jobs/encode.h"
#include "sample/guidance.h"

#include <string.h>

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
  guide->controls = guide->control->image && guide->control->start <= (double) i / n &&
                    guide->control->end >= (double) (i + 1) / n;
}

/* ---- The networks ----------------------------------------------------- */

/* Whether base and prompt are rows of one network at timestep t. */
static gboolean
pairs (const MoaGuide *guide, int t)
{
  return base_counts (guide, t) && (guide->base_is_mixture || !moa_guide_mixes (guide, t));
}

static gboolean
build_denoiser (MoaDenoiser *denoiser, const MoaDenoiserSpec *spec, MoaGuideNets *nets, int rows,
                MoaModel *model, MoaCpu *cpu, GError **error)
{
  MoaDenoiserSpec own = *spec;
  own.rows = rows;
  own.control = nets->controller.graph ? &nets->controller : NULL;
  return moa_denoiser_init (denoiser, model, cpu, &own, error);
}

gboolean
moa_guide_build (MoaGuide *guide, MoaModel *model, MoaCpu *cpu, const MoaDenoiserSpec *prior,
                 const MoaDenoiserSpec *mixture, const int *timesteps, int n, GError **error)
{
  gboolean wanted[MOA_MAX_ROWS][2] = { { TRUE, guide->mixes } };
  for (int i = 0; i < n; i++)
    if (pairs (guide, timesteps[i]))
      wanted[1][moa_guide_mixes (guide, timesteps[i])] = TRUE;
  for (int r = 0; r < MOA_MAX_ROWS; r++)
    {
      MoaGuideNets *nets = &guide->nets[r];
      gboolean any = wanted[r][FALSE] || wanted[r][TRUE];
      if ((any && guide->control->image
           && !moa_controller_init (&nets->controller, model, cpu, prior->width, prior->height,
                                    prior->text_rows, r + 1, error))
          || (wanted[r][FALSE] && !build_denoiser (&nets->prior, prior, nets, r + 1, model, cpu, error))
          || (wanted[r][TRUE] && !build_denoiser (&nets->mixture, mixture, nets, r + 1, model, cpu, error)))
        return FALSE;
    }
  return TRUE;
}

void
moa_guide_count (const MoaGuide *guide, MoaJob *job)
{
  const MoaModel *model = job->model;
  for (int r = 0; r < MOA_MAX_ROWS; r++)
    {
      const MoaGuideNets *nets = &guide->nets[r];
      moa_job_count (job, nets->controller.graph, nets->controller.graph ? model->control_params : NULL);
      moa_job_count (job, nets->prior.graph, model->unet_params);
      moa_job_count (job, nets->mixture.graph, nets->mixture.graph ? model->moa_params : NULL);
    }
  job->held_bytes += MOA_MAX_ROWS * guide->n * sizeof (float);
}

gboolean
moa_guide_prepare (MoaGuide *guide, MoaJob *job, const MoaImage *hint, GError **error)
{
  guide->scratch = moa_job_floats (MOA_MAX_ROWS * guide->n, error);
  if (!guide->scratch)
    return FALSE;
  for (int r = 0; r < MOA_MAX_ROWS; r++)
    {
      MoaGuideNets *nets = &guide->nets[r];
      if ((nets->prior.graph && !moa_denoiser_prepare (&nets->prior, job->workspace, error))
          || (nets->mixture.graph && !moa_denoiser_prepare (&nets->mixture, job->workspace, error)))
        return FALSE;
      if (nets->controller.graph)
        moa_controller_set_hint (&nets->controller, hint);
    }
  return TRUE;
}

void
moa_guide_clear (MoaGuide *guide)
{
  for (int r = 0; r < MOA_MAX_ROWS; r++)
    {
      moa_denoiser_clear (&guide->nets[r].prior);
      moa_denoiser_clear (&guide->nets[r].mixture);
      moa_controller_clear (&guide->nets[r].controller);
    }
  guide->routed = NULL;
  g_clear_pointer (&guide->scratch, g_free);
}

const MoaDenoiser *
moa_guide_routed (const MoaGuide *guide)
{
  return guide->routed ? guide->routed : &guide->nets[0].mixture;
}

/* ---- eps -------------------------------------------------------------- */

/* out: [rows][n] */
static gboolean
run (MoaGuide *guide, gboolean mixes, int rows, const MoaCondition *const *conditions, MoaJob *job,
     const float *z, int t, float *out, GError **error)
{
  MoaGuideNets *nets = &guide->nets[rows - 1];
  MoaDenoiser *denoiser = mixes ? &nets->mixture : &nets->prior;
  const float *text = conditions[0]->text;
  /* Of one latent in one step, residuals differ only where texts do. */
  if (!guide->controls)
    moa_controller_rest (&nets->controller);
  else if ((rows > 1 || guide->controlled != text)
           && !moa_controller_run (&nets->controller, conditions, z, t, guide->control->scale,
                                   job->run.cancellable, error))
    return FALSE;
  guide->controlled = text;
  if (!moa_denoiser_run (denoiser, conditions, z, t, out, job->run.cancellable, error))
    return FALSE;
  if (mixes)
    guide->routed = denoiser;
  for (int r = 0; r < rows; r++)
    moa_schedule_eps (job->model->schedule, t, z, out + r * guide->n, guide->n);
  return moa_job_check_finite (job, "U-Net", out, rows * guide->n, error);
}

gboolean
moa_guide_prior (MoaGuide *guide, const MoaCondition *condition, MoaJob *job, const float *z, int t,
                 float *eps, GError **error)
{
  guide->controls = FALSE;
  return run (guide, FALSE, 1, &condition, job, z, t, eps, error);
}

/* Both rows: base [n], prompt [n]. */
static gboolean
run_both (MoaGuide *guide, MoaJob *job, const float *z, int t, float *rows, GError **error)
{
  const MoaCondition *const conditions[] = { &guide->base, &guide->prompt };
  gboolean mixes = moa_guide_mixes (guide, t);
  if (pairs (guide, t))
    return run (guide, mixes, 2, conditions, job, z, t, rows, error);
  return run (guide, FALSE, 1, conditions, job, z, t, rows, error)
         && run (guide, mixes, 1, conditions + 1, job, z, t, rows + guide->n, error);
}

gboolean
moa_guide_eps (MoaGuide *guide, MoaJob *job, const float *z, int t, float *eps, GError **error)
{
  const MoaCondition *prompt = &guide->prompt;
  int channels = job->model->unet.in_channels;
  guide->controlled = NULL;
  if (!base_counts (guide, t))
    return run (guide, moa_guide_mixes (guide, t), 1, &prompt, job, z, t, eps, error);
  if (!run_both (guide, job, z, t, guide->scratch, error))
    return FALSE;
  memcpy (eps, guide->scratch + guide->n, guide->n * sizeof (float));
  moa_guidance (job->model->schedule, t, guidance (guide, t), guide->guidance_rescale, z, guide->scratch, eps,
                guide->n / channels, channels);
  return TRUE;
}
