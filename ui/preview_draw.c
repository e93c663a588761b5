/* What a Preview looks like.
 *
 * Everything is drawn from surfaces of the picture's own size by one cairo matrix; scale is pixels
 * of the screen for a pixel of the surface, (pan_x, pan_y) the surface's point in the middle. */
#include "preview_private.h"

#include "pixels.h"

#include "plugin/intl.h"

#include <math.h>

/* ---- Geometry ------------------------------------------------------------ */

int
preview_get_width (Preview *preview)
{
  return cairo_image_surface_get_width (preview->picture);
}

int
preview_get_height (Preview *preview)
{
  return cairo_image_surface_get_height (preview->picture);
}

double
preview_get_fit (Preview *preview)
{
  GtkAllocation allocation;

  gtk_widget_get_allocation (preview->area, &allocation);
  return MIN ((double) allocation.width / preview_get_width (preview),
              (double) allocation.height / preview_get_height (preview));
}

double
preview_get_scale (Preview *preview)
{
  return preview->zoom > 0 ? preview->zoom * preview->real_scale : preview_get_fit (preview);
}

void
preview_get_origin (Preview *preview, double *x, double *y)
{
  GtkAllocation allocation;
  double scale = preview_get_scale (preview);

  gtk_widget_get_allocation (preview->area, &allocation);
  *x = floor (allocation.width / 2.0 - preview->pan_x * scale + 0.5);
  *y = floor (allocation.height / 2.0 - preview->pan_y * scale + 0.5);
}

double
preview_get_split_x (Preview *preview)
{
  double x, y;

  preview_get_origin (preview, &x, &y);
  return x + preview_get_width (preview) * preview_get_scale (preview)
             * gtk_range_get_value (GTK_RANGE (preview->split));
}

/* ---- Drawing ------------------------------------------------------------- */

/* A mask of any size over the whole picture, in the colour that is the cairo's source. */
static void
mask_picture (Preview *preview, cairo_t *cairo, cairo_surface_t *mask)
{
  pixels_draw_mask (cairo, mask, preview_get_width (preview), preview_get_height (preview));
}

static void
draw_surface (Preview *preview, cairo_t *cairo, cairo_surface_t *surface)
{
  cairo_save (cairo);
  cairo_scale (cairo, (double) preview_get_width (preview) / cairo_image_surface_get_width (surface),
               (double) preview_get_height (preview) / cairo_image_surface_get_height (surface));
  cairo_set_source_surface (cairo, surface, 0, 0);
  /* Large pixels stay pixels, small pictures are smoothed. */
  cairo_pattern_set_filter (cairo_get_source (cairo),
                            preview_get_scale (preview) >= 4 ? CAIRO_FILTER_NEAREST : CAIRO_FILTER_BILINEAR);
  cairo_paint (cairo);
  cairo_restore (cairo);
}

static void
draw_after (Preview *preview, cairo_t *cairo)
{
  double x = preview_get_width (preview) * gtk_range_get_value (GTK_RANGE (preview->split));
  double scale = preview_get_scale (preview);

  cairo_save (cairo);
  cairo_rectangle (cairo, x, 0, preview_get_width (preview) - x, preview_get_height (preview));
  cairo_clip (cairo);
  draw_surface (preview, cairo, preview->after);
  cairo_restore (cairo);

  if (x <= 0 || x >= preview_get_width (preview))
    return;
  cairo_move_to (cairo, x, 0);
  cairo_line_to (cairo, x, preview_get_height (preview));
  cairo_set_source_rgba (cairo, 0, 0, 0, 0.6);
  cairo_set_line_width (cairo, 4 / scale);
  cairo_stroke_preserve (cairo);
  cairo_set_source_rgb (cairo, 1, 1, 1);
  cairo_set_line_width (cairo, 2 / scale);
  cairo_stroke (cairo);
}

