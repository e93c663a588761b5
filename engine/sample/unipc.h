/* UniPC of order 2 (Zhao et al. 2023; "bh2", predicting x0, last step of first
 * order), as diffusers' UniPCMultistepScheduler makes from SD 1.5's scheduler. */
#ifndef MOA_UNIPC_H
#define MOA_UNIPC_H

#include "sample/schedule.h"

typedef struct _MoaUnipc MoaUnipc;

/* n: floats of a latent.  steps is 1 .. n_train - 1: there must be as many
 * different timesteps.  Jobs use LINSPACE. */
MoaUnipc *moa_unipc_new (const MoaSchedule *schedule, MoaSpacing spacing, int steps, gsize n);
void moa_unipc_free (MoaUnipc *unipc);

int moa_unipc_timestep (const MoaUnipc *unipc, int i); /* of step i */
double moa_unipc_sigma (const MoaUnipc *unipc, int i); /* i 0 .. steps; the last is 0 */

/* Step i = 0, 1, ... in order: z from timestep i to i + 1, with the network's
 * eps of z at timestep(i).  In place. */
void moa_unipc_step (MoaUnipc *unipc, float *z, const float *eps);

#endif
