/* IP-Adapter (Ye et al. 2023) as the personalised expert of the cross-attentions: beside the text,
 * they look at tokens made of a person's image,
 *   out (attention (q, text) + sum over subjects  scale w_s attention (q, tokens_s)),
 * and the router w_s is a mask that the user gives, one for each subject. */
#ifndef MOA_NETS_IP_ADAPTER_H
#define MOA_NETS_IP_ADAPTER_H

#include "nets/mixture.h"

/* Subject s's tokens from the mixture's feats: B,n_tokens,text_dim. */
MoaTensor *moa_ip_tokens (MoaGraph *g, const MoaMixture *mixture, gint64 text_dim, int s);

/* Adds the subjects' parts to y B,L,C, what the cross-attention with queries q saw in the text.
 * Names "router.LAYER.attn2": B,L,1, how much of a pixel is any subject's. */
MoaTensor *moa_ip_attend (MoaGraph *g, const MoaAttentionArgs *args, MoaTensor *q, MoaTensor *y);

#endif
