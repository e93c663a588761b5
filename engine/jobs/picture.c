/* The picture that a job works on: see picture.h. */
#include "jobs/picture.h"

#include "jobs/encode.h"

gboolean
moa_picture_open (MoaPicture *picture, const MoaModel *model, const MoaImage *source, GError **error)
{
  picture->source = source;
  return moa_frame_init (&picture->frame, model, source->width, source->height, error)
         && (picture->work = moa_frame_in (&picture->frame, source, error));
}

gsize
moa_picture_count (const MoaPicture *picture, const MoaModel *model)
{
  return (gsize) picture->frame.latent_width * picture->frame.latent_height * model->vae.latent_channels;
}

gboolean
moa_picture_build (MoaPicture *picture, MoaJob *job, GError **error)
{
  const MoaFrame *frame = &picture->frame;
  return picture->encoded || picture->encoder.graph
         || moa_coder_encode (&picture->encoder, job->model, job->cpu, frame->width, frame->height, error);
}

gboolean
moa_picture_encode (MoaPicture *picture, MoaJob *job, GError **error)
{
  if (!picture->encoded)
    picture->encoded = moa_encode_picture (job, &picture->encoder, picture->work, picture->z, error);
  moa_coder_clear (&picture->encoder);
  return picture->encoded;
}

void
moa_picture_clear (MoaPicture *picture)
{
  moa_coder_clear (&picture->encoder);
  moa_image_free (picture->work);
}
