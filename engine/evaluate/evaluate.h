/* `moa evaluate`: what a model can do on held-out pictures of the drawn world,
 * in numbers, a table and a sheet of pictures. */
#ifndef MOA_EVALUATE_H
#define MOA_EVALUATE_H

#include <jansson.h>

#include "evaluate/metrics.h"
#include "moa.h"

/* What is taken away from the model, one at a time (as the paper does). */
typedef enum {
  MOA_ABLATE_ROUTER,    /* no mixture: the personalised experts alone, everywhere */
  MOA_ABLATE_FUSER,     /* the fuser does not know timestep and layer */
  MOA_ABLATE_INVERSION, /* fresh noise instead of the picture's own */
  MOA_N_ABLATIONS
} MoaAblation;

const char *moa_ablation_name (MoaAblation ablation); /* "router", "fuser", "inversion" */

typedef struct {
  guint64 seed;
  int count;        /* swaps of one person, and prompts of one person */
  int pairs;        /* pictures of two people; below 0: half of count, rounded up */
  gboolean words;   /* also draw from words alone (needs a judge) */
  int steps;        /* 0, and the next four below 0: the model's own */
  int guidance_max_timestep;
  double guidance, guidance_rescale, freedom;
  const char *judge; /* its folder; NULL: judge/ in the model's, if it is there */
  guint ablations;   /* bits */
  /* Others to stand beside it, "NAME=FOLDER": trained without the router loss, say; NULL ended. */
  const char *const *others;
  int sheet_rows;    /* pictures on the sheet; 0: no sheet */
  /* Called after each picture. */
  void (*tell) (const char *what, int done, int n, gpointer data);
  gpointer data;
} MoaEvaluateParams;

/* 100 swaps, half as many pairs, words, the model's own settings. */
void moa_evaluate_params_init (MoaEvaluateParams *params);

typedef struct {
  json_t *json;
  char *markdown;
  MoaImage *sheet;  /* or NULL */
  char **warnings;  /* NULL ended */
} MoaEvaluation;

/* The same numbers each time: all that is random comes from the seed. */
MoaEvaluation *moa_evaluate (MoaModel *model, const MoaEvaluateParams *params, const MoaRun *run,
                             GError **error);
void moa_evaluation_free (MoaEvaluation *evaluation);

/* Opens the model again without one of its means. */
MoaModel *moa_model_open_ablated (const char *path, MoaAblation ablation, GError **error);

#endif
