/* The autoencoder (AutoencoderKL, f8). */
#ifndef MOA_VAE_H
#define MOA_VAE_H

#include "ops/ops.h"

/* image B,H,W,3 in [-1,1], H and W multiples of 8 -> moments B,H/8,W/8,2*latent_channels: mean
 * first, then logvar (not clamped).  The latent is scaling_factor * (mean - shift_factor). */
MoaTensor *moa_vae_encode (MoaGraph *g, const MoaVaeConfig *config, MoaParams *params,
                           MoaTensor *image);

/* z B,h,w,latent_channels, a latent divided by scaling_factor -> image B,8h,8w,3, about [-1,1]. */
MoaTensor *moa_vae_decode (MoaGraph *g, const MoaVaeConfig *config, MoaParams *params,
                           MoaTensor *z);

#endif
