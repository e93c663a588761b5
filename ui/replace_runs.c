/* What the dialog of Replace Person asks of the engine, and when.
 *
 * One thing at a time, in this order: who is in the picture (unless there is a selection), what a run
 * would cost, quick previews with more and more steps.  A change stops what runs and starts again a
 * little later; Replace stops it too and takes its place. */
#include "replace_private.h"

#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define DELAY 400 /* ms after the last change */

static const int quick_steps[] = { 4, 12 };

static void start_next (ReplaceDialog *dialog);

static void
forget_work (ReplaceDialog *dialog)
{
  g_clear_pointer (&dialog->work, replace_work_free);
  dialog->kind = RUN_NONE;
  dialog->runner = NULL;
}

/* ---- What comes back ----------------------------------------------------- */

static void
take_found (ReplaceDialog *dialog, FoundPersons *found)
{
  dialog->n_found = 0;
  if (!found)
    return;
  replace_area_set_found (&dialog->area, found->persons, found->n_persons);
  dialog->n_found = MIN (found->n_persons, MOA_MAX_SUBJECTS);
  for (int i = 0; i < dialog->n_found; i++)
    {
      dialog->marks[i].x = found->persons[i].x / dialog->work->task->area.width;
      dialog->marks[i].y = found->persons[i].y / dialog->work->task->area.height;
    }
  found_persons_free (found);
}

static void
take_estimate (ReplaceDialog *dialog, MoaEstimate *estimate, const GError *error)
{
  g_autofree char *text = estimate ? progress_describe_cost (estimate) : g_strdup (error->message);

  dialog->estimated = TRUE;
  dialog->too_large = estimate && estimate->bytes_needed > estimate->bytes_free;
  gtk_label_set_text (GTK_LABEL (dialog->view.cost), text);
  g_free (estimate);
}

static void
take_quick (ReplaceDialog *dialog, MoaReplaceResult *result, const GError *error)
{
  if (!result)
    {
      dialog->quick_stage = G_N_ELEMENTS (quick_steps);
      progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_WARNING, error->message);
      return;
    }

  g_autofree char *text = g_strdup_printf (_("Quick preview with %d steps. Replace draws it with all steps."),
                                           result->steps);

  dialog->quick_stage++;
  preview_set_after (dialog->view.preview, result->variations[0].composite);
  map_grid_clear (dialog->view.maps);
  if (result->variations[0].n_maps)
    map_grid_add (dialog->view.maps, &result->variations[0].maps[0], result->steps);
  progress_row_say (&dialog->view.row, NULL, text);
  moa_replace_result_free (result);
}

static void
drop_result (RunKind kind, gpointer result)
{
  if (!result)
    return;
  if (kind == RUN_FIND)
    found_persons_free (result);
  else if (kind == RUN_ESTIMATE)
    g_free (result);
  else
    moa_replace_result_free (result);
}

