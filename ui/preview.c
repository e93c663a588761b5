/* A picture that can be zoomed, compared with another, marked and painted on: what happens. */
#include "preview_private.h"

#include "pixels.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <gdk/gdkkeysyms.h>
#include <math.h>

#define HANDLE 8       /* how near the dividing line can be caught, in pixels of the screen */
#define MAX_ZOOM 32.0
#define STEP 1.25

/* ---- Zoom ---------------------------------------------------------------- */

static void
to_surface (Preview *preview, double x, double y, double *u, double *v)
{
  double left, top, scale = preview_get_scale (preview);

  preview_get_origin (preview, &left, &top);
  *u = (x - left) / scale;
  *v = (y - top) / scale;
}

/* Keeps the picture in the window: centred where it is smaller, without a gap where larger. */
static void
clamp_pan (Preview *preview)
{
  GtkAllocation allocation;
  double scale = preview_get_scale (preview);

  gtk_widget_get_allocation (preview->area, &allocation);

  double half_x = MIN (allocation.width / scale, preview_get_width (preview)) / 2;
  double half_y = MIN (allocation.height / scale, preview_get_height (preview)) / 2;

  preview->pan_x = CLAMP (preview->pan_x, half_x, preview_get_width (preview) - half_x);
  preview->pan_y = CLAMP (preview->pan_y, half_y, preview_get_height (preview) - half_y);
}

static void
show_zoom (Preview *preview)
{
  g_autofree char *text = preview->picture
    ? g_strdup_printf ("%d %%", (int) (preview_get_zoom (preview) * 100 + 0.5)) : g_strdup ("");

  if (g_strcmp0 (gtk_label_get_text (GTK_LABEL (preview->zoom_label)), text))
    gtk_label_set_text (GTK_LABEL (preview->zoom_label), text);
}

static void
update (Preview *preview)
{
  if (preview->picture)
    clamp_pan (preview);
  show_zoom (preview);
  gtk_widget_queue_draw (preview->area);
}

/* Zooms so that the point of the picture under (x, y) stays there. */
static void
zoom_at (Preview *preview, double zoom, double x, double y)
{
  double u, v, left, top;
  double fit = preview_get_fit (preview) / preview->real_scale;

  to_surface (preview, x, y, &u, &v);
  preview->zoom = zoom <= MIN (fit, 1) ? (fit <= 1 ? 0 : MAX (zoom, 1)) : MIN (zoom, MAX_ZOOM);
  preview_get_origin (preview, &left, &top);

  double scale = preview_get_scale (preview);

  preview->pan_x += u - (x - left) / scale;
  preview->pan_y += v - (y - top) / scale;
  update (preview);
}

static void
zoom_step (Preview *preview, double factor)
{
  GtkAllocation allocation;

  gtk_widget_get_allocation (preview->area, &allocation);
  if (preview->picture)
    zoom_at (preview, preview_get_zoom (preview) * factor, allocation.width / 2.0,
             allocation.height / 2.0);
}

void
preview_set_zoom (Preview *preview, double zoom)
{
  preview->zoom = MIN (zoom, MAX_ZOOM);
  update (preview);
}

double
preview_get_zoom (Preview *preview)
{
  return preview->picture ? preview_get_scale (preview) / preview->real_scale : 1;
}

/* ---- Pointer and keys ---------------------------------------------------- */

static void
stroke_to (Preview *preview, double x, double y)
{
  double u0, v0, u1, v1;

  to_surface (preview, preview->last_x, preview->last_y, &u0, &v0);
  to_surface (preview, x, y, &u1, &v1);
  paint_stroke (&preview->paint, preview->drag_add, u0, v0, u1, v1,
                gtk_range_get_value (GTK_RANGE (preview->size)) / preview_get_scale (preview));
  gtk_widget_set_sensitive (preview->clear, TRUE);
}

static gboolean
on_button_press (GtkWidget *widget, GdkEventButton *event, Preview *preview)
{
  gtk_widget_grab_focus (widget);
  if (!preview->picture || event->type != GDK_BUTTON_PRESS || event->button > 2)
    return FALSE;
  preview->last_x = event->x;
  preview->last_y = event->y;
  preview->drag = DRAG_PAN;
  if (event->button == 1)
    {
      if (preview->after && fabs (event->x - preview_get_split_x (preview)) <= HANDLE)
        preview->drag = DRAG_SPLIT;
      else if (preview->tool != PREVIEW_PAN)
        {
          preview->drag = DRAG_PAINT;
          preview->drag_add = preview->tool == PREVIEW_ADD;
          stroke_to (preview, event->x, event->y);
          gtk_widget_queue_draw (widget);
        }
    }
  return TRUE;
}

