/* Pictures: memory, crop, and the antialiased bicubic filter that CLIP's image
 * encoder was trained behind.  Pillow's 8-bit form of it is part of the model:
 * weights of 22 fractional bits, one pass by rows and one by columns. */
#include "base/exact.h"
#include "base/image.h"

#include <math.h>
#include <string.h>

MoaImage *
moa_image_new (int width, int height, int channels)
{
  gsize n;
  if (width <= 0 || height <= 0 || channels < 1 || channels > 4
      || !g_size_checked_mul (&n, width, height)
      || !g_size_checked_mul (&n, n, channels))
    return NULL;
  float *data = g_try_new0 (float, n);
  if (!data)
    return NULL;
  MoaImage *image = g_new (MoaImage, 1);
  *image = (MoaImage) { width, height, channels, data };
  return image;
}

MoaImage *
moa_image_copy (const MoaImage *image)
{
  MoaImage *copy = moa_image_new (image->width, image->height, image->channels);
  if (copy)
    memcpy (copy->data, image->data,
            (gsize) image->width * image->height * image->channels * sizeof (float));
  return copy;
}

void
moa_image_free (MoaImage *image)
{
  if (!image)
    return;
  g_free (image->data);
  g_free (image);
}

MoaImage *
moa_image_crop (const MoaImage *in, int x, int y, int width, int height)
{
  MoaImage *out = moa_image_new (width, height, in->channels);
  if (!out)
    return NULL;
  int c = in->channels;
  for (int row = 0; row < height; row++)
    {
      gint64 from_y = CLAMP ((gint64) y + row, 0, in->height - 1);
      const float *from = in->data + (gsize) from_y * in->width * c;
      float *to = out->data + (gsize) row * width * c;
      for (int column = 0; column < width; column++)
        {
          gint64 from_x = CLAMP ((gint64) x + column, 0, in->width - 1);
          memcpy (to + (gsize) column * c, from + from_x * c, c * sizeof (float));
        }
    }
  return out;
}

/* ---- The filter ------------------------------------------------------ */

/* For outputs first .. first + n - 1 of out_side: the inputs from start[i] on
 * that count, count[i] of them, and their weights, taps to a row. */
typedef struct {
  int n, taps;
  int *start, *count;
  double *weight;
} Filter;

static double
bicubic (double x)
{
  const double a = -0.5;
  x = fabs (x);
  if (x < 1.0)
    return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0)
    return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/* The order of operations is Pillow's: the weights agree to the last bit. */
static void
filter_init (Filter *f, int in_side, gint64 out_side, gint64 first, int n)
{
  double scale = (double) in_side / out_side;
  double stretch = MAX (scale, 1.0), support = 2.0 * stretch, shrink = 1.0 / stretch;
  f->n = n;
  f->taps = MIN ((int) ceil (support) * 2 + 1, in_side);
  f->start = g_new (int, n);
  f->count = g_new (int, n);
  f->weight = g_new0 (double, (gsize) n * f->taps);
  for (int i = 0; i < n; i++)
    {
      double center = (first + i + 0.5) * scale, sum = 0.0;
      int from = MAX ((int) (center - support + 0.5), 0);
      int to = MIN ((int) (center + support + 0.5), in_side);
      double *weight = f->weight + (gsize) i * f->taps;
      for (int k = 0; k < to - from; k++)
        {
          weight[k] = bicubic ((k + from - center + 0.5) * shrink);
          sum += weight[k];
        }
      for (int k = 0; k < to - from; k++)
        if (sum != 0.0)
          weight[k] /= sum;
      f->start[i] = from;
      f->count[i] = to - from;
    }
}

static void
filter_clear (Filter *f)
{
  g_free (f->start);
  g_free (f->count);
  g_free (f->weight);
}

/* ---- 8 bits ---------------------------------------------------------- */

#define FRACTION (32 - 8 - 2) /* bits: 8 of the pixel, 2 for sign and overshoot */

/* One axis: side inputs, with a border before and after up to padded; scaled to
 * out_side outputs, of which n from first on are wanted. */
typedef struct {
  int side, before, padded;
  gint64 out_side, first;
  int n;
  guint8 border; /* its grey */
} Axis;

/* A Filter in fixed point over the side inputs alone; what the border adds to
 * output i is the constant base[i]. */
typedef struct {
  int n, taps;
  int *start, *count;
  gint32 *weight, *base;
} FixedFilter;

