/* moa generate: new pictures from a prompt and photos of persons. */
#include "cli/job.h"

#include "base/error.h"
#include "io/file.h"

#include <stddef.h>
#include <string.h>

typedef struct {
  MoaCliJob job;
  MoaGenerateParams params;
  char *negative, *base, *seed, *size, *maps; /* as they were written; NULL: not given */
  int pictures;
  MoaCliControl control;
  GArray *seeds; /* of guint64 */
  MoaGenerateResult *result;
} CliGenerate;

static const char after_generate[] =
    "PROMPT needs a noun for each SUBJECT, as \"a man and a woman on a beach\"; <1>, <2> after\n"
    "a word mark others. A SUBJECT is a photo; several photos of one person are joined with "
    "\"+\";\n"
    "a saved subject or a face embedding is a file that ends in .safetensors.\n"
    "With --pictures N, pictures of the seeds --seed, --seed + 1, ... are written to OUT-1.png,\n"
    "OUT-2.png and so on.";

static void
init (MoaCliJob *job)
{
  CliGenerate *g = (CliGenerate *) job;
  moa_generate_params_init (&g->params);
  g->pictures = 1;
  g->control = (MoaCliControl){ .scale = 1, .end = 1 };
}

/* "512x768" */
static gboolean
read_size (const char *text, int *width, int *height)
{
  int end = 0;
  return sscanf (text, "%dx%d%n", width, height, &end) == 2 && !text[end];
}

static gboolean
check (MoaCliJob *job, GError **error)
{
  CliGenerate *g = (CliGenerate *) job;
  MoaGenerateParams *params = &g->params;
  guint64 seed = 0;
  params->negative = g->negative;
  if (!moa_cli_read_base (g->base, &params->base, error) ||
      !moa_cli_read_seed (g->seed, &seed, error))
    return FALSE;
  if (g->size && !read_size (g->size, &params->width, &params->height))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "size is \"%s\"; write it as 512x512", g->size);
  if (g->pictures < 1 || g->pictures > 1000)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "pictures is %d; it must be from 1 to 1000",
                     g->pictures);
  g->seeds = g_array_new (FALSE, FALSE, sizeof (guint64));
  for (int i = 0; i < g->pictures; i++, seed++)
    g_array_append_val (g->seeds, seed);
  params->seeds = (const guint64 *) g->seeds->data;
  params->n_seeds = g->seeds->len;
  return TRUE;
}

static int
n_pictures (const MoaCliJob *job)
{
  return ((const CliGenerate *) job)->pictures;
}

static gboolean
check_output (const MoaCliJob *job, GError **error)
{
  const CliGenerate *g = (const CliGenerate *) job;
  gboolean ok = moa_cli_check_png (job->output, error);
  for (int i = 0; ok && i < g->pictures; i++)
    {
      g_autofree char *path = moa_cli_job_output (job, i);
      g_autofree char *folder = g->maps ? moa_cli_job_folder (job, g->maps, i) : NULL;
      ok = moa_cli_check_folder_of (path, error) && (!folder || moa_folder_make (folder, error));
    }
  return ok;
}

static gboolean
save_picture (const CliGenerate *g, const MoaImage *image, const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_pixbuf (image);
  if (!pixbuf)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to write it", path);
  return moa_cli_save_marked (pixbuf, path, g->job.mark, error);
}

