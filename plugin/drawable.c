/* Pixels between GIMP's drawables and the engine's pictures.
 *
 * GEGL converts from and to the drawable's own precision and model, GIMP's colour transforms from
 * and to the image's profile: the engine only sees sRGB encoded floats.  Colours are read and
 * written in bands, so that a picture is held once. */
#include "drawable.h"

#include "intl.h"

#include <gegl.h>
#include <string.h>

#define BAND 64

gint32
drawable_get_layer (gint32 drawable, gint32 image, gboolean groups, GError **error)
{
  gint32 layer = drawable;

  if (!gimp_item_is_valid (drawable))
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, "there is no layer with the id %d",
                   drawable);
      return -1;
    }
  if (gimp_item_is_layer_mask (drawable))
    layer = gimp_layer_from_mask (drawable);

  g_autofree char *name = gimp_item_get_name (layer);
  if (!gimp_item_is_layer (layer))
    g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                 _("\"%s\" is not a layer: choose a layer in the Layers dialog"), name);
  else if (image >= 0 && gimp_item_get_image (layer) != image)
    g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                 "the layer \"%s\" belongs to another image than the one given", name);
  else if (!groups && gimp_item_is_group (layer))
    g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                 _("\"%s\" is a layer group: choose a layer in it, or make one of it with "
                 "Layer > New from Visible"), name);
  else
    return layer;
  return -1;
}

static MoaImage *
image_new (int width, int height, int channels, GError **error)
{
  MoaImage *picture = moa_image_new (width, height, channels);

  if (!picture)
    g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY,
                 _("there is no memory for a picture of %d x %d: select a smaller part, or close "
                 "other images"), width, height);
  return picture;
}

/* Float images may hold any value, NaN among them. */
static float
clamp (float value)
{
  return value >= 0 ? MIN (value, 1) : 0;
}

static gboolean
is_linear (gint32 image)
{
  switch (gimp_image_get_precision (image))
    {
    case GIMP_PRECISION_U8_LINEAR:
    case GIMP_PRECISION_U16_LINEAR:
    case GIMP_PRECISION_U32_LINEAR:
    case GIMP_PRECISION_HALF_LINEAR:
    case GIMP_PRECISION_FLOAT_LINEAR:
    case GIMP_PRECISION_DOUBLE_LINEAR:
      return TRUE;
    default:
      return FALSE;
    }
}

/* From the image's colours, encoded, to sRGB, or back; NULL where they are the same. */
static GimpColorTransform *
get_transform (gint32 drawable, gboolean to_srgb)
{
  gint32 image = gimp_item_get_image (drawable);
  const Babl *format = babl_format ("R'G'B'A float");
  GimpColorProfile *profile = gimp_image_base_type (image) != GIMP_GRAY
                              ? gimp_image_get_color_profile (image) : NULL;
  GimpColorTransform *transform = NULL;

  if (!profile)
    return NULL;

  GimpColorProfile *srgb = gimp_color_profile_new_rgb_srgb ();

  /* A linear image is encoded with sRGB's curve when it is read, whatever its profile's curve. */
  if (is_linear (image))
    {
      GimpColorProfile *encoded = gimp_color_profile_new_srgb_trc_from_color_profile (profile);

      g_object_unref (profile);
      profile = encoded;
    }
  if (profile && !gimp_color_profile_is_equal (profile, srgb))
    transform = gimp_color_transform_new (to_srgb ? profile : srgb, format,
                                          to_srgb ? srgb : profile, format,
                                          GIMP_COLOR_RENDERING_INTENT_RELATIVE_COLORIMETRIC, 0);
  g_clear_object (&profile);
  g_object_unref (srgb);
  return transform;
}

/* n pixels of RGBA, in place. */
static void
convert (GimpColorTransform *transform, float *rgba, gsize n)
{
  const Babl *format = babl_format ("R'G'B'A float");

  if (transform)
    gimp_color_transform_process_pixels (transform, format, rgba, format, rgba, n);
}

/* The mask that hides parts of the layer, or -1. */
static gint32
get_applied_mask (gint32 layer)
{
  return gimp_layer_get_apply_mask (layer) ? gimp_layer_get_mask (layer) : -1;
}

static MoaImage *
read_values (gint32 drawable, const MoaRect *area, GError **error)
{
  MoaImage *values = image_new (area->width, area->height, 1, error);

  if (values)
    {
      GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);

      gegl_buffer_get (buffer, GEGL_RECTANGLE (area->x, area->y, area->width, area->height), 1.0,
                       babl_format ("Y float"), values->data, GEGL_AUTO_ROWSTRIDE,
                       GEGL_ABYSS_NONE);
      g_object_unref (buffer);
      for (gsize i = 0; i < (gsize) area->width * area->height; i++)
        values->data[i] = clamp (values->data[i]);
    }
  return values;
}

MoaImage *
drawable_read_mask (gint32 channel, int x, int y, int width, int height, GError **error)
{
  MoaRect area = { x, y, width, height };

  return read_values (channel, &area, error);
}

