/* Generated pictures as a new image. */
#ifndef MOA_PLUGIN_GENERATE_H
#define MOA_PLUGIN_GENERATE_H

#include "moa.h"

#define GENERATE_PROCEDURE "plug-in-moa-generate"

/* A new image with a layer for each seed, the first one on top and visible; the parameters as a
 * parasite of each layer, and unless mark is FALSE a comment that says what made it.  names: of the
 * subjects, params->n_subjects of them.  The image, which has no window yet, or -1 with error set. */
gint32 generate_write (const MoaGenerateParams *params, char *const *names,
                       const MoaGenerateResult *result, MoaModel *model, gboolean mark,
                       GError **error);

#endif