static gboolean
on_motion (GtkWidget *widget, GdkEventMotion *event, Preview *preview)
{
  double x, y, u, v;

  if (!preview->picture)
    return FALSE;
  preview->inside = TRUE;
  switch (preview->drag)
    {
    case DRAG_PAN:
      preview->pan_x -= (event->x - preview->last_x) / preview_get_scale (preview);
      preview->pan_y -= (event->y - preview->last_y) / preview_get_scale (preview);
      break;
    case DRAG_SPLIT:
      to_surface (preview, event->x, event->y, &u, &v);
      preview_set_split (preview, u / preview_get_width (preview));
      break;
    case DRAG_PAINT:
      stroke_to (preview, event->x, event->y);
      break;
    case DRAG_NONE:
      break;
    }
  x = event->x, y = event->y;
  if (preview->drag != DRAG_NONE || preview->tool != PREVIEW_PAN)
    update (preview);
  preview->last_x = x;
  preview->last_y = y;
  gdk_event_request_motions (event);
  return TRUE;
}

static gboolean
on_button_release (GtkWidget *widget, GdkEventButton *event, Preview *preview)
{
  Drag drag = preview->drag;

  preview->drag = DRAG_NONE;
  if (drag == DRAG_PAINT && preview->painted)
    preview->painted (preview->data);
  return drag != DRAG_NONE;
}

static gboolean
on_leave (GtkWidget *widget, GdkEventCrossing *event, Preview *preview)
{
  preview->inside = FALSE;
  gtk_widget_queue_draw (widget);
  return FALSE;
}

static gboolean
on_scroll (GtkWidget *widget, GdkEventScroll *event, Preview *preview)
{
  if (!preview->picture
      || (event->direction != GDK_SCROLL_UP && event->direction != GDK_SCROLL_DOWN))
    return FALSE;
  zoom_at (preview, preview_get_zoom (preview) * (event->direction == GDK_SCROLL_UP ? STEP : 1 / STEP),
           event->x, event->y);
  return TRUE;
}

static void
pan_by (Preview *preview, double x, double y)
{
  preview->pan_x += x / preview_get_scale (preview);
  preview->pan_y += y / preview_get_scale (preview);
  update (preview);
}

