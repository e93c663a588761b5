/* The dialogs as the menu entries open them.  As the dialog of a Procedure. */
#ifndef MOA_UI_ENTRIES_H
#define MOA_UI_ENTRIES_H

#include "plugin/settings.h"

/* The model that Replace Person had the last time, with its expert and image encoder; how gets their names,
 * all of them.  NULL with *problem (transfer full), which says what to do.  (transfer full) */
MoaModel *entry_open_model (ReplaceSettings *how, char **problem);

/* The same, with the files that how names. */
MoaModel *entry_reopen_model (ReplaceSettings *how, char **problem);

gboolean entry_generate (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_morph (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_time_lapse (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_story (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_edit (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_router_maps (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_subjects (gint32 image, gint32 drawable, gboolean again, GError **error);
gboolean entry_models (gint32 image, gint32 drawable, gboolean again, GError **error);

#endif
