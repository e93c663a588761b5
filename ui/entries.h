/* The dialogs as the menu entries open them.  Each returns TRUE if the image was changed. */
#ifndef MOA_UI_ENTRIES_H
#define MOA_UI_ENTRIES_H

#include <glib.h>

gboolean entry_generate (gint32 image, gint32 drawable);
gboolean entry_edit (gint32 image, gint32 drawable);
gboolean entry_router_maps (gint32 image, gint32 drawable);
gboolean entry_subjects (gint32 image, gint32 drawable);
gboolean entry_models (gint32 image, gint32 drawable);

#endif
