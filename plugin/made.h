/* What a picture was made of, as the JSON that it keeps: every setting of the job as it was used, so that
 * nothing is left to a model whose defaults may change. */
#ifndef MOA_PLUGIN_MADE_H
#define MOA_PLUGIN_MADE_H

#include "settings.h"

/* Of a replacement: its settings, with one seed of its variations.  The device is of this machine and left
 * out.  (transfer full) */
json_t *made_replacement (const ReplaceSettings *settings, const MoaModelInfo *info,
                          const MoaReplaceResult *result, guint64 seed);

/* Of the new picture i of a result.  names: of the subjects, params->n_subjects of them; how: with the names of
 * the model's files.  (transfer full) */
json_t *made_picture (const MoaGenerateParams *params, char *const *names, const ReplaceSettings *how,
                      const MoaModelInfo *info, const MoaGenerateResult *result, int i);

#endif
