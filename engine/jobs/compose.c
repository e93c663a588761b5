/* The composite mask: see compose.h.  A pixel is the person's where the routers'
 * weight reaches the threshold; inside a selection, which says that a person is
 * there and whose limit lowers the weight toward its edge, less will do, and so
 * will it that the pixel has changed: there the old person was, and is no more.
 * The shape is grown, so that it covers soft outlines, then feathered.  Toward the
 * selection's edge the mask falls to 0 inside it, so that a hard selection
 * leaves no seam. */
#include "jobs/compose.h"

#include "base/error.h"
#include "base/mask.h"
#include "jobs/frame.h"

#include <math.h>

/* Share of the threshold that will do inside a selection: on the bundled
 * model's scenes 1 leaves hair and arms of the old person (2 dB of the person),
 * and 0.5 takes in the background of a loose selection (5 dB of it). */
#define SELECTED_SHARE 0.7
/* A change that is more than the autoencoder's error, of which 33 dB is 0.02. */
#define CHANGED 0.1

static gsize
count (const MoaImage *image)
{
  return (gsize) image->width * image->height;
}

/* 1 where the value is at least edge (and above 0); TRUE if there is any. */
static gboolean
binarise (MoaImage *mask, double edge)
{
  gboolean any = FALSE;
  for (gsize i = 0; i < count (mask); i++)
    {
      gboolean in = mask->data[i] >= edge && mask->data[i] > 0;
      mask->data[i] = in;
      any |= in;
    }
  return any;
}

/* Gaussian of which feather is two standard deviations.  Its ends are cut to
 * exactly 0 and 1, below what 8 bits show. */
static void
feather_mask (MoaImage *mask, double feather)
{
  if (feather > 0)
    moa_mask_blur (mask, feather / 2);
  for (gsize i = 0; i < count (mask); i++)
    if (mask->data[i] < 1 / 256.0)
      mask->data[i] = 0;
    else if (mask->data[i] > 255 / 256.0)
      mask->data[i] = 1;
}

void
moa_mask_limit (MoaImage *mask, const MoaImage *other)
{
  for (gsize i = 0; i < count (mask); i++)
    mask->data[i] = MIN (mask->data[i], other->data[i]);
}

/* The selection with its edge softened inward, or as it is where that would leave nothing. */
static MoaImage *
soften_inward (const MoaImage *selection, double feather)
{
  MoaImage *inside = moa_image_copy (selection);
  if (!inside || feather <= 0 || !binarise (inside, 0.5))
    {
      moa_image_free (inside);
      return moa_image_copy (selection);
    }
  moa_mask_dilate (inside, -feather);
  if (!binarise (inside, 0.5))
    {
      moa_image_free (inside);
      return moa_image_copy (selection);
    }
  feather_mask (inside, feather);
  moa_mask_limit (inside, selection);
  return inside;
}

MoaImage *
moa_mask_composite (const MoaImage *weight, const MoaImage *change, const MoaImage *selection,
                    double threshold, double grow, double feather, gboolean *found, GError **error)
{
  MoaImage *mask = moa_image_copy (weight);
  MoaImage *allowed = selection ? soften_inward (selection, feather) : NULL;
  if (!mask || (selection && !allowed))
    {
      moa_image_free (mask);
      moa_image_free (allowed);
      moa_fail (error, MOA_ERROR_MEMORY, "No memory for the mask; close other programs");
      return NULL;
    }
  for (gsize i = 0; selection && i < count (mask); i++)
    if (selection->data[i] <= 0)
      mask->data[i] = 0;
  *found = binarise (mask, selection ? SELECTED_SHARE * threshold : threshold);
  for (gsize i = 0; selection && i < count (mask); i++)
    if (selection->data[i] > 0 && (!*found || (change && change->data[i] >= CHANGED)))
      mask->data[i] = 1;
  if (grow > 0)
    moa_mask_dilate (mask, grow);
  feather_mask (mask, feather);
  if (allowed)
    moa_mask_limit (mask, allowed);
  moa_image_free (allowed);
  return mask;
}

/* Mean and standard deviation of channel c where ring is set. */
static void
spread (const MoaImage *image, const MoaImage *ring, int c, double *mean, double *deviation)
{
  double n = 0, sum = 0, squares = 0;
  for (gsize i = 0; i < count (ring); i++)
    if (ring->data[i] > 0)
      {
        double v = CLAMP (image->data[image->channels * i + c], 0, 1);
        n++;
        sum += v;
        squares += v * v;
      }
  *mean = sum / n;
  *deviation = sqrt (MAX (0, squares / n - *mean * *mean));
}

gboolean
moa_match_colors (MoaImage *result, const MoaImage *source, const MoaImage *mask, double width,
                  GError **error)
{
  enum { ENOUGH = 64 }; /* pixels in the ring; fewer say nothing */
  MoaImage *ring = moa_image_copy (mask);
  if (!ring)
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory for the mask; close other programs");
  binarise (ring, 0);
  moa_mask_dilate (ring, width);
  gsize n = 0;
  for (gsize i = 0; i < count (ring); i++)
    {
      ring->data[i] = ring->data[i] > 0 && mask->data[i] <= 0;
      n += ring->data[i] > 0;
    }
  for (int c = 0; n >= ENOUGH && c < 3; c++)
    {
      double from_mean, from_deviation, to_mean, to_deviation;
      spread (result, ring, c, &from_mean, &from_deviation);
      spread (source, ring, c, &to_mean, &to_deviation);
      /* A blurred result would ask for too much contrast. */
      double scale = from_deviation > 0 ? CLAMP (to_deviation / from_deviation, 0.8, 1.25) : 1;
      for (gsize i = 0; i < count (ring); i++)
        {
          float *v = &result->data[3 * i + c];
          *v = CLAMP ((*v - from_mean) * scale + to_mean, 0, 1);
        }
    }
  moa_image_free (ring);
  return TRUE;
}

MoaImage *
moa_image_compose (const MoaImage *source, const MoaImage *result, const MoaImage *mask,
                   GError **error)
{
  MoaImage *out = moa_image_try (source->width, source->height, 3, error);
  for (gsize i = 0; out && i < count (mask); i++)
    for (int c = 0; c < 3; c++)
      {
        float m = mask->data[i], old = source->data[source->channels * i + c];
        float new = result->data[3 * i + c];
        out->data[3 * i + c] = m <= 0 ? old : m >= 1 ? new : old + (new - old) * m;
      }
  return out;
}
