/* moa replace, and moa maps, which is the same job without its picture. */
#include "cli/replace.h"

#include "base/error.h"

#include <stddef.h>
#include <string.h>

static const char after_replace[] =
    "A SUBJECT is a photo of the new person; several photos of one person are joined with \"+\",\n"
    "as in front.png+side.png; a saved subject or a face embedding is a file that ends in\n"
    ".safetensors. Subject 1 takes the person at the left, unless --order says otherwise. A subject\n"
    "\"keep\", or one that is the person's own crop, keeps that person.\n"
    "\n"
    "With --variations N, pictures of the seeds --seed, --seed + 1, ... are written to OUT-1.png,\n"
    "OUT-2.png and so on; --mask and --maps are the first one's.\n"
    "\n"
    "Without --select the model looks for the persons who go, and only they and a little around\n"
    "them change; with --no-find anything may. With --select only the surroundings of the white\n"
    "part of MASK are worked on, so that a person in a large picture gets all of the model's\n"
    "resolution. Outside the selection the output's pixels are the source's.\n"
    "\n"
    "--faces 0.6 works on each new person's head again, by itself at the model's full size; heads\n"
    "are looked for, or given by --heads, as in --heads 120,40,64,72,300,44,60,70.\n"
    "\n"
    "  moa replace party.png friend.png --select man.png -o out.png\n"
    "  moa replace pair.png own-crop.png friend.png -o out.png --prompt \"a woman and a man\"";

static const char after_maps[] =
    "Writes a PNG for each routed block: white where the router chooses the prior, black where it\n"
    "chooses the personalised expert. mean-layer-NN.png is the mean over the late half of the\n"
    "steps, step-SSS-layer-NN.png one of the steps that --at names. Without a SUBJECT the\n"
    "picture itself is the subject.";

/* ---- What both do ---- */

static void
init (MoaCliJob *job)
{
  CliReplace *r = (CliReplace *) job;
  moa_replace_params_init (&r->params);
  r->control = (MoaCliControl){ .scale = 1, .end = 1 };
  r->params.maps_only = job->klass == &moa_cli_maps_class;
  r->params.find = !r->params.maps_only;
}

static gboolean
check (MoaCliJob *job, GError **error)
{
  CliReplace *r = (CliReplace *) job;
  MoaReplaceParams *params = &r->params;
  params->prompt = r->prompt;
  if (!moa_cli_read_base (r->base, &params->base, error) ||
      !moa_cli_read_seed (r->seed, &params->seed, error))
    return FALSE;
  if (r->order && !(r->order_numbers = moa_cli_numbers (r->order, 1)))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "order is \"%s\"; write it as 2,1", r->order);
  if (r->heads && params->faces <= 0)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "heads are boxes for working on faces again; set faces too, to 0.6 for example");
  if (r->heads && !(r->head_numbers = moa_cli_numbers (r->heads, 0)))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "heads is \"%s\"; write it as X,Y,WIDTH,HEIGHT for each subject", r->heads);
  if (r->at && !(r->at_numbers = moa_cli_numbers (r->at, 0)))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "at is \"%s\"; write it as 0,10,20", r->at);
  return TRUE;
}

static int
n_pictures (const MoaCliJob *job)
{
  const MoaReplaceParams *params = &((const CliReplace *) job)->params;
  return params->maps_only ? 0 : MIN (params->variations, MOA_MAX_VARIATIONS);
}

static gboolean
run (MoaCliJob *job, GError **error)
{
  CliReplace *r = (CliReplace *) job;
  if (!moa_cli_replace_input (r, error))
    return FALSE;
  r->result = moa_replace (job->cli->model, &r->params, &job->cli->run, error);
  moa_cli_end_progress ();
  return r->result && moa_cli_replace_output (r, error);
}

static void
clear (MoaCliJob *job)
{
  CliReplace *r = (CliReplace *) job;
  moa_replace_result_free (r->result);
  moa_image_free (r->control.image);
  moa_image_free (r->picture);
  moa_image_free (r->selection);
  g_clear_object (&r->source);
  g_clear_pointer (&r->order_numbers, g_array_unref);
  g_clear_pointer (&r->head_numbers, g_array_unref);
  g_clear_pointer (&r->at_numbers, g_array_unref);
}

