/* What the files of an evaluation share. */
#ifndef MOA_EVALUATOR_H
#define MOA_EVALUATOR_H

#include "evaluate/case.h"
#include "evaluate/evaluate.h"
#include "evaluate/judge.h"

/* ---- The autoencoder alone -------------------------------------------- */

typedef struct _MoaRoundTrip MoaRoundTrip;

/* For pictures of side x side. */
MoaRoundTrip *moa_round_trip_new (MoaModel *model, int side, const MoaRun *run, GError **error);
void moa_round_trip_free (MoaRoundTrip *trip);
/* The picture as the autoencoder gives it back.  (transfer full) */
MoaImage *moa_round_trip (MoaRoundTrip *trip, const MoaImage *picture, GError **error);

/* ---- A model under test ----------------------------------------------- */

typedef struct {
  const MoaEvaluateParams *params;
  MoaModel *model;
  MoaRun run;
  MoaWorld *world;        /* of the model's sizes */
  MoaJudge *judge;        /* or NULL */
  MoaRoundTrip *vae;      /* or NULL: a swap's numbers of the model's other parts are not wanted */
  gboolean fresh_noise;   /* the ablation of the inversion */
} MoaEvaluator;

/* The pictures of a swap. */
typedef struct {
  MoaImage *source, *photo, *result, *truth, *mask, *router;
} MoaSheetRow;

void moa_sheet_row_clear (MoaSheetRow *row);

/* The settings that the swaps ran with, after defaults. */
typedef struct {
  int steps, fixed_point, max_timestep, guidance_max_timestep;
  double guidance, guidance_rescale, freedom;
} MoaUsedSettings;

/* Replaces the case's people, and adds to scores.  row and used may be NULL. */
gboolean moa_evaluate_swap (const MoaEvaluator *e, const MoaCase *c, MoaScores *scores,
                            MoaSheetRow *row, MoaUsedSettings *used, GError **error);

/* Draws the case's caption with its people (prior_only: with nobody's photo),
 * and adds to scores.  Needs the judge. */
gboolean moa_evaluate_words (const MoaEvaluator *e, const MoaCase *c, gboolean prior_only,
                             MoaScores *scores, GError **error);

/* ---- Results ---------------------------------------------------------- */

typedef struct {
  char *name;
  MoaScores *single, *one, *both;           /* swaps: of one person, one of two, two of two */
  MoaScores *words, *pair_words, *prior_words; /* from words: one person, two, without photos */
} MoaResults;

MoaResults *moa_results_new (const char *name);
void moa_results_free (gpointer results);

/* results: (element-type MoaResults), the model itself first. */
json_t *moa_report_json (MoaModel *model, const MoaEvaluateParams *params,
                         const MoaUsedSettings *used, const GPtrArray *results);
char *moa_report_markdown (const GPtrArray *results);

/* Rows under one another with a line of labels above; NULL: no memory.  (transfer full) */
MoaImage *moa_sheet (const MoaSheetRow *rows, int n);

#endif
