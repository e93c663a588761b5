/* moa_replace() in a thread of its own, watched from the main thread. */
#ifndef MOA_PLUGIN_JOB_H
#define MOA_PLUGIN_JOB_H

#include "moa.h"

typedef struct _ReplaceJob ReplaceJob;

/* model and everything that params points to must outlive the job; run brings threads, memory and
 * cache.  (transfer full) */
ReplaceJob *replace_job_start (MoaModel *model, const MoaReplaceParams *params,
                               const MoaRun *run);

/* The latest progress; TRUE once the thread is over. */
gboolean replace_job_poll (ReplaceJob *job, MoaProgress *progress);

/* Asks the thread to stop; it is over soon after. */
void replace_job_cancel (ReplaceJob *job);

/* Waits for the thread and frees the job.  (transfer full); NULL with error set. */
MoaReplaceResult *replace_job_finish (ReplaceJob *job, GError **error);

#endif
