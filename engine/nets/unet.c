/* Stable Diffusion 1.x's U-Net (Rombach et al. 2022; Ho et al. 2020), with MoA where asked.
 *
 *   conv_in   down 0   down 1   down 2   down 3   mid   up 0   up 1   up 2   up 3   conv_out
 *      |         |        |        |        +------------+      |      |      |
 *      |         |        |        +-----------------------------+     |      |
 *      |         |        +----------------------------------------------+    |
 *      +---------+-----------------------------------------------------------+   skips
 *
 * A level is resnets, each followed by a spatial transformer where the configuration says so, and
 * a change of size.  Every result on the way down is a skip; on the way up each resnet takes one,
 * concatenated behind the hidden state. */
#include "nets/unet.h"

#include "graph/gradient.h"
#include "nets/ip_adapter.h"
#include "nets/layers.h"

#include <string.h>

typedef struct {
  MoaGraph *graph;
  const MoaUnetConfig *config;
  const MoaUnetArgs *args;
  MoaNet net;
  MoaTensor *emb;                    /* of the timesteps, after SiLU: B,4C */
  /* The mixture's limits at each level's size, with masks for each subject; an IP-Adapter's tokens. */
  MoaWhere where[MOA_MAX_LEVELS][MOA_MAX_SUBJECTS];
  MoaTensor *tokens[MOA_MAX_SUBJECTS];
  GPtrArray *skips;                  /* (element-type MoaTensor), a stack */
  int layer;                         /* number of the next transformer block */
  int middle, n_layers;              /* that of the one in the middle; how many there are */
} Unet;

/* Attention to itself, to the text, and a gated MLP (GEGLU), each on the normed hidden state and
 * added to it; x B,L,C.  "NAME.hidden.0", ".1", ".2" are what the three are added to. */
static MoaTensor *
transformer_block (Unet *u, MoaTensor *x, int level, const char *name)
{
  MoaGraph *g = u->graph;
  MoaNet net = u->net;
  net.eps = 1e-5;
  gint64 c = moa_net_dim (x, -1);
  const MoaMixture *mixture = u->args->mixture;
  MoaTensor *text = u->args->text;
  g_autofree char *self = g_strconcat (name, ".attn1", NULL);
  g_autofree char *cross = g_strconcat (name, ".attn2", NULL);
  MoaAttentionArgs args = { .layer = u->layer, .heads = u->config->heads[level], .prior = &net,
                            .mixture = mixture, .where = u->where[level], .tokens = u->tokens,
                            .middle = u->middle, .n_layers = u->n_layers };

  args.prefix = self;
  moa_graph_name (x, "%s.hidden.0", name);
  x = moa_mixed_attention (g, &args, moa_net_layer_norm (&net, x, "%s.norm1", name), x);

  /* All before has seen no text. */
  x = moa_net_batch (g, x, moa_net_dim (text, 0));
  args.prefix = cross;
  args.context = text;
  if (mixture && !mixture->adapter)
    args.fused = moa_fuse_prompt (g, mixture, text, u->args->t, u->layer);
  moa_graph_name (x, "%s.hidden.1", name);
  x = moa_mixed_attention (g, &args, moa_net_layer_norm (&net, x, "%s.norm2", name), x);

  moa_graph_name (x, "%s.hidden.2", name);
  MoaTensor *h = moa_net_layer_norm (&net, x, "%s.norm3", name);
  h = moa_geglu (g, moa_net_linear (&net, h, 8 * c, NULL, "%s.ff.net.0.proj", name));
  x = moa_net_linear (&net, h, c, x, "%s.ff.net.2", name);
  u->layer++;
  return moa_graph_name (x, "%s", name);
}

/* Transformer2DModel: norm, in, block, out, residual; x B,h,w,C.  proj_in and proj_out are linear
 * layers or 1x1 convolutions (linear_projection), which is the same. */
