/* A replacement in GIMP, without a dialog: pixels out, the engine's work, a layer group in. */
#include "replace.h"

#include "control.h"
#include "drawable.h"
#include "result.h"

#include "intl.h"

#include "ui/progress.h"

#define POLL_MICROSECONDS 50000

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, MOA_ERROR, MOA_ERROR_ARGUMENT, message);
  return FALSE;
}

/* ---- What to work on ----------------------------------------------------- */

gint32
replace_check_target (gint32 image, gint32 drawable, GError **error)
{
  if (!gimp_image_is_valid (image))
    {
      fail (error, "there is no image with this id");
      return -1;
    }

  gint32 layer = drawable_get_layer (drawable, image, FALSE, error);
  if (layer < 0)
    return -1;

  if (gimp_image_base_type (image) == GIMP_INDEXED)
    fail (error, _("this image is indexed: convert it with Image > Mode > RGB and run again"));
  else if (gimp_image_get_floating_sel (image) >= 0)
    fail (error, _("this image has a floating selection: anchor it with Layer > Anchor Layer, or "
                   "make a layer of it, and run again"));
  else if (gimp_drawable_width (layer) < 8 || gimp_drawable_height (layer) < 8)
    fail (error, _("this layer is too small: it must be 8 x 8 pixels at least"));
  else
    return layer;
  return -1;
}

gboolean
replace_find_area (gint32 image, gint32 layer, int side, MoaRect *area, MoaRect *bounds,
                   GError **error)
{
  int width = gimp_drawable_width (layer), height = gimp_drawable_height (layer);
  gboolean everything = gimp_selection_is_empty (image);

  *bounds = (MoaRect) { 0, 0, width, height };
  if (!everything
      && !gimp_drawable_mask_intersect (layer, &bounds->x, &bounds->y, &bounds->width,
                                        &bounds->height))
    return fail (error, _("the selection does not touch this layer: select the person on it, or "
                          "nothing at all to work on the whole layer"));
  moa_work_area (width, height, everything ? NULL : bounds, side, area);
  return TRUE;
}

static gboolean
read_source (ReplaceTask *task, GError **error)
{
  const MoaRect *area = &task->area;
  MoaRect bounds;
  int x, y;

  if (!replace_find_area (task->image, task->layer, moa_model_get_info (task->model)->side,
                          &task->area, &bounds, error))
    return FALSE;

  task->source = drawable_read_rgb (task->layer, area, &task->alpha, error);
  if (!task->source)
    return FALSE;

  if (!gimp_selection_is_empty (task->image))
    {
      gimp_drawable_offsets (task->layer, &x, &y);
      task->selection = drawable_read_mask (gimp_image_get_selection (task->image), x + area->x,
                                            y + area->y, area->width, area->height, error);
      if (!task->selection)
        return FALSE;
    }
  return control_read (task->settings, task->layer, area, &task->control, error);
}

void
replace_task_take_people (ReplaceTask *task, People *people)
{
  task->people = people;
  task->n_subjects = people->n_subjects;
  for (int k = 0; k < people->n_subjects; k++)
    {
      task->subjects[k] = people->subjects[k];
      task->names[k] = g_strdup (people->names[k]);
    }
}

static People *
read_people (gint32 image, const gint32 *subjects, int n_subjects, const ReplaceSettings *settings,
             GError **error)
{
  g_autoptr (People) people = people_new ();

  for (int i = 0; i < n_subjects; i++)
    if (!people_add_layer (people, subjects[i], error))
      {
        g_prefix_error (error, "subject %d: ", i + 1);
        return NULL;
      }
  if (settings->subjects && !people_add_list (people, settings->subjects, image, error))
    return NULL;
  return g_steal_pointer (&people);
}

/* ---- The task ------------------------------------------------------------ */

MoaModel *
replace_open_model (const ReplaceSettings *settings, char **path, GError **error)
{
  *path = *settings->model ? g_strdup (settings->model) : replace_settings_find_model ();

  MoaModel *model = replace_settings_open_model (settings, *path, error);

  if (!model && error)
    {
      /* TRANSLATORS: %s is a sentence without its full stop. */
      char *message = g_strdup_printf (replace_settings_blame_added (settings, *path)
                                       ? _("%s. Change LoRA, Embeddings or CLIP skip under Advanced.")
                                       : _("%s. Choose a complete model in Filters > MoA > Models, or "
                                           "give its folder as the procedure's argument or in the "
                                           "environment variable MOA_MODEL"), (*error)->message);

      g_free ((*error)->message);
      (*error)->message = message;
    }
  return model;
}

