/* IP-Adapter's layers, see ip_adapter.h.  Weights have the names of the published files. */
#include "nets/ip_adapter.h"

#define PROJ "image_proj."

static MoaNet
ip_net (MoaGraph *g, const MoaMixture *mixture)
{
  return (MoaNet){ g, mixture->params, .eps = 1e-5 };
}

static gint64
subjects (const MoaMixture *mixture)
{
  return moa_net_dim (mixture->feats, 1);
}

/* ---- The image's tokens ---------------------------------------------- */

/* latents + out (attention (norm2 latents, [norm1 x, norm2 latents])), then an MLP: one layer of the
 * resampler of Plus and FaceID Plus; x B,N,W, latents B,T,W. */
static MoaTensor *
resample (const MoaNet *net, int heads, MoaTensor *x, MoaTensor *latents, const char *name)
{
  MoaGraph *g = net->graph;
  gint64 width = moa_net_dim (latents, -1), inner = heads * 64;
  MoaTensor *seen = moa_net_layer_norm (net, x, "%s.0.norm1", name);
  MoaTensor *own = moa_net_layer_norm (net, latents, "%s.0.norm2", name);
  MoaTensor *q = moa_net_matrix (net, own, inner, "%s.0.to_q", name);
  MoaTensor *kv = moa_net_matrix (net, moa_concat (g, seen, own, 1), 2 * inner, "%s.0.to_kv", name);
  MoaTensor *y = moa_attention (g, q, moa_take (g, kv, 2, 0, inner),
                                moa_take (g, kv, 2, inner, inner), heads, FALSE);
  latents = moa_add (g, moa_net_matrix (net, y, width, "%s.0.to_out", name), latents);
  y = moa_net_layer_norm (net, latents, "%s.1.0", name);
  gint64 mlp = 4 * width;
  y = moa_activation (g, moa_net_matrix (net, y, mlp, "%s.1.1", name), MOA_ACT_GELU);
  return moa_add (g, moa_net_matrix (net, y, width, "%s.1.3", name), latents);
}

/* What queries latents B,T,W see in x: B,T,text_dim; prefix is that of its weights. */
static MoaTensor *
resampler (const MoaNet *net, const MoaIpAdapterConfig *config, const char *prefix, gint64 text_dim,
           MoaTensor *x, MoaTensor *latents)
{
  x = moa_net_linear (net, x, moa_net_dim (latents, -1), NULL, "%sproj_in", prefix);
  for (int i = 0; i < config->depth; i++)
    {
      g_autofree char *name = g_strdup_printf ("%slayers.%d", prefix, i);
      latents = resample (net, config->heads, x, latents, name);
    }
  latents = moa_net_linear (net, latents, text_dim, NULL, "%sproj_out", prefix);
  return moa_net_layer_norm (net, latents, "%snorm_out", prefix);
}

/* The queries of Plus are weights. */
static MoaTensor *
learnt_queries (const MoaNet *net, const MoaIpAdapterConfig *config, gint64 b)
{
  gint64 tokens = config->n_tokens, width = config->hidden;
  MoaTensor *latents = moa_graph_param (net->graph, net->params, PROJ "latents",
                                        MOA_SHAPE (1, tokens, width), MOA_PLAIN);
  return moa_broadcast (net->graph, latents, MOA_SHAPE (b, tokens, width));
}

/* A vector's tokens, by an MLP (hidden 0: a linear layer). */
static MoaTensor *
vector_tokens (const MoaNet *net, int hidden, int n_tokens, gint64 text_dim, MoaTensor *x)
{
  MoaGraph *g = net->graph;
  gint64 width = n_tokens * text_dim;
  if (hidden > 0)
    {
      x = moa_net_linear (net, x, hidden, NULL, PROJ "proj.0");
      x = moa_net_linear (net, moa_activation (g, x, MOA_ACT_GELU), width, NULL, PROJ "proj.2");
    }
  else
    x = moa_net_linear (net, x, width, NULL, PROJ "proj");
  x = moa_graph_reshape (g, x, MOA_SHAPE (moa_net_dim (x, 0), n_tokens, text_dim));
  return moa_net_layer_norm (net, x, PROJ "norm");
}

/* The queries of FaceID Plus are what FaceID makes of the face embedding. */
static MoaTensor *
face_tokens (const MoaNet *net, const MoaIpAdapterConfig *config, gint64 text_dim, MoaTensor *face, MoaTensor *x)
{
  MoaTensor *tokens = vector_tokens (net, config->hidden, config->n_tokens, text_dim, face);
  MoaTensor *seen = resampler (net, config, PROJ "perceiver_resampler.", text_dim, x, tokens);
  return config->shortcut ? moa_add (net->graph, tokens, seen) : seen;
}

