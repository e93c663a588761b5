/* Gradients: nodes added behind a graph's forward nodes (reverse mode), so that
 * a backend only ever runs kernels and the plan covers both ways at once. */
#ifndef MOA_GRADIENT_H
#define MOA_GRADIENT_H

#include "graph/graph.h"

/* Adds the nodes of dloss / dwrt[k] for tensors wrt[0 .. n-1] (inputs, results or parameters, no
 * views); loss has one number.  grads[k] is NULL where the loss does not depend on wrt[k].  A
 * parameter in panels gets a vector in the order of its packed numbers.  Two grads may be one
 * tensor: they are to be read.  FALSE after a building error, which moa_graph_plan() reports; an op
 * on the way that has no gradient is one. */
gboolean moa_graph_gradients (MoaGraph *graph, MoaTensor *loss, MoaTensor *const *wrt, int n,
                              MoaTensor **grads);

/* Saves memory for work: t is kept for the backward pass, but what was made since the tensor marked
 * before (or the beginning) is not; nodes that make it once more come in front of its gradients.
 * To be called before moa_graph_gradients(), in building order. */
void moa_graph_checkpoint (MoaTensor *t);

/* Like moa_graph_add(), but finds a node of the same op, inputs and attributes if there is one:
 * for backward ops that several inputs' gradients share. */
MoaTensor *moa_graph_add_once (MoaGraph *graph, const MoaOp *op, MoaTensor *const *in, int n_in,
                               const MoaAttrs *attrs);

#endif
