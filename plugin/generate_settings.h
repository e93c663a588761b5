/* What the user chose for drawn pictures, and its JSON form.  Generate draws one for each seed, its
 * companions several that belong together. */
#ifndef MOA_PLUGIN_GENERATE_SETTINGS_H
#define MOA_PLUGIN_GENERATE_SETTINGS_H

#include "settings.h"

#define GENERATE_MOST_PICTURES 100

typedef struct {
  const char *name;         /* "generate", "morph": of what is kept of the last time */
  const char *const *own;   /* NULL ended, which of moa_sequence_settings() it has; NULL: pictures */
  char *prompt, *negative;  /* in the prompt's place: a time lapse's ages, the file of a story */
  MoaGenerateParams params; /* without its texts, subjects and seeds */
  guint32 seed;             /* of the first picture */
  int pictures;
  MoaSequenceParams sequence;
  char *folder;             /* of a call alone: where what is drawn is kept, for the next one to go on; "" */
  ReplaceSettings *how;     /* of it: the model's files, control, subjects, device, threads, memory_limit, mark */
} GenerateSettings;

/* All defaults; name and own must outlive it.  (transfer full) */
GenerateSettings *generate_settings_new (const char *name, const char *const *own);
GenerateSettings *generate_settings_copy (const GenerateSettings *settings);
void generate_settings_free (GenerateSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GenerateSettings, generate_settings_free)

/* The procedure's options argument: a JSON object with any of the engine's settings
 * (moa_generate_settings()) and prompt, negative, seed, pictures or what it has of its own and folder,
 * subjects, device, threads, memory_limit (MiB), mark, and what the model is made of and follows: expert,
 * image_encoder, lora, lora_on_experts, embedding, clip_skip, controlnet, control, control_scale,
 * control_start, control_end.  "" is the same as "{}". */
gboolean generate_settings_set_options (GenerateSettings *settings, const char *json, GError **error);

/* Everything but the subjects and the folder.  From JSON, a newer version is an error.  (transfer full) */
char *generate_settings_to_json (const GenerateSettings *settings);
GenerateSettings *generate_settings_from_json (const char *name, const char *const *own,
                                               const char *json, GError **error);

/* Puts what it has in the place of pictures into an object. */
void generate_settings_put_own (const GenerateSettings *settings, json_t *object);

#endif
