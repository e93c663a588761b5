/* Stable Diffusion 1.x's U-Net (UNet2DConditionModel), with or without MoA. */
#ifndef MOA_UNET_H
#define MOA_UNET_H

#include "nets/mixture.h"

/* Which results are kept for a backward pass; what lies between is computed again there. */
typedef enum { MOA_KEEP_ALL, MOA_KEEP_BLOCKS, MOA_KEEP_LAYERS } MoaUnetKeep;

typedef struct {
  MoaTensor *sample;  /* B,h,w,4; any h and w of 1 and more (multiples of 8 with a limit) */
  MoaTensor *t;       /* B */
  MoaTensor *text;    /* B,T,text_dim; a sample and t of 1 are the same for all of the text's B, and what
                         sees no text is computed once */
  const MoaMixture *mixture; /* NULL: the prior alone */
  MoaTensor *const *control; /* moa_unet_skips() + 1 residuals of a ControlNet, added to the skips and
                                to the middle's result; B or 1 of each; NULL: none */
  MoaUnetKeep keep;
  const MoaLowRank *lora;    /* in training; NULL: none */
} MoaUnetArgs;

/* eps (or v) B,h,w,4.  Tensors are named like diffusers' modules: "conv_in", "time_embedding",
 * "down_blocks.0.resnets.0", "down_blocks.0", "mid_block", "conv_norm_out", ... */
MoaTensor *moa_unet (MoaGraph *g, const MoaUnetConfig *config, MoaParams *params,
                     const MoaUnetArgs *args);

/* How many results of the way down the way up takes (12 in SD 1.5). */
int moa_unet_skips (const MoaUnetConfig *config);

/* The way down and the middle alone, as a ControlNet has them: added B,h,w,C (NULL: nothing) is added
 * to conv_in's result.  Appends the skips, in running order; returns the middle's result. */
MoaTensor *moa_unet_encode (MoaGraph *g, const MoaUnetConfig *config, MoaParams *params,
                            const MoaUnetArgs *args, MoaTensor *added, GPtrArray *skips);

/* Names of the transformer blocks in running order (16 in SD 1.5); NULL ended, (transfer full). */
char **moa_unet_layers (const MoaUnetConfig *config);

#endif
