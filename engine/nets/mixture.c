/* The Mixture-of-Attention layer; see mixture.h.
 *
 *              +-- prior: frozen q, k, v, out; the prompt --------------------+
 *   hidden --- +-- router: softmax (R hidden), a weight for each pixel -------+-- mix -- + residual
 *              +-- expert: own q, k, v, out; the prompt with fused subjects --+
 *
 * Where a user's masks are the router, the expert sees one subject after another, each where its mask
 * is:  y = (1 - w_s) y + w_s expert (prompt with subject s fused), from the prior's y on.
 *
 * The prior's part is made of the same ops as in the plain U-Net, so that it gives the same bits.
 */
#include "nets/mixture.h"

#include "io/fastcomposer.h"
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

/* FastComposer's MLP: fc2 (gelu (fc1 (norm x))) + residual. */
static MoaTensor *
post_mlp (const MoaNet *net, MoaTensor *x, gint64 dim, MoaTensor *residual, const char *name)
{
  x = moa_net_layer_norm (net, x, "%s.layernorm", name);
  x = moa_net_linear (net, x, dim, NULL, "%s.fc1", name);
  x = moa_activation (net->graph, x, MOA_ACT_GELU);
  return moa_net_linear (net, x, dim, residual, "%s.fc2", name);
}

/* FastComposer's fuser (arXiv 2305.10431), of [token, f]: the same in every block, at all times. */
static MoaTensor *
postfuse (const MoaNet *net, const MoaMixture *mixture, MoaTensor *token)
{
  gint64 dim = moa_net_dim (token, -1);
  MoaTensor *m = moa_concat (net->graph, token, mixture->feats, 2);
  m = post_mlp (net, m, dim, token, MOA_FASTCOMPOSER_FUSER "mlp1");
  m = post_mlp (net, m, dim, m, MOA_FASTCOMPOSER_FUSER "mlp2");
  return moa_net_layer_norm (net, m, MOA_FASTCOMPOSER_FUSER "layer_norm");
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
  if (mixture->config->postfuse)
    return moa_graph_name (postfuse (&net, mixture, token), "fused.%d", layer);
  MoaTensor *m = moa_concat (g, mixture->feats, token, 2);
  m = moa_net_layer_norm (&net, m, "fuser.norm");
  if (mixture->config->space_time)
    m = moa_add (g, m, space_time (&net, mixture, t, layer, width));

  m = moa_net_linear (&net, m, dim, NULL, "fuser.mlp.0");
  m = moa_activation (g, m, MOA_ACT_GELU);
  m = moa_net_linear (&net, m, dim, token, "fuser.mlp.2");
  return moa_graph_name (m, "fused.%d", layer);
}

/* An expert's keys or values; NULL until they are asked for. */
typedef struct {
  MoaTensor *rows;   /* of the hidden state, or of the text as it is */
  MoaTensor *fused;  /* of the subjects' rows of the text; NULL in self-attention */
} Rows;
enum { KEYS, VALUES, N_ROWS };
enum { ALL = -1 }; /* all subjects */

/* Those that see subject s, or all.  A row depends on no other, so those of the unchanged text can be
 * held from step to step, and only the subjects' rows are made anew. */
static MoaTensor *
expert_rows (const MoaNet *net, const MoaAttentionArgs *args, MoaTensor *x, int what, Rows *rows, int s)
{
  static const char *const names[N_ROWS] = { "to_k", "to_v" };
  const MoaMixture *mixture = args->mixture;
  MoaGraph *g = net->graph;
  gint64 c = moa_net_dim (x, -1);
  MoaTensor *seen = args->context ? args->context : x;
  if (!rows->rows)
    rows->rows = moa_net_matrix (net, seen, c, "%s.%s", args->prefix, names[what]);
  if (!args->context)
    return rows->rows;
  if (!rows->fused)
    rows->fused = moa_net_matrix (net, args->fused, c, "%s.%s", args->prefix, names[what]);
  if (s == ALL)
    return moa_put_rows (g, rows->rows, rows->fused, mixture->index, mixture->present);
  return moa_put_rows (g, rows->rows, moa_take (g, rows->fused, 1, s, 1),
                       moa_take (g, mixture->index, 1, s, 1), moa_take (g, mixture->present, 1, s, 1));
}

