/* Classifier-free guidance (Ho and Salimans 2022), and its contrast taken back. */
#ifndef MOA_SAMPLE_GUIDANCE_H
#define MOA_SAMPLE_GUIDANCE_H

#include "sample/schedule.h"

/*   eps = base + guidance (prompt - base)
 *
 * Guidance raises the contrast of the z_0 that eps points to,
 *
 *   z_0 = (z - sqrt (1 - abar) eps) / sqrt (abar),
 *
 * and rescale takes it back: each channel's deviation s from its mean becomes
 * rescale s_prompt + (1 - rescale) s (Lin et al. 2023, "Common diffusion noise
 * schedules and sample steps are flawed", eq. 15 and 16).  Two things are
 * otherwise than there: it is z_0 that is scaled, for the network's output is
 * mostly noise; and a pixel counts for mean and deviation by |prompt - base|,
 * so that a picture of which guidance moves one person does not hide what
 * becomes of that person.
 *
 * z, base and prompt are [n_pixels, channels] at timestep t; prompt becomes the
 * result.  rescale: 0 to 1. */
void moa_guidance (const MoaSchedule *schedule, int t, double guidance, double rescale,
                   const float *z, const float *base, float *prompt, gsize n_pixels, int channels);

#endif
