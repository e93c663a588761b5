/* The work area of a layer as the dialog shows it, and where the new person may be drawn. */
#ifndef MOA_UI_REPLACE_AREA_H
#define MOA_UI_REPLACE_AREA_H

#include "moa.h"

#include <gtk/gtk.h>

typedef struct {
  gint32 layer;        /* -1: none */
  MoaRect area;        /* in the layer's coordinates */
  MoaImage *picture;   /* RGB, a small copy; NULL: none */
  MoaImage *selection; /* of the picture's size; NULL: nothing is selected */
  MoaImage *found;     /* persons that the engine found, of the picture's size; NULL: none */
} ReplaceArea;

/* Reads the layer and its image's selection anew.  TRUE if anything differs from before; what was
 * found is forgotten then. */
gboolean replace_area_read (ReplaceArea *area, gint32 layer, const MoaRect *rect);
void replace_area_clear (ReplaceArea *area);

/* Takes over the masks of persons (any size), or none with n 0. */
void replace_area_set_found (ReplaceArea *area, const MoaPerson *persons, int n_persons);

/* Where the new person may be drawn: the selection, or else what was found; with what was painted
 * (as of paint_get_image(); NULL: nothing).  width, height: of the result.  (transfer full); NULL:
 * everywhere. */
MoaImage *replace_area_get_limit (const ReplaceArea *area, const MoaImage *selection,
                                  const MoaImage *painted, int width, int height);

#endif
