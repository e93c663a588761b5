/* A replacement in GIMP, without a dialog: pixels out, the engine's work, a layer group in. */
#include "replace.h"

#include "drawable.h"
#include "result.h"

#include "intl.h"

#define POLL_MICROSECONDS 50000

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, MOA_ERROR, MOA_ERROR_ARGUMENT, message);
  return FALSE;
}

/* ---- What to work on ----------------------------------------------------- */

static gint32
check_target (gint32 image, gint32 drawable, GError **error)
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
  return TRUE;
}

/* "layer (image)", for the record that the result keeps. */
static char *
name_subject (gint32 layer)
{
  g_autofree char *name = gimp_item_get_name (layer);
  g_autofree char *image = gimp_image_get_name (gimp_item_get_image (layer));

  return g_strdup_printf ("%s (%s)", name, image);
}

static gboolean
read_subjects (ReplaceTask *task, const gint32 *subjects, int n_subjects, GError **error)
{
  gint32 layers[MOA_MAX_SUBJECTS];

  for (int i = 0; i < n_subjects; i++)
    {
      layers[i] = drawable_get_layer (subjects[i], -1, TRUE, error);
      if (layers[i] < 0)
        {
          g_prefix_error (error, "subject %d: ", i + 1);
          return FALSE;
        }
    }
  for (int i = 0; i < n_subjects; i++)
    {
      task->photos[i] = drawable_read_rgba (layers[i], error);
      if (!task->photos[i])
        return FALSE;
      task->subjects[i].photos = (const MoaImage *const *) &task->photos[i];
      task->subjects[i].n_photos = 1;
      task->names[i] = name_subject (layers[i]);
      task->n_subjects = i + 1;
    }
  return TRUE;
}

/* ---- The task ------------------------------------------------------------ */

static MoaModel *
open_model (const char *path, GError **error)
{
  MoaModel *model = moa_model_open (path, error);

  if (!model && error)
    {
      char *message = g_strconcat ((*error)->message, ". Give the folder of a complete model as "
                                   "the procedure's argument, in the environment variable "
                                   "MOA_MODEL, or as moa-model in gimprc", NULL);
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
  if (n_subjects > MOA_MAX_SUBJECTS)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                   "%d subjects were given; there may be %d at most", n_subjects,
                   MOA_MAX_SUBJECTS);
      return FALSE;
    }
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
replace_task_new (gint32 image, gint32 drawable, const gint32 *subjects, int n_subjects,
                  const ReplaceSettings *settings, MoaModel *model, GError **error)
{
  if (!check_settings (settings, n_subjects, error))
    return NULL;

  gint32 layer = check_target (image, drawable, error);
  if (layer < 0)
    return NULL;

  g_autoptr (ReplaceTask) task = g_new0 (ReplaceTask, 1);

  task->image = image;
  task->layer = layer;
  task->settings = replace_settings_copy (settings);
  if (!*settings->model)
    {
      g_free (task->settings->model);
      task->settings->model = replace_settings_find_model ();
    }
  task->model = model ? moa_model_ref (model) : open_model (task->settings->model, error);
  if (!task->model || !read_subjects (task, subjects, n_subjects, error)
      || !read_source (task, error))
    return NULL;
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
  for (int i = 0; i < MOA_MAX_SUBJECTS; i++)
    {
      moa_image_free (task->photos[i]);
      g_free (task->names[i]);
    }
  replace_settings_free (task->settings);
  g_clear_pointer (&task->model, moa_model_unref);
  g_free (task);
}

ReplaceJob *
replace_task_start (ReplaceTask *task)
{
  MoaReplaceParams params = task->settings->params;

  params.source = task->source;
  params.selection = task->selection;
  params.subjects = task->subjects;
  params.n_subjects = task->n_subjects;
  params.order = task->settings->n_order ? task->settings->order : NULL;
  params.prompt = task->settings->prompt;
  return replace_job_start (task->model, &params, task->settings->n_threads,
                            (guint64) task->settings->memory_limit << 20);
}

gboolean
replace_run (gint32 image, gint32 drawable, const gint32 *subjects, int n_subjects,
             const ReplaceSettings *settings, GError **error)
{
  g_autoptr (ReplaceTask) task = replace_task_new (image, drawable, subjects, n_subjects,
                                                   settings, NULL, error);
  if (!task)
    return FALSE;

  MoaProgress progress;
  ReplaceJob *job = replace_task_start (task);

  /* GIMP's own progress bar has a Cancel that kills this process.  Nothing is lost by that as
   * long as the image is untouched, so the bar goes before the result is written. */
  gimp_progress_init (_("Replacing person"));
  while (!replace_job_poll (job, &progress))
    {
      gimp_progress_update (progress.fraction);
      g_usleep (POLL_MICROSECONDS);
    }
  gimp_progress_end ();

  MoaReplaceResult *result = replace_job_finish (job, error);
  gboolean success = result && result_write (task, result, error) >= 0;

  moa_replace_result_free (result);
  gimp_displays_flush ();
  return success;
}