/* n pixels of RGBA into RGB on white, and alpha into values, which holds the layer mask. */
static void
split_alpha (const float *rgba, gsize n, float *rgb, float *values)
{
  for (gsize i = 0; i < n; i++, rgba += 4)
    {
      float alpha = clamp (rgba[3]);

      for (int c = 0; c < 3; c++)
        *rgb++ = alpha < 1 ? 1 + alpha * (clamp (rgba[c]) - 1) : clamp (rgba[c]);
      values[i] *= alpha;
    }
}

static gboolean
is_opaque (const MoaImage *alpha)
{
  for (gsize i = 0; i < (gsize) alpha->width * alpha->height; i++)
    if (alpha->data[i] < 1)
      return FALSE;
  return TRUE;
}

gint32
drawable_load (const char *path, GError **error)
{
  gint32 image = gimp_file_load (GIMP_RUN_NONINTERACTIVE, path, path), layer;

  if (image < 0)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, _("\"%s\" cannot be opened as a picture: %s"), path,
                   gimp_get_pdb_error ());
      return -1;
    }
  if (gimp_image_base_type (image) == GIMP_INDEXED)
    gimp_image_convert_rgb (image);
  layer = gimp_image_merge_visible_layers (image, GIMP_CLIP_TO_IMAGE);
  if (layer < 0)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT, _("\"%s\" shows nothing: all its layers are hidden"),
                   path);
      gimp_image_delete (image);
    }
  return layer;
}

/* The layer mask's values, or 1 everywhere. */
static MoaImage *
read_visibility (gint32 layer, const MoaRect *area, GError **error)
{
  gint32 mask = get_applied_mask (layer);

  if (mask >= 0)
    return read_values (mask, area, error);

  MoaImage *ones = image_new (area->width, area->height, 1, error);

  for (gsize i = 0; ones && i < (gsize) area->width * area->height; i++)
    ones->data[i] = 1;
  return ones;
}

/* The area of a layer's gray, as the eye sees it, times its alpha and its mask. */
static MoaImage *
read_white (gint32 layer, const MoaRect *area, GError **error)
{
  gsize n = (gsize) area->width * area->height;
  MoaImage *values = read_visibility (layer, area, error);
  g_autofree float *pixels = values ? g_try_new (float, n * 2) : NULL;

  if (!pixels)
    {
      if (error && !*error)
        g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, _("there is no memory to read the layer"));
      moa_image_free (values);
      return NULL;
    }

  GeglBuffer *buffer = gimp_drawable_get_buffer (layer);

  gegl_buffer_get (buffer, GEGL_RECTANGLE (area->x, area->y, area->width, area->height), 1.0,
                   babl_format ("Y'A float"), pixels, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  g_object_unref (buffer);
  for (gsize i = 0; i < n; i++)
    values->data[i] *= clamp (pixels[2 * i]) * clamp (pixels[2 * i + 1]);
  return values;
}

MoaImage *
drawable_read_place (gint32 place, gint32 layer, const MoaRect *area, GError **error)
{
  MoaRect there = { 0, 0, gimp_drawable_width (place), gimp_drawable_height (place) };
  int x, y, place_x, place_y;

  if (layer >= 0)
    {
      gimp_drawable_offsets (layer, &x, &y);
      gimp_drawable_offsets (place, &place_x, &place_y);
      there = (MoaRect) { area->x + x - place_x, area->y + y - place_y, area->width, area->height };
    }
  return gimp_item_is_layer (place) ? read_white (place, &there, error)
                                    : read_values (place, &there, error);
}

/* Rows of the layer as sRGB with alpha. */
static void
read_band (GeglBuffer *buffer, GimpColorTransform *transform, int x, int y, int width, int rows,
           float *rgba)
{
  gegl_buffer_get (buffer, GEGL_RECTANGLE (x, y, width, rows), 1.0, babl_format ("R'G'B'A float"),
                   rgba, GEGL_AUTO_ROWSTRIDE, GEGL_ABYSS_NONE);
  convert (transform, rgba, (gsize) rows * width);
}

MoaImage *
drawable_read_rgb (gint32 layer, const MoaRect *area, MoaImage **alpha, GError **error)
{
  MoaImage *rgb = image_new (area->width, area->height, 3, error);
  MoaImage *values = rgb ? read_visibility (layer, area, error) : NULL;
  g_autofree float *band = g_try_new (float, (gsize) area->width * BAND * 4);

  if (!values || !band)
    {
      g_clear_pointer (&values, moa_image_free);
      g_clear_pointer (&rgb, moa_image_free);
      if (error && !*error)
        g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, _("there is no memory to read the layer"));
      return NULL;
    }

  GeglBuffer *buffer = gimp_drawable_get_buffer (layer);
  GimpColorTransform *transform = get_transform (layer, TRUE);

  for (int y = 0; y < area->height; y += BAND)
    {
      int rows = MIN (BAND, area->height - y);
      gsize first = (gsize) y * area->width;

      read_band (buffer, transform, area->x, area->y + y, area->width, rows, band);
      split_alpha (band, (gsize) rows * area->width, rgb->data + first * 3, values->data + first);
    }
  g_object_unref (buffer);
  g_clear_object (&transform);

  if (!alpha || is_opaque (values))
    g_clear_pointer (&values, moa_image_free);
  if (alpha)
    *alpha = values;
  return rgb;
}

