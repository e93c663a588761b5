/* A picture's way to the model's size and back: scaled so that its short side
 * is the model's, then filled up to whole latent pixels of the U-Net's
 * innermost blocks by repeating its right and bottom edge. */
#ifndef MOA_JOB_FRAME_H
#define MOA_JOB_FRAME_H

#include "jobs/model.h"

typedef struct {
  int source_width, source_height;
  int scaled_width, scaled_height; /* one scale for both */
  int width, height;               /* filled up: the work picture */
  int latent_width, latent_height;
} MoaFrame;

gboolean moa_frame_init (MoaFrame *frame, const MoaModel *model, int width, int height,
                         GError **error);

/* The source's size to the work picture's; values are clamped to [0,1] and
 * what is not a number becomes 0.  (transfer full) */
MoaImage *moa_frame_in (const MoaFrame *frame, const MoaImage *image, GError **error);

/* The work picture's size to the source's, clamped.  (transfer full) */
MoaImage *moa_frame_out (const MoaFrame *frame, const MoaImage *image, GError **error);

/* Any size to the given one, clamped to [0,1].  (transfer full) */
MoaImage *moa_image_fit (const MoaImage *image, int width, int height, GError **error);

/* The same without an alpha channel. */
MoaImage *moa_image_fit_rgb (const MoaImage *image, int width, int height, GError **error);

/* Mean of factor x factor blocks of a one-channel image; out (h / factor) x (w / factor). */
void moa_image_pool (const MoaImage *image, int factor, float *out);

/* A new image, or NULL with an error that memory is short. */
MoaImage *moa_image_try (int width, int height, int channels, GError **error);

#endif
