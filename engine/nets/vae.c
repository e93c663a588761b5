/* The autoencoder of Stable Diffusion (AutoencoderKL; Rombach et al. 2022, section 3.1): pictures
 * to latents an eighth their side, and back.  All of its norms have eps 1e-6. */
#include "nets/vae.h"

#include "nets/layers.h"

static MoaNet
vae_net (MoaGraph *g, const MoaVaeConfig *config, MoaParams *params)
{
  return (MoaNet){ g, params, config->norm_groups, 1e-6 };
}

/* One head over all pixels, with biases; x B,H,W,C. */
static MoaTensor *
attention (const MoaNet *net, MoaTensor *x, const char *name)
{
  MoaGraph *g = net->graph;
  gint64 b = moa_net_dim (x, 0), h = moa_net_dim (x, 1), w = moa_net_dim (x, 2);
  gint64 c = moa_net_dim (x, -1);
  x = moa_graph_reshape (g, x, MOA_SHAPE (b, h * w, c));
  MoaTensor *n = moa_net_group_norm (net, x, FALSE, "%s.group_norm", name);
  MoaTensor *q = moa_net_linear (net, n, c, NULL, "%s.to_q", name);
  MoaTensor *k = moa_net_linear (net, n, c, NULL, "%s.to_k", name);
  MoaTensor *v = moa_net_linear (net, n, c, NULL, "%s.to_v", name);
  MoaTensor *y = moa_attention (g, q, k, v, 1, FALSE);
  y = moa_net_linear (net, y, c, x, "%s.to_out.0", name);
  return moa_graph_reshape (g, y, MOA_SHAPE (b, h, w, c));
}

static MoaTensor *
mid_block (const MoaNet *net, const MoaVaeConfig *config, MoaTensor *x, const char *coder)
{
  gint64 c = moa_net_dim (x, -1);
  x = moa_net_resnet (net, x, c, NULL, "%s.mid_block.resnets.0", coder);
  if (config->mid_attention)
    {
      g_autofree char *name = g_strconcat (coder, ".mid_block.attentions.0", NULL);
      x = attention (net, x, name);
    }
  x = moa_net_resnet (net, x, c, NULL, "%s.mid_block.resnets.1", coder);
  return moa_graph_name (x, "%s.mid_block", coder);
}

/* Norm, SiLU and the last convolution, to n channels. */
static MoaTensor *
end (const MoaNet *net, MoaTensor *x, gint64 n, const char *coder)
{
  x = moa_net_group_norm (net, x, TRUE, "%s.conv_norm_out", coder);
  moa_graph_name (x, "%s.conv_act", coder);
  return moa_net_conv (net, x, n, NULL, "%s.conv_out", coder);
}

MoaTensor *
moa_vae_encode (MoaGraph *g, const MoaVaeConfig *config, MoaParams *params, MoaTensor *image)
{
  MoaNet net = vae_net (g, config, params);
  gint64 moments = 2 * config->latent_channels;
  MoaTensor *x = moa_net_conv (&net, image, config->channels[0], NULL, "encoder.conv_in");
  moa_graph_name (x, "encoder.conv_in");
  for (int i = 0; i < config->n_levels; i++)
    {
      for (int j = 0; j < config->layers_per_block; j++)
        x = moa_net_resnet (&net, x, config->channels[i], NULL, "encoder.down_blocks.%d.resnets.%d",
                            i, j);
      if (i < config->n_levels - 1)
        x = moa_net_downsample (&net, x, 0, "encoder.down_blocks.%d.downsamplers.0.conv", i);
      moa_graph_name (x, "encoder.down_blocks.%d", i);
    }
  x = mid_block (&net, config, x, "encoder");
  x = end (&net, x, moments, "encoder");
  return config->quant_conv ? moa_net_linear (&net, x, moments, NULL, "quant_conv") : x;
}

MoaTensor *
moa_vae_decode (MoaGraph *g, const MoaVaeConfig *config, MoaParams *params, MoaTensor *z)
{
  MoaNet net = vae_net (g, config, params);
  int last = config->n_levels - 1;
  MoaTensor *x = z;
  if (config->post_quant_conv)
    x = moa_net_linear (&net, x, config->latent_channels, NULL, "post_quant_conv");
  x = moa_net_conv (&net, x, config->channels[last], NULL, "decoder.conv_in");
  moa_graph_name (x, "decoder.conv_in");
  x = mid_block (&net, config, x, "decoder");
  for (int i = 0; i <= last; i++)
    {
      gint64 c = config->channels[last - i];
      for (int j = 0; j <= config->layers_per_block; j++)
        x = moa_net_resnet (&net, x, c, NULL, "decoder.up_blocks.%d.resnets.%d", i, j);
      if (i < last)
        {
          x = moa_upsample (g, x, 2 * moa_net_dim (x, 1), 2 * moa_net_dim (x, 2));
          x = moa_net_conv (&net, x, c, NULL, "decoder.up_blocks.%d.upsamplers.0.conv", i);
        }
      moa_graph_name (x, "decoder.up_blocks.%d", i);
    }
  return end (&net, x, config->out_channels, "decoder");
}
