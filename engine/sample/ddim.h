/* Deterministic DDIM (Song et al. 2021, eq. 12 with sigma 0) and its inverse. */
#ifndef MOA_DDIM_H
#define MOA_DDIM_H

#include "sample/schedule.h"

/* timesteps[steps], falling, as sampling uses them; inversion goes backwards.
 * steps is 1 .. n_train.  Jobs use LEADING: tau_i = i (n_train / steps) +
 * steps_offset, where the offset gives way if it would lead out of the table. */
void moa_ddim_timesteps (const MoaSchedule *schedule, MoaSpacing spacing, int steps,
                         int *timesteps);

/* One step from timestep t to t - n_train / steps; z and eps have n floats; in place. */
void moa_ddim_step (const MoaSchedule *schedule, int steps, int t, float *z, const float *eps,
                    gsize n);

/* One inversion step from t - n_train / steps to t:  z_t = c1 z_s + c2 eps.
 * eps is the network's at timestep t: of z_s at first, of the last z_t in a
 * fixed-point refinement.  z_t may not be z_s. */
void moa_ddim_invert_step (const MoaSchedule *schedule, int steps, int t, const float *z_s,
                           const float *eps, float *z_t, gsize n);

#endif
