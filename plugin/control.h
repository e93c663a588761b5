/* The picture that a ControlNet follows, as settings name it: "layer:NAME" or "NAME", a layer of the image, else
 * of any open one; "file:PATH". */
#ifndef MOA_PLUGIN_CONTROL_H
#define MOA_PLUGIN_CONTROL_H

#include "settings.h"

#include <libgimp/gimp.h>

/* What lies over the area of the layer: a layer of its image where it is, anything else at the image's corner,
 * whose size it must have.  layer -1: all of the picture.  What is transparent is black.  *picture is NULL where
 * settings name none; otherwise (transfer full).  Of a layer that was found by its name, settings have the id
 * too. */
gboolean control_read (ReplaceSettings *settings, gint32 layer, const MoaRect *area, MoaImage **picture,
                       GError **error);

/* The layer that settings name: by its id, or in image, or in any open one.  0: they name none; -1 with error
 * set. */
gint32 control_find_layer (ReplaceSettings *settings, gint32 image, GError **error);

#endif