MoaTensor *
moa_ip_tokens (MoaGraph *g, const MoaMixture *mixture, gint64 text_dim, int s)
{
  const MoaIpAdapterConfig *config = mixture->adapter;
  MoaNet net = ip_net (g, mixture);
  gint64 b = moa_net_dim (mixture->feats, 0);
  gint64 face_dim = config->face_dim, seen = (gint64) config->in_tokens * config->in_dim;
  MoaTensor *feature = moa_take (g, mixture->feats, 1, s, 1), *face = NULL;
  if (face_dim > 0)
    face = moa_graph_reshape (g, moa_take (g, feature, 2, 0, face_dim), MOA_SHAPE (b, 1, face_dim));
  MoaTensor *x = face ? moa_take (g, feature, 2, face_dim, seen) : feature;
  x = moa_graph_reshape (g, x, MOA_SHAPE (b, config->in_tokens, config->in_dim));
  if (face)
    return face_tokens (&net, config, text_dim, face, x);
  if (config->kind == MOA_IP_PLUS)
    return resampler (&net, config, PROJ, text_dim, x, learnt_queries (&net, config, b));
  if (config->kind == MOA_IP_FULL)
    {
      x = moa_net_linear (&net, x, config->hidden, NULL, PROJ "proj.0");
      x = moa_net_linear (&net, moa_activation (g, x, MOA_ACT_GELU), text_dim, NULL, PROJ "proj.2");
      return moa_net_layer_norm (&net, x, PROJ "proj.3");
    }
  return vector_tokens (&net, config->hidden, config->n_tokens, text_dim, x);
}

/* ---- In the U-Net ---------------------------------------------------- */

/* The number that files have for the cross-attention of a block: the middle comes last. */
static int
number_of (const MoaAttentionArgs *args)
{
  int layer = args->layer, middle = args->middle;
  int place = layer < middle ? layer : layer == middle ? args->n_layers - 1 : layer - 1;
  return 2 * place + 1;
}

/* What subject s is worth at each pixel of where (all, if it says nothing): B,N,1. */
static MoaTensor *
weight_of (MoaGraph *g, const MoaMixture *mixture, const MoaWhere *where, gint64 pixels, int s)
{
  gint64 b = moa_net_dim (mixture->feats, 0);
  MoaTensor *present = moa_take (g, mixture->present, 1, s, 1);
  present = moa_graph_reshape (g, present, MOA_SHAPE (b, 1, 1));
  if (!where->limit)
    return moa_broadcast (g, present, MOA_SHAPE (b, pixels, 1));
  return moa_mul (g, where->limit, present);
}

MoaTensor *
moa_ip_attend (MoaGraph *g, const MoaAttentionArgs *args, MoaTensor *q, MoaTensor *y)
{
  const MoaMixture *mixture = args->mixture;
  MoaNet net = ip_net (g, mixture);
  gint64 c = moa_net_dim (q, -1), pixels = moa_net_dim (q, 1);
  int number = number_of (args);
  MoaTensor *anybody = NULL;
  for (int s = 0; s < subjects (mixture); s++)
    {
      const MoaWhere where = moa_where_for (g, &args->where[s], moa_net_dim (q, 0));
      MoaTensor *k = moa_net_matrix (&net, args->tokens[s], c, "ip_adapter.%d.to_k_ip", number);
      MoaTensor *v = moa_net_matrix (&net, args->tokens[s], c, "ip_adapter.%d.to_v_ip", number);
      MoaTensor *here = where.rows ? moa_gather_rows (g, q, where.rows) : q;
      MoaTensor *w = weight_of (g, mixture, &where, pixels, s);
      MoaTensor *own = moa_attention (g, here, k, v, args->heads, FALSE);
      own = moa_mul (g, own, moa_scale (g, w, mixture->scale, 0));
      if (where.rows)
        {
          own = moa_add (g, moa_gather_rows (g, y, where.rows), own);
          y = moa_put_rows (g, y, own, where.rows, where.present);
          w = moa_scatter_rows (g, where.rows, w, pixels);
        }
      else
        y = moa_add (g, y, own);
      anybody = moa_either (g, anybody, w);
    }
  moa_graph_name (anybody, "router.%d.attn2", args->layer);
  return y;
}
