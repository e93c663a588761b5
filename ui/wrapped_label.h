/* A text of several lines. */
#ifndef MOA_UI_WRAPPED_LABEL_H
#define MOA_UI_WRAPPED_LABEL_H

#include <gtk/gtk.h>

/* Asks for this width, fills what it gets, and then asks for the height that the text needs there. */
GtkWidget *wrapped_label_new (const char *text, int width);

#endif
