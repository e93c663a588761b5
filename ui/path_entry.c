/* A field for a path, with a button that looks for one: see path_entry.h. */
#include "path_entry.h"

#include "plugin/intl.h"

#include <atk/atk.h>

typedef struct {
  GtkWidget *entry;
  char *title;
  GtkFileChooserAction action;
  gboolean list;
} PathEntry;

static void
path_entry_free (gpointer data)
{
  g_free (((PathEntry *) data)->title);
  g_free (data);
}

static void
on_browse (GtkWidget *button, const PathEntry *path)
{
  const char *text = gtk_entry_get_text (GTK_ENTRY (path->entry));
  GtkWidget *chooser = gtk_file_chooser_dialog_new (
    path->title, GTK_WINDOW (gtk_widget_get_toplevel (button)), path->action,
    _("_Cancel"), GTK_RESPONSE_CANCEL, _("C_hoose"), GTK_RESPONSE_OK, NULL);

  gtk_dialog_set_default_response (GTK_DIALOG (chooser), GTK_RESPONSE_OK);
  if (*text && !path->list)
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (chooser), text);
  if (gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    {
      g_autofree char *chosen = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));
      g_autofree char *all = path->list && *text && chosen ? g_strconcat (text, "; ", chosen, NULL)
                                                           : g_strdup (chosen ? chosen : "");

      gtk_entry_set_text (GTK_ENTRY (path->entry), all);
    }
  gtk_widget_destroy (chooser);
}

GtkWidget *
path_entry_new (const char *button_label, const char *title, const char *tip, GtkFileChooserAction action,
                gboolean list, GtkWidget **entry)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 6), *button = gtk_button_new_with_label (button_label);
  PathEntry *path = g_new (PathEntry, 1);

  *path = (PathEntry) { gtk_entry_new (), g_strdup (title), action, list };
  *entry = path->entry;
  gtk_widget_set_tooltip_text (path->entry, tip);
  atk_object_set_name (gtk_widget_get_accessible (button), title);
  g_object_set_data_full (G_OBJECT (row), "moa-path", path, path_entry_free);
  g_signal_connect (button, "clicked", G_CALLBACK (on_browse), path);
  gtk_box_pack_start (GTK_BOX (row), path->entry, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (row), button, FALSE, FALSE, 0);
  return row;
}
