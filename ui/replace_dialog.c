/* The dialog of Replace Person: what to do on the left, what it works on on the right, what is
 * missing or how far it is at the bottom.
 *
 * While the engine works its own progress row is shown: Cancel in GIMP's progress bar would kill
 * this process.  Nothing in the image changes before the engine is done. */
#include "replace_dialog.h"

#include "layer_picker.h"
#include "picture_view.h"
#include "progress.h"
#include "settings_panel.h"

#include "plugin/history.h"
#include "plugin/intl.h"
#include "plugin/replace.h"
#include "plugin/result.h"

#include <libgimp/gimpui.h>

#define RESPONSE_RESET 1
#define POLL_INTERVAL 100 /* ms */
#define PREVIEW_SIDE 300

typedef struct {
  GtkWidget *dialog, *target_combo, *choices, *note;
  LayerPicker *picker;
  SettingsPanel *panel;
  PictureView *view;
  ProgressRow row;
  gint32 image, target;
  gboolean built;
  ReplaceTask *task; /* while the engine works */
  ReplaceJob *job;
  gboolean cancelled, closing;
  gboolean success;
} Dialog;

/* ---- What is shown ------------------------------------------------------- */

static void
show_note (Dialog *dialog, const MoaRect *area)
{
  gboolean everything = gimp_selection_is_empty (dialog->image);
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  int side = model ? moa_model_get_info (model)->side : 0;
  g_autoptr (GString) note = g_string_new (NULL);

  g_string_append_printf (note, _("Work area: %d × %d pixels at %d, %d."), area->width,
                          area->height, area->x, area->y);
  if (side && MAX (area->width, area->height) > side)
    g_string_append_printf (note, _(" The model draws it at about %d × %d."), side, side);
  g_string_append_c (note, '\n');
  g_string_append (note, everything
                   ? _("Nothing is selected, so the whole layer is worked on. Select the person "
                       "first to keep the detail of large pictures.")
                   : _("Only the selected part can change."));
  gtk_label_set_text (GTK_LABEL (dialog->note), note->str);
}

/* Says what is missing before Replace can be pressed; FALSE if something is. */
static gboolean
show_readiness (Dialog *dialog)
{
  gint32 layers[MOA_MAX_SUBJECTS];
  MoaRect area, bounds;
  g_autoptr (GError) error = NULL;
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  gboolean ready = FALSE;

  if (!model)
    progress_row_say (&dialog->row, GIMP_ICON_DIALOG_ERROR, problem);
  else if (dialog->target < 0)
    progress_row_say (&dialog->row, GIMP_ICON_DIALOG_ERROR,
                      _("This image has no layer to work on."));
  else if (!replace_find_area (dialog->image, dialog->target, moa_model_get_info (model)->side,
                               &area, &bounds, &error))
    progress_row_say (&dialog->row, GIMP_ICON_DIALOG_WARNING, error->message);
  else if (!layer_picker_get_layers (dialog->picker, layers))
    progress_row_say (&dialog->row, GIMP_ICON_DIALOG_INFORMATION,
                      _("Tick the person who comes in."));
  else
    {
      progress_row_say (&dialog->row, NULL, _("Ready. The picture's own layer is not changed: the "
                                              "result comes as a new layer group."));
      ready = TRUE;
    }
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK, ready);
  return ready;
}

static void
on_choice_changed (gpointer data)
{
  Dialog *dialog = data;

  if (dialog->built && !dialog->job)
    show_readiness (dialog);
}

/* The picture, its layers and selection may have changed behind the dialog. */
static void
refresh (Dialog *dialog)
{
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  MoaRect area, bounds;

  if (dialog->target >= 0 && !gimp_item_is_valid (dialog->target))
    dialog->target = -1;
  layer_picker_refresh (dialog->picker, dialog->target);
  if (dialog->target >= 0
      && replace_find_area (dialog->image, dialog->target,
                            model ? moa_model_get_info (model)->side : 64, &area, &bounds, NULL))
    {
      picture_view_set (dialog->view, dialog->target, &area);
      show_note (dialog, &area);
    }
  else
    {
      picture_view_set (dialog->view, -1, NULL);
      gtk_label_set_text (GTK_LABEL (dialog->note), "");
    }
}