static gboolean
on_key (GtkWidget *widget, GdkEventKey *event, Preview *preview)
{
  if (!preview->picture || event->state & (GDK_CONTROL_MASK | GDK_MOD1_MASK))
    return FALSE;
  switch (event->keyval)
    {
    case GDK_KEY_plus: case GDK_KEY_equal: case GDK_KEY_KP_Add:
      zoom_step (preview, STEP);
      return TRUE;
    case GDK_KEY_minus: case GDK_KEY_KP_Subtract:
      zoom_step (preview, 1 / STEP);
      return TRUE;
    case GDK_KEY_0: case GDK_KEY_KP_0:
      preview_set_zoom (preview, 0);
      return TRUE;
    case GDK_KEY_1: case GDK_KEY_KP_1:
      preview_set_zoom (preview, 1);
      return TRUE;
    case GDK_KEY_space:
      if (preview->after)
        preview_set_split (preview, gtk_range_get_value (GTK_RANGE (preview->split)) < 0.5 ? 1 : 0);
      return preview->after != NULL;
    case GDK_KEY_Left:
      pan_by (preview, -40, 0);
      return TRUE;
    case GDK_KEY_Right:
      pan_by (preview, 40, 0);
      return TRUE;
    case GDK_KEY_Up:
      pan_by (preview, 0, -40);
      return TRUE;
    case GDK_KEY_Down:
      pan_by (preview, 0, 40);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
on_focus (GtkWidget *widget, GdkEventFocus *event, Preview *preview)
{
  gtk_widget_queue_draw (widget);
  return FALSE;
}

static void
on_allocate (GtkWidget *widget, GtkAllocation *allocation, Preview *preview)
{
  update (preview);
}

/* ---- What is shown ------------------------------------------------------- */

static void
replace_surface (Preview *preview, cairo_surface_t **surface, cairo_surface_t *other)
{
  g_clear_pointer (surface, cairo_surface_destroy);
  *surface = other;
  gtk_widget_queue_draw (preview->area);
}

void
preview_set_picture (Preview *preview, const MoaImage *picture, int real_width, const char *text)
{
  int width = picture ? picture->width : 0, height = picture ? picture->height : 0;
  gboolean same = preview->picture && picture && preview_get_width (preview) == width
                  && preview_get_height (preview) == height;

  replace_surface (preview, &preview->picture, picture ? pixels_from_image (picture) : NULL);
  preview->real_scale = picture && real_width > 0 ? (double) real_width / width : 1;
  g_free (preview->text);
  preview->text = g_strdup (text);
  if (!same)
    {
      paint_reset (&preview->paint, width, height);
      gtk_widget_set_sensitive (preview->clear, FALSE);
      preview->zoom = 0;
      preview->pan_x = width / 2.0;
      preview->pan_y = height / 2.0;
      preview_set_after (preview, NULL);
    }
  for (int i = PREVIEW_ADD; i <= PREVIEW_REMOVE; i++)
    gtk_widget_set_sensitive (preview->tools[i], picture != NULL);
  gtk_widget_set_sensitive (preview->bar, picture != NULL);
  update (preview);
}

void
preview_set_after (Preview *preview, const MoaImage *after)
{
  replace_surface (preview, &preview->after, after ? pixels_from_image (after) : NULL);
  gtk_widget_set_sensitive (preview->compare, after != NULL);
}

void
preview_set_limit (Preview *preview, const MoaImage *mask)
{
  replace_surface (preview, &preview->limit, mask ? pixels_from_mask (mask, TRUE) : NULL);
}

void
preview_set_tint (Preview *preview, const MoaImage *mask, gboolean invert)
{
  replace_surface (preview, &preview->tint, mask ? pixels_from_mask (mask, invert) : NULL);
}

void
preview_set_marks (Preview *preview, const PersonMark *marks, int n_marks)
{
  preview->n_marks = CLAMP (n_marks, 0, MOA_MAX_SUBJECTS);
  for (int i = 0; i < preview->n_marks; i++)
    preview->marks[i] = marks[i];
  gtk_widget_queue_draw (preview->area);
}

void
preview_set_progress (Preview *preview, double fraction, const char *text)
{
  AtkObject *accessible = gtk_widget_get_accessible (preview->area);

  preview->fraction = fraction;
  g_free (preview->progress);
  preview->progress = g_strdup (text);
  atk_object_set_description (accessible, fraction >= 0 && text ? text : "");
  gtk_widget_queue_draw (preview->area);
}

void
preview_set_split (Preview *preview, double split)
{
  gtk_range_set_value (GTK_RANGE (preview->split), CLAMP (split, 0, 1));
}

static void
on_split_changed (GtkRange *range, Preview *preview)
{
  gtk_widget_queue_draw (preview->area);
}

/* ---- Painting ------------------------------------------------------------ */

MoaImage *
preview_get_paint (Preview *preview)
{
  return paint_get_image (&preview->paint);
}

MoaImage *
preview_apply_paint (Preview *preview, const MoaImage *mask, float base)
{
  return paint_apply (&preview->paint, mask, base);
}

gboolean
preview_is_painted (Preview *preview)
{
  return !paint_is_empty (&preview->paint);
}

void
preview_clear_paint (Preview *preview)
{
  paint_reset (&preview->paint, preview->paint.width, preview->paint.height);
  gtk_widget_set_sensitive (preview->clear, FALSE);
  gtk_widget_queue_draw (preview->area);
}

static void
on_clear (GtkButton *button, Preview *preview)
{
  preview_clear_paint (preview);
  if (preview->painted)
    preview->painted (preview->data);
}

static void
on_tool (GtkToggleButton *button, Preview *preview)
{
  for (int i = 0; i < 3; i++)
    if (GTK_WIDGET (button) == preview->tools[i] && gtk_toggle_button_get_active (button))
      preview->tool = i;
  gtk_widget_set_sensitive (preview->size, preview->tool != PREVIEW_PAN);
  gtk_widget_queue_draw (preview->area);
}

void
preview_set_tool (Preview *preview, PreviewTool tool)
{
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (preview->tools[tool]), TRUE);
}

/* ---- Widgets ------------------------------------------------------------- */

static void
set_name (GtkWidget *widget, const char *name)
{
  atk_object_set_name (gtk_widget_get_accessible (widget), name);
}

static void
on_fit (GtkButton *button, Preview *preview)
{
  preview_set_zoom (preview, 0);
}

static void
on_full (GtkButton *button, Preview *preview)
{
  preview_set_zoom (preview, 1);
}

static void
on_zoom_in (GtkButton *button, Preview *preview)
{
  zoom_step (preview, STEP);
}

static void
on_zoom_out (GtkButton *button, Preview *preview)
{
  zoom_step (preview, 1 / STEP);
}

static void
add_zoom_button (Preview *preview, const char *icon, const char *name, GCallback clicked)
{
  GtkWidget *button = gtk_button_new ();

  gtk_button_set_relief (GTK_BUTTON (button), GTK_RELIEF_NONE);
  gtk_container_add (GTK_CONTAINER (button),
                     gtk_image_new_from_stock (icon, GTK_ICON_SIZE_MENU));
  gtk_widget_set_tooltip_text (button, name);
  set_name (button, name);
  g_signal_connect (button, "clicked", clicked, preview);
  gtk_box_pack_start (GTK_BOX (preview->bar), button, FALSE, FALSE, 0);
}

static GtkWidget *
create_tool (Preview *preview, int i, const char *label, const char *tip)
{
  preview->tools[i] = gtk_radio_button_new_with_mnemonic_from_widget (
    i ? GTK_RADIO_BUTTON (preview->tools[0]) : NULL, label);
  gtk_toggle_button_set_mode (GTK_TOGGLE_BUTTON (preview->tools[i]), FALSE);
  gtk_widget_set_tooltip_text (preview->tools[i], tip);
  g_signal_connect (preview->tools[i], "toggled", G_CALLBACK (on_tool), preview);
  return preview->tools[i];
}

static GtkWidget *
create_brushes (Preview *preview, const PreviewSpec *spec)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 4);

  gtk_box_pack_start (GTK_BOX (row), create_tool (preview, PREVIEW_PAN, _("Move"),
                      _("Drag the picture about")), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), create_tool (preview, PREVIEW_ADD, spec->add ? spec->add : "",
                      spec->add_tip), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), create_tool (preview, PREVIEW_REMOVE,
                      spec->remove ? spec->remove : "", spec->remove_tip), FALSE, FALSE, 0);

  preview->size = gtk_hscale_new_with_range (4, 200, 1);
  gtk_range_set_value (GTK_RANGE (preview->size), 40);
  gtk_scale_set_draw_value (GTK_SCALE (preview->size), FALSE);
  gtk_widget_set_size_request (preview->size, 60, -1);
  gtk_widget_set_sensitive (preview->size, FALSE);
  gtk_widget_set_tooltip_text (preview->size, _("Size of the brush"));
  set_name (preview->size, _("Size of the brush"));
  gtk_box_pack_start (GTK_BOX (row), preview->size, TRUE, TRUE, 0);

  preview->clear = gtk_button_new_with_mnemonic (_("Clear"));
  gtk_widget_set_sensitive (preview->clear, FALSE);
  gtk_widget_set_tooltip_text (preview->clear, _("Removes everything that was painted"));
  g_signal_connect (preview->clear, "clicked", G_CALLBACK (on_clear), preview);
  gtk_box_pack_start (GTK_BOX (row), preview->clear, FALSE, FALSE, 0);
  gtk_widget_show_all (row);
  gtk_widget_set_no_show_all (row, TRUE);
  gtk_widget_set_visible (row, spec->add != NULL);
  return row;
}

