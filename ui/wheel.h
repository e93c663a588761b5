/* The mouse wheel over what scrolls. */
#ifndef MOA_UI_WHEEL_H
#define MOA_UI_WHEEL_H

#include <gtk/gtk.h>

/* Lets the wheel scroll also where a choice, a number or a slider lies under it by chance, which it would change;
 * one that has the focus it changes still, but for choices, and where nothing scrolls.  Also of what is added
 * later. */
void wheel_scrolls (GtkScrolledWindow *scrolled);

#endif
