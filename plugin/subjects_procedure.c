/* plug-in-moa-subjects: the persons that are kept, to use in any picture. */
#include "intl.h"
#include "drawable.h"
#include "options.h"
#include "people.h"
#include "procedures.h"
#include "replace.h"

#include "ui/entries.h"

#include "icon.h"

#include <glib/gstdio.h>
#include <string.h>

enum {
  ARG_RUN_MODE, ARG_ACTION, ARG_NAME, ARG_TEXT, ARG_N_LAYERS, ARG_LAYERS, ARG_MODEL, N_ARGS
};

static const GimpParamDef args[N_ARGS] = {
  { GIMP_PDB_INT32, "run-mode", "RUN-INTERACTIVE (0) or RUN-NONINTERACTIVE (1)" },
  { GIMP_PDB_STRING, "action", "\"list\", \"add\", \"rename\", \"delete\", \"export\" or \"import\"" },
  { GIMP_PDB_STRING, "name", "The subject's name; for import and list \"\"" },
  { GIMP_PDB_STRING, "text", "rename: the new name; export and import: the file; else \"\"" },
  { GIMP_PDB_INT32, "num-layers", "add: the number of photos" },
  { GIMP_PDB_INT32ARRAY, "layers", "add: a layer for each photo" },
  { GIMP_PDB_STRING, "model", "add: folder of the model; \"\" for the installed one" },
};

/* A name that is in use would make "saved:NAME" mean another person. */
static gboolean
name_is_free (const char *name, GError **error)
{
  g_autoptr (GPtrArray) list = people_list_saved (NULL, NULL);

  if (!name || !*name)
    return options_fail (error, "give the subject a name");
  for (guint i = 0; i < list->len; i++)
    if (!strcmp (((MoaSavedSubject *) list->pdata[i])->name, name))
      return options_fail (error, "there is a saved subject with the name \"%s\" already: choose "
                           "another name, or delete that one first", name);
  return TRUE;
}

static gboolean
add (const GimpParam *param, GError **error)
{
  const char *name = param[ARG_NAME].data.d_string;
  int n = param[ARG_N_LAYERS].data.d_int32;
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  g_autofree char *path = NULL;
  MoaImage *photos[MOA_SAVED_SUBJECT_PHOTOS] = { NULL };
  MoaSavedSubject *saved = NULL;
  gboolean success = name_is_free (name, error);

  if (success && (n < 1 || n > MOA_SAVED_SUBJECT_PHOTOS))
    success = options_fail (error, "give 1 to %d layers with photos of the person",
                            MOA_SAVED_SUBJECT_PHOTOS);
  for (int i = 0; success && i < n; i++)
    {
      gint32 layer = drawable_get_layer (param[ARG_LAYERS].data.d_int32array[i], -1, TRUE, error);

      photos[i] = layer >= 0 ? drawable_read_rgba (layer, error) : NULL;
      success = photos[i] != NULL;
    }
  replace_settings_set_string (&settings->model, param[ARG_MODEL].data.d_string);

  MoaModel *model = success ? replace_open_model (settings, &path, error) : NULL;

  if (model)
    saved = moa_saved_subject_new (model, name, (const MoaImage *const *) photos, n, NULL, error);
  success = saved && people_save_new (saved, error);
  moa_saved_subject_free (saved);
  g_clear_pointer (&model, moa_model_unref);
  for (int i = 0; i < MOA_SAVED_SUBJECT_PHOTOS; i++)
    moa_image_free (photos[i]);
  return success;
}

static char *
list (void)
{
  g_autoptr (GString) problems = g_string_new (NULL);
  GPtrArray *files;
  g_autoptr (GPtrArray) all = people_list_saved (&files, problems);
  json_t *array = json_array ();

  for (guint i = 0; i < all->len; i++)
    {
      const MoaSavedSubject *saved = all->pdata[i];

      json_array_append_new (array, json_pack ("{s:s, s:s, s:i}", "name", saved->name, "file",
                                               files->pdata[i], "photos", saved->n_photos));
    }
  g_ptr_array_unref (files);
  return options_print (json_pack ("{s:o, s:s}", "subjects", array, "problems", problems->str));
}

static gboolean
import (const char *file, GError **error)
{
  MoaSavedSubject *saved = moa_saved_subject_load (file, error);
  gboolean success = saved && name_is_free (saved->name, error) && people_save_new (saved, error);

  moa_saved_subject_free (saved);
  return success;
}

/* The actions on one that is there. */
static gboolean
change (const char *action, const char *name, const char *text, GError **error)
{
  g_autofree char *path = NULL;
  MoaSavedSubject *saved = people_find_saved (name, &path, error);
  gboolean success = saved != NULL;

  if (!success)
    return FALSE;
  if (!strcmp (action, "delete"))
    success = !g_unlink (path) || options_fail (error, "%s cannot be deleted", path);
  else if (!strcmp (action, "export"))
    success = moa_saved_subject_save (saved, text, error);
  else if ((success = name_is_free (text, error)))
    {
      replace_settings_set_string (&saved->name, text);
      success = moa_saved_subject_save (saved, path, error);
    }
  moa_saved_subject_free (saved);
  return success;
}

static gboolean
act (const GimpParam *param, GError **error)
{
  const char *action = param[ARG_ACTION].data.d_string;
  const char *name = param[ARG_NAME].data.d_string, *text = param[ARG_TEXT].data.d_string;

  if (!g_strcmp0 (action, "list"))
    return TRUE;
  if (!g_strcmp0 (action, "add"))
    return add (param, error);
  if (!g_strcmp0 (action, "import"))
    return import (text ? text : "", error);
  if (!g_strcmp0 (action, "rename") || !g_strcmp0 (action, "delete")
      || !g_strcmp0 (action, "export"))
    return change (action, name ? name : "", text ? text : "", error);
  return options_fail (error, "there is no action \"%s\"; there are list, add, rename, delete, export "
                       "and import", action ? action : "");
}

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  if (!act (param, error))
    return FALSE;
  values[0].data.d_string = list ();
  return TRUE;
}

const Procedure subjects_procedure = {
  "plug-in-moa-subjects",
  N_("MoA: the persons that are kept, to use in any picture"),
  "Lists, adds, renames, deletes, exports or imports saved subjects, and returns those that there "
  "are then, as JSON. A saved subject holds image features and a thumbnail, and no photo.",
  N_("S_ubjects..."), moa_icon_subjects, "", args, N_ARGS, 1, run, entry_subjects
};
