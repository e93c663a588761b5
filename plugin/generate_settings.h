/* What the user chose for drawn pictures, and its JSON form. */
#ifndef MOA_PLUGIN_GENERATE_SETTINGS_H
#define MOA_PLUGIN_GENERATE_SETTINGS_H

#include "settings.h"

#define GENERATE_MOST_PICTURES 100

typedef struct {
  char *prompt, *negative;
  MoaGenerateParams params; /* without its texts, subjects and seeds */
  guint32 seed;             /* of the first picture */
  int pictures;
  ReplaceSettings *how;     /* of it: model, subjects, device, threads, memory_limit, mark */
} GenerateSettings;

/* All defaults.  (transfer full) */
GenerateSettings *generate_settings_new (void);
void generate_settings_free (GenerateSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GenerateSettings, generate_settings_free)

/* The procedure's options argument: a JSON object with any of the engine's settings
 * (moa_generate_settings()) and prompt, negative, seed, pictures, subjects, device, threads,
 * memory_limit (MiB) and mark.  "" is the same as "{}". */
gboolean generate_settings_set_options (GenerateSettings *settings, const char *json, GError **error);

/* Everything but the subjects.  From JSON, a newer version is an error.  (transfer full) */
char *generate_settings_to_json (const GenerateSettings *settings);
GenerateSettings *generate_settings_from_json (const char *json, GError **error);

#endif
