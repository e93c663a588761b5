/* Jobs as options and as a command: see job.h.  As JSON: job-json.c. */
#include "cli/job.h"

#include "base/error.h"

#include <string.h>

MoaCliJob *
moa_cli_job_new (const MoaCliJobClass *klass, MoaCli *cli)
{
  MoaCliJob *job = g_malloc0 (klass->size);
  job->klass = klass;
  job->cli = cli;
  job->subjects = json_array ();
  job->files = json_array ();
  klass->init (job);
  return job;
}

void
moa_cli_job_free (MoaCliJob *job)
{
  if (!job)
    return;
  job->klass->clear (job);
  for (const MoaCliArgument *a = job->klass->arguments; a->name; a++)
    if (a->kind <= MOA_CLI_OUTPUT)
      g_free (G_STRUCT_MEMBER (char *, job, a->offset));
    else if (a->kind == MOA_CLI_INPUTS)
      g_strfreev (G_STRUCT_MEMBER (char **, job, a->offset));
  moa_cli_clear_subjects (&job->loaded);
  json_decref (job->subjects);
  json_decref (job->files);
  g_free (job->first);
  g_free (job->mark);
  g_free (job);
}

char *
moa_cli_job_output (const MoaCliJob *job, int k)
{
  int stem = strlen (job->output) - strlen (".png");
  return job->klass->n_pictures (job) == 1
             ? g_strdup (job->output)
             : g_strdup_printf ("%.*s-%d.png", stem, job->output, k + 1);
}

char *
moa_cli_job_folder (const MoaCliJob *job, const char *folder, int k)
{
  return job->klass->n_pictures (job) == 1 ? g_strdup (folder)
                                           : g_strdup_printf ("%s-%d", folder, k + 1);
}

gboolean
moa_cli_read_base (const char *text, MoaGuidanceBase *base, GError **error)
{
  static const char *const names[] = { [MOA_BASE_DEFAULT] = "default", [MOA_BASE_PRIOR] = "prior",
                                       [MOA_BASE_MOA] = "moa" };
  for (gsize i = 0; text && i < G_N_ELEMENTS (names); i++)
    if (!strcmp (text, names[i]))
      {
        *base = i;
        return TRUE;
      }
  return !text ||
         moa_fail (error, MOA_ERROR_ARGUMENT, "base is \"%s\"; it must be prior or moa", text);
}

gboolean
moa_cli_read_seed (const char *text, guint64 *seed, GError **error)
{
  return !text || g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, seed, NULL) ||
         moa_fail (error, MOA_ERROR_ARGUMENT,
                   "seed is \"%s\"; it must be a whole number, 0 or more", text);
}

/* ---- Options ---- */

static GOptionEntry
make_entry (MoaCliJob *job, const MoaCliArgument *argument)
{
  /* Not STRING, which refuses what is no UTF-8. */
  static const GOptionArg args[] = {
    [MOA_CLI_TEXT] = G_OPTION_ARG_FILENAME,   [MOA_CLI_INPUT] = G_OPTION_ARG_FILENAME,
    [MOA_CLI_OUTPUT] = G_OPTION_ARG_FILENAME, [MOA_CLI_INPUTS] = G_OPTION_ARG_FILENAME_ARRAY,
    [MOA_CLI_NUMBER] = G_OPTION_ARG_DOUBLE,   [MOA_CLI_COUNT] = G_OPTION_ARG_INT,
  };
  return (GOptionEntry){
    .long_name = moa_cli_option_name (argument->name),
    .short_name = argument->short_name,
    .arg = args[argument->kind],
    .arg_data = &G_STRUCT_MEMBER (char, job, argument->offset),
    .description = argument->help,
    .arg_description = argument->placeholder,
  };
}

GArray *
moa_cli_job_entries (MoaCliJob *job, const GOptionEntry *own, const char *const *skip)
{
  GArray *entries = g_array_new (TRUE, FALSE, sizeof (GOptionEntry));
  int n;
  const MoaSetting *settings = job->klass->settings (&n);
  for (; own && own->long_name; own++)
    g_array_append_val (entries, *own);
  for (const MoaCliArgument *a = job->klass->arguments; a->name; a++)
    {
      GOptionEntry entry = make_entry (job, a);
      if (moa_cli_has_entry (entries, entry.long_name) || (skip && g_strv_contains (skip, a->name)))
        continue;
      g_array_append_val (entries, entry);
    }
  guint before = entries->len;
  moa_cli_settings (entries, job->klass->no_options, settings, n,
                    &G_STRUCT_MEMBER (char, job, job->klass->params));
  for (guint i = entries->len; skip && i > before; i--)
    {
      const char *name = g_array_index (entries, GOptionEntry, i - 1).long_name;
      if (g_strv_contains (skip, name))
        g_array_remove_index (entries, i - 1);
    }
  return entries;
}

/* ---- A command ---- */

/* What is not an option: the first word, and the subjects. */
static void
take_words (MoaCliJob *job, char **words, int n)
{
  if (n > 0)
    job->first = g_strdup (words[0]);
  for (int i = 1; i < n; i++)
    json_array_append_new (job->subjects, moa_subject_from_text (words[i], NULL));
}

/* FALSE after saying what is wrong. */
static gboolean
check (MoaCliJob *job)
{
  const MoaCliJobClass *klass = job->klass;
  g_autoptr (GError) error = NULL;
  if (!klass->check (job, &error))
    return !moa_cli_usage (klass->name, "--%s", error->message);
  if (!job->first || (int) json_array_size (job->subjects) < klass->least_subjects)
    return !moa_cli_usage (klass->name, "%s", klass->missing);
  if (!job->output)
    return !moa_cli_usage (klass->name, "say where to write %s", klass->where);
  return TRUE;
}

int
moa_cli_job_command (const MoaCliJobClass *klass, int argc, char **argv)
{
  MoaCli cli = { NULL };
  GError *error = NULL;
  MoaCliJob *job = moa_cli_job_new (klass, &cli);
  g_autoptr (GArray) entries = moa_cli_job_entries (job, NULL, NULL);
  gboolean usable = moa_cli_parse (&cli, &argc, &argv, klass->usage, klass->summary,
                                   (GOptionEntry *) entries->data, klass->description);
  if (usable)
    take_words (job, argv + 1, argc - 1);
  usable = usable && check (job);
  if (usable && klass->check_output (job, &error) && moa_cli_start (&cli, &error) &&
      klass->run (job, &error))
    klass->print (job);
  moa_cli_job_free (job);
  int code = moa_cli_finish (&cli, klass->name, error);
  return usable ? code : CLI_USAGE;
}
