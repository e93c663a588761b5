/* `moa train`: one program for all stages. */
#ifndef MOA_TRAIN_H
#define MOA_TRAIN_H

#include <gio/gio.h>

#include "device/device.h"
#include "train/config.h"

typedef struct {
  int n_threads;               /* 0: all processors, shared by the ranks of a machine */
  /* See moa_train_device(); of several ranks on a machine each takes a card of its own. */
  const char *device;
  gboolean resume;             /* go on from FOLDER's last checkpoint */
  GCancellable *cancellable;   /* finishes the step, saves, and ends in good order */
  guint64 stop_at;             /* the same after that step; 0: none */
  /* A line for a person: what happens; from the first rank alone. */
  void (*tell) (const char *line, gpointer data);
  /* Of several ranks, the one that fails says here why, "rank 1 of 2: ...", before it ends them
   * all, itself with them: moa_train() does not return then. */
  void (*fail) (const char *message, gpointer data);
  gpointer data;
} MoaTrainRun;

/* moa_device_open(), but in float32 unless it says f16 or bf16, whatever the card would choose for pictures.
 * (transfer full) */
MoaDevice *moa_train_device (const char *name, GError **error);

/* Trains into FOLDER: model/, checkpoint-*.safetensors, config.json,
 * log.jsonl, log.svg.  TRUE when done, or stopped as asked for. */
gboolean moa_train (const MoaTrainConfig *config, const char *folder, const MoaTrainRun *run,
                    GError **error);

#endif
