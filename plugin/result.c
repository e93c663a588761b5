/* The result of a replacement as a layer group above the source.
 *
 *   Replace Person           parasites: how it was made, see record.h
 *     Result                 RGB (or gray) of the work area, layer mask = composite mask
 *     Reconstruction         hidden, on request
 *     Router 1: <block> ...  hidden, on request
 *
 * Outside the mask GIMP shows the source's own pixels, at the image's own precision. */
#include "result.h"

#include "drawable.h"
#include "intl.h"
#include "record.h"

/* Where the group goes, and where its layers lie. */
typedef struct {
  gint32 image, parent;
  int position;
  int x, y;
} Place;

/* ---- The parameters ------------------------------------------------------ */

gint32
result_find_group (gint32 layer)
{
  for (gint32 item = layer; item >= 0; item = gimp_item_get_parent (item))
    {
      GimpParasite *parasite = gimp_item_get_parasite (item, REPLACE_PARASITE);

      if (parasite)
        {
          gimp_parasite_free (parasite);
          return item;
        }
    }
  return -1;
}

ReplaceSettings *
result_get_settings (gint32 group, gint32 *source)
{
  g_autoptr (GError) error = NULL;
  ReplaceSettings *settings = record_read_settings (group, source, NULL, &error);

  if (!settings)
    gimp_message (error->message);
  return settings;
}

/* ---- The layers ---------------------------------------------------------- */

static gboolean
is_group_at (gint32 image, gint32 parent, int position)
{
  int n;
  g_autofree int *items = parent >= 0 ? gimp_item_get_children (parent, &n)
                                      : gimp_image_get_layers (image, &n);

  return position >= 0 && position < n && result_find_group (items[position]) == items[position];
}

/* Above the source and the earlier results on it, or at the top of its image if it was deleted
 * meanwhile, or in a new image if that was closed or made indexed: minutes of work are not to be
 * lost. */
static void
find_place (const ReplaceTask *task, Place *place)
{
  place->image = task->image;
  place->parent = -1;
  place->position = 0;
  place->x = task->area.x;
  place->y = task->area.y;

  if (!gimp_image_is_valid (task->image)
      || gimp_image_base_type (task->image) == GIMP_INDEXED)
    {
      place->image = gimp_image_new (task->area.width, task->area.height, GIMP_RGB);
      place->x = place->y = 0;
    }
  else if (gimp_item_is_valid (task->layer)
           && gimp_item_get_image (task->layer) == task->image)
    {
      int x, y;

      gimp_drawable_offsets (task->layer, &x, &y);
      place->x += x;
      place->y += y;
      place->parent = gimp_item_get_parent (task->layer);
      place->position = gimp_image_get_item_position (task->image, task->layer);
      while (is_group_at (place->image, place->parent, place->position - 1))
        place->position--;
    }
}

/* GIMP mixes layers in linear light unless told otherwise.  In an image of encoded values that
 * would round every pixel under the group; and the engine mixes encoded values too. */
static void
set_composite_space (gint32 layer)
{
  switch (gimp_image_get_precision (gimp_item_get_image (layer)))
    {
    case GIMP_PRECISION_U8_GAMMA:
    case GIMP_PRECISION_U16_GAMMA:
    case GIMP_PRECISION_U32_GAMMA:
    case GIMP_PRECISION_HALF_GAMMA:
    case GIMP_PRECISION_FLOAT_GAMMA:
    case GIMP_PRECISION_DOUBLE_GAMMA:
      gimp_layer_set_composite_space (layer, GIMP_LAYER_COLOR_SPACE_RGB_PERCEPTUAL);
      break;
    default:
      gimp_layer_set_composite_space (layer, GIMP_LAYER_COLOR_SPACE_RGB_LINEAR);
    }
}

