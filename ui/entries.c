/* The dialogs as the menu entries open them: what each is about is gathered here. */
#include "entries.h"

#include "generate_dialog.h"
#include "maps_dialog.h"
#include "models_dialog.h"
#include "replace_dialog.h"
#include "sequence_dialog.h"
#include "subjects_dialog.h"

#include "plugin/generate.h"
#include "plugin/history.h"
#include "plugin/intl.h"
#include "plugin/models.h"
#include "plugin/result.h"
#include "plugin/settings.h"

#include <libgimp/gimp.h>

MoaModel *
entry_open_model (ReplaceSettings *how, char **problem)
{
  history_load_model (how);
  return entry_reopen_model (how, problem);
}

MoaModel *
entry_reopen_model (ReplaceSettings *how, char **problem)
{
  g_autoptr (GError) error = NULL;
  gboolean chosen;
  MoaModel *model;

  chosen = *how->model || *how->expert || *how->image_encoder;
  if (!*how->model)
    {
      g_free (how->model);
      how->model = replace_settings_find_model ();
    }
  model = replace_settings_open_model (how, how->model, &error);
  *problem = NULL;
  if (error && replace_settings_blame_added (how, how->model))
    *problem = g_strdup_printf (_("%s. Change LoRA, Embeddings or CLIP skip under Advanced."), error->message);
  else if (error && chosen)
    *problem = g_strdup_printf (_("%s. This was chosen in Replace Person under Advanced: choose another one "
                                  "there."), error->message);
  else if (error)
    *problem = g_strdup_printf (_("%s. Choose a complete model under Filters > MoA > Models."),
                                error->message);
  return model;
}

gboolean
entry_generate (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  return generate_dialog_run ();
}

gboolean
entry_morph (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  return sequence_dialog_run (&morph_kind);
}

gboolean
entry_time_lapse (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  return sequence_dialog_run (&time_lapse_kind);
}

gboolean
entry_story (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  return sequence_dialog_run (&story_kind);
}

/* On a layer of a result the dialog of Replace Person begins with what made it. */
gboolean
entry_edit (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  if (result_find_group (drawable) >= 0)
    return replace_dialog_run (image, drawable, FALSE);
  if (!generate_check_other (drawable, error))
    return FALSE;
  g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, "%s",
               _("This layer is not a result: choose the layer group that Replace Person made, or a layer in "
                 "it."));
  return FALSE;
}

gboolean
entry_router_maps (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  maps_dialog_run (image, drawable);
  return FALSE;
}

gboolean
entry_subjects (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  g_autoptr (ReplaceSettings) how = replace_settings_new ();
  g_autofree char *problem = NULL;
  MoaModel *model = entry_open_model (how, &problem);

  subjects_dialog_run (model, problem);
  g_clear_pointer (&model, moa_model_unref);
  return FALSE;
}

/* ---- Models -------------------------------------------------------------- */

static void
keep_default (const char *folder)
{
  gimp_gimprc_set ("moa-model", folder);
}

static void
keep_folder (const char *folder)
{
  g_autofree char *known = gimp_gimprc_query ("moa-models");
  g_autofree char *all = known && *known ? g_strconcat (known, G_SEARCHPATH_SEPARATOR_S, folder, NULL)
                                         : g_strdup (folder);

  gimp_gimprc_set ("moa-models", all);
}

gboolean
entry_models (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  g_autofree char *used = replace_settings_find_model ();
  g_autoptr (GPtrArray) folders = models_list_folders (used);

  g_ptr_array_add (folders, NULL);
  models_dialog_run ((const char *const *) folders->pdata, used, keep_default, keep_folder);
  return FALSE;
}
