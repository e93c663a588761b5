/* From a picture in its own size to what the networks take: the square that is
 * trained on with its masks, and photos of single persons with the
 * augmentations of FastComposer, whose chances and ranges these are. */
#include "train/data-private.h"

#include "base/error.h"
#include "base/image.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

static gboolean
no_memory (GError **error)
{
  return moa_fail (error, MOA_ERROR_MEMORY,
                   "no memory for cutting a picture to size; use fewer data threads");
}

/* ---- The picture ----------------------------------------------------- */

/* The square at x, y of `side`, resized to size, as floats from low to 1. */
static gboolean
cut_square (const guint8 *data, int width, int channels, const MoaRect *square, int size,
            gboolean flip, float low, float *out, GError **error)
{
  gsize line = (gsize) square->width * channels, n = (gsize) size * channels;
  g_autofree guint8 *part = g_try_malloc (line * square->height);
  g_autofree guint8 *small = g_try_malloc (n * size);
  if (!part || !small)
    return no_memory (error);
  for (int y = 0; y < square->height; y++)
    memcpy (part + line * y, data + ((gsize) (square->y + y) * width + square->x) * channels, line);
  moa_resize_u8 (part, square->width, square->height, channels, small, size, size);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++)
      for (int c = 0; c < channels; c++)
        out[n * y + (gsize) x * channels + c]
            = low
              + small[n * y + (gsize) (flip ? size - 1 - x : x) * channels + c]
                    * ((1 - low) / 255.0f);
  return TRUE;
}

gboolean
moa_data_cut_picture (const MoaRecord *record, int size, gboolean flip, MoaDataItem *item,
                      GError **error)
{
  int side = MIN (record->width, record->height);
  MoaRect square = { (record->width - side) / 2, 0, side, side };
  if (!cut_square (record->rgb, record->width, 3, &square, size, flip, -1, item->picture, error))
    return FALSE;
  if (item->hint
      && !cut_square (record->hint, record->width, 3, &square, size, flip, 0, item->hint, error))
    return FALSE;
  for (int k = 0; k < item->n_people; k++)
    if (!cut_square (record->mask[k], record->width, 1, &square, size, flip, 0,
                     item->people[k].mask, error))
      return FALSE;
  return TRUE;
}

/* ---- A person's photo ------------------------------------------------ */

/* What a photo's numbers decide */
enum { ALONE, ZOOM, ZOOM_BY, ROTATE, ROTATE_BY, JITTER, BRIGHT, CONTRAST, SATURATION, BLUR, BLUR_BY,
       GRAY, FLIP, N_NUMBERS };

/* Where mask is above the middle; FALSE: nowhere. */
static gboolean
find_box (const guint8 *mask, int width, int height, MoaRect *box)
{
  int x0 = width, x1 = -1, y0 = height, y1 = -1;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (mask[(gsize) y * width + x] > 127)
        {
          x0 = MIN (x0, x);
          x1 = MAX (x1, x);
          y0 = MIN (y0, y);
          y1 = MAX (y1, y);
        }
  *box = (MoaRect) { x0, y0, x1 - x0 + 1, y1 - y0 + 1 };
  return x1 >= 0;
}

/* The box in the middle of a white square of bytes, what is not the person's
 * hidden. */
static void
copy_person (const MoaRecord *record, int k, const MoaRect *box, gboolean alone, MoaOthers others,
             guint64 seed, guint64 stream, guint8 *square, int side)
{
  memset (square, 255, (gsize) 3 * side * side);
  int left = (side - box->width) / 2, top = (side - box->height) / 2;
  for (int y = 0; y < box->height; y++)
    for (int x = 0; x < box->width; x++)
      {
        gsize from = (gsize) (box->y + y) * record->width + box->x + x;
        guint8 *to = square + 3 * ((gsize) (top + y) * side + left + x);
        gboolean own = record->mask[k][from] > 127;
        if (own || (!alone && record->people[from] <= 127))
          memcpy (to, record->rgb + 3 * from, 3);
        else if (others == MOA_OTHERS_GRAY)
          memset (to, 127, 3);
        else
          {
            guint32 words[4];
            moa_philox (seed ^ 0x6e6f697365, stream, from, words);
            memcpy (to, words, 3);
          }
      }
}

/* Around the centre, bilinear; what comes in from outside is white. */
static void
rotate (float *photo, int n, double degrees, float *spare)
{
  double angle = degrees * G_PI / 180, c = cos (angle), s = sin (angle), middle = (n - 1) / 2.0;
  memcpy (spare, photo, sizeof (float) * 3 * n * n);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++)
      {
        double u = middle + c * (x - middle) + s * (y - middle);
        double v = middle - s * (x - middle) + c * (y - middle);
        int x0 = (int) floor (u), y0 = (int) floor (v);
        double fx = u - x0, fy = v - y0, sum[3] = { 0 };
        for (int i = 0; i < 4; i++)
          {
            int px = x0 + (i & 1), py = y0 + (i >> 1);
            double weight = (i & 1 ? fx : 1 - fx) * (i >> 1 ? fy : 1 - fy);
            gboolean inside = px >= 0 && py >= 0 && px < n && py < n;
            for (int ch = 0; ch < 3; ch++)
              sum[ch] += weight * (inside ? spare[3 * (py * n + px) + ch] : 1);
          }
        for (int ch = 0; ch < 3; ch++)
          photo[3 * (y * n + x) + ch] = (float) sum[ch];
      }
}

