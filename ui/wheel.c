/* The mouse wheel over what scrolls: see wheel.h. */
#include "wheel.h"

#define WATCHED "moa-wheel"

/* The innermost around it that has a bar to scroll with; NULL: all is in sight. */
static GtkWidget *
find_scrolling (GtkWidget *widget)
{
  while ((widget = gtk_widget_get_parent (widget)))
    if (GTK_IS_SCROLLED_WINDOW (widget)
        && gtk_widget_get_visible (gtk_scrolled_window_get_vscrollbar (GTK_SCROLLED_WINDOW (widget))))
      return widget;
  return NULL;
}

static gboolean
on_scroll (GtkWidget *widget, GdkEvent *event, gpointer data)
{
  gboolean choice = GTK_IS_COMBO_BOX (widget);
  GtkWidget *scrolling = find_scrolling (widget);

  if (!choice && (!scrolling || gtk_widget_has_focus (widget)))
    return FALSE;
  if (scrolling)
    gtk_widget_event (scrolling, event);
  return TRUE;
}

static void
watch (GtkWidget *widget, gpointer data)
{
  if (GTK_IS_CONTAINER (widget) && !GTK_IS_COMBO_BOX (widget))
    gtk_container_forall (GTK_CONTAINER (widget), watch, NULL);
  else if ((GTK_IS_COMBO_BOX (widget) || GTK_IS_SPIN_BUTTON (widget) || GTK_IS_SCALE (widget))
           && !g_object_get_data (G_OBJECT (widget), WATCHED))
    {
      g_object_set_data (G_OBJECT (widget), WATCHED, widget);
      g_signal_connect (widget, "scroll-event", G_CALLBACK (on_scroll), NULL);
    }
}

/* What is added asks for room. */
static void
on_request (GtkWidget *scrolled, GtkRequisition *size, gpointer data)
{
  watch (gtk_bin_get_child (GTK_BIN (scrolled)), NULL);
}

void
wheel_scrolls (GtkScrolledWindow *scrolled)
{
  g_signal_connect (scrolled, "size-request", G_CALLBACK (on_request), NULL);
}
