/* Small heads once more: see faces.c. */
#ifndef MOA_JOB_FACES_H
#define MOA_JOB_FACES_H

#include "jobs/replace.h"

/* Works on the heads in the pictures of result again, as params->faces says; meter is that of the run which
 * made them.  FALSE with error set, and then result is no longer good. */
gboolean moa_faces_run (MoaModel *model, const MoaReplaceParams *params, MoaReplaceResult *result,
                        MoaMeter *meter, const MoaRun *run, GError **error);

#endif
