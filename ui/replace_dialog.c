/* The dialog of Replace Person: the window, what it shows, what the buttons do.
 *
 * While the engine works its own progress is shown: Cancel in GIMP's progress bar would kill this
 * process.  Nothing in the image changes before the engine is done. */
#include "replace_dialog.h"

#include "first_use.h"
#include "fit.h"
#include "help.h"
#include "mnemonics.h"
#include "replace_private.h"
#include "sources.h"
#include "subjects_dialog.h"

#include "plugin/control.h"
#include "plugin/history.h"
#include "plugin/intl.h"
#include "plugin/people.h"
#include "plugin/record.h"
#include "plugin/result.h"

#include <atk/atk.h>
#include <libgimp/gimpui.h>

#define RESPONSE_RESET 1
#define QUICK "moa-quick-preview"

/* ---- What is shown ------------------------------------------------------- */

gboolean
replace_dialog_show_readiness (ReplaceDialog *dialog)
{
  MoaRect area, bounds;
  g_autoptr (GError) error = NULL;
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  ProgressRow *row = &dialog->view.row;
  gboolean ready = FALSE;

  if (!model)
    progress_row_say (row, GIMP_ICON_DIALOG_ERROR, problem);
  else if (dialog->target < 0)
    progress_row_say (row, GIMP_ICON_DIALOG_ERROR, _("This image has no layer to work on."));
  else if (replace_check_target (dialog->image, dialog->target, &error) < 0
           || !replace_find_area (dialog->image, dialog->target, moa_model_get_info (model)->side, &area,
                                  &bounds, &error))
    progress_row_say (row, GIMP_ICON_DIALOG_WARNING, error->message);
  else if (!subject_list_get_n_subjects (dialog->view.subjects))
    progress_row_say (row, GIMP_ICON_DIALOG_INFORMATION, _("Add the person who comes in."));
  else if (!replace_where_check (dialog, model, &error))
    progress_row_say (row, GIMP_ICON_DIALOG_INFORMATION, error->message);
  else if (dialog->too_large)
    progress_row_say (row, GIMP_ICON_DIALOG_WARNING, _(
      "There is not enough memory: select a smaller part, close other images and programs, or choose a "
      "smaller model or one with 16-bit weights."));
  else
    {
      progress_row_say (row, NULL, _("Ready. The picture's own layer is not changed: the result comes as a new "
                                     "layer group."));
      ready = TRUE;
    }
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK, ready);
  return ready;
}

/* The picture, its layers and selection may have changed behind the dialog. */
static void
refresh (ReplaceDialog *dialog)
{
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  MoaRect area, bounds;
  gboolean there;

  if (dialog->target >= 0 && !gimp_item_is_valid (dialog->target))
    dialog->target = -1;
  there = dialog->target >= 0
          && replace_find_area (dialog->image, dialog->target, model ? moa_model_get_info (model)->side : 64,
                                &area, &bounds, NULL);
  if (replace_area_read (&dialog->area, there ? dialog->target : -1, &area))
    {
      replace_runs_change (dialog, TRUE);
      replace_where_show (dialog);
    }
  else
    replace_where_say (dialog);
  replace_dialog_show_readiness (dialog);
}

/* ---- What changes -------------------------------------------------------- */

static void
on_edited (gpointer data)
{
  replace_runs_change (data, FALSE);
}

static void
on_painted (gpointer data)
{
  replace_where_say (data);
  replace_where_show_marks (data);
  replace_dialog_show_readiness (data);
  replace_runs_change (data, FALSE);
}

static void
on_quick (gpointer data)
{
  ReplaceDialog *dialog = data;

  if (dialog->built)
    first_use_set_switch (QUICK, gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (dialog->view.quick)));
  replace_runs_change (dialog, FALSE);
}

static void
on_subjects (gpointer data)
{
  ReplaceDialog *dialog = data;

  if (!dialog->built || replace_runs_is_full (dialog))
    return;
  replace_where_show_marks (dialog);
  replace_dialog_show_readiness (dialog);
  replace_runs_change (dialog, FALSE);
}

static void
on_model (gpointer data)
{
  ReplaceDialog *dialog = data;
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);

  if (!dialog->built || replace_runs_is_full (dialog))
    return;
  if (model)
    map_grid_set_layers (dialog->view.maps, moa_model_get_info (model)->layers,
                         moa_model_get_info (model)->n_layers);
  else
    gtk_expander_set_expanded (GTK_EXPANDER (dialog->view.advanced), TRUE);
  replace_runs_change (dialog, TRUE);
  refresh (dialog);
}

static gboolean
on_focus_in (GtkWidget *widget, GdkEvent *event, ReplaceDialog *dialog)
{
  if (!replace_runs_is_full (dialog))
    {
      subject_list_refresh (dialog->view.subjects);
      settings_panel_refresh (dialog->panel);
      refresh (dialog);
    }
  return FALSE;
}

