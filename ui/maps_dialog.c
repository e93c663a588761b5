/* The dialog of Router Maps: those that an earlier result keeps, over the result. */
#include "maps_dialog.h"

#include "fit.h"
#include "help.h"
#include "map_grid.h"
#include "mnemonics.h"
#include "pixels.h"
#include "progress.h"

#include "plugin/intl.h"
#include "plugin/record.h"
#include "plugin/result.h"
#include "plugin/router_maps.h"

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
create_dialog (MapGrid *grid, ProgressRow *row)
{
  GtkWidget *dialog = gimp_dialog_new (_("Router Maps"), "moa-router-maps", NULL, 0, show_help, PROCEDURE,
                                       _("_Add as Layers"), GTK_RESPONSE_APPLY, _("_Close"), GTK_RESPONSE_CLOSE,
                                       NULL);
  GtkWidget *content = gtk_dialog_get_content_area (GTK_DIALOG (dialog));

  gtk_container_set_border_width (GTK_CONTAINER (map_grid_get_widget (grid)), 12);
  gtk_box_pack_start (GTK_BOX (content), fit_new (map_grid_get_widget (grid)), TRUE, TRUE, 0);
  progress_row_init (row, 440);
  gtk_container_set_border_width (GTK_CONTAINER (row->box), 12);
  gtk_box_pack_start (GTK_BOX (content), row->box, FALSE, FALSE, 0);
  gtk_window_set_default_size (GTK_WINDOW (dialog), 480, 720);
  mnemonics_settle (dialog);
  return dialog;
}

static gboolean
add_layers (gint32 image, gint32 group, ProgressRow *row)
{
  g_autoptr (GError) error = NULL;

  if (router_maps_write (image, group, NULL, &error))
    progress_row_say (row, GIMP_ICON_DIALOG_INFORMATION,
                      _("The maps are in the result's group, as hidden layers. One Undo removes them."));
  else
    progress_row_say (row, GIMP_ICON_DIALOG_ERROR, error->message);
  gimp_displays_flush ();
  return error == NULL;
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

  ProgressRow row;
  GtkWidget *dialog = create_dialog (grid, &row);

  progress_row_say (&row, problem ? GIMP_ICON_DIALOG_INFORMATION : NULL, problem ? problem : "");
  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog), GTK_RESPONSE_APPLY, maps != NULL);
  while (gtk_dialog_run (GTK_DIALOG (dialog)) == GTK_RESPONSE_APPLY)
    gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog), GTK_RESPONSE_APPLY,
                                       !add_layers (image, group, &row));
  gtk_widget_destroy (dialog);
  map_grid_free (grid);
  moa_image_free (picture);
  if (maps)
    record_free_maps (maps);
}
