/* A text of several lines.  GTK 2 wraps at the width that was asked for, however wide the window, and asks for
 * the height of that: here both are of the width that there is. */
#include "wrapped_label.h"

static void
on_allocate (GtkWidget *label, GtkAllocation *size, gpointer data)
{
  PangoLayout *layout = gtk_label_get_layout (GTK_LABEL (label));
  int width, height, asked;

  pango_layout_set_width (layout, size->width * PANGO_SCALE);
  pango_layout_get_pixel_size (layout, NULL, &height);
  gtk_widget_get_size_request (label, &width, &asked);
  if (height != asked)
    gtk_widget_set_size_request (label, width, height);
}

GtkWidget *
wrapped_label_new (const char *text, int width)
{
  GtkWidget *label = gtk_label_new (text);

  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_misc_set_alignment (GTK_MISC (label), 0, 0);
  gtk_widget_set_size_request (label, width, -1);
  g_signal_connect (label, "size-allocate", G_CALLBACK (on_allocate), NULL);
  return label;
}
