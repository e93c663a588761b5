/* moa train CONFIG --out FOLDER [--model FOLDER] [--resume] */
#include "cli/cli.h"

#include "base/error.h"
#include "train/train.h"

#include <stdio.h>

static void
print_line (const char *line, gpointer data)
{
  printf ("%s\n", line);
  fflush (stdout); /* so that a log file of a run in the background can be followed */
}

static void
print_failure (const char *message, gpointer data)
{
  g_printerr ("moa train: %s\n", message);
}

/* The model to start from, in place of the configuration's. */
static void
set_model (MoaTrainConfig *config, const char *model)
{
  g_free (config->model);
  config->model = g_canonicalize_filename (model, NULL);
  json_object_set_new (config->json, "model", moa_cli_json_string (config->model));
}

static int
train (const char *path, const char *folder, const char *model, MoaTrainRun *run)
{
  MoaTrainConfig config;
  GError *error = NULL;
  run->cancellable = moa_cli_cancel_on_interrupt ();
  run->tell = print_line;
  run->fail = print_failure;
  gboolean ok = moa_train_config_read (path, &config, &error);
  if (ok)
    {
      if (model)
        set_model (&config, model);
      ok = moa_train (&config, folder, run, &error);
      moa_train_config_clear (&config);
    }
  gboolean interrupted = ok && g_cancellable_is_cancelled (run->cancellable);
  g_object_unref (run->cancellable);
  if (!ok)
    g_printerr ("moa train: %s\n", error->message);
  g_clear_error (&error);
  return !ok ? CLI_FAILED : interrupted ? CLI_INTERRUPTED : CLI_OK;
}

int
moa_cli_train (int argc, char **argv)
{
  g_autofree char *out = NULL, *model = NULL, *device = NULL;
  gint64 stop_at = 0;
  MoaTrainRun run = { 0 };
  const GOptionEntry entries[] = {
    { "out", 'o', 0, G_OPTION_ARG_FILENAME, &out,
      "The folder to train into: model, checkpoints, log", "FOLDER" },
    { "model", 'm', 0, G_OPTION_ARG_FILENAME, &model,
      "The model to start from, in place of CONFIG's", "FOLDER" },
    { "resume", 'r', 0, G_OPTION_ARG_NONE, &run.resume, "Go on from the folder's last checkpoint",
      NULL },
    { "threads", 't', 0, G_OPTION_ARG_INT, &run.n_threads, "Threads; 0, the default: all cores",
      "N" },
    { "device", 'd', 0, G_OPTION_ARG_STRING, &device,
      "Where to compute: auto (a GPU if there is one), cpu, cuda, cuda:1, cuda:f16", "DEVICE" },
    { "stop-at", 0, 0, G_OPTION_ARG_INT64, &stop_at, "Save and stop after that step", "STEP" },
    { NULL }
  };
  g_set_prgname ("moa train");
  g_autoptr (GOptionContext) context = g_option_context_new ("CONFIG");
  g_option_context_set_summary (context, "Trains what CONFIG says, a JSON file.");
  g_option_context_set_description (
    context, "Ctrl-C finishes the step, saves, and ends; --resume goes on from there.  So do\n"
             "SIGTERM and SIGUSR1.  At its own Ctrl-C mpirun waits for a second, asks its ranks to end,\n"
             "waits as long again, and kills them; mpirun --mca odls_base_sigkill_timeout 30 makes\n"
             "both waits 30 seconds, which must be enough for a step and a checkpoint.  Or send it\n"
             "SIGUSR1, which it hands on at once.\n"
             "FOLDER/log.svg shows the curves while it runs.");
  g_option_context_add_main_entries (context, entries, NULL);
  g_autoptr (GError) error = NULL;
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return moa_cli_usage ("train", "%s", error->message);
  if (argc != 2)
    return moa_cli_usage ("train", "one configuration is needed, not %d", argc - 1);
  if (!out)
    return moa_cli_usage ("train", "where to? --out FOLDER");
  if (run.n_threads < 0 || stop_at < 0)
    return moa_cli_usage ("train", "--threads and --stop-at are 0 or more");
  run.stop_at = stop_at;
  run.device = device;
  if (!moa_cli_check_device (device, &error))
    {
      g_printerr ("moa train: %s\n", error->message);
      return CLI_FAILED;
    }
  return train (argv[1], out, model, &run);
}
