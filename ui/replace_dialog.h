/* The dialog of Replace Person. */
#ifndef MOA_UI_REPLACE_DIALOG_H
#define MOA_UI_REPLACE_DIALOG_H

#include <libgimp/gimp.h>

/* Lets the user choose, runs, and puts the result into the image.  again: starts at once with
 * what was chosen last.  FALSE if the user gave up, the image is then as it was. */
gboolean replace_dialog_run (gint32 image, gint32 drawable, gboolean again);

#endif