static void
create_bar (Preview *preview, gboolean compare)
{
  preview->bar = gtk_hbox_new (FALSE, 0);
  add_zoom_button (preview, GTK_STOCK_ZOOM_FIT, _("Fit in the window (0)"), G_CALLBACK (on_fit));
  add_zoom_button (preview, GTK_STOCK_ZOOM_100, _("One to one (1)"), G_CALLBACK (on_full));
  add_zoom_button (preview, GTK_STOCK_ZOOM_OUT, _("Smaller (-)"), G_CALLBACK (on_zoom_out));
  add_zoom_button (preview, GTK_STOCK_ZOOM_IN, _("Larger (+)"), G_CALLBACK (on_zoom_in));
  preview->zoom_label = gtk_label_new (NULL);
  gtk_label_set_width_chars (GTK_LABEL (preview->zoom_label), 6);
  gtk_box_pack_start (GTK_BOX (preview->bar), preview->zoom_label, FALSE, FALSE, 0);

  preview->compare = gtk_hbox_new (FALSE, 6);
  preview->split = gtk_hscale_new_with_range (0, 1, 0.01);
  gtk_scale_set_draw_value (GTK_SCALE (preview->split), FALSE);
  gtk_widget_set_tooltip_text (preview->split, _("What is left of the line is the picture as it was "
                                                 "(Space over the picture: all or nothing)"));
  set_name (preview->split, _("Before or after"));
  g_signal_connect (preview->split, "value-changed", G_CALLBACK (on_split_changed), preview);
  gtk_box_pack_start (GTK_BOX (preview->compare), gtk_label_new (_("Compare:")), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (preview->compare), preview->split, TRUE, TRUE, 0);
  gtk_widget_set_sensitive (preview->compare, FALSE);
  gtk_box_pack_start (GTK_BOX (preview->bar), preview->compare, TRUE, TRUE, 6);
  gtk_widget_show_all (preview->compare);
  gtk_widget_set_no_show_all (preview->compare, TRUE);
  gtk_widget_set_visible (preview->compare, compare);
}

