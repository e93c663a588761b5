/* A text of several lines. */
#ifndef MOA_UI_WRAPPED_LABEL_H
#define MOA_UI_WRAPPED_LABEL_H

#include <gtk/gtk.h>

/* Asks for the height that the text needs when it is width wide, and fills what it gets. */
GtkWidget *wrapped_label_new (const char *text, int width);

#endif
