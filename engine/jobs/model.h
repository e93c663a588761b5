/* A model directory, opened: what MoaModel of moa.h is made of. */
#ifndef MOA_MODEL_H
#define MOA_MODEL_H

#include "graph/graph.h"
#include "io/config.h"
#include "io/ip_adapter.h"
#include "io/sources.h"
#include "sample/schedule.h"
#include "text/embedding.h"
#include "text/tokenizer.h"

struct _MoaModel {
  gint ref_count;
  char *path;
  MoaSources sources;
  MoaUnetConfig unet;
  MoaVaeConfig vae;
  MoaTextConfig text;
  MoaVisionConfig vision;
  MoaScheduleConfig scheduler;
  MoaMoaConfig moa;     /* of other experts: feature_dim, what they are, and the blocks' names */
  MoaIpAdapterConfig adapter; /* instead of MoA, where sources.expert says so */
  MoaControlConfig control;
  MoaTokenizer *tokenizer;
  MoaSchedule *schedule;
  MoaModelFiles files;  /* what it was opened from; its own copy */
  int clip_skip;
  MoaKeep keep;         /* how the host holds the weights */
  GPtrArray *loras;      /* (element-type MoaLoraFile) */
  GPtrArray *embeddings; /* (element-type MoaEmbedding): textual inversions */
  /* Packed for the device, the host's best instruction set; loaded when first needed.  The last three
   * may be NULL; moa_params are the expert's, whichever it is. */
  MoaParams *unet_params, *vae_params, *text_params, *vision_params, *moa_params,
      *control_params;
  /* Held while graphs are built and weights loaded: both change the parameters. */
  GMutex lock;
  double pass_rate; /* seconds of a prior pass for each latent pixel, under lock; 0: none ran */
  MoaModelPart part[MOA_N_PARTS + 1]; /* the last one may be a ControlNet */
  int n_parts;
  GPtrArray *warnings, *missing; /* of strings, end with NULL */
  MoaModelInfo info;
  MoaDevice *device;   /* where the parameters are; a reference */
  gboolean pinned;     /* its numbers were changed: it has no like on other devices */
  GPtrArray *others;   /* (element-type MoaModel) the same model on other devices, owned */
};

/* The model with its parameters on a device: itself, or one that it keeps for that; a pinned one is
 * always itself.
 * (transfer full) */
MoaModel *moa_model_on (MoaModel *model, MoaDevice *device, GError **error);

/* The parameters of a part; *that is NULL if the model lacks it. */
MoaParams **moa_model_params (MoaModel *model, MoaPart part);

/* model-parts.c, once the sources are found: reads the configurations and opens the weights. */
gboolean moa_model_open_parts (MoaModel *model, const MoaModelFiles *files, GError **error);
/* model-check.c: whether the parts fit together, and every tensor that the networks need is there. */
gboolean moa_model_check (MoaModel *model, GError **error);
/* Fills info, warnings and missing. */
void moa_model_describe (MoaModel *model);

/* Pixels to a latent pixel, and latent pixels to one of the U-Net's innermost. */
int moa_model_vae_factor (const MoaModel *model);
int moa_model_unet_factor (const MoaModel *model);

/* What the expert is if it is an IP-Adapter, else NULL. */
const MoaIpAdapterConfig *moa_model_adapter (const MoaModel *model);
/* Of the face embedding that its subjects need: with FaceID the whole feature, with FaceID Plus its first
 * numbers; else 0. */
int moa_model_face_dim (const MoaModel *model);
/* Whether it sees persons by their photos; else by face embeddings alone. */
gboolean moa_model_sees_photos (const MoaModel *model);

/* Whether the model can put persons into pictures; if not, the error says what it lacks. */
gboolean moa_model_need_expert (const MoaModel *model, GError **error);

#endif
