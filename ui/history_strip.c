/* Earlier results as a row of thumbnails: an icon view of one row, and buttons for what can be done
 * with the one that is chosen. */
#include "history_strip.h"

#include "wrapped_label.h"

#include "plugin/intl.h"

#include <atk/atk.h>

#define TEXT_WIDTH 300
#define STRIP_HEIGHT 122 /* a thumbnail of 64 pixels, its title, the scroll bar */

enum { THUMB, TITLE, TIP, N_COLUMNS };
enum { RESTORE, APPLY, REMOVE, N_BUTTONS };

struct _HistoryStrip
{
  GtkWidget *box, *view, *scrolled, *empty, *column;
  GtkWidget *buttons[N_BUTTONS];
  GtkListStore *store;
  HistoryHooks hooks;
};

int
history_strip_get_n (HistoryStrip *strip)
{
  return gtk_tree_model_iter_n_children (GTK_TREE_MODEL (strip->store), NULL);
}

int
history_strip_get_chosen (HistoryStrip *strip)
{
  GList *paths = gtk_icon_view_get_selected_items (GTK_ICON_VIEW (strip->view));
  int chosen = paths ? gtk_tree_path_get_indices (paths->data)[0] : -1;

  g_list_free_full (paths, (GDestroyNotify) gtk_tree_path_free);
  return chosen;
}

void
history_strip_choose (HistoryStrip *strip, int i)
{
  gtk_icon_view_unselect_all (GTK_ICON_VIEW (strip->view));
  if (i >= 0 && i < history_strip_get_n (strip))
    {
      GtkTreePath *path = gtk_tree_path_new_from_indices (i, -1);

      gtk_icon_view_select_path (GTK_ICON_VIEW (strip->view), path);
      gtk_icon_view_scroll_to_path (GTK_ICON_VIEW (strip->view), path, FALSE, 0, 0);
      gtk_tree_path_free (path);
    }
}

static void
update (HistoryStrip *strip)
{
  int n = history_strip_get_n (strip);

  for (int i = 0; i < N_BUTTONS; i++)
    gtk_widget_set_sensitive (strip->buttons[i], history_strip_get_chosen (strip) >= 0);
  gtk_icon_view_set_columns (GTK_ICON_VIEW (strip->view), MAX (n, 1));
  gtk_widget_set_visible (strip->scrolled, n > 0);
  gtk_widget_set_visible (strip->column, n > 0);
  gtk_widget_set_visible (strip->empty, n == 0);
}

static void
on_selection (GtkIconView *view, HistoryStrip *strip)
{
  update (strip);
  if (strip->hooks.compare)
    strip->hooks.compare (history_strip_get_chosen (strip), strip->hooks.data);
}

static void
on_button (GtkWidget *button, HistoryStrip *strip)
{
  void (*hooks[N_BUTTONS]) (int, gpointer) = { strip->hooks.restore, strip->hooks.apply,
                                               strip->hooks.remove };
  int chosen = history_strip_get_chosen (strip);

  for (int i = 0; i < N_BUTTONS && chosen >= 0; i++)
    if (button == strip->buttons[i])
      hooks[i] (chosen, strip->hooks.data);
}

void
history_strip_clear (HistoryStrip *strip)
{
  gtk_list_store_clear (strip->store);
  update (strip);
}

void
history_strip_add (HistoryStrip *strip, GdkPixbuf *thumbnail, const char *title, const char *tip)
{
  gtk_list_store_insert_with_values (strip->store, NULL, -1, THUMB, thumbnail, TITLE, title, TIP, tip,
                                     -1);
  update (strip);
}

static GtkWidget *
create_buttons (HistoryStrip *strip)
{
  static const struct { const char *label, *tip; } texts[N_BUTTONS] = {
    { N_("Restore Settings"), N_("Sets everything as it was for this result") },
    { N_("Add as La_yers"), N_("Puts this result into the picture") },
    { N_("Delete"), N_("Forgets this result; layers in the picture stay") },
  };
  gboolean wanted[N_BUTTONS] = { strip->hooks.restore != NULL, strip->hooks.apply != NULL,
                                 strip->hooks.remove != NULL };

  strip->column = gtk_vbox_new (FALSE, 4);
  for (int i = 0; i < N_BUTTONS; i++)
    {
      strip->buttons[i] = gtk_button_new_with_mnemonic (_(texts[i].label));
      gtk_widget_set_tooltip_text (strip->buttons[i], _(texts[i].tip));
      g_signal_connect (strip->buttons[i], "clicked", G_CALLBACK (on_button), strip);
      gtk_box_pack_start (GTK_BOX (strip->column), strip->buttons[i], FALSE, FALSE, 0);
      if (wanted[i])
        gtk_widget_show (strip->buttons[i]);
    }
  return strip->column;
}

HistoryStrip *
history_strip_new (const char *empty_text, const HistoryHooks *hooks)
{
  HistoryStrip *strip = g_new0 (HistoryStrip, 1);

  strip->hooks = *hooks;
  strip->store = gtk_list_store_new (N_COLUMNS, GDK_TYPE_PIXBUF, G_TYPE_STRING, G_TYPE_STRING);
  strip->view = gtk_icon_view_new_with_model (GTK_TREE_MODEL (strip->store));
  gtk_icon_view_set_pixbuf_column (GTK_ICON_VIEW (strip->view), THUMB);
  gtk_icon_view_set_text_column (GTK_ICON_VIEW (strip->view), TITLE);
  gtk_icon_view_set_tooltip_column (GTK_ICON_VIEW (strip->view), TIP);
  gtk_icon_view_set_selection_mode (GTK_ICON_VIEW (strip->view), GTK_SELECTION_SINGLE);
  gtk_icon_view_set_margin (GTK_ICON_VIEW (strip->view), 2);
  gtk_icon_view_set_column_spacing (GTK_ICON_VIEW (strip->view), 2);
  gtk_icon_view_set_item_padding (GTK_ICON_VIEW (strip->view), 2);
  atk_object_set_name (gtk_widget_get_accessible (strip->view), _("Earlier results"));
  g_signal_connect (strip->view, "selection-changed", G_CALLBACK (on_selection), strip);

  strip->scrolled = gtk_scrolled_window_new (NULL, NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (strip->scrolled), GTK_POLICY_AUTOMATIC,
                                  GTK_POLICY_NEVER);
  gtk_widget_set_size_request (strip->scrolled, -1, STRIP_HEIGHT);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (strip->scrolled), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (strip->scrolled), strip->view);
  gtk_widget_show (strip->view);

  strip->empty = wrapped_label_new (empty_text, TEXT_WIDTH);

  strip->box = gtk_hbox_new (FALSE, 6);
  gtk_box_pack_start (GTK_BOX (strip->box), strip->scrolled, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (strip->box), strip->empty, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (strip->box), create_buttons (strip), FALSE, FALSE, 0);
  gtk_widget_set_no_show_all (strip->scrolled, TRUE);
  gtk_widget_set_no_show_all (strip->empty, TRUE);
  gtk_widget_set_no_show_all (strip->column, TRUE);
  update (strip);
  return strip;
}

void
history_strip_free (HistoryStrip *strip)
{
  g_object_unref (strip->store);
  g_free (strip);
}

GtkWidget *
history_strip_get_widget (HistoryStrip *strip)
{
  return strip->box;
}
