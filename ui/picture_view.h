/* A preview of a layer with the work area and the selection on it. */
#ifndef MOA_UI_PICTURE_VIEW_H
#define MOA_UI_PICTURE_VIEW_H

#include "moa.h"

#include <gtk/gtk.h>

typedef struct _PictureView PictureView;

PictureView *picture_view_new (int side);
void picture_view_free (PictureView *view);
GtkWidget *picture_view_get_widget (PictureView *view);

/* layer -1: nothing.  Reads the layer and its image's selection anew; area is in the layer's
 * coordinates. */
void picture_view_set (PictureView *view, gint32 layer, const MoaRect *area);

#endif
