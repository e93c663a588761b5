/* What a dialog that draws new pictures asks of the engine: see drawing.h. */
#include "drawing.h"

#include "entries.h"
#include "replace_work.h"
#include "wrapped_label.h"

#include "plugin/history.h"
#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define DELAY 400 /* ms after the last change */

/* ---- What is shown ------------------------------------------------------- */

/* FALSE if something is missing. */
static gboolean
show_readiness (Drawing *drawing)
{
  const DrawingHooks *hooks = &drawing->hooks;
  const char *missing = drawing->model ? hooks->find_missing (hooks->data) : drawing->problem;
  gboolean ready = !missing && !drawing->on;

  for (const int *response = hooks->responses; *response; response++)
    gtk_dialog_set_response_sensitive (GTK_DIALOG (drawing->dialog), *response,
                                       ready && !drawing->too_large);
  gtk_widget_set_sensitive (drawing->left, !drawing->on);
  if (drawing->on)
    return FALSE;
  if (missing)
    progress_row_say (&drawing->row, drawing->model ? GIMP_ICON_DIALOG_INFORMATION
                                                    : GIMP_ICON_DIALOG_ERROR, missing);
  else if (drawing->too_large)
    progress_row_say (&drawing->row, GIMP_ICON_DIALOG_WARNING, _(
      "There is not enough memory: draw a smaller picture, close other images and programs, or choose a "
      "smaller model or one with 16-bit weights."));
  else
    hooks->say_ready (hooks->data);
  return ready;
}

const char *
drawing_refuse_several (const Drawing *drawing, int n)
{
  return n > 1 && replace_work_needs_areas (drawing->model)
         ? _("This expert does not find persons by itself, and draws one in a new picture: take the others "
             "off the list, or choose another expert in Replace Person.") : NULL;
}

static void
show_cost (Drawing *drawing, const MoaEstimate *estimate)
{
  g_autofree char *text = estimate ? progress_describe_cost (estimate) : NULL;

  drawing->too_large = estimate && estimate->bytes_needed > estimate->bytes_free;
  gtk_label_set_text (GTK_LABEL (drawing->cost), text ? text : "");
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  Drawing *drawing = data;
  g_autofree char *text = drawing->hooks.describe (progress, drawing->hooks.data);

  progress_row_show (&drawing->row, progress);
  progress_row_retitle (&drawing->row, text);
  preview_set_progress (drawing->preview, progress->fraction, text);
  if (progress->preview)
    preview_set_picture (drawing->preview, progress->preview, drawing->settings->params.width, NULL);
}

/* ---- The runs ------------------------------------------------------------ */

static void
forget_run (Drawing *drawing)
{
  drawing->runner = NULL;
  drawing->on = FALSE;
  drawing->hooks.forget (drawing->hooks.data);
}

static gpointer
work_estimate (const MoaRun *run, gpointer data, GError **error)
{
  const DrawingHooks *hooks = data;
  MoaEstimate estimate;

  return hooks->estimate (run, &estimate, hooks->data, error) ? g_memdup2 (&estimate, sizeof estimate) : NULL;
}

static void
on_estimated (gpointer estimate, const GError *error, gpointer data)
{
  Drawing *drawing = data;

  show_cost (drawing, estimate);
  forget_run (drawing);
  show_readiness (drawing);
  if (error)
    progress_row_say (&drawing->row, GIMP_ICON_DIALOG_WARNING, error->message);
  g_free (estimate);
}

static void
on_drawn (gpointer result, const GError *error, gpointer data)
{
  Drawing *drawing = data;
  const DrawingHooks *hooks = &drawing->hooks;
  g_autoptr (GError) problem = NULL;

  drawing->on = FALSE;
  drawing->runner = NULL;
  preview_set_progress (drawing->preview, -1, NULL);
  drawing->success = result && hooks->take (result, hooks->data, &problem);
  forget_run (drawing);
  show_readiness (drawing);
  if (problem || (error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)))
    progress_row_say (&drawing->row, GIMP_ICON_DIALOG_ERROR, problem ? problem->message : error->message);
  else if (error && hooks->say_cancelled)
    hooks->say_cancelled (hooks->data);
  else if (error)
    progress_row_say (&drawing->row, GIMP_ICON_DIALOG_INFORMATION, _("Cancelled."));
  if (drawing->success || drawing->closing)
    gtk_main_quit ();
}

