/* What a file is: rules, of which the first that some tensor meets decides. */
#include "io/kind.h"

#include "base/error.h"
#include "io/fastcomposer.h"

#include <string.h>

typedef struct {
  const char *prefix;  /* of a tensor's name, or NULL */
  const char *part;    /* somewhere in the name, or NULL */
  int axis;            /* of a dimension that must be size; -1: any shape */
  gint64 size;
  MoaFileKind kind;
  const char *what;
} Rule;

#define UNET "model.diffusion_model."
#define CROSS "attn2.to_k.weight"

static const Rule rules[] = {
  { MOA_FASTCOMPOSER_FUSER, NULL, -1, 0, MOA_KIND_FASTCOMPOSER, "a FastComposer model" },
  { "ip_adapter.", "to_k_ip", 1, 2048, MOA_KIND_FOREIGN, "an IP-Adapter for Stable Diffusion XL" },
  { "ip_adapter.", NULL, -1, 0, MOA_KIND_IP_ADAPTER, "an IP-Adapter" },
  { "lora_te1_", NULL, -1, 0, MOA_KIND_FOREIGN, "a LoRA for Stable Diffusion XL" },
  { "lora_te2_", NULL, -1, 0, MOA_KIND_FOREIGN, "a LoRA for Stable Diffusion XL" },
  { "text_encoder_2.", "lora", -1, 0, MOA_KIND_FOREIGN, "a LoRA for Stable Diffusion XL" },
  { "lora_unet_double_blocks", NULL, -1, 0, MOA_KIND_FOREIGN, "a LoRA for Flux" },
  { "transformer.", "lora", -1, 0, MOA_KIND_FOREIGN, "a LoRA for a diffusion transformer" },
  { NULL, "attn2_to_k.lora_down.weight", 1, 2048, MOA_KIND_FOREIGN,
    "a LoRA for Stable Diffusion XL" },
  { NULL, "attn2_to_k.lora_down.weight", 1, 1024, MOA_KIND_FOREIGN,
    "a LoRA for Stable Diffusion 2.x" },
  { NULL, ".hada_w", -1, 0, MOA_KIND_FOREIGN, "a LoHa adapter, which is not supported; a LoRA is" },
  { NULL, ".lokr_w", -1, 0, MOA_KIND_FOREIGN, "a LoKr adapter, which is not supported; a LoRA is" },
  { NULL, ".lora_down.weight", -1, 0, MOA_KIND_LORA, "a LoRA" },
  { NULL, ".lora_A.", -1, 0, MOA_KIND_LORA, "a LoRA" },
  { NULL, "lora.down.weight", -1, 0, MOA_KIND_LORA, "a LoRA" },
  { "conditioner.embedders.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Stable Diffusion XL checkpoint" },
  { UNET "label_emb.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Stable Diffusion XL checkpoint" },
  { "add_embedding.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Stable Diffusion XL U-Net" },
  { UNET "joint_blocks.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Stable Diffusion 3 checkpoint" },
  { UNET "double_blocks.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Flux checkpoint" },
  { "double_blocks.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Flux model" },
  { "single_transformer_blocks.", NULL, -1, 0, MOA_KIND_FOREIGN, "a Flux model" },
  { "control_model.", CROSS, 1, 1024, MOA_KIND_FOREIGN, "a ControlNet for Stable Diffusion 2.x" },
  { "control_model.", CROSS, 1, 2048, MOA_KIND_FOREIGN, "a ControlNet for Stable Diffusion XL" },
  { "control_model.input_hint_block.", NULL, -1, 0, MOA_KIND_CONTROLNET, "a ControlNet" },
  { "input_hint_block.", NULL, -1, 0, MOA_KIND_CONTROLNET, "a ControlNet" },
  { "controlnet_cond_embedding.", NULL, -1, 0, MOA_KIND_CONTROLNET, "a ControlNet" },
  { "cond_stage_model.model.", NULL, -1, 0, MOA_KIND_FOREIGN,
    "a Stable Diffusion 2.x checkpoint" },
  { UNET "input_blocks.0.0.weight", NULL, 1, 9, MOA_KIND_FOREIGN,
    "an inpainting checkpoint, whose U-Net takes 9 channels; use the plain model that it was made "
    "from" },
  { UNET "input_blocks.0.0.weight", NULL, 1, 8, MOA_KIND_FOREIGN,
    "an InstructPix2Pix checkpoint, whose U-Net takes 8 channels" },
  { UNET "input_blocks.0.0.weight", NULL, 1, 5, MOA_KIND_FOREIGN,
    "a depth-to-image checkpoint, whose U-Net takes 5 channels" },
  { UNET, CROSS, 1, 1024, MOA_KIND_FOREIGN, "a Stable Diffusion 2.x checkpoint" },
  { UNET, NULL, -1, 0, MOA_KIND_CHECKPOINT, "a Stable Diffusion 1.x checkpoint" },
  { NULL, ".router.", -1, 0, MOA_KIND_MOA, "MoA weights" },
  { "conv_in.weight", NULL, 1, 9, MOA_KIND_FOREIGN, "an inpainting U-Net, which takes 9 channels" },
  { "down_blocks.0.attentions.0.transformer_blocks.0.attn2.", NULL, -1, 0, MOA_KIND_UNET,
    "a U-Net" },
  { "encoder.conv_in.", NULL, -1, 0, MOA_KIND_VAE, "a VAE" },
  { "first_stage_model.", NULL, -1, 0, MOA_KIND_VAE, "a VAE" },
  { "vae.", NULL, -1, 0, MOA_KIND_VAE, "a VAE" },
  { "vision_model.", NULL, -1, 0, MOA_KIND_IMAGE_ENCODER, "a CLIP image encoder" },
  { "visual.", NULL, -1, 0, MOA_KIND_FOREIGN,
    "a CLIP model under OpenCLIP's names; get it as transformers saves it" },
  { "text_model.", NULL, -1, 0, MOA_KIND_TEXT_ENCODER, "a CLIP text encoder" },
  { "embeddings.token_embedding.", NULL, -1, 0, MOA_KIND_TEXT_ENCODER, "a CLIP text encoder" },
  { "clip_g", NULL, -1, 0, MOA_KIND_FOREIGN,
    "a textual inversion embedding for Stable Diffusion XL" },
  { "emb_params", NULL, -1, 0, MOA_KIND_EMBEDDING, "a textual inversion embedding" },
};