static void
create_area (Preview *preview, const PreviewSpec *spec)
{
  static const struct { const char *signal; GCallback callback; } signals[] = {
    { "expose-event", G_CALLBACK (preview_on_expose) },
    { "button-press-event", G_CALLBACK (on_button_press) },
    { "button-release-event", G_CALLBACK (on_button_release) },
    { "motion-notify-event", G_CALLBACK (on_motion) },
    { "leave-notify-event", G_CALLBACK (on_leave) },
    { "scroll-event", G_CALLBACK (on_scroll) },
    { "key-press-event", G_CALLBACK (on_key) },
    { "focus-in-event", G_CALLBACK (on_focus) },
    { "focus-out-event", G_CALLBACK (on_focus) },
    { "size-allocate", G_CALLBACK (on_allocate) },
  };

  preview->area = gtk_drawing_area_new ();
  gtk_widget_set_can_focus (preview->area, TRUE);
  gtk_widget_set_size_request (preview->area, spec->width, spec->height);
  gtk_widget_add_events (preview->area, GDK_BUTTON_PRESS_MASK | GDK_BUTTON_RELEASE_MASK
                                        | GDK_POINTER_MOTION_MASK | GDK_POINTER_MOTION_HINT_MASK
                                        | GDK_LEAVE_NOTIFY_MASK | GDK_SCROLL_MASK
                                        | GDK_KEY_PRESS_MASK | GDK_FOCUS_CHANGE_MASK);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    g_signal_connect (preview->area, signals[i].signal, signals[i].callback, preview);
  set_name (preview->area, spec->name);
}

Preview *
preview_new (const PreviewSpec *spec)
{
  Preview *preview = g_new0 (Preview, 1);
  GtkWidget *shadow = gtk_frame_new (NULL);

  preview->painted = spec->painted;
  preview->data = spec->data;
  preview->fraction = -1;
  preview->real_scale = 1;
  create_area (preview, spec);
  create_bar (preview, spec->compare);
  gtk_frame_set_shadow_type (GTK_FRAME (shadow), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (shadow), preview->area);

  preview->box = gtk_vbox_new (FALSE, 4);
  gtk_box_pack_start (GTK_BOX (preview->box), create_brushes (preview, spec), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (preview->box), shadow, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (preview->box), preview->bar, FALSE, FALSE, 0);
  preview_set_picture (preview, NULL, 0, NULL);
  return preview;
}

void
preview_free (Preview *preview)
{
  cairo_surface_t **surfaces[] = { &preview->picture, &preview->after, &preview->limit,
                                   &preview->tint };

  for (guint i = 0; i < G_N_ELEMENTS (surfaces); i++)
    g_clear_pointer (surfaces[i], cairo_surface_destroy);
  paint_reset (&preview->paint, 0, 0);
  g_free (preview->text);
  g_free (preview->progress);
  g_free (preview);
}

GtkWidget *
preview_get_widget (Preview *preview)
{
  return preview->box;
}
