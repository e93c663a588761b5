/* CLIP (Radford et al. 2021): the text transformer whose states the U-Net reads, and the vision
 * transformer whose projected class token is a subject's feature.  Both are stacks of
 *   x += out (attention (norm1 x));  x += fc2 (act (fc1 (norm2 x)))
 * and differ in their embeddings and in the mask: text sees only what stands before. */
#include "nets/clip.h"

#include "nets/layers.h"

typedef struct {
  const char *tower;   /* text_model, vision_model */
  int n_layers, n_heads, mlp_width;
  MoaAct act;
  gboolean causal;
} Encoder;

static MoaTensor *
self_attention (const MoaNet *net, const Encoder *e, MoaTensor *x, MoaTensor *residual,
                const char *name)
{
  gint64 width = moa_net_dim (x, -1);
  MoaTensor *q = moa_net_linear (net, x, width, NULL, "%s.q_proj", name);
  MoaTensor *k = moa_net_linear (net, x, width, NULL, "%s.k_proj", name);
  MoaTensor *v = moa_net_linear (net, x, width, NULL, "%s.v_proj", name);
  MoaTensor *y = moa_attention (net->graph, q, k, v, e->n_heads, e->causal);
  return moa_net_linear (net, y, width, residual, "%s.out_proj", name);
}

/* x B,T,width: the embeddings.  The result is before the tower's last norm. */
static MoaTensor *
encoder (const MoaNet *net, const Encoder *e, MoaTensor *x)
{
  moa_graph_name (x, "hidden.0");
  for (int i = 0; i < e->n_layers; i++)
    {
      g_autofree char *layer = g_strdup_printf ("%s.encoder.layers.%d", e->tower, i);
      g_autofree char *attention = g_strconcat (layer, ".self_attn", NULL);
      MoaTensor *h = moa_net_layer_norm (net, x, "%s.layer_norm1", layer);
      x = self_attention (net, e, h, x, attention);
      h = moa_net_layer_norm (net, x, "%s.layer_norm2", layer);
      h = moa_net_linear (net, h, e->mlp_width, NULL, "%s.mlp.fc1", layer);
      h = moa_activation (net->graph, h, e->act);
      x = moa_net_linear (net, h, moa_net_dim (x, -1), x, "%s.mlp.fc2", layer);
      moa_graph_name (x, "hidden.%d", i + 1);
    }
  return x;
}

/* Rows 0 .. n-1 of the table of positions, 1,n,width. */
static MoaTensor *
positions (const MoaNet *net, const char *tower, gint64 n, gint64 n_positions, gint64 width)
{
  g_autofree char *name = g_strconcat (tower, ".embeddings.position_embedding.weight", NULL);
  MoaTensor *table = moa_graph_param (net->graph, net->params, name,
                                      MOA_SHAPE (n_positions, width), MOA_PLAIN);
  g_autofree double *place = g_new (double, n);
  for (gint64 i = 0; i < n; i++)
    place[i] = i;
  MoaTensor *ids = moa_graph_constant (net->graph, MOA_SHAPE (1, n), place);
  return moa_embedding (net->graph, ids, table);
}

MoaTensor *
moa_clip_text (MoaGraph *g, const MoaTextConfig *config, MoaParams *params, MoaTensor *ids)
{
  return moa_clip_text_with (g, config, params, &(MoaClipTextArgs){ .ids = ids });
}

MoaTensor *
moa_clip_text_with (MoaGraph *g, const MoaTextConfig *config, MoaParams *params,
                    const MoaClipTextArgs *args)
{
  MoaNet net = { g, params, .eps = config->eps };
  Encoder e = { "text_model", config->n_layers - args->skip, config->n_heads, config->mlp_width,
                config->act, .causal = TRUE };
  MoaTensor *ids = args->ids;
  gint64 n = moa_net_dim (ids, 1), width = config->width;
  if (n > config->n_positions)
    moa_graph_fail (g, MOA_ERROR_ARGUMENT,
                    "The text encoder takes %d tokens at most, not %" G_GINT64_FORMAT ".",
                    config->n_positions, n);

  MoaTensor *table = moa_graph_param (g, params, "text_model.embeddings.token_embedding.weight",
                                      MOA_SHAPE (config->vocab_size, width), MOA_TABLE);
  MoaTensor *x = moa_embedding (g, ids, table);
  if (args->rows)
    x = moa_put_rows (g, x, args->rows, args->index, args->present);
  x = moa_add (g, x, positions (&net, e.tower, n, config->n_positions, width));
  x = encoder (&net, &e, x);
  return moa_graph_name (moa_net_layer_norm (&net, x, "text_model.final_layer_norm"),
                         "last_hidden_state");
}

/* The class token and the patches, B,1 + n,width. */
static MoaTensor *
patch_embeddings (const MoaNet *net, const MoaVisionConfig *config, MoaTensor *pixels)
{
  MoaGraph *g = net->graph;
  gint64 width = config->width, patch = config->patch_size, batch = moa_net_dim (pixels, 0);
  gint64 side = config->image_size / patch;
  MoaTensor *kernel =
      moa_graph_param (g, net->params, "vision_model.embeddings.patch_embedding.weight",
                       MOA_SHAPE (width, config->channels, patch, patch), MOA_PANELS);
  MoaTensor *x = moa_conv2d (g, pixels, kernel, NULL, NULL, patch, 0, 0);
  x = moa_graph_reshape (g, x, MOA_SHAPE (batch, side * side, width));
  MoaTensor *class_token =
      moa_graph_param (g, net->params, "vision_model.embeddings.class_embedding",
                       MOA_SHAPE (width), MOA_PLAIN);
  class_token = moa_graph_reshape (g, class_token, MOA_SHAPE (1, 1, width));
  class_token = moa_broadcast (g, class_token, MOA_SHAPE (batch, 1, width));
  return moa_concat (g, class_token, x, 1);
}

MoaTensor *
moa_clip_vision (MoaGraph *g, const MoaVisionConfig *config, MoaParams *params, MoaTensor *pixels)
{
  MoaNet net = { g, params, .eps = config->eps };
  Encoder e = { "vision_model", config->n_layers, config->n_heads, config->mlp_width, config->act,
                .causal = FALSE };
  MoaTensor *x = patch_embeddings (&net, config, pixels);
  gint64 batch = moa_net_dim (x, 0), n = moa_net_dim (x, 1), width = config->width;
  x = moa_add (g, x, positions (&net, e.tower, n, n, width));
  x = moa_net_layer_norm (&net, x, "vision_model.pre_layrnorm"); /* spelled so in the files */
  x = moa_graph_name (encoder (&net, &e, x), "last_hidden_state");

  g_autofree double *first = g_new0 (double, batch);
  x = moa_gather_rows (g, x, moa_graph_constant (g, MOA_SHAPE (batch, 1), first));
  x = moa_net_layer_norm (&net, moa_graph_reshape (g, x, MOA_SHAPE (batch, width)),
                          "vision_model.post_layernorm");
  MoaTensor *projection = moa_graph_param (g, params, "visual_projection.weight",
                                           MOA_SHAPE (config->projection_dim, width), MOA_PANELS);
  return moa_graph_name (moa_linear (g, x, projection, NULL, NULL), "image_embeds");
}
