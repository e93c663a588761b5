/* Where the persons of a mask stand, counted from the left. */
#ifndef MOA_UI_PERSONS_H
#define MOA_UI_PERSONS_H

#include "moa.h"

typedef struct {
  double x, y; /* the middle, as fractions of the picture's width and height */
} PersonMark;

/* Finds n persons in a mask of one channel; NULL: the whole width counts.  Parts of the mask that
 * touch each other are one person as long as there are n parts; otherwise the mask is shared out
 * by its area from left to right.  Fills marks[0 .. n-1]. */
void persons_find (const MoaImage *mask, int n, PersonMark *marks);

/* The parts of a mask that do not touch each other, from the left: how many there are, at most
 * MOA_MAX_SUBJECTS; NULL has none.  parts (or NULL) gets a mask of the same size for each.
 * (transfer full) */
int persons_split (const MoaImage *mask, MoaImage **parts);

#endif
