/* A piece of work for the engine as the dialog of Replace Person asks for it. */
#include "replace_work.h"

#include "persons.h"

#include "plugin/control.h"
#include "plugin/drawable.h"
#include "plugin/intl.h"

#include <libgimp/gimp.h>

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
  return task->source && control_read (task->settings, task->layer, &task->area, &task->control, error)
         ? g_steal_pointer (&task) : NULL;
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

gboolean
replace_work_needs_areas (MoaModel *model)
{
  const MoaModelInfo *info = moa_model_get_info (model);

  return info->expert && !info->finds_persons;
}

gboolean
replace_work_check_areas (MoaModel *model, const MoaImage *limit, int n_subjects, GError **error)
{
  int n = n_subjects > 1 && replace_work_needs_areas (model) ? persons_split (limit, NULL) : n_subjects;

  if (n != n_subjects)
    g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                 _("%s does not find persons by itself: select or paint an area for each person of the list, "
                   "apart from one another (%d of %d so far)"),
                 moa_model_get_info (model)->expert, n, n_subjects);
  return n == n_subjects;
}

/* The parts of the area are the persons', as the numbers on the preview say. */
static gboolean
take_masks (ReplaceWork *work, const ReplaceArea *area, const MoaImage *painted, GError **error)
{
  ReplaceTask *task = work->task;
  MoaImage *limit = replace_area_get_limit (area, area->selection, painted, area->picture->width,
                                            area->picture->height);
  gboolean success = replace_work_check_areas (task->model, limit, task->n_subjects, error);

  if (success && task->n_subjects > 1 && replace_work_needs_areas (task->model))
    {
      MoaImage *parts[MOA_MAX_SUBJECTS];

      persons_split (limit, parts);
      for (int k = 0; k < task->n_subjects; k++)
        {
          work->masks[k] = drawable_scale_map (parts[k], task->area.width, task->area.height);
          moa_image_free (parts[k]);
        }
      for (int k = 0; k < task->n_subjects; k++)
        task->subjects[k].mask = work->masks[task->settings->order[k]];
    }
  moa_image_free (limit);
  return success;
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
  if (!take_masks (work, area, painted, error))
    {
      replace_work_free (work);
      return NULL;
    }
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
  for (int k = 0; k < MOA_MAX_SUBJECTS; k++)
    moa_image_free (work->masks[k]);
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
