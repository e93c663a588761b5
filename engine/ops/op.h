/* What an op is: one row of the table in ops/table.c. */
#ifndef MOA_OP_H
#define MOA_OP_H

#include "graph/graph.h"

/* Runs one node.  scratch: moa_op->scratch() bytes, aligned to 64. */
typedef void (*MoaKernel) (const MoaTensor *t, MoaCpu *cpu, void *scratch);

/* How a device that brings its own kernels runs an op: what its find() has under the op's name.
 * Queues the work; a failure is the device's to keep. */
typedef struct {
  const char *name;
  void (*run) (const MoaTensor *t, MoaDevice *device, void *scratch);
  gsize (*scratch) (const MoaTensor *t); /* NULL: none */
} MoaDeviceOp;

/* How a result is held on a device whose own numbers have 16 bits; kernels compute in float. */
typedef enum {
  MOA_OWN,     /* in 16 bits */
  MOA_FOLLOWS, /* as float if an input that is no parameter is */
  MOA_WIDE     /* as float: sums, weights' gradients, what small steps matter for */
} MoaOpNumber;

struct _MoaOp {
  const char *name;
  /* Checks the inputs and sets t->shape, or fails saying what does not fit. */
  gboolean (*infer) (MoaTensor *t, GError **error);
  /* Bytes of scratch memory that a run needs; NULL: none. */
  gsize (*scratch) (const MoaTensor *t, const MoaCpu *cpu);
  /* Which input may share the result's memory when nobody needs it later; -1: none. */
  int in_place;
  /* Floating-point operations of a run, for the bench; NULL: it only moves numbers. */
  double (*flops) (const MoaTensor *t);
  MoaKernel kernel[MOA_N_ISAS];
  /* dL/d in[i] as a node made from dy = dL/dt, of in[i]'s shape; for a parameter in panels a
   * vector in the order of its packed numbers.  NULL: none, and no_gradient says why. */
  MoaTensor *(*gradient) (MoaGraph *g, MoaTensor *t, MoaTensor *dy, int i);
  const char *no_gradient;
  MoaOpNumber number;
};

/* All ops, NULL ended. */
extern const MoaOp *const moa_ops[];

/* What gradients are summed with: base (NULL: zeros of that shape) with part added to its numbers
 * from `first` on. */
MoaTensor *moa_add_at (MoaGraph *g, MoaShape shape, MoaTensor *base, MoaTensor *part, gint64 first);

#endif
