/* Stable Diffusion 1.x's U-Net (UNet2DConditionModel), with or without MoA. */
#ifndef MOA_UNET_H
#define MOA_UNET_H

#include "nets/mixture.h"

typedef struct {
  MoaTensor *sample;  /* B,h,w,4; any h and w of 1 and more (multiples of 8 with a limit) */
  MoaTensor *t;       /* B */
  MoaTensor *text;    /* B,T,text_dim */
  const MoaMixture *mixture; /* NULL: the prior alone */
} MoaUnetArgs;

/* eps (or v) B,h,w,4.  Tensors are named like diffusers' modules: "conv_in", "time_embedding",
 * "down_blocks.0.resnets.0", "down_blocks.0", "mid_block", "conv_norm_out", ... */
MoaTensor *moa_unet (MoaGraph *g, const MoaUnetConfig *config, MoaParams *params,
                     const MoaUnetArgs *args);

/* Names of the transformer blocks in running order (16 in SD 1.5); NULL ended, (transfer full). */
char **moa_unet_layers (const MoaUnetConfig *config);

#endif
