/* Contents of a window that scroll where the screen is too small for them. */
#ifndef MOA_UI_FIT_H
#define MOA_UI_FIT_H

#include <gtk/gtk.h>

/* child in what asks for as much room as it, up to that of the screen, and scrolls beyond.  What
 * stands beside it in the window, as its buttons, stays in sight. */
GtkWidget *fit_new (GtkWidget *child);

/* The size that the window opens with, where letters are as large as usual; larger with larger ones, as far as
 * the screen goes. */
void fit_open (GtkWindow *window, int width, int height);

#endif
