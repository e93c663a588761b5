/* The picture that a ControlNet follows: see control.h. */
#include "control.h"

#include "drawable.h"
#include "intl.h"
#include "options.h"
#include "people.h"

#include <string.h>

/* The area of `layer' in the coordinates of what is followed. */
static gboolean
place (const ReplaceSettings *settings, gint32 followed, gint32 layer, MoaRect *area, GError **error)
{
  gint32 image = gimp_item_get_image (layer), other = gimp_item_get_image (followed);
  int x, y, left, top;

  gimp_drawable_offsets (layer, &x, &y);
  gimp_drawable_offsets (followed, &left, &top);
  area->x += x - left;
  area->y += y - top;
  return image == other
         || (gimp_image_width (image) == gimp_image_width (other)
             && gimp_image_height (image) == gimp_image_height (other))
         || options_fail (error, _("the picture for the ControlNet, \"%s\", must have the size of the image, %d x "
                          "%d, or be a layer of it"), settings->control, gimp_image_width (image),
                          gimp_image_height (image));
}

/* Transparent parts have been put on white. */
static void
put_on_black (MoaImage *rgb, const MoaImage *alpha)
{
  gsize n = (gsize) rgb->width * rgb->height;

  for (gsize i = 0; alpha && i < n; i++)
    for (int k = 0; k < 3; k++)
      rgb->data[3 * i + k] = MAX (rgb->data[3 * i + k] - (1 - alpha->data[i]), 0);
}

static MoaImage *
read_part (const ReplaceSettings *settings, gint32 followed, gint32 layer, const MoaRect *area, GError **error)
{
  MoaRect part = { 0, 0, gimp_drawable_width (followed), gimp_drawable_height (followed) };
  MoaImage *picture, *alpha = NULL;

  if (layer >= 0)
    part = *area;
  if (layer >= 0 && !place (settings, followed, layer, &part, error))
    return NULL;
  picture = drawable_read_rgb (followed, &part, &alpha, error);
  if (picture)
    put_on_black (picture, alpha);
  moa_image_free (alpha);
  return picture;
}

gint32
control_find_layer (ReplaceSettings *settings, gint32 image, GError **error)
{
  const char *name = settings->control;
  gint32 layer = settings->control_layer;

  if (!replace_settings_has_control_layer (settings))
    return 0;
  if (g_str_has_prefix (name, "layer:"))
    name += strlen ("layer:");
  if (layer <= 0 || !gimp_item_is_valid (layer))
    layer = people_find_layer (image, name, TRUE, NULL);
  if (layer < 0)
    options_fail (error, _("the picture for the ControlNet, \"%s\", is in no open image: name another layer, "
                  "or open its image"), settings->control);
  else
    replace_settings_set_control_layer (settings, layer);
  return layer;
}

gboolean
control_read (ReplaceSettings *settings, gint32 layer, const MoaRect *area, MoaImage **picture,
              GError **error)
{
  gboolean is_file = !replace_settings_has_control_layer (settings);
  gint32 image = layer >= 0 ? gimp_item_get_image (layer) : -1, followed;

  *picture = NULL;
  if (!*settings->control)
    return TRUE;
  if (is_file)
    followed = drawable_load (settings->control + strlen ("file:"), error);
  else
    followed = control_find_layer (settings, image, error);
  if (followed < 0)
    return FALSE;
  if (gimp_item_is_group (followed))
    options_fail (error, _("the picture for the ControlNet, \"%s\", is a layer group: name a layer"),
                  settings->control);
  else
    *picture = read_part (settings, followed, layer, area, error);
  if (is_file)
    gimp_image_delete (gimp_item_get_image (followed));
  return *picture != NULL;
}