static void
fixed_init (FixedFilter *fixed, const Axis *axis)
{
  Filter f;
  filter_init (&f, axis->padded, axis->out_side, axis->first, axis->n);
  fixed->n = f.n;
  fixed->taps = f.taps;
  fixed->start = g_new0 (int, f.n);
  fixed->count = g_new0 (int, f.n);
  fixed->weight = g_new (gint32, (gsize) f.n * f.taps);
  fixed->base = g_new (gint32, f.n);
  for (int i = 0; i < f.n; i++)
    {
      gint32 *weight = fixed->weight + (gsize) i * f.taps;
      fixed->base[i] = 1 << (FRACTION - 1); /* one half, to round */
      for (int k = 0; k < f.count[i]; k++)
        {
          double w = f.weight[(gsize) i * f.taps + k] * (1 << FRACTION);
          gint32 rounded = (gint32) (w < 0 ? w - 0.5 : w + 0.5);
          int from = f.start[i] + k - axis->before;
          if (from < 0 || from >= axis->side)
            {
              fixed->base[i] += axis->border * rounded;
              continue;
            }
          if (fixed->count[i] == 0)
            fixed->start[i] = from;
          weight[fixed->count[i]++] = rounded;
        }
    }
  filter_clear (&f);
}

static void
fixed_clear (FixedFilter *fixed)
{
  g_free (fixed->start);
  g_free (fixed->count);
  g_free (fixed->weight);
  g_free (fixed->base);
}

static inline guint8
to_u8 (gint32 sum)
{
  return CLAMP (sum >> FRACTION, 0, 255);
}

/* A picture whose rows are made 8-bit one at a time: get returns row y, which
 * it may put into buffer. */
typedef struct _Rows Rows;
struct _Rows {
  int width, height, channels;
  const guint8 *(*get) (const Rows *rows, int y, guint8 *buffer);
  const void *source;
  int source_channels;
};

static void
filter_rows (const Rows *rows, const FixedFilter *f, guint8 *middle)
{
  int c = rows->channels;
  g_autofree guint8 *buffer = g_malloc ((gsize) rows->width * c);
  for (int y = 0; y < rows->height; y++)
    {
      const guint8 *row = rows->get (rows, y, buffer);
      for (int x = 0; x < f->n; x++)
        {
          const gint32 *weight = f->weight + (gsize) x * f->taps;
          const guint8 *from = row + (gsize) f->start[x] * c;
          gint32 sum[4] = { f->base[x], f->base[x], f->base[x], f->base[x] };
          for (int k = 0; k < f->count[x]; k++)
            for (int i = 0; i < c; i++)
              sum[i] += weight[k] * *from++;
          for (int i = 0; i < c; i++)
            *middle++ = to_u8 (sum[i]);
        }
    }
}

static void
filter_columns (const guint8 *middle, int row_length, const FixedFilter *f, guint8 *out)
{
  g_autofree gint32 *sum = g_new (gint32, row_length);
  for (int y = 0; y < f->n; y++)
    {
      const gint32 *weight = f->weight + (gsize) y * f->taps;
      const guint8 *from = middle + (gsize) f->start[y] * row_length;
      for (int i = 0; i < row_length; i++)
        sum[i] = f->base[y];
      for (int k = 0; k < f->count[y]; k++, from += row_length)
        for (int i = 0; i < row_length; i++)
          sum[i] += weight[k] * from[i];
      for (int i = 0; i < row_length; i++)
        *out++ = to_u8 (sum[i]);
    }
}

static void
resize_rows (const Rows *rows, const Axis *x, const Axis *y, guint8 *out)
{
  FixedFilter horizontal, vertical;
  fixed_init (&horizontal, x);
  fixed_init (&vertical, y);
  int row_length = x->n * rows->channels;
  g_autofree guint8 *middle = g_malloc ((gsize) rows->height * row_length);
  filter_rows (rows, &horizontal, middle);
  filter_columns (middle, row_length, &vertical, out);
  fixed_clear (&horizontal);
  fixed_clear (&vertical);
}

static const guint8 *
plain_row (const Rows *rows, int y, guint8 *buffer)
{
  return (const guint8 *) rows->source + (gsize) y * rows->width * rows->channels;
}

void
moa_resize_u8 (const guint8 *in, int w, int h, int channels, guint8 *out, int out_w, int out_h)
{
  Rows rows = { w, h, channels, plain_row, in };
  resize_rows (&rows, &(Axis) { w, 0, w, out_w, 0, out_w }, &(Axis) { h, 0, h, out_h, 0, out_h },
               out);
}

/* ---- CLIP's view ----------------------------------------------------- */

