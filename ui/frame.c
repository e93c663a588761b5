/* See frame.h. */
#include "frame.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

GtkWidget *
frame_new (const char *title, GtkWidget *child)
{
  GtkWidget *frame = gimp_frame_new (title);

  gtk_container_add (GTK_CONTAINER (frame), child);
  return frame;
}

GtkWidget *
frame_indent (GtkWidget *child)
{
  return frame_new ("<expander>", child);
}
