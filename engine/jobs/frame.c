/* A picture's way to the model's size and back: see frame.h. */
#include "jobs/frame.h"

#include "base/image.h"

#include <math.h>
#include <string.h>

static gboolean
no_memory (int width, int height, GError **error)
{
  return moa_fail (error, MOA_ERROR_MEMORY,
                   "No memory for a picture of %d x %d pixels; use a smaller one", width, height);
}

MoaImage *
moa_image_try (int width, int height, int channels, GError **error)
{
  MoaImage *image = moa_image_new (width, height, channels);
  if (!image)
    no_memory (width, height, error);
  return image;
}

gboolean
moa_frame_init (MoaFrame *frame, const MoaModel *model, int width, int height, GError **error)
{
  int side = model->info.side;
  int factor = moa_model_vae_factor (model), unit = factor * moa_model_unet_factor (model);
  gint64 lower = MIN (width, height), longer = MAX (width, height);
  if (longer > 2 * lower)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     N_ ("The part to work on is %d x %d pixels, more than twice as long as it is wide; "
                     "select more on its narrow side, or, if it is the whole picture, the person"),
                     width, height);
  *frame = (MoaFrame){
    .source_width = width,
    .source_height = height,
    .scaled_width = (width * (gint64) side + lower / 2) / lower,
    .scaled_height = (height * (gint64) side + lower / 2) / lower,
  };
  frame->width = (frame->scaled_width + unit - 1) / unit * unit;
  frame->height = (frame->scaled_height + unit - 1) / unit * unit;
  frame->latent_width = frame->width / factor;
  frame->latent_height = frame->height / factor;
  return TRUE;
}

/* Bicubic filters overshoot, and a host may give any float. */
static void
clamp (MoaImage *image)
{
  gsize n = (gsize) image->width * image->height * image->channels;
  for (gsize i = 0; i < n; i++)
    {
      float v = image->data[i];
      image->data[i] = v >= 0 ? MIN (v, 1) : 0; /* NaN: 0 */
    }
}

/* RGBA without its alpha; others as they are. */
static MoaImage *
drop_alpha (const MoaImage *image)
{
  int channels = MIN (image->channels, 3);
  MoaImage *out = moa_image_new (image->width, image->height, channels);
  if (out)
    for (gsize i = 0; i < (gsize) image->width * image->height; i++)
      memcpy (out->data + channels * i, image->data + image->channels * i,
              channels * sizeof (float));
  return out;
}

MoaImage *
moa_image_fit (const MoaImage *image, int width, int height, GError **error)
{
  MoaImage *out = image->width == width && image->height == height
                      ? moa_image_copy (image)
                      : moa_image_resize (image, width, height);
  if (!out)
    {
      no_memory (width, height, error);
      return NULL;
    }
  clamp (out);
  return out;
}

MoaImage *
moa_image_fit_rgb (const MoaImage *image, int width, int height, GError **error)
{
  /* Clamped before it is scaled too: one huge value or NaN would spread. */
  MoaImage *plain = drop_alpha (image);
  if (!plain)
    {
      no_memory (image->width, image->height, error);
      return NULL;
    }
  clamp (plain);
  MoaImage *out = moa_image_fit (plain, width, height, error);
  moa_image_free (plain);
  return out;
}

MoaImage *
moa_frame_in (const MoaFrame *frame, const MoaImage *image, GError **error)
{
  MoaImage *scaled = moa_image_fit_rgb (image, frame->scaled_width, frame->scaled_height, error);
  if (!scaled)
    return NULL;
  MoaImage *filled = moa_image_crop (scaled, 0, 0, frame->width, frame->height);
  moa_image_free (scaled);
  if (!filled)
    no_memory (frame->width, frame->height, error);
  return filled;
}

MoaImage *
moa_frame_out (const MoaFrame *frame, const MoaImage *image, GError **error)
{
  MoaImage *cropped = moa_image_crop (image, 0, 0, frame->scaled_width, frame->scaled_height);
  if (!cropped)
    {
      no_memory (frame->scaled_width, frame->scaled_height, error);
      return NULL;
    }
  MoaImage *out = moa_image_fit (cropped, frame->source_width, frame->source_height, error);
  moa_image_free (cropped);
  return out;
}

void
moa_image_pool (const MoaImage *image, int factor, float *out)
{
  int w = image->width / factor, h = image->height / factor;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      {
        double sum = 0;
        for (int i = 0; i < factor; i++)
          for (int j = 0; j < factor; j++)
            sum += image->data[((gsize) y * factor + i) * image->width + x * factor + j];
        out[(gsize) y * w + x] = sum / (factor * factor);
      }
}
