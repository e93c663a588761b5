/* Generated pictures as a new image: a layer for each seed, with its parameters as a parasite. */
#include "generate.h"

#include "drawable.h"
#include "intl.h"
#include "options.h"

#include <string.h>

#define PARASITE "moa-generate"
#define MARK "This picture was drawn with MoA for GIMP."

static char *
describe (const MoaGenerateParams *params, char *const *names, const MoaGenerateResult *result,
          int i, MoaModel *model)
{
  json_t *subjects = json_array ();

  for (int k = 0; k < params->n_subjects; k++)
    json_array_append_new (subjects, json_string (names[k]));
  return options_print (json_pack (
    "{s:i, s:s, s:s, s:s, s:I, s:i, s:f, s:b, s:o}", "version", 1, "prompt", params->prompt,
    "negative", params->negative ? params->negative : "", "model", moa_model_get_info (model)->path,
    "seed", (json_int_t) params->seeds[i], "steps", result->steps, "guidance", result->guidance,
    "prior_only", params->prior_only, "subjects", subjects));
}

static void
attach (GimpParasite *parasite, gint32 image, gint32 layer)
{
  if (layer >= 0)
    gimp_item_attach_parasite (layer, parasite);
  else
    gimp_image_attach_parasite (image, parasite);
  gimp_parasite_free (parasite);
}

static void
add_picture (gint32 image, const MoaImage *picture, guint64 seed, const char *json,
             gboolean visible)
{
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, seed);
  g_autofree char *name = g_strdup_printf (_("Seed %s"), number);
  gint32 layer = gimp_layer_new (image, name, picture->width, picture->height, GIMP_RGB_IMAGE, 100,
                                 GIMP_LAYER_MODE_NORMAL);

  gimp_item_set_visible (layer, visible);
  gimp_image_insert_layer (image, layer, -1, 0);
  drawable_write (layer, picture, NULL);
  attach (gimp_parasite_new (PARASITE, GIMP_PARASITE_PERSISTENT, strlen (json) + 1, json), image,
          layer);
}

gint32
generate_write (const MoaGenerateParams *params, char *const *names,
                const MoaGenerateResult *result, MoaModel *model, gboolean mark, GError **error)
{
  gint32 image = gimp_image_new (result->images[0]->width, result->images[0]->height, GIMP_RGB);

  if (image < 0)
    {
      g_set_error (error, MOA_ERROR, MOA_ERROR_MEMORY, "%s", _("GIMP could not make a new image"));
      return -1;
    }
  gimp_image_undo_disable (image);
  for (int i = result->n_images - 1; i >= 0; i--)
    {
      g_autofree char *json = describe (params, names, result, i, model);

      add_picture (image, result->images[i], params->seeds[i], json, i == 0);
    }
  if (mark)
    attach (gimp_parasite_new ("gimp-comment", GIMP_PARASITE_PERSISTENT, strlen (MARK) + 1, MARK),
            image, -1);
  gimp_image_undo_enable (image);
  return image;
}
