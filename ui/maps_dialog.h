/* The dialog of Router Maps: those that an earlier result keeps. */
#ifndef MOA_UI_MAPS_DIALOG_H
#define MOA_UI_MAPS_DIALOG_H

#include <glib.h>

/* drawable: the group of a result, or a layer in it.  Changes nothing. */
void maps_dialog_run (gint32 image, gint32 drawable);

#endif
