/* The folder that a training works in. */
#ifndef MOA_TRAIN_FOLDER_H
#define MOA_TRAIN_FOLDER_H

#include "train/parts.h"

/* Makes TO a copy of the model folder FROM; weights are linked where the file
 * system can (they are replaced by rename, never changed).  Where FROM has no
 * vocabulary, that of the drawn world's words is written. */
gboolean moa_folder_copy_model (const char *from, const char *to, GError **error);

/* Has the model folder's MoA do with the vanilla fuser, which knows neither timestep nor block. */
gboolean moa_folder_set_vanilla_fuser (const char *model, GError **error);

/* FROM's ControlNet for a copy of it; where there is none, the configuration of one for its U-Net. */
gboolean moa_folder_add_controlnet (const char *from, const char *model, GError **error);

/* Makes the folder and takes it for this process alone; -1 with an error if another has it.
 * close() gives it back. */
int moa_folder_take (const char *folder, GError **error);

/* Starts the parts of the bits in fresh, and those without weights, and writes
 * them.  parts: as moa_parts_open() opened them from TO. */
gboolean moa_folder_start_parts (MoaParts *parts, const char *to, guint64 seed,
                                 GError **error);

#endif
