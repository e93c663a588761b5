/* The result of a replacement as a layer group above the source.
 *
 *   Replace Person           parasites: how it was made, see record.h
 *     Result                 RGB (or gray) of the work area, layer mask = composite mask
 *     Reconstruction         hidden, on request
 *     Router 1: <block> ...  hidden, on request
 *
 * Outside the mask GIMP shows the source's own pixels, at the image's own precision.
 *
 * That needs a source which covers what is below it.  One that is mixed with it, by its opacity or
 * mode, would show the old person through the new one; so a group takes its place and its mixing, and
 * holds a copy that covers:
 *
 *   <source>, mixed          its opacity and mode; parasite: which layer it stands for
 *     Replace Person ...     as above
 *     <source> copy          covers
 *   <source>                 hidden, else as it was */
#include "result.h"

#include "drawable.h"
#include "intl.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

#define STANDS_FOR "moa-stands-for"

/* Where the group goes, and where its layers lie. */
typedef struct {
  gint32 image, parent;
  gint32 source; /* the layer below; -1: it is gone */
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

/* Whether the layer is put over those below it as it is. */
static gboolean
covers (gint32 layer)
{
  GimpLayerMode mode = gimp_layer_get_mode (layer);
  GimpLayerCompositeMode composite = gimp_layer_get_composite_mode (layer);

  return gimp_layer_get_opacity (layer) == 100
         && (mode == GIMP_LAYER_MODE_NORMAL || mode == GIMP_LAYER_MODE_NORMAL_LEGACY)
         && (composite == GIMP_LAYER_COMPOSITE_AUTO || composite == GIMP_LAYER_COMPOSITE_UNION);
}

static void
mix_as (gint32 layer, gint32 other)
{
  gimp_layer_set_mode (layer, gimp_layer_get_mode (other));
  gimp_layer_set_opacity (layer, gimp_layer_get_opacity (other));
  gimp_layer_set_blend_space (layer, gimp_layer_get_blend_space (other));
  gimp_layer_set_composite_space (layer, gimp_layer_get_composite_space (other));
  gimp_layer_set_composite_mode (layer, gimp_layer_get_composite_mode (other));
}

/* The copy in the group above the layer that stands for it; -1: there is none. */
static gint32
find_stand_in (gint32 image, gint32 layer)
{
  gint32 parent = gimp_item_get_parent (layer);
  int position = gimp_image_get_item_position (image, layer), n;
  g_autofree int *items = parent >= 0 ? gimp_item_get_children (parent, &n)
                                      : gimp_image_get_layers (image, &n);
  gint32 group = position > 0 && position < n ? items[position - 1] : -1;
  GimpParasite *parasite = group >= 0 ? gimp_item_get_parasite (group, STANDS_FOR) : NULL;
  gint32 copy = -1;

  if (parasite && gimp_item_is_group (group))
    {
      g_autofree char *text = g_strndup (gimp_parasite_data (parasite),
                                         gimp_parasite_data_size (parasite));
      g_autofree int *children = gimp_item_get_children (group, &n);

      if (n > 0 && strtoul (text, NULL, 10) == (gulong) gimp_item_get_tattoo (layer)
          && !gimp_item_is_group (children[n - 1]) && covers (children[n - 1]))
        copy = children[n - 1];
    }
  gimp_parasite_free (parasite);
  return copy;
}

static gint32
make_stand_in (gint32 image, gint32 layer)
{
  gint32 group = gimp_layer_group_new (image), copy = gimp_layer_copy (layer);
  g_autofree char *own = gimp_item_get_name (layer);
  /* TRANSLATORS: a layer group that is mixed with the layers below it as the layer %s was. */
  g_autofree char *name = g_strdup_printf (_("%s, mixed"), own);
  g_autofree char *text = g_strdup_printf ("%u", (guint) gimp_item_get_tattoo (layer));
  GimpParasite *parasite = gimp_parasite_new (STANDS_FOR, GIMP_PARASITE_PERSISTENT
                                              | GIMP_PARASITE_UNDOABLE, strlen (text) + 1, text);

  gimp_item_set_name (group, name);
  gimp_image_insert_layer (image, group, gimp_item_get_parent (layer),
                           gimp_image_get_item_position (image, layer));
  gimp_item_attach_parasite (group, parasite);
  gimp_parasite_free (parasite);
  gimp_layer_set_mode (copy, GIMP_LAYER_MODE_NORMAL);
  gimp_layer_set_opacity (copy, 100);
  gimp_layer_set_composite_mode (copy, GIMP_LAYER_COMPOSITE_AUTO);
  gimp_image_insert_layer (image, copy, group, 0);
  gimp_item_set_visible (copy, TRUE);
  mix_as (group, layer);
  gimp_item_set_visible (group, gimp_item_get_visible (layer));
  gimp_item_set_visible (layer, FALSE);
  return copy;
}

/* Above the source and the earlier results on it, or at the top of its image if it was deleted
 * meanwhile, or in a new image if that was closed or made indexed: minutes of work are not to be
 * lost. */
static void
find_place (const ReplaceTask *task, Place *place)
{
  place->image = task->image;
  place->parent = place->source = -1;
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

      place->source = task->layer;
      if (!covers (task->layer))
        place->source = find_stand_in (task->image, task->layer);
      if (place->source < 0)
        place->source = make_stand_in (task->image, task->layer);
      gimp_drawable_offsets (place->source, &x, &y);
      place->x += x;
      place->y += y;
      place->parent = gimp_item_get_parent (place->source);
      place->position = gimp_image_get_item_position (task->image, place->source);
      while (is_group_at (place->image, place->parent, place->position - 1))
        place->position--;
    }
}

