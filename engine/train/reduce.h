/* Gradients over the ranks of a group: summed in buckets, each as soon as the
 * backward pass has made all of it, while the rest is still being made. */
#ifndef MOA_REDUCE_H
#define MOA_REDUCE_H

#include "device/collective.h"
#include "train/group.h"
#include "train/trained.h"

/* Runs a graph and adds its gradients, as moa_trained_gradients() gave them,
 * to the set's sums; last: of this step, after which the sums are those of all
 * ranks.  cards: of the group's ranks, or NULL where they compute on the host. */
gboolean moa_reduce_run (MoaTrainedSet *set, MoaGroup *group, MoaCollective *cards, MoaGraph *graph,
                         MoaTensor *const *gradients, gboolean last, GError **error);

#endif
