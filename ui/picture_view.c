/* A preview of a layer with the work area and the selection on it.
 *
 * What cannot change is darkened: all outside the work area, and less so all in it that is not
 * selected.  The work area has a frame. */
#include "picture_view.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <math.h>

struct _PictureView
{
  GtkWidget *area;
  int side;
  GdkPixbuf *picture;
  cairo_surface_t *selected; /* A8, the picture's size; NULL: everything is */
  MoaRect work;
  int layer_width, layer_height;
};

static void
forget (PictureView *view)
{
  g_clear_object (&view->picture);
  g_clear_pointer (&view->selected, cairo_surface_destroy);
}

/* The selection where it covers the layer, at the size of the preview. */
static cairo_surface_t *
read_selection (PictureView *view, gint32 layer)
{
  gint32 image = gimp_item_get_image (layer);
  int width = gdk_pixbuf_get_width (view->picture);
  int height = gdk_pixbuf_get_height (view->picture);
  double scale = (double) width / view->layer_width;
  int x, y;

  if (gimp_selection_is_empty (image))
    return NULL;

  cairo_surface_t *selected = cairo_image_surface_create (CAIRO_FORMAT_A8, width, height);
  gimp_drawable_offsets (layer, &x, &y);

  /* The part of the canvas that the layer covers, since the selection ends with the canvas. */
  int left = MAX (x, 0), right = MIN (x + view->layer_width, gimp_image_width (image));
  int top = MAX (y, 0), bottom = MIN (y + view->layer_height, gimp_image_height (image));
  if (left >= right || top >= bottom)
    return selected;

  int to_x = (left - x) * scale, to_y = (top - y) * scale;
  int to_width = MAX ((right - left) * scale, 1), to_height = MAX ((bottom - top) * scale, 1);
  GdkPixbuf *part = gimp_drawable_get_sub_thumbnail (gimp_image_get_selection (image), left, top,
                                                     right - left, bottom - top, to_width,
                                                     to_height, GIMP_PIXBUF_KEEP_ALPHA);
  if (!part)
    return selected;

  guint8 *values = cairo_image_surface_get_data (selected);
  int stride = cairo_image_surface_get_stride (selected);
  int channels = gdk_pixbuf_get_n_channels (part);

  for (int v = 0; v < MIN (gdk_pixbuf_get_height (part), height - to_y); v++)
    for (int u = 0; u < MIN (gdk_pixbuf_get_width (part), width - to_x); u++)
      values[(v + to_y) * stride + u + to_x]
        = gdk_pixbuf_read_pixels (part)[v * gdk_pixbuf_get_rowstride (part) + u * channels];
  cairo_surface_mark_dirty (selected);
  g_object_unref (part);
  return selected;
}

void
picture_view_set (PictureView *view, gint32 layer, const MoaRect *area)
{
  forget (view);
  if (layer >= 0)
    {
      view->work = *area;
      view->layer_width = gimp_drawable_width (layer);
      view->layer_height = gimp_drawable_height (layer);

      /* Small layers are drawn larger than they are, whole pixels at a time. */
      int fit = MIN (view->side, MAX (view->layer_width, view->layer_height));
      view->picture = gimp_drawable_get_thumbnail (layer, fit, fit, GIMP_PIXBUF_LARGE_CHECKS);
      if (view->picture)
        view->selected = read_selection (view, layer);
    }
  gtk_widget_queue_draw (view->area);
}

/* Darkens all but the selection, or nothing if all is selected. */
static void
darken_unselected (PictureView *view, cairo_t *cairo)
{
  if (!view->selected)
    return;
  cairo_push_group (cairo);
  cairo_set_source_rgba (cairo, 0, 0, 0, 0.4);
  cairo_paint (cairo);
  cairo_set_operator (cairo, CAIRO_OPERATOR_DEST_OUT);
  cairo_set_source_surface (cairo, view->selected, 0, 0);
  cairo_paint (cairo);
  cairo_pop_group_to_source (cairo);
  cairo_paint (cairo);
}

static void
draw_work_area (PictureView *view, cairo_t *cairo, double scale, double line)
{
  int width = gdk_pixbuf_get_width (view->picture);
  int height = gdk_pixbuf_get_height (view->picture);
  double x = view->work.x * scale, y = view->work.y * scale;
  double w = view->work.width * scale, h = view->work.height * scale;

  cairo_rectangle (cairo, 0, 0, width, height);
  cairo_rectangle (cairo, x, y, w, h);
  cairo_set_fill_rule (cairo, CAIRO_FILL_RULE_EVEN_ODD);
  cairo_set_source_rgba (cairo, 0, 0, 0, 0.6);
  cairo_fill (cairo);

  cairo_set_line_width (cairo, line);
  cairo_set_source_rgb (cairo, 0.94, 0.54, 0.14);
  cairo_rectangle (cairo, x + line / 2, y + line / 2, w - line, h - line);
  cairo_stroke (cairo);
}

static gboolean
on_expose (GtkWidget *widget, GdkEventExpose *event, PictureView *view)
{
  GtkAllocation allocation;

  if (!view->picture)
    return FALSE;
  gtk_widget_get_allocation (widget, &allocation);

  int width = gdk_pixbuf_get_width (view->picture);
  int height = gdk_pixbuf_get_height (view->picture);
  double zoom = MIN ((double) allocation.width / width, (double) allocation.height / height);
  cairo_t *cairo = gdk_cairo_create (gtk_widget_get_window (widget));

  cairo_translate (cairo, floor ((allocation.width - width * zoom) / 2),
                   floor ((allocation.height - height * zoom) / 2));
  cairo_scale (cairo, zoom, zoom);
  cairo_rectangle (cairo, 0, 0, width, height);
  cairo_clip (cairo);
  gdk_cairo_set_source_pixbuf (cairo, view->picture, 0, 0);
  cairo_paint (cairo);
  darken_unselected (view, cairo);
  draw_work_area (view, cairo, (double) width / view->layer_width, 2 / zoom);
  cairo_destroy (cairo);
  return TRUE;
}

PictureView *
picture_view_new (int side)
{
  PictureView *view = g_new0 (PictureView, 1);

  view->side = side;
  view->area = gtk_drawing_area_new ();
  gtk_widget_set_size_request (view->area, side, side);
  g_signal_connect (view->area, "expose-event", G_CALLBACK (on_expose), view);
  return view;
}

void
picture_view_free (PictureView *view)
{
  forget (view);
  g_free (view);
}

GtkWidget *
picture_view_get_widget (PictureView *view)
{
  return view->area;
}
