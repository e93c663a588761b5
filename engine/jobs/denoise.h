/* eps for a latent: guidance, and where the prior runs alone. */
#ifndef MOA_JOB_DENOISE_H
#define MOA_JOB_DENOISE_H

#include "jobs/job.h"

/*   eps = eps_base + guidance (eps_prompt - eps_base)
 *
 * The prompt's row is the MoA net's, the base's the prior's or the MoA net's;
 * above max_timestep both are the prior's.  Rows that cannot matter, because
 * the guidance is 1 or both rows are the same, are not run. */
typedef struct {
  MoaDenoiser prior, mixture; /* mixture all zero: the prior alone */
  MoaCondition prompt, base;  /* the same text pointer where the prompt is the same */
  gboolean base_is_mixture;
  double guidance;
  int max_timestep;
  float *scratch; /* one latent */
  gsize n;        /* floats of a latent */
} MoaGuide;

void moa_guide_clear (MoaGuide *guide);

/* Adds the passes of one call at timestep t. */
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
