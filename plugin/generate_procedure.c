/* plug-in-moa-generate: a new image from words, and from persons. */
#include "generate.h"
#include "generate_settings.h"
#include "intl.h"
#include "options.h"
#include "people.h"
#include "procedures.h"
#include "replace.h"

#include "ui/entries.h"

#include "icon.h"

enum {
  ARG_RUN_MODE, ARG_PROMPT, ARG_N_SUBJECTS, ARG_SUBJECTS, ARG_SEED, ARG_PICTURES, ARG_MODEL,
  ARG_OPTIONS, N_ARGS
};

static const GimpParamDef args[N_ARGS] = {
  { GIMP_PDB_INT32, "run-mode", "RUN-INTERACTIVE (0) or RUN-NONINTERACTIVE (1)" },
  { GIMP_PDB_STRING, "prompt", "The picture in words, with one noun for each subject" },
  { GIMP_PDB_INT32, "num-subjects", "The number of subjects; 0 for none" },
  { GIMP_PDB_INT32ARRAY, "subjects", "A layer for each person who is to be in it" },
  { GIMP_PDB_INT32, "seed", "Seed of the first picture" },
  { GIMP_PDB_INT32, "pictures", "How many pictures, of the seed and those after it" },
  { GIMP_PDB_STRING, "model", "Folder of the model; \"\" for the installed one" },
  { GIMP_PDB_STRING, "options", "A JSON object, \"{}\" for none: {\"negative\": \"what is not wanted\", "
    "\"subjects\": [\"layer:NAME\", \"file:PATH\", \"saved:NAME\", \"mask:NAME\"], \"width\": 512, \"mark\": false, "
    "\"device\": \"cpu\", \"threads\": 2, \"memory_limit\": 4096, ...}; docs/settings.md lists them all" },
};

typedef struct {
  GenerateSettings *settings;
  MoaGenerateParams params;
  People *people;
  guint64 seeds[GENERATE_MOST_PICTURES];
} Order;

static gboolean
set_people (Order *order, const gint32 *layers, int n, GError **error)
{
  for (int i = 0; i < n; i++)
    if (!people_add_layer (order->people, layers[i], error))
      {
        g_prefix_error (error, "subject %d: ", i + 1);
        return FALSE;
      }
  if (order->settings->how->subjects
      && !people_add_list (order->people, order->settings->how->subjects, -1, error))
    return FALSE;
  if (!people_read_masks (order->people, -1, NULL, error))
    return FALSE;
  order->params.subjects = order->people->subjects;
  order->params.n_subjects = order->people->n_subjects;
  return TRUE;
}

static gboolean
read_order (Order *order, const GimpParam *param, GError **error)
{
  GenerateSettings *settings = order->settings;

  replace_settings_set_string (&settings->prompt, param[ARG_PROMPT].data.d_string);
  replace_settings_set_string (&settings->how->model, param[ARG_MODEL].data.d_string);
  settings->seed = param[ARG_SEED].data.d_int32;
  settings->pictures = param[ARG_PICTURES].data.d_int32;
  if (settings->pictures < 1 || settings->pictures > GENERATE_MOST_PICTURES)
    return options_fail (error, "the number of pictures is %d; it may be 1 to %d", settings->pictures,
                         GENERATE_MOST_PICTURES);
  if (!generate_settings_set_options (settings, param[ARG_OPTIONS].data.d_string, error))
    return FALSE;
  order->params = settings->params;
  order->params.prompt = settings->prompt;
  order->params.negative = settings->negative;
  order->params.seeds = order->seeds;
  order->params.n_seeds = settings->pictures;
  for (int i = 0; i < settings->pictures; i++)
    order->seeds[i] = (guint64) settings->seed + i;
  return set_people (order, param[ARG_SUBJECTS].data.d_int32array,
                     param[ARG_N_SUBJECTS].data.d_int32, error);
}

/* The engine's callbacks come from its own thread only where one is made for it: here it runs in
 * ours. */
static void
show_progress (const MoaProgress *progress, gpointer data)
{
  replace_show_progress (progress);
}

static gint32
generate (Order *order, GError **error)
{
  g_autofree char *path = NULL;
  MoaModel *model = replace_open_model (order->settings->how, &path, error);
  MoaGenerateResult *result = NULL;
  MoaRun run;
  gint32 image = -1;

  replace_settings_get_run (order->settings->how, &run);
  run.progress = show_progress;
  if (model)
    {
      gimp_progress_init (_("Drawing"));
      result = moa_generate (model, &order->params, &run, error);
      gimp_progress_end ();
    }
  if (result)
    image = generate_write (&order->params, order->people->names, result, model,
                            order->settings->how->mark, error);
  g_clear_pointer (&result, moa_generate_result_free);
  g_clear_pointer (&model, moa_model_unref);
  return image;
}

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  Order order = { .people = people_new (), .settings = generate_settings_new () };
  gint32 image = read_order (&order, param, error) ? generate (&order, error) : -1;

  if (image >= 0)
    {
      values[0].data.d_string = gimp_image_get_name (image);
      values[1].data.d_image = image;
    }
  people_free (order.people);
  generate_settings_free (order.settings);
  return image >= 0;
}

const Procedure generate_procedure = {
  GENERATE_PROCEDURE,
  N_("MoA: draw a new picture from words, with your own persons in it"),
  "Draws pictures from words, with the persons of the given layers at the words' nouns, into a new "
  "image with a layer for each seed. Returns its name and the image. Use pictures of people who "
  "agree to it.",
  N_("_Generate..."), moa_icon_generate, "", args, N_ARGS, 2, run, entry_generate
};
