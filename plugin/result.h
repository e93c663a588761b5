/* The result of a replacement as a layer group above the source. */
#ifndef MOA_PLUGIN_RESULT_H
#define MOA_PLUGIN_RESULT_H

#include "replace.h"

/* In one undo step, for each variation: the group "Replace Person" with the result, masked; as
 * hidden layers what the settings ask for beside it; on the group how it was made (record.h).  The source is not
 * touched.  If it is gone, or its image is, the result still finds a place.  The image that the
 * result is in, or -1 with error set. */
gint32 result_write (const ReplaceTask *task, const MoaReplaceResult *result, GError **error);

/* The group of an earlier result that the layer is, or is in; -1 if none. */
gint32 result_find_group (gint32 layer);

/* The settings that the group was made with.  source: its layer if that is still there, or -1.
 * (transfer full); NULL, after a message that says why, if they cannot be read. */
ReplaceSettings *result_get_settings (gint32 group, gint32 *source);

#endif