static MoaTensor *
spatial_transformer (Unet *u, MoaTensor *x, int level, const char *name)
{
  MoaNet net = u->net;
  net.eps = 1e-6;
  gint64 h = moa_net_dim (x, 1), w = moa_net_dim (x, 2), c = moa_net_dim (x, -1);
  g_autofree char *block = g_strconcat (name, ".transformer_blocks.0", NULL);
  MoaTensor *y = moa_net_group_norm (&net, x, FALSE, "%s.norm", name);
  moa_graph_name (y, "%s.norm", name);
  y = moa_graph_reshape (u->graph, y, MOA_SHAPE (moa_net_dim (x, 0), h * w, c));
  y = moa_graph_name (moa_net_linear (&net, y, c, NULL, "%s.proj_in", name), "%s.proj_in", name);
  y = transformer_block (u, y, level, block);
  gint64 b = moa_net_dim (y, 0);
  y = moa_graph_reshape (u->graph, y, MOA_SHAPE (b, h, w, c));
  x = moa_net_batch (u->graph, x, b);
  return moa_graph_name (moa_net_linear (&net, y, c, x, "%s.proj_out", name), "%s", name);
}

static MoaTensor *
keep (const Unet *u, MoaTensor *x, MoaUnetKeep what)
{
  if (u->args->keep == what)
    moa_graph_checkpoint (x);
  return x;
}

/* One resnet of a block, and its transformer; BLOCK is the block's name. */
static MoaTensor *
layer (Unet *u, MoaTensor *x, int level, gboolean cross, const char *block, int i)
{
  x = moa_net_resnet (&u->net, x, u->config->channels[level], u->emb, "%s.resnets.%d", block, i);
  if (!cross)
    return keep (u, x, MOA_KEEP_LAYERS);
  g_autofree char *name = g_strdup_printf ("%s.attentions.%d", block, i);
  return keep (u, spatial_transformer (u, x, level, name), MOA_KEEP_LAYERS);
}

static MoaTensor *
down_block (Unet *u, MoaTensor *x, int level)
{
  const MoaUnetConfig *config = u->config;
  g_autofree char *name = g_strdup_printf ("down_blocks.%d", level);
  for (int i = 0; i < config->layers_per_block; i++)
    {
      x = layer (u, x, level, config->down_cross[level], name, i);
      g_ptr_array_add (u->skips, x);
    }
  if (level < config->n_levels - 1)
    {
      x = moa_net_downsample (&u->net, x, 1, "%s.downsamplers.0.conv", name);
      moa_graph_name (x, "%s.downsamplers.0", name);
      g_ptr_array_add (u->skips, x);
    }
  return keep (u, moa_graph_name (x, "%s", name), MOA_KEEP_BLOCKS);
}

static MoaTensor *
mid_block (Unet *u, MoaTensor *x)
{
  int level = u->config->n_levels - 1;
  x = layer (u, x, level, TRUE, "mid_block", 0);
  x = moa_graph_name (layer (u, x, level, FALSE, "mid_block", 1), "mid_block");
  return keep (u, x, MOA_KEEP_BLOCKS);
}

static MoaTensor *
up_block (Unet *u, MoaTensor *x, int block)
{
  const MoaUnetConfig *config = u->config;
  int level = config->n_levels - 1 - block;
  g_autofree char *name = g_strdup_printf ("up_blocks.%d", block);
  for (int i = 0; i <= config->layers_per_block; i++)
    {
      MoaTensor *skip = g_ptr_array_steal_index (u->skips, u->skips->len - 1);
      skip = moa_net_batch (u->graph, skip, moa_net_dim (x, 0));
      x = layer (u, moa_concat (u->graph, x, skip, 3), level, config->up_cross[block], name, i);
    }
  if (level > 0)
    {
      /* Twice the size, or one less where the way down met an odd side. */
      const MoaTensor *next = g_ptr_array_index (u->skips, u->skips->len - 1);
      x = moa_upsample (u->graph, x, moa_net_dim (next, 1), moa_net_dim (next, 2));
      x = moa_net_conv (&u->net, x, config->channels[level], NULL, "%s.upsamplers.0.conv", name);
      moa_graph_name (x, "%s.upsamplers.0", name);
    }
  return keep (u, moa_graph_name (x, "%s", name), MOA_KEEP_BLOCKS);
}