static void
on_model_changed (gpointer data)
{
  Dialog *dialog = data;

  if (dialog->built && !dialog->job)
    refresh (dialog);
}

static gboolean
on_focus_in (GtkWidget *widget, GdkEvent *event, Dialog *dialog)
{
  if (!dialog->job)
    refresh (dialog);
  return FALSE;
}

static void
on_target_changed (GtkComboBox *combo, Dialog *dialog)
{
  if (gimp_int_combo_box_get_active (GIMP_INT_COMBO_BOX (combo), &dialog->target)
      && dialog->built)
    refresh (dialog);
}

/* ---- The run ------------------------------------------------------------- */

static void
set_running (Dialog *dialog, gboolean running)
{
  gtk_widget_set_sensitive (dialog->choices, !running);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK, !running);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), RESPONSE_RESET, !running);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_CANCEL, TRUE);
}

static void
write_result (Dialog *dialog, const MoaReplaceResult *result)
{
  g_autoptr (GError) error = NULL;

  progress_row_retitle (&dialog->row, _("Adding the layers"));
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_CANCEL, FALSE);
  while (gtk_events_pending ())
    gtk_main_iteration ();

  dialog->success = result_write (dialog->task, result, &error) >= 0;
  gimp_displays_flush ();
  if (error)
    progress_row_say (&dialog->row, GIMP_ICON_DIALOG_ERROR, error->message);
}

static void
finish (Dialog *dialog)
{
  g_autoptr (GError) error = NULL;
  MoaReplaceResult *result = replace_job_finish (g_steal_pointer (&dialog->job), &error);

  if (result && !dialog->cancelled)
    write_result (dialog, result);
  moa_replace_result_free (result);
  g_clear_pointer (&dialog->task, replace_task_free);

  if (dialog->success || dialog->closing)
    {
      gtk_main_quit ();
      return;
    }
  set_running (dialog, FALSE);
  if (dialog->cancelled)
    {
      refresh (dialog);
      progress_row_say (&dialog->row, GIMP_ICON_DIALOG_INFORMATION,
                        _("Cancelled. The image is as it was."));
    }
  else if (error)
    progress_row_say (&dialog->row, GIMP_ICON_DIALOG_ERROR, error->message);
}

static gboolean
on_poll (gpointer data)
{
  Dialog *dialog = data;
  MoaProgress progress;

  if (replace_job_poll (dialog->job, &progress))
    {
      finish (dialog);
      return G_SOURCE_REMOVE;
    }
  if (!dialog->cancelled)
    progress_row_show (&dialog->row, &progress);
  return G_SOURCE_CONTINUE;
}

static void
start (Dialog *dialog)
{
  gint32 layers[MOA_MAX_SUBJECTS];
  const char *problem;
  g_autoptr (GError) error = NULL;
  int n_layers = layer_picker_get_layers (dialog->picker, layers);
  g_autoptr (ReplaceSettings) settings = settings_panel_get (dialog->panel);
  g_auto (GStrv) subjects = layer_picker_save (dialog->picker);

  dialog->task = replace_task_new (dialog->image, dialog->target, layers, n_layers, settings,
                                   settings_panel_get_model (dialog->panel, &problem), &error);
  if (!dialog->task)
    {
      progress_row_say (&dialog->row, GIMP_ICON_DIALOG_ERROR, error->message);
      return;
    }
  history_save_settings (settings);
  history_save_subjects ((const char *const *) subjects);

  dialog->cancelled = FALSE;
  set_running (dialog, TRUE);
  dialog->job = replace_task_start (dialog->task);
  g_timeout_add (POLL_INTERVAL, on_poll, dialog);
}

