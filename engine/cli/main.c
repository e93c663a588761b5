/* moa: the command line of the engine. */
#include "cli/cli.h"

#include <locale.h>
#include <string.h>

static const struct {
  const char *name, *summary;
  int (*run) (int argc, char **argv);
} commands[] = {
  { "replace", "replace persons in a picture", moa_cli_replace },
  { "generate", "draw new pictures from a prompt and photos of persons", moa_cli_generate },
  { "layout", "draw layouts to pick from, then the picked ones with persons", moa_cli_layout },
  { "morph", "turn one person into another", moa_cli_morph },
  { "timelapse", "draw a person from young to old", moa_cli_timelapse },
  { "story", "draw panels with the same characters, and pages of them", moa_cli_story },
  { "batch", "do a file of jobs, by one process or many", moa_cli_batch },
  { "maps", "show where the model sees persons: its router maps", moa_cli_maps },
  { "info", "what a model or a weights file holds, and whether it is complete", moa_cli_info },
  { "convert", "make a model folder of a checkpoint in one file", moa_cli_convert },
  { "bench", "how fast the networks run on this machine", moa_cli_bench },
  { "train", "train a model, or one from nothing", moa_cli_train },
  { "evaluate", "measure what a model can do", moa_cli_evaluate },
  { "world", "draw pictures of people to train on", moa_cli_world },
};

static void
print_usage (void (*print) (const char *format, ...))
{
  print ("Usage: moa COMMAND [OPTION...]\n\n"
         "Mixture-of-Attention for GIMP: replaces persons in pictures.\n\nCommands:\n");
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    print ("  %-10s %s\n", commands[i].name, commands[i].summary);
  print ("\n\"moa COMMAND --help\" tells more.\n"
         "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  if (argc < 2)
    {
      print_usage (g_printerr);
      return CLI_USAGE;
    }
  if (!strcmp (argv[1], "--help") || !strcmp (argv[1], "-h") || !strcmp (argv[1], "help"))
    {
      print_usage (g_print);
      return CLI_OK;
    }
  if (!strcmp (argv[1], "--version"))
    {
      g_print ("moa %s\n", MOA_VERSION);
      return CLI_OK;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (!strcmp (argv[1], commands[i].name))
      return commands[i].run (argc - 1, argv + 1);
  return moa_cli_usage (NULL, "there is no command \"%s\"", argv[1]);
}
