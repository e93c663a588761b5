/* Where persons are in a picture: moa_find_persons() of moa.h, and who goes and stays. */
#ifndef MOA_JOB_PERSONS_H
#define MOA_JOB_PERSONS_H

#include "jobs/picture.h"

/* Whether it must be known where the persons are before the replacement: for who stays, and for where
 * the others may change if nothing is selected.  Of parameters that may be wrong still. */
gboolean moa_persons_wanted (const MoaModel *model, const MoaReplaceParams *params);

/* What finding them costs, in the units of progress.h, if they are wanted. */
double moa_persons_cost (const MoaModel *model, const MoaReplaceParams *params);

/* *allowed: where persons may change, of the selection or the persons found, without those who
 * stay; NULL: as params say, because nobody was found.  Fails if who stays cannot be told from
 * the others.  Of parameters that are in order and for which persons are wanted.  (transfer full) */
gboolean moa_persons_allow (MoaJob *job, MoaPicture *picture, const MoaReplaceParams *params,
                            MoaImage **allowed, GError **error);

/* persons-look.c: the routers' weight, of the picture's source, at its size; the picture is encoded if
 * it was not.  What it counts in the job is free again when it returns.  (transfer full) */
MoaImage *moa_persons_look (MoaJob *job, MoaPicture *picture, GError **error);
/* Without encoding the picture. */
double moa_persons_look_cost (void);

/* persons-pieces.c: the pieces of a mask of 0 and more, from left to right; count of them, as
 * moa_find_persons() takes it.  (transfer full) */
MoaPerson *moa_persons_in_mask (const MoaImage *mask, int count, int *n_persons, GError **error);

#endif