static void
stop (Dialog *dialog)
{
  dialog->cancelled = TRUE;
  replace_job_cancel (dialog->job);
  progress_row_retitle (&dialog->row, _("Stopping"));
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_CANCEL, FALSE);
}

static void
reset (Dialog *dialog)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();

  settings_panel_set (dialog->panel, settings);
  refresh (dialog);
}

/* Cancel stops a run and stays; Escape and the window's own button stop it and go. */
static void
on_response (GtkDialog *widget, int response, Dialog *dialog)
{
  if (response == GTK_RESPONSE_OK)
    {
      if (!dialog->job && show_readiness (dialog))
        start (dialog);
    }
  else if (response == RESPONSE_RESET)
    reset (dialog);
  else if (!dialog->job)
    gtk_main_quit ();
  else
    {
      dialog->closing = response != GTK_RESPONSE_CANCEL;
      if (dialog->closing)
        gtk_widget_hide (dialog->dialog);
      stop (dialog);
    }
}

/* ---- The window ---------------------------------------------------------- */

static void
show_help (const char *id, gpointer data)
{
  GtkWidget *message = gtk_message_dialog_new (
    NULL, 0, GTK_MESSAGE_INFO, GTK_BUTTONS_CLOSE, "%s", _("Replace Person"));

  gtk_message_dialog_format_secondary_text (GTK_MESSAGE_DIALOG (message), "%s", _(
    "1. Select the person in the picture, roughly and with some room around them. Without a "
    "selection the whole layer is worked on.\n\n"
    "2. Tick the layer that shows the person who comes in, or add a photo. With several, the "
    "first that you tick takes the leftmost person, and so on; a layer with the crop of a person "
    "who is in the picture keeps that person.\n\n"
    "3. Press Replace. Cancel stops at any time and leaves the image as it was.\n\n"
    "The result is a layer group above the layer. Paint on the layer mask of \"Result\" to show "
    "more or less of it; one Undo removes everything. Another seed gives another result; more "
    "freedom lets the new person's shape differ from the old one's. Choosing Replace Person on a "
    "result brings back the settings that made it.\n\n"
    "Everything is computed on this machine. Use pictures of people who agree to it, and say so "
    "where a picture was changed."));
  gtk_dialog_run (GTK_DIALOG (message));
  gtk_widget_destroy (message);
}

static gboolean
is_target (gint32 image, gint32 item, gpointer data)
{
  Dialog *dialog = data;

  return image == dialog->image && !gimp_item_is_group (item) && result_find_group (item) < 0;
}

static GtkWidget *
create_frame (const char *title, GtkWidget *child)
{
  GtkWidget *frame = gimp_frame_new (title);

  gtk_container_add (GTK_CONTAINER (frame), child);
  return frame;
}

static GtkWidget *
create_left (Dialog *dialog)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 12);
  GtkWidget *list;

  dialog->target_combo = gimp_layer_combo_box_new (is_target, dialog);
  gimp_int_combo_box_connect (GIMP_INT_COMBO_BOX (dialog->target_combo), dialog->target,
                              G_CALLBACK (on_target_changed), dialog);
  dialog->picker = layer_picker_new (on_choice_changed, dialog);
  dialog->panel = settings_panel_new (on_model_changed, dialog);
  list = layer_picker_get_widget (dialog->picker);

  gtk_box_pack_start (GTK_BOX (box), create_frame (_("Replace the person on"),
                                                   dialog->target_combo), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), create_frame (_("By the person on"), list), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), create_frame (_("Settings"),
                      settings_panel_get_widget (dialog->panel)), FALSE, FALSE, 0);
  return box;
}

