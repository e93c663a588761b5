/* Names of the original Stable Diffusion 1.x files, see names.h.
 *
 * Their U-Net counts its blocks through: input_blocks.0 is conv_in, and each of the four levels has
 * two layers and a change of size on the way down, three layers on the way up.  Their autoencoder
 * counts the levels of the decoder from the finest on, diffusers from the coarsest. */
#include "io/names.h"

#include "io/fastcomposer.h"

#include <stdio.h>
#include <string.h>

enum { PER_LEVEL = 3, FINEST_UP = 3 };

typedef struct {
  const char *ours, *theirs;
} Spelling;

/* text with the first of these spellings that it begins with changed; NULL-ended table.
 * (transfer full) */
static char *
respell (const char *text, const Spelling *spellings)
{
  for (; spellings->ours; spellings++)
    if (g_str_has_prefix (text, spellings->ours))
      return g_strconcat (spellings->theirs, text + strlen (spellings->ours), NULL);
  return NULL;
}

/* ---- U-Net and ControlNet -------------------------------------------- */

static const Spelling unet_resnet[] = {
  { "norm1.", "in_layers.0." },        { "conv1.", "in_layers.2." },
  { "time_emb_proj.", "emb_layers.1." }, { "norm2.", "out_layers.0." },
  { "conv2.", "out_layers.3." },       { "conv_shortcut.", "skip_connection." },
  { NULL },
};

static const Spelling unet_ends[] = {
  { "time_embedding.linear_1.", "time_embed.0." },
  { "time_embedding.linear_2.", "time_embed.2." },
  { "conv_in.", "input_blocks.0.0." },
  { "conv_norm_out.", "out.0." },
  { "conv_out.", "out.2." },
  { "mid_block.attentions.0.", "middle_block.1." },
  { "controlnet_mid_block.", "middle_block_out.0." },
  { "controlnet_cond_embedding.conv_in.", "input_hint_block.0." },
  { "controlnet_cond_embedding.conv_out.", "input_hint_block.14." },
  { NULL },
};

static char *
unet_resnet_name (const char *block, int number, const char *rest)
{
  g_autofree char *inner = respell (rest, unet_resnet);
  return inner ? g_strdup_printf ("%s.%d.0.%s", block, number, inner) : NULL;
}

static char *
unet_name (const char *name)
{
  int i, j, n = 0;
#define IS(format, ...) (sscanf (name, format "%n", __VA_ARGS__, &n), n > 0)
  if (IS ("down_blocks.%1d.resnets.%1d.", &i, &j))
    return unet_resnet_name ("input_blocks", PER_LEVEL * i + j + 1, name + n);
  if (IS ("up_blocks.%1d.resnets.%1d.", &i, &j))
    return unet_resnet_name ("output_blocks", PER_LEVEL * i + j, name + n);
  if (IS ("down_blocks.%1d.attentions.%1d.", &i, &j))
    return g_strdup_printf ("input_blocks.%d.1.%s", PER_LEVEL * i + j + 1, name + n);
  if (IS ("up_blocks.%1d.attentions.%1d.", &i, &j))
    return g_strdup_printf ("output_blocks.%d.1.%s", PER_LEVEL * i + j, name + n);
  if (IS ("down_blocks.%1d.downsamplers.0.conv.", &i))
    return g_strdup_printf ("input_blocks.%d.0.op.%s", PER_LEVEL * (i + 1), name + n);
  /* The coarsest level has no attention between its last resnet and the upsampler. */
  if (IS ("up_blocks.%1d.upsamplers.0.", &i))
    return g_strdup_printf ("output_blocks.%d.%d.%s", PER_LEVEL * i + 2, i == 0 ? 1 : 2, name + n);
  if (IS ("controlnet_down_blocks.%2d.", &i))
    return g_strdup_printf ("zero_convs.%d.0.%s", i, name + n);
  if (IS ("controlnet_cond_embedding.blocks.%1d.", &i))
    return g_strdup_printf ("input_hint_block.%d.%s", 2 * (i + 1), name + n);
  if (IS ("mid_block.resnets.%1d.", &i))
    {
      g_autofree char *inner = respell (name + n, unet_resnet);
      return inner ? g_strdup_printf ("middle_block.%d.%s", 2 * i, inner) : NULL;
    }
  return respell (name, unet_ends);
}

/* ---- VAE ------------------------------------------------------------- */

static const Spelling vae_attention[] = {
  { "group_norm.", "norm." }, { "to_q.", "q." }, { "to_k.", "k." },
  { "to_v.", "v." },          { "to_out.0.", "proj_out." }, { NULL },
};

