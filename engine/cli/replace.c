/* moa replace, and moa maps, which is the same job without its picture. */
#include "cli/replace.h"

#include <string.h>

static const char after_replace[] =
    "A SUBJECT is a photo of the new person; several photos of one person are joined with \"+\",\n"
    "as in front.png+side.png. Subject 1 takes the person at the left, unless --order says\n"
    "otherwise. A subject that is the person's own crop keeps that person.\n"
    "\n"
    "With --variations N, pictures of the seeds --seed, --seed + 1, ... are written to OUT-1.png,\n"
    "OUT-2.png and so on; --mask and --maps are the first one's.\n"
    "\n"
    "With --select only the surroundings of the white part of MASK are worked on, so that a\n"
    "person in a large picture gets all of the model's resolution. Outside the selection the\n"
    "output's pixels are the source's.\n"
    "\n"
    "  moa replace party.png friend.png --select man.png -o out.png\n"
    "  moa replace pair.png own-crop.png friend.png -o out.png --prompt \"a woman and a man\"";

static const char after_maps[] =
    "Writes a PNG for each routed block: white where the router chooses the prior, black where it\n"
    "chooses the personalised expert. mean-layer-NN.png is the mean over the late half of the\n"
    "steps, step-SSS-layer-NN.png one of the steps that --at names. Without a SUBJECT the\n"
    "picture itself is the subject.";

/* ---- Both commands ---- */

/* FALSE after saying what is wrong. */
static gboolean
read_options (CliReplace *r, const char *command)
{
  MoaReplaceParams *params = &r->params;
  params->prompt = r->prompt;
  if (r->base && strcmp (r->base, "prior") && strcmp (r->base, "moa"))
    moa_cli_usage (command, "--base is \"%s\"; it must be prior or moa", r->base);
  else if (r->seed &&
           !g_ascii_string_to_unsigned (r->seed, 10, 0, G_MAXUINT64, &params->seed, NULL))
    moa_cli_usage (command, "--seed is \"%s\"; it must be a whole number, 0 or more", r->seed);
  else if (r->order && !(r->order_numbers = moa_cli_numbers (r->order, 1)))
    moa_cli_usage (command, "--order is \"%s\"; write it as 2,1", r->order);
  else if (r->at && !(r->at_numbers = moa_cli_numbers (r->at, 0)))
    moa_cli_usage (command, "--at is \"%s\"; write it as 0,10,20", r->at);
  else
    {
      if (r->base)
        params->base = !strcmp (r->base, "moa") ? MOA_BASE_MOA : MOA_BASE_PRIOR;
      return TRUE;
    }
  return FALSE;
}

static gboolean
run (CliReplace *r, char **files, int n_files, GError **error)
{
  if (!moa_cli_replace_check_output (r, error) || !moa_cli_start (&r->cli, error) ||
      !moa_cli_replace_input (r, files, n_files, error))
    return FALSE;
  r->result = moa_replace (r->cli.model, &r->params, &r->cli.run, error);
  moa_cli_end_progress ();
  return r->result && moa_cli_replace_output (r, error);
}

static void
clear (CliReplace *r)
{
  moa_replace_result_free (r->result);
  moa_cli_clear_subjects (&r->subjects);
  moa_cli_control_clear (&r->control);
  moa_image_free (r->picture);
  moa_image_free (r->selection);
  g_clear_object (&r->source);
  json_decref (r->files);
  g_clear_pointer (&r->order_numbers, g_array_unref);
  g_clear_pointer (&r->at_numbers, g_array_unref);
  char *const strings[] = { r->output, r->select,         r->prompt,    r->base,
                            r->seed,   r->order,          r->at,        r->maps,
                            r->mask,   r->reconstruction, r->trajectory };
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
}

/* Runs, unless the command line was wrong; prints; frees. */
static int
run_and_finish (CliReplace *r, const char *command, gboolean usable, char **files, int n_files)
{
  GError *error = NULL;
  if (usable && run (r, files, n_files, &error))
    moa_cli_replace_print (r, command);
  clear (r);
  int code = moa_cli_finish (&r->cli, command, error);
  return usable ? code : CLI_USAGE;
}

