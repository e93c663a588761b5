/* Checkpoints: all that a training needs to go on bit for bit.  Everything
 * random is drawn by the step's number, so beside the numbers of the trained
 * parameters this is the step alone. */
#ifndef MOA_CHECKPOINT_H
#define MOA_CHECKPOINT_H

#include "train/trained.h"

typedef struct {
  guint64 step;      /* steps done */
  double seconds;    /* of training so far */
  double loss_scale; /* of gradients in float16; 0: not known */
  int since;         /* steps since it changed */
} MoaProgressMark;

/* Writes FOLDER/checkpoint-000001234.safetensors, by rename and fsync, and
 * takes away all but the last two. */
gboolean moa_checkpoint_write (const MoaTrainedSet *set, const MoaTrainConfig *config,
                               const char *folder, const MoaProgressMark *mark, GError **error);

/* Bytes that writing and reading take for a while. */
gsize moa_checkpoint_bytes (const MoaTrainedSet *set);

/* Restores the newest checkpoint that is whole; FALSE without an error: there
 * is none.  One that is damaged is passed by, and named in *warning.
 * *config: what it was made with, or NULL (transfer full). */
gboolean moa_checkpoint_read (MoaTrainedSet *set, const char *folder, MoaProgressMark *mark,
                              json_t **config, char **warning, GError **error);

#endif
