/* Pictures as the U-Net knows them: latents, made by the model's VAE, which
 * stays as it is.  Those of pictures that come again are kept. */
#ifndef MOA_LATENTS_H
#define MOA_LATENTS_H

#include "train/trainer.h"

typedef struct {
  MoaGraph *graph, *decoder;
  MoaTensor *in, *moments, *decoder_in, *picture;
  int side, channels;
  gsize n;               /* numbers of a latent */
  double scale, shift;
  guint16 *kept;         /* 16-bit floats; NULL: none are kept */
  guint8 *known;         /* by picture */
  guint64 n_kept;
} MoaLatents;

/* Keeps those of that many pictures; 0: of none. */
gboolean moa_latents_build (MoaLatents *latents, MoaTrainer *t, guint64 keep, GError **error);
void moa_latents_clear (MoaLatents *latents);

/* The latent of a picture in [-1,1]; number: its item's index, G_MAXUINT64: not to be kept. */
gboolean moa_latents_get (MoaLatents *latents, const float *picture, guint64 number, float *out,
                          GError **error);

/* How a picture is noised: to z_t; or, where the truth of a swap is known, as what a replacement
 * passes through.  z_u is the noised picture before the swap, and the noise asked for the one that
 * leads from it to the picture after it,
 *
 *   eps = (z_u - sqrt(abar_u) z_0 after) / sqrt(1 - abar_u);
 *
 * t is u, or a step that DDIM comes to from there if it follows this eps,
 *
 *   z_t = sqrt(abar_t) z_0 after + sqrt(1 - abar_t) eps:
 *
 * the new person already, and a shadow of the old one. */
typedef struct {
  gboolean swap;
  int u, t;
} MoaNoising;

/* Of an item, by its number; t below t_max if it is no swap. */
MoaNoising moa_noising_draw (const MoaTrainer *t, guint64 number, gboolean swap, int t_max);

/* Item's z_t, and the network's output (eps or v) that leads from it to the right picture, each
 * latents->n numbers.  index: of the picture's latent, as moa_latents_get(); where a swap leads is
 * never kept, for other people come in each time. */
gboolean moa_latents_noise (MoaLatents *latents, const MoaTrainer *t, const MoaDataItem *item,
                            guint64 index, const MoaNoising *noising, float *z, float *target,
                            GError **error);

/* The picture of a latent, in about [-1,1]. */
gboolean moa_latents_picture (MoaLatents *latents, const float *latent, float *picture,
                              GError **error);

/* A mask of size x size, averaged to the latent's side. */
void moa_latents_pool (const MoaLatents *latents, const float *mask, int size, float *out);

#endif
