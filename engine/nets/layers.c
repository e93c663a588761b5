/* Layers with their weights; see layers.h.  Weights are declared as the files of diffusers and
 * transformers have them. */
#include "nets/layers.h"

gint64
moa_net_dim (const MoaTensor *t, int axis)
{
  if (!t)
    return 1;
  return t->shape.dim[axis < 0 ? t->shape.rank + axis : axis];
}

static MoaTensor *
param (const MoaNet *net, const char *name, const char *what, MoaShape shape, MoaLayout layout)
{
  g_autofree char *full = g_strconcat (name, what, NULL);
  return moa_graph_param (net->graph, net->params, full, shape, layout);
}

static MoaTensor *
vector (const MoaNet *net, const char *name, const char *what, gint64 n)
{
  return param (net, name, what, MOA_SHAPE (n), MOA_PLAIN);
}

/* The one of a LoRA's two matrices. */
static MoaTensor *
low_rank_param (const MoaNet *net, const char *name, const char *what, MoaShape shape)
{
  g_autofree char *full = g_strconcat (net->lora->prefix, name, what, NULL);
  return moa_graph_param (net->graph, net->lora->params, full, shape, MOA_PANELS);
}

static gboolean
has_low_rank (const MoaNet *net, const char *name)
{
  for (char **layer = net->lora ? net->lora->layers : NULL; layer && *layer; layer++)
    if (g_pattern_match_simple (*layer, name))
      return TRUE;
  return FALSE;
}

/* What is added to a layer's n channels: the residual, and what a LoRA makes of x.  kernel 1: of a linear
 * layer. */
static MoaTensor *
added (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *residual, const char *name, int kernel,
       int stride, int before)
{
  if (!has_low_rank (net, name))
    return residual;
  gint64 c = moa_net_dim (x, -1), rank = net->lora->rank;
  MoaShape shape = kernel == 1 ? MOA_SHAPE (rank, c) : MOA_SHAPE (rank, c, kernel, kernel);
  MoaTensor *down = low_rank_param (net, name, ".lora_A.weight", shape);
  MoaTensor *up = low_rank_param (net, name, ".lora_B.weight", MOA_SHAPE (n, rank));
  x = kernel == 1 ? moa_linear (net->graph, x, down, NULL, NULL)
                  : moa_conv2d (net->graph, x, down, NULL, NULL, stride, before, 1);
  return moa_linear (net->graph, x, up, NULL, residual);
}

/* The name of a printf style call. */
#define NAME(out, format)                          \
  g_autofree char *out = NULL;                     \
  {                                                \
    va_list args;                                  \
    va_start (args, format);                       \
    out = g_strdup_vprintf (format, args);         \
    va_end (args);                                 \
  }

MoaTensor *
moa_net_linear (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *residual,
                const char *format, ...)
{
  NAME (name, format)
  MoaShape shape = MOA_SHAPE (n, moa_net_dim (x, -1));
  return moa_linear (net->graph, x, param (net, name, ".weight", shape, MOA_PANELS),
                     vector (net, name, ".bias", n), added (net, x, n, residual, name, 1, 1, 0));
}

MoaTensor *
moa_net_matrix (const MoaNet *net, MoaTensor *x, gint64 n, const char *format, ...)
{
  NAME (name, format)
  MoaShape shape = MOA_SHAPE (n, moa_net_dim (x, -1));
  return moa_linear (net->graph, x, param (net, name, ".weight", shape, MOA_PANELS), NULL,
                     added (net, x, n, NULL, name, 1, 1, 0));
}

static MoaTensor *
conv3 (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *residual, int stride, int before,
       const char *name)
{
  MoaShape shape = MOA_SHAPE (n, moa_net_dim (x, -1), 3, 3);
  return moa_conv2d (net->graph, x, param (net, name, ".weight", shape, MOA_PANELS),
                     vector (net, name, ".bias", n),
                     added (net, x, n, residual, name, 3, stride, before), stride, before, 1);
}

MoaTensor *
moa_net_conv (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *residual,
              const char *format, ...)
{
  NAME (name, format)
  return conv3 (net, x, n, residual, 1, 1, name);
}

MoaTensor *
moa_net_downsample (const MoaNet *net, MoaTensor *x, int before, const char *format, ...)
{
  NAME (name, format)
  return conv3 (net, x, moa_net_dim (x, -1), NULL, 2, before, name);
}

MoaTensor *
moa_net_halve (const MoaNet *net, MoaTensor *x, gint64 n, const char *format, ...)
{
  NAME (name, format)
  return conv3 (net, x, n, NULL, 2, 1, name);
}

MoaTensor *
moa_net_layer_norm (const MoaNet *net, MoaTensor *x, const char *format, ...)
{
  NAME (name, format)
  gint64 n = moa_net_dim (x, -1);
  return moa_layer_norm (net->graph, x, vector (net, name, ".weight", n),
                         vector (net, name, ".bias", n), net->eps);
}

MoaTensor *
moa_net_group_norm (const MoaNet *net, MoaTensor *x, gboolean silu, const char *format, ...)
{
  NAME (name, format)
  gint64 n = moa_net_dim (x, -1);
  return moa_group_norm (net->graph, x, vector (net, name, ".weight", n),
                         vector (net, name, ".bias", n), net->groups, net->eps, silu);
}

MoaTensor *
moa_net_resnet (const MoaNet *net, MoaTensor *x, gint64 n, MoaTensor *emb, const char *format, ...)
{
  NAME (name, format)
  MoaTensor *h = moa_net_group_norm (net, x, TRUE, "%s.norm1", name);
  h = moa_net_conv (net, h, n, NULL, "%s.conv1", name);
  if (emb)
    {
      MoaTensor *shift = moa_net_linear (net, emb, n, NULL, "%s.time_emb_proj", name);
      MoaShape shape = MOA_SHAPE (moa_net_dim (shift, 0), 1, 1, n);
      h = moa_add (net->graph, h, moa_graph_reshape (net->graph, shift, shape));
    }
  h = moa_net_group_norm (net, h, TRUE, "%s.norm2", name);
  MoaTensor *residual = moa_net_dim (x, -1) == n
                        ? x : moa_net_linear (net, x, n, NULL, "%s.conv_shortcut", name);
  return moa_graph_name (moa_net_conv (net, h, n, residual, "%s.conv2", name), "%s", name);
}

MoaTensor *
moa_net_batch (MoaGraph *g, MoaTensor *x, gint64 b)
{
  if (!x || moa_net_dim (x, 0) == b)
    return x;
  MoaShape shape = x->shape;
  shape.dim[0] = b;
  return moa_broadcast (g, x, shape);
}