/* One pixel of 1 to 4 channels as RGB, over white: Pillow's alpha_composite. */
static inline void
rgb_over_white (const guint8 *pixel, int channels, guint8 *rgb)
{
  gboolean grey = channels < 3;
  guint alpha = channels % 2 ? 255 : pixel[channels - 1];
  for (int i = 0; i < 3; i++)
    {
      guint sum = pixel[grey ? 0 : i] * alpha + 255 * (255 - alpha);
      rgb[i] = (2 * sum + 255) / 510;
    }
}

static const guint8 *
rgb_row_of_u8 (const Rows *rows, int y, guint8 *buffer)
{
  int c = rows->source_channels;
  const guint8 *from = (const guint8 *) rows->source + (gsize) y * rows->width * c;
  for (int x = 0; x < rows->width; x++)
    rgb_over_white (from + (gsize) x * c, c, buffer + (gsize) x * 3);
  return buffer;
}

static const guint8 *
rgb_row_of_floats (const Rows *rows, int y, guint8 *buffer)
{
  int c = rows->source_channels;
  const float *from = (const float *) rows->source + (gsize) y * rows->width * c;
  for (int x = 0; x < rows->width; x++, from += c)
    {
      guint8 pixel[4] = { 0 };
      for (int i = 0; i < MIN (c, 4); i++)
        if (from[i] > 0.0f) /* a NaN is black */
          pixel[i] = (guint8) rintf (255.0f * MIN (from[i], 1.0f));
      rgb_over_white (pixel, c, buffer + (gsize) x * 3);
    }
  return buffer;
}

void
moa_clip_crop_u8 (const guint8 *in, int w, int h, int channels, int n, guint8 *out_u8)
{
  Rows rows = { w, h, 3, rgb_row_of_u8, in, channels };
  int side = MIN (w, h);
  gint64 all_w = (gint64) n * w / side, all_h = (gint64) n * h / side;
  resize_rows (&rows, &(Axis) { w, 0, w, all_w, (all_w - n) / 2, n },
               &(Axis) { h, 0, h, all_h, (all_h - n) / 2, n }, out_u8);
}

void
moa_subject_crop_u8 (const MoaImage *photo, int n, guint8 border, guint8 *out_u8)
{
  int w = photo->width, h = photo->height, side = MAX (w, h);
  Rows rows = { w, h, 3, rgb_row_of_floats, photo->data, photo->channels };
  resize_rows (&rows, &(Axis) { w, (side - w) / 2, side, n, 0, n, border },
               &(Axis) { h, (side - h) / 2, side, n, 0, n, border }, out_u8);
}

/* ---- Floats ---------------------------------------------------------- */

static void
filter_rows_float (const MoaImage *in, const Filter *horizontal, float *middle)
{
  int c = in->channels;
  for (int y = 0; y < in->height; y++)
    for (int x = 0; x < horizontal->n; x++)
      {
        const double *weight = horizontal->weight + (gsize) x * horizontal->taps;
        const float *from = in->data + ((gsize) y * in->width + horizontal->start[x]) * c;
        double sum[4] = { 0.0 };
        for (int k = 0; k < horizontal->count[x]; k++)
          for (int i = 0; i < c; i++)
            sum[i] += weight[k] * *from++;
        for (int i = 0; i < c; i++)
          *middle++ = (float) sum[i];
      }
}

static void
filter_columns_float (const float *middle, int row_length, const Filter *vertical, float *out)
{
  g_autofree double *sum = g_new (double, row_length);
  for (int y = 0; y < vertical->n; y++)
    {
      const double *weight = vertical->weight + (gsize) y * vertical->taps;
      const float *from = middle + (gsize) vertical->start[y] * row_length;
      memset (sum, 0, row_length * sizeof (double));
      for (int k = 0; k < vertical->count[y]; k++, from += row_length)
        for (int i = 0; i < row_length; i++)
          sum[i] += weight[k] * from[i];
      for (int i = 0; i < row_length; i++)
        *out++ = (float) sum[i];
    }
}

MoaImage *
moa_image_resize (const MoaImage *in, int width, int height)
{
  if (width == in->width && height == in->height)
    return moa_image_copy (in);
  MoaImage *out = moa_image_new (width, height, in->channels);
  MoaImage *middle = moa_image_new (width, in->height, in->channels);
  if (out && middle)
    {
      Filter horizontal, vertical;
      filter_init (&horizontal, in->width, width, 0, width);
      filter_init (&vertical, in->height, height, 0, height);
      filter_rows_float (in, &horizontal, middle->data);
      filter_columns_float (middle->data, width * in->channels, &vertical, out->data);
      filter_clear (&horizontal);
      filter_clear (&vertical);
    }
  else
    g_clear_pointer (&out, moa_image_free);
  moa_image_free (middle);
  return out;
}