/* How much of the smaller of the two masks is in the other one. */
static double
get_overlap (const MoaImage *a, const MoaImage *b)
{
  double sum_a = 0, sum_b = 0, both = 0;

  for (gsize i = 0; i < (gsize) a->width * a->height; i++)
    {
      sum_a += a->data[i];
      sum_b += b->data[i];
      both += MIN (a->data[i], b->data[i]);
    }
  return both > 0 ? both / MIN (sum_a, sum_b) : 0;
}

/* An earlier result for the same person would show around the new one where its mask reaches further;
 * one for another person stays. */
static void
hide_earlier (const Place *place, const MoaImage *mask)
{
  int n;
  g_autofree int *items = place->parent >= 0 ? gimp_item_get_children (place->parent, &n)
                                             : gimp_image_get_layers (place->image, &n);

  for (int i = place->position; i < n && is_group_at (place->image, place->parent, i); i++)
    {
      int n_children, x, y;
      g_autofree int *children = gimp_item_get_children (items[i], &n_children);
      gint32 other = n_children > 0 ? gimp_layer_get_mask (children[0]) : -1;
      MoaImage *values = NULL;

      if (other >= 0 && gimp_item_get_visible (items[i]))
        {
          gimp_drawable_offsets (children[0], &x, &y);
          values = drawable_read_mask (other, place->x - x, place->y - y, mask->width, mask->height,
                                       NULL);
        }
      if (values && get_overlap (values, mask) > 0.5)
        gimp_item_set_visible (items[i], FALSE);
      moa_image_free (values);
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
          g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, _("there is no memory for the router "
                       "maps: run again without them"));
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
  record_attach (group, task, place->source, result, variation);
  gimp_image_set_active_layer (place->image, layer);
  return TRUE;
}

/* A group for each variation, the first one on top and the only one visible. */
static gboolean
add_groups (const ReplaceTask *task, const MoaReplaceResult *result, const Place *place,
            GError **error)
{
  if (place->source >= 0)
    hide_earlier (place, result->variations[0].mask);
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

  if (gimp_image_is_valid (task->image))
    gimp_image_undo_group_start (task->image);
  find_place (task, &place);
  gboolean success = add_groups (task, result, &place, error);
  if (gimp_image_is_valid (task->image))
    gimp_image_undo_group_end (task->image);

  if (place.image != task->image)
    gimp_display_new (place.image);
  if (result->warnings && result->warnings[0])
    {
      g_autofree char *warnings = g_strjoinv ("\n", result->warnings);

      gimp_message (warnings);
    }
  return success ? place.image : -1;
}
