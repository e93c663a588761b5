/* moa_replace() in a thread of its own, watched from the main thread.
 *
 * libgimp and GTK may be called from the main thread only: the worker touches nothing but
 * floats, and leaves its progress under a lock for the main thread to fetch. */
#include "job.h"

struct _ReplaceJob
{
  MoaModel *model;
  MoaReplaceParams params;
  MoaRun run;
  GThread *thread;
  MoaReplaceResult *result; /* by the worker, read after the join */
  GError *error;
  GMutex lock;
  MoaProgress progress;     /* under the lock */
  gboolean over;
};

static void
note_progress (const MoaProgress *progress, gpointer data)
{
  ReplaceJob *job = data;

  g_mutex_lock (&job->lock);
  job->progress = *progress;
  g_mutex_unlock (&job->lock);
}

static gpointer
work (gpointer data)
{
  ReplaceJob *job = data;

  job->result = moa_replace (job->model, &job->params, &job->run, &job->error);
  g_mutex_lock (&job->lock);
  job->over = TRUE;
  g_mutex_unlock (&job->lock);
  return NULL;
}

ReplaceJob *
replace_job_start (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run)
{
  ReplaceJob *job = g_new0 (ReplaceJob, 1);

  job->model = model;
  job->params = *params;
  job->run = *run;
  job->run.cancellable = g_cancellable_new ();
  job->run.progress = note_progress;
  job->run.progress_data = job;
  job->progress.seconds_left = -1;
  g_mutex_init (&job->lock);
  job->thread = g_thread_new ("moa-replace", work, job);
  return job;
}

gboolean
replace_job_poll (ReplaceJob *job, MoaProgress *progress)
{
  g_mutex_lock (&job->lock);
  gboolean over = job->over;
  *progress = job->progress;
  g_mutex_unlock (&job->lock);
  return over;
}

void
replace_job_cancel (ReplaceJob *job)
{
  g_cancellable_cancel (job->run.cancellable);
}

MoaReplaceResult *
replace_job_finish (ReplaceJob *job, GError **error)
{
  g_thread_join (job->thread);

  MoaReplaceResult *result = job->result;

  if (!result)
    g_propagate_error (error, job->error);
  g_mutex_clear (&job->lock);
  g_object_unref (job->run.cancellable);
  g_free (job);
  return result;
}