static void
on_target (GtkComboBox *combo, ReplaceDialog *dialog)
{
  if (gimp_int_combo_box_get_active (GIMP_INT_COMBO_BOX (combo), &dialog->target) && dialog->built)
    refresh (dialog);
}

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  return source_look (source, side, thumbnail, label);
}

static char **
list_layers (gpointer data)
{
  return source_list_layers (((ReplaceDialog *) data)->target);
}

static char **
list_saved (gpointer data)
{
  return subjects_list_sources ();
}

/* ---- The run ------------------------------------------------------------- */

void
replace_dialog_set_running (ReplaceDialog *dialog, gboolean running)
{
  GtkDialog *window = GTK_DIALOG (dialog->dialog);

  replace_view_set_running (&dialog->view, running);
  gtk_dialog_set_response_sensitive (window, GTK_RESPONSE_OK, !running);
  gtk_dialog_set_response_sensitive (window, RESPONSE_RESET, !running);
  gtk_dialog_set_response_sensitive (window, GTK_RESPONSE_CANCEL, TRUE);
}

/* One result goes into the image; among several the user chooses. */
static void
take_result (ReplaceDialog *dialog)
{
  g_autoptr (GError) error = NULL;

  if (dialog->last_result->n_variations > 1)
    {
      replace_history_fill (dialog);
      history_strip_choose (dialog->view.history, 0);
      progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_INFORMATION,
                        _("Choose among the results and press Add as Layers."));
      return;
    }
  progress_row_retitle (&dialog->view.row, _("Adding the layers"));
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_CANCEL, FALSE);
  while (gtk_events_pending ())
    gtk_main_iteration ();
  if (replace_history_write (dialog, 0, &error))
    dialog->closing = TRUE;
  else
    progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_ERROR, error->message);
}

static void
forget_last (ReplaceDialog *dialog)
{
  g_clear_pointer (&dialog->last_work, replace_work_free);
  g_clear_pointer (&dialog->last_result, moa_replace_result_free);
}

void
replace_dialog_finish (ReplaceDialog *dialog, ReplaceWork *work, MoaReplaceResult *result,
                       const GError *error)
{
  forget_last (dialog);
  dialog->last_work = work;
  dialog->last_result = result;
  if (!dialog->closing)
    replace_dialog_set_running (dialog, FALSE);
  if (dialog->cancelled)
    {
      forget_last (dialog);
      preview_set_after (dialog->view.preview, NULL);
      progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_INFORMATION,
                        _("Cancelled. The image is as it was."));
    }
  else if (result)
    take_result (dialog);
  else
    progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_ERROR, error->message);
  if (dialog->closing)
    gtk_main_quit ();
}

static void
start (ReplaceDialog *dialog)
{
  g_autoptr (ReplaceSettings) settings = settings_panel_get (dialog->panel, FALSE);
  g_autofree char *subjects = subject_list_save (dialog->view.subjects);
  const char *lines[] = { subjects, NULL };

  history_save_settings (settings);
  history_save_subjects (lines);
  replace_runs_start (dialog);
}

static void
stop (ReplaceDialog *dialog)
{
  replace_runs_cancel (dialog);
  if (!replace_runs_is_full (dialog))
    return;
  preview_set_progress (dialog->view.preview, 1, _("Stopping"));
  progress_row_retitle (&dialog->view.row, _("Stopping"));
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_CANCEL, FALSE);
}

static void
reset (ReplaceDialog *dialog)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();

  settings_panel_set (dialog->panel, settings);
  refresh (dialog);
}

/* Cancel stops a run and stays; Escape and the window's own button stop it and go. */
static void
on_response (GtkDialog *widget, int response, ReplaceDialog *dialog)
{
  if (response == GTK_RESPONSE_OK)
    {
      mnemonics_take_typed (dialog->dialog);
      if (!replace_runs_is_full (dialog) && replace_dialog_show_readiness (dialog))
        start (dialog);
    }
  else if (response == RESPONSE_RESET)
    reset (dialog);
  else if (!replace_runs_is_full (dialog))
    gtk_main_quit ();
  else
    {
      dialog->closing = response != GTK_RESPONSE_CANCEL;
      if (dialog->closing)
        gtk_widget_hide (dialog->dialog);
      stop (dialog);
      if (dialog->closing && !replace_runs_is_full (dialog))
        gtk_main_quit ();
    }
}

/* ---- The window ---------------------------------------------------------- */

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "replace.html");
}

static gboolean
is_target (gint32 image, gint32 item, gpointer data)
{
  ReplaceDialog *dialog = data;

  return image == dialog->image && !gimp_item_is_group (item) && result_find_group (item) < 0;
}

