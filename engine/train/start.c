/* First values of a part's weights.
 *
 * Matrices and kernels are uniform within 1 / sqrt (fan in), as PyTorch starts
 * them, or normal of that width in CLIP; norms are 1, biases 0.  What ends a
 * residual branch starts at zero (Ho et al. 2020; LDM's zero_module), so that
 * every net begins as a nearly linear path: without it a small autoencoder
 * hardly gets going.  An expert is a copy of the prior's attention, routers
 * and the fuser's end are zero: an untrained MoA is the prior.  A ControlNet is a copy of the U-Net's way
 * down whose ends are zero (Zhang et al. 2023): the prior too; the convolutions that see its picture have
 * PyTorch's biases besides, as uniform as their kernels, so that black is something to them.  So is a LoRA:
 * down is normal of width 1 / rank, up zero (PEFT's "gaussian", diffusers' trainings). */
#include "train/parts.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

typedef enum { ZEROS, ONES, UNIFORM, NORMAL, FREQUENCIES } How;

typedef struct {
  How how;
  double width;
} Start;

static gboolean
ends (const MoaParam *param, const char *suffix)
{
  return g_str_has_suffix (param->name, suffix);
}

/* Of those that see a ControlNet's picture all but the last. */
static gboolean
sees_hint (const MoaParam *param)
{
  return g_str_has_prefix (param->name, "controlnet_cond_embedding.") && !strstr (param->name, ".conv_out.");
}

/* Numbers that each output is made of, of a layer of which this is the weight or the bias. */
static gsize
fan_in (const MoaParams *params, const MoaParam *param)
{
  if (ends (param, ".bias"))
    {
      int stem = strlen (param->name) - strlen (".bias");
      g_autofree char *name = g_strdup_printf ("%.*s.weight", stem, param->name);
      param = moa_params_find (params, name);
    }
  return moa_param_numbers (param) / param->dim[0];
}

static gboolean
starts_at_zero (int part, const MoaParam *param)
{
  if (ends (param, ".bias"))
    return part != MOA_PART_CONTROL || !sees_hint (param);
  if (part == MOA_PART_MOA)
    return ends (param, ".router.weight") || ends (param, ".router.2.weight")
           || ends (param, "fuser.mlp.2.weight");
  if (part == MOA_PART_UNET)
    return ends (param, ".conv2.weight") || ends (param, ".proj_out.weight")
           || !strcmp (param->name, "conv_out.weight");
  if (part == MOA_PART_LORA)
    return ends (param, ".lora_B.weight");
  if (part == MOA_PART_CONTROL)
    return g_str_has_prefix (param->name, "controlnet_down_") || g_str_has_prefix (param->name, "controlnet_mid_")
           || ends (param, "cond_embedding.conv_out.weight");
  return part == MOA_PART_VAE && (ends (param, ".conv2.weight") || ends (param, ".to_out.0.weight"));
}

static Start
choose (const MoaParts *parts, int part, const MoaParam *param)
{
  gboolean clip = part == MOA_PART_TEXT || part == MOA_PART_VISION;
  if (starts_at_zero (part, param))
    return (Start){ ZEROS };
  if (part == MOA_PART_LORA)
    return (Start){ NORMAL, 1. / param->dim[0] };
  if (!strcmp (param->name, "fuser.freq"))
    return (Start){ FREQUENCIES };
  if (clip && strstr (param->name, "embedding") && !strstr (param->name, "patch_embedding"))
    return (Start){ NORMAL, 0.02 };
  if (param->rank == 1 && !ends (param, ".bias"))
    return (Start){ ONES };
  double scale = 1 / sqrt (fan_in (parts->params[part], param));
  if (!clip)
    return (Start){ UNIFORM, scale };
  /* Each layer adds two branches to the stream. */
  int layers = part == MOA_PART_TEXT ? parts->text.n_layers : parts->vision.n_layers;
  if (ends (param, "out_proj.weight") || ends (param, "fc2.weight"))
    scale /= sqrt (2 * layers);
  return (Start){ NORMAL, scale };
}

static void
fill (const Start *start, guint64 seed, guint64 stream, float *numbers, gsize n)
{
  if (start->how == UNIFORM)
    moa_rng_uniform (seed, stream, 0, numbers, n);
  else if (start->how == NORMAL || start->how == FREQUENCIES)
    moa_rng_normal (seed, stream, 0, numbers, n);
  for (gsize i = 0; i < n; i++)
    switch (start->how)
      {
      case ZEROS: numbers[i] = 0; break;
      case ONES: numbers[i] = 1; break;
      case UNIFORM: numbers[i] = (2 * numbers[i] - 1) * start->width; break;
      case NORMAL: numbers[i] *= start->width; break;
      /* Of the timestep, 0 to 999, and the layer, 0 to 15: Eq. 8 */
      case FREQUENCIES: numbers[i] *= i % 2 ? 2 : 0.03; break;
      }
}

/* Hardly any noise in the latents at first, or the first steps go into
 * overcoming it: logvar's weights small, its bias low. */
static void
quiet_logvar (const MoaParam *param, float *numbers)
{
  gsize n = moa_param_numbers (param);
  if (!strcmp (param->name, "quant_conv.weight"))
    for (gsize i = n / 2; i < n; i++)
      numbers[i] *= 0.1f;
  else if (!strcmp (param->name, "quant_conv.bias"))
    for (gsize i = n / 2; i < n; i++)
      numbers[i] = -6;
}

/* What has the name of a parameter of the U-Net begins as that. */
static void
copy_unet (MoaParts *parts, int part)
{
  MoaParams *params = parts->params[part], *unet = parts->params[MOA_PART_UNET];
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      MoaParam *param = moa_params_nth (params, i);
      const MoaParam *prior = moa_params_find (unet, param->name);
      g_autofree float *numbers = g_new (float, moa_param_numbers (param));
      /* A card that fails tells at the next run. */
      if (prior && moa_params_get_numbers (unet, prior, numbers, NULL))
        moa_params_set_numbers (params, param, numbers, NULL);
    }
}

void
moa_parts_start_experts (MoaParts *parts)
{
  copy_unet (parts, MOA_PART_MOA);
}

void
moa_parts_start (MoaParts *parts, int part, guint64 seed)
{
  MoaParams *params = parts->params[part];
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      MoaParam *param = moa_params_nth (params, i);
      gsize n = moa_param_numbers (param);
      g_autofree float *numbers = g_new (float, n);
      Start start = choose (parts, part, param);
      fill (&start, seed, ((guint64) part << 32) + i, numbers, n);
      if (part == MOA_PART_VAE)
        quiet_logvar (param, numbers);
      moa_params_set_numbers (params, param, numbers, NULL);
    }
  if (part == MOA_PART_MOA || part == MOA_PART_CONTROL)
    copy_unet (parts, part);
}