MoaImage *
drawable_read_rgba (gint32 layer, GError **error)
{
  MoaRect area = { 0, 0, gimp_drawable_width (layer), gimp_drawable_height (layer) };
  MoaImage *rgba = image_new (area.width, area.height, 4, error);
  MoaImage *values = rgba ? read_visibility (layer, &area, error) : NULL;

  if (!values)
    {
      moa_image_free (rgba);
      return NULL;
    }

  GeglBuffer *buffer = gimp_drawable_get_buffer (layer);
  GimpColorTransform *transform = get_transform (layer, TRUE);

  for (int y = 0; y < area.height; y += BAND)
    read_band (buffer, transform, 0, y, area.width, MIN (BAND, area.height - y),
               rgba->data + (gsize) y * area.width * 4);
  g_object_unref (buffer);
  g_clear_object (&transform);
  for (gsize i = 0; i < (gsize) area.width * area.height * 4; i++)
    rgba->data[i] = clamp (rgba->data[i]);
  for (gsize i = 0; i < (gsize) area.width * area.height; i++)
    rgba->data[4 * i + 3] *= values->data[i];
  moa_image_free (values);
  return rgba;
}

static void
write_buffer (gint32 drawable, int width, int height, const char *format, const float *data)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (drawable);

  gegl_buffer_set (buffer, GEGL_RECTANGLE (0, 0, width, height), 0, babl_format (format), data,
                   GEGL_AUTO_ROWSTRIDE);
  gegl_buffer_flush (buffer);
  g_object_unref (buffer);
  gimp_drawable_update (drawable, 0, 0, width, height);
}

/* By bands, so that colours and alpha need not be held together for the whole picture. */
static void
write_colours (gint32 layer, const MoaImage *rgb, const MoaImage *alpha)
{
  GeglBuffer *buffer = gimp_drawable_get_buffer (layer);
  GimpColorTransform *transform = get_transform (layer, FALSE);
  g_autofree float *band = g_new (float, (gsize) rgb->width * BAND * 4);

  for (int y = 0; y < rgb->height; y += BAND)
    {
      int rows = MIN (BAND, rgb->height - y);
      gsize first = (gsize) y * rgb->width;

      for (gsize i = 0; i < (gsize) rows * rgb->width; i++)
        {
          memcpy (band + 4 * i, rgb->data + 3 * (first + i), 3 * sizeof (float));
          band[4 * i + 3] = alpha ? alpha->data[first + i] : 1;
        }
      convert (transform, band, (gsize) rows * rgb->width);
      gegl_buffer_set (buffer, GEGL_RECTANGLE (0, y, rgb->width, rows), 0,
                       babl_format ("R'G'B'A float"), band, GEGL_AUTO_ROWSTRIDE);
    }
  gegl_buffer_flush (buffer);
  g_object_unref (buffer);
  g_clear_object (&transform);
  gimp_drawable_update (layer, 0, 0, rgb->width, rgb->height);
}

void
drawable_write (gint32 layer, const MoaImage *picture, const MoaImage *alpha)
{
  if (picture->channels == 1)
    write_buffer (layer, picture->width, picture->height, "Y' float", picture->data);
  else
    write_colours (layer, picture, alpha);
}

void
drawable_write_mask (gint32 mask, const MoaImage *values)
{
  write_buffer (mask, values->width, values->height, "Y float", values->data);
}

MoaImage *
drawable_scale_map (const MoaImage *map, int width, int height)
{
  return drawable_scale_part (map, 1, 1, width, height);
}

MoaImage *
drawable_scale_part (const MoaImage *map, double width_share, double height_share, int width,
                     int height)
{
  MoaImage *scaled = moa_image_new (width, height, 1);

  for (int y = 0; scaled && y < height; y++)
    {
      double v = CLAMP ((y + 0.5) * height_share * map->height / height - 0.5, 0, map->height - 1);
      int top = v, bottom = MIN (top + 1, map->height - 1);
      const float *upper = map->data + (gsize) top * map->width;
      const float *lower = map->data + (gsize) bottom * map->width;

      for (int x = 0; x < width; x++)
        {
          double u = CLAMP ((x + 0.5) * width_share * map->width / width - 0.5, 0, map->width - 1);
          int left = u, right = MIN (left + 1, map->width - 1);
          double above = upper[left] + (u - left) * (upper[right] - upper[left]);
          double below = lower[left] + (u - left) * (lower[right] - lower[left]);

          scaled->data[(gsize) y * width + x] = above + (v - top) * (below - above);
        }
    }
  return scaled;
}
