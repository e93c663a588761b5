/* What a latent will be as a picture, coarsely and for next to nothing: a pixel
 * for each latent pixel, its colour a linear function of the latent's channels.
 * The function is fitted to a picture whose latent is known. */
#ifndef MOA_JOB_PREVIEW_H
#define MOA_JOB_PREVIEW_H

#include "jobs/job.h"
#include "sample/schedule.h"

enum { MOA_PREVIEW_CHANNELS = 16 };

typedef struct {
  double weight[3][MOA_PREVIEW_CHANNELS + 1]; /* the last is the constant */
  int channels;
} MoaPreview;

/* Least squares: picture is width x height times factor, RGB; z its latent,
 * [h, w, channels]. */
void moa_preview_fit (MoaPreview *preview, const MoaImage *picture, int factor, const float *z,
                      int channels);

/* The same from a small picture of colour patches, for jobs that have none;
 * coder is the VAE's encoder for MOA_PREVIEW_SIDE latent pixels each way. */
enum { MOA_PREVIEW_SIDE = 16 };
gboolean moa_preview_learn (MoaPreview *preview, MoaJob *job, MoaCoder *coder, GError **error);

/* The picture that z at timestep t leads to if eps is all its noise:
 *   x0 = (z - sqrt (1 - abar) eps) / sqrt (abar)
 * Only the pixels that edit says (NULL: all) are set.  image: RGB, the latent's size. */
void moa_preview_draw (const MoaPreview *preview, const MoaSchedule *schedule, int t,
                       const float *z, const float *eps, const gboolean *edit, MoaImage *image);

#endif
