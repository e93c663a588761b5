/* What graph.c, plan.c and run.c share. */
#ifndef MOA_GRAPH_PRIVATE_H
#define MOA_GRAPH_PRIVATE_H

#include "graph/graph.h"
#include "ops/op.h"

struct _MoaWorkspace {
  MoaDevice *device; /* of its memory; a reference */
  guint8 *data;
  gsize bytes;
  guint generation;  /* rises when data moves */
};

struct _MoaGraph {
  MoaCpu *cpu;
  MoaNumber number;       /* on a device: of what ops make */
  GPtrArray *nodes;       /* all tensors, in building order */
  GStringChunk *names;
  GHashTable *by_name;
  GPtrArray *params;      /* the parameters among the nodes */
  GHashTable *by_param;   /* MoaParam -> its tensor */
  GArray *checkpoints;    /* indices of tensors, rising */
  GError *error;          /* the first building error */

  /* The plan. */
  GPtrArray *order;       /* op nodes that outputs need: the held ones, then the others */
  guint n_held;           /* of them */
  const MoaDeviceOp **device_ops; /* by place in the order; NULL: the host's own kernels */
  gsize scratch_bytes, work_bytes, held_bytes;

  /* Memory. */
  MoaWorkspace *workspace;
  guint generation;       /* of the workspace that data pointers are for */
  guint8 *held;
  gboolean held_done;     /* the held nodes are up to date */
  gboolean ran;
  gpointer recording;     /* the device's, of the other nodes; or NULL */

  MoaNodeFunc node_func;
  gpointer node_data;
  MoaProfileFunc profile;
  gpointer profile_data;
};

/* Gives the device's recording back, if there is one. */
void moa_graph_forget (MoaGraph *graph);

/* The tensor whose memory t uses. */
static inline MoaTensor *
moa_tensor_root (MoaTensor *t)
{
  return t->view_of ? t->view_of : t;
}

#endif
