/* Where photos of subjects come from: layers of all open images, files, saved subjects.
 *
 * A source is a text, as in subject_list.h: the id of a layer, an absolute path, or "saved:" and the
 * path of an saved. */
#ifndef MOA_UI_SOURCES_H
#define MOA_UI_SOURCES_H

#include "moa.h"

#include <gtk/gtk.h>

#define SOURCE_SAVED "saved:"

/* FALSE if the source is gone.  (transfer full) */
gboolean source_look (const char *source, int side, GdkPixbuf **thumbnail, char **label);

/* Its pixels, or the saved that was saved.  (transfer full); FALSE with error set. */
gboolean source_read (const char *source, MoaImage **photo, MoaSavedSubject **saved, GError **error);

/* All layers but the target and the results of the plug-in.  (transfer full); NULL ended */
char **source_list_layers (gint32 target);

#endif
