/* plug-in-moa-models: the models that are there, what each holds, and which one is used. */
#include "intl.h"
#include "models.h"
#include "options.h"
#include "procedures.h"
#include "replace.h"

#include "ui/entries.h"

#include "icon.h"

#include <string.h>

enum { ARG_RUN_MODE, ARG_ACTION, ARG_FOLDER, N_ARGS };

static const GimpParamDef args[N_ARGS] = {
  { GIMP_PDB_INT32, "run-mode", "RUN-INTERACTIVE (0) or RUN-NONINTERACTIVE (1)" },
  { GIMP_PDB_STRING, "action", "\"list\"; \"check\": read the model's tables; \"test\": draw a small "
    "picture with it; \"default\": use it from now on" },
  { GIMP_PDB_STRING, "folder", "The model's folder; \"\" for the one that is used, and for list" },
};

/* What a model holds, or why it cannot be used. */
static json_t *
describe (const char *folder, gboolean used)
{
  g_autoptr (GError) error = NULL;
  MoaModel *model = moa_model_open (folder, &error);

  if (!model)
    return json_pack ("{s:s, s:b, s:b, s:s}", "folder", folder, "used", used, "complete", FALSE,
                      "problem", error->message);

  const MoaModelInfo *info = moa_model_get_info (model);
  guint64 n_parameters = 0;

  for (int i = 0; i < info->n_parts; i++)
    n_parameters += info->parts[i].n_parameters;

  json_t *object = json_pack ("{s:s, s:b, s:b, s:i, s:i, s:I, s:I}", "folder", folder, "used", used,
                              "complete", TRUE, "side", info->side, "steps", info->steps,
                              "parameters", (json_int_t) n_parameters, "weight_bytes",
                              (json_int_t) info->weight_bytes);

  moa_model_unref (model);
  return object;
}

static void
add_once (GPtrArray *folders, const char *folder)
{
  for (guint i = 0; i < folders->len; i++)
    if (!strcmp (folders->pdata[i], folder))
      return;
  if (*folder)
    g_ptr_array_add (folders, g_strdup (folder));
}

static void
add_children (GPtrArray *folders, const char *parent)
{
  GDir *dir = g_dir_open (parent, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *folder = g_build_filename (parent, name, NULL);

      if (g_file_test (folder, G_FILE_TEST_IS_DIR))
        add_once (folders, folder);
    }
  if (dir)
    g_dir_close (dir);
}

GPtrArray *
models_list_folders (const char *used)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *own = g_build_filename (g_get_user_data_dir (), "moa-gimp", "models", NULL);
  g_autofree char *added = gimp_gimprc_query ("moa-models");
  g_auto (GStrv) others = g_strsplit (added ? added : "", G_SEARCHPATH_SEPARATOR_S, 0);

  add_once (folders, used);
  add_children (folders, own);
  add_children (folders, MOA_MODEL_DIR);
  for (int i = 0; others[i]; i++)
    add_once (folders, others[i]);
  return folders;
}

static char *
list (void)
{
  g_autofree char *used = replace_settings_find_model ();
  g_autoptr (GPtrArray) folders = models_list_folders (used);
  json_t *array = json_array ();

  for (guint i = 0; i < folders->len; i++)
    json_array_append_new (array, describe (folders->pdata[i], !strcmp (folders->pdata[i], used)));
  return options_print (array);
}

static gboolean
test (MoaModel *model, GError **error)
{
  const guint64 seed = 1;
  MoaGenerateParams params;

  moa_generate_params_init (&params);
  params.prompt = "a person";
  params.steps = 2;
  params.seeds = &seed;
  params.n_seeds = 1;

  MoaGenerateResult *result = moa_generate (model, &params, NULL, error);

  moa_generate_result_free (result);
  return result != NULL;
}

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  const char *action = param[ARG_ACTION].data.d_string;
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  g_autofree char *path = NULL;

  if (!g_strcmp0 (action, "list"))
    {
      values[0].data.d_string = list ();
      return TRUE;
    }
  if (g_strcmp0 (action, "check") && g_strcmp0 (action, "test") && g_strcmp0 (action, "default"))
    return options_fail (error, "there is no action \"%s\"; there are list, check, test and default",
                         action ? action : "");
  replace_settings_set_string (&settings->model, param[ARG_FOLDER].data.d_string);

  MoaModel *model = replace_open_model (settings, &path, error);
  gboolean success = model && (strcmp (action, "test") || test (model, error));

  g_clear_pointer (&model, moa_model_unref);
  if (!success)
    return FALSE;
  if (!strcmp (action, "default"))
    gimp_gimprc_set ("moa-model", path);
  values[0].data.d_string = options_print (describe (path, !strcmp (action, "default")));
  return TRUE;
}

const Procedure models_procedure = {
  "plug-in-moa-models",
  N_("MoA: the models that are there, and which one is used"),
  "Lists the models, checks one, tries it, or makes it the one that is used where none is named. "
  "Returns what was found, as JSON.",
  N_("M_odels..."), moa_icon_models, "", args, N_ARGS, 1, run, entry_models
};
