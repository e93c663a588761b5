/* What the user chose for a replacement, and its JSON form. */
#ifndef MOA_PLUGIN_SETTINGS_H
#define MOA_PLUGIN_SETTINGS_H

#include "moa.h"

#include <jansson.h>

#define REPLACE_PROCEDURE "plug-in-moa-replace-person"
#define REPLACE_PARASITE "moa-replace-person"
#define SETTINGS_VERSION 2

typedef struct {
  char *prompt;            /* "": the engine's own */
  char *model;             /* folder; "": replace_settings_find_model() */
  char *expert;            /* instead of the model's own: MoA weights or an IP-Adapter; "" */
  char *image_encoder;     /* instead of the model's own; "" */
  char *lora;              /* "ink.safetensors:0.7; faces.safetensors": files, each with its weight if that is
                              not 1; "" */
  char *embedding;         /* textual inversions, as of ui/path_list.h; "" */
  char *controlnet;        /* a file or folder instead of the model's own; "" */
  char *control;           /* the picture that it follows, as of control.h; "": none */
  MoaReplaceParams params; /* without its pictures, prompt and order */
  int order[MOA_MAX_SUBJECTS];
  int n_order;             /* 0: from left to right */
  gboolean lora_on_experts; /* on the new persons too */
  int clip_skip;           /* last layers of the text encoder that are left out */
  gboolean maps;           /* the router maps as hidden layers */
  gboolean cache;          /* keep inversions on disk, for the next run on the same picture */
  gboolean mark;           /* the result says that it was made with this tool */
  int n_threads;           /* 0: all processors */
  int memory_limit;        /* MiB; 0: what is free */
  char *device;            /* as of MoaRun; "": automatic */
  /* Of a call, never kept: */
  char *layer;             /* the target by its name; NULL: by its id */
  char *subjects;          /* a JSON list as of people.h; NULL: by their ids */
  gint32 control_layer;    /* the layer that control names, by its id; 0: by its name, as options do */
} ReplaceSettings;

/* All defaults.  (transfer full) */
ReplaceSettings *replace_settings_new (void);
ReplaceSettings *replace_settings_copy (const ReplaceSettings *settings);
void replace_settings_free (ReplaceSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplaceSettings, replace_settings_free)

/* Whether control names a layer. */
gboolean replace_settings_has_control_layer (const ReplaceSettings *settings);

/* Names the layer, and knows it by its id, so that it may have another name later; one that is gone is
 * none. */
void replace_settings_set_control_layer (ReplaceSettings *settings, gint32 layer);

/* Sets one of the texts; NULL is "". */
void replace_settings_set_string (char **field, const char *value);

/* The procedure's options argument: a JSON object with any of the engine's settings
 * (moa_replace_settings()) and prompt, model, expert, image_encoder, lora, lora_on_experts, embedding, clip_skip,
 * controlnet, control, control_scale, control_start, control_end, device, order, maps, cache, mark, threads, memory_limit (MiB),
 * layer and subjects.  "" is the same as "{}". */
gboolean replace_settings_set_options (ReplaceSettings *settings, const char *json,
                                       GError **error);

/* The options that there are, "a, b, c".  (transfer full) */
char *replace_settings_list_options (void);

/* Everything, with the options as a member object.  Fields that are left to the model are left
 * out.  From JSON, keys beside those of the settings are ignored, so that a parasite may hold
 * more; a newer version than SETTINGS_VERSION is an error.  (transfer full) */
char *replace_settings_to_json (const ReplaceSettings *settings);
ReplaceSettings *replace_settings_from_json (const char *json, GError **error);

/* Puts what the model is made of beside its folder, and what it follows, into an object. */
void replace_settings_put_files (const ReplaceSettings *settings, json_t *object);

/* The folder of the model that is used when none is named: $MOA_MODEL, moa-model in gimprc,
 * models/mini beside the plug-in, the installed one.  The last one that was looked at if none
 * is there.  (transfer full) */
char *replace_settings_find_model (void);

/* The model in the folder with the expert and the other files that settings name.
 * (transfer full) */
MoaModel *replace_settings_open_model (const ReplaceSettings *settings, const char *folder,
                                       GError **error);

/* Of a model that does not open: whether it does without LoRAs, embeddings and clip_skip. */
gboolean replace_settings_blame_added (const ReplaceSettings *settings, const char *folder);

/* How a job is to run: device, threads, memory, and the folder of kept inversions, which is also
 * what dialogs ask estimates with.  The strings live as long as the process. */
void replace_settings_get_run (const ReplaceSettings *settings, MoaRun *run);

#endif