static gboolean
meets (const Rule *rule, const MoaFileTensor *tensor)
{
  return (!rule->prefix || g_str_has_prefix (tensor->name, rule->prefix))
         && (!rule->part || strstr (tensor->name, rule->part))
         && (rule->axis < 0
             || (rule->axis < tensor->rank && tensor->dim[rule->axis] == rule->size));
}

MoaFileKind
moa_file_kind (const MoaSafetensors *file, const char **what)
{
  const char *none;
  if (!what)
    what = &none;
  int n = moa_safetensors_count (file);
  for (gsize r = 0; r < G_N_ELEMENTS (rules); r++)
    for (int i = 0; i < n; i++)
      if (meets (&rules[r], moa_safetensors_tensor (file, i)))
        {
          *what = rules[r].what;
          return rules[r].kind;
        }
  /* diffusers saves an embedding as one tensor named after its token. */
  if (n == 1 && moa_safetensors_tensor (file, 0)->rank <= 2)
    {
      *what = "a textual inversion embedding";
      return MOA_KIND_EMBEDDING;
    }
  *what = "a file of tensors that belong to nothing known";
  return MOA_KIND_UNKNOWN;
}

gboolean
moa_file_kind_of (const char *path, MoaFileKind *kind, const char **what, GError **error)
{
  MoaSafetensors *file = moa_safetensors_open (path, error);
  if (!file)
    return FALSE;
  *kind = moa_file_kind (file, what);
  moa_safetensors_close (file);
  return TRUE;
}

gboolean
moa_file_kind_check (const char *path, MoaFileKind wanted, GError **error)
{
  static const char *const names[] = {
    [MOA_KIND_CHECKPOINT] = "a Stable Diffusion 1.x checkpoint",
    [MOA_KIND_UNET] = "a U-Net",
    [MOA_KIND_VAE] = "a VAE",
    [MOA_KIND_TEXT_ENCODER] = "a CLIP text encoder",
    [MOA_KIND_IMAGE_ENCODER] = "a CLIP image encoder",
    [MOA_KIND_MOA] = "MoA weights",
    [MOA_KIND_IP_ADAPTER] = "an IP-Adapter",
    [MOA_KIND_FASTCOMPOSER] = "a FastComposer model",
    [MOA_KIND_CONTROLNET] = "a ControlNet",
    [MOA_KIND_LORA] = "a LoRA",
    [MOA_KIND_EMBEDDING] = "a textual inversion embedding",
  };
  MoaFileKind kind;
  const char *what;
  if (!moa_file_kind_of (path, &kind, &what, error))
    return FALSE;
  return kind == wanted
         || moa_fail (error, MOA_ERROR_MODEL, "%s: is %s; %s was expected", path, what,
                      names[wanted]);
}
