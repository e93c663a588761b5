/* Sampling with any of the engine's methods, step by step: for the golden tests of the methods
 * alone and of whole pictures. */
#ifndef GOLDEN_SAMPLE_H
#define GOLDEN_SAMPLE_H

#include "golden.h"
#include "sample/schedule.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaSchedule, moa_schedule_free)

/* The network: eps of z at timestep t. */
typedef gboolean (*SamplePredict) (gpointer data, const float *z, int t, float *eps,
                                   GError **error);

typedef struct {
  const MoaSchedule *schedule;
  const char *method;  /* ddim, ddim_trailing, ddim_inverse, unipc, unipc_leading */
  int steps;
  gsize n;             /* floats of a latent */
  SamplePredict predict;
  gpointer data;
} SampleSpec;

/* What a run leaves: timesteps [steps], latents [steps][n] after each step, sigmas [steps + 1]
 * (UniPC alone, else NULL). */
typedef struct {
  float *timesteps, *latents, *sigmas;
} Samples;

gboolean sample_run (const SampleSpec *spec, const float *start, Samples *samples, GError **error);
void samples_clear (Samples *samples);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Samples, samples_clear)

/* The schedule of MODEL/scheduler; NULL on error. */
MoaSchedule *sample_schedule (const Golden *golden, GError **error);

#endif
