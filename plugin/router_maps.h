/* The router maps that a result keeps, as layers or as a picture file. */
#ifndef MOA_PLUGIN_ROUTER_MAPS_H
#define MOA_PLUGIN_ROUTER_MAPS_H

#include <glib.h>

/* group: of the result.  file: a PNG file for all maps side by side; NULL or "": they become hidden
 * layers of the group, in one undo step.  FALSE with error set. */
gboolean router_maps_write (gint32 image, gint32 group, const char *file, GError **error);

#endif
