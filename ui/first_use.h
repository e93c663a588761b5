/* What is kept in gimprc for the dialogs. */
#ifndef MOA_UI_FIRST_USE_H
#define MOA_UI_FIRST_USE_H

#include <gtk/gtk.h>

/* Asks once for all; TRUE if the user agrees, or has agreed before. */
gboolean first_use_agree (void);

/* A switch, by the name it has in gimprc. */
gboolean first_use_get_switch (const char *name);
void first_use_set_switch (const char *name, gboolean on);

#endif
