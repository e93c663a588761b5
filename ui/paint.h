/* Strokes of a brush that add to a mask and remove from it. */
#ifndef MOA_UI_PAINT_H
#define MOA_UI_PAINT_H

#include "moa.h"

#include <gtk/gtk.h>

typedef struct {
  cairo_surface_t *added, *removed; /* A8, width x height; NULL before the first stroke */
  int width, height;
} Paint;

/* Forgets all strokes. */
void paint_reset (Paint *paint, int width, int height);

/* A line from one point to the other, in pixels, with round ends.  What adds takes away what was
 * removed there, and the other way round. */
void paint_stroke (Paint *paint, gboolean add, double x0, double y0, double x1, double y1,
                   double diameter);

gboolean paint_is_empty (const Paint *paint);

/* 1 channel: 1 added, -1 removed, 0 untouched.  (transfer full); NULL when there are no strokes. */
MoaImage *paint_get_image (const Paint *paint);

/* The mask with the strokes on it; mask NULL: base everywhere.  (transfer full) */
MoaImage *paint_apply (const Paint *paint, const MoaImage *mask, float base);

#endif
