/* Cases for the ops: small graphs around one op each, in sizes that are multiples of nothing, with
 * random inputs and weights; what the tests of kernels and of gradients share. */
#ifndef OP_CASES_H
#define OP_CASES_H

#include "ops/op.h"
#include "ops/ops.h"

typedef struct _OpRun OpRun;
typedef struct _OpCase OpCase;

struct _OpCase {
  const char *op;
  int p[10];                /* sizes, see the builder */
  MoaTensor *(*build) (OpRun *run, const int *p);
  /* The result from the inputs and weights in the builder's order, in plain C; or NULL. */
  void (*naive) (const int *p, double *const *in, double *out);
  double rounding;          /* allowed, in units of 2^-24 of the largest number */
};

extern const OpCase op_cases[];   /* ended by an op of NULL */
char *op_case_name (const OpCase *c); /* "linear 7 3 5", (transfer full) */

/* Called by builders. */
typedef enum {
  OP_NORMAL,    /* differentiable, as are weights */
  OP_INDEX,     /* integers below `below` */
  OP_FLAG       /* 0 or 1 */
} OpFill;
MoaGraph *op_graph (OpRun *run);
MoaTensor *op_input (OpRun *run, MoaShape shape, OpFill fill, int below);
MoaTensor *op_weight (OpRun *run, MoaShape shape, MoaLayout layout);

/* One input or weight. */
typedef struct {
  MoaTensor *tensor;    /* NULL while the weights' file is being made */
  OpFill fill;
  gboolean is_weight;
  MoaShape shape;
  float *values;        /* in the file's order */
} OpLeaf;

/* A case as a graph: y, loss = sum of y times random numbers, and its gradients. */
struct _OpRun {
  const OpCase *c;
  MoaCpu *cpu;
  MoaWorkspace *workspace;
  MoaParams *params;
  MoaGraph *graph;
  GPtrArray *leaves;    /* (element-type OpLeaf) in the builder's order */
  MoaTensor *y, *loss;
  GPtrArray *wrt;       /* (element-type OpLeaf) those that are differentiable */
  MoaTensor **grads;    /* of each of wrt */
};

/* Planned, set and run once. */
OpRun *op_run_new (const OpCase *c, MoaIsa isa, int threads);
OpRun *op_run_new_on (const OpCase *c, MoaCpu *cpu); /* takes cpu */
void op_run_free (OpRun *run);
void op_run (OpRun *run);
/* Numbers of an output; a packed weight's gradient in the file's order. (transfer full) */
float *op_run_get (OpRun *run, const MoaTensor *t, const OpLeaf *leaf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (OpRun, op_run_free)

/* Whether op was run in this case, forward or backward. */
gboolean op_run_has (const OpRun *run, const MoaOp *op);

/* op-naive.c */
void naive_linear (const int *p, double *const *in, double *out);
void naive_conv2d (const int *p, double *const *in, double *out);
void naive_attention (const int *p, double *const *in, double *out);
void naive_attention_map (const int *p, double *const *in, double *out);
void naive_group_norm (const int *p, double *const *in, double *out);
void naive_layer_norm (const int *p, double *const *in, double *out);
void naive_resize (const int *p, double *const *in, double *out);

#endif
