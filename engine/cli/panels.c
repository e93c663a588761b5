/* Lists of jobs into one folder, with sheets: see panels.h. */
#include "cli/panels.h"

#include "base/error.h"
#include "cli/animation.h"
#include "cli/sheet.h"
#include "io/file.h"

#include <glib/gstdio.h>
#include <string.h>

#define JOURNAL "journal"
#define INVERSIONS "inversions"

enum { LONGEST_DELAY = 60000 };

/* ---- Making the list ---- */

static void
add_place (MoaCliPanels *panels, char *path, const char *caption)
{
  if (!panels->paths)
    {
      panels->paths = g_ptr_array_new_with_free_func (g_free);
      panels->captions = g_ptr_array_new_with_free_func (g_free);
    }
  g_ptr_array_add (panels->paths, path);
  g_ptr_array_add (panels->captions, g_strdup (caption));
}

void
moa_cli_panels_add (MoaCliPanels *panels, json_t *job, const char *name, const char *caption,
                    const char *place)
{
  MoaCliBatch *batch = &panels->batch;
  int n = json_array_size (batch->jobs);
  char *path = g_build_filename (panels->folder, name, NULL);
  if (!batch->jobs)
    batch->jobs = json_array ();
  json_object_set_new_nocheck (job, "output", json_string_nocheck (path));
  json_array_append_new (batch->jobs, job);
  batch->places = g_renew (char *, batch->places, n + 2);
  batch->places[n] = g_strdup (place);
  batch->places[n + 1] = NULL;
  add_place (panels, path, caption);
}

void
moa_cli_panels_skip (MoaCliPanels *panels)
{
  add_place (panels, NULL, NULL);
}

gboolean
moa_cli_panels_parse (MoaCliPanels *panels, MoaCliJob *job, int *argc, char ***argv,
                      const GOptionEntry *own, int n_words, const char *missing, const char *usage,
                      const char *summary, const char *description)
{
  static const char *const skip[] = { "pictures", "variations", "mask",     "maps",
                                      "order",    "trajectory", "reconstruction", NULL };
  g_autoptr (GArray) entries = moa_cli_job_entries (job, own, skip);
  g_autoptr (GError) error = NULL;
  if (!moa_cli_parse (job->cli, argc, argv, usage, summary, (GOptionEntry *) entries->data,
                      description))
    return FALSE;
  if (!job->klass->check (job, &error))
    return !moa_cli_usage (panels->command, "--%s", error->message);
  if (*argc <= n_words)
    return !moa_cli_usage (panels->command, "%s", missing);
  if (!panels->folder)
    return !moa_cli_usage (panels->command, "say where to draw: -o FOLDER");
  if (panels->delay < 0 || panels->delay > LONGEST_DELAY)
    return !moa_cli_usage (panels->command, "--delay is %d; it must be from 0 to %d", panels->delay,
                           LONGEST_DELAY);
  if (panels->animation && !moa_cli_animation_check (panels->animation, &error))
    return !moa_cli_usage (panels->command, "--animation: %s", error->message);
  return TRUE;
}

/* ---- Inversions ---- */

/* Panels in one picture share its inversion; nobody needs it when all are done. */
static char *
keep_inversions (const MoaCliPanels *panels)
{
  const json_t *job;
  size_t i;
  json_array_foreach (panels->batch.jobs, i, job)
    if (json_object_get (job, "replace"))
      return g_build_filename (panels->folder, INVERSIONS, NULL);
  return NULL;
}

static void
drop_inversions (const char *folder)
{
  GDir *dir = folder ? g_dir_open (folder, 0, NULL) : NULL;
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    if (g_str_has_suffix (name, ".moa-inversion"))
      {
        g_autofree char *path = g_build_filename (folder, name, NULL);
        g_unlink (path);
      }
  if (dir)
    g_dir_close (dir);
  if (folder)
    g_rmdir (folder);
}

/* ---- Sheets ---- */

