/* A list of all layers that may be a subject, with thumbnails, to tick. */
#ifndef MOA_UI_LAYER_PICKER_H
#define MOA_UI_LAYER_PICKER_H

#include <gtk/gtk.h>

typedef struct _LayerPicker LayerPicker;

/* changed is called when the choice changes. */
LayerPicker *layer_picker_new (void (*changed) (gpointer data), gpointer data);

/* Also closes the images that the picker opened. */
void layer_picker_free (LayerPicker *picker);

GtkWidget *layer_picker_get_widget (LayerPicker *picker);

/* Lists the layers of all images anew, but for the target. */
void layer_picker_refresh (LayerPicker *picker, gint32 target);

/* The layers that are ticked, for the persons from left to right; at most MOA_MAX_SUBJECTS. */
int layer_picker_get_layers (LayerPicker *picker, gint32 *layers);

/* Space ticks, then. */
void layer_picker_grab_focus (LayerPicker *picker);

/* The choice as history.h keeps it, and back.  Layers and files that are gone are left out.
 * (transfer full) */
char **layer_picker_save (LayerPicker *picker);
void layer_picker_restore (LayerPicker *picker, const char *const *subjects);

#endif
