/* Doing lists of jobs: see batch.h.
 *
 * A job is done when its pictures are there and carry its key (job.h): they get their names by rename and
 * by nothing else, so a process may be killed anywhere.  Who has claimed a job in the journal looks for
 * its pictures and draws them if they are not there; who finds it claimed comes back later, and takes it
 * over if the other one has died. */
#include "cli/batch.h"

#include "base/error.h"
#include "cli/journal.h"
#include "io/file.h"
#include "jobs/fingerprint.h"

#include <string.h>

enum { MOST_COMPLAINTS = 10 };

typedef struct {
  const MoaCliBatch *batch;
  MoaCliJournal *journal;
  GHashTable *hashes; /* of files, by path */
  char *model;        /* its fingerprint */
  gboolean *settled;
  int n, n_settled;
  MoaCliTally *tally;
} Walk;

static const char *
name_of (const MoaCliBatch *batch, int i)
{
  return json_string_value (json_object_get (json_array_get (batch->jobs, i), "output"));
}

/* ---- Checking ---- */

/* The place that already writes one of the job's pictures, or NULL. */
static const char *
taken_by (const MoaCliJob *job, GHashTable *outputs, const char *place)
{
  for (int k = 0; k < job->klass->n_pictures (job); k++)
    {
      g_autofree char *path = moa_cli_job_output (job, k);
      char *whole = g_canonicalize_filename (path, NULL);
      const char *other = g_hash_table_lookup (outputs, whole);
      if (other)
        {
          g_free (whole);
          return other;
        }
      g_hash_table_insert (outputs, whole, (gpointer) place);
    }
  return NULL;
}

gboolean
moa_cli_batch_check (const MoaCliBatch *batch, const char *command)
{
  g_autoptr (GHashTable) outputs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  int n = json_array_size (batch->jobs), n_bad = 0;
  for (int i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;
      MoaCliJob *job = moa_cli_job_from_json (batch->cli, json_array_get (batch->jobs, i), batch->folder,
                                              &error);
      const char *other = job ? taken_by (job, outputs, batch->places[i]) : NULL;
      n_bad += !job || other;
      if (n_bad > MOST_COMPLAINTS)
        ;
      else if (!job)
        g_printerr ("moa %s: %s: %s\n", command, batch->places[i], error->message);
      else if (other)
        g_printerr ("moa %s: %s: writes the same file as %s: %s\n", command, batch->places[i], other,
                    name_of (batch, i));
      moa_cli_job_free (job);
    }
  if (n_bad > MOST_COMPLAINTS)
    g_printerr ("moa %s: and %d more like these\n", command, n_bad - MOST_COMPLAINTS);
  return n_bad == 0;
}

/* ---- One job ---- */

static gboolean
make_folders (const MoaCliJob *job, GError **error)
{
  for (const MoaCliArgument *a = job->klass->arguments; a->name; a++)
    {
      const char *path = a->kind == MOA_CLI_OUTPUT ? G_STRUCT_MEMBER (char *, job, a->offset) : NULL;
      g_autofree char *folder = path ? g_path_get_dirname (path) : NULL;
      if (folder && !moa_folder_make (folder, error))
        return FALSE;
    }
  return TRUE;
}

static void
tell (const Walk *walk, const char *what, const char *name, const char *why)
{
  moa_cli_end_progress ();
  if (!walk->batch->quiet)
    g_print ("%s %s%s%s\n", what, name, why ? ": " : "", why ? why : "");
  else if (why)
    g_printerr ("%s %s: %s\n", what, name, why);
}