/* Ends an estimate, and one that is still to come. */
static void
end_estimate (Drawing *drawing)
{
  if (drawing->delay)
    g_source_remove (drawing->delay);
  drawing->delay = 0;
  if (!drawing->runner)
    return;
  runner_abandon (drawing->runner, g_free);
  forget_run (drawing);
}

/* Opens the model anew where other files are named: not at each key that is pressed in a path. */
static void
reopen (Drawing *drawing)
{
  if (!drawing->stale)
    return;
  drawing->stale = FALSE;
  g_clear_pointer (&drawing->problem, g_free);
  g_clear_pointer (&drawing->model, moa_model_unref);
  drawing->model = entry_reopen_model (drawing->settings->how, &drawing->problem);
  drawing->hooks.reopened (drawing->hooks.data);
}

void
drawing_reopen (Drawing *drawing)
{
  end_estimate (drawing);
  drawing->stale = TRUE;
}

static void
start (Drawing *drawing, gboolean cost)
{
  DrawingHooks *hooks = &drawing->hooks;
  RunnerJob estimate = { work_estimate, hooks, NULL, on_estimated, drawing };
  RunnerJob draw = { hooks->draw, hooks->data, on_progress, on_drawn, drawing };
  MoaRun run;
  g_autoptr (GError) error = NULL;

  end_estimate (drawing);
  reopen (drawing);
  if (!show_readiness (drawing))
    return;
  if (!hooks->read (cost, hooks->data, &error))
    {
      show_cost (drawing, NULL);
      progress_row_say (&drawing->row, GIMP_ICON_DIALOG_ERROR, error->message);
      forget_run (drawing);
      return;
    }
  replace_settings_get_run (drawing->settings->how, &run);
  run.live = !cost;
  drawing->on = !cost;
  drawing->runner = runner_start (cost ? &estimate : &draw, &run);
  show_readiness (drawing);
}

static gboolean
on_delay (gpointer data)
{
  Drawing *drawing = data;

  drawing->delay = 0;
  start (drawing, TRUE);
  return G_SOURCE_REMOVE;
}

void
drawing_change (Drawing *drawing)
{
  if (!drawing->watching || drawing->on)
    return;
  if (drawing->delay)
    g_source_remove (drawing->delay);
  drawing->too_large = FALSE;
  drawing->delay = show_readiness (drawing) || drawing->stale ? g_timeout_add (DELAY, on_delay, drawing) : 0;
}

void
drawing_start (Drawing *drawing)
{
  start (drawing, FALSE);
  history_save_generate (drawing->settings);
}

void
drawing_leave (Drawing *drawing, int response)
{
  if (!drawing->on)
    {
      gtk_main_quit ();
      return;
    }
  drawing->closing = response != GTK_RESPONSE_CANCEL;
  if (drawing->closing)
    gtk_widget_hide (drawing->dialog);
  runner_cancel (drawing->runner);
}

/* ---- Beginning and end --------------------------------------------------- */

void
drawing_init (Drawing *drawing, const DrawingHooks *hooks, GenerateSettings *settings)
{
  *drawing = (Drawing) { .hooks = *hooks, .settings = settings };
  drawing->model = entry_open_model (settings->how, &drawing->problem);
}

GtkWidget *
drawing_create_panes (Drawing *drawing, GtkWidget *left, GtkWidget *below)
{
  PreviewSpec spec = { .name = _("Preview"), .width = 400, .height = 280 };
  GtkWidget *panes = gtk_hbox_new (FALSE, 18), *right = gtk_vbox_new (FALSE, 6);

  drawing->preview = preview_new (&spec);
  preview_set_picture (drawing->preview, NULL, 0, _("The picture appears here."));
  drawing->left = left;
  drawing->cost = wrapped_label_new (NULL, 400);
  gtk_box_pack_start (GTK_BOX (right), preview_get_widget (drawing->preview), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (right), drawing->cost, FALSE, FALSE, 0);
  if (below)
    gtk_box_pack_start (GTK_BOX (right), below, FALSE, FALSE, 6);
  gtk_box_pack_start (GTK_BOX (panes), left, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (panes), right, TRUE, TRUE, 0);
  gtk_widget_show_all (panes);
  return panes;
}

void
drawing_clear (Drawing *drawing)
{
  drawing->watching = FALSE;
  end_estimate (drawing); /* nothing else runs where the dialog ends */
  drawing->hooks.forget (drawing->hooks.data);
  generate_settings_free (drawing->settings);
  g_free (drawing->problem);
  g_clear_pointer (&drawing->model, moa_model_unref);
}
