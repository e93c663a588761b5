/* Contents of a window that scroll where the screen is too small for them: see fit.h. */
#include "fit.h"

/* Room for the window's borders, and for its title, buttons and a panel of the desktop; of the screen's
 * height a share, since these grow with the letters. */
enum { BESIDE = 48, ABOVE_AND_BELOW = 4 };

static void
on_request (GtkWidget *scrolled, GtkRequisition *size, GtkWidget *child)
{
  GdkScreen *screen = gtk_widget_get_screen (scrolled);
  GtkRequisition wanted;
  GdkRectangle monitor;

  gdk_screen_get_monitor_geometry (screen, gdk_screen_get_primary_monitor (screen), &monitor);
  gtk_widget_size_request (child, &wanted);
  size->width = MIN (wanted.width, monitor.width - BESIDE);
  size->height = MIN (wanted.height, monitor.height - monitor.height / ABOVE_AND_BELOW);
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
  gtk_widget_show (viewport);
  gtk_widget_show (scrolled);
  return scrolled;
}