static void
draw_masks (Preview *preview, cairo_t *cairo)
{
  if (preview->limit)
    {
      cairo_set_source_rgba (cairo, 0, 0, 0, 0.55);
      mask_picture (preview, cairo, preview->limit);
    }
  if (preview->tint)
    {
      cairo_set_source_rgba (cairo, 0.94, 0.54, 0.14, 0.55);
      mask_picture (preview, cairo, preview->tint);
    }
  if (preview->paint.added)
    {
      cairo_set_source_rgba (cairo, 0.20, 0.75, 0.35, 0.5);
      mask_picture (preview, cairo, preview->paint.added);
      cairo_set_source_rgba (cairo, 0.85, 0.20, 0.25, 0.5);
      mask_picture (preview, cairo, preview->paint.removed);
    }
}

static void
draw_mark (cairo_t *cairo, double x, double y, int number)
{
  char text[16];
  cairo_text_extents_t extents;

  g_snprintf (text, sizeof text, "%d", number);
  cairo_new_path (cairo);
  cairo_arc (cairo, x, y, 11, 0, 2 * G_PI);
  cairo_set_source_rgba (cairo, 0.06, 0.24, 0.45, 0.9);
  cairo_fill_preserve (cairo);
  cairo_set_source_rgb (cairo, 1, 1, 1);
  cairo_set_line_width (cairo, 1.5);
  cairo_stroke (cairo);
  cairo_select_font_face (cairo, "sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_BOLD);
  cairo_set_font_size (cairo, 13);
  cairo_text_extents (cairo, text, &extents);
  cairo_move_to (cairo, x - extents.width / 2 - extents.x_bearing,
                 y - extents.height / 2 - extents.y_bearing);
  cairo_show_text (cairo, text);
  cairo_new_path (cairo);
}

static void
draw_brush (Preview *preview, cairo_t *cairo)
{
  if (preview->tool == PREVIEW_PAN || !preview->inside)
    return;
  cairo_arc (cairo, preview->last_x, preview->last_y,
             gtk_range_get_value (GTK_RANGE (preview->size)) / 2, 0, 2 * G_PI);
  cairo_set_line_width (cairo, 3);
  cairo_set_source_rgba (cairo, 0, 0, 0, 0.5);
  cairo_stroke_preserve (cairo);
  cairo_set_line_width (cairo, 1);
  cairo_set_source_rgb (cairo, 1, 1, 1);
  cairo_stroke (cairo);
}

/* A text of the widget's own font; width: where it wraps. */
static PangoLayout *
create_layout (Preview *preview, const char *text, int width)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (preview->area, text);

  pango_layout_set_width (layout, width * PANGO_SCALE);
  pango_layout_set_alignment (layout, PANGO_ALIGN_CENTER);
  pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
  return layout;
}

/* Names what is seen left or right of the dividing line at x, if there is room up to the widget's edge. */
static void
draw_side (Preview *preview, cairo_t *cairo, const char *text, double x, double room, double top, gboolean left)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (preview->area, text);
  const int margin = 6, padding = 4;
  int width, height;

  pango_layout_get_pixel_size (layout, &width, &height);
  width += 2 * padding;
  x += left ? -margin - width : margin;
  if (room >= width + 2 * margin)
    {
      cairo_rectangle (cairo, x, top + margin, width, height + 2 * padding);
      cairo_set_source_rgba (cairo, 0, 0, 0, 0.6);
      cairo_fill (cairo);
      cairo_set_source_rgb (cairo, 1, 1, 1);
      cairo_move_to (cairo, x + padding, top + margin + padding);
      pango_cairo_show_layout (cairo, layout);
    }
  g_object_unref (layout);
}

static void
draw_sides (Preview *preview, cairo_t *cairo, const GtkAllocation *size)
{
  double x, y;

  preview_get_origin (preview, &x, &y);

  double left = MAX (x, 0), top = MAX (y, 0);
  double right = MIN (x + preview_get_width (preview) * preview_get_scale (preview), size->width);
  double split = CLAMP (preview_get_split_x (preview), left, right);

  if (split > left)
    draw_side (preview, cairo, _("Before"), split, split, top, TRUE);
  if (split < right)
    draw_side (preview, cairo, _("After"), split, size->width - split, top, FALSE);
}

