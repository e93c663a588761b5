/* Graphs: tensors, and the ops that make them.
 *
 * A net's builder function calls the op functions of ops/ops.h once; the graph
 * is then planned (which buffer lives when), prepared (memory, weights) and run
 * for every step without allocating.
 *
 *   MoaGraph *g = moa_graph_new (cpu);
 *   MoaTensor *x = moa_graph_input (g, "x", MOA_SHAPE (1, 64, 64, 4), MOA_EACH_RUN);
 *   MoaTensor *y = moa_conv2d (g, x, ...);
 *   moa_graph_output (g, y, "y");
 *   moa_graph_plan (g, error) && moa_graph_prepare (g, workspace, error)
 *   moa_graph_set (x, latents);  moa_graph_run (g, cancellable, error);  moa_graph_get (y, out);
 *
 * One layout: a tensor is dense, its last dimension (channels) fastest:
 * activations B,H,W,C = B,tokens,C.  One number type per graph: float, or
 * double on MOA_ISA_F64; integers (token ids, rows, timesteps) are held as
 * such numbers, exact up to 2^24.
 *
 * Errors while building stick to the graph: builder functions go on with NULL
 * tensors, and moa_graph_plan() reports the first error.
 *
 * What depends only on MOA_HELD inputs and parameters (the text's keys and
 * values, say) is computed once and kept until such an input is set again.
 */
#ifndef MOA_GRAPH_H
#define MOA_GRAPH_H

#include "base/error.h"
#include "device/cpu.h"
#include "graph/param.h"

typedef struct {
  int rank;
  gint64 dim[MOA_MAX_DIMS];
} MoaShape;

/* MOA_SHAPE (2, 64, 64, 4) */
#define MOA_SHAPE(...) \
  ((MoaShape){ (int) (sizeof ((gint64[]){ __VA_ARGS__ }) / sizeof (gint64)), { __VA_ARGS__ } })

gint64 moa_shape_count (const MoaShape *shape);
gboolean moa_shape_equal (const MoaShape *a, const MoaShape *b);
char *moa_shape_string (const MoaShape *shape); /* "2x64x64x4", (transfer full) */

typedef struct _MoaGraph MoaGraph;
typedef struct _MoaTensor MoaTensor;
typedef struct _MoaOp MoaOp;
typedef struct _MoaWorkspace MoaWorkspace;

/* What an op is told besides its inputs; each op's file says what its numbers mean. */
typedef struct {
  gint32 i[8];
  double f[2];
} MoaAttrs;

#define MOA_MAX_INPUTS 6

struct _MoaTensor {
  MoaGraph *graph;
  int index;                      /* place in the running order */
  const MoaOp *op;                /* NULL: an input, a constant, a parameter or a link */
  MoaTensor *in[MOA_MAX_INPUTS];  /* optional ones may be NULL */
  MoaAttrs attr;
  MoaShape shape;
  MoaNumber number;               /* how the numbers of data are held */
  const char *name;               /* or NULL */
  MoaParam *param;                /* a parameter's, else NULL */
  void *data;                     /* valid once prepared; the parameter's data for a parameter;
                                     the device's memory */
  /* the planner's */
  gboolean is_input, is_output, is_held, in_held_memory;
  MoaTensor *view_of;             /* shares that tensor's memory, */
  gint64 view_first;              /* from this number on */
  const MoaTensor *linked;        /* another graph's, whose memory this is */
  double *constant;
  int last_use;
  gsize offset, bytes;
};

typedef enum {
  MOA_EACH_RUN, /* set before every run */
  MOA_HELD      /* kept from run to run */
} MoaInputKind;

MoaGraph *moa_graph_new (MoaCpu *cpu); /* cpu must outlive it */
void moa_graph_free (MoaGraph *graph);
MoaCpu *moa_graph_cpu (const MoaGraph *graph);
/* On a device, for a net that needs other numbers than its own; before anything is built. */
void moa_graph_set_number (MoaGraph *graph, MoaNumber number);

