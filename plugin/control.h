/* The picture that a ControlNet follows, as settings name it: "layer:NAME" or "NAME", a layer of the image, else
 * of any open one; "file:PATH". */
#ifndef MOA_PLUGIN_CONTROL_H
#define MOA_PLUGIN_CONTROL_H

#include "settings.h"

#include <libgimp/gimp.h>

/* What lies over the area of the layer: a layer of its image where it is, anything else at the image's corner,
 * whose size it must have.  layer -1: all of the picture.  What is transparent is black.  *picture is NULL where
 * settings name none; otherwise (transfer full). */
gboolean control_read (const ReplaceSettings *settings, gint32 layer, const MoaRect *area, MoaImage **picture,
                       GError **error);

/* Finds the layer that is named, in image or else in any open one, so that it is known by its id. */
void control_find_layer (ReplaceSettings *settings, gint32 image);

#endif
