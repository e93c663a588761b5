/* A field for a path, with a button that looks for one. */
#ifndef MOA_UI_PATH_ENTRY_H
#define MOA_UI_PATH_ENTRY_H

#include <gtk/gtk.h>

/* Asks for a file or a folder, in a window above that of the widget; start: one to begin with, or NULL.
 * (transfer full); NULL: none was chosen, or one whose name is not UTF-8, which the user is told. */
char *path_ask (GtkWidget *widget, const char *title, GtkFileChooserAction action, const char *start);

/* The box of both; *entry is the field.  title: of the window that looks, and the button's name for screen
 * readers.  list: what is found is put behind what is there, and a semicolon between them. */
GtkWidget *path_entry_new (const char *button, const char *title, const char *tip, GtkFileChooserAction action,
                           gboolean list, GtkWidget **entry);

#endif
