/* Options, model, progress, interrupts and errors of all subcommands. */
#include "cli/cli.h"

#include "device/device.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- Options ---- */

int
moa_cli_usage (const char *command, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *message = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("moa%s%s: %s\nTry \"moa%s%s --help\".\n", command ? " " : "", command ? command : "",
              message, command ? " " : "", command ? command : "");
  return CLI_USAGE;
}

gboolean
moa_cli_parse (MoaCli *cli, int *argc, char ***argv, const char *arguments, const char *summary,
               const GOptionEntry *entries, const char *description)
{
  const GOptionEntry common[] = {
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &cli->model_path,
      "The model: a folder or a checkpoint; otherwise $MOA_MODEL, otherwise the bundled one",
      "FOLDER|FILE" },
    { "threads", 't', 0, G_OPTION_ARG_INT, &cli->n_threads, "Threads; 0, the default: all cores",
      "N" },
    { "memory", 0, 0, G_OPTION_ARG_FILENAME, &cli->memory,
      "Use at most so much memory, as 4G or 800M; otherwise what is free", "SIZE" },
    { "device", 'd', 0, G_OPTION_ARG_STRING, &cli->device,
      "Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1", "DEVICE" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &cli->json, "Print the result as JSON", NULL },
    { NULL }
  };
  g_autofree char *command = g_strdup ((*argv)[0]);
  g_autofree char *program = g_strconcat ("moa ", command, NULL);
  g_set_prgname (program);
  g_autoptr (GOptionContext) context = g_option_context_new (arguments);
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, common, NULL);
  g_option_context_add_group (context, moa_cli_files_group (&cli->files));
  g_autoptr (GError) error = NULL;
  if (!g_option_context_parse (context, argc, argv, &error))
    moa_cli_usage (command, "%s", error->message);
  else if (cli->n_threads < 0)
    moa_cli_usage (command, "--threads is %d; it must be 0 or more", cli->n_threads);
  else
    {
      /* What is left of "--", which ends the options. */
      if (*argc > 1 && !strcmp ((*argv)[1], "--"))
        {
          memmove (*argv + 1, *argv + 2, (*argc - 1) * sizeof (char *));
          --*argc;
        }
      return TRUE;
    }
  return FALSE;
}

GArray *
moa_cli_numbers (const char *text, int low)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (int));
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  for (char **word = words; *word; word++)
    {
      gint64 number;
      if (!g_ascii_string_to_signed (g_strstrip (*word), 10, low, G_MAXINT, &number, NULL))
        return NULL;
      int value = number;
      g_array_append_val (numbers, value);
    }
  return numbers->len > 0 ? g_steal_pointer (&numbers) : NULL;
}

/* "800M", "4G", "4GiB" or bytes */
static gboolean
parse_size (const char *text, guint64 *bytes, GError **error)
{
  char *end;
  double value = g_ascii_strtod (text, &end);
  static const char units[] = "KMGT";
  double unit = 1;
  if (*end)
    {
      const char *at = strchr (units, g_ascii_toupper (*end));
      if (at)
        {
          unit = (double) (1ull << 10 * (at - units + 1));
          end++;
        }
      if (*end == 'i')
        end++;
      if (*end == 'B')
        end++;
    }
  if (end == text || *end || !(value * unit >= 1) || value * unit > 1e18)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "--memory is \"%s\"; write it as 4G or 800M", text);
  *bytes = value * unit;
  return TRUE;
}

/* ---- Model ---- */

char *
moa_cli_default_model (void)
{
  const char *from_environment = g_getenv ("MOA_MODEL");
  if (from_environment && *from_environment)
    return g_strdup (from_environment);
  /* Folders, of which the first that exists counts: in the source tree of a
   * build, or where it is installed. */
  g_auto (GStrv) folders = g_strsplit (MOA_MODEL_DIR, G_SEARCHPATH_SEPARATOR_S, -1);
  for (char **folder = folders; *folder; folder++)
    if (g_file_test (*folder, G_FILE_TEST_IS_DIR))
      return g_strdup (*folder);
  return g_strdup (folders[0]);
}

/* ---- Interrupts ---- */

/* What asks for an end: Ctrl-C, SIGTERM of mpirun, Slurm and init, and SIGUSR1, which mpirun hands
 * on to its ranks without killing them soon after. */
static void
interrupts (sigset_t *set)
{
  sigemptyset (set);
  sigaddset (set, SIGINT);
  sigaddset (set, SIGTERM);
  sigaddset (set, SIGUSR1);
}

