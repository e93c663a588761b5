/* The dialog of Generate. */
#ifndef MOA_UI_GENERATE_DIALOG_H
#define MOA_UI_GENERATE_DIALOG_H

#include "plugin/settings.h"

#include <glib.h>

/* Lets the user choose a layout, draws it with the subjects, and puts it into a new image.
 * FALSE if the user gave up. */
gboolean generate_dialog_run (void);

#endif