static gboolean
save_output (CliGenerate *g, GError **error)
{
  const MoaGenerateResult *result = g->result;
  for (int i = 0; i < result->n_images; i++)
    {
      g_autofree char *path = moa_cli_job_output (&g->job, i);
      if (!save_picture (g, result->images[i], path, error))
        return FALSE;
      json_array_append_new (g->job.files, moa_cli_json_string (path));
    }
  for (int i = 0; result->maps && i < result->n_images; i++)
    {
      g_autofree char *folder = moa_cli_job_folder (&g->job, g->maps, i);
      if (!moa_cli_save_maps (&result->maps[i], 1, folder, g->job.files, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run (MoaCliJob *job, GError **error)
{
  CliGenerate *g = (CliGenerate *) job;
  if (!moa_cli_load_subjects (&job->loaded, job->subjects, job->cli, error) ||
      !moa_cli_load_subject_masks (&job->loaded, job->masks, 0, 0, NULL, error) ||
      !moa_cli_control_load (&g->control, 0, 0, NULL, &g->params.control, error))
    return FALSE;
  g->params.prompt = job->first;
  g->params.subjects = job->loaded.subjects;
  g->params.n_subjects = job->loaded.n_subjects;
  g->params.want_maps = g->maps != NULL;
  g->result = moa_generate (job->cli->model, &g->params, &job->cli->run, error);
  moa_cli_end_progress ();
  return g->result && save_output (g, error);
}

static void
print_result (const MoaCliJob *job)
{
  const CliGenerate *g = (const CliGenerate *) job;
  const MoaGenerateResult *result = g->result;
  const json_t *file;
  size_t i;
  moa_cli_print_warnings ("generate", (const char *const *) result->warnings);
  if (!job->cli->json)
    {
      json_array_foreach (job->files, i, file)
        g_print ("%s\n", json_string_value (file));
      return;
    }
  json_t *seeds = json_array ();
  for (guint k = 0; k < g->seeds->len; k++)
    json_array_append_new (seeds, json_integer (g_array_index (g->seeds, guint64, k)));
  moa_cli_print_json (json_pack (
      "{s:O, s:o, s:o, s:i, s:f, s:o, s:I, s:o}", "files", job->files, "prompt",
      moa_cli_json_string (job->first), "seeds", seeds, "steps", result->steps, "guidance", result->guidance, "seconds",
      moa_cli_seconds_json (result->seconds), "peak_bytes", (json_int_t) result->peak_bytes,
      "warnings", moa_cli_strings_json ((const char *const *) result->warnings)));
}

static void
clear (MoaCliJob *job)
{
  CliGenerate *g = (CliGenerate *) job;
  moa_generate_result_free (g->result);
  moa_image_free (g->control.image);
  g_clear_pointer (&g->seeds, g_array_unref);
}

#define G(field) offsetof (CliGenerate, field)

static const MoaCliArgument arguments[] = {
  { "output", 'o', MOA_CLI_OUTPUT, G (job.output), "Where to write the picture", "OUT.png" },
  { "negative", 'n', MOA_CLI_TEXT, G (negative), "What not to draw", "TEXT" },
  { "size", 0, MOA_CLI_TEXT, G (size), "Pixels; otherwise the model's own", "WxH" },
  { "base", 0, MOA_CLI_TEXT, G (base),
    "What guidance starts from: moa without subjects (default), or prior", "BASE" },
  { "seed", 0, MOA_CLI_TEXT, G (seed), "Of the noise, 0", "N" },
  { "pictures", 0, MOA_CLI_COUNT, G (pictures), "How many, of seeds one after another", "N" },
  MOA_CLI_CONTROL_ARGUMENTS (CliGenerate),
  MOA_CLI_SUBJECT_ARGUMENTS (CliGenerate),
  { "maps", 0, MOA_CLI_OUTPUT, G (maps), "Write the router maps, see moa maps", "FOLDER" },
  { NULL }
};
static const char *const in_size[] = { "width", "height", NULL };

const MoaCliJobClass moa_cli_generate_class = {
  .name = "generate",
  .size = sizeof (CliGenerate),
  .missing = "give a prompt",
  .where = "the picture: -o OUT.png",
  .usage = "PROMPT [SUBJECT...] -o OUT.png",
  .summary = "Draws a new picture of the PROMPT with the SUBJECTs in it.",
  .description = after_generate,
  .arguments = arguments,
  .settings = moa_generate_settings,
  .no_options = in_size,
  .params = G (params),
  .init = init,
  .check = check,
  .check_output = check_output,
  .n_pictures = n_pictures,
  .run = run,
  .print = print_result,
  .clear = clear,
};

int
moa_cli_generate (int argc, char **argv)
{
  return moa_cli_job_command (&moa_cli_generate_class, argc, argv);
}
