/* What a result's layer group keeps, so that it can be looked into and made again without what it
 * was made of:
 *
 *   moa-replace-person   the settings that were used, and where, as JSON
 *   moa-subjects         the subjects' names and image features
 *   moa-subject-masks    where each of them was to go, 8 bits, if that was said (IP-Adapters)
 *   moa-selection        where persons were allowed to change, 8 bits
 *   moa-router-maps      the mean router map of each block, 8 bits
 *   moa-made-with        that it was made with this tool (unless the settings leave it out) */
#ifndef MOA_PLUGIN_RECORD_H
#define MOA_PLUGIN_RECORD_H

#include "people.h"
#include "replace.h"

/* All of it, for one of the result's variations.  source: the layer below the result, which shows
 * where its mask does not; -1 if that is gone. */
void record_attach (gint32 group, const ReplaceTask *task, gint32 source,
                    const MoaReplaceResult *result, const MoaVariation *variation);

/* The settings.  source: its layer if that is still there, or -1; area: on that layer; either may
 * be NULL.  (transfer full); NULL with error set. */
ReplaceSettings *record_read_settings (gint32 group, gint32 *source, MoaRect *area, GError **error);

/* Who came in.  (transfer full); NULL with error set. */
People *record_read_people (gint32 group, GError **error);

/* Gives people, who are those of the group, the masks that they had.  FALSE with error set. */
gboolean record_read_masks (gint32 group, People *people, const MoaRect *area, GError **error);

/* selection: of the area's size, or NULL if everything was allowed.  FALSE with error set. */
gboolean record_read_selection (gint32 group, const MoaRect *area, MoaImage **selection,
                                GError **error);

/* The router maps; names: of their blocks, n_layers of them, for g_strfreev().  (transfer full),
 * record_free_maps(); NULL with error set. */
MoaRouterMaps *record_read_maps (gint32 group, char ***names, GError **error);
void record_free_maps (MoaRouterMaps *maps);

/* The image's comment, which picture files keep, says once that it was made with this tool. */
void record_mark_image (gint32 image);

#endif
