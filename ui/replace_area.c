/* The work area of a layer as the dialog shows it, and where the new person may be drawn.
 *
 * The copies are as small as GIMP's previews, so that a large layer is read in no time, each time that
 * the window comes to the front. */
#include "replace_area.h"

#include "pixels.h"

#include "plugin/drawable.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

#define MAX_SIDE 1024 /* GIMP's previews are no larger */

static void
fit (const MoaRect *rect, int *width, int *height)
{
  double scale = MIN (1.0, (double) MAX_SIDE / MAX (rect->width, rect->height));

  *width = MAX (rect->width * scale + 0.5, 1);
  *height = MAX (rect->height * scale + 0.5, 1);
}

static MoaImage *
read_picture (gint32 layer, const MoaRect *rect)
{
  int width, height;

  fit (rect, &width, &height);

  GdkPixbuf *pixbuf = gimp_drawable_get_sub_thumbnail (layer, rect->x, rect->y, rect->width, rect->height,
                                                       width, height, GIMP_PIXBUF_LARGE_CHECKS);
  MoaImage *picture = pixbuf ? pixels_from_pixbuf (pixbuf) : NULL;

  g_clear_object (&pixbuf);
  return picture;
}

/* The selection where it covers the area, at the size of the picture. */
static MoaImage *
read_selection (gint32 layer, const MoaRect *rect, const MoaImage *picture)
{
  gint32 image = gimp_item_get_image (layer);
  double scale = (double) picture->width / rect->width;
  int x, y;

  if (gimp_selection_is_empty (image))
    return NULL;

  MoaImage *selection = moa_image_new (picture->width, picture->height, 1);
  gimp_drawable_offsets (layer, &x, &y);

  /* The part of the canvas that the area covers, since the selection ends with the canvas. */
  int left = MAX (x + rect->x, 0), right = MIN (x + rect->x + rect->width, gimp_image_width (image));
  int top = MAX (y + rect->y, 0), bottom = MIN (y + rect->y + rect->height, gimp_image_height (image));
  if (!selection || left >= right || top >= bottom)
    return selection;

  int to_x = (left - x - rect->x) * scale, to_y = (top - y - rect->y) * scale;
  GdkPixbuf *part = gimp_drawable_get_sub_thumbnail (
    gimp_image_get_selection (image), left, top, right - left, bottom - top,
    MAX ((right - left) * scale, 1), MAX ((bottom - top) * scale, 1), GIMP_PIXBUF_KEEP_ALPHA);
  MoaImage *values = part ? pixels_from_pixbuf (part) : NULL;

  for (int v = 0; values && v < MIN (values->height, selection->height - to_y); v++)
    for (int u = 0; u < MIN (values->width, selection->width - to_x); u++)
      selection->data[(v + to_y) * selection->width + u + to_x]
        = values->data[(v * values->width + u) * values->channels];
  moa_image_free (values);
  g_clear_object (&part);
  return selection;
}

static gboolean
same_image (const MoaImage *a, const MoaImage *b)
{
  return a == b
         || (a && b && a->width == b->width && a->height == b->height && a->channels == b->channels
             && !memcmp (a->data, b->data, sizeof (float) * a->width * a->height * a->channels));
}

void
replace_area_clear (ReplaceArea *area)
{
  g_clear_pointer (&area->picture, moa_image_free);
  g_clear_pointer (&area->selection, moa_image_free);
  g_clear_pointer (&area->found, moa_image_free);
  area->layer = -1;
}

gboolean
replace_area_read (ReplaceArea *area, gint32 layer, const MoaRect *rect)
{
  MoaImage *picture = layer >= 0 ? read_picture (layer, rect) : NULL;
  MoaImage *selection = picture ? read_selection (layer, rect, picture) : NULL;

  if (layer == area->layer && same_image (picture, area->picture)
      && same_image (selection, area->selection) && (layer < 0 || !memcmp (rect, &area->area, sizeof *rect)))
    {
      moa_image_free (picture);
      moa_image_free (selection);
      return FALSE;
    }
  replace_area_clear (area);
  area->layer = layer;
  area->picture = picture;
  area->selection = selection;
  if (layer >= 0)
    area->area = *rect;
  return TRUE;
}

void
replace_area_set_found (ReplaceArea *area, const MoaPerson *persons, int n_persons)
{
  g_clear_pointer (&area->found, moa_image_free);
  if (!n_persons || !area->picture)
    return;
  MoaImage *room = moa_persons_room (persons, n_persons);

  if (room)
    area->found = drawable_scale_map (room, area->picture->width, area->picture->height);
  moa_image_free (room);
}

static gboolean
has_added (const MoaImage *painted)
{
  for (int i = 0; i < painted->width * painted->height; i++)
    if (painted->data[i] > 0)
      return TRUE;
  return FALSE;
}

MoaImage *
replace_area_get_limit (const ReplaceArea *area, const MoaImage *selection, const MoaImage *painted,
                        int width, int height)
{
  const MoaImage *from = selection ? selection : area->found;
  MoaImage *strokes = painted ? drawable_scale_map (painted, width, height) : NULL;
  MoaImage *limit;

  if (!from && !strokes)
    return NULL;
  limit = from ? drawable_scale_map (from, width, height) : moa_image_new (width, height, 1);

  gboolean everywhere = !from && !has_added (painted);

  for (gsize i = 0; limit && strokes && i < (gsize) width * height; i++)
    {
      /* Without a selection, what is added is all there is, and what is removed leaves the rest. */
      float value = everywhere ? 1 : limit->data[i];

      limit->data[i] = CLAMP (value + strokes->data[i], 0, 1);
    }
  moa_image_free (strokes);
  return limit;
}
