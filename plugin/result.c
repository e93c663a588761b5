/* The result of a replacement as a layer group above the source.
 *
 *   Replace Person           parasite moa-replace-person: the parameters as JSON
 *     Result                 RGB (or gray) of the work area, layer mask = composite mask
 *     Reconstruction         hidden, on request
 *     Router 1: <block> ...  hidden, on request
 *
 * Outside the mask GIMP shows the source's own pixels, at the image's own precision. */
#include "result.h"

#include "drawable.h"
#include "intl.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Where the group goes, and where its layers lie. */
typedef struct {
  gint32 image, parent;
  int position;
  int x, y;
} Place;

/* ---- The parameters ------------------------------------------------------ */

static json_t *
names_to_json (const ReplaceTask *task)
{
  json_t *names = json_array ();

  for (int i = 0; i < task->n_subjects; i++)
    json_array_append_new (names, json_string (task->names[i]));
  return names;
}

/* What was used, after the model's defaults, in the form of the settings, and what it came
 * from. */
static char *
describe (const ReplaceTask *task, const MoaReplaceResult *result)
{
  g_autoptr (ReplaceSettings) used = replace_settings_copy (task->settings);

  used->params.steps = result->steps;
  used->params.guidance = result->guidance;
  used->params.freedom = result->freedom;
  used->params.base = result->base;
  used->params.fixed_point = result->fixed_point;
  used->params.max_timestep = result->max_timestep;

  g_autofree char *settings = replace_settings_to_json (used);
  json_t *object = json_loads (settings, 0, NULL);
  double seconds = 0;

  for (int i = 0; i < MOA_N_PHASES; i++)
    seconds += result->seconds[i];
  /* The settings keep an empty prompt empty, so that it fits other subjects in another run. */
  json_object_set_new (object, "prompt_used", json_string (result->prompt));
  json_object_set_new (object, "seconds", json_real (seconds));
  json_object_set_new (object, "subjects", names_to_json (task));
  json_object_set_new (object, "area",
                       json_pack ("[iiii]", task->area.x, task->area.y, task->area.width,
                                  task->area.height));
  if (gimp_item_is_valid (task->layer))
    json_object_set_new (object, "source", json_integer (gimp_item_get_tattoo (task->layer)));

  char *text = json_dumps (object, JSON_REAL_PRECISION (9) | JSON_INDENT (1));
  char *json = g_strdup (text);

  free (text);
  json_decref (object);
  return json;
}

static void
attach_parameters (gint32 group, const char *json)
{
  GimpParasite *parasite = gimp_parasite_new (REPLACE_PARASITE,
                                              GIMP_PARASITE_PERSISTENT | GIMP_PARASITE_UNDOABLE,
                                              strlen (json) + 1, json);

  gimp_item_attach_parasite (group, parasite);
  gimp_parasite_free (parasite);
}

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
  GimpParasite *parasite = gimp_item_get_parasite (group, REPLACE_PARASITE);

  *source = -1;
  if (!parasite)
    return NULL;

  g_autofree char *json = g_strndup (gimp_parasite_data (parasite),
                                     gimp_parasite_data_size (parasite));
  json_t *object = json_loads (json, 0, NULL);
  guint tattoo = json_integer_value (json_object_get (object, "source"));

  if (tattoo)
    *source = gimp_image_get_layer_by_tattoo (gimp_item_get_image (group), tattoo);
  json_decref (object);
  gimp_parasite_free (parasite);
  return replace_settings_from_json (json, NULL);
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
      MoaImage *map = drawable_scale_map (maps->layers[i], task->area.width, task->area.height);

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
add_group (const ReplaceTask *task, const MoaReplaceResult *result, const Place *place,
           GError **error)
{
  gint32 group = gimp_layer_group_new (place->image);

  gimp_item_set_name (group, _("Replace Person"));
  gimp_image_insert_layer (place->image, group, place->parent, place->position);
  set_composite_space (group);
  if (task->settings->maps && result->variations->n_maps > 0
      && !add_router_maps (task, place, group, &result->variations->maps[0], error))
    {
      gimp_image_remove_layer (place->image, group);
      return FALSE;
    }
  if (result->reconstruction)
    add_layer (place, group, _("Reconstruction"), result->reconstruction, NULL, FALSE);

  gint32 layer = add_layer (place, group, _("Result"), result->variations->image, task->alpha, TRUE);
  g_autofree char *json = describe (task, result);

  add_mask (layer, result->variations->mask);
  attach_parameters (group, json);
  gimp_image_set_active_layer (place->image, layer);
  return TRUE;
}

gint32
result_write (const ReplaceTask *task, const MoaReplaceResult *result, GError **error)
{
  Place place;

  find_place (task, &place);
  gimp_image_undo_group_start (place.image);
  gboolean success = add_group (task, result, &place, error);
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
