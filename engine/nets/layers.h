/* What the nets' figures are drawn with: an op together with its weights, which are found by their
 * names in the file.  Names are printf style; x is B,...,C throughout. */
#ifndef MOA_LAYERS_H
#define MOA_LAYERS_H

#include "ops/ops.h"

/* A LoRA in training (Hu et al. 2021) beside a net's own weights: where a pattern matches a layer's name,
 *   y += up down x,   down [rank, C] (a convolution's: [rank, C, k, k]), up [N, rank],
 * of the names PREFIX + NAME + ".lora_A.weight" and ".lora_B.weight", which are PEFT's. */
typedef struct {
  MoaParams *params;
  const char *prefix;
  char **layers;   /* patterns, NULL ended */
  int rank;
} MoaLowRank;

/* What all layers of a net share. */
typedef struct {
  MoaGraph *graph;
  MoaParams *params;
  int groups;   /* of its group norms */
  double eps;   /* of its norms */
  const MoaLowRank *lora; /* NULL: none */
} MoaNet;

/* NAME.weight [n, C] and, but for matrix, NAME.bias; a 1x1 convolution is a linear layer too. */
MoaTensor *moa_net_linear (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *residual,
                           const char *name, ...) G_GNUC_PRINTF (5, 6);
MoaTensor *moa_net_matrix (const MoaNet *net, MoaTensor *x, gint64 n, const char *name, ...)
    G_GNUC_PRINTF (4, 5);

/* 3x3 convolution with padding 1. */
MoaTensor *moa_net_conv (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *residual,
                         const char *name, ...) G_GNUC_PRINTF (5, 6);
/* 3x3 convolution with stride 2; `before` is 1 in a U-Net and 0 in an autoencoder. */
MoaTensor *moa_net_downsample (const MoaNet *net, MoaTensor *x, int before, const char *name, ...)
    G_GNUC_PRINTF (4, 5);

/* The same to n channels, padded by 1 on all sides. */
MoaTensor *moa_net_halve (const MoaNet *net, MoaTensor *x, gint64 n, const char *name, ...)
    G_GNUC_PRINTF (4, 5);

MoaTensor *moa_net_layer_norm (const MoaNet *net, MoaTensor *x, const char *name, ...)
    G_GNUC_PRINTF (3, 4);
MoaTensor *moa_net_group_norm (const MoaNet *net, MoaTensor *x, gboolean silu,
                               const char *name, ...) G_GNUC_PRINTF (4, 5);

/* ResnetBlock2D to n channels.  emb: the time embedding after its SiLU, B,E; NULL in an
 * autoencoder.  The result has the resnet's name. */
MoaTensor *moa_net_resnet (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *emb,
                           const char *name, ...) G_GNUC_PRINTF (5, 6);

/* x 1,... or B,... as B,...: repeated, or x itself. */
MoaTensor *moa_net_batch (MoaGraph *g, MoaTensor *x, gint64 b);

/* Sizes; 1 after an error, when tensors are NULL. */
gint64 moa_net_dim (const MoaTensor *t, int axis); /* -1: the last */

#endif
