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

/* The picture of a latent, in about [-1,1]. */
gboolean moa_latents_picture (MoaLatents *latents, const float *latent, float *picture,
                              GError **error);

/* A mask of size x size, averaged to the latent's side. */
void moa_latents_pool (const MoaLatents *latents, const float *mask, int size, float *out);

#endif
