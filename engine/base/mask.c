/* Growing, shrinking and feathering a mask of one channel. */
#include "base/mask.h"

#include "base/image.h"

#include <math.h>
#include <string.h>

/* Replaces each pixel by its distance along the column to the nearest pixel
 * that is set: counting down from above, then up from below. */
static void
column_distances (float *data, int width, int height)
{
  for (gsize i = 0; i < (gsize) width * height; i++)
    {
      float above = i < (gsize) width ? INFINITY : data[i - width] + 1.0f;
      data[i] = data[i] != 0.0f ? 0.0f : above;
    }
  for (gsize i = (gsize) width * (height - 1); i-- > 0;)
    data[i] = MIN (data[i], data[i + width] + 1.0f);
}

/* A set pixel at distance d up or down covers sqrt (r^2 - d^2) to both sides;
 * changes[] holds where such spans begin and end. */
static void
cover_row (float *row, int width, double radius, int *changes)
{
  memset (changes, 0, (width + 1) * sizeof (int));
  for (int x = 0; x < width; x++)
    if (row[x] <= radius)
      {
        int reach = (int) MIN (sqrt (radius * radius - (double) row[x] * row[x]), width);
        changes[MAX (x - reach, 0)]++;
        changes[MIN (x + reach + 1, width)]--;
      }
  int spans = 0;
  for (int x = 0; x < width; x++)
    {
      spans += changes[x];
      row[x] = spans > 0;
    }
}

void
moa_mask_dilate (MoaImage *mask, double radius)
{
  gboolean shrink = radius < 0;
  double reach = MIN (fabs (radius), (double) mask->width + mask->height);
  gsize n = (gsize) mask->width * mask->height;
  for (gsize i = 0; i < n; i++)
    mask->data[i] = (mask->data[i] > 0.5f) != shrink;

  g_autofree int *changes = g_new (int, mask->width + 1);
  column_distances (mask->data, mask->width, mask->height);
  for (int y = 0; y < mask->height; y++)
    cover_row (mask->data + (gsize) y * mask->width, mask->width, reach, changes);

  for (gsize i = 0; shrink && i < n; i++)
    mask->data[i] = 1.0f - mask->data[i];
}

/* ---- Blur ------------------------------------------------------------ */

#define LANES 32

/* Filters `lanes` neighbouring lines of n pixels, a line's pixels stride apart.
 * padded holds (n + 2 reach) * lanes floats, out n * lanes. */
static void
blur_lines (float *data, int n, gsize stride, int lanes, const float *kernel, int reach,
            float *padded, float *out)
{
  for (int i = -reach; i < n + reach; i++)
    memcpy (padded + (gsize) (i + reach) * lanes, data + CLAMP (i, 0, n - 1) * stride,
            lanes * sizeof (float));
  gsize total = (gsize) n * lanes;
  memset (out, 0, total * sizeof (float));
  for (int k = 0; k <= 2 * reach; k++)
    {
      const float *from = padded + (gsize) k * lanes;
      for (gsize i = 0; i < total; i++)
        out[i] += kernel[k] * from[i];
    }
  for (int i = 0; i < n; i++)
    memcpy (data + i * stride, out + (gsize) i * lanes, lanes * sizeof (float));
}

static float *
gaussian_kernel (double sigma, int reach)
{
  float *kernel = g_new (float, 2 * reach + 1);
  double sum = 0.0;
  for (int k = -reach; k <= reach; k++)
    sum += exp (-0.5 * k * k / (sigma * sigma));
  for (int k = -reach; k <= reach; k++)
    kernel[k + reach] = (float) (exp (-0.5 * k * k / (sigma * sigma)) / sum);
  return kernel;
}

static void
blur_directly (MoaImage *mask, double sigma_x, double sigma_y)
{
  int w = mask->width, h = mask->height;
  int reach_x = (int) ceil (3.0 * sigma_x), reach_y = (int) ceil (3.0 * sigma_y);
  g_autofree float *kernel_x = gaussian_kernel (sigma_x, reach_x);
  g_autofree float *kernel_y = gaussian_kernel (sigma_y, reach_y);
  gsize room = MAX ((gsize) w + 2 * reach_x, ((gsize) h + 2 * reach_y) * LANES);
  g_autofree float *padded = g_new (float, room);
  g_autofree float *out = g_new (float, room);
  for (int y = 0; y < h; y++)
    blur_lines (mask->data + (gsize) y * w, w, 1, 1, kernel_x, reach_x, padded, out);
  for (int x = 0; x < w; x += LANES)
    blur_lines (mask->data + x, h, w, MIN (LANES, w - x), kernel_y, reach_y, padded, out);
}

/* A wide blur leaves no detail, so it may run on a mask shrunk until sigma is
 * 8.  FALSE when memory is short; the mask is then unchanged. */
static gboolean
blur_small (MoaImage *mask, double sigma)
{
  int w = (int) ceil (mask->width * 8.0 / sigma), h = (int) ceil (mask->height * 8.0 / sigma);
  MoaImage *small = moa_image_resize (mask, w, h);
  if (!small)
    return FALSE;
  blur_directly (small, sigma * w / mask->width, sigma * h / mask->height);
  MoaImage *wide = moa_image_resize (small, mask->width, mask->height);
  moa_image_free (small);
  if (!wide)
    return FALSE;
  for (gsize i = 0; i < (gsize) mask->width * mask->height; i++)
    mask->data[i] = CLAMP (wide->data[i], 0.0f, 1.0f);
  moa_image_free (wide);
  return TRUE;
}

void
moa_mask_blur (MoaImage *mask, double sigma)
{
  if (!(sigma > 0.0))
    return;
  /* Wider than the picture is as good as flat, and bounds the kernel. */
  sigma = MIN (sigma, mask->width + (double) mask->height);
  if (sigma <= 16.0 || !blur_small (mask, sigma))
    blur_directly (mask, sigma, sigma);
}
