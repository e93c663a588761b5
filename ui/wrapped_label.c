/* A text of several lines.  GTK 2 wraps at the width that was asked for, however wide the window, and asks for
 * the height of that: here both are of the width that there is. */
#include "wrapped_label.h"

/* The text's height when it is width wide, to which its lines are set. */
static int
wrap (GtkWidget *label, int width)
{
  PangoLayout *layout = gtk_label_get_layout (GTK_LABEL (label));
  int height;

  pango_layout_set_width (layout, width * PANGO_SCALE);
  pango_layout_get_pixel_size (layout, NULL, &height);
  return height;
}

static void
on_request (GtkWidget *label, GtkRequisition *size, gpointer data)
{
  GtkAllocation allocation;

  gtk_widget_get_allocation (label, &allocation);
  if (allocation.width > 1) /* as all have that never got any */
    size->height = wrap (label, allocation.width);
}

static void
on_allocate (GtkWidget *label, GtkAllocation *size, gpointer data)
{
  GtkRequisition asked;

  gtk_widget_get_requisition (label, &asked);
  if (wrap (label, size->width) != asked.height)
    gtk_widget_queue_resize (label);
}

GtkWidget *
wrapped_label_new (const char *text, int width)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_misc_set_alignment (GTK_MISC (label), 0, 0);
  gtk_widget_set_size_request (label, width, -1);
  g_signal_connect (label, "size-request", G_CALLBACK (on_request), NULL);
  g_signal_connect (label, "size-allocate", G_CALLBACK (on_allocate), NULL);
  return label;
}
