/* The engine at work in a thread of its own, heard of in the main thread.
 *
 * The worker leaves its latest progress under a lock, and copies of the maps and previews in a queue;
 * a timeout in the main loop fetches both. */
#include "runner.h"

#include <glib.h>

#define INTERVAL 100 /* ms */
#define MAX_LIVE 64  /* steps that wait to be fetched; older ones are dropped when there are more */

typedef struct {
  MoaProgress progress;
  MoaRouterMaps maps;
  MoaImage *preview;
} Live;

struct _Runner
{
  RunnerJob job;
  MoaRun run;
  GThread *thread;
  gpointer result; /* by the worker, read after the join */
  GError *error;
  guint timeout;
  GMutex lock;
  MoaProgress progress; /* under the lock, as is all that follows */
  gboolean news, over;
  GQueue live;          /* of Live */
};

static void
live_free (gpointer data)
{
  Live *live = data;

  for (int i = 0; i < live->maps.n_layers; i++)
    moa_image_free (live->maps.layers[i]);
  g_free (live->maps.layers);
  moa_image_free (live->preview);
  g_free (live);
}

static Live *
live_new (const MoaProgress *progress)
{
  Live *live = g_new0 (Live, 1);

  live->progress = *progress;
  if (progress->maps)
    {
      live->maps = *progress->maps;
      live->maps.layers = g_new0 (MoaImage *, live->maps.n_layers);
      for (int i = 0; i < live->maps.n_layers; i++)
        live->maps.layers[i] = moa_image_copy (progress->maps->layers[i]);
      live->progress.maps = &live->maps;
    }
  if (progress->preview)
    live->progress.preview = live->preview = moa_image_copy (progress->preview);
  return live;
}

/* In the worker's thread. */
static void
on_progress (const MoaProgress *progress, gpointer data)
{
  Runner *runner = data;
  Live *live = progress->maps || progress->preview ? live_new (progress) : NULL;

  g_mutex_lock (&runner->lock);
  runner->progress = *progress;
  runner->progress.maps = NULL;
  runner->progress.preview = NULL;
  runner->news = TRUE;
  if (live)
    g_queue_push_tail (&runner->live, live);
  live = runner->live.length > MAX_LIVE ? g_queue_pop_head (&runner->live) : NULL;
  g_mutex_unlock (&runner->lock);
  if (live)
    live_free (live);
}

static gpointer
work (gpointer data)
{
  Runner *runner = data;

  runner->result = runner->job.work (&runner->run, runner->job.work_data, &runner->error);
  g_mutex_lock (&runner->lock);
  runner->over = TRUE;
  g_mutex_unlock (&runner->lock);
  return NULL;
}

/* free_result: for a result that nobody took; NULL: it was taken. */
static void
release (Runner *runner, GDestroyNotify free_result)
{
  g_thread_join (runner->thread);
  if (free_result && runner->result)
    free_result (runner->result);
  if (runner->timeout)
    g_source_remove (runner->timeout);
  g_queue_clear_full (&runner->live, live_free);
  g_clear_error (&runner->error);
  g_object_unref (runner->run.cancellable);
  g_mutex_clear (&runner->lock);
  g_free (runner);
}

/* Tells what is new; TRUE if the thread is over. */
static gboolean
fetch (Runner *runner)
{
  GQueue live;

  g_mutex_lock (&runner->lock);
  live = runner->live;
  g_queue_init (&runner->live);
  gboolean over = runner->over, news = runner->news;
  MoaProgress progress = runner->progress;
  runner->news = FALSE;
  g_mutex_unlock (&runner->lock);

  for (Live *step; (step = g_queue_pop_head (&live)); live_free (step))
    if (runner->job.progress)
      runner->job.progress (&step->progress, runner->job.data);
  if (news && !over && runner->job.progress)
    runner->job.progress (&progress, runner->job.data);
  return over;
}

static gboolean
on_timeout (gpointer data)
{
  Runner *runner = data;

  if (!fetch (runner))
    return G_SOURCE_CONTINUE;
  runner->timeout = 0;
  runner->job.done (runner->result, runner->error, runner->job.data);
  release (runner, NULL);
  return G_SOURCE_REMOVE;
}

Runner *
runner_start (const RunnerJob *job, const MoaRun *run)
{
  Runner *runner = g_new0 (Runner, 1);

  runner->job = *job;
  if (run)
    runner->run = *run;
  runner->run.cancellable = g_cancellable_new ();
  runner->run.progress = on_progress;
  runner->run.progress_data = runner;
  g_queue_init (&runner->live);
  g_mutex_init (&runner->lock);
  runner->thread = g_thread_new ("moa-engine", work, runner);
  runner->timeout = g_timeout_add (INTERVAL, on_timeout, runner);
  return runner;
}

void
runner_cancel (Runner *runner)
{
  g_cancellable_cancel (runner->run.cancellable);
}

void
runner_abandon (Runner *runner, GDestroyNotify free_result)
{
  if (!runner)
    return;
  runner_cancel (runner);
  release (runner, free_result);
}