static void
draw_progress (Preview *preview, cairo_t *cairo, const GtkAllocation *size)
{
  int width, height, margin = 12;
  PangoLayout *layout = create_layout (preview, preview->progress ? preview->progress : "",
                                       size->width - 4 * margin);

  pango_layout_get_pixel_size (layout, &width, &height);

  double h = height + 22, y = size->height - h - margin, w = size->width - 2 * margin;

  cairo_rectangle (cairo, margin, y, w, h);
  cairo_set_source_rgba (cairo, 0, 0, 0, 0.72);
  cairo_fill (cairo);
  cairo_set_source_rgb (cairo, 1, 1, 1);
  cairo_move_to (cairo, 2 * margin, y + 5);
  pango_cairo_show_layout (cairo, layout);
  cairo_rectangle (cairo, margin + 8, y + h - 12, w - 16, 6);
  cairo_set_source_rgba (cairo, 1, 1, 1, 0.25);
  cairo_fill (cairo);
  cairo_rectangle (cairo, margin + 8, y + h - 12, (w - 16) * CLAMP (preview->fraction, 0, 1), 6);
  cairo_set_source_rgb (cairo, 0.94, 0.54, 0.14);
  cairo_fill (cairo);
  g_object_unref (layout);
}

static void
draw_text (Preview *preview, cairo_t *cairo, const GtkAllocation *size)
{
  int width, height;
  PangoLayout *layout = create_layout (preview, preview->text ? preview->text : "",
                                       MAX (size->width - 40, 80));
  GtkStyle *style = gtk_widget_get_style (preview->area);

  pango_layout_get_pixel_size (layout, &width, &height);
  gdk_cairo_set_source_color (cairo, &style->fg[gtk_widget_get_state (preview->area)]);
  cairo_move_to (cairo, 20, (size->height - height) / 2);
  pango_cairo_show_layout (cairo, layout);
  g_object_unref (layout);
}

static void
draw_picture (Preview *preview, cairo_t *cairo)
{
  double x, y, scale = preview_get_scale (preview);

  preview_get_origin (preview, &x, &y);
  cairo_save (cairo);
  cairo_translate (cairo, x, y);
  cairo_scale (cairo, scale, scale);
  cairo_rectangle (cairo, 0, 0, preview_get_width (preview), preview_get_height (preview));
  cairo_clip (cairo);
  draw_surface (preview, cairo, preview->picture);
  draw_masks (preview, cairo);
  if (preview->after)
    draw_after (preview, cairo);
  cairo_restore (cairo);
  /* They count the persons of the picture itself. */
  for (int i = 0; i < preview->n_marks; i++)
    if (!preview->after || preview->marks[i].x < gtk_range_get_value (GTK_RANGE (preview->split)))
      draw_mark (cairo, x + preview->marks[i].x * preview_get_width (preview) * scale,
                 y + preview->marks[i].y * preview_get_height (preview) * scale, i + 1);
}

gboolean
preview_on_expose (GtkWidget *widget, GdkEventExpose *event, Preview *preview)
{
  GtkAllocation size;
  cairo_t *cairo = gdk_cairo_create (gtk_widget_get_window (widget));

  gtk_widget_get_allocation (widget, &size);
  gdk_cairo_region (cairo, event->region);
  cairo_clip (cairo);
  if (preview->picture)
    {
      draw_picture (preview, cairo);
      if (preview->after)
        draw_sides (preview, cairo, &size);
      draw_brush (preview, cairo);
    }
  else
    draw_text (preview, cairo, &size);
  if (preview->fraction >= 0)
    draw_progress (preview, cairo, &size);
  if (gtk_widget_has_focus (widget))
    gtk_paint_focus (gtk_widget_get_style (widget), gtk_widget_get_window (widget),
                     gtk_widget_get_state (widget), &event->area, widget, NULL, 0, 0, size.width,
                     size.height);
  cairo_destroy (cairo);
  return TRUE;
}
