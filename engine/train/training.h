/* A run of moa_train(): what its opening (open.c) and its loop (trainer.c) share. */
#ifndef MOA_TRAINING_H
#define MOA_TRAINING_H

#include "train/train.h"
#include "train/trainer.h"

/* What one report is about. */
typedef struct {
  double sum[MOA_MAX_LOSS_PARTS], norm, rate;
  const char *name[MOA_MAX_LOSS_PARTS];
  int n_parts, micros, steps;
  int left_out;        /* of the steps, for float16 overflowed */
  guint64 items;
  gint64 start;        /* time, microseconds */
} MoaInterval;

typedef struct {
  MoaTrainer t;
  const MoaTrainRun *run;
  MoaTrainLog *log;
  int lock;            /* the folder's, of the first rank; -1: none */
  MoaInterval interval;
  guint n_broken;      /* pictures of this rank that the first one was told of */
  GHashTable *broken;  /* of the first rank: "NAME: why" of all */
} MoaTraining;

/* Says a line, on the first rank. */
void moa_training_tell (MoaTraining *training, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Everything up to the first step: the folder, data, graphs, memory, parameters, checkpoint. */
gboolean moa_training_open (MoaTraining *training, GError **error);
void moa_training_clear (MoaTraining *training);

#endif