/* For the pixels `here` of x.  With the prior's net: what the prior makes of the subjects. */
static MoaTensor *
expert (const MoaNet *net, const MoaAttentionArgs *args, Rows *rows, MoaTensor *x, MoaTensor *here, int s)
{
  gint64 c = moa_net_dim (x, -1);
  MoaTensor *q = moa_net_matrix (net, here, c, "%s.to_q", args->prefix);
  MoaTensor *k = expert_rows (net, args, x, KEYS, &rows[KEYS], s);
  MoaTensor *v = expert_rows (net, args, x, VALUES, &rows[VALUES], s);
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

MoaWhere
moa_where_for (MoaGraph *g, const MoaWhere *where, gint64 b)
{
  return (MoaWhere){ moa_net_batch (g, where->limit, b), moa_net_batch (g, where->rows, b),
                     moa_net_batch (g, where->present, b) };
}

/* Eq. 7: the expert's weight for each pixel of x. */
static MoaTensor *
router (const MoaNet *net, const MoaAttentionArgs *args, const MoaWhere *where, MoaTensor *x)
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
  return moa_router_weight (net->graph, logits, where->limit);
}

/* A mask's weight for each pixel of x: 1 where there is no mask. */
static MoaTensor *
mask_weight (MoaGraph *g, const MoaWhere *where, MoaTensor *x)
{
  const double one = 1;
  if (where->limit)
    return moa_scale (g, where->limit, 1, 0); /* a tensor of its own, to be named */
  return moa_broadcast (g, moa_graph_constant (g, MOA_SHAPE (1, 1, 1), &one),
                        MOA_SHAPE (moa_net_dim (x, 0), moa_net_dim (x, 1), 1));
}

MoaTensor *
moa_either (MoaGraph *g, MoaTensor *a, MoaTensor *b)
{
  if (!a)
    return b;
  MoaTensor *none = moa_mul (g, moa_scale (g, a, -1, 1), moa_scale (g, b, -1, 1));
  return moa_scale (g, none, -1, 1);
}

/* Eq. 6, for all subjects by the router or for subject s by its mask: y and the expert mixed.  Where
 * only some pixels can be the expert's, the others stay y's bits.  *weight B,L,1. */
static MoaTensor *
mix_in (const MoaNet *net, const MoaAttentionArgs *args, Rows *rows, MoaTensor *x, MoaTensor *y, int s,
        MoaTensor **weight)
{
  MoaGraph *g = net->graph;
  const MoaWhere where = moa_where_for (g, &args->where[s == ALL ? 0 : s], moa_net_dim (x, 0));
  MoaTensor *here = where.rows ? moa_gather_rows (g, x, where.rows) : x;
  MoaTensor *w = s == ALL ? router (net, args, &where, here) : mask_weight (g, &where, here);
  MoaTensor *own = expert (net, args, rows, x, here, s);
  if (!where.rows)
    {
      *weight = w;
      return moa_mix (g, y, own, w);
    }
  *weight = moa_scatter_rows (g, where.rows, w, moa_net_dim (x, 1));
  own = moa_mix (g, moa_gather_rows (g, y, where.rows), own, w);
  return moa_put_rows (g, y, own, where.rows, where.present);
}

MoaTensor *
moa_mixed_attention (MoaGraph *g, const MoaAttentionArgs *args, MoaTensor *x, MoaTensor *residual)
{
  const MoaMixture *mixture = args->mixture;
  if (!mixture || adapted (args))
    return prior (args, x, residual);
  Rows rows[N_ROWS] = { { NULL } };
  if (mixture->described)
    return moa_add (g, expert (args->prior, args, rows, x, x, ALL), residual);
  MoaNet net = moa_net (g, mixture);
  MoaTensor *y = prior (args, x, NULL), *anybody = NULL, *weight;
  int n = mixture->config->masks ? moa_net_dim (mixture->feats, 1) : 1;
  for (int s = 0; s < n; s++)
    {
      y = mix_in (&net, args, rows, x, y, mixture->config->masks ? s : ALL, &weight);
      anybody = moa_either (g, anybody, weight);
    }
  moa_graph_name (anybody, "router.%d.attn%d", args->layer, args->context ? 2 : 1);
  return moa_add (g, y, residual);
}
