/* A model directory, opened: what MoaModel of moa.h is made of. */
#ifndef MOA_MODEL_H
#define MOA_MODEL_H

#include "graph/graph.h"
#include "io/config.h"
#include "sample/schedule.h"
#include "text/tokenizer.h"

#define MOA_N_PARTS 5

struct _MoaModel {
  gint ref_count;
  char *path;
  MoaUnetConfig unet;
  MoaVaeConfig vae;
  MoaTextConfig text;
  MoaVisionConfig vision;
  MoaScheduleConfig scheduler;
  MoaMoaConfig moa;
  MoaTokenizer *tokenizer;
  MoaSchedule *schedule;
  /* Packed for the device, the host's best instruction set; loaded when first needed. */
  MoaParams *unet_params, *vae_params, *text_params, *vision_params, *moa_params;
  /* Held while graphs are built and weights loaded: both change the parameters. */
  GMutex lock;
  MoaModelPart part[MOA_N_PARTS];
  GPtrArray *warnings; /* of strings, ends with NULL */
  MoaModelInfo info;
  MoaDevice *device;   /* where the parameters are; a reference */
  gboolean pinned;     /* its numbers were changed: it has no like on other devices */
  GPtrArray *others;   /* (element-type MoaModel) the same model on other devices, owned */
};

/* The model with its parameters on a device: itself, or one that it keeps for that; a pinned one is
 * always itself.
 * (transfer full) */
MoaModel *moa_model_on (MoaModel *model, MoaDevice *device, GError **error);

/* Pixels to a latent pixel, and latent pixels to one of the U-Net's innermost. */
int moa_model_vae_factor (const MoaModel *model);
int moa_model_unet_factor (const MoaModel *model);

#endif
