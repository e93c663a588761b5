/* eps for a latent: guidance, and where the prior runs alone. */
#ifndef MOA_JOB_DENOISE_H
#define MOA_JOB_DENOISE_H

#include "jobs/job.h"

/* The networks for one condition at a time, or for the base's and the prompt's at once, which saves what
 * sees no text and uses the machine better.  A ControlNet's residuals go into both rows. */
typedef struct {
  MoaController controller; /* all zero: none */
  MoaDenoiser prior, mixture;
} MoaGuideNets;

/*   eps = eps_base + guidance (eps_prompt - eps_base), rescaled (sample/guidance.h)
 *
 * The prompt's row is the MoA net's, the base's the prior's or the MoA net's;
 * above max_timestep both are the prior's.  Above guidance_max_timestep the
 * guidance is 1 (Kynkaanniemi et al. 2024: guidance in a limited interval).
 * Rows that cannot matter, because the guidance is 1 or both rows are the same,
 * are not run, and rows of one network are run at once. */
typedef struct {
  /* The caller's, before moa_guide_build(). */
  gboolean mixes;             /* FALSE: the prior alone, and no mixture */
  MoaCondition prompt, base;  /* the same text pointer where the prompt is the same */
  gboolean base_is_mixture;
  const MoaControl *control;
  double guidance, guidance_rescale;
  int max_timestep, guidance_max_timestep;
  gsize n;        /* floats of a latent */

  MoaGuideNets nets[MOA_MAX_ROWS];
  const MoaDenoiser *routed; /* the mixture that ran last */
  gboolean controls; /* in this step */
  const float *controlled; /* the text that the residuals were last made with, in this step */
  float *scratch; /* MOA_MAX_ROWS latents */
} MoaGuide;

/* Plans what calls at these timesteps need, and the prior for moa_guide_prior().  mixture is for a guide that
 * mixes; of both specs rows and control are filled in here.  The model's lock must be held. */
gboolean moa_guide_build (MoaGuide *guide, MoaModel *model, MoaCpu *cpu, const MoaDenoiserSpec *prior,
                          const MoaDenoiserSpec *mixture, const int *timesteps, int n, GError **error);
void moa_guide_count (const MoaGuide *guide, MoaJob *job);
/* Allocates.  hint: the picture that a ControlNet follows, see moa_controller_set_hint(); or NULL. */
gboolean moa_guide_prepare (MoaGuide *guide, MoaJob *job, const MoaImage *hint, GError **error);
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
/* Whose routers: the mixture's that ran last, or before one did, of the same shape. */
const MoaDenoiser *moa_guide_routed (const MoaGuide *guide);

gboolean moa_guide_eps (MoaGuide *guide, MoaJob *job, const float *z, int t, float *eps,
                        GError **error);

/* The prior alone, without guidance. */
gboolean moa_guide_prior (MoaGuide *guide, const MoaCondition *condition, MoaJob *job,
                          const float *z, int t, float *eps, GError **error);

#endif
