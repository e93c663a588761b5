/* A model folder as training sees it: parts that have weights, and parts that
 * have a configuration alone and are to be made. */
#ifndef MOA_PARTS_H
#define MOA_PARTS_H

#include "graph/graph.h"
#include "io/config.h"
#include "io/sources.h"
#include "nets/layers.h"
#include "sample/schedule.h"
#include "text/tokenizer.h"

/* What training alone knows, after the parts of every model (MoaPart). */
enum {
  MOA_PART_CONTROL = MOA_N_PARTS, /* of folders that have one */
  MOA_PART_HEADS,                 /* in checkpoints only */
  MOA_PART_LORA,                  /* beside the U-Net: always new, and written, but no part of the model */
  MOA_N_TRAIN_PARTS
};

/* "unet", "vae", "text_encoder", "image_encoder", "moa", "controlnet", "heads", "lora" */
const char *moa_part_name (int part);
/* PATH/unet/diffusion_pytorch_model.safetensors, PATH/lora.safetensors; (transfer full) */
char *moa_part_file (const char *path, int part);

typedef struct {
  MoaUnetConfig unet;
  MoaVaeConfig vae;
  MoaTextConfig text;
  MoaVisionConfig vision;   /* image_size 0: the folder has no image encoder */
  MoaScheduleConfig scheduler;
  MoaMoaConfig moa;         /* n_layers 0: the folder has no moa/ */
  MoaControlConfig control; /* n_hint 0: the folder has no ControlNet */
  MoaTokenizer *tokenizer;
  MoaSchedule *schedule;
  MoaParams *params[MOA_N_TRAIN_PARTS];
  MoaLowRank lora; /* rank 0: none */
} MoaParts;

/* Opens PATH.  A part without a weights file, or with its bit in fresh, gets
 * parameters that are zeros until moa_parts_start().  All of a part's
 * parameters are declared; of a ControlNet, an image encoder or a moa/ that is not there, none. */
gboolean moa_parts_open (MoaParts *parts, const char *path, guint fresh, MoaDevice *device, GError **error);
/* Whether what a training needs (bits) is there; path is for the message. */
gboolean moa_parts_need (const MoaParts *parts, guint needed, const char *path, GError **error);
void moa_parts_clear (MoaParts *parts);
/* Declares a LoRA of the U-Net's layers that match; a pattern that none matches is an error.  layers is
 * not copied. */
gboolean moa_parts_add_lora (MoaParts *parts, int rank, char **layers, GError **error);

/* Loads the parts of the bits in `which` (to start moa and controlnet unet is needed too). */
gboolean moa_parts_load (MoaParts *parts, guint which, GCancellable *cancellable, GError **error);

/* First values of a part that has no file, from the seed: the starts of LDM, CLIP, MoA, ControlNet and
 * PEFT's LoRA, with residual branches at zero. */
void moa_parts_start (MoaParts *parts, int part, guint64 seed);
/* Experts once more as copies of the prior's attentions, as they are now. */
void moa_parts_start_experts (MoaParts *parts);

/* Writes a part's weights to its file under PATH.  values: the numbers of
 * parameter i, packed (NULL or NULL entries: its own data); half: 16 bits for
 * those that are trained, that is, with values; the others keep their type. */
gboolean moa_parts_write (const MoaParts *parts, int part, const char *path,
                          const float *const *values, gboolean half, GError **error);

#endif
