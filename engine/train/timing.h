/* What a training step takes: measured before a training, with the model's shapes alone. */
#ifndef MOA_TIMING_H
#define MOA_TIMING_H

#include "graph/graph.h"
#include "train/config.h"

typedef struct {
  int items;             /* of one micro batch */
  int threads, runs;
  gsize trained;         /* numbers that are trained */
  /* Bytes: results and gradients, with inputs and outputs; weights; moments, averages and sums. */
  gsize work_bytes, weight_bytes, moment_bytes;
  /* Seconds, medians of the runs.  data: pictures drawn, and their latents made, measured once;
   * gradients: forward and back; update: clipping, AdamW and averages; processor: of a whole step,
   * all threads' own, which hardly changes when other programs run as well. */
  double data, gradients, update, processor;
  double loss[2];        /* of the first run and of the last: the same batch, so it falls */
  double norm;           /* of the last gradients */
} MoaStepTiming;

/* Makes `runs` steps (and one before them that is not counted) of one micro batch of the stage
 * "prior" or "moa" on pictures of the drawn world, whatever the configuration's data is.  model: a
 * folder, of which the configurations are enough; nothing is written to it.  Parts without weights
 * get random ones, none of them zero, so that no gradient is.  profile, which may be NULL, sees the
 * ops of one more run.  cpu says where: (transfer full) */
gboolean moa_train_time (const MoaTrainConfig *config, const char *model, MoaCpu *cpu, int runs,
                         MoaProfileFunc profile, gpointer data, MoaStepTiming *out, GError **error);

#endif
