/* plug-in-moa-repeat and plug-in-moa-edit: an earlier result made again.
 *
 * The settings, the subjects' features and the selection are in the group (record.h); the picture
 * is read from the source layer as it is now. */
#include "repeat.h"

#include "control.h"
#include "drawable.h"
#include "generate.h"
#include "history.h"
#include "intl.h"
#include "options.h"
#include "procedures.h"
#include "record.h"
#include "result.h"

#include "ui/entries.h"

#include "icon.h"

#include <string.h>

static gint32
find_group (gint32 image, gint32 drawable, GError **error)
{
  gint32 layer = drawable_get_layer (drawable, image, TRUE, error);
  gint32 group = layer >= 0 ? result_find_group (layer) : -1;

  if (layer >= 0 && group < 0 && generate_check_other (layer, error))
    {
      g_autofree char *name = gimp_item_get_name (layer);

      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                   _("\"%s\" is not a result of Replace Person: choose the layer group of one, or "
                     "a layer in it"), name);
    }
  return group;
}

/* The area must still be on the layer, which may have been cropped. */
static gboolean
read_source (ReplaceTask *task, GError **error)
{
  const MoaRect *area = &task->area;
  gboolean fits = area->x >= 0 && area->y >= 0 && area->width >= 8 && area->height >= 8
                  && (gint64) area->x + area->width <= gimp_drawable_width (task->layer)
                  && (gint64) area->y + area->height <= gimp_drawable_height (task->layer);

  if (!fits)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                   _("the layer that this result was made of has another size now: run Replace "
                     "Person on it anew"));
      return FALSE;
    }
  task->source = drawable_read_rgb (task->layer, area, &task->alpha, error);
  return task->source && control_read (task->settings, task->layer, area, &task->control, error);
}

/* The group's own people, or those whom the options name. */
static People *
find_people (gint32 image, gint32 group, const ReplaceSettings *settings, GError **error)
{
  if (!settings->subjects)
    return record_read_people (group, error);

  g_autoptr (People) people = people_new ();

  return people_add_list (people, settings->subjects, image, error) ? g_steal_pointer (&people)
                                                                     : NULL;
}

static gboolean
find_layer (ReplaceTask *task, gint32 source, GError **error)
{
  if (source < 0)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                   _("the layer that this result was made of is gone: run Replace Person on another "
                     "one"));
      return FALSE;
    }
  task->layer = replace_check_target (task->image, source, error);
  return task->layer >= 0;
}

ReplaceTask *
repeat_task_new (gint32 image, gint32 drawable, const char *options, GError **error)
{
  gint32 group = find_group (image, drawable, error), source;
  g_autoptr (ReplaceTask) task = g_new0 (ReplaceTask, 1);
  g_autofree char *path = NULL;

  task->image = image;
  task->settings = group >= 0 ? record_read_settings (group, &source, &task->area, error) : NULL;
  if (!task->settings || !replace_settings_set_options (task->settings, options, error)
      || !find_layer (task, source, error)
      || !record_read_selection (group, &task->area, &task->selection, error)
      || !read_source (task, error))
    return NULL;
  task->model = replace_open_model (task->settings, &path, error);

  g_autoptr (People) people = task->model ? find_people (image, group, task->settings, error) : NULL;

  if (!people || !people_read_places (people, task->layer, &task->area, error)
      || !(task->settings->subjects || record_read_masks (group, people, &task->area, error)))
    return NULL;
  replace_task_take_people (task, g_steal_pointer (&people));
  return g_steal_pointer (&task);
}

/* ---- Repeat -------------------------------------------------------------- */

enum { REPEAT_SEED = 3, N_REPEAT_ARGS };

static const GimpParamDef repeat_args[N_REPEAT_ARGS] = {
  PROCEDURE_ON_LAYER ("The layer group of the result, or a layer in it"),
  { GIMP_PDB_INT32, "seed", "The new seed; -1 for a random one" },
};

static gboolean
repeat (gint32 image, gint32 drawable, gint32 seed, gboolean from_menu, GError **error)
{
  g_autofree char *options = g_strdup_printf ("{\"seed\": %u}",
                                              seed < 0 ? g_random_int () : (guint32) seed);
  g_autoptr (ReplaceTask) task = repeat_task_new (image, drawable, options, error);

  if (task && from_menu)
    history_load_machine (task->settings);
  if (task && task->settings->params.freedom == 0)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                   _("this result was made with freedom 0, where another seed changes nothing: edit "
                     "its settings and give it some freedom, 0.3 for example"));
      return FALSE;
    }
  return replace_task_run (task, error);
}

static gboolean
run_repeat (const GimpParam *args, GimpParam *values, GError **error)
{
  return repeat (args[1].data.d_image, args[2].data.d_drawable, args[REPEAT_SEED].data.d_int32,
                 FALSE, error);
}

static gboolean
repeat_from_menu (gint32 image, gint32 drawable, gboolean again, GError **error)
{
  return repeat (image, drawable, -1, TRUE, error);
}

const Procedure repeat_procedure = {
  "plug-in-moa-repeat",
  N_("MoA: make this result again with a new seed"),
  "Makes a result of Replace Person again with another seed, from the settings, subjects and "
  "selection that its layer group keeps. The new result is a group above the old one.",
  N_("Repeat with _New Seed"), moa_icon_repeat, "RGB*, GRAY*", repeat_args, N_REPEAT_ARGS, 0, run_repeat,
  repeat_from_menu
};

/* ---- Edit ---------------------------------------------------------------- */

enum { EDIT_OPTIONS = 3, N_EDIT_ARGS };

static const GimpParamDef edit_args[N_EDIT_ARGS] = {
  PROCEDURE_ON_LAYER ("The layer group of the result, or a layer in it"),
  { GIMP_PDB_STRING, "options", "What changes, as a JSON object with the options of "
    "plug-in-moa-replace-person: {\"steps\": 30, \"prompt\": \"a woman\"}; \"\": nothing is run" },
};

static char *
read_settings (gint32 image, gint32 drawable, GError **error)
{
  gint32 group = find_group (image, drawable, error);
  g_autoptr (ReplaceSettings) settings
    = group >= 0 ? record_read_settings (group, NULL, NULL, error) : NULL;

  return settings ? replace_settings_to_json (settings) : NULL;
}

static gboolean
run_edit (const GimpParam *args, GimpParam *values, GError **error)
{
  gint32 image = args[1].data.d_image, drawable = args[2].data.d_drawable;
  const char *options = args[EDIT_OPTIONS].data.d_string;
  g_autofree char *settings = read_settings (image, drawable, error);

  if (!settings)
    return FALSE;
  if (options && *options)
    {
      g_autoptr (ReplaceTask) task = repeat_task_new (image, drawable, options, error);

      if (!replace_task_run (task, error))
        return FALSE;
      g_free (settings);
      settings = replace_settings_to_json (task->settings);
    }
  values[0].data.d_string = g_steal_pointer (&settings);
  return TRUE;
}

const Procedure edit_procedure = {
  "plug-in-moa-edit",
  N_("MoA: change the settings of this result and run again"),
  "Makes a result of Replace Person again with some settings changed, and returns the settings as "
  "JSON; without changes it only returns those of the result.",
  N_("_Edit Settings of This Result..."), moa_icon_edit, "RGB*, GRAY*", edit_args, N_EDIT_ARGS, 1,
  run_edit, entry_edit
};
