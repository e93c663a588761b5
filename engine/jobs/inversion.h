/* Inversions kept on disk, so that another subject, seed or guidance on the
 * same picture need not invert it again.
 *
 *   FOLDER/HASH.moa-inversion   safetensors: "trajectory" [steps + 1, h, w, C] F32, z_0 first;
 *                               metadata "key" = HASH, "check" = SHA-256 of the tensor's bytes
 *
 * HASH is of all that the trajectory depends on: the work picture's pixels,
 * the weights, the prompt's ids, steps and refinements, instruction set and threads.
 * Files appear by rename and are only ever whole or gone, so that several
 * processes may share a folder and any of them may be killed. */
#ifndef MOA_JOB_INVERSION_H
#define MOA_JOB_INVERSION_H

#include "jobs/replace.h"

/* Needs the work picture, the prompts and the steps.  NULL if there is no
 * folder, or the model cannot be read.  (transfer full) */
char *moa_inversion_path (const MoaReplacement *r);

/* Whether a file of the right shape is there; its numbers are not read. */
gboolean moa_inversion_ready (const MoaReplacement *r, const char *path);

/* Fills the trajectory.  FALSE if there is none that is whole; one that is damaged is deleted. */
gboolean moa_inversion_load (MoaReplacement *r, const char *path);

/* Writes the trajectory, then deletes the longest unused ones above the limit.
 * What fails is left out: the cache saves time, nothing depends on it. */
void moa_inversion_save (const MoaReplacement *r, const char *path);

#endif