/* where: "encoder.mid.block_1" */
static char *
vae_resnet_name (const char *where, const char *rest)
{
  static const Spelling shortcut[] = { { "conv_shortcut.", "nin_shortcut." }, { NULL } };
  g_autofree char *inner = respell (rest, shortcut);
  return g_strdup_printf ("%s.%s", where, inner ? inner : rest);
}

/* name without "encoder." or "decoder." in front. */
static char *
coder_name (const char *coder, const char *name)
{
  int i, j, n = 0;
  if (IS ("mid_block.resnets.%1d.", &i))
    {
      g_autofree char *where = g_strdup_printf ("%s.mid.block_%d", coder, i + 1);
      return vae_resnet_name (where, name + n);
    }
  if (g_str_has_prefix (name, "mid_block.attentions.0."))
    {
      g_autofree char *inner = respell (name + strlen ("mid_block.attentions.0."), vae_attention);
      return inner ? g_strdup_printf ("%s.mid.attn_1.%s", coder, inner) : NULL;
    }
  gboolean down = IS ("down_blocks.%1d.", &i), up = !down && IS ("up_blocks.%1d.", &i);
  if (!down && !up)
    {
      static const Spelling end[] = { { "conv_norm_out.", "norm_out." }, { NULL } };
      g_autofree char *inner = respell (name, end);
      return g_strdup_printf ("%s.%s", coder, inner ? inner : name);
    }
  g_autofree char *level = g_strdup_printf ("%s.%s.%d", coder, down ? "down" : "up",
                                            down ? i : FINEST_UP - i);
  name += n;
  n = 0;
  if (IS ("resnets.%1d.", &j))
    {
      g_autofree char *where = g_strdup_printf ("%s.block.%d", level, j);
      return vae_resnet_name (where, name + n);
    }
  static const Spelling size[] = { { "downsamplers.0.", "downsample." },
                                   { "upsamplers.0.", "upsample." }, { NULL } };
  g_autofree char *inner = respell (name, size);
  return inner ? g_strdup_printf ("%s.%s", level, inner) : NULL;
}
#undef IS

static char *
vae_name (const char *name)
{
  static const char *const coders[] = { "encoder", "decoder" };
  for (gsize i = 0; i < G_N_ELEMENTS (coders); i++)
    if (g_str_has_prefix (name, coders[i]) && name[strlen (coders[i])] == '.')
      return coder_name (coders[i], name + strlen (coders[i]) + 1);
  return g_strdup (name); /* quant_conv, post_quant_conv */
}

/* ---------------------------------------------------------------------- */

char *
moa_ldm_name (MoaNames names, const char *name)
{
  switch (names)
    {
    case MOA_NAMES_UNET:
    case MOA_NAMES_CONTROLNET:
      return unet_name (name);
    case MOA_NAMES_VAE:
      return vae_name (name);
    case MOA_NAMES_TEXT:
    case MOA_NAMES_FASTCOMPOSER:
    case MOA_NAMES_FASTCOMPOSER_ENCODER:
      return g_strdup (name);
    case MOA_NAMES_PLAIN:
      break;
    }
  return NULL;
}

const char *const *
moa_ldm_prefixes (MoaNames names)
{
  static const char *const none[] = { NULL };
  static const char *const unet[] = { "model.diffusion_model.", "", NULL };
  static const char *const vae[] = { "first_stage_model.", "vae.", "", NULL };
  static const char *const text[] = { "cond_stage_model.transformer.", "text_encoder.", NULL };
  static const char *const control[] = { "control_model.", "", NULL };
  static const char *const fast[] = { MOA_FASTCOMPOSER_UNET, NULL };
  static const char *const encoder[] = { MOA_FASTCOMPOSER_ENCODER, NULL };
  static const char *const *const of[] = { none, unet, vae, text, control, fast, encoder };
  return of[names];
}

gboolean
moa_names_leave (MoaNames names, const char *tensor)
{
  static const char *const others[] = { MOA_FASTCOMPOSER_ENCODER, "text_encoder.", "vae." };
  if (names == MOA_NAMES_PLAIN)
    return FALSE;
  if (names == MOA_NAMES_FASTCOMPOSER_ENCODER)
    return !g_str_has_prefix (tensor, MOA_FASTCOMPOSER_ENCODER);
  if (names != MOA_NAMES_FASTCOMPOSER)
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (g_str_has_prefix (tensor, others[i]))
      return TRUE;
  return g_str_has_prefix (tensor, MOA_FASTCOMPOSER_UNET) && !strstr (tensor, ".attn");
}
