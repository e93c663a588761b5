/* plug-in-moa-generate: a new image from words, and from persons. */
#include "generate.h"
#include "intl.h"
#include "options.h"
#include "people.h"
#include "procedures.h"
#include "replace.h"

#include "ui/entries.h"

#include "icon.h"

#include <string.h>

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
    "\"subjects\": [\"layer:NAME\", \"file:PATH\", \"saved:NAME\"], \"width\": 512, \"mark\": false, "
    "\"threads\": 2, \"memory_limit\": 4096, ...}; docs/settings.md lists them all" },
};

enum { MOST = 100 };

typedef struct {
  MoaGenerateParams params;
  char *negative;
  People *people;
  guint64 seeds[MOST];
  ReplaceSettings *how; /* of it: model, threads, memory_limit, mark, subjects */
} Order;

/* What is not one of the engine's settings is a setting of how to run. */
static gboolean
set_option (Order *order, const char *key, json_t *value, GError **error)
{
  static const char *const shared[] = { "subjects", "threads", "memory_limit", "mark" };
  int n;
  const MoaSetting *rows = moa_generate_settings (&n);

  if (moa_setting_find (rows, n, key))
    return options_set (rows, n, &order->params, key, value, error);
  if (!strcmp (key, "negative"))
    {
      replace_settings_set_string (&order->negative, json_string_value (value));
      return json_is_string (value)
             || options_fail (error, "options: \"negative\" must be a text");
    }
  for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
    if (!strcmp (shared[i], key))
      {
        g_autofree char *json = options_print (json_pack ("{s:O}", key, value));

        return replace_settings_set_options (order->how, json, error);
      }

  g_autoptr (GString) known = g_string_new ("negative");

  for (guint i = 0; i < G_N_ELEMENTS (shared); i++)
    g_string_append_printf (known, ", %s", shared[i]);
  for (int i = 0; i < n; i++)
    g_string_append_printf (known, ", %s", rows[i].name);
  return options_fail (error, "options: there is no \"%s\"; there are %s", key, known->str);
}

static gboolean
set_options (Order *order, const char *json, GError **error)
{
  json_t *object = options_parse ("options", json && *json ? json : "{}", error);
  gboolean success = object != NULL;
  const char *key;
  json_t *value;

  if (object)
    json_object_foreach (object, key, value)
      success = success && set_option (order, key, value, error);
  json_decref (object);
  return success;
}

static gboolean
set_people (Order *order, const gint32 *layers, int n, GError **error)
{
  for (int i = 0; i < n; i++)
    if (!people_add_layer (order->people, layers[i], error))
      {
        g_prefix_error (error, "subject %d: ", i + 1);
        return FALSE;
      }
  if (order->how->subjects && !people_add_list (order->people, order->how->subjects, -1, error))
    return FALSE;
  order->params.subjects = order->people->subjects;
  order->params.n_subjects = order->people->n_subjects;
  return TRUE;
}

static gboolean
read_order (Order *order, const GimpParam *param, GError **error)
{
  int n = param[ARG_PICTURES].data.d_int32;

  moa_generate_params_init (&order->params);
  order->params.prompt = param[ARG_PROMPT].data.d_string;
  order->params.seeds = order->seeds;
  order->params.n_seeds = n;
  if (n < 1 || n > MOST)
    return options_fail (error, "the number of pictures is %d; it may be 1 to %d", n, MOST);
  for (int i = 0; i < n; i++)
    order->seeds[i] = (guint64) (guint32) param[ARG_SEED].data.d_int32 + i;
  replace_settings_set_string (&order->how->model, param[ARG_MODEL].data.d_string);
  if (!set_options (order, param[ARG_OPTIONS].data.d_string, error))
    return FALSE;
  order->params.negative = order->negative;
  return set_people (order, param[ARG_SUBJECTS].data.d_int32array,
                     param[ARG_N_SUBJECTS].data.d_int32, error);
}

/* The engine's callbacks come from its own thread only where one is made for it: here it runs in
 * ours. */
static void
show_progress (const MoaProgress *progress, gpointer data)
{
  gimp_progress_update (progress->fraction);
}

static gint32
generate (Order *order, GError **error)
{
  g_autofree char *path = NULL;
  MoaModel *model = replace_open_model (order->how, &path, error);
  MoaGenerateResult *result = NULL;
  MoaRun run;
  gint32 image = -1;

  replace_settings_get_run (order->how, &run);
  run.progress = show_progress;
  if (model)
    {
      gimp_progress_init (_("Drawing"));
      result = moa_generate (model, &order->params, &run, error);
      gimp_progress_end ();
    }
  if (result)
    image = generate_write (&order->params, order->people->names, result, model, order->how->mark,
                            error);
  g_clear_pointer (&result, moa_generate_result_free);
  g_clear_pointer (&model, moa_model_unref);
  return image;
}

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  Order order = { .people = people_new (), .how = replace_settings_new () };
  gint32 image = read_order (&order, param, error) ? generate (&order, error) : -1;

  if (image >= 0)
    {
      values[0].data.d_string = gimp_image_get_name (image);
      values[1].data.d_image = image;
    }
  people_free (order.people);
  replace_settings_free (order.how);
  g_free (order.negative);
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