static gboolean
draw (Walk *walk, MoaCliJob *job, const char *key, const char *name, GError **error)
{
  g_autoptr (GError) fault = NULL;
  gint64 start = g_get_monotonic_time ();
  job->mark = g_strdup (key);
  gboolean ok = make_folders (job, &fault) && job->klass->check_output (job, &fault) &&
                job->klass->run (job, &fault);
  if (g_error_matches (fault, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_propagate_error (error, g_steal_pointer (&fault));
      return FALSE;
    }
  double seconds = (g_get_monotonic_time () - start) / 1e6;
  tell (walk, ok ? "done" : "failed", name, ok ? NULL : fault->message);
  walk->tally->done += ok;
  walk->tally->failed += !ok;
  return moa_cli_journal_add (walk->journal, key, name, seconds, ok ? NULL : fault->message, error);
}

/* The job is claimed: is it done, has it failed, or is it to be drawn? */
static gboolean
settle (Walk *walk, MoaCliJob *job, const char *name, GError **error)
{
  const MoaCliBatch *batch = walk->batch;
  const char *why;
  g_autofree char *key = moa_cli_job_key (job, walk->model, walk->hashes);
  if (!key)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: a name of a file is no UTF-8; give it another",
                     name);
  MoaCliState state = moa_cli_journal_state (walk->journal, key, &why);
  if (state == MOA_CLI_DONE || moa_cli_job_done (job, key))
    {
      walk->tally->before++;
      if (batch->list_only)
        tell (walk, "done", name, NULL);
    }
  else if (state == MOA_CLI_FAILED || (state == MOA_CLI_FAILED_BEFORE && !batch->retry))
    {
      walk->tally->failed++;
      tell (walk, "failed", name, why);
    }
  else if (batch->list_only)
    {
      walk->tally->left++;
      tell (walk, "left", name, NULL);
    }
  else
    return draw (walk, job, key, name, error);
  return TRUE;
}

static gboolean
visit (Walk *walk, int i, GError **error)
{
  const MoaCliBatch *batch = walk->batch;
  const char *name = name_of (batch, i);
  GError *fault = NULL;
  if (!moa_cli_journal_claim (walk->journal, name, &fault))
    {
      if (fault)
        g_propagate_error (error, fault);
      else if (batch->list_only)
        {
          tell (walk, "at work", name, NULL);
          walk->tally->left++;
        }
      return !fault;
    }
  MoaCliJob *job = moa_cli_job_from_json (batch->cli, json_array_get (batch->jobs, i), batch->folder,
                                          error);
  gboolean ok = job && settle (walk, job, name, error);
  moa_cli_job_free (job);
  moa_cli_journal_release (walk->journal, name);
  walk->settled[i] = ok;
  walk->n_settled += ok;
  return ok;
}

/* ---- All jobs ---- */

/* A second, or until someone interrupts. */
static void
rest (GCancellable *cancellable)
{
  GPollFD fd;
  if (!g_cancellable_make_pollfd (cancellable, &fd))
    {
      g_usleep (G_USEC_PER_SEC);
      return;
    }
  g_poll (&fd, 1, 1000);
  g_cancellable_release_fd (cancellable);
}

static gboolean
walk_all (Walk *walk, GError **error)
{
  GCancellable *cancellable = walk->batch->cli->run.cancellable;
  int first = CLAMP (walk->batch->begin * walk->n, 0, MAX (walk->n - 1, 0));
  while (TRUE)
    {
      for (int k = 0; k < walk->n; k++)
        {
          int i = (first + k) % walk->n;
          if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
              (!walk->settled[i] && !visit (walk, i, error)))
            return FALSE;
        }
      if (walk->n_settled == walk->n || walk->batch->list_only)
        return TRUE;
      rest (cancellable);
    }
}

gboolean
moa_cli_batch_run (const MoaCliBatch *batch, MoaCliTally *tally, GError **error)
{
  Walk walk = {
    .batch = batch,
    .n = json_array_size (batch->jobs),
    .tally = tally,
    .hashes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free),
    .model = moa_fingerprint_model (batch->cli->model, error),
  };
  *tally = (MoaCliTally){ 0 };
  walk.settled = g_new0 (gboolean, walk.n + 1);
  walk.journal = walk.model ? moa_cli_journal_open (batch->journal, error) : NULL;
  gboolean ok = walk.journal && walk_all (&walk, error);
  moa_cli_journal_close (walk.journal);
  g_hash_table_unref (walk.hashes);
  g_free (walk.model);
  g_free (walk.settled);
  return ok;
}

void
moa_cli_batch_clear (MoaCliBatch *batch)
{
  json_decref (batch->jobs);
  g_strfreev (batch->places);
  g_free (batch->folder);
  g_free (batch->journal);
  *batch = (MoaCliBatch){ NULL };
}