static gboolean
check_settings (const ReplaceSettings *settings, int n_subjects, GError **error)
{
  if (n_subjects < 1)
    return fail (error, "no subject was given: name one layer at least that shows the person who "
                 "comes in");
  if (settings->n_order && settings->n_order != n_subjects)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                   "options: \"order\" has %d numbers, but there are %d subjects: give one for "
                   "each", settings->n_order, n_subjects);
      return FALSE;
    }
  if (settings->params.steps < 0 || settings->params.steps > 1000)
    return fail (error, "the number of steps must be 1 to 1000, or 0 for the model's own");
  return TRUE;
}

ReplaceTask *
replace_task_of_layer (gint32 image, gint32 layer, const ReplaceSettings *settings, MoaModel *model,
                       GError **error)
{
  g_autoptr (ReplaceTask) task = g_new0 (ReplaceTask, 1);

  task->image = image;
  task->layer = layer;
  task->settings = replace_settings_copy (settings);
  if (model)
    task->model = moa_model_ref (model);
  else
    {
      g_autofree char *path = NULL;

      task->model = replace_open_model (settings, &path, error);
      replace_settings_set_string (&task->settings->model, path);
    }
  return task->model && read_source (task, error) ? g_steal_pointer (&task) : NULL;
}

ReplaceTask *
replace_task_new (gint32 image, gint32 drawable, const gint32 *subjects, int n_subjects,
                  const ReplaceSettings *settings, MoaModel *model, GError **error)
{
  g_autoptr (People) people = NULL;

  gint32 layer = replace_check_target (image, drawable, error);

  if (layer >= 0)
    people = read_people (image, subjects, n_subjects, settings, error);
  if (!people || !check_settings (settings, people->n_subjects, error))
    return NULL;

  g_autoptr (ReplaceTask) task = replace_task_of_layer (image, layer, settings, model, error);

  if (!task || !people_read_places (people, layer, &task->area, error))
    return NULL;
  replace_task_take_people (task, g_steal_pointer (&people));
  return g_steal_pointer (&task);
}

void
replace_task_free (ReplaceTask *task)
{
  if (!task)
    return;
  moa_image_free (task->source);
  moa_image_free (task->alpha);
  moa_image_free (task->selection);
  moa_image_free (task->control);
  for (int i = 0; i < MOA_MAX_SUBJECTS; i++)
    g_free (task->names[i]);
  people_free (task->people);
  replace_settings_free (task->settings);
  g_clear_pointer (&task->model, moa_model_unref);
  g_free (task);
}

void
replace_task_get_params (const ReplaceTask *task, MoaReplaceParams *params)
{
  *params = task->settings->params;
  params->source = task->source;
  params->selection = task->selection;
  if (task->control)
    params->control.image = task->control;
  params->subjects = task->subjects;
  params->n_subjects = task->n_subjects;
  params->order = task->settings->n_order ? task->settings->order : NULL;
  params->prompt = task->settings->prompt;
}

void
replace_show_progress (const MoaProgress *progress)
{
  g_autofree char *text = progress_describe (progress);

  gimp_progress_set_text (text);
  gimp_progress_update (progress->fraction);
}

ReplaceJob *
replace_task_start (ReplaceTask *task)
{
  MoaReplaceParams params;
  MoaRun run;

  replace_task_get_params (task, &params);
  replace_settings_get_run (task->settings, &run);
  return replace_job_start (task->model, &params, &run);
}

gboolean
replace_task_run (ReplaceTask *task, GError **error)
{
  if (!task)
    return FALSE;

  MoaProgress progress;
  ReplaceJob *job = replace_task_start (task);

  /* GIMP's own progress bar has a Cancel that kills this process.  Nothing is lost by that as
   * long as the image is untouched, so the bar goes before the result is written. */
  gimp_progress_init (_("Replacing person"));
  while (!replace_job_poll (job, &progress))
    {
      replace_show_progress (&progress);
      g_usleep (POLL_MICROSECONDS);
    }
  gimp_progress_end ();

  MoaReplaceResult *result = replace_job_finish (job, error);
  gboolean success = result && result_write (task, result, error) >= 0;

  moa_replace_result_free (result);
  gimp_displays_flush ();
  return success;
}

gboolean
replace_run (gint32 image, gint32 drawable, const gint32 *subjects, int n_subjects,
             const ReplaceSettings *settings, GError **error)
{
  if (settings->layer)
    drawable = gimp_image_is_valid (image)
               ? people_find_layer (image, settings->layer, FALSE, error) : -1;
  if (settings->layer && drawable < 0 && error && *error)
    return FALSE;

  g_autoptr (ReplaceTask) task = replace_task_new (image, drawable, subjects, n_subjects,
                                                   settings, NULL, error);

  return replace_task_run (task, error);
}
