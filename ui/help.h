/* The help pages in a window of their own, so that no browser and no manual is needed. */
#ifndef MOA_UI_HELP_H
#define MOA_UI_HELP_H

#include <gtk/gtk.h>

/* Shows a page, "replace.html".  A second call shows another page in the same window. */
void help_show (GtkWindow *parent, const char *page);

/* The page without its marks, into a buffer; the title of the page.  (transfer full); NULL if there
 * is no such page or it is damaged. */
char *help_load (const char *page, GtkTextBuffer *buffer);

#endif