/* The entries, and the engine's settings but for those that make several pictures. */
static gboolean
parse (CliReplace *r, int *argc, char ***argv, const char *arguments, const char *summary,
       const GOptionEntry *entries, const char *description)
{
  int n;
  const MoaSetting *settings = moa_replace_settings (&n);
  g_autoptr (GArray) all = moa_cli_settings (entries, NULL, settings, n, &r->params);
  return moa_cli_parse (&r->cli, argc, argv, arguments, summary, (GOptionEntry *) all->data,
                        description);
}

/* ---- The commands ---- */

int
moa_cli_replace (int argc, char **argv)
{
  CliReplace r = { .control = MOA_CLI_CONTROL, .files = json_array () };
  moa_replace_params_init (&r.params);
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &r.output, "Where to write the picture", "OUT.png" },
    { "select", 's', 0, G_OPTION_ARG_FILENAME, &r.select,
      "Where persons may change: white in a picture of the source's size", "MASK" },
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &r.prompt,
      "A noun for each subject, as \"a man and a woman\"; <1>, <2> after a word mark others",
      "TEXT" },
    { "base", 0, 0, G_OPTION_ARG_FILENAME, &r.base,
      "What guidance starts from: prior (default), or moa without subjects", "BASE" },
    { "seed", 0, 0, G_OPTION_ARG_FILENAME, &r.seed, "Of the fresh noise that --freedom adds", "N" },
    MOA_CLI_CONTROL_ENTRIES (r.control),
    MOA_CLI_SUBJECTS_ENTRIES (r.subjects),
    { "order", 0, 0, G_OPTION_ARG_FILENAME, &r.order,
      "The person, counted from the left, that each subject takes", "2,1" },
    { "mask", 0, 0, G_OPTION_ARG_FILENAME, &r.mask, "Write the composite mask", "FILE.png" },
    { "maps", 0, 0, G_OPTION_ARG_FILENAME, &r.maps, "Write the router maps, see moa maps",
      "FOLDER" },
    { "reconstruction", 0, 0, G_OPTION_ARG_FILENAME, &r.reconstruction,
      "Write what inversion and the way back make of the picture", "FILE.png" },
    { "trajectory", 0, 0, G_OPTION_ARG_FILENAME, &r.trajectory, "Write the inversion's latents",
      "FILE.safetensors" },
    { NULL }
  };
  gboolean usable = parse (&r, &argc, &argv, "SOURCE SUBJECT... -o OUT.png",
                           "Replaces persons in SOURCE with the SUBJECTs.", entries, after_replace) &&
                    read_options (&r, "replace");
  if (usable && argc < 3)
    usable = !moa_cli_usage ("replace", "give a picture and a photo of the new person");
  else if (usable && !r.output)
    usable = !moa_cli_usage ("replace", "say where to write the picture: -o OUT.png");
  return run_and_finish (&r, "replace", usable, argv + 1, argc - 1);
}

int
moa_cli_maps (int argc, char **argv)
{
  CliReplace r = { .control = MOA_CLI_CONTROL, .files = json_array () };
  moa_replace_params_init (&r.params);
  r.params.maps_only = TRUE;
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &r.maps, "Where to write the maps; made if missing",
      "FOLDER" },
    { "at", 0, 0, G_OPTION_ARG_FILENAME, &r.at, "Steps whose maps are wanted, from 0 on",
      "0,10,20" },
    { "select", 's', 0, G_OPTION_ARG_FILENAME, &r.select,
      "Where persons may change: white in a picture of the source's size", "MASK" },
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &r.prompt, "A noun for each subject", "TEXT" },
    { NULL }
  };
  gboolean usable =
      parse (&r, &argc, &argv, "SOURCE [SUBJECT...] -o FOLDER",
             "Shows where the model sees persons in SOURCE: the router map of each block.", entries,
             after_maps) &&
      read_options (&r, "maps");
  if (usable && argc < 2)
    usable = !moa_cli_usage ("maps", "give a picture");
  else if (usable && !r.maps)
    usable = !moa_cli_usage ("maps", "say where to write the maps: -o FOLDER");
  char *alone[] = { argv[1], argv[1] };
  return run_and_finish (&r, "maps", usable, argc > 2 ? argv + 1 : alone, MAX (2, argc - 1));
}
