/* moa generate: new pictures from a prompt and photos of persons. */
#include "cli/cli.h"

#include "base/error.h"

#include <string.h>

typedef struct {
  MoaCli cli;
  MoaGenerateParams params;
  char *output, *prompt, *negative, *base, *seed, *size, *maps;
  int n_pictures;
  MoaCliControl control;
  MoaCliSubjects subjects;
  GArray *seeds; /* of guint64 */
  MoaGenerateResult *result;
  json_t *files;
} Generate;

static const char after_generate[] =
    "PROMPT needs a noun for each SUBJECT, as \"a man and a woman on a beach\"; <1>, <2> after\n"
    "a word mark others. A SUBJECT is a photo; several photos of one person are joined with "
    "\"+\".\n"
    "With --pictures N, pictures of the seeds --seed, --seed + 1, ... are written to OUT-1.png,\n"
    "OUT-2.png and so on.";

/* "512x768" */
static gboolean
read_size (const char *text, int *width, int *height)
{
  int end = 0;
  return sscanf (text, "%dx%d%n", width, height, &end) == 2 && !text[end];
}

/* FALSE after saying what is wrong. */
static gboolean
read_options (Generate *g)
{
  MoaGenerateParams *params = &g->params;
  guint64 seed = 0;
  params->prompt = g->prompt;
  params->negative = g->negative;
  if (g->base && strcmp (g->base, "prior") && strcmp (g->base, "moa"))
    moa_cli_usage ("generate", "--base is \"%s\"; it must be prior or moa", g->base);
  else if (g->seed && !g_ascii_string_to_unsigned (g->seed, 10, 0, G_MAXUINT64, &seed, NULL))
    moa_cli_usage ("generate", "--seed is \"%s\"; it must be a whole number, 0 or more", g->seed);
  else if (g->size && !read_size (g->size, &params->width, &params->height))
    moa_cli_usage ("generate", "--size is \"%s\"; write it as 512x512", g->size);
  else if (g->n_pictures < 1 || g->n_pictures > 1000)
    moa_cli_usage ("generate", "--pictures is %d; it must be from 1 to 1000", g->n_pictures);
  else if (!g->output)
    moa_cli_usage ("generate", "say where to write the picture: -o OUT.png");
  else
    {
      if (g->base)
        params->base = !strcmp (g->base, "moa") ? MOA_BASE_MOA : MOA_BASE_PRIOR;
      g->seeds = g_array_new (FALSE, FALSE, sizeof (guint64));
      for (int i = 0; i < g->n_pictures; i++, seed++)
        g_array_append_val (g->seeds, seed);
      params->seeds = (const guint64 *) g->seeds->data;
      params->n_seeds = g->seeds->len;
      return TRUE;
    }
  return FALSE;
}

/* OUT.png, or OUT-3.png where there are several. */
static char *
output_path (const Generate *g, int i)
{
  int stem = strlen (g->output) - strlen (".png");
  return g->n_pictures == 1 ? g_strdup (g->output)
                            : g_strdup_printf ("%.*s-%d.png", stem, g->output, i + 1);
}

/* The folder for its maps. */
static char *
maps_path (const Generate *g, int i)
{
  return g->n_pictures == 1 ? g_strdup (g->maps) : g_strdup_printf ("%s-%d", g->maps, i + 1);
}

/* What is known to fail is said before the long job. */
static gboolean
check_output (const Generate *g, GError **error)
{
  gboolean ok = moa_cli_check_png (g->output, error);
  for (int i = 0; ok && i < g->n_pictures; i++)
    {
      g_autofree char *path = output_path (g, i), *folder = g->maps ? maps_path (g, i) : NULL;
      ok = moa_cli_check_folder_of (path, error)
           && (!folder || moa_cli_make_folder (folder, error));
    }
  return ok;
}