static gboolean
make_sheets (const MoaCliPanels *panels, json_t *files, GError **error)
{
  int n = panels->paths->len, each = panels->rows > 0 ? panels->columns * panels->rows : n;
  int pages = (n + each - 1) / each;
  char **paths = (char **) panels->paths->pdata, **captions = (char **) panels->captions->pdata;
  for (int i = 0; i < n; i++)
    if (paths[i] && !g_file_test (paths[i], G_FILE_TEST_EXISTS))
      g_clear_pointer (&paths[i], g_free); /* it failed */
  for (int page = 0; page < pages; page++)
    {
      g_autofree char *name = pages == 1 ? g_strdup_printf ("%s.png", panels->sheet)
                                         : g_strdup_printf ("%s-%02d.png", panels->sheet, page + 1);
      g_autofree char *to = g_build_filename (panels->folder, name, NULL);
      int first = page * each;
      if (!moa_cli_sheet (page == 0 ? panels->title : NULL, paths + first, captions + first,
                          MIN (each, n - first), panels->columns, to, error))
        return FALSE;
      json_array_append_new (files, moa_cli_json_string (to));
    }
  return TRUE;
}

static gboolean
make_animation (const MoaCliPanels *panels, json_t *files, GError **error)
{
  int delay = panels->delay ? panels->delay : panels->usual_delay;
  if (!moa_cli_animation ((char **) panels->paths->pdata, panels->paths->len, delay, panels->animation, error))
    return FALSE;
  json_array_append_new (files, moa_cli_json_string (panels->animation));
  return TRUE;
}

/* ---- Doing it ---- */

static void
print_result (const MoaCliPanels *panels, const MoaCli *cli, const MoaCliTally *tally, json_t *sheets)
{
  const json_t *value;
  size_t i;
  if (cli->json)
    {
      json_t *files = json_array ();
      json_array_foreach (panels->batch.jobs, i, value)
        json_array_append (files, json_object_get (value, "output"));
      moa_cli_print_json (json_pack ("{s:o, s:O, s:i, s:i, s:i}", "files", files, "sheets", sheets,
                                     "drawn", tally->done, "before", tally->before, "failed",
                                     tally->failed));
      return;
    }
  json_array_foreach (sheets, i, value)
    g_print ("%s\n", json_string_value (value));
}

static gboolean
run (MoaCliPanels *panels, MoaCli *cli, GError **error)
{
  MoaCliTally tally;
  MoaCliBatch *batch = &panels->batch;
  g_autofree char *inversions = keep_inversions (panels);
  if (!moa_folder_make (panels->folder, error) || !moa_cli_start (cli, error))
    return FALSE;
  batch->cli = cli;
  batch->journal = g_build_filename (panels->folder, JOURNAL, NULL);
  batch->retry = TRUE;
  batch->quiet = cli->json;
  cli->goes_on = TRUE;
  cli->run.cache = inversions;
  gboolean ok = moa_cli_batch_run (batch, &tally, error);
  cli->run.cache = NULL;
  if (!ok)
    return FALSE;
  drop_inversions (inversions);
  json_t *sheets = json_array ();
  ok = !panels->sheet || make_sheets (panels, sheets, error);
  if (ok && panels->animation && tally.failed == 0)
    ok = make_animation (panels, sheets, error);
  if (ok)
    print_result (panels, cli, &tally, sheets);
  json_decref (sheets);
  return ok && (tally.failed == 0 ||
                moa_fail (error, MOA_ERROR_ARGUMENT, "%d of %d pictures failed; the next run tries again",
                          tally.failed, (int) json_array_size (batch->jobs)));
}

int
moa_cli_panels_run (MoaCliPanels *panels, MoaCli *cli, gboolean usable)
{
  GError *error = NULL;
  gboolean understood = TRUE;
  panels->batch.cli = cli;
  if (usable && (understood = moa_cli_batch_check (&panels->batch, panels->command)))
    run (panels, cli, &error);
  moa_cli_batch_clear (&panels->batch);
  g_clear_pointer (&panels->paths, g_ptr_array_unref);
  g_clear_pointer (&panels->captions, g_ptr_array_unref);
  g_free (panels->folder);
  g_free (panels->title);
  g_free (panels->animation);
  int code = moa_cli_finish (cli, panels->command, error);
  return !usable ? CLI_USAGE : !understood ? CLI_FAILED : code;
}
