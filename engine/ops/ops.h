/* The op functions, with which nets are written.  Each makes one node; the
 * contract of each op is in its file.  Shapes: B batch, H x W pixels, L tokens
 * or pixels, C channels; x [..., C] means any leading dimensions. */
#ifndef MOA_OPS_H
#define MOA_OPS_H

#include "graph/graph.h"
#include "io/config.h"

/* y[..., N] = x[..., K] W^T + bias (+ residual).  W: panels [N, K]; bias [N] and residual
 * [..., N] may be NULL. */
MoaTensor *moa_linear (MoaGraph *g, MoaTensor *x, MoaTensor *weight, MoaTensor *bias,
                       MoaTensor *residual);

/* Zero padding: `before` rows and columns at top and left, `after` at bottom and right.
 * x B,H,W,C; W: panels [N, C, k, k]; y B,H',W',N with H' = (H + before + after - k) / stride + 1. */
MoaTensor *moa_conv2d (MoaGraph *g, MoaTensor *x, MoaTensor *weight, MoaTensor *bias,
                       MoaTensor *residual, int stride, int before, int after);

/* Over each group of C / groups channels and all pixels of an item; then SiLU if asked. x B,...,C */
MoaTensor *moa_group_norm (MoaGraph *g, MoaTensor *x, MoaTensor *gamma, MoaTensor *beta, int groups,
                           double eps, gboolean silu);
MoaTensor *moa_layer_norm (MoaGraph *g, MoaTensor *x, MoaTensor *gamma, MoaTensor *beta, double eps);

/* softmax (q k^T / sqrt (C / heads)) v per head.  q B,L,C; k, v B,T,C; causal: token i sees 0..i.
 * The score matrix is never stored. */
MoaTensor *moa_attention (MoaGraph *g, MoaTensor *q, MoaTensor *k, MoaTensor *v, int heads,
                          gboolean causal);
/* The probabilities themselves, mean over the heads: B,L,T. */
MoaTensor *moa_attention_map (MoaGraph *g, MoaTensor *q, MoaTensor *k, int heads);

MoaTensor *moa_activation (MoaGraph *g, MoaTensor *x, MoaAct act);
MoaTensor *moa_geglu (MoaGraph *g, MoaTensor *x);                   /* [..., 2C] -> a * gelu (b) */
MoaTensor *moa_add (MoaGraph *g, MoaTensor *a, MoaTensor *b);       /* b: a's dims or 1, aligned right */
MoaTensor *moa_concat (MoaGraph *g, MoaTensor *a, MoaTensor *b, int axis);
MoaTensor *moa_broadcast (MoaGraph *g, MoaTensor *x, MoaShape shape); /* dims of 1 repeated */
MoaTensor *moa_upsample (MoaGraph *g, MoaTensor *x, int height, int width); /* nearest */
MoaTensor *moa_avg_pool (MoaGraph *g, MoaTensor *x, int k);         /* k x k, stride k, B,H,W,C */
MoaTensor *moa_resize (MoaGraph *g, MoaTensor *x, int height, int width); /* bilinear, B,H,W,C */

MoaTensor *moa_mul (MoaGraph *g, MoaTensor *a, MoaTensor *b);       /* b as of moa_add */
/* factor x + offset */
MoaTensor *moa_scale (MoaGraph *g, MoaTensor *x, double factor, double offset);
typedef enum { MOA_EXP, MOA_ABS, MOA_SIGN } MoaUnary;
MoaTensor *moa_unary (MoaGraph *g, MoaTensor *x, MoaUnary what);
/* -sum p log softmax (x) of each row, for targets p; x and p [..., K] -> [..., 1] */
MoaTensor *moa_cross_entropy (MoaGraph *g, MoaTensor *x, MoaTensor *target);
/* Sums over the dimensions that shape has as 1, or lacks at the left; x itself if it has that
 * shape.  MOA_SHAPE (1): over everything. */
MoaTensor *moa_reduce (MoaGraph *g, MoaTensor *x, MoaShape shape);
/* Places first .. first + n - 1 of an axis; and x between zeros, `before` of n places in front. */
MoaTensor *moa_take (MoaGraph *g, MoaTensor *x, int axis, int first, int n);
MoaTensor *moa_pad (MoaGraph *g, MoaTensor *x, int axis, int before, int n);

MoaTensor *moa_embedding (MoaGraph *g, MoaTensor *ids, MoaTensor *table);  /* B,T and [V,D] -> B,T,D */
MoaTensor *moa_gather_rows (MoaGraph *g, MoaTensor *x, MoaTensor *index);  /* B,T,D and B,S -> B,S,D */
/* n rows, row index[b,s] the sum of the rows [b,s] sent there, or 0: B,S and B,S,D -> B,n,D */
MoaTensor *moa_scatter_rows (MoaGraph *g, MoaTensor *index, MoaTensor *rows, int n);
/* x with row index[b,s] replaced by rows[b,s] where present[b,s] is not 0; later s win. */
MoaTensor *moa_put_rows (MoaGraph *g, MoaTensor *x, MoaTensor *rows, MoaTensor *index,
                         MoaTensor *present);

/* Sinusoids [cos | sin] of t [B], freq_i = exp (-ln 10000 i / (dim / 2)): B,dim */
MoaTensor *moa_time_embedding (MoaGraph *g, MoaTensor *t, int dim);
/* [sin | cos] of t freq[:,0] + layer freq[:,1]; t [B], freq [F,2] -> B,2F  (Eq. 8's PE) */
MoaTensor *moa_fourier (MoaGraph *g, MoaTensor *t, MoaTensor *freq, int layer);

/* Eq. 7: the personalised expert's weight, softmax (logits)[1] (* limit).  logits B,L,2; limit
 * B,L,1 or NULL -> B,L,1 */
MoaTensor *moa_router_weight (MoaGraph *g, MoaTensor *logits, MoaTensor *limit);
/* Eq. 6: (1 - w) prior + w personalised; w B,L,1 */
MoaTensor *moa_mix (MoaGraph *g, MoaTensor *prior, MoaTensor *personalised, MoaTensor *w);

#endif
