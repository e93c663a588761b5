/* What the dialog of Replace Person shows: what to do on the left, the picture on the right. */
#include "replace_view.h"

#include "fit.h"
#include "frame.h"
#include "wrapped_label.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

static GtkWidget *
scroll (GtkWidget *child, GtkPolicyType across)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkScrolledWindow *window = GTK_SCROLLED_WINDOW (scrolled);

  gtk_scrolled_window_set_policy (window, across, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_add_with_viewport (window, child);
  gtk_viewport_set_shadow_type (GTK_VIEWPORT (gtk_bin_get_child (GTK_BIN (scrolled))), GTK_SHADOW_NONE);
  gtk_container_set_focus_hadjustment (GTK_CONTAINER (child), gtk_scrolled_window_get_hadjustment (window));
  gtk_container_set_focus_vadjustment (GTK_CONTAINER (child), gtk_scrolled_window_get_vadjustment (window));
  return scrolled;
}

/* Scrolls when Advanced is open on a small screen. */
static GtkWidget *
create_left (ReplaceView *view, GtkWidget *target, GtkWidget *basic, GtkWidget *advanced)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 12);

  view->advanced = gtk_expander_new_with_mnemonic (_("Ad_vanced"));
  atk_object_set_name (gtk_widget_get_accessible (view->advanced), _("Advanced"));
  gtk_container_add (GTK_CONTAINER (view->advanced), frame_indent (advanced));
  gtk_box_pack_start (GTK_BOX (box), frame_new (_("Replace the person on"), target), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), frame_new (_("By"), subject_list_get_widget (view->subjects)),
                      TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), frame_new (_("How"), basic), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), view->advanced, FALSE, FALSE, 0);
  return scroll (box, GTK_POLICY_NEVER);
}

static void
on_quick (GtkToggleButton *button, gpointer data)
{
  const ReplaceViewHooks *hooks = g_object_get_data (G_OBJECT (button), "moa-hooks");

  hooks->quick_toggled (hooks->data);
}

static GtkWidget *
create_right (ReplaceView *view, const ReplaceViewHooks *hooks)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 6), *maps = map_grid_get_widget (view->maps);
  GtkWidget *preview = preview_get_widget (view->preview);

  view->pages = gtk_notebook_new ();
  gtk_container_set_border_width (GTK_CONTAINER (preview), 6);
  gtk_container_set_border_width (GTK_CONTAINER (maps), 6);
  gtk_notebook_append_page (GTK_NOTEBOOK (view->pages), preview,
                            gtk_label_new (_("Picture")));
  /* A page asks for room even where another one is seen: the maps, which need more, scroll. */
  gtk_notebook_append_page (GTK_NOTEBOOK (view->pages), scroll (maps, GTK_POLICY_AUTOMATIC),
                            gtk_label_new (_("Router Maps")));

  view->where = wrapped_label_new (NULL, 470);
  view->cost = wrapped_label_new (NULL, 470);
  view->quick = gtk_check_button_new_with_mnemonic (_("_Quick preview"));
  gtk_widget_set_tooltip_text (view->quick, _("Draws with few steps what will come, and anew when something "
                                              "is changed"));
  g_object_set_data_full (G_OBJECT (view->quick), "moa-hooks", g_memdup2 (hooks, sizeof *hooks), g_free);
  g_signal_connect (view->quick, "toggled", G_CALLBACK (on_quick), NULL);

  gtk_box_pack_start (GTK_BOX (box), view->pages, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), view->quick, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), view->where, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), view->cost, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), frame_new (_("Results of this picture"),
                      history_strip_get_widget (view->history)), FALSE, FALSE, 6);
  return box;
}

void
replace_view_init (ReplaceView *view, GtkWidget *target, GtkWidget *basic, GtkWidget *advanced,
                   const ReplaceViewHooks *hooks)
{
  PreviewSpec spec = {
    .add = _("Add to area"), .remove = _("Take off"),
    .add_tip = _("Paint where the new person may be drawn"),
    .remove_tip = _("Paint where the picture must stay as it is"),
    .name = _("Preview"), .compare = TRUE, .width = 440, .height = 120, .painted = hooks->painted,
    .data = hooks->data,
  };

  view->subjects = subject_list_new (&hooks->subjects);
  view->preview = preview_new (&spec);
  view->maps = map_grid_new (hooks->maps_changed, hooks->data);
  view->history = history_strip_new (_("None yet. Each result is kept here, to compare and to come back "
                                       "to."), &hooks->history);

  view->choices = create_left (view, target, basic, advanced);
  view->box = gtk_vbox_new (FALSE, 12);

  GtkWidget *panes = gtk_hbox_new (FALSE, 18);
  gtk_box_pack_start (GTK_BOX (panes), view->choices, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (panes), create_right (view, hooks), TRUE, TRUE, 0);
  progress_row_init (&view->row, 880);
  gtk_container_set_border_width (GTK_CONTAINER (view->box), 12);
  gtk_box_pack_start (GTK_BOX (view->box), fit_new (panes), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (view->box), view->row.box, FALSE, FALSE, 0);
  gtk_widget_show_all (panes);
  gtk_notebook_set_current_page (GTK_NOTEBOOK (view->pages), 0);
  gtk_widget_show (view->box);
}

void
replace_view_clear (ReplaceView *view)
{
  subject_list_free (view->subjects);
  preview_free (view->preview);
  map_grid_free (view->maps);
  history_strip_free (view->history);
}

void
replace_view_set_running (ReplaceView *view, gboolean running)
{
  gtk_widget_set_sensitive (view->choices, !running);
  gtk_widget_set_sensitive (view->quick, !running);
  gtk_widget_set_sensitive (history_strip_get_widget (view->history), !running);
  if (!running)
    preview_set_progress (view->preview, -1, NULL);
}

void
replace_view_show_progress (ReplaceView *view, const MoaProgress *progress)
{
  g_autofree char *text = progress_describe (progress);

  preview_set_progress (view->preview, progress->fraction, text);
  progress_row_show (&view->row, progress);
}
