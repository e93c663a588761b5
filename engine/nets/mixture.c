/* The Mixture-of-Attention layer; see mixture.h.
 *
 *              +-- prior: frozen q, k, v, out; the prompt --------------------+
 *   hidden --- +-- router: softmax (R hidden), a weight for each pixel -------+-- mix -- + residual
 *              +-- expert: own q, k, v, out; the prompt with fused subjects --+
 *
 * The prior's part is made of the same ops as in the plain U-Net, so that it gives the same bits.
 */
#include "nets/mixture.h"

#include "nets/ip_adapter.h"

static MoaNet
moa_net (MoaGraph *g, const MoaMixture *mixture)
{
  return (MoaNet){ g, mixture->params, .eps = 1e-5 };
}

/* PE (t, layer), normed: B,1,F+D */
static MoaTensor *
space_time (const MoaNet *net, const MoaMixture *mixture, MoaTensor *t, int layer, gint64 width)
{
  MoaTensor *freq = moa_graph_param (net->graph, mixture->params, "fuser.freq",
                                     MOA_SHAPE (width / 2, 2), MOA_PLAIN);
  MoaTensor *pe = moa_net_layer_norm (net, moa_fourier (net->graph, t, freq, layer), "fuser.pe_norm");
  return moa_graph_reshape (net->graph, pe, MOA_SHAPE (moa_net_dim (t, 0), 1, width));
}

/* m = [f, token];  m~ = norm (m) + norm (PE (t, layer));  token + MLP (m~).  The vanilla fuser, which
 * the paper compares with, is the same without PE. */
MoaTensor *
moa_fuse_prompt (MoaGraph *g, const MoaMixture *mixture, MoaTensor *text, MoaTensor *t, int layer)
{
  MoaNet net = moa_net (g, mixture);
  gint64 dim = moa_net_dim (text, -1);
  gint64 width = mixture->config->feature_dim + dim;

  MoaTensor *token = moa_gather_rows (g, text, mixture->index);
  MoaTensor *m = moa_concat (g, mixture->feats, token, 2);
  m = moa_net_layer_norm (&net, m, "fuser.norm");
  if (mixture->config->space_time)
    m = moa_add (g, m, space_time (&net, mixture, t, layer, width));

  m = moa_net_linear (&net, m, dim, NULL, "fuser.mlp.0");
  m = moa_activation (g, m, MOA_ACT_GELU);
  m = moa_net_linear (&net, m, dim, token, "fuser.mlp.2");
  return moa_graph_name (m, "fused.%d", layer);
}

/* Keys or values of the expert.  A row depends on no other, so those of the unchanged text can be
 * held from step to step, and only the subjects' rows are made anew. */
static MoaTensor *
expert_rows (const MoaNet *net, const MoaAttentionArgs *args, MoaTensor *x, const char *what)
{
  gint64 c = moa_net_dim (x, -1);
  if (!args->context)
    return moa_net_matrix (net, x, c, "%s.%s", args->prefix, what);
  MoaTensor *rows = moa_net_matrix (net, args->context, c, "%s.%s", args->prefix, what);
  MoaTensor *fused = moa_net_matrix (net, args->fused, c, "%s.%s", args->prefix, what);
  return moa_put_rows (net->graph, rows, fused, args->mixture->index, args->mixture->present);
}

/* For the pixels `here` of x.  With the prior's net: what the prior makes of the subjects. */
static MoaTensor *
expert (const MoaNet *net, const MoaAttentionArgs *args, MoaTensor *x, MoaTensor *here)
{
  gint64 c = moa_net_dim (x, -1);
  MoaTensor *q = moa_net_matrix (net, here, c, "%s.to_q", args->prefix);
  MoaTensor *k = expert_rows (net, args, x, "to_k");
  MoaTensor *v = expert_rows (net, args, x, "to_v");
  if (args->context && args->mixture->attention_maps)
    moa_graph_name (moa_attention_map (net->graph, q, k, args->heads), "attn.%d", args->layer);
  MoaTensor *y = moa_attention (net->graph, q, k, v, args->heads, FALSE);
  return moa_net_linear (net, y, c, NULL, "%s.to_out.0", args->prefix);
}

/* Whether the expert is an IP-Adapter, which shares the prior's queries and output projection. */
static gboolean
adapted (const MoaAttentionArgs *args)
{
  return args->mixture && args->mixture->adapter;
}

static MoaTensor *
prior (const MoaAttentionArgs *args, MoaTensor *x, MoaTensor *residual)
{
  const MoaNet *net = args->prior;
  MoaTensor *context = args->context ? args->context : x;
  gint64 c = moa_net_dim (x, -1);
  MoaTensor *q = moa_net_matrix (net, x, c, "%s.to_q", args->prefix);
  MoaTensor *k = moa_net_matrix (net, context, c, "%s.to_k", args->prefix);
  MoaTensor *v = moa_net_matrix (net, context, c, "%s.to_v", args->prefix);
  MoaTensor *y = moa_attention (net->graph, q, k, v, args->heads, FALSE);
  if (adapted (args) && args->context)
    y = moa_ip_attend (net->graph, args, q, y);
  return moa_net_linear (net, y, c, residual, "%s.to_out.0", args->prefix);
}

/* Eq. 7: the expert's weight for each pixel. */
static MoaTensor *
router (const MoaNet *net, const MoaAttentionArgs *args, MoaTensor *x)
{
  MoaTensor *logits;
  int hidden = args->mixture->config->router_hidden;
  if (hidden > 0)
    {
      logits = moa_net_linear (net, x, hidden, NULL, "%s.router.0", args->prefix);
      logits = moa_activation (net->graph, logits, MOA_ACT_GELU);
      logits = moa_net_linear (net, logits, 2, NULL, "%s.router.2", args->prefix);
    }
  else
    logits = moa_net_linear (net, x, 2, NULL, "%s.router", args->prefix);
  return moa_router_weight (net->graph, logits, args->where->limit);
}

/* Eq. 6.  Where only some pixels can be the expert's, the others stay the prior's bits. */
MoaTensor *
moa_mixed_attention (MoaGraph *g, const MoaAttentionArgs *args, MoaTensor *x, MoaTensor *residual)
{
  if (!args->mixture || adapted (args))
    return prior (args, x, residual);
  if (args->mixture->described)
    return moa_add (g, expert (args->prior, args, x, x), residual);
  MoaNet net = moa_net (g, args->mixture);
  MoaTensor *plain = prior (args, x, NULL), *mixed, *weight;
  if (args->where->rows)
    {
      MoaTensor *here = moa_gather_rows (g, x, args->where->rows);
      MoaTensor *w = router (&net, args, here);
      mixed = moa_mix (g, moa_gather_rows (g, plain, args->where->rows), expert (&net, args, x, here), w);
      mixed = moa_put_rows (g, plain, mixed, args->where->rows, args->where->present);
      weight = moa_scatter_rows (g, args->where->rows, w, moa_net_dim (x, 1));
    }
  else
    {
      weight = router (&net, args, x);
      mixed = moa_mix (g, plain, expert (&net, args, x, x), weight);
    }
  moa_graph_name (weight, "router.%d.attn%d", args->layer, args->context ? 2 : 1);
  return moa_add (g, mixed, residual);
}
