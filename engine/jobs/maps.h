/* Router maps: where the routers of each block choose the prior. */
#ifndef MOA_JOB_MAPS_H
#define MOA_JOB_MAPS_H

#include "jobs/nets.h"

/* Maps of the denoiser's blocks, all 1: where MoA does not run the prior has all the weight. */
gboolean moa_maps_init (MoaRouterMaps *maps, const MoaDenoiser *denoiser, int step, int timestep,
                        GError **error);
/* Takes the routers of the denoiser's last run as the n-th, from 1, of a mean. */
void moa_maps_take (MoaRouterMaps *maps, const MoaDenoiser *denoiser, int n);
void moa_maps_clear (MoaRouterMaps *maps);

/* The personalised experts' weight, mean over the blocks (the n that chosen
 * names; NULL: all), in [0,1].  (transfer full) */
MoaImage *moa_maps_weight (const MoaRouterMaps *maps, const int *chosen, int n, int width,
                           int height, GError **error);

#endif
