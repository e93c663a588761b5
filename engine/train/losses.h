/* What MoA is trained to make small (arXiv 2404.11565, Eq. 9 to 12), as graph nodes.
 *
 * Each part is a weighted sum over numbers of the graph.  The weights are inputs, which
 * moa_loss_set() makes of a batch's masks, so that one graph serves all batches and schedules. */
#ifndef MOA_LOSSES_H
#define MOA_LOSSES_H

#include "io/config.h"
#include "ops/ops.h"
#include "sample/schedule.h"

typedef struct {
  gint64 batch, height, width, channels;
  int first, end;             /* transformer blocks whose maps count: first .. end - 1 */
  /* Inputs. */
  MoaTensor *noise;           /* B,h,w,C: what eps should have been */
  MoaTensor *masked_weight;   /* B,h,w,1 */
  MoaTensor *router_weight;   /* B,h,w,1: of the experts' weight squared, */
  MoaTensor *inside_weight;   /* B,h,w,1: and of the prior's: what the balanced form adds */
  MoaTensor *object_weight[MOA_MAX_LEVELS]; /* B,L,T, one for each size of map */
  int n_sizes;
  MoaTensor *factors;         /* 3: of masked, router and object in the total */
  MoaTensor *map;             /* B,h,w,1: moa_loss_router_map() of the blocks */
  /* Results, of one number each; the caller marks those that it reads as outputs. */
  MoaTensor *masked, *router, *object, *total;
} MoaLoss;

/* sum of weight (x - target)^2: one number.  target of x's shape or NULL for 0; weight of x's
 * dimensions or 1. */
MoaTensor *moa_loss_squares (MoaGraph *g, MoaTensor *x, MoaTensor *target, MoaTensor *weight);

/* The personalised experts' mean weight in blocks first .. end - 1 of a U-Net with MoA in this
 * graph, at the latent's size: B,height,width,1.  (1 - R of Eq. 10.) */
MoaTensor *moa_loss_router_map (MoaGraph *g, int first, int end, gint64 height, gint64 width);

/* The whole, of eps B,h,w,C predicted by a U-Net in this graph with MoA and attention maps; the
 * paper leaves out the first two of its blocks and the last three. */
void moa_loss_build (MoaLoss *loss, MoaGraph *g, MoaTensor *eps, int first, int end);

/* The weight of an item at timestep t: min (SNR, gamma) / SNR (Hang et al. 2023, min-SNR), of a
 * velocity min (SNR, gamma) / (SNR + 1); 1 where gamma is 0. */
double moa_loss_snr_weight (const MoaSchedule *schedule, int t, double gamma);

/* A batch's inputs. */
typedef struct {
  const float *noise;          /* B,h,w,C */
  const float *mask;           /* B,h,w: 1 where the subjects are */
  const float *subject_masks;  /* B,h,w,S */
  const gint32 *index;         /* B,S: each subject's token */
  const gint32 *present;       /* B,S: 0 or 1 */
  int n_subjects;
  double lambda_router, lambda_object;
  /* Beyond the paper; zeros are the paper's form. */
  gboolean full;               /* reconstruction of the whole picture, not inside the mask */
  gboolean by_item;            /* masked and object: the mean over items of their own means, so that
                                  a batch may be shared out */
  const float *item_weight;    /* B: of the items' reconstruction; NULL: 1 */
  gboolean balanced;           /* router: mean of the squares of the experts' weight outside plus
                                  that of the prior's inside, in place of a sum outside */
} MoaLossBatch;

void moa_loss_set (const MoaLoss *loss, const MoaLossBatch *batch);

#endif
