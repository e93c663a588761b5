/* plug-in-moa-router-maps: the router maps of an earlier result, as layers or as a sheet. */
#include "router_maps.h"

#include "drawable.h"
#include "intl.h"
#include "procedures.h"
#include "record.h"
#include "result.h"

#include "ui/entries.h"

#include "icon.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

enum { ARG_RUN_MODE, ARG_IMAGE, ARG_DRAWABLE, ARG_FILE, N_ARGS };

static const GimpParamDef args[N_ARGS] = {
  PROCEDURE_ON_LAYER ("The layer group of the result, or a layer in it"),
  { GIMP_PDB_STRING, "file", "A PNG file for all maps side by side; \"\": they become hidden layers "
    "of the group" },
};

/* ---- Layers -------------------------------------------------------------- */

static gboolean
add_layers (gint32 image, gint32 group, const MoaRouterMaps *maps, char **names,
            const MoaRect *area, GError **error)
{
  int n_children, x, y;
  g_autofree int *children = gimp_item_get_children (group, &n_children);
  gint32 result = n_children > 0 ? children[0] : group;

  gimp_drawable_offsets (result, &x, &y);
  for (int l = maps->n_layers - 1; l >= 0; l--)
    {
      g_autofree char *name = g_strdup_printf (_("Router %d: %s"), l + 1, names[l]);
      MoaImage *map = drawable_scale_part (maps->layers[l], maps->width_share, maps->height_share,
                                           area->width, area->height);

      if (!map)
        {
          g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, "there is no memory for the router maps");
          return FALSE;
        }

      gint32 layer = gimp_layer_new (image, name, area->width, area->height,
                                     gimp_image_base_type (image) == GIMP_GRAY ? GIMP_GRAY_IMAGE
                                                                                : GIMP_RGB_IMAGE,
                                     100, GIMP_LAYER_MODE_NORMAL);

      gimp_item_set_visible (layer, FALSE);
      gimp_image_insert_layer (image, layer, group, n_children);
      gimp_layer_set_offsets (layer, x, y);
      drawable_write (layer, map, NULL);
      moa_image_free (map);
    }
  return TRUE;
}

/* ---- A sheet ------------------------------------------------------------- */

enum { TILE = 128, GAP = 4 };

static MoaImage *
draw_sheet (const MoaRouterMaps *maps, const MoaRect *area)
{
  int columns = ceil (sqrt (maps->n_layers));
  int rows = (maps->n_layers + columns - 1) / columns;
  double scale = (double) TILE / MAX (area->width, area->height);
  int width = MAX (1, area->width * scale), height = MAX (1, area->height * scale);
  MoaImage *sheet = moa_image_new (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP, 1);

  for (int l = 0; sheet && l < maps->n_layers; l++)
    {
      MoaImage *map = drawable_scale_part (maps->layers[l], maps->width_share, maps->height_share,
                                           width, height);
      int left = GAP + l % columns * (width + GAP), top = GAP + l / columns * (height + GAP);

      for (int y = 0; map && y < height; y++)
        memcpy (sheet->data + (gsize) (top + y) * sheet->width + left,
                map->data + (gsize) y * width, width * sizeof (float));
      if (!map)
        g_clear_pointer (&sheet, moa_image_free);
      moa_image_free (map);
    }
  return sheet;
}

/* By rename, so that a file that is there stays until the new one is whole. */
static gboolean
save (const MoaImage *sheet, const char *file, GError **error)
{
  g_autofree char *temporary = g_strconcat (file, ".part.png", NULL);
  gint32 image = gimp_image_new (sheet->width, sheet->height, GIMP_GRAY);
  gint32 layer = gimp_layer_new (image, "maps", sheet->width, sheet->height, GIMP_GRAY_IMAGE, 100,
                                 GIMP_LAYER_MODE_NORMAL);

  gimp_image_insert_layer (image, layer, -1, 0);
  drawable_write (layer, sheet, NULL);

  gboolean saved = gimp_file_save (GIMP_RUN_NONINTERACTIVE, image, layer, temporary, temporary);

  if (!saved || g_rename (temporary, file))
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_FILE, "%s cannot be written: %s", file,
                   saved ? "a file of that name cannot be replaced" : gimp_get_pdb_error ());
      g_unlink (temporary);
      saved = FALSE;
    }
  gimp_image_delete (image);
  return saved;
}

static gboolean
save_sheet (const MoaRouterMaps *maps, const MoaRect *area, const char *file, GError **error)
{
  MoaImage *sheet = draw_sheet (maps, area);
  gboolean success = sheet && save (sheet, file, error);

  if (!sheet)
    g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, "there is no memory for the router maps");
  moa_image_free (sheet);
  return success;
}

/* ---- The procedure ------------------------------------------------------- */

gboolean
router_maps_write (gint32 image, gint32 group, const char *file, GError **error)
{
  MoaRect area;
  g_auto (GStrv) names = NULL;
  g_autoptr (ReplaceSettings) settings = record_read_settings (group, NULL, &area, error);
  MoaRouterMaps *maps = settings ? record_read_maps (group, &names, error) : NULL;
  gboolean success = FALSE;

  if (maps && file && *file)
    success = save_sheet (maps, &area, file, error);
  else if (maps)
    {
      gimp_image_undo_group_start (image);
      success = add_layers (image, group, maps, names, &area, error);
      gimp_image_undo_group_end (image);
    }
  record_free_maps (maps);
  return success;
}

static gboolean
run (const GimpParam *param, GimpParam *values, GError **error)
{
  gint32 image = param[ARG_IMAGE].data.d_image;
  gint32 layer = drawable_get_layer (param[ARG_DRAWABLE].data.d_drawable, image, TRUE, error);
  gint32 group = layer >= 0 ? result_find_group (layer) : -1;

  if (layer >= 0 && group < 0)
    g_set_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT,
                 _("this layer is not a result of Replace Person: choose the layer group of one, or "
                   "a layer in it"));
  return group >= 0 && router_maps_write (image, group, param[ARG_FILE].data.d_string, error);
}

const Procedure router_maps_procedure = {
  "plug-in-moa-router-maps",
  N_("MoA: where each block of the model drew the new person"),
  "Writes the router maps of a result of Replace Person, of each transformer block: white where "
  "the picture was left to the prior, black where the new person was drawn.",
  N_("Router Ma_ps..."), moa_icon_router_maps, "RGB*, GRAY*", args, N_ARGS, 0, run, entry_router_maps
};