static void
create_view (ReplaceDialog *dialog)
{
  SettingsHooks settings_hooks = { { look, list_layers, dialog }, on_model, on_edited, dialog };
  ReplaceViewHooks hooks = {
    .subjects = { look, list_layers, list_saved, on_subjects, dialog, TRUE },
    .history = { .compare = replace_history_compare, .restore = replace_history_restore,
                 .apply = replace_history_apply, .data = dialog },
    .painted = on_painted, .maps_changed = on_edited, .quick_toggled = on_quick, .data = dialog,
  };

  dialog->target_combo = gimp_layer_combo_box_new (is_target, dialog);
  atk_object_set_name (gtk_widget_get_accessible (dialog->target_combo), _("Layer"));
  gimp_int_combo_box_connect (GIMP_INT_COMBO_BOX (dialog->target_combo), dialog->target,
                              G_CALLBACK (on_target), dialog);
  dialog->panel = settings_panel_new (&settings_hooks);
  replace_view_init (&dialog->view, dialog->target_combo, settings_panel_get_widget (dialog->panel),
                     settings_panel_get_advanced (dialog->panel), &hooks);
}

static void
create_dialog (ReplaceDialog *dialog)
{
  dialog->dialog = gimp_dialog_new (_("Replace Person"), "moa-replace-person", NULL, 0, show_help,
                                    REPLACE_PROCEDURE, _("Rese_t"), RESPONSE_RESET, _("_Cancel"),
                                    GTK_RESPONSE_CANCEL, _("Re_place"), GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_alternative_button_order (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK, RESPONSE_RESET,
                                           GTK_RESPONSE_CANCEL, -1);
  gtk_dialog_set_default_response (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK);
  create_view (dialog);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog->dialog))), dialog->view.box,
                      TRUE, TRUE, 0);
  fit_open (GTK_WINDOW (dialog->dialog), 940, 720);
  g_signal_connect (dialog->dialog, "response", G_CALLBACK (on_response), dialog);
  g_signal_connect (dialog->dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
  g_signal_connect (dialog->dialog, "focus-in-event", G_CALLBACK (on_focus_in), dialog);
}

/* The layer to work on, and the settings to begin with.  A layer of an earlier result stands for the
 * layer that this was made from, and brings its settings unless the last run is repeated. */
static ReplaceSettings *
choose_start (ReplaceDialog *dialog, gint32 drawable, gboolean again, GError **error)
{
  ReplaceSettings *settings = NULL;
  gint32 group;

  dialog->target = gimp_item_is_layer_mask (drawable) ? gimp_layer_from_mask (drawable) : drawable;
  group = result_find_group (dialog->target);
  if (group >= 0)
    settings = record_read_settings (group, &dialog->target, NULL, error);
  if (settings)
    history_load_machine (settings);
  if (again)
    g_clear_pointer (&settings, replace_settings_free);
  if (!settings)
    settings = history_load_settings ();
  control_find_layer (settings, dialog->image, NULL);
  return settings;
}

/* With one other layer there is nothing to choose. */
static void
choose_subjects (ReplaceDialog *dialog)
{
  g_auto (GStrv) lines = history_load_subjects ();
  g_auto (GStrv) layers = source_list_layers (dialog->target);

  subject_list_restore (dialog->view.subjects, lines[0]);
  if (!subject_list_get_n_rows (dialog->view.subjects) && g_strv_length (layers) == 1)
    subject_list_add (dialog->view.subjects, layers[0]);
}

static void
clear (ReplaceDialog *dialog)
{
  replace_runs_clear (dialog);
  forget_last (dialog);
  gtk_widget_destroy (dialog->dialog);
  replace_view_clear (&dialog->view);
  settings_panel_free (dialog->panel);
  replace_area_clear (&dialog->area);
  g_array_unref (dialog->entries);
}

gboolean
replace_dialog_run (gint32 image, gint32 drawable, gboolean again)
{
  ReplaceDialog dialog = { .image = image, .area.layer = -1, .n_found = -1,
                           .entries = g_array_new (FALSE, FALSE, sizeof (ReplaceEntry)) };
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplaceSettings) settings = choose_start (&dialog, drawable, again, &error);

  if (!first_use_agree ())
    {
      g_array_unref (dialog.entries);
      return FALSE;
    }
  create_dialog (&dialog);
  settings_panel_set (dialog.panel, settings);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (dialog.view.quick), first_use_get_switch (QUICK));
  dialog.built = TRUE;
  choose_subjects (&dialog);
  on_model (&dialog);
  replace_history_fill (&dialog);
  mnemonics_settle (dialog.dialog);
  gtk_widget_show (dialog.dialog);

  if (!replace_dialog_show_readiness (&dialog))
    subject_list_grab_focus (dialog.view.subjects);
  else if (again)
    start (&dialog);
  else
    gtk_widget_grab_focus (gtk_dialog_get_widget_for_response (GTK_DIALOG (dialog.dialog), GTK_RESPONSE_OK));
  if (error)
    progress_row_say (&dialog.view.row, GIMP_ICON_DIALOG_WARNING, error->message);
  gtk_main ();
  clear (&dialog);
  return dialog.success;
}
