/* A piece of work for the engine as the dialog of Replace Person asks for it. */
#include "replace_work.h"

#include "plugin/drawable.h"

#include <libgimp/gimp.h>
#include <string.h>

static gboolean
read_selection (ReplaceWork *work, const ReplaceArea *area, const MoaImage *painted, GError **error)
{
  ReplaceTask *task = work->task;
  MoaImage *selection = NULL;
  int x, y;

  if (!gimp_selection_is_empty (task->image))
    {
      gimp_drawable_offsets (task->layer, &x, &y);
      selection = drawable_read_mask (gimp_image_get_selection (task->image), x + task->area.x,
                                      y + task->area.y, task->area.width, task->area.height, error);
      if (!selection)
        return FALSE;
    }
  if (selection && !painted)
    task->selection = selection;
  else
    {
      task->selection = replace_area_get_limit (area, selection, painted, task->area.width,
                                                task->area.height);
      moa_image_free (selection);
    }
  return TRUE;
}

static ReplaceTask *
create_task (gint32 image, const ReplaceArea *area, const ReplaceSettings *settings, MoaModel *model,
             GError **error)
{
  g_autoptr (ReplaceTask) task = g_new0 (ReplaceTask, 1);

  task->image = image;
  task->layer = replace_check_target (image, area->layer, error);
  task->area = area->area;
  task->settings = replace_settings_copy (settings);
  task->model = moa_model_ref (model);
  if (!*settings->model)
    {
      g_free (task->settings->model);
      task->settings->model = replace_settings_find_model ();
    }
  task->source = task->layer >= 0 ? drawable_read_rgb (task->layer, &task->area, &task->alpha, error) : NULL;
  return task->source ? g_steal_pointer (&task) : NULL;
}

static void
take_subjects (ReplaceWork *work)
{
  ReplaceTask *task = work->task;

  task->n_subjects = work->set->n_subjects;
  for (int i = 0; i < task->n_subjects; i++)
    {
      task->subjects[i] = work->set->subjects[i];
      task->names[i] = g_strdup (work->set->names[i]);
      task->settings->order[i] = work->set->order[i];
    }
  task->settings->n_order = task->n_subjects;
}

static void
choose_blocks (ReplaceWork *work, guint64 chosen)
{
  int n_layers = moa_model_get_info (work->task->model)->n_layers;

  for (int i = 0; i < MIN (n_layers, 64); i++)
    if (chosen >> i & 1)
      work->mask_layers[work->n_mask_layers++] = i;
  if (work->n_mask_layers == n_layers)
    work->n_mask_layers = 0; /* all of them */
  work->params.mask_layers = work->n_mask_layers ? work->mask_layers : NULL;
  work->params.n_mask_layers = work->n_mask_layers;
}

ReplaceWork *
replace_work_new (gint32 image, const ReplaceArea *area, SubjectList *subjects,
                  const ReplaceSettings *settings, MoaModel *model, const MoaImage *painted,
                  const MoaImage *factor, guint64 chosen, GError **error)
{
  ReplaceWork *work = g_new0 (ReplaceWork, 1);

  work->task = create_task (image, area, settings, model, error);
  if (!work->task || !read_selection (work, area, painted, error)
      || !(work->set = subject_set_new (subjects, TRUE, error)))
    {
      replace_work_free (work);
      return NULL;
    }
  take_subjects (work);
  replace_task_get_params (work->task, &work->params);
  work->params.find = FALSE; /* the dialog has looked already */
  choose_blocks (work, chosen);
  if (factor)
    work->factor = drawable_scale_map (factor, work->task->area.width, work->task->area.height);
  work->params.paint = work->factor;
  return work;
}

void
replace_work_free (ReplaceWork *work)
{
  if (!work)
    return;
  replace_task_free (work->task);
  subject_set_free (work->set);
  moa_image_free (work->factor);
  g_free (work);
}

/* ---- In the engine's thread ---------------------------------------------- */

void
found_persons_free (gpointer data)
{
  FoundPersons *found = data;

  moa_persons_free (found->persons, found->n_persons);
  g_free (found);
}

gpointer
replace_work_find (const MoaRun *run, gpointer data, GError **error)
{
  ReplaceWork *work = data;
  FoundPersons *found = g_new0 (FoundPersons, 1);
  GError *problem = NULL;

  found->persons = moa_find_persons (work->task->model, work->task->source, NULL, 0, &found->n_persons, run,
                                     &problem);
  if (problem)
    {
      g_propagate_error (error, problem);
      found_persons_free (found);
      return NULL;
    }
  return found;
}

gpointer
replace_work_estimate (const MoaRun *run, gpointer data, GError **error)
{
  ReplaceWork *work = data;
  MoaEstimate estimate;

  return moa_replace_estimate (work->task->model, &work->params, run, TRUE, &estimate, error)
         ? g_memdup2 (&estimate, sizeof estimate) : NULL;
}

gpointer
replace_work_replace (const MoaRun *run, gpointer data, GError **error)
{
  ReplaceWork *work = data;

  return moa_replace (work->task->model, &work->params, run, error);
}
