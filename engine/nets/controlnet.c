/* ControlNet, see controlnet.h.
 *
 *   hint -- conv, SiLU, ... -- 320 --+
 *   sample -- conv_in ---------------+-- down blocks -- middle
 *                                    |       |            |      1x1 convolutions that began as zeros
 *                                  residuals of the skips  residual of the middle
 */
#include "nets/controlnet.h"

#include <string.h>

/* The picture at the latent's size: an eighth of its own, by three convolutions with stride 2. */
static MoaTensor *
embed_hint (const MoaNet *net, const MoaControlConfig *config, MoaTensor *hint)
{
  MoaGraph *g = net->graph;
  MoaTensor *x = moa_net_conv (net, hint, config->hint[0], NULL,
                               "controlnet_cond_embedding.conv_in");
  x = moa_activation (g, x, MOA_ACT_SILU);
  for (int i = 0; i + 1 < config->n_hint; i++)
    {
      x = moa_net_conv (net, x, config->hint[i], NULL, "controlnet_cond_embedding.blocks.%d", 2 * i);
      x = moa_activation (g, x, MOA_ACT_SILU);
      x = moa_net_halve (net, x, config->hint[i + 1], "controlnet_cond_embedding.blocks.%d",
                         2 * i + 1);
      x = moa_activation (g, x, MOA_ACT_SILU);
    }
  x = moa_net_conv (net, x, config->unet.channels[0], NULL, "controlnet_cond_embedding.conv_out");
  return moa_graph_name (x, "cond_embedding");
}

void
moa_controlnet (MoaGraph *g, const MoaControlConfig *config, MoaParams *params,
                const MoaUnetArgs *args, MoaTensor *hint, MoaTensor **residual)
{
  MoaNet net = { g, params, config->unet.norm_groups, config->unet.norm_eps };
  g_autoptr (GPtrArray) skips = g_ptr_array_new ();
  MoaTensor *middle = moa_unet_encode (g, &config->unet, params, args,
                                       embed_hint (&net, config, hint), skips);
  for (guint i = 0; i < skips->len; i++)
    {
      MoaTensor *skip = skips->pdata[i];
      residual[i] = moa_net_linear (&net, skip, moa_net_dim (skip, -1), NULL,
                                    "controlnet_down_blocks.%u", i);
    }
  residual[skips->len] = moa_net_linear (&net, middle, moa_net_dim (middle, -1), NULL,
                                         "controlnet_mid_block");
}

gboolean
moa_controlnet_fits (const MoaControlConfig *config, const MoaUnetConfig *unet)
{
  const MoaUnetConfig *own = &config->unet;
  return own->n_levels == unet->n_levels && own->layers_per_block == unet->layers_per_block
         && own->text_dim == unet->text_dim
         && !memcmp (own->channels, unet->channels, unet->n_levels * sizeof *unet->channels);
}
