/* The engine's floats as pictures that GTK draws.  Knows neither GIMP nor a job. */
#ifndef MOA_UI_PIXELS_H
#define MOA_UI_PIXELS_H

#include "moa.h"

#include <gtk/gtk.h>

/* RGB or RGBA (drawn on white), or gray from one channel.  (transfer full) */
cairo_surface_t *pixels_from_image (const MoaImage *picture);

/* One channel in [0,1] as an A8 surface; invert: 1 minus it.  (transfer full) */
cairo_surface_t *pixels_from_mask (const MoaImage *mask, gboolean invert);

/* The mask over the rectangle 0, 0, width, height in the colour that is the cairo's source. */
void pixels_draw_mask (cairo_t *cairo, cairo_surface_t *mask, double width, double height);

/* RGB, or gray from one channel.  (transfer full); NULL without memory. */
GdkPixbuf *pixels_to_pixbuf (const MoaImage *picture);

/* At most side pixels wide and high, never enlarged beyond side.  (transfer full) */
GdkPixbuf *pixels_to_thumbnail (const MoaImage *picture, int side);

/* A pixbuf as a picture of three or four channels.  (transfer full); NULL without memory. */
MoaImage *pixels_from_pixbuf (GdkPixbuf *pixbuf);

#endif
