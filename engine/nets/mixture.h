/* The Mixture-of-Attention layer (arXiv 2404.11565, section 3): beside each
 * frozen attention (the prior) a personalised expert, and a router between. */
#ifndef MOA_MIXTURE_H
#define MOA_MIXTURE_H

#include "io/ip_adapter.h"
#include "nets/layers.h"

typedef struct {
  const MoaMoaConfig *config;
  MoaParams *params;
  MoaTensor *feats;    /* B,S,feature_dim: the subjects' image features */
  MoaTensor *index;    /* B,S: row of each subject's token in the text */
  MoaTensor *present;  /* B,S: 0 leaves the row as it is */
  MoaTensor *limit;    /* B,h,w,1 in [0,1] at the latent's size, scales the personalised weight;
                          needs h and w multiples of 8; or NULL */
  const float *region; /* instead of limit, h x w: a limit of the whole batch that is known when the
                          graph is built, so that the expert is computed only where it is not 0; with
                          config's masks these, S x h x w: one for each subject */
  gboolean described;  /* no experts and no routers: the prior itself reads the subjects' rows, as if
                          words described them */
  gboolean attention_maps; /* also name "attn.L": B,HW,T, the personalised cross-attention's
                              probabilities, mean over heads */
  const MoaIpAdapterConfig *adapter; /* instead of MoA: an IP-Adapter, see ip_adapter.h; or NULL */
  double scale;        /* an IP-Adapter's: how much its attentions count */
} MoaMixture;

/* The prompt fuser, Eq. 8 or FastComposer's: what the subjects' rows of text B,T,D become for block
 * `layer` at timesteps t [B]: B,S,D, named "fused.LAYER".  The row of a subject that is not present is
 * not used. */
MoaTensor *moa_fuse_prompt (MoaGraph *g, const MoaMixture *mixture, MoaTensor *text, MoaTensor *t,
                            int layer);

/* Where an expert counts, at the size of one level; with b of 1 the same for a whole batch. */
typedef struct {
  MoaTensor *limit;            /* b,L,1; or NULL */
  MoaTensor *rows;             /* b,N: the pixels that the expert is for, limit is theirs: b,N,1;
                                  NULL: all */
  MoaTensor *present;          /* b,N with rows: all 1 */
} MoaWhere;

/* The same for a batch of b. */
MoaWhere moa_where_for (MoaGraph *g, const MoaWhere *where, gint64 b);

/* One attention of a transformer block, with its output projection. */
typedef struct {
  const char *prefix;          /* its name in the U-Net: "down_blocks.0. ... .attn1" */
  int layer, heads;
  const MoaNet *prior;
  MoaTensor *context;          /* B,T,D: the text for cross-attention; NULL: self-attention */
  const MoaMixture *mixture;   /* NULL: the prior alone */
  MoaTensor *fused;            /* B,S,D: the expert's rows of the text, from moa_fuse_prompt */
  const MoaWhere *where;       /* the mixture's at this block's size; with masks one for each subject */
  MoaTensor *const *tokens;    /* an IP-Adapter's, for each subject */
  int middle, n_layers;        /* of the U-Net's blocks, the one in its middle; how many */
} MoaAttentionArgs;

/* Of weights B,L,1 of several subjects, what is anybody's: 1 - (1 - a) (1 - b); a NULL: b. */
MoaTensor *moa_either (MoaGraph *g, MoaTensor *a, MoaTensor *b);

/* x B,L,C: the normed hidden state; residual B,L,C is added at the end.  The personalised weight,
 * B,L,1, is named "router.LAYER.attn1" for self- and "router.LAYER.attn2" for cross-attention. */
MoaTensor *moa_mixed_attention (MoaGraph *g, const MoaAttentionArgs *args, MoaTensor *x,
                                MoaTensor *residual);

#endif
