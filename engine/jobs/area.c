/* The part of a picture that a replacement works on. */
#include "moa.h"

/* Where a span of the given length starts, so that it lies around a..a+n as
 * evenly as the picture allows. */
static int
place (int a, int n, int length, int limit)
{
  int start = a - (length - n) / 2;
  return CLAMP (start, 0, limit - length);
}

void
moa_work_area (int width, int height, const MoaRect *bounds, int side, MoaRect *area)
{
  *area = (MoaRect){ 0, 0, width, height };
  if (!bounds)
    return;
  gint64 right = MIN ((gint64) bounds->x + bounds->width, width);
  gint64 bottom = MIN ((gint64) bounds->y + bounds->height, height);
  int x = MAX (0, bounds->x), y = MAX (0, bounds->y);
  if (right <= x || bottom <= y)
    return;
  int w = right - x, h = bottom - y;

  gint64 square = MAX (2 * (gint64) MAX (w, h), side);
  area->width = MIN (square, width);
  area->height = MIN (square, height);
  /* Where the picture is too narrow for a square: no longer than twice the
   * short side, which is what a replacement takes, unless the bounds are. */
  area->width = MAX (MIN (area->width, 2 * (gint64) area->height), w);
  area->height = MAX (MIN (area->height, 2 * (gint64) area->width), h);
  area->x = place (x, w, area->width, width);
  area->y = place (y, h, area->height, height);
}