static MoaTensor *
time_embedding (const Unet *u)
{
  gint64 c = u->config->channels[0];
  MoaTensor *x = moa_time_embedding (u->graph, u->args->t, c);
  x = moa_net_linear (&u->net, x, 4 * c, NULL, "time_embedding.linear_1");
  x = moa_activation (u->graph, x, MOA_ACT_SILU);
  x = moa_net_linear (&u->net, x, 4 * c, NULL, "time_embedding.linear_2");
  moa_graph_name (x, "time_embedding");
  return moa_activation (u->graph, x, MOA_ACT_SILU);
}

static gboolean
check_limit (Unet *u, gint64 h, gint64 w)
{
  int factor = 1 << (u->config->n_levels - 1);
  if (h % factor == 0 && w % factor == 0)
    return TRUE;
  moa_graph_fail (u->graph, MOA_ERROR_ARGUMENT,
                  "A selection can limit the person only if the latent's sides (%" G_GINT64_FORMAT
                  " x %" G_GINT64_FORMAT ") are multiples of %d; use another size.",
                  w, h, factor);
  return FALSE;
}

static void
pool_limit (Unet *u, MoaTensor *limit)
{
  gint64 b = moa_net_dim (limit, 0), h = moa_net_dim (limit, 1), w = moa_net_dim (limit, 2);
  if (!check_limit (u, h, w))
    return;
  for (int i = 0; i < u->config->n_levels; i++)
    {
      MoaTensor *pooled = i == 0 ? limit : moa_avg_pool (u->graph, limit, 1 << i);
      u->where[i]->limit = moa_graph_reshape (u->graph, pooled,
                                              MOA_SHAPE (b, (h >> i) * (w >> i), 1));
    }
}

/* One level of a known limit: its mean over squares, and where that is not 0. */
static void
set_level (Unet *u, int level, MoaWhere *where, const float *region, gint64 h, gint64 w)
{
  gint64 side = 1 << level, n = 0, pixels = (h >> level) * (w >> level);
  g_autofree double *limit = g_new (double, pixels), *rows = g_new (double, pixels);
  g_autofree double *present = g_new (double, pixels);
  for (gint64 p = 0; p < pixels; p++)
    {
      gint64 top = p / (w >> level) * side, left = p % (w >> level) * side;
      double sum = 0;
      for (gint64 i = 0; i < side * side; i++)
        sum += region[(top + i / side) * w + left + i % side];
      if (sum > 0)
        {
          limit[n] = sum / (side * side);
          rows[n] = p;
          present[n++] = 1;
        }
    }
  if (n == 0)
    {
      /* Nowhere: the mixture runs, with weight 0. */
      memset (limit, 0, pixels * sizeof (double));
      where->limit = moa_graph_constant (u->graph, MOA_SHAPE (1, pixels, 1), limit);
      return;
    }
  where->limit = moa_graph_constant (u->graph, MOA_SHAPE (1, n, 1), limit);
  where->rows = moa_graph_constant (u->graph, MOA_SHAPE (1, n), rows);
  where->present = moa_graph_constant (u->graph, MOA_SHAPE (1, n), present);
}

static void
set_region (Unet *u, const float *region, int n_regions)
{
  gint64 h = moa_net_dim (u->args->sample, 1), w = moa_net_dim (u->args->sample, 2);
  if (check_limit (u, h, w))
    for (int i = 0; i < u->config->n_levels; i++)
      for (int s = 0; s < n_regions; s++)
        set_level (u, i, &u->where[i][s], region + s * h * w, h, w);
}

static void
count_layers (Unet *u)
{
  const MoaUnetConfig *config = u->config;
  for (int i = 0; i < config->n_levels; i++)
    {
      u->middle += config->down_cross[i] ? config->layers_per_block : 0;
      u->n_layers += config->up_cross[i] ? config->layers_per_block + 1 : 0;
    }
  u->n_layers += u->middle + 1;
}