/* Leaves.  All return NULL after an error. */
MoaTensor *moa_graph_input (MoaGraph *graph, const char *name, MoaShape shape, MoaInputKind kind);
MoaTensor *moa_graph_constant (MoaGraph *graph, MoaShape shape, const double *values);
/* An output of another graph of the same MoaCpu, read where it lies.  That graph must be prepared before this
 * one, and not be freed before this one has run for the last time. */
MoaTensor *moa_graph_link (MoaGraph *graph, const MoaTensor *output);
/* A weight of a model's part; the shape is the file's, for example N,C,3,3.  The same one each
 * time it is asked for. */
MoaTensor *moa_graph_param (MoaGraph *graph, MoaParams *params, const char *name, MoaShape shape,
                            MoaLayout layout);
/* All weights that the graph asked for, in that order: (element-type MoaTensor), transfer none. */
const GPtrArray *moa_graph_params (const MoaGraph *graph);

/* A node: called by the op functions.  Checks by the op's shape rule. */
MoaTensor *moa_graph_add (MoaGraph *graph, const MoaOp *op, MoaTensor *const *in, int n_in,
                          const MoaAttrs *attrs);
/* The same memory under another shape of equal count. */
MoaTensor *moa_graph_reshape (MoaGraph *graph, MoaTensor *t, MoaShape shape);
/* A run of t's numbers, from number `first` on, as a tensor of that shape. */
MoaTensor *moa_graph_slice (MoaGraph *graph, MoaTensor *t, gint64 first, MoaShape shape);

/* Names a tensor, so that it can be asked for; printf style.  Returns t. */
MoaTensor *moa_graph_name (MoaTensor *t, const char *format, ...) G_GNUC_PRINTF (2, 3);
MoaTensor *moa_graph_find (MoaGraph *graph, const char *name); /* or NULL */
/* Marks t to be kept until the next run. */
void moa_graph_output (MoaTensor *t);

/* Records the first building error. */
void moa_graph_fail (MoaGraph *graph, MoaErrorCode code, const char *format, ...)
    G_GNUC_PRINTF (3, 4);

/* Drops what no output needs, and lays out the memory. */
gboolean moa_graph_plan (MoaGraph *graph, GError **error);

/* Bytes, after planning: work memory (shared with other graphs of the same
 * workspace) and held memory (this graph's own: inputs, outputs, held tensors). */
gsize moa_graph_work_bytes (const MoaGraph *graph);
gsize moa_graph_held_bytes (const MoaGraph *graph);
/* Floating point operations of a run, after planning. */
double moa_graph_flops (const MoaGraph *graph);

/* Memory that graphs which never run at the same time share; it grows to the
 * largest when they are prepared. */
MoaWorkspace *moa_workspace_new (void);
void moa_workspace_free (MoaWorkspace *workspace); /* after the graphs */

/* Allocates.  The parameters must have been loaded (moa_params_load). */
gboolean moa_graph_prepare (MoaGraph *graph, MoaWorkspace *workspace, GError **error);

/* On a device whose work failed: nothing happens, moa_graph_run() reports it, and what is got is
 * NaN. */
void moa_graph_set (MoaTensor *input, const float *values);
void moa_graph_set_ints (MoaTensor *input, const gint32 *values);
void moa_graph_get (const MoaTensor *output, float *values);
/* To zeros, which it is before the first run. */
void moa_graph_clear (MoaTensor *output);

/* To be called when numbers of a parameter changed: what was kept is computed anew. */
void moa_graph_params_changed (MoaGraph *graph);

/* cancellable is polled before every op; a card that has recorded the run, before all of it. */
gboolean moa_graph_run (MoaGraph *graph, GCancellable *cancellable, GError **error);

/* Called after each op of a run, on a device once its work is queued. */
typedef void (*MoaNodeFunc) (const MoaTensor *t, gpointer data);
void moa_graph_set_node_func (MoaGraph *graph, MoaNodeFunc func, gpointer data);

/* For the bench: called after each op of a run with its seconds. */
typedef void (*MoaProfileFunc) (const MoaTensor *t, double seconds, gpointer data);
void moa_graph_set_profile (MoaGraph *graph, MoaProfileFunc func, gpointer data);

#endif
