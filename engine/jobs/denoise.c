/* eps for a latent, with classifier-free guidance: see denoise.h. */
#include "jobs/denoise.h"

void
moa_guide_clear (MoaGuide *guide)
{
  moa_denoiser_clear (&guide->prior);
  moa_denoiser_clear (&guide->mixture);
  g_clear_pointer (&guide->scratch, g_free);
}

gboolean
moa_guide_mixes (const MoaGuide *guide, int t)
{
  return guide->mixture.graph && t <= guide->max_timestep;
}

/* Whether the base's row changes the result at timestep t. */
static gboolean
base_counts (const MoaGuide *guide, int t)
{
  if (guide->guidance == 1)
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

static gboolean
run (MoaDenoiser *denoiser, const MoaCondition *condition, MoaJob *job, const float *z, int t,
     float *eps, GError **error)
{
  if (!moa_denoiser_run (denoiser, condition, z, t, eps, job->run.cancellable, error))
    return FALSE;
  gsize n = moa_shape_count (&denoiser->sample->shape);
  moa_schedule_eps (job->model->schedule, t, z, eps, n);
  return moa_job_check_finite (job, "U-Net", eps, n, error);
}

gboolean
moa_guide_prior (MoaGuide *guide, const MoaCondition *condition, MoaJob *job, const float *z, int t,
                 float *eps, GError **error)
{
  return run (&guide->prior, condition, job, z, t, eps, error);
}

gboolean
moa_guide_eps (MoaGuide *guide, MoaJob *job, const float *z, int t, float *eps, GError **error)
{
  gboolean mixes = moa_guide_mixes (guide, t);
  float *base = guide->scratch;
  /* The base first: who wants router maps reads those of the prompt's row. */
  if (base_counts (guide, t) &&
      !run (mixes && guide->base_is_mixture ? &guide->mixture : &guide->prior, &guide->base, job, z,
            t, base, error))
    return FALSE;
  if (!run (mixes ? &guide->mixture : &guide->prior, &guide->prompt, job, z, t, eps, error))
    return FALSE;
  if (base_counts (guide, t))
    for (gsize i = 0; i < guide->n; i++)
      eps[i] = base[i] + (float) guide->guidance * (eps[i] - base[i]);
  return TRUE;
}
