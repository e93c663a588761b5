/* moa batch: a file of jobs, by one process or many. */
#include "cli/batch.h"

#include "base/error.h"
#include "cli/sheet.h"
#include "io/json.h"
#include "train/group.h"

#include <string.h>

static const char after_batch[] =
    "Each line of JOBS is a job, {\"replace\": PICTURE, \"subjects\": [PHOTO, ...], \"output\": \"OUT.png\"}\n"
    "or {\"generate\": PROMPT, \"output\": \"OUT.png\"}, with the options of moa replace and moa generate\n"
    "as keys, \"fixed_point\" for --fixed-point and \"limit\": false for --no-limit. Paths are seen from\n"
    "JOBS' folder; folders that are missing are made. Empty lines and lines that begin with # are left\n"
    "out. A subject is \"A.png\", [\"A.png\", \"B.png\"] of one person, a saved subject, \"keep\", or\n"
    "{\"from\": A, \"to\": B, \"share\": 0.5}.\n"
    "\n"
    "A job is done when its picture is there and was made of the same settings, files and model; it\n"
    "is not done again. Started several times, also on several machines that see the same folder, and\n"
    "also by mpirun, the processes share the list, and whoever dies leaves his job to the others. The\n"
    "journal says what failed; such jobs are left out until --retry.\n"
    "\n"
    "  {\"replace\": \"in/1.png\", \"subjects\": [\"ann.png\"], \"output\": \"out/1.png\", \"seed\": 7}\n"
    "  {\"generate\": \"a man on a beach\", \"subjects\": [\"ben.png\"], \"output\": \"out/2.png\"}";

typedef struct {
  MoaCli cli;
  MoaCliBatch batch;
  MoaCliTally tally;
  char *file, *cache, *sheet;
  int columns;
} Batch;

/* ---- The file ---- */

/* FALSE after saying what is wrong. */
static gboolean
read_jobs (Batch *b, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) fault = NULL;
  gboolean ok = TRUE;
  if (!g_file_get_contents (b->file, &text, NULL, &fault))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read: %s", b->file, fault->message);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autoptr (GPtrArray) places = g_ptr_array_new ();
  b->batch.jobs = json_array ();
  for (int i = 0; lines[i]; i++)
    {
      g_strstrip (lines[i]);
      if (!*lines[i] || *lines[i] == '#')
        continue;
      g_autofree char *place = g_strdup_printf ("%s, line %d", b->file, i + 1);
      json_t *job = moa_json_parse (lines[i], strlen (lines[i]), place, &fault);
      if (!job)
        {
          g_printerr ("moa batch: %s\n", fault->message);
          g_clear_error (&fault);
          ok = FALSE;
          continue;
        }
      json_array_append_new (b->batch.jobs, job);
      g_ptr_array_add (places, g_steal_pointer (&place));
    }
  g_ptr_array_add (places, NULL);
  b->batch.places = (char **) g_ptr_array_free (g_steal_pointer (&places), FALSE);
  if (ok && json_array_size (b->batch.jobs) == 0)
    return moa_fail (error, MOA_ERROR_FILE, "%s: there is no job in it", b->file);
  return ok;
}

static gboolean
understand (Batch *b, GError **error)
{
  b->batch.cli = &b->cli;
  b->batch.folder = g_path_get_dirname (b->file);
  if (!b->batch.journal)
    b->batch.journal = g_strconcat (b->file, ".journal", NULL);
  return (!b->sheet || moa_cli_check_png (b->sheet, error)) && read_jobs (b, error) &&
         moa_cli_batch_check (&b->batch, "batch");
}

/* ---- The sheet ---- */

static gboolean
make_sheet (const Batch *b, GError **error)
{
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) captions = g_ptr_array_new_with_free_func (g_free);
  const json_t *object;
  size_t i;
  json_array_foreach (b->batch.jobs, i, object)
    {
      MoaCliJob *job = moa_cli_job_from_json (b->batch.cli, object, b->batch.folder, NULL);
      char *path = moa_cli_job_output (job, 0);
      const char *prompt = json_string_value (json_object_get (object, "generate"));
      g_ptr_array_add (paths, g_file_test (path, G_FILE_TEST_EXISTS) ? g_strdup (path) : NULL);
      g_ptr_array_add (captions, prompt ? g_strdup (prompt) : g_path_get_basename (path));
      g_free (path);
      moa_cli_job_free (job);
    }
  return moa_cli_sheet (NULL, (char **) paths->pdata, (char **) captions->pdata, paths->len, b->columns,
                        b->sheet, error);
}

