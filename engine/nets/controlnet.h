/* ControlNet (Zhang et al. 2023): a copy of the U-Net's way down that also sees a picture (a pose,
 * edges, depth), and whose results are added to the U-Net's skips and middle. */
#ifndef MOA_CONTROLNET_H
#define MOA_CONTROLNET_H

#include "nets/unet.h"

/* args: sample, t and text, as the U-Net's.  hint: B,8h,8w,3 in [0,1].  Fills residual with
 * moa_unet_skips() + 1 tensors, the middle's last, at a scale of 1.  Names "cond_embedding". */
void moa_controlnet (MoaGraph *g, const MoaControlConfig *config, MoaParams *params,
                     const MoaUnetArgs *args, MoaTensor *hint, MoaTensor **residual);

/* Whether its residuals have the shapes of the U-Net's skips. */
gboolean moa_controlnet_fits (const MoaControlConfig *config, const MoaUnetConfig *unet);

#endif
