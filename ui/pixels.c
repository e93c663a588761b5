/* The engine's floats as pictures that GTK draws.
 *
 * Cairo's surfaces are 32 bits a pixel, or 8 bits of alpha; floats are rounded to the nearest. */
#include "pixels.h"

static inline guint8
to_byte (float value)
{
  return value >= 1 ? 255 : value > 0 ? (guint8) (value * 255 + 0.5f) : 0;
}

static guint32
to_pixel (const float *value, int channels)
{
  float rgb[3];

  for (int c = 0; c < 3; c++)
    {
      rgb[c] = value[channels < 3 ? 0 : c];
      if (channels == 4)
        rgb[c] = 1 + value[3] * (rgb[c] - 1);
    }
  return (guint32) to_byte (rgb[0]) << 16 | (guint32) to_byte (rgb[1]) << 8 | to_byte (rgb[2]);
}

cairo_surface_t *
pixels_from_image (const MoaImage *picture)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, picture->width,
                                                         picture->height);
  guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);
  const float *value = picture->data;

  for (int y = 0; data && y < picture->height; y++)
    {
      guint32 *row = (guint32 *) (data + (gsize) y * stride);

      for (int x = 0; x < picture->width; x++, value += picture->channels)
        row[x] = to_pixel (value, picture->channels);
    }
  cairo_surface_mark_dirty (surface);
  return surface;
}

cairo_surface_t *
pixels_from_mask (const MoaImage *mask, gboolean invert)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_A8, mask->width, mask->height);
  guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);
  const float *value = mask->data;

  for (int y = 0; data && y < mask->height; y++)
    for (int x = 0; x < mask->width; x++, value += mask->channels)
      data[(gsize) y * stride + x] = to_byte (invert ? 1 - *value : *value);
  cairo_surface_mark_dirty (surface);
  return surface;
}

void
pixels_draw_mask (cairo_t *cairo, cairo_surface_t *mask, double width, double height)
{
  cairo_pattern_t *pattern = cairo_pattern_create_for_surface (mask);

  cairo_save (cairo);
  cairo_rectangle (cairo, 0, 0, width, height);
  cairo_clip (cairo);
  cairo_scale (cairo, width / cairo_image_surface_get_width (mask),
               height / cairo_image_surface_get_height (mask));
  /* A coarse mask must not fade at the picture's edges. */
  cairo_pattern_set_extend (pattern, CAIRO_EXTEND_PAD);
  cairo_mask (cairo, pattern);
  cairo_restore (cairo);
  cairo_pattern_destroy (pattern);
}

GdkPixbuf *
pixels_to_pixbuf (const MoaImage *picture)
{
  GdkPixbuf *whole = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, picture->width, picture->height);
  const float *value = picture->data;

  for (int y = 0; whole && y < picture->height; y++)
    {
      guint8 *row = gdk_pixbuf_get_pixels (whole) + (gsize) y * gdk_pixbuf_get_rowstride (whole);

      for (int x = 0; x < picture->width; x++, value += picture->channels)
        {
          guint32 pixel = to_pixel (value, picture->channels);

          row[3 * x] = pixel >> 16;
          row[3 * x + 1] = pixel >> 8;
          row[3 * x + 2] = pixel;
        }
    }
  return whole;
}

GdkPixbuf *
pixels_to_thumbnail (const MoaImage *picture, int side)
{
  double scale = MIN (1.0, (double) side / MAX (picture->width, picture->height));
  int width = MAX (picture->width * scale + 0.5, 1), height = MAX (picture->height * scale + 0.5, 1);
  GdkPixbuf *whole = pixels_to_pixbuf (picture);
  GdkPixbuf *thumbnail = gdk_pixbuf_scale_simple (whole, width, height, GDK_INTERP_BILINEAR);

  g_object_unref (whole);
  return thumbnail;
}

MoaImage *
pixels_from_pixbuf (GdkPixbuf *pixbuf)
{
  int width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  int channels = gdk_pixbuf_get_n_channels (pixbuf);
  MoaImage *picture = moa_image_new (width, height, channels);

  for (int y = 0; picture && y < height; y++)
    {
      const guint8 *row = gdk_pixbuf_read_pixels (pixbuf) + (gsize) y * gdk_pixbuf_get_rowstride (pixbuf);
      float *value = picture->data + (gsize) y * width * channels;

      for (int x = 0; x < width * channels; x++)
        value[x] = row[x] / 255.0f;
    }
  return picture;
}
