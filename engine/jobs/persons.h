/* Where persons are in a picture: moa_find_persons() of moa.h, and who stays. */
#ifndef MOA_JOB_PERSONS_H
#define MOA_JOB_PERSONS_H

#include "jobs/job.h"

/* The selection without the persons whom params keep: where the others may
 * change.  Fails if they cannot be told apart.  The parameters must have been
 * checked.  (transfer full) */
MoaImage *moa_persons_protect (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run,
                               GError **error);

#endif
