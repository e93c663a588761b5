/* Where photos of subjects come from: layers of all open images, files, saved subjects. */
#include "sources.h"

#include "pixels.h"

#include "plugin/drawable.h"
#include "plugin/intl.h"
#include "plugin/result.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

static gboolean
look_at_layer (gint32 layer, int side, GdkPixbuf **thumbnail, char **label)
{
  if (!gimp_item_is_valid (layer) || !gimp_item_is_layer (layer))
    return FALSE;

  int n_layers;
  g_autofree char *name = gimp_item_get_name (layer);
  g_autofree char *image = gimp_image_get_name (gimp_item_get_image (layer));
  g_autofree int *layers = gimp_image_get_layers (gimp_item_get_image (layer), &n_layers);

  /* A photo that was opened is one layer with the photo's name. */
  *label = n_layers > 1 ? g_strdup_printf ("%s (%s)", name, image) : g_strdup (name);
  *thumbnail = gimp_drawable_get_thumbnail (layer, side, side, GIMP_PIXBUF_SMALL_CHECKS);
  return *thumbnail != NULL;
}

static gboolean
look_at_file (const char *path, int side, GdkPixbuf **thumbnail, char **label)
{
  *thumbnail = gdk_pixbuf_new_from_file_at_scale (path, side, side, TRUE, NULL);
  if (!*thumbnail)
    return FALSE;
  *label = g_filename_display_basename (path);
  return TRUE;
}

static gboolean
look_at_saved (const char *path, int side, GdkPixbuf **thumbnail, char **label)
{
  MoaSavedSubject *saved = moa_saved_subject_load (path, NULL);

  if (!saved)
    return FALSE;
  *label = g_strdup (*saved->name ? saved->name : _("Without a name"));
  *thumbnail = pixels_to_thumbnail (saved->thumbnail, side);
  moa_saved_subject_free (saved);
  return TRUE;
}

gboolean
source_look (const char *source, int side, GdkPixbuf **thumbnail, char **label)
{
  if (g_str_has_prefix (source, SOURCE_SAVED))
    return look_at_saved (source + strlen (SOURCE_SAVED), side, thumbnail, label);
  if (g_path_is_absolute (source))
    return look_at_file (source, side, thumbnail, label);
  return look_at_layer (g_ascii_strtoll (source, NULL, 10), side, thumbnail, label);
}

static MoaImage *
read_file (const char *path, GError **error)
{
  GdkPixbuf *stored = gdk_pixbuf_new_from_file (path, error);

  if (!stored)
    return NULL;

  /* As the camera was held. */
  GdkPixbuf *upright = gdk_pixbuf_apply_embedded_orientation (stored);
  MoaImage *photo = pixels_from_pixbuf (upright);

  g_object_unref (stored);
  g_object_unref (upright);
  if (!photo)
    g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, _("there is no memory for the picture \"%s\""), path);
  return photo;
}

gboolean
source_read (const char *source, MoaImage **photo, MoaSavedSubject **saved, GError **error)
{
  *photo = NULL;
  *saved = NULL;
  if (g_str_has_prefix (source, SOURCE_SAVED))
    *saved = moa_saved_subject_load (source + strlen (SOURCE_SAVED), error);
  else if (g_path_is_absolute (source))
    *photo = read_file (source, error);
  else
    {
      gint32 layer = drawable_get_layer (g_ascii_strtoll (source, NULL, 10), -1, TRUE, error);

      *photo = layer >= 0 ? drawable_read_rgba (layer, error) : NULL;
    }
  return *photo || *saved;
}

static void
collect_layers (int n_layers, int *layers, gint32 target, GPtrArray *found)
{
  for (int i = 0; i < n_layers; i++)
    {
      int n_children;

      if (layers[i] == target || result_find_group (layers[i]) >= 0)
        continue;
      if (gimp_item_is_group (layers[i]))
        {
          g_autofree int *children = gimp_item_get_children (layers[i], &n_children);

          collect_layers (n_children, children, target, found);
        }
      else
        g_ptr_array_add (found, g_strdup_printf ("%d", layers[i]));
    }
}

char **
source_list_layers (gint32 target)
{
  int n_images, n_layers;
  g_autofree int *images = gimp_image_list (&n_images);
  GPtrArray *found = g_ptr_array_new ();

  for (int i = 0; i < n_images; i++)
    {
      g_autofree int *layers = gimp_image_get_layers (images[i], &n_layers);

      collect_layers (n_layers, layers, target, found);
    }
  g_ptr_array_add (found, NULL);
  return (char **) g_ptr_array_free (found, FALSE);
}