static float
gray_of (const float *p)
{
  return .299f * p[0] + .587f * p[1] + .114f * p[2];
}

/* Brightness, then contrast around the mean gray, then saturation. */
static void
jitter (float *photo, int n, double bright, double contrast, double saturation)
{
  double mean = 0;
  for (int i = 0; i < n * n; i++)
    {
      for (int c = 0; c < 3; c++)
        photo[3 * i + c] = CLAMP (photo[3 * i + c] * (float) bright, 0, 1);
      mean += gray_of (photo + 3 * i);
    }
  mean /= n * n;
  for (int i = 0; i < n * n; i++)
    {
      float *p = photo + 3 * i;
      for (int c = 0; c < 3; c++)
        p[c] = CLAMP ((float) (mean + contrast * (p[c] - mean)), 0, 1);
      float gray = gray_of (p);
      for (int c = 0; c < 3; c++)
        p[c] = CLAMP (gray + (float) saturation * (p[c] - gray), 0, 1);
    }
}

/* Gaussian of five points, the edge repeated, along one direction. */
static void
blur_lines (float *photo, int n, int line, int step, const float weights[3])
{
  g_autofree float *old = g_new (float, n);
  for (int i = 0; i < n; i++)
    for (int c = 0; c < 3; c++)
      {
        float *p = photo + (gsize) i * line + c;
        for (int j = 0; j < n; j++)
          old[j] = p[(gsize) j * step];
        for (int j = 0; j < n; j++)
          p[(gsize) j * step] = weights[0] * old[j]
                                + weights[1] * (old[MAX (j - 1, 0)] + old[MIN (j + 1, n - 1)])
                                + weights[2] * (old[MAX (j - 2, 0)] + old[MIN (j + 2, n - 1)]);
      }
}

static void
blur (float *photo, int n, double sigma)
{
  double a = exp (-.5 / (sigma * sigma)), b = exp (-2 / (sigma * sigma)), sum = 1 + 2 * a + 2 * b;
  const float weights[3] = { (float) (1 / sum), (float) (a / sum), (float) (b / sum) };
  blur_lines (photo, n, 3 * n, 3, weights);
  blur_lines (photo, n, 3, 3 * n, weights);
}

static void
flip_photo (float *photo, int n)
{
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n / 2; x++)
      for (int c = 0; c < 3; c++)
        {
          float *p = photo + 3 * (y * n + x) + c, *q = photo + 3 * (y * n + n - 1 - x) + c;
          float old = *p;
          *p = *q;
          *q = old;
        }
}

static double
between (float u, double a, double b)
{
  return a + (b - a) * u;
}

static void
augment (float *photo, int n, const float *u, float *spare)
{
  if (u[ROTATE] < .75)
    rotate (photo, n, between (u[ROTATE_BY], -30, 30), spare);
  if (u[JITTER] < .5)
    jitter (photo, n, between (u[BRIGHT], .5, 1.5), between (u[CONTRAST], .5, 1.5),
            between (u[SATURATION], .5, 1.5));
  if (u[BLUR] < .5) /* sigma 0.1 to 2 at CLIP's 224 pixels */
    blur (photo, n, between (u[BLUR_BY], .1, 2) * n / 224);
  if (u[GRAY] < .1)
    for (int i = 0; i < n * n; i++)
      photo[3 * i] = photo[3 * i + 1] = photo[3 * i + 2] = gray_of (photo + 3 * i);
  if (u[FLIP] < .5)
    flip_photo (photo, n);
}

gboolean
moa_data_cut_photo (const MoaRecord *record, int k, const MoaDataOptions *options, guint64 stream,
                    float *photo, GError **error)
{
  float u[N_NUMBERS];
  MoaRect box;
  int n = options->photo_size;
  moa_rng_uniform (options->seed ^ 0x70686f746f, stream, 0, u, N_NUMBERS);
  if (!find_box (record->mask[k], record->width, record->height, &box))
    return moa_fail (error, MOA_ERROR_FILE,
                     "person %d of the caption is nowhere in the picture: the mask is empty",
                     k + 1);
  if (options->augment && u[ZOOM] < .5)
    {
      double zoom = between (u[ZOOM_BY], 1, 2);
      MoaRect whole = box;
      box.width = MAX ((int) (whole.width / zoom), 1);
      box.height = MAX ((int) (whole.height / zoom), 1);
      box.x += (whole.width - box.width) / 2;
    }
  int side = MAX (box.width, box.height);
  g_autofree guint8 *square = g_try_malloc ((gsize) 3 * side * side);
  g_autofree guint8 *small = g_try_malloc ((gsize) 3 * n * n);
  g_autofree float *spare = g_try_new (float, (gsize) 3 * n * n);
  if (!square || !small || !spare)
    return no_memory (error);
  copy_person (record, k, &box, u[ALONE] < options->alone, options->others, options->seed, stream,
               square, side);
  moa_resize_u8 (square, side, side, 3, small, n, n);
  for (gsize i = 0; i < (gsize) 3 * n * n; i++)
    photo[i] = small[i] / 255.0f;
  if (options->augment)
    augment (photo, n, u, spare);
  return TRUE;
}