/* ---- The commands ---- */

#define R(field) offsetof (CliReplace, field)
#define SELECT                                                                                     \
  { "select", 's', MOA_CLI_INPUT, R (select),                                                      \
    "Where persons may change: white in a picture of the source's size", "MASK" }

static const MoaCliArgument replace_arguments[] = {
  { "output", 'o', MOA_CLI_OUTPUT, R (job.output), "Where to write the picture", "OUT.png" },
  SELECT,
  { "prompt", 'p', MOA_CLI_TEXT, R (prompt),
    "A noun for each subject, as \"a man and a woman\"; <1>, <2> after a word mark others", "TEXT" },
  { "base", 0, MOA_CLI_TEXT, R (base),
    "What guidance starts from: prior (default), or moa without subjects", "BASE" },
  { "seed", 0, MOA_CLI_TEXT, R (seed), "Of the fresh noise that --freedom adds", "N" },
  MOA_CLI_CONTROL_ARGUMENTS (CliReplace),
  MOA_CLI_SUBJECT_ARGUMENTS (CliReplace),
  { "heads", 0, MOA_CLI_TEXT, R (heads),
    "With --faces, a box around where each subject's head will be, in SOURCE's pixels", "X,Y,W,H,..." },
  { "order", 0, MOA_CLI_TEXT, R (order), "The person, counted from the left, that each subject takes",
    "2,1" },
  { "mask", 0, MOA_CLI_OUTPUT, R (mask), "Write the composite mask", "FILE.png" },
  { "maps", 0, MOA_CLI_OUTPUT, R (maps), "Write the router maps, see moa maps", "FOLDER" },
  { "reconstruction", 0, MOA_CLI_OUTPUT, R (reconstruction),
    "Write what inversion and the way back make of the picture", "FILE.png" },
  { "trajectory", 0, MOA_CLI_OUTPUT, R (trajectory), "Write the inversion's latents",
    "FILE.safetensors" },
  { NULL }
};

const MoaCliJobClass moa_cli_replace_class = {
  .name = "replace",
  .size = sizeof (CliReplace),
  .first_is_file = TRUE,
  .least_subjects = 1,
  .missing = "give a picture and a photo of the new person",
  .where = "the picture: -o OUT.png",
  .usage = "SOURCE SUBJECT... -o OUT.png",
  .summary = "Replaces persons in SOURCE with the SUBJECTs.",
  .description = after_replace,
  .arguments = replace_arguments,
  .settings = moa_replace_settings,
  .params = R (params),
  .init = init,
  .check = check,
  .check_output = moa_cli_replace_check_output,
  .n_pictures = n_pictures,
  .run = run,
  .print = moa_cli_replace_print,
  .clear = clear,
};

static const MoaCliArgument maps_arguments[] = {
  { "output", 'o', MOA_CLI_OUTPUT, R (job.output), "Where to write the maps; made if missing",
    "FOLDER" },
  { "at", 0, MOA_CLI_TEXT, R (at), "Steps whose maps are wanted, from 0 on", "0,10,20" },
  SELECT,
  { "prompt", 'p', MOA_CLI_TEXT, R (prompt), "A noun for each subject", "TEXT" },
  { NULL }
};

const MoaCliJobClass moa_cli_maps_class = {
  .name = "maps",
  .size = sizeof (CliReplace),
  .first_is_file = TRUE,
  .missing = "give a picture",
  .where = "the maps: -o FOLDER",
  .usage = "SOURCE [SUBJECT...] -o FOLDER",
  .summary = "Shows where the model sees persons in SOURCE: the router map of each block.",
  .description = after_maps,
  .arguments = maps_arguments,
  .settings = moa_replace_settings,
  .params = R (params),
  .init = init,
  .check = check,
  .check_output = moa_cli_replace_check_output,
  .n_pictures = n_pictures,
  .run = run,
  .print = moa_cli_replace_print,
  .clear = clear,
};

int
moa_cli_replace (int argc, char **argv)
{
  return moa_cli_job_command (&moa_cli_replace_class, argc, argv);
}

int
moa_cli_maps (int argc, char **argv)
{
  return moa_cli_job_command (&moa_cli_maps_class, argc, argv);
}