/* Ready to run the blocks: the time embedding, and the mixture's limit at each level. */
static Unet
begin (MoaGraph *g, const MoaUnetConfig *config, MoaParams *params, const MoaUnetArgs *args,
       GPtrArray *skips)
{
  Unet u = { g, config, args, { g, params, config->norm_groups, config->norm_eps, args->lora },
             .skips = skips };
  u.emb = time_embedding (&u);
  count_layers (&u);
  const MoaMixture *mixture = args->mixture;
  int n = mixture && mixture->config->masks ? moa_net_dim (mixture->feats, 1) : 1;
  g_assert (n <= MOA_MAX_SUBJECTS);
  for (int s = 0; s < n && mixture && mixture->adapter; s++)
    u.tokens[s] = moa_ip_tokens (g, mixture, config->text_dim, s);
  if (mixture && mixture->region)
    set_region (&u, mixture->region, n);
  else if (mixture && mixture->limit)
    pool_limit (&u, mixture->limit);
  return u;
}

static MoaTensor *
down_and_middle (Unet *u, MoaTensor *added)
{
  MoaTensor *x = moa_net_conv (&u->net, u->args->sample, u->config->channels[0], added, "conv_in");
  moa_graph_name (x, "conv_in");
  g_ptr_array_add (u->skips, x);
  for (int i = 0; i < u->config->n_levels; i++)
    x = down_block (u, x, i);
  return mid_block (u, x);
}

MoaTensor *
moa_unet_encode (MoaGraph *g, const MoaUnetConfig *config, MoaParams *params,
                 const MoaUnetArgs *args, MoaTensor *added, GPtrArray *skips)
{
  Unet u = begin (g, config, params, args, skips);
  return down_and_middle (&u, added);
}

int
moa_unet_skips (const MoaUnetConfig *config)
{
  /* conv_in, the layers, and a downsampler after every level but the last. */
  return 1 + config->n_levels * config->layers_per_block + config->n_levels - 1;
}

static MoaTensor *
add_residual (MoaGraph *g, MoaTensor *x, MoaTensor *residual)
{
  gint64 b = MAX (moa_net_dim (x, 0), moa_net_dim (residual, 0));
  return moa_add (g, moa_net_batch (g, x, b), residual);
}

MoaTensor *
moa_unet (MoaGraph *g, const MoaUnetConfig *config, MoaParams *params, const MoaUnetArgs *args)
{
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  Unet u = begin (g, config, params, args, skips);
  MoaTensor *x = down_and_middle (&u, NULL);
  for (guint i = 0; args->control && i < skips->len; i++)
    skips->pdata[i] = add_residual (g, skips->pdata[i], args->control[i]);
  if (args->control)
    x = add_residual (g, x, args->control[skips->len]);
  for (int i = 0; i < config->n_levels; i++)
    x = up_block (&u, x, i);

  x = moa_net_group_norm (&u.net, x, TRUE, "conv_norm_out");
  moa_graph_name (x, "conv_act");
  return moa_net_conv (&u.net, x, config->out_channels, NULL, "conv_out");
}

char **
moa_unet_layers (const MoaUnetConfig *config)
{
  GPtrArray *names = g_ptr_array_new ();
  for (int i = 0; i < config->n_levels; i++)
    for (int j = 0; config->down_cross[i] && j < config->layers_per_block; j++)
      g_ptr_array_add (names, g_strdup_printf ("down_blocks.%d.attentions.%d.transformer_blocks.0",
                                               i, j));
  g_ptr_array_add (names, g_strdup ("mid_block.attentions.0.transformer_blocks.0"));
  for (int i = 0; i < config->n_levels; i++)
    for (int j = 0; config->up_cross[i] && j <= config->layers_per_block; j++)
      g_ptr_array_add (names, g_strdup_printf ("up_blocks.%d.attentions.%d.transformer_blocks.0",
                                               i, j));
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}