static gint32
add_layer (const Place *place, gint32 group, const char *name, const MoaImage *picture,
           const MoaImage *alpha, gboolean visible)
{
  gboolean gray = gimp_image_base_type (place->image) == GIMP_GRAY;
  GimpImageType type = gray ? (alpha ? GIMP_GRAYA_IMAGE : GIMP_GRAY_IMAGE)
                            : (alpha ? GIMP_RGBA_IMAGE : GIMP_RGB_IMAGE);
  gint32 layer = gimp_layer_new (place->image, name, picture->width, picture->height, type, 100,
                                 GIMP_LAYER_MODE_NORMAL);

  gimp_item_set_visible (layer, visible);
  gimp_image_insert_layer (place->image, layer, group, -1);
  gimp_layer_set_offsets (layer, place->x, place->y);
  set_composite_space (layer);
  drawable_write (layer, picture, alpha);
  return layer;
}

static void
add_mask (gint32 layer, const MoaImage *values)
{
  gint32 mask = gimp_layer_create_mask (layer, GIMP_ADD_MASK_BLACK);

  gimp_layer_add_mask (layer, mask);
  drawable_write_mask (mask, values);
  gimp_layer_set_edit_mask (layer, FALSE);
}

/* gimp_image_insert_layer puts a layer on top of its group: the last one first. */
static gboolean
add_router_maps (const ReplaceTask *task, const Place *place, gint32 group,
                 const MoaRouterMaps *maps, GError **error)
{
  const MoaModelInfo *info = moa_model_get_info (task->model);

  for (int i = maps->n_layers - 1; i >= 0; i--)
    {
      MoaImage *map = drawable_scale_part (maps->layers[i], maps->width_share, maps->height_share,
                                           task->area.width, task->area.height);

      if (!map)
        {
          g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, "there is no memory for the router "
                       "maps: run again without them");
          return FALSE;
        }

      g_autofree char *name = g_strdup_printf (_("Router %d: %s"), i + 1, info->layers[i]);
      add_layer (place, group, name, map, NULL, FALSE);
      moa_image_free (map);
    }
  return TRUE;
}

static gboolean
add_group (const ReplaceTask *task, const MoaReplaceResult *result, int k, const Place *place,
           GError **error)
{
  const MoaVariation *variation = &result->variations[k];
  gint32 group = gimp_layer_group_new (place->image);

  gimp_item_set_name (group, _("Replace Person"));
  gimp_item_set_visible (group, k == 0);
  gimp_image_insert_layer (place->image, group, place->parent, place->position);
  set_composite_space (group);
  if (task->settings->maps && variation->n_maps > 0
      && !add_router_maps (task, place, group, &variation->maps[0], error))
    {
      gimp_image_remove_layer (place->image, group);
      return FALSE;
    }
  if (result->reconstruction)
    add_layer (place, group, _("Reconstruction"), result->reconstruction, NULL, FALSE);

  gint32 layer = add_layer (place, group, _("Result"), variation->image, task->alpha, TRUE);

  add_mask (layer, variation->mask);
  record_attach (group, task, result, variation);
  gimp_image_set_active_layer (place->image, layer);
  return TRUE;
}

/* A group for each variation, the first one on top and the only one visible. */
static gboolean
add_groups (const ReplaceTask *task, const MoaReplaceResult *result, const Place *place,
            GError **error)
{
  for (int k = result->n_variations - 1; k >= 0; k--)
    if (!add_group (task, result, k, place, error))
      return FALSE;
  if (task->settings->mark)
    record_mark_image (place->image);
  return TRUE;
}

gint32
result_write (const ReplaceTask *task, const MoaReplaceResult *result, GError **error)
{
  Place place;

  find_place (task, &place);
  gimp_image_undo_group_start (place.image);
  gboolean success = add_groups (task, result, &place, error);
  gimp_image_undo_group_end (place.image);

  if (place.image != task->image)
    gimp_display_new (place.image);
  if (result->warnings && result->warnings[0])
    {
      g_autofree char *warnings = g_strjoinv ("\n", result->warnings);

      gimp_message (warnings);
    }
  return success ? place.image : -1;
}
