/* A field for a path, with a button that looks for one: see path_entry.h. */
#include "path_entry.h"

#include "path_list.h"

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

/* What is kept of settings is JSON, and a field's text is UTF-8, which the name of an old file may not be. */
static gboolean
check_name (GtkWindow *window, const char *path)
{
  gboolean valid = g_utf8_validate (path, -1, NULL);
  GtkWidget *message = valid ? NULL : gtk_message_dialog_new (
    window, GTK_DIALOG_MODAL, GTK_MESSAGE_ERROR, GTK_BUTTONS_CLOSE, "%s",
    _("The name of this file or of its folder is not in UTF-8: rename it, or choose another one."));

  if (message)
    {
      gtk_dialog_run (GTK_DIALOG (message));
      gtk_widget_destroy (message);
    }
  return valid;
}

char *
path_ask (GtkWidget *widget, const char *title, GtkFileChooserAction action, const char *start)
{
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_toplevel (widget));
  GtkWidget *chooser = gtk_file_chooser_dialog_new (title, window, action, _("_Cancel"), GTK_RESPONSE_CANCEL,
                                                    _("C_hoose"), GTK_RESPONSE_OK, NULL);
  g_autofree char *path = NULL;

  gtk_dialog_set_default_response (GTK_DIALOG (chooser), GTK_RESPONSE_OK);
  if (start && *start)
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (chooser), start);
  if (gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));
  gtk_widget_destroy (chooser);
  return path && check_name (window, path) ? g_steal_pointer (&path) : NULL;
}

static void
on_browse (GtkWidget *button, const PathEntry *path)
{
  const char *text = gtk_entry_get_text (GTK_ENTRY (path->entry));
  g_autofree char *chosen = path_ask (button, path->title, path->action, path->list ? NULL : text);
  g_autoptr (GString) all = g_string_new (path->list ? text : chosen);

  if (chosen && path->list)
    path_list_add (all, chosen);
  if (chosen)
    gtk_entry_set_text (GTK_ENTRY (path->entry), all->str);
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
