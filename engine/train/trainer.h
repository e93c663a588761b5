/* A training under way: what the loop (trainer.c) and the stages share. */
#ifndef MOA_TRAINER_H
#define MOA_TRAINER_H

#include "device/collective.h"
#include "train/checkpoint.h"
#include "train/data.h"
#include "train/group.h"
#include "train/log.h"
#include "train/sheet.h"

#define MOA_MAX_LOSS_PARTS 12

typedef struct _MoaTrainer MoaTrainer;

/* A graph with a loss and its gradients. */
typedef struct {
  MoaGraph *graph;
  int n_parts;
  const char *part_name[MOA_MAX_LOSS_PARTS];
  MoaTensor *part[MOA_MAX_LOSS_PARTS];
  MoaTensor **gradients;   /* of the trained set */
  MoaTensor *scale;        /* input: what the gradients are scaled by in float16; NULL: by nothing */
} MoaTrainGraph;

/* How a step is made: micro batches of so many items, over all ranks. */
typedef struct {
  MoaTrainGraph *graph;
  int items, micros;
} MoaStepPlan;

/* What is trained and how: one for each value of "stage". */
typedef struct {
  guint parts;           /* bits of the parts that it computes with; see moa_stage_parts() */
  /* More of them, as configured; or NULL. */
  guint (*more_parts) (const MoaTrainConfig *config);
  gsize state_size;      /* of trainer->state, zeros at first */
  void (*options) (const MoaTrainer *t, MoaDataOptions *options);
  /* Declares the parameters that are no model's, heads and a LoRA; or NULL. */
  gboolean (*declare) (MoaTrainer *t, GError **error);
  /* Builds its graphs, by moa_trainer_graph() and moa_trainer_loss(). */
  gboolean (*build) (MoaTrainer *t, GError **error);
  /* Once the graphs can run, and before the first step; or NULL. */
  gboolean (*begin) (MoaTrainer *t, GError **error);
  MoaStepPlan (*plan) (MoaTrainer *t, guint64 step);
  /* Sets a micro batch's inputs. */
  gboolean (*fill) (MoaTrainer *t, const MoaStepPlan *plan, MoaDataItem *const *items,
                    GError **error);
  /* Adds numbers of what was held out, with the averages as parameters. */
  gboolean (*validate) (MoaTrainer *t, json_t *out, GError **error);
  /* Draws a sheet of what it can do so far, with the averages as parameters; or NULL. */
  gboolean (*sample) (MoaTrainer *t, const char *path, GError **error);
  /* Before the model is written, with the averages as parameters, which it may change; or NULL. */
  gboolean (*finish) (MoaTrainer *t, GError **error);
  void (*clear) (MoaTrainer *t);
} MoaStage;

extern const MoaStage moa_stage_vae, moa_stage_encoders, moa_stage_prior, moa_stage_moa,
  moa_stage_judge;

struct _MoaTrainer {
  const MoaTrainConfig *config;
  const MoaStage *stage;
  gpointer state;        /* the stage's */
  char *folder, *model;  /* FOLDER, FOLDER/model */
  MoaCpu *cpu;
  MoaGroup *group;
  MoaCollective *cards;  /* of the group's ranks; NULL: they compute on the host, or it is one */
  MoaParts parts;
  MoaTrainedSet set;
  MoaWorkspace *workspace;
  GPtrArray *graphs;     /* (element-type MoaGraph), owned */
  MoaDataSource *source, *held_out;
  MoaDataQueue *queue;
  gsize kept_bytes;      /* of what stages keep beside the graphs' own memory */
  MoaProgressMark mark;  /* mark.step: steps done */
};

/* Bits of the parts that its stage computes with. */
guint moa_trainer_parts (const MoaTrainer *t);
/* For stages: a new graph, freed with the trainer. */
/* The usual ones, with the sizes and the words of the model. */
void moa_trainer_data_options (const MoaTrainer *t, MoaDataOptions *options);
MoaGraph *moa_trainer_graph (MoaTrainer *t);
/* An input of a graph, set before each run. */
MoaTensor *moa_trainer_input (MoaGraph *g, const char *name, MoaShape shape);
/* Adds a part of the loss to report: its mean over micro batches. */
void moa_train_graph_part (MoaTrainGraph *tg, const char *name, MoaTensor *value);
/* The gradients of loss, and the plan; loss itself is reported too. */
gboolean moa_trainer_loss (MoaTrainer *t, MoaTrainGraph *tg, MoaTensor *loss, GError **error);
void moa_train_graph_clear (MoaTrainGraph *tg);

/* Philox streams of an item, so that what is drawn for one use never moves another. */
typedef enum { MOA_USE_NOISE, MOA_USE_TIME, MOA_USE_DROP, MOA_USE_CROP,
               MOA_USE_GENERIC, MOA_USE_PHOTO, MOA_USE_PATH } MoaUse;
void moa_trainer_normal (const MoaTrainer *t, guint64 item, MoaUse use, float *out, gsize n);
/* Number `index` of the item's uniform numbers. */
double moa_trainer_unit (const MoaTrainer *t, guint64 item, MoaUse use, guint index);

/* How far the training is: 0 to 1, as of the step being made. */
double moa_trainer_progress (const MoaTrainer *t);

/* Graphs that several losses are made of. */
MoaTensor *moa_mean (MoaGraph *g, MoaTensor *x);
MoaTensor *moa_subtract (MoaGraph *g, MoaTensor *a, MoaTensor *b);

#endif
