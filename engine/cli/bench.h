/* What the two halves of `moa bench` share: ops by class. */
#ifndef MOA_CLI_BENCH_H
#define MOA_CLI_BENCH_H

#include "cli/cli.h"
#include "graph/graph.h"

typedef struct {
  char op[64];
  int n;
  double seconds, flops;
} OpClass;

typedef struct {
  gboolean by_size; /* convolutions, linear layers and attention are a class for each size */
  OpClass classes[256];
  int n;
} OpClasses;

/* A MoaProfileFunc; data: OpClasses. */
void moa_bench_count_op (const MoaTensor *t, double seconds, gpointer data);
double moa_bench_flops (const OpClasses *all);
/* The slowest first.  (transfer full) */
json_t *moa_bench_classes_json (OpClasses *all, double peak);
/* {"unet_prior": [classes], ...} as a table. */
void moa_bench_print_ops (const json_t *ops);

/* moa bench --train: steps of the stages "prior" and "moa", or of the configuration's alone. */
typedef struct {
  int runs, batch;   /* batch 0: the configuration's micro batch */
  char *stage, *config;
} TrainBench;
gboolean moa_bench_train (const MoaCli *cli, const TrainBench *bench, GError **error);

#endif
