/* Contents of a window that scroll where the screen is too small for them: see fit.h. */
#include "fit.h"

#include "wheel.h"

/* What else stands on the screen: the window's frame and a panel of the desktop, in pixels, and the window's
 * own status and buttons, in lines of text. */
enum { BESIDE = 48, ABOVE_AND_BELOW = 64, LINES = 5 };

enum { USUAL_LINE = 17 }; /* the height of a line in usual letters */

static int
line_height (GtkWidget *widget)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (widget, "Mg");
  int height;

  pango_layout_get_pixel_size (layout, NULL, &height);
  g_object_unref (layout);
  return height;
}

static void
get_monitor (GtkWidget *widget, GdkRectangle *monitor)
{
  GdkScreen *screen = gtk_widget_get_screen (widget);

  gdk_screen_get_monitor_geometry (screen, gdk_screen_get_primary_monitor (screen), monitor);
}

static void
on_request (GtkWidget *scrolled, GtkRequisition *size, GtkWidget *child)
{
  GtkScrolledWindow *window = GTK_SCROLLED_WINDOW (scrolled);
  GtkRequisition across, down;
  GdkRectangle monitor;
  int width, height, spacing;

  get_monitor (scrolled, &monitor);
  width = monitor.width - BESIDE;
  height = monitor.height - ABOVE_AND_BELOW - LINES * line_height (scrolled);
  gtk_widget_size_request (child, size);
  gtk_widget_size_request (gtk_scrolled_window_get_hscrollbar (window), &across);
  gtk_widget_size_request (gtk_scrolled_window_get_vscrollbar (window), &down);
  gtk_widget_style_get (scrolled, "scrollbar-spacing", &spacing, NULL);
  /* A bar for one direction takes room in the other. */
  if (size->height > height)
    size->width += down.width + spacing;
  if (size->width > width)
    size->height += across.height + spacing;
  /* Bars that came while the window grew would stay, each for the other's sake: none where all fits. */
  gtk_scrolled_window_set_policy (window, size->width > width ? GTK_POLICY_AUTOMATIC : GTK_POLICY_NEVER,
                                  size->height > height ? GTK_POLICY_AUTOMATIC : GTK_POLICY_NEVER);
  size->width = MIN (size->width, width);
  size->height = MIN (size->height, height);
}

GtkWidget *
fit_new (GtkWidget *child)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkScrolledWindow *window = GTK_SCROLLED_WINDOW (scrolled);
  GtkWidget *viewport;

  gtk_scrolled_window_set_policy (window, GTK_POLICY_AUTOMATIC, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_add_with_viewport (window, child);
  viewport = gtk_bin_get_child (GTK_BIN (scrolled));
  gtk_viewport_set_shadow_type (GTK_VIEWPORT (viewport), GTK_SHADOW_NONE);
  /* Of itself it would keep to itself that the child asks for more. */
  gtk_container_set_resize_mode (GTK_CONTAINER (viewport), GTK_RESIZE_PARENT);
  gtk_container_set_focus_hadjustment (GTK_CONTAINER (child), gtk_scrolled_window_get_hadjustment (window));
  gtk_container_set_focus_vadjustment (GTK_CONTAINER (child), gtk_scrolled_window_get_vadjustment (window));
  g_signal_connect (scrolled, "size-request", G_CALLBACK (on_request), child);
  wheel_scrolls (window);
  gtk_widget_show (viewport);
  gtk_widget_show (scrolled);
  return scrolled;
}

void
fit_open (GtkWindow *window, int width, int height)
{
  int line = MAX (line_height (GTK_WIDGET (window)), USUAL_LINE);
  GdkRectangle monitor;

  get_monitor (GTK_WIDGET (window), &monitor);
  gtk_window_set_default_size (window, MIN (width * line / USUAL_LINE, monitor.width - BESIDE),
                               MIN (height * line / USUAL_LINE, monitor.height - ABOVE_AND_BELOW));
}
