/* What was chosen last: settings across restarts, subjects and the layer that is followed for this GIMP
 * session. */
#ifndef MOA_PLUGIN_HISTORY_H
#define MOA_PLUGIN_HISTORY_H

#include "generate_settings.h"
#include "settings.h"

/* (transfer full); all defaults the first time. */
ReplaceSettings *history_load_settings (void);
/* Takes over the files of the model, which belong together: model, expert, image encoder,
 * ControlNet. */
void history_load_model (ReplaceSettings *settings);
/* Takes over what belongs to this machine and not to a result: the device. */
void history_load_machine (ReplaceSettings *settings);

void history_save_settings (const ReplaceSettings *settings);

/* name and own: as of generate_settings_new(). */
GenerateSettings *history_load_generate (const char *name, const char *const *own);
void history_save_generate (const GenerateSettings *settings);

/* A subject is the id of a layer as text, or the path of a file.  (transfer full); NULL ended. */
char **history_load_subjects (void);
void history_save_subjects (const char *const *subjects);

#endif
