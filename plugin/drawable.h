/* Pixels between GIMP's drawables and the engine's pictures.  Main thread only. */
#ifndef MOA_PLUGIN_DRAWABLE_H
#define MOA_PLUGIN_DRAWABLE_H

#include "moa.h"

#include <libgimp/gimp.h>

/* The layer itself, or the layer that the drawable is the mask of; checked to be one of image
 * (-1: of any).  A group is refused unless groups is TRUE.  -1 with error set. */
gint32 drawable_get_layer (gint32 drawable, gint32 image, gboolean groups, GError **error);

/* The file as an image of its own, whose visible layers are merged into the one that is returned; -1 with error
 * set. */
gint32 drawable_load (const char *path, GError **error);

/* The area of the layer as sRGB; transparent pixels are put on white.  If alpha is not NULL it
 * becomes the layer's alpha times its mask, or NULL where that is 1 everywhere. */
MoaImage *drawable_read_rgb (gint32 layer, const MoaRect *area, MoaImage **alpha, GError **error);

/* The whole layer as sRGB with its alpha times its mask. */
MoaImage *drawable_read_rgba (gint32 layer, GError **error);

/* The area, in the image's coordinates, of a mask, channel or the selection; 0 outside it. */
MoaImage *drawable_read_mask (gint32 channel, int x, int y, int width, int height,
                              GError **error);

/* Where a channel or layer is white, and there: the area on the layer; 0 outside it.  layer -1: all of
 * place. */
MoaImage *drawable_read_place (gint32 place, gint32 layer, const MoaRect *area, GError **error);

/* Fills a layer of the picture's size; alpha may be NULL.  Maps of one channel become gray. */
void drawable_write (gint32 layer, const MoaImage *picture, const MoaImage *alpha);
void drawable_write_mask (gint32 mask, const MoaImage *values);

/* Bilinear, pixel centres matched; for maps of one channel. */
MoaImage *drawable_scale_map (const MoaImage *map, int width, int height);

/* The same of the part of a map from its left and top; shares are in (0,1]. */
MoaImage *drawable_scale_part (const MoaImage *map, double width_share, double height_share,
                               int width, int height);

#endif
