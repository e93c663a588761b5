/* A picture that can be zoomed, compared with another, marked and painted on.  Knows neither GIMP
 * nor a job.
 *
 * Wheel: zoom where the pointer is.  Drag: pan, or paint when a brush is chosen; the middle button
 * always pans.  Keys: + and - zoom, 0 fits, 1 is 100 %, arrows pan, Space compares. */
#ifndef MOA_UI_PREVIEW_H
#define MOA_UI_PREVIEW_H

#include "persons.h"

#include <gtk/gtk.h>

typedef struct _Preview Preview;

typedef enum { PREVIEW_PAN, PREVIEW_ADD, PREVIEW_REMOVE } PreviewTool;

typedef struct {
  const char *add, *remove;         /* labels of the two brushes, with mnemonics; NULL: no brushes */
  const char *add_tip, *remove_tip;
  const char *name;                 /* for screen readers */
  gboolean compare;                 /* with a picture that comes after */
  int width, height;                /* the least size of the picture */
  void (*painted) (gpointer data);  /* a stroke ended, or all were cleared; may be NULL */
  gpointer data;
} PreviewSpec;

Preview *preview_new (const PreviewSpec *spec);
void preview_free (Preview *preview);
GtkWidget *preview_get_widget (Preview *preview);

/* The picture itself; NULL: none, and the text stands in its place.  real_width: how many pixels
 * wide it really is, for 100 %, if picture is a smaller copy.  A picture of another size forgets
 * the strokes. */
void preview_set_picture (Preview *preview, const MoaImage *picture, int real_width,
                          const char *text);

/* Another picture of the same scene to compare with; NULL: none. */
void preview_set_after (Preview *preview, const MoaImage *after);

/* Darkens what the mask does not hold; NULL: nothing. */
void preview_set_limit (Preview *preview, const MoaImage *mask);

/* Tints what the mask holds; NULL: nothing.  invert: what it does not hold. */
void preview_set_tint (Preview *preview, const MoaImage *mask, gboolean invert);

/* Numbered 1, 2 ... at most MOA_MAX_SUBJECTS. */
void preview_set_marks (Preview *preview, const PersonMark *marks, int n_marks);

/* A bar with a text over the picture's lower edge; fraction below 0: none. */
void preview_set_progress (Preview *preview, double fraction, const char *text);

/* The strokes as of paint_get_image(), and away with them. */
MoaImage *preview_get_paint (Preview *preview);
MoaImage *preview_apply_paint (Preview *preview, const MoaImage *mask, float base);
gboolean preview_is_painted (Preview *preview);
void preview_clear_paint (Preview *preview);

void preview_set_tool (Preview *preview, PreviewTool tool);

/* Pixels of the screen for a pixel of the picture; 0: as large as fits. */
void preview_set_zoom (Preview *preview, double zoom);
double preview_get_zoom (Preview *preview);

/* 0: only the after picture, 1: only the picture itself. */
void preview_set_split (Preview *preview, double split);

#endif
