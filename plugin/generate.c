/* Drawn pictures as layers of a new image, with their parameters as parasites: see generate.h. */
#include "generate.h"

#include "drawable.h"
#include "intl.h"
#include "made.h"
#include "options.h"

#include <string.h>

#define PARASITE "moa-generate"
#define MARK "This picture was drawn with MoA for GIMP."

static GimpParasite *
parasite_new (const char *name, const char *text)
{
  return gimp_parasite_new (name, GIMP_PARASITE_PERSISTENT, strlen (text) + 1, text);
}

int
generate_image_new (int width, int height, gboolean mark, GError **error)
{
  gint32 image = gimp_image_new (width, height, GIMP_RGB);

  if (image < 0)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, "%s", _("GIMP could not make a new image"));
      return -1;
    }
  gimp_image_undo_disable (image);
  if (mark)
    {
      GimpParasite *comment = parasite_new ("gimp-comment", MARK);

      gimp_image_attach_parasite (image, comment);
      gimp_parasite_free (comment);
    }
  return image;
}

int
generate_add_picture (int image, int parent, const MoaImage *picture, const char *name,
                      const char *json)
{
  gint32 layer = gimp_layer_new (image, name, picture->width, picture->height, GIMP_RGB_IMAGE, 100,
                                 GIMP_LAYER_MODE_NORMAL);

  gimp_image_insert_layer (image, layer, parent, 0);
  drawable_write (layer, picture, NULL);
  if (json)
    {
      GimpParasite *parasite = parasite_new (PARASITE, json);

      gimp_item_attach_parasite (layer, parasite);
      gimp_parasite_free (parasite);
    }
  return layer;
}

static gboolean
is_drawn (int item)
{
  GimpParasite *parasite = gimp_item_get_parasite (item, PARASITE);
  gboolean drawn = parasite != NULL;
  int n = 0;
  g_autofree int *children = gimp_item_is_group (item) ? gimp_item_get_children (item, &n) : NULL;

  gimp_parasite_free (parasite);
  for (int i = 0; i < n; i++)
    drawn |= is_drawn (children[i]);
  return drawn;
}

gboolean
generate_check_other (int item, GError **error)
{
  g_autofree char *name = gimp_item_get_name (item);

  return !is_drawn (item)
         || options_fail (error, _("\"%s\" is a new picture, with nobody replaced in it: open Generate, Morph, Time "
                          "Lapse or Story again, which still have the settings of the last time, and change seed "
                          "or settings there"), name);
}

int
generate_write (const MoaGenerateParams *params, char *const *names,
                const MoaGenerateResult *result, const ReplaceSettings *how, const MoaModelInfo *info,
                GError **error)
{
  const MoaImage *first = result->images[0];
  gint32 image = generate_image_new (first->width, first->height, how->mark, error);

  for (int i = result->n_images - 1; image >= 0 && i >= 0; i--)
    {
      g_autofree char *json = options_print (made_picture (params, names, how, info, result, i));
      g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, params->seeds[i]);
      g_autofree char *name = g_strdup_printf (_("Seed %s"), number);

      gimp_item_set_visible (generate_add_picture (image, -1, result->images[i], name, json), i == 0);
    }
  if (image >= 0)
    gimp_image_undo_enable (image);
  return image;
}