/* ---- Ranks ---- */

/* Each rank begins elsewhere; those of one machine share its cores. */
static void
take_place (Batch *b, const MoaGroup *group)
{
  int neighbours = moa_group_neighbours (group);
  b->batch.begin = (double) moa_group_rank (group) / moa_group_size (group);
  if (b->cli.run.n_threads == 0 && neighbours > 1)
    b->cli.run.n_threads = MAX (1, (int) g_get_num_processors () / neighbours);
}

/* What all ranks did; all wait here for all. */
static void
add_up (Batch *b, MoaGroup *group)
{
  MoaCliTally *tally = &b->tally;
  int mine = tally->done, n = tally->done + tally->before + tally->failed + tally->left;
  double done = mine;
  moa_group_sum_doubles (group, &done, 1);
  tally->done = done;
  tally->before = MAX (0, n - tally->failed - tally->left - tally->done);
}

static void
print_tally (const Batch *b)
{
  const MoaCliTally *tally = &b->tally;
  if (b->cli.json)
    moa_cli_print_json (json_pack ("{s:i, s:i, s:i, s:i}", "done", tally->done, "before", tally->before,
                                   "failed", tally->failed, "left", tally->left));
  else
    g_print ("%d done, %d done before, %d failed, %d left\n", tally->done, tally->before, tally->failed,
             tally->left);
}

static gboolean
run (Batch *b, GError **error)
{
  if (!moa_cli_start (&b->cli, error))
    return FALSE;
  MoaGroup *group = moa_group_join ();
  gboolean first = moa_group_rank (group) == 0;
  take_place (b, group);
  b->cli.run.cache = b->cache;
  b->batch.quiet = b->cli.json;
  b->cli.goes_on = TRUE;
  gboolean ok = moa_cli_batch_run (&b->batch, &b->tally, error);
  add_up (b, group);
  moa_group_leave (group, FALSE);
  if (!ok)
    return FALSE;
  if (first && b->sheet && !b->batch.list_only && !make_sheet (b, error))
    return FALSE;
  if (first)
    print_tally (b);
  return b->tally.failed == 0 || b->batch.list_only ||
         moa_fail (error, MOA_ERROR_ARGUMENT, "%d of %d jobs failed; --retry tries them again",
                   b->tally.failed, (int) json_array_size (b->batch.jobs));
}

int
moa_cli_batch (int argc, char **argv)
{
  Batch b = { .columns = 6 };
  const GOptionEntry entries[] = {
    { "retry", 0, 0, G_OPTION_ARG_NONE, &b.batch.retry, "Try again what failed in an earlier run", NULL },
    { "list", 0, 0, G_OPTION_ARG_NONE, &b.batch.list_only, "Only tell what is done, failed and left", NULL },
    { "journal", 0, 0, G_OPTION_ARG_FILENAME, &b.batch.journal, "The journal, JOBS.journal", "FILE" },
    { "cache", 0, 0, G_OPTION_ARG_FILENAME, &b.cache,
      "Keep inversions there, for jobs on the same pictures", "FOLDER" },
    { "sheet", 0, 0, G_OPTION_ARG_FILENAME, &b.sheet, "Write a contact sheet", "FILE.png" },
    { "columns", 0, 0, G_OPTION_ARG_INT, &b.columns, "Of the sheet, 6", "N" },
    { NULL }
  };
  gboolean usable = moa_cli_parse (&b.cli, &argc, &argv, "JOBS.jsonl",
                                   "Does all jobs of a file with one model.", entries, after_batch);
  if (usable && argc != 2)
    usable = !moa_cli_usage ("batch", "give one file of jobs, not %d", argc - 1);
  GError *error = NULL;
  gboolean understood = TRUE;
  if (usable)
    {
      b.file = g_strdup (argv[1]);
      understood = understand (&b, &error);
    }
  if (usable && understood)
    run (&b, &error);
  moa_cli_batch_clear (&b.batch);
  g_free (b.file);
  g_free (b.cache);
  g_free (b.sheet);
  int code = moa_cli_finish (&b.cli, "batch", error);
  return !usable ? CLI_USAGE : !understood ? CLI_FAILED : code;
}
