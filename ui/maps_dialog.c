/* The dialog of Router Maps: those that an earlier result keeps, over the result. */
#include "maps_dialog.h"

#include "help.h"
#include "map_grid.h"
#include "mnemonics.h"
#include "pixels.h"
#include "progress.h"

#include "plugin/intl.h"
#include "plugin/record.h"
#include "plugin/result.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define PROCEDURE "plug-in-moa-router-maps"

/* What is seen of the result: the group over nothing. */
static MoaImage *
read_picture (gint32 group)
{
  GdkPixbuf *pixbuf = gimp_drawable_get_thumbnail (group, 512, 512, GIMP_PIXBUF_SMALL_CHECKS);
  MoaImage *picture = pixbuf ? pixels_from_pixbuf (pixbuf) : NULL;

  g_clear_object (&pixbuf);
  return picture;
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "maps.html");
}

static GtkWidget *
create_dialog (MapGrid *grid, const char *problem)
{
  GtkWidget *dialog = gimp_dialog_new (_("Router Maps"), "moa-router-maps", NULL, 0, show_help, PROCEDURE,
                                       _("_Close"), GTK_RESPONSE_CLOSE, NULL);
  GtkWidget *content = gtk_dialog_get_content_area (GTK_DIALOG (dialog));
  ProgressRow row;

  gtk_container_set_border_width (GTK_CONTAINER (map_grid_get_widget (grid)), 12);
  gtk_box_pack_start (GTK_BOX (content), map_grid_get_widget (grid), TRUE, TRUE, 0);
  progress_row_init (&row, 440);
  progress_row_say (&row, problem ? GIMP_ICON_DIALOG_INFORMATION : NULL, problem ? problem : "");
  gtk_container_set_border_width (GTK_CONTAINER (row.box), 12);
  gtk_box_pack_start (GTK_BOX (content), row.box, FALSE, FALSE, 0);
  gtk_window_set_default_size (GTK_WINDOW (dialog), 480, 640);
  mnemonics_settle (dialog);
  return dialog;
}

void
maps_dialog_run (gint32 image, gint32 drawable)
{
  gint32 group = result_find_group (drawable);
  g_auto (GStrv) names = NULL;
  g_autoptr (GError) error = NULL;
  MoaRouterMaps *maps = group >= 0 ? record_read_maps (group, &names, &error) : NULL;
  MapGrid *grid = map_grid_new (NULL, NULL);
  MoaImage *picture = group >= 0 ? read_picture (group) : NULL;
  const char *problem = group < 0 ? _("This layer is not a result: choose the layer group that Replace Person "
                                      "made, or a layer in it.")
                        : error ? error->message : NULL;

  if (maps)
    {
      map_grid_set_layers (grid, (const char *const *) names, maps->n_layers);
      map_grid_add (grid, maps, 1);
    }
  map_grid_set_picture (grid, picture);

  GtkWidget *dialog = create_dialog (grid, problem);
  gtk_dialog_run (GTK_DIALOG (dialog));
  gtk_widget_destroy (dialog);
  map_grid_free (grid);
  moa_image_free (picture);
  if (maps)
    record_free_maps (maps);
}
