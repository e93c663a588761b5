/* Strokes of a brush that add to a mask and remove from it.
 *
 * Two layers of alpha, so that the strokes stay apart from the mask which they change: the mask
 * may be found anew and the strokes still hold. */
#include "paint.h"

void
paint_reset (Paint *paint, int width, int height)
{
  g_clear_pointer (&paint->added, cairo_surface_destroy);
  g_clear_pointer (&paint->removed, cairo_surface_destroy);
  paint->width = width;
  paint->height = height;
}

gboolean
paint_is_empty (const Paint *paint)
{
  return !paint->added;
}

static void
draw_line (cairo_surface_t *surface, cairo_operator_t operator, double x0, double y0, double x1,
           double y1, double diameter)
{
  cairo_t *cairo = cairo_create (surface);

  cairo_set_operator (cairo, operator);
  cairo_set_line_cap (cairo, CAIRO_LINE_CAP_ROUND);
  cairo_set_line_width (cairo, diameter);
  cairo_move_to (cairo, x0, y0);
  cairo_line_to (cairo, x1, y1);
  cairo_stroke (cairo);
  cairo_destroy (cairo);
}

void
paint_stroke (Paint *paint, gboolean add, double x0, double y0, double x1, double y1,
              double diameter)
{
  if (paint->width < 1 || paint->height < 1)
    return;
  if (!paint->added)
    {
      paint->added = cairo_image_surface_create (CAIRO_FORMAT_A8, paint->width, paint->height);
      paint->removed = cairo_image_surface_create (CAIRO_FORMAT_A8, paint->width, paint->height);
    }
  draw_line (add ? paint->added : paint->removed, CAIRO_OPERATOR_OVER, x0, y0, x1, y1, diameter);
  draw_line (add ? paint->removed : paint->added, CAIRO_OPERATOR_DEST_OUT, x0, y0, x1, y1,
             diameter);
}

static float
get_value (cairo_surface_t *surface, int x, int y)
{
  return cairo_image_surface_get_data (surface)[(gsize) y * cairo_image_surface_get_stride (surface)
                                                + x] / 255.0f;
}

MoaImage *
paint_get_image (const Paint *paint)
{
  MoaImage *image = paint->added ? moa_image_new (paint->width, paint->height, 1) : NULL;

  if (!image)
    return NULL;
  cairo_surface_flush (paint->added);
  cairo_surface_flush (paint->removed);
  for (int y = 0; y < paint->height; y++)
    for (int x = 0; x < paint->width; x++)
      image->data[(gsize) y * paint->width + x] = get_value (paint->added, x, y)
                                                  - get_value (paint->removed, x, y);
  return image;
}

MoaImage *
paint_apply (const Paint *paint, const MoaImage *mask, float base)
{
  MoaImage *image = moa_image_new (paint->width, paint->height, 1);

  if (!image)
    return NULL;
  for (int y = 0; y < paint->height; y++)
    for (int x = 0; x < paint->width; x++)
      {
        gsize i = (gsize) y * paint->width + x;
        float value = mask ? mask->data[i] : base;

        if (paint->added)
          {
            value = MAX (value, get_value (paint->added, x, y));
            value = MIN (value, 1 - get_value (paint->removed, x, y));
          }
        image->data[i] = value;
      }
  return image;
}
