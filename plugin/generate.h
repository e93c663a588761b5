/* Drawn pictures as layers of a new image. */
#ifndef MOA_PLUGIN_GENERATE_H
#define MOA_PLUGIN_GENERATE_H

#include "settings.h"

#define GENERATE_PROCEDURE "plug-in-moa-generate"

/* An empty image without undo, which gimp_image_undo_enable() brings when all is there; unless mark is
 * FALSE with a comment that says what made it.  It has no window yet.  -1 with error set. */
int generate_image_new (int width, int height, gboolean mark, GError **error);

/* A picture as the top layer of parent (-1: of the image), with what it was made of (or NULL) as a
 * parasite.  Returns the layer. */
int generate_add_picture (int image, int parent, const MoaImage *picture, const char *name,
                          const char *json);

/* FALSE, and an error that says what to do instead, if item is what Generate, Morph, Time Lapse or Story
 * drew, or a page of a story. */
gboolean generate_check_other (int item, GError **error);

/* A new image with a layer for each seed, the first one on top and visible; arguments as of made_picture().
 * -1 with error set. */
int generate_write (const MoaGenerateParams *params, char *const *names,
                    const MoaGenerateResult *result, const ReplaceSettings *how, const MoaModelInfo *info,
                    GError **error);

#endif
