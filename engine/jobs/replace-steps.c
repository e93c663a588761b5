/* The steps of a replacement, on one DDIM grid: inversion of the picture with
 * the prior alone and guidance 1, and regeneration from the noise.  z*_t is the
 * inversion's latent at timestep t. */
#include "jobs/replace.h"

#include "base/rng.h"
#include "jobs/inversion.h"
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

void
moa_replacement_passes (const MoaReplacement *r, int *prior, int *mixture)
{
  const MoaReplaceResult *used = r->result;
  int steps = used->steps - r->first;
  *prior = used->cached_inversion ? 0 : steps * (1 + used->fixed_point);
  *mixture = 0;
  if (r->params->want_reconstruction)
    *prior += steps;
  for (int k = 0; k < used->n_variations; k++)
    for (int i = r->first; i < used->steps; i++)
      if (!retraces (r, i))
        moa_guide_passes (&r->guide, r->timesteps[i], prior, mixture);
}

int
moa_part_first (double part, int steps)
{
  return steps - MIN (steps, (int) ceil (part * steps - 1e-9));
}

/* Its steps above max_timestep are retraced, since it has no freedom. */
void
moa_replacement_face_passes (const MoaReplacement *r, int *prior, int *mixture)
{
  const MoaReplaceResult *used = r->result;
  int first = moa_part_first (r->params->faces, used->steps);
  *prior = (used->steps - first) * (1 + used->fixed_point);
  *mixture = 0;
  for (int i = first; i < used->steps; i++)
    if (moa_guide_mixes (&r->guide, r->timesteps[i]) || r->empty_prompt)
      moa_guide_passes (&r->guide, r->timesteps[i], prior, mixture);
}

static gboolean
go_back (MoaReplacement *r, float *eps, GError **error)
{
  int steps = r->result->steps;
  r->way_back = moa_job_floats (r->n, error);
  if (!r->way_back)
    return FALSE;
  memcpy (r->way_back, kept_latent (r, r->first), r->n * sizeof (float));
  for (int i = r->first; i < steps; i++)
    {
      int t = r->timesteps[i];
      if (!moa_guide_prior (&r->guide, &r->source, r->job, r->way_back, t, eps, error))
        return FALSE;
      moa_ddim_step (r->job->model->schedule, steps, t, r->way_back, eps, r->n);
      moa_meter_step (&r->job->meter, MOA_COST_PRIOR);
    }
  return TRUE;
}

static gboolean
invert (MoaReplacement *r, float *eps, GError **error)
{
  const MoaReplaceResult *used = r->result;
  for (int i = used->steps - 1; i >= r->first; i--)
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
  moa_inversion_save (r, r->inversion);
  return TRUE;
}

gboolean
moa_replacement_invert (MoaReplacement *r, GError **error)
{
  const MoaReplaceResult *used = r->result;
  int n_runs = !used->cached_inversion + r->params->want_reconstruction;
  moa_meter_begin (&r->job->meter, MOA_PHASE_INVERT, n_runs * (used->steps - r->first));
  g_autofree float *eps = moa_job_floats (r->n, error);
  if (!eps || (!used->cached_inversion && !invert (r, eps, error)))
    return FALSE;
  return !r->params->want_reconstruction || go_back (r, eps, error);
}

/* Variation k: z_T <- sqrt (1 - s^2) z_T + s noise where the picture may change: the
 * inverted noise holds the old person's shape. */
static gboolean
add_freedom (MoaReplacement *r, int k, GError **error)
{
  float *z = r->z + k * r->n;
  double s = r->result->freedom;
  if (s <= 0)
    return TRUE;
  g_autofree float *noise = moa_job_floats (r->n, error);
  if (!noise)
    return FALSE;
  moa_rng_normal (r->result->variations[k].seed, NOISE_STREAM, 0, noise, r->n);
  int channels = r->job->model->vae.latent_channels;
  float keep = sqrt (1 - s * s);
  for (gsize i = 0; i < r->n; i++)
    if (!r->edit || r->edit[i / channels])
      z[i] = keep * z[i] + (float) s * noise[i];
  return TRUE;
}

/* Outside the selection, back to the inversion's latent. */
static void
blend (const MoaReplacement *r, float *z, const float *kept)
{
  int channels = r->job->model->vae.latent_channels;
  for (gsize i = 0; i < r->n; i++)
    if (!r->edit[i / channels])
      z[i] = kept[i];
}

/* maps[0] is the mean over the late half, n_late steps of it so far. */
static void
take_maps (const MoaReplacement *r, MoaVariation *variation, int step, int *n_late)
{
  MoaRouterMaps *maps = variation->maps;
  if (step >= r->result->steps / 2)
    moa_maps_take (&maps[0], moa_guide_routed (&r->guide), ++*n_late);
  for (int i = 1; i < variation->n_maps; i++)
    if (maps[i].step == step)
      moa_maps_take (&maps[i], moa_guide_routed (&r->guide), 1);
}

/* For who watches: the routers of step i, and where z is going. */
static void
show (MoaReplacement *r, int i, const float *z, const float *eps)
{
  MoaMeter *meter = &r->job->meter;
  int t = r->timesteps[i];
  if (!r->live_preview)
    return;
  if (moa_guide_mixes (&r->guide, t))
    {
      r->live_maps.step = i;
      r->live_maps.timestep = t;
      moa_maps_take (&r->live_maps, moa_guide_routed (&r->guide), 1);
      meter->maps = &r->live_maps;
    }
  moa_preview_draw (&r->colours, r->job->model->schedule, t, z, eps,
                    r->params->blend ? r->edit : NULL, r->live_preview);
  meter->preview = r->live_preview;
}

static gboolean
regenerate (MoaReplacement *r, int k, float *eps, GError **error)
{
  int steps = r->result->steps, n_late = 0;
  MoaVariation *variation = &r->result->variations[k];
  float *z = r->z + k * r->n;
  memcpy (z, kept_latent (r, r->first), r->n * sizeof (float));
  if (!add_freedom (r, k, error))
    return FALSE;
  for (int i = r->first; i < steps; i++)
    {
      int t = r->timesteps[i];
      const float *kept = kept_latent (r, i + 1);
      if (retraces (r, i))
        {
          memcpy (z, kept, r->n * sizeof (float));
          moa_meter_step (&r->job->meter, 0);
          continue;
        }
      moa_guide_step (&r->guide, i, steps);
      if (!moa_guide_eps (&r->guide, r->job, z, t, eps, error))
        return FALSE;
      show (r, i, z, eps);
      moa_ddim_step (r->job->model->schedule, steps, t, z, eps, r->n);
      if (moa_guide_mixes (&r->guide, t))
        take_maps (r, variation, i, &n_late);
      if (r->edit && r->params->blend)
        blend (r, z, kept);
      moa_meter_step (&r->job->meter, moa_guide_cost (&r->guide, t));
    }
  return TRUE;
}

gboolean
moa_replacement_regenerate (MoaReplacement *r, GError **error)
{
  int n = r->result->n_variations;
  moa_meter_begin (&r->job->meter, MOA_PHASE_GENERATE, (r->result->steps - r->first) * n);
  r->z = moa_job_floats (n * r->n, error);
  g_autofree float *eps = r->z ? moa_job_floats (r->n, error) : NULL;
  if (!eps)
    return FALSE;
  for (int k = 0; k < n; k++)
    {
      r->job->meter.picture = k;
      if (!regenerate (r, k, eps, error))
        return FALSE;
    }
  return TRUE;
}
