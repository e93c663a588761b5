/* The dialog of Router Maps: those that an earlier result keeps as layers, over the result. */
#include "maps_dialog.h"

#include "help.h"
#include "map_grid.h"
#include "progress.h"

#include "plugin/drawable.h"
#include "plugin/intl.h"
#include "plugin/result.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

#define PROCEDURE "plug-in-moa-router-maps"

typedef struct {
  MoaRouterMaps maps;
  GPtrArray *layers; /* of MoaImage */
  GPtrArray *names;
  MoaImage *picture;
} Maps;

/* The first channel; a map's layer is gray. */
static MoaImage *
read_map (gint32 layer)
{
  MoaRect area = { 0, 0, gimp_drawable_width (layer), gimp_drawable_height (layer) };
  MoaImage *rgb = drawable_read_rgb (layer, &area, NULL, NULL);
  MoaImage *map = rgb ? moa_image_new (rgb->width, rgb->height, 1) : NULL;

  for (gsize i = 0; map && i < (gsize) map->width * map->height; i++)
    map->data[i] = rgb->data[3 * i];
  moa_image_free (rgb);
  return map;
}

/* A map is named "Router 3: block" in the user's language. */
static const char *
find_block (const char *name)
{
  const char *colon = strstr (name, ": ");

  return colon && (g_str_has_suffix (name, ".0") || strstr (colon, "block")) ? colon + 2 : NULL;
}

static void
read_group (Maps *maps, gint32 group)
{
  int n_children;
  g_autofree int *children = gimp_item_get_children (group, &n_children);

  for (int i = 0; i < n_children; i++)
    {
      g_autofree char *name = gimp_item_get_name (children[i]);
      MoaImage *map = find_block (name) ? read_map (children[i]) : NULL;

      if (map)
        {
          g_ptr_array_add (maps->layers, map);
          g_ptr_array_add (maps->names, g_strdup (find_block (name)));
        }
      else if (gimp_item_get_visible (children[i]) && !maps->picture)
        {
          MoaRect area = { 0, 0, gimp_drawable_width (children[i]), gimp_drawable_height (children[i]) };

          maps->picture = drawable_read_rgb (children[i], &area, NULL, NULL);
        }
    }
  maps->maps = (MoaRouterMaps){ .step = -1, .timestep = -1, .layers = (MoaImage **) maps->layers->pdata,
                                .n_layers = maps->layers->len, .width_share = 1, .height_share = 1 };
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "maps.html");
}

static GtkWidget *
create_dialog (Maps *maps, MapGrid *grid, const char *problem)
{
  GtkWidget *dialog = gimp_dialog_new (_("Router Maps"), "moa-router-maps", NULL, 0, show_help, PROCEDURE,
                                       _("_Close"), GTK_RESPONSE_CLOSE, NULL);
  GtkWidget *content = gtk_dialog_get_content_area (GTK_DIALOG (dialog));
  ProgressRow row;

  map_grid_set_layers (grid, (const char *const *) maps->names->pdata, maps->names->len);
  map_grid_set_picture (grid, maps->picture);
  if (maps->layers->len)
    map_grid_add (grid, &maps->maps, 1);
  gtk_container_set_border_width (GTK_CONTAINER (map_grid_get_widget (grid)), 12);
  gtk_box_pack_start (GTK_BOX (content), map_grid_get_widget (grid), TRUE, TRUE, 0);
  progress_row_init (&row, 440);
  progress_row_say (&row, problem ? GIMP_ICON_DIALOG_INFORMATION : NULL, problem ? problem : "");
  gtk_container_set_border_width (GTK_CONTAINER (row.box), 12);
  gtk_box_pack_start (GTK_BOX (content), row.box, FALSE, FALSE, 0);
  gtk_window_set_default_size (GTK_WINDOW (dialog), 480, 640);
  return dialog;
}

void
maps_dialog_run (gint32 image, gint32 drawable)
{
  gint32 group = result_find_group (drawable);
  Maps maps = { .layers = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_image_free),
                .names = g_ptr_array_new_with_free_func (g_free) };
  MapGrid *grid = map_grid_new (NULL, NULL);
  const char *problem = NULL;

  if (group >= 0)
    read_group (&maps, group);
  if (group < 0)
    problem = _("This layer is not a result: choose the layer group that Replace Person made, or a layer in "
                "it.");
  else if (!maps.layers->len)
    problem = _("This result keeps no router maps: tick \"Add the router maps\" under Advanced and run again.");

  GtkWidget *dialog = create_dialog (&maps, grid, problem);
  gtk_dialog_run (GTK_DIALOG (dialog));
  gtk_widget_destroy (dialog);
  map_grid_free (grid);
  g_ptr_array_unref (maps.layers);
  g_ptr_array_unref (maps.names);
  moa_image_free (maps.picture);
}
