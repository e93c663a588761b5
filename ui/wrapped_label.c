/* A text of several lines.  GTK 2 wraps at the width that was asked for, however wide the window. */
#include "wrapped_label.h"

static void
on_allocate (GtkWidget *label, GtkAllocation *size, gpointer data)
{
  pango_layout_set_width (gtk_label_get_layout (GTK_LABEL (label)), size->width * PANGO_SCALE);
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
