/* The engine at work in a thread of its own, heard of in the main thread.  Knows GTK's main loop, not
 * GIMP; whatever the engine can do with a MoaRun can be run. */
#ifndef MOA_UI_RUNNER_H
#define MOA_UI_RUNNER_H

#include "moa.h"

typedef struct _Runner Runner;

typedef struct {
  /* In the thread: does the work with run, which brings threads, cancel and progress; touches neither
   * GTK nor GIMP.  (transfer full); NULL with error set. */
  gpointer (*work) (const MoaRun *run, gpointer work_data, GError **error);
  gpointer work_data;
  /* In the main loop, at most every 100 ms and once for each step that has maps or a preview; what
   * progress points to is gone afterwards.  May be NULL. */
  void (*progress) (const MoaProgress *progress, gpointer data);
  /* In the main loop, once, after the thread has ended.  result: (transfer full), or NULL and an
   * error, (transfer none).  The runner is gone afterwards. */
  void (*done) (gpointer result, const GError *error, gpointer data);
  gpointer data;
} RunnerJob;

/* run: threads, memory limit, cache and live are taken from it; NULL: the defaults. */
Runner *runner_start (const RunnerJob *job, const MoaRun *run);

/* done is still called, soon, with G_IO_ERROR_CANCELLED, or with the result if it was there. */
void runner_cancel (Runner *runner);

/* Cancels, waits and frees without calling done; a result goes to free_result.  NULL does nothing. */
void runner_abandon (Runner *runner, GDestroyNotify free_result);

#endif
