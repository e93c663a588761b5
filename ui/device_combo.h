/* Where to compute, as a choice. */
#ifndef MOA_UI_DEVICE_COMBO_H
#define MOA_UI_DEVICE_COMBO_H

#include <gtk/gtk.h>

/* A combo box with the processor and all usable GPUs. */
GtkWidget *device_combo_new (void);

/* As of MoaRun.device; "": automatic.  What this machine does not have stays a choice of its own, so
 * that it is not lost. */
void device_combo_set (GtkWidget *combo, const char *device);

/* (transfer full) */
char *device_combo_get (GtkWidget *combo);

#endif
