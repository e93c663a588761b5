/* The picture that a job works on, on its way to the latent: done once, whoever needs it.
 *
 *   source [any size] -> work [3, frame] -> z [latent_height, latent_width, C] */
#ifndef MOA_JOB_PICTURE_H
#define MOA_JOB_PICTURE_H

#include "jobs/frame.h"
#include "jobs/job.h"

typedef struct {
  const MoaImage *source; /* the caller's */
  MoaFrame frame;
  MoaImage *work;         /* the source at the model's size, RGB */
  MoaCoder encoder;       /* until the latent is there */
  float *z;               /* the caller's buffer */
  gboolean encoded;       /* z is the latent */
} MoaPicture;

/* All but the encoder and z. */
gboolean moa_picture_open (MoaPicture *picture, const MoaModel *model, const MoaImage *source,
                           GError **error);
/* The floats of z. */
gsize moa_picture_count (const MoaPicture *picture, const MoaModel *model);
/* The encoder, if it is still needed; with the model's lock held. */
gboolean moa_picture_build (MoaPicture *picture, MoaJob *job, GError **error);
/* Fills z, unless it is filled; the weights must be loaded. */
gboolean moa_picture_encode (MoaPicture *picture, MoaJob *job, GError **error);
void moa_picture_clear (MoaPicture *picture);

#endif
