/* The dialogs as the menu entries open them: what each is about is gathered here. */
#include "entries.h"

#include "generate_dialog.h"
#include "maps_dialog.h"
#include "models_dialog.h"
#include "replace_dialog.h"
#include "subjects_dialog.h"

#include "plugin/intl.h"
#include "plugin/result.h"
#include "plugin/settings.h"

#include <libgimp/gimp.h>
#include <string.h>

#define DEFAULT_MODEL "moa-model"
#define MODELS "moa-models" /* folders that the user added, separated by ":" */

gboolean
entry_generate (gint32 image, gint32 drawable)
{
  return generate_dialog_run ();
}

/* On a layer of a result the dialog of Replace Person begins with what made it. */
gboolean
entry_edit (gint32 image, gint32 drawable)
{
  if (result_find_group (drawable) >= 0)
    return replace_dialog_run (image, drawable, FALSE);
  gimp_message (_("This layer is not a result: choose the layer group that Replace Person made, or a layer in "
                  "it."));
  return FALSE;
}

gboolean
entry_router_maps (gint32 image, gint32 drawable)
{
  maps_dialog_run (image, drawable);
  return FALSE;
}

gboolean
entry_subjects (gint32 image, gint32 drawable)
{
  g_autofree char *folder = subjects_get_folder ();
  g_autofree char *path = replace_settings_find_model ();
  g_autoptr (GError) error = NULL;
  MoaModel *model = moa_model_open (path, &error);

  subjects_dialog_run (folder, model, error ? error->message : NULL);
  g_clear_pointer (&model, moa_model_unref);
  return FALSE;
}

/* ---- Models -------------------------------------------------------------- */

static void
add_once (GPtrArray *folders, const char *folder)
{
  for (guint i = 0; i < folders->len; i++)
    if (!strcmp (g_ptr_array_index (folders, i), folder))
      return;
  if (*folder)
    g_ptr_array_add (folders, g_strdup (folder));
}

/* The folders in a folder. */
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

static void
keep_default (const char *folder)
{
  gimp_gimprc_set (DEFAULT_MODEL, folder);
}

static void
keep_folder (const char *folder)
{
  g_autofree char *known = gimp_gimprc_query (MODELS);
  g_autofree char *all = known && *known ? g_strconcat (known, ":", folder, NULL) : g_strdup (folder);

  gimp_gimprc_set (MODELS, all);
}

gboolean
entry_models (gint32 image, gint32 drawable)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *used = replace_settings_find_model ();
  g_autofree char *added = gimp_gimprc_query (MODELS);
  g_autofree char *own = g_build_filename (g_get_user_data_dir (), "moa-gimp", "models", NULL);
  g_auto (GStrv) others = g_strsplit (added ? added : "", ":", 0);

  add_once (folders, used);
  add_children (folders, own);
  add_children (folders, MOA_MODEL_DIR);
  for (int i = 0; others[i]; i++)
    add_once (folders, others[i]);
  g_ptr_array_add (folders, NULL);
  models_dialog_run ((const char *const *) folders->pdata, used, keep_default, keep_folder);
  g_ptr_array_unref (folders);
  return FALSE;
}
