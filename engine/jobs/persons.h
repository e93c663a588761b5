/* Where persons are in a picture: moa_find_persons() of moa.h, and who goes and stays. */
#ifndef MOA_JOB_PERSONS_H
#define MOA_JOB_PERSONS_H

#include "jobs/job.h"

/* Whether the persons must be found before the replacement: who stays is told by it, and where
 * the others may change if nothing is selected.  Of parameters that may be wrong still. */
gboolean moa_persons_wanted (const MoaModel *model, const MoaReplaceParams *params);

/* What finding them costs, in the units of progress.h. */
double moa_persons_cost (void);

/* *allowed: where persons may change, of the selection or the persons found, without those who
 * stay; NULL: as params say, because nobody was found.  Fails if who stays cannot be told from
 * the others.  Of parameters that are in order and for which persons are wanted.  (transfer full) */
gboolean moa_persons_allow (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run,
                            MoaImage **allowed, GError **error);

/* The pieces of a mask of 0 and more, from left to right; count of them, as moa_find_persons() takes it.
 * (transfer full) */
MoaPerson *moa_persons_in_mask (const MoaImage *mask, int count, int *n_persons, GError **error);

#endif
