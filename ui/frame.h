/* A part of a dialog under its title, as GIMP's dialogs have them. */
#ifndef MOA_UI_FRAME_H
#define MOA_UI_FRAME_H

#include <gtk/gtk.h>

GtkWidget *frame_new (const char *title, GtkWidget *child);

/* The child as far in as one of a frame, for what an expander shows. */
GtkWidget *frame_indent (GtkWidget *child);

#endif