/* A second Ctrl-C does not wait for the job to notice the first.  Launchers may well ask twice. */
static gpointer
wait_for_interrupt (gpointer data)
{
  sigset_t set;
  int signal_number;
  interrupts (&set);
  sigwait (&set, &signal_number);
  g_cancellable_cancel (data);
  do
    sigwait (&set, &signal_number);
  while (signal_number != SIGINT);
  _exit (CLI_INTERRUPTED);
}

/* Before any other thread starts, so that all of them leave these signals to ours. */
GCancellable *
moa_cli_cancel_on_interrupt (void)
{
  GCancellable *cancellable = g_cancellable_new ();
  sigset_t set;
  interrupts (&set);
  signal (SIGINT, SIG_DFL);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
  g_thread_unref (g_thread_new ("interrupt", wait_for_interrupt, g_object_ref (cancellable)));
  return cancellable;
}

/* ---- Progress ---- */

static const char *const phase_names[MOA_N_PHASES] = { "load", "encode", "invert", "generate",
                                                       "decode", "faces" };

static void
show_progress (const MoaProgress *progress, gpointer data)
{
  g_autofree char *left = progress->seconds_left >= 0
                              ? g_strdup_printf (", %.0f s left", progress->seconds_left)
                              : g_strdup ("");
  g_printerr ("\r\033[K%s %d/%d, %.0f %%%s", phase_names[progress->phase], progress->step,
              progress->n_steps, 100 * progress->fraction, left);
}

void
moa_cli_end_progress (void)
{
  if (isatty (STDERR_FILENO))
    g_printerr ("\r\033[K");
}

/* ---- A job's frame ---- */

gboolean
moa_cli_check_device (const char *name, GError **error)
{
  g_autofree char *note = NULL;
  MoaDevice *device = name ? moa_device_open (name, &note, error) : moa_device_host ();
  if (note)
    g_printerr ("%s: %s\n", g_get_prgname (), note);
  moa_device_unref (device);
  return device != NULL;
}

gboolean
moa_cli_start (MoaCli *cli, GError **error)
{
  if (cli->memory && !parse_size (cli->memory, &cli->run.memory_limit, error))
    return FALSE;
  if (!moa_cli_check_device (cli->device, error))
    return FALSE;
  cli->run.device = cli->device;
  cli->run.n_threads = cli->n_threads;
  cli->run.cancellable = moa_cli_cancel_on_interrupt ();
  if (isatty (STDERR_FILENO))
    cli->run.progress = show_progress;
  g_autofree char *path = cli->model_path ? g_strdup (cli->model_path) : moa_cli_default_model ();
  cli->model = moa_cli_files_open (&cli->files, path, error);
  return cli->model != NULL;
}

int
moa_cli_finish (MoaCli *cli, const char *command, GError *error)
{
  int code = CLI_OK;
  moa_cli_end_progress ();
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    {
      g_printerr ("moa %s: interrupted; %s\n", command,
                  cli->goes_on ? "the next run goes on from here" : "nothing was written");
      code = CLI_INTERRUPTED;
    }
  else if (error)
    {
      g_printerr ("moa %s: %s\n", command, error->message);
      code = CLI_FAILED;
    }
  g_clear_error (&error);
  g_clear_pointer (&cli->model, moa_model_unref);
  g_clear_object (&cli->run.cancellable);
  moa_cli_files_clear (&cli->files);
  g_free (cli->model_path);
  g_free (cli->memory);
  g_free (cli->device);
  return code;
}

/* ---- JSON ---- */

json_t *
moa_cli_json_string (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  return json_string (valid);
}

void
moa_cli_print_json (json_t *object)
{
  json_dumpf (object, stdout, JSON_INDENT (2) | JSON_REAL_PRECISION (9) | JSON_ENSURE_ASCII);
  putchar ('\n');
  json_decref (object);
}

json_t *
moa_cli_seconds_json (const double seconds[MOA_N_PHASES])
{
  json_t *object = json_object ();
  for (int i = 0; i < MOA_N_PHASES; i++)
    json_object_set_new (object, phase_names[i], json_real (seconds[i]));
  return object;
}

json_t *
moa_cli_strings_json (const char *const *strings)
{
  json_t *array = json_array ();
  for (; strings && *strings; strings++)
    json_array_append_new (array, moa_cli_json_string (*strings));
  return array;
}

void
moa_cli_print_warnings (const char *command, const char *const *warnings)
{
  for (; warnings && *warnings; warnings++)
    g_printerr ("moa %s: warning: %s\n", command, *warnings);
}
