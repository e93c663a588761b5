/* What tells one set of weights from another. */
#ifndef MOA_JOB_FINGERPRINT_H
#define MOA_JOB_FINGERPRINT_H

#include "jobs/model.h"

/* Adds a part's tensors: names, shapes and some numbers of each, as a job
 * would read them (whatever file they come from, and with what is added to
 * it).  Reads little, so that a model of gigabytes takes milliseconds. */
gboolean moa_fingerprint_add (GChecksum *sum, MoaModel *model, MoaParams *params, GError **error);

/* What stands for an image encoder's where faces are seen by embeddings from elsewhere. */
#define MOA_FACE_EMBEDDING "face embedding"
/* Of all that the model makes pictures with.  (transfer full) */
char *moa_fingerprint_model (MoaModel *model, GError **error);

/* Of the image encoder, with how it takes pictures: features of encoders with
 * the same one can be exchanged.  (transfer full) */
char *moa_fingerprint_encoder (MoaModel *model, GError **error);

#endif
