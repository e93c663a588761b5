/* CLIP's text and vision towers. */
#ifndef MOA_CLIP_H
#define MOA_CLIP_H

#include "ops/ops.h"

/* ids B,T (start, words, end, end ...), T at most n_positions -> last_hidden_state B,T,width,
 * after final_layer_norm: what the U-Net takes.  Names "hidden.N" (0: token + position
 * embeddings, N: after layer N, before final_layer_norm). */
MoaTensor *moa_clip_text (MoaGraph *g, const MoaTextConfig *config, MoaParams *params,
                          MoaTensor *ids);

/* The same where some rows are vectors of their own and not the table's (textual inversion), and
 * where the last layers are left out. */
typedef struct {
  MoaTensor *ids;      /* B,T */
  MoaTensor *rows;     /* B,S,width; or NULL */
  MoaTensor *index;    /* B,S: their places */
  MoaTensor *present;  /* B,S: 0: this one is not there */
  int skip;            /* 0: all layers are run */
} MoaClipTextArgs;

MoaTensor *moa_clip_text_with (MoaGraph *g, const MoaTextConfig *config, MoaParams *params,
                               const MoaClipTextArgs *args);

/* pixels B,image_size,image_size,3, normalised -> image_embeds B,projection_dim: the projected
 * class token, not normalised.  Names "hidden.N" (0: after pre_layrnorm) and "last_hidden_state"
 * (before post_layernorm). */
MoaTensor *moa_clip_vision (MoaGraph *g, const MoaVisionConfig *config, MoaParams *params,
                            MoaTensor *pixels);

#endif
