/* The inside of a Preview, for the two files that make it: preview.c has what happens, and
 * preview_draw.c what it looks like. */
#ifndef MOA_UI_PREVIEW_PRIVATE_H
#define MOA_UI_PREVIEW_PRIVATE_H

#include "paint.h"
#include "preview.h"

typedef enum { DRAG_NONE, DRAG_PAN, DRAG_PAINT, DRAG_SPLIT } Drag;

struct _Preview
{
  GtkWidget *box, *area, *tools[3], *size, *clear, *bar, *compare, *split, *zoom_label;
  cairo_surface_t *picture, *after, *limit, *tint;
  char *text;
  double real_scale; /* real pixels for a pixel of the surface */
  PersonMark marks[MOA_MAX_SUBJECTS];
  int n_marks;
  double fraction;
  char *progress;
  Paint paint;
  PreviewTool tool;
  double zoom; /* 0: fit */
  double pan_x, pan_y;
  Drag drag;
  gboolean drag_add;
  double last_x, last_y; /* where the pointer was, on the widget */
  gboolean inside;
  void (*painted) (gpointer data);
  gpointer data;
};

/* The size of the picture's surface, and pixels of the screen for a pixel of it.  There must be a
 * picture. */
int preview_get_width (Preview *preview);
int preview_get_height (Preview *preview);
double preview_get_scale (Preview *preview);

/* As large as fits. */
double preview_get_fit (Preview *preview);

/* Where the surface's corner is on the widget, on whole pixels. */
void preview_get_origin (Preview *preview, double *x, double *y);

/* Where the line between before and after is on the widget. */
double preview_get_split_x (Preview *preview);

gboolean preview_on_expose (GtkWidget *widget, GdkEventExpose *event, Preview *preview);

#endif
