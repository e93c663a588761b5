/* eps for a latent: guidance, and where the prior runs alone. */
#ifndef MOA_JOB_DENOISE_H
#define MOA_JOB_DENOISE_H

#include "jobs/job.h"

/*   eps = eps_base + guidance (eps_prompt - eps_base), rescaled (sample/guidance.h)
 *
 * The prompt's row is the MoA net's, the base's the prior's or the MoA net's;
 * above max_timestep both are the prior's.  Above guidance_max_timestep the
 * guidance is 1 (Kynkaanniemi et al. 2024: guidance in a limited interval).
 * Rows that cannot matter, because the guidance is 1 or both rows are the same,
 * are not run. */
typedef struct {
  MoaDenoiser prior, mixture;
  gboolean mixes;             /* FALSE: the prior alone, and no mixture */
  MoaCondition prompt, base;  /* the same text pointer where the prompt is the same */
  gboolean base_is_mixture;
  /* A ControlNet, whose residuals go into both rows; all zero: none. */
  MoaController controller;
  const MoaControl *control;
  gboolean controls; /* in this step */
  const float *controlled; /* the text that the residuals were last made with, in this step */
  double guidance, guidance_rescale;
  int max_timestep, guidance_max_timestep;
  float *scratch; /* one latent */
  gsize n;        /* floats of a latent */
} MoaGuide;

void moa_guide_clear (MoaGuide *guide);

/* The ControlNet of a job, of which one may be asked only if the model has one. */
gboolean moa_control_check (const MoaModel *model, const MoaControl *control, GError **error);
/* To be called before step i of n, so that the ControlNet keeps to its start and end. */
void moa_guide_step (MoaGuide *guide, int i, int n);

/* Adds the passes of one call at timestep t; the networks need not be there yet. */
void moa_guide_passes (const MoaGuide *guide, int t, int *prior, int *mixture);

/* What one call costs at timestep t, for the progress. */
double moa_guide_cost (const MoaGuide *guide, int t);

/* Whether MoA runs at timestep t, so that routers can be read. */
gboolean moa_guide_mixes (const MoaGuide *guide, int t);

gboolean moa_guide_eps (MoaGuide *guide, MoaJob *job, const float *z, int t, float *eps,
                        GError **error);

/* The prior alone, without guidance. */
gboolean moa_guide_prior (MoaGuide *guide, const MoaCondition *condition, MoaJob *job,
                          const float *z, int t, float *eps, GError **error);

#endif
