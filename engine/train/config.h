/* What is trained, on what and how: the configuration of `moa train`, JSON.
 * All keys, their limits and defaults are in config.c's table. */
#ifndef MOA_TRAIN_CONFIG_H
#define MOA_TRAIN_CONFIG_H

#include "io/json.h"

typedef enum {
  MOA_STAGE_VAE,
  MOA_STAGE_ENCODERS,
  MOA_STAGE_PRIOR,
  MOA_STAGE_MOA,
  MOA_STAGE_JUDGE,
  MOA_N_STAGES
} MoaStageKind;

/* Parameters of names that match have their own rates, as factors. */
typedef struct {
  char *match;
  double lr, decay;
} MoaTrainGroup;

/* Up to `until` of all steps, crops of that side. */
typedef struct {
  double until;
  int crop, batch;
} MoaVaePhase;
#define MOA_MAX_PHASES 8

/* Of 16 bits: the trained parameters, rounded from float32 masters, which AdamW moves and
 * checkpoints hold. */
typedef enum { MOA_WEIGHTS_F32, MOA_WEIGHTS_BF16, MOA_WEIGHTS_F16 } MoaTrainWeights;

typedef struct {
  json_t *json;        /* every value */
  MoaStageKind stage;
  char *model;         /* folder to start from */
  char **fresh;        /* its parts that start anew though they have weights */
  char **train;        /* patterns of parameters, "vae/decoder.*" */
  guint64 seed;
  int steps, batch, micro_batch;
  gboolean half;       /* the model is written in 16 bits */
  int weights;         /* MoaTrainWeights: what the graphs compute with */
  int checkpointing;   /* MoaUnetKeep: activations of the U-Net that are kept for the backward pass */

  struct {
    double lr, beta1, beta2, eps, decay, clip, average, final;
    double loss_scale;   /* that float16 gradients start with, see trainer.c */
    int warmup;
    gboolean cosine;
    MoaTrainGroup *groups;
    int n_groups;
  } optimizer;

  struct {
    int log, checkpoint, validate, samples; /* samples 0: none */
  } every;

  struct {
    int source;        /* MoaTrainSource */
    char *path;
    guint64 seed;
    int pictures;      /* different ones; then they come again */
    int held_out;
    int threads;
    /* Of folders: */
    gboolean augment;
    int others;        /* MoaOthers */
    double alone;
  } data;

  struct {
    MoaVaePhase phases[MOA_MAX_PHASES];
    int n_phases;
    double l1, mse, gradient, kl, pull, pull_until, person_crops;
    gboolean whiten;
  } vae;

  struct {
    double measures, classes, identity, text;
    int captions;
  } encoders;

  struct {
    double caption_drop, min_snr, described, swap;
    int lora_rank;       /* 0: no LoRA, the networks themselves are trained */
    char **lora_layers;  /* patterns of the U-Net's layers, "*.attn*.to_*" */
    gboolean controlnet; /* a ControlNet is trained, which sees the data's condition pictures */
  } prior;

  struct {
    double lambda_router, lambda_object, router_from, router_ramp;
    gboolean balanced, all_blocks, masked, space_time;
    double swap, swap_path, condition_drop, subject_drop, generic, min_snr;
    int t_max, swap_t_min, swap_path_from;
  } moa;
} MoaTrainConfig;

typedef enum { MOA_SOURCE_WORLD, MOA_SOURCE_FASTCOMPOSER, MOA_SOURCE_PLAIN } MoaTrainSource;

/* Reads a file; relative folders in it are seen from where it lies. */
gboolean moa_train_config_read (const char *path, MoaTrainConfig *config, GError **error);
/* From a JSON object, which need not have every value; where is for messages. */
gboolean moa_train_config_parse (json_t *json, const char *where, MoaTrainConfig *config,
                                 GError **error);
void moa_train_config_clear (MoaTrainConfig *config);

const char *moa_stage_name (MoaStageKind kind);

/* Every value that counts in this stage, a line for each section.  (transfer full) */
char **moa_train_config_lines (const MoaTrainConfig *config);
/* What a training that goes on has otherwise than `before`, the configuration so far (values that
 * it lacks had their defaults): "optimizer.lr is 0.1, was 0.2" each.  What counts only at the start
 * is left out.  (transfer full) */
char **moa_train_config_changes (const MoaTrainConfig *config, json_t *before);

#endif