static GtkWidget *
create_right (Dialog *dialog)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 6);
  GtkWidget *shadow = gtk_frame_new (NULL);

  dialog->view = picture_view_new (PREVIEW_SIDE);
  gtk_frame_set_shadow_type (GTK_FRAME (shadow), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (shadow), picture_view_get_widget (dialog->view));

  dialog->note = gtk_label_new (NULL);
  gtk_label_set_line_wrap (GTK_LABEL (dialog->note), TRUE);
  gtk_misc_set_alignment (GTK_MISC (dialog->note), 0, 0);
  gtk_widget_set_size_request (dialog->note, PREVIEW_SIDE, -1);

  gtk_box_pack_start (GTK_BOX (box), shadow, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), dialog->note, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), settings_panel_get_advanced (dialog->panel), FALSE, FALSE, 6);
  return create_frame (_("Work area"), box);
}

static void
create_dialog (Dialog *dialog)
{
  dialog->dialog = gimp_dialog_new (_("Replace Person"), "moa-replace-person", NULL, 0,
                                    show_help, REPLACE_PROCEDURE, _("Res_et"), RESPONSE_RESET,
                                    _("_Cancel"), GTK_RESPONSE_CANCEL, _("Re_place"),
                                    GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_alternative_button_order (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK,
                                           RESPONSE_RESET, GTK_RESPONSE_CANCEL, -1);
  gtk_dialog_set_default_response (GTK_DIALOG (dialog->dialog), GTK_RESPONSE_OK);

  GtkWidget *content = gtk_dialog_get_content_area (GTK_DIALOG (dialog->dialog));
  GtkWidget *box = gtk_vbox_new (FALSE, 12);

  dialog->choices = gtk_hbox_new (FALSE, 18);
  gtk_box_pack_start (GTK_BOX (dialog->choices), create_left (dialog), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (dialog->choices), create_right (dialog), FALSE, FALSE, 0);
  progress_row_init (&dialog->row, 700);
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), dialog->choices, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), dialog->row.box, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (content), box, TRUE, TRUE, 0);
  gtk_widget_show_all (dialog->choices);
  gtk_widget_show (box);

  g_signal_connect (dialog->dialog, "response", G_CALLBACK (on_response), dialog);
  g_signal_connect (dialog->dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
  g_signal_connect (dialog->dialog, "focus-in-event", G_CALLBACK (on_focus_in), dialog);
}

/* The layer to work on, and the settings to begin with.  A layer of an earlier result stands for
 * the layer that this was made from, and brings its settings unless the last run is repeated. */
static ReplaceSettings *
choose_start (Dialog *dialog, gint32 drawable, gboolean again)
{
  ReplaceSettings *settings = NULL;
  gint32 group;

  dialog->target = gimp_item_is_layer_mask (drawable) ? gimp_layer_from_mask (drawable) : drawable;
  group = result_find_group (dialog->target);
  if (group >= 0)
    settings = result_get_settings (group, &dialog->target);
  if (again)
    g_clear_pointer (&settings, replace_settings_free);
  return settings ? settings : history_load_settings ();
}

gboolean
replace_dialog_run (gint32 image, gint32 drawable, gboolean again)
{
  Dialog dialog = { .image = image };
  g_autoptr (ReplaceSettings) settings = choose_start (&dialog, drawable, again);
  g_auto (GStrv) subjects = history_load_subjects ();

  create_dialog (&dialog);
  layer_picker_restore (dialog.picker, (const char *const *) subjects);
  settings_panel_set (dialog.panel, settings);
  dialog.built = TRUE;
  refresh (&dialog);
  gtk_widget_show (dialog.dialog);

  if (!show_readiness (&dialog))
    layer_picker_grab_focus (dialog.picker);
  else if (again)
    start (&dialog);
  else
    gtk_widget_grab_focus (gtk_dialog_get_widget_for_response (GTK_DIALOG (dialog.dialog),
                                                               GTK_RESPONSE_OK));
  gtk_main ();

  gtk_widget_destroy (dialog.dialog);
  layer_picker_free (dialog.picker);
  settings_panel_free (dialog.panel);
  picture_view_free (dialog.view);
  return dialog.success;
}