static void
on_done (gpointer result, const GError *error, gpointer data)
{
  ReplaceDialog *dialog = data;
  RunKind kind = dialog->kind;
  gboolean stale = dialog->delay != 0 || dialog->next == RUN_FULL || dialog->closing;

  if (kind == RUN_FULL)
    {
      ReplaceWork *work = g_steal_pointer (&dialog->work);

      forget_work (dialog);
      replace_dialog_finish (dialog, work, result, error);
      return;
    }
  if (stale || g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    drop_result (kind, result);
  else if (kind == RUN_FIND)
    {
      take_found (dialog, result);
      replace_where_show (dialog);
    }
  else if (kind == RUN_ESTIMATE)
    take_estimate (dialog, result, error);
  else
    take_quick (dialog, result, error);
  preview_set_progress (dialog->view.preview, -1, NULL);
  forget_work (dialog);
  if (dialog->next == RUN_FULL)
    replace_runs_start (dialog);
  else if (!dialog->delay)
    start_next (dialog);
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  ReplaceDialog *dialog = data;

  if (dialog->kind == RUN_QUICK)
    preview_set_progress (dialog->view.preview, progress->fraction, _("Quick preview"));
  else if (dialog->kind == RUN_FIND)
    preview_set_progress (dialog->view.preview, progress->fraction, _("Looking for persons"));
  if (dialog->kind != RUN_FULL || dialog->cancelled)
    return;
  replace_view_show_progress (&dialog->view, progress);
  if (progress->preview)
    {
      preview_set_after (dialog->view.preview, progress->preview);
      preview_set_split (dialog->view.preview, 0);
    }
  if (progress->maps)
    map_grid_add (dialog->view.maps, progress->maps, progress->n_steps);
}

/* ---- What is asked for --------------------------------------------------- */

static gboolean
start (ReplaceDialog *dialog, RunKind kind, GError **error)
{
  static gpointer (*const works[]) (const MoaRun *, gpointer, GError **) = {
    NULL, replace_work_find, replace_work_estimate, replace_work_replace, replace_work_replace,
  };
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  g_autoptr (ReplaceSettings) settings = settings_panel_get (dialog->panel, kind == RUN_FULL);
  MoaImage *painted = preview_get_paint (dialog->view.preview);
  MoaImage *factor = map_grid_get_factor (dialog->view.maps);
  MoaRun run = { 0 };

  replace_settings_get_run (settings, &run);
  run.live = kind == RUN_FULL;
  dialog->work = replace_work_new (dialog->image, &dialog->area, dialog->view.subjects, settings, model,
                                   painted, factor, map_grid_get_chosen (dialog->view.maps), error);
  moa_image_free (painted);
  moa_image_free (factor);
  if (!dialog->work)
    return FALSE;
  if (kind == RUN_QUICK)
    {
      MoaReplaceParams *params = &dialog->work->params;
      int steps = params->steps > 0 ? params->steps : moa_model_get_info (model)->steps;

      params->steps = MIN (quick_steps[dialog->quick_stage], steps);
      params->variations = 1;
      params->want_reconstruction = FALSE;
    }
  dialog->kind = kind;
  dialog->runner = runner_start (&(RunnerJob){ works[kind], dialog->work, on_progress, on_done, dialog }, &run);
  return TRUE;
}

static void
start_next (ReplaceDialog *dialog)
{
  gboolean quick = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (dialog->view.quick));
  g_autoptr (GError) error = NULL;
  RunKind kind = RUN_NONE;

  if (dialog->runner || dialog->closing || dialog->area.layer < 0)
    return;
  if (!replace_dialog_show_readiness (dialog))
    kind = RUN_NONE;
  else if (!dialog->area.selection && dialog->n_found < 0 && replace_where_finds (dialog))
    kind = RUN_FIND;
  else if (!dialog->estimated)
    kind = RUN_ESTIMATE;
  else if (quick && !dialog->too_large && dialog->quick_stage < (int) G_N_ELEMENTS (quick_steps))
    kind = RUN_QUICK;
  if (kind != RUN_NONE && !start (dialog, kind, &error))
    progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_ERROR, error->message);
}

static gboolean
on_delay (gpointer data)
{
  ReplaceDialog *dialog = data;

  if (dialog->runner)
    return G_SOURCE_CONTINUE; /* it has been told to stop */
  dialog->delay = 0;
  start_next (dialog);
  return G_SOURCE_REMOVE;
}

static void
forget_found (ReplaceDialog *dialog)
{
  replace_area_set_found (&dialog->area, NULL, 0);
  dialog->n_found = -1;
}

void
replace_runs_change (ReplaceDialog *dialog, gboolean area)
{
  if (!dialog->built || dialog->kind == RUN_FULL || dialog->next == RUN_FULL)
    return;
  dialog->estimated = dialog->too_large = FALSE;
  dialog->quick_stage = 0;
  if (area)
    forget_found (dialog);
  else if (dialog->n_found >= 0 && !replace_where_finds (dialog))
    {
      forget_found (dialog);
      replace_where_show (dialog);
    }
  if (dialog->runner)
    runner_cancel (dialog->runner);
  if (dialog->delay)
    g_source_remove (dialog->delay);
  dialog->delay = g_timeout_add (DELAY, on_delay, dialog);
}

void
replace_runs_start (ReplaceDialog *dialog)
{
  g_autoptr (GError) error = NULL;

  dialog->next = RUN_NONE;
  if (dialog->delay)
    g_source_remove (dialog->delay);
  dialog->delay = 0;
  dialog->cancelled = FALSE;
  if (dialog->runner)
    {
      /* What runs in the background stops first. */
      dialog->next = RUN_FULL;
      runner_cancel (dialog->runner);
      replace_dialog_set_running (dialog, TRUE);
      return;
    }
  map_grid_clear (dialog->view.maps);
  if (start (dialog, RUN_FULL, &error))
    replace_dialog_set_running (dialog, TRUE);
  else
    {
      replace_dialog_set_running (dialog, FALSE);
      progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_ERROR, error->message);
    }
}

gboolean
replace_runs_is_full (ReplaceDialog *dialog)
{
  return dialog->kind == RUN_FULL || dialog->next == RUN_FULL;
}

void
replace_runs_cancel (ReplaceDialog *dialog)
{
  dialog->cancelled = TRUE;
  if (dialog->next == RUN_FULL)
    {
      dialog->next = RUN_NONE;
      replace_dialog_set_running (dialog, FALSE);
    }
  if (dialog->runner)
    runner_cancel (dialog->runner);
}

void
replace_runs_clear (ReplaceDialog *dialog)
{
  if (dialog->delay)
    g_source_remove (dialog->delay);
  runner_abandon (dialog->runner,
                  dialog->kind == RUN_FIND ? found_persons_free
                  : dialog->kind == RUN_ESTIMATE ? g_free : (GDestroyNotify) moa_replace_result_free);
  forget_work (dialog);
}
