/* The steps of a replacement, on one DDIM grid: inversion of the picture with
 * the prior alone and guidance 1, and regeneration from the noise.  z*_t is the
 * inversion's latent at timestep t. */
#include "jobs/replace.h"

#include "base/rng.h"
#include "sample/ddim.h"

#include <math.h>
#include <string.h>

enum { NOISE_STREAM = 1 };

/* The inversion's latent after i steps of regeneration. */
static float *
kept_latent (const MoaReplacement *r, int i)
{
  return r->trajectory + (gsize) (r->result->steps - i) * r->n;
}

/* Whether step i only goes back along the inversion: the prior alone, on the
 * same text and without guidance, from the same noise.  Then the kept latent
 * is what the step would give, without the inversion's error. */
static gboolean
retraces (const MoaReplacement *r, int i)
{
  return r->retrace && !moa_guide_mixes (&r->guide, r->timesteps[i]);
}

double
moa_replacement_cost (const MoaReplacement *r)
{
  const MoaReplaceResult *used = r->result;
  double cost = used->steps * (1 + used->fixed_point) * MOA_COST_PRIOR;
  if (r->params->want_reconstruction)
    cost += used->steps * MOA_COST_PRIOR;
  for (int i = 0; i < used->steps; i++)
    cost += retraces (r, i) ? 0 : moa_guide_cost (&r->guide, r->timesteps[i]);
  return cost;
}

static gboolean
go_back (MoaReplacement *r, float *eps, GError **error)
{
  int steps = r->result->steps;
  r->way_back = moa_job_floats (r->n, error);
  if (!r->way_back)
    return FALSE;
  memcpy (r->way_back, kept_latent (r, 0), r->n * sizeof (float));
  for (int i = 0; i < steps; i++)
    {
      int t = r->timesteps[i];
      if (!moa_guide_prior (&r->guide, &r->source, r->job, r->way_back, t, eps, error))
        return FALSE;
      moa_ddim_step (r->job->model->schedule, steps, t, r->way_back, eps, r->n);
      moa_meter_step (&r->job->meter, MOA_COST_PRIOR);
    }
  return TRUE;
}

gboolean
moa_replacement_invert (MoaReplacement *r, GError **error)
{
  const MoaReplaceResult *used = r->result;
  int n_steps = used->steps * (r->params->want_reconstruction ? 2 : 1);
  moa_meter_begin (&r->job->meter, MOA_PHASE_INVERT, n_steps);
  g_autofree float *eps = moa_job_floats (r->n, error);
  if (!eps)
    return FALSE;
  for (int i = used->steps - 1; i >= 0; i--)
    {
      int t = r->timesteps[i];
      const float *from = kept_latent (r, i + 1);
      float *to = kept_latent (r, i);
      /* eps should be the target's own; the first guess is the start's at the
       * target's timestep, and each refinement the last target's. */
      for (int k = 0; k <= used->fixed_point; k++)
        {
          if (!moa_guide_prior (&r->guide, &r->source, r->job, k ? to : from, t, eps, error))
            return FALSE;
          moa_ddim_invert_step (r->job->model->schedule, used->steps, t, from, eps, to, r->n);
        }
      moa_meter_step (&r->job->meter, (1 + used->fixed_point) * MOA_COST_PRIOR);
    }
  return !r->params->want_reconstruction || go_back (r, eps, error);
}

/* z_T <- sqrt (1 - s^2) z_T + s noise where the picture may change: the
 * inverted noise holds the old person's shape. */
static gboolean
add_freedom (MoaReplacement *r, GError **error)
{
  double s = r->result->freedom;
  if (s <= 0)
    return TRUE;
  g_autofree float *noise = moa_job_floats (r->n, error);
  if (!noise)
    return FALSE;
  moa_rng_normal (r->params->seed, NOISE_STREAM, 0, noise, r->n);
  int channels = r->job->model->vae.latent_channels;
  float keep = sqrt (1 - s * s);
  for (gsize i = 0; i < r->n; i++)
    if (!r->edit || r->edit[i / channels])
      r->z[i] = keep * r->z[i] + (float) s * noise[i];
  return TRUE;
}

/* Outside the selection, back to the inversion's latent. */
static void
blend (MoaReplacement *r, const float *kept)
{
  int channels = r->job->model->vae.latent_channels;
  for (gsize i = 0; i < r->n; i++)
    if (!r->edit[i / channels])
      r->z[i] = kept[i];
}

/* maps[0] is the mean over the late half, n_late steps of it so far. */
static void
take_maps (MoaReplacement *r, int step, int *n_late)
{
  MoaRouterMaps *maps = r->result->maps;
  if (step >= r->result->steps / 2)
    moa_maps_take (&maps[0], &r->guide.mixture, ++*n_late);
  for (int i = 1; i < r->result->n_maps; i++)
    if (maps[i].step == step)
      moa_maps_take (&maps[i], &r->guide.mixture, 1);
}

gboolean
moa_replacement_regenerate (MoaReplacement *r, GError **error)
{
  int steps = r->result->steps, n_late = 0;
  moa_meter_begin (&r->job->meter, MOA_PHASE_GENERATE, steps);
  r->z = moa_job_floats (r->n, error);
  g_autofree float *eps = r->z ? moa_job_floats (r->n, error) : NULL;
  if (!eps)
    return FALSE;
  memcpy (r->z, kept_latent (r, 0), r->n * sizeof (float));
  if (!add_freedom (r, error))
    return FALSE;
  for (int i = 0; i < steps; i++)
    {
      int t = r->timesteps[i];
      const float *kept = kept_latent (r, i + 1);
      if (retraces (r, i))
        {
          memcpy (r->z, kept, r->n * sizeof (float));
          moa_meter_step (&r->job->meter, 0);
          continue;
        }
      if (!moa_guide_eps (&r->guide, r->job, r->z, t, eps, error))
        return FALSE;
      moa_ddim_step (r->job->model->schedule, steps, t, r->z, eps, r->n);
      if (moa_guide_mixes (&r->guide, t))
        take_maps (r, i, &n_late);
      if (r->edit && r->params->blend)
        blend (r, kept);
      moa_meter_step (&r->job->meter, moa_guide_cost (&r->guide, t));
    }
  return TRUE;
}