static gboolean
save_output (Generate *g, GError **error)
{
  const MoaGenerateResult *result = g->result;
  for (int i = 0; i < result->n_images; i++)
    {
      g_autofree char *path = output_path (g, i);
      if (!moa_cli_save_image (result->images[i], path, error))
        return FALSE;
      json_array_append_new (g->files, moa_cli_json_string (path));
    }
  for (int i = 0; result->maps && i < result->n_images; i++)
    {
      g_autofree char *folder = maps_path (g, i);
      if (!moa_cli_save_maps (&result->maps[i], 1, folder, g->files, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run (Generate *g, char **photos, int n, GError **error)
{
  if (!check_output (g, error) || !moa_cli_start (&g->cli, error) ||
      !moa_cli_load_subjects (&g->subjects, photos, n, error) ||
      !moa_cli_load_subject_masks (&g->subjects, 0, 0, NULL, error))
    return FALSE;
  g->params.subjects = g->subjects.subjects;
  g->params.n_subjects = g->subjects.n_subjects;
  g->params.want_maps = g->maps != NULL;
  if (!moa_cli_control_load (&g->control, 0, 0, NULL, &g->params.control, error))
    return FALSE;
  g->result = moa_generate (g->cli.model, &g->params, &g->cli.run, error);
  moa_cli_end_progress ();
  return g->result && save_output (g, error);
}

static void
print_result (const Generate *g)
{
  const MoaGenerateResult *result = g->result;
  const json_t *file;
  size_t i;
  moa_cli_print_warnings ("generate", (const char *const *) result->warnings);
  if (!g->cli.json)
    {
      json_array_foreach (g->files, i, file)
        g_print ("%s\n", json_string_value (file));
      return;
    }
  json_t *seeds = json_array ();
  for (guint k = 0; k < g->seeds->len; k++)
    json_array_append_new (seeds, json_integer (g_array_index (g->seeds, guint64, k)));
  moa_cli_print_json (json_pack (
      "{s:O, s:o, s:o, s:i, s:f, s:o, s:I, s:o}", "files", g->files, "prompt",
      moa_cli_json_string (g->prompt), "seeds", seeds, "steps", result->steps, "guidance", result->guidance, "seconds",
      moa_cli_seconds_json (result->seconds), "peak_bytes", (json_int_t) result->peak_bytes,
      "warnings", moa_cli_strings_json ((const char *const *) result->warnings)));
}

static void
clear (Generate *g)
{
  moa_generate_result_free (g->result);
  moa_cli_clear_subjects (&g->subjects);
  moa_cli_control_clear (&g->control);
  json_decref (g->files);
  g_clear_pointer (&g->seeds, g_array_unref);
  char *const strings[] = { g->output, g->prompt, g->negative, g->base, g->seed, g->size, g->maps };
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
}

int
moa_cli_generate (int argc, char **argv)
{
  Generate g = { .n_pictures = 1, .control = MOA_CLI_CONTROL, .files = json_array () };
  static const char *const in_size[] = { "width", "height", NULL };
  int n;
  const MoaSetting *settings = moa_generate_settings (&n);
  moa_generate_params_init (&g.params);
  const GOptionEntry entries[] = {
    { "output", 'o', 0, G_OPTION_ARG_FILENAME, &g.output, "Where to write the picture", "OUT.png" },
    { "negative", 'n', 0, G_OPTION_ARG_FILENAME, &g.negative, "What not to draw", "TEXT" },
    { "size", 0, 0, G_OPTION_ARG_FILENAME, &g.size, "Pixels; otherwise the model's own", "WxH" },
    { "base", 0, 0, G_OPTION_ARG_FILENAME, &g.base,
      "What guidance starts from: moa without subjects (default), or prior", "BASE" },
    { "seed", 0, 0, G_OPTION_ARG_FILENAME, &g.seed, "Of the noise, 0", "N" },
    { "pictures", 0, 0, G_OPTION_ARG_INT, &g.n_pictures, "How many, of seeds one after another",
      "N" },
    MOA_CLI_CONTROL_ENTRIES (g.control),
    MOA_CLI_SUBJECTS_ENTRIES (g.subjects),
    { "maps", 0, 0, G_OPTION_ARG_FILENAME, &g.maps, "Write the router maps, see moa maps",
      "FOLDER" },
    { NULL }
  };
  g_autoptr (GArray) all = moa_cli_settings (entries, in_size, settings, n, &g.params);
  gboolean usable = moa_cli_parse (&g.cli, &argc, &argv, "PROMPT [SUBJECT...] -o OUT.png",
                                   "Draws a new picture of the PROMPT with the SUBJECTs in it.",
                                   (GOptionEntry *) all->data, after_generate);
  if (usable && argc < 2)
    usable = !moa_cli_usage ("generate", "give a prompt");
  if (usable)
    g.prompt = g_strdup (argv[1]);
  usable = usable && read_options (&g);
  GError *error = NULL;
  if (usable && run (&g, argv + 2, argc - 2, &error))
    print_result (&g);
  clear (&g);
  int code = moa_cli_finish (&g.cli, "generate", error);
  return usable ? code : CLI_USAGE;
}
