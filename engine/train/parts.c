/* Opening and writing model folders for training: see parts.h. */
#include "train/parts.h"

#include "base/half.h"
#include "nets/clip.h"
#include "nets/controlnet.h"
#include "nets/unet.h"
#include "nets/vae.h"

#include <string.h>

#define LORA_PREFIX "unet." /* as PEFT and diffusers name what is the U-Net's */

static const MoaPartKind others[MOA_N_TRAIN_PARTS - MOA_N_PARTS] = {
  { "controlnet", "diffusion_pytorch_model", "ControlNet", MOA_NAMES_PLAIN, NULL },
  { "heads", "heads", "heads", MOA_NAMES_PLAIN, NULL },
  { "lora", "lora", "LoRA", MOA_NAMES_PLAIN, NULL },
};

static const MoaPartKind *
kind_of (int part)
{
  return part < MOA_N_PARTS ? &moa_parts[part] : &others[part - MOA_N_PARTS];
}

const char *
moa_part_name (int part)
{
  return kind_of (part)->name;
}

char *
moa_part_file (const char *path, int part)
{
  g_autofree char *file = g_strconcat (kind_of (part)->base, ".safetensors", NULL);
  return g_build_filename (path, part == MOA_PART_LORA ? "" : moa_part_name (part), file, NULL);
}

/* Whether the part of a configuration is there, or is to be begun from it. */
static gboolean
is_there (const char *config, int part, guint fresh)
{
  return fresh >> part & 1 || g_file_test (config, G_FILE_TEST_EXISTS);
}

static gboolean
check_layers (const MoaParts *parts, const char *path, GError **error)
{
  g_auto (GStrv) layers = moa_unet_layers (&parts->unet);
  if (parts->moa.n_layers == 0
      || g_strv_equal ((const char *const *) layers, (const char *const *) parts->moa.layers))
    return TRUE;
  return moa_fail (error, MOA_ERROR_MODEL,
                   "%s: moa/config.json lists other layers than the U-Net has transformer blocks", path);
}

static gboolean
read_configs (MoaParts *parts, const char *path, guint fresh, GError **error)
{
#define FILE_OF(name) g_autofree char *name##_file = g_build_filename
  FILE_OF (unet) (path, "unet", "config.json", NULL);
  FILE_OF (vae) (path, "vae", "config.json", NULL);
  FILE_OF (text) (path, "text_encoder", "config.json", NULL);
  FILE_OF (vision) (path, "image_encoder", "config.json", NULL);
  FILE_OF (pixels) (path, "feature_extractor", "preprocessor_config.json", NULL);
  FILE_OF (scheduler) (path, "scheduler", "scheduler_config.json", NULL);
  FILE_OF (moa) (path, "moa", "config.json", NULL);
  FILE_OF (control) (path, "controlnet", "config.json", NULL);
  FILE_OF (tokenizer) (path, "tokenizer", NULL);
#undef FILE_OF
  if (!moa_unet_config_read (unet_file, &parts->unet, error)
      || !moa_vae_config_read (vae_file, &parts->vae, error)
      || !moa_text_config_read (text_file, &parts->text, error)
      || (is_there (vision_file, MOA_PART_VISION, fresh)
          && !moa_vision_config_read (vision_file, pixels_file, &parts->vision, error))
      || !moa_schedule_config_read (scheduler_file, &parts->scheduler, error)
      || (is_there (moa_file, MOA_PART_MOA, fresh) && !moa_moa_config_read (moa_file, &parts->moa, error))
      || (g_file_test (control_file, G_FILE_TEST_EXISTS)
          && !moa_control_config_read (control_file, &parts->control, error)))
    return FALSE;
  if (parts->control.n_hint > 0 && !moa_controlnet_fits (&parts->control, &parts->unet))
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: the ControlNet was made for another U-Net than the model's; begin a new one from a "
                     "model without controlnet/", control_file);
  parts->tokenizer = moa_tokenizer_open (tokenizer_file, error);
  if (!parts->tokenizer)
    return FALSE;
  parts->schedule = moa_schedule_new (&parts->scheduler);
  if (!check_layers (parts, path, error))
    return FALSE;
  if (moa_tokenizer_size (parts->tokenizer) > parts->text.vocab_size
      || moa_tokenizer_window (parts->tokenizer) > parts->text.n_positions)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: the tokenizer has %d tokens and a window of %d, the text encoder takes %d "
                     "and %d (vocab_size, max_position_embeddings)",
                     path, moa_tokenizer_size (parts->tokenizer),
                     moa_tokenizer_window (parts->tokenizer), parts->text.vocab_size,
                     parts->text.n_positions);
  return TRUE;
}

static gboolean
open_params (MoaParts *parts, const char *path, guint fresh, MoaDevice *device, GError **error)
{
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    {
      g_autofree char *file = moa_part_file (path, part);
      MoaWeights *weights = NULL;
      if (part < MOA_PART_HEADS && !(fresh >> part & 1) && g_file_test (file, G_FILE_TEST_EXISTS)
          && !(weights = moa_weights_open (file, kind_of (part)->label, error)))
        return FALSE;
      parts->params[part] = moa_params_new_on (weights, device);
      /* Stable Diffusion's autoencoder leaves the range of float16. */
      if (part == MOA_PART_VAE && device->number == MOA_F16)
        moa_params_set_number (parts->params[part], MOA_F32);
      moa_weights_unref (weights);
    }
  return TRUE;
}

/* Builds every network once at its smallest, which declares its parameters. */
static void
build_all (MoaParts *parts, MoaGraph *g)
{
  int inner = 1 << (parts->unet.n_levels - 1), side = 1 << (parts->vae.n_levels - 1);
  int window = moa_tokenizer_window (parts->tokenizer), size = parts->vision.image_size;
#define INPUT(...) moa_graph_input (g, "in", MOA_SHAPE (__VA_ARGS__), MOA_EACH_RUN)
  MoaMixture mixture = { &parts->moa, parts->params[MOA_PART_MOA],
                         INPUT (1, 1, MAX (1, parts->moa.feature_dim)), INPUT (1, 1), INPUT (1, 1) };
  MoaUnetArgs args = { INPUT (1, inner, inner, parts->unet.in_channels), INPUT (1),
                       INPUT (1, window, parts->unet.text_dim), &mixture };
  if (parts->moa.n_layers == 0)
    args.mixture = NULL;
  moa_unet (g, &parts->unet, parts->params[MOA_PART_UNET], &args);
  moa_vae_encode (g, &parts->vae, parts->params[MOA_PART_VAE],
                  INPUT (1, side, side, parts->vae.in_channels));
  moa_vae_decode (g, &parts->vae, parts->params[MOA_PART_VAE],
                  INPUT (1, 1, 1, parts->vae.latent_channels));
  moa_clip_text (g, &parts->text, parts->params[MOA_PART_TEXT], INPUT (1, window));
  if (size > 0)
    moa_clip_vision (g, &parts->vision, parts->params[MOA_PART_VISION], INPUT (1, size, size, 3));
  if (parts->control.n_hint > 0)
    {
      g_autofree MoaTensor **residuals = g_new (MoaTensor *, moa_unet_skips (&parts->control.unet) + 1);
      moa_controlnet (g, &parts->control, parts->params[MOA_PART_CONTROL], &args,
                      INPUT (1, inner * side, inner * side, 3), residuals);
    }
#undef INPUT
}

static gboolean
declare (MoaParts *parts, void (*build) (MoaParts *parts, MoaGraph *g), MoaDevice *device, GError **error)
{
  MoaCpu *cpu = moa_cpu_new_on (device, 1);
  MoaGraph *g = moa_graph_new (cpu);
  build (parts, g);
  gboolean ok = moa_graph_plan (g, error);
  moa_graph_free (g);
  moa_cpu_free (cpu);
  return ok;
}

gboolean
moa_parts_open (MoaParts *parts, const char *path, guint fresh, MoaDevice *device, GError **error)
{
  *parts = (MoaParts){ .tokenizer = NULL };
  return read_configs (parts, path, fresh, error) && open_params (parts, path, fresh, device, error)
         && declare (parts, build_all, device, error);
}

gboolean
moa_parts_need (const MoaParts *parts, guint needed, const char *path, GError **error)
{
  if (needed >> MOA_PART_VISION & 1 && parts->vision.image_size == 0)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: has no image_encoder/, and this training looks at photos; put the CLIP image encoder "
                     "there", path);
  if (needed >> MOA_PART_MOA & 1 && parts->moa.n_layers == 0)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: has no moa/config.json, which says where MoA goes; copy the folder "
                     "engine/models/sd15/recipe/moa for Stable Diffusion 1.5", path);
  return TRUE;
}

/* ---- A LoRA ----------------------------------------------------------- */

static void
build_lora (MoaParts *parts, MoaGraph *g)
{
  int side = 1 << (parts->unet.n_levels - 1);
#define INPUT(...) moa_graph_input (g, "in", MOA_SHAPE (__VA_ARGS__), MOA_EACH_RUN)
  MoaUnetArgs args = { INPUT (1, side, side, parts->unet.in_channels), INPUT (1),
                       INPUT (1, 1, parts->unet.text_dim), .lora = &parts->lora };
#undef INPUT
  moa_unet (g, &parts->unet, parts->params[MOA_PART_UNET], &args);
}

static gboolean
is_declared (const MoaParams *params, const char *pattern)
{
  for (guint i = 0; i < moa_params_count (params); i++)
    if (g_pattern_match_simple (pattern, moa_params_nth (params, i)->name))
      return TRUE;
  return FALSE;
}

gboolean
moa_parts_add_lora (MoaParts *parts, int rank, char **layers, GError **error)
{
  MoaParams *params = parts->params[MOA_PART_LORA];
  parts->lora = (MoaLowRank){ params, LORA_PREFIX, layers, rank };
  if (!declare (parts, build_lora, moa_params_device (params), error))
    return FALSE;
  for (char **layer = layers; *layer; layer++)
    {
      g_autofree char *down = g_strconcat (LORA_PREFIX, *layer, ".lora_A.weight", NULL);
      if (!is_declared (params, down))
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "\"prior.lora_layers\": no layer of the U-Net is named like \"%s\"; names are as "
                         "\"down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q\"", *layer);
    }
  return TRUE;
}

void
moa_parts_clear (MoaParts *parts)
{
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    moa_params_free (parts->params[part]);
  moa_tokenizer_free (parts->tokenizer);
  moa_schedule_free (parts->schedule);
  moa_moa_config_clear (&parts->moa);
  *parts = (MoaParts){ .tokenizer = NULL };
}

gboolean
moa_parts_load (MoaParts *parts, guint which, GCancellable *cancellable, GError **error)
{
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    if (which >> part & 1 && !moa_params_load (parts->params[part], 0, cancellable, error))
      return FALSE;
  return TRUE;
}

/* ---- Writing ---------------------------------------------------------- */

/* The weight of the U-Net that "unet.NAME.lora_A.weight" or its lora_B is added to. */
static const MoaParam *
under_lora (const MoaParts *parts, const MoaParam *param)
{
  const char *layer = param->name + strlen (LORA_PREFIX);
  g_autofree char *name
    = g_strdup_printf ("%.*s.weight", (int) (g_strrstr (layer, ".lora_") - layer), layer);
  return moa_params_find (parts->params[MOA_PART_UNET], name);
}

/* The shape that diffusers gives a parameter: some matrices are 1x1 convolutions there, and a LoRA's are
 * what they are added to. */
static int
file_shape (const MoaParts *parts, int part, const MoaParam *param, gint64 dim[4])
{
  memcpy (dim, param->dim, sizeof (param->dim));
  dim[2] = param->rank > 2 ? dim[2] : 1;
  dim[3] = param->rank > 3 ? dim[3] : 1;
  const MoaUnetConfig *unet = part == MOA_PART_CONTROL ? &parts->control.unet : &parts->unet;
  gboolean conv = g_str_has_suffix (param->name, "conv_shortcut.weight")
                  || g_str_has_suffix (param->name, "quant_conv.weight")
                  || (part == MOA_PART_CONTROL && g_str_has_prefix (param->name, "controlnet_"))
                  || ((part == MOA_PART_UNET || part == MOA_PART_CONTROL) && !unet->linear_projection
                      && (g_str_has_suffix (param->name, "proj_in.weight")
                          || g_str_has_suffix (param->name, "proj_out.weight")));
  if (part == MOA_PART_LORA)
    {
      gint64 other[4];
      conv = file_shape (parts, MOA_PART_UNET, under_lora (parts, param), other) == 4;
    }
  return conv && param->rank == 2 ? 4 : param->rank;
}

/* The numbers as dtype, (transfer full). */
static void *
convert (const float *numbers, gsize n, MoaDtype dtype)
{
  if (dtype == MOA_DTYPE_F16 || dtype == MOA_DTYPE_BF16)
    {
      guint16 *out = g_new (guint16, n);
      (dtype == MOA_DTYPE_F16 ? moa_half_from_floats : moa_bfloat_from_floats) (numbers, out, n);
      return out;
    }
  return g_memdup2 (numbers, n * sizeof (float));
}

gboolean
moa_parts_write (const MoaParts *parts, int part, const char *path,
                 const float *const *values, gboolean half, GError **error)
{
  MoaParams *params = parts->params[part];
  MoaIsa isa = moa_params_isa (params);
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (g_free);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_metadata (writer, "format", "pt");
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      const MoaParam *param = moa_params_nth (params, i);
      const MoaFileTensor *file = param->file;
      gboolean trained = values && values[i];
      gsize n = moa_param_numbers (param);
      g_autofree float *numbers = g_new (float, n);
      if (trained)
        moa_param_unpack (param, isa, values[i], numbers);
      else if (!moa_params_get_numbers (params, param, numbers, error))
        {
          moa_safetensors_writer_free (writer);
          return FALSE;
        }
      MoaDtype dtype = trained ? (half ? MOA_DTYPE_F16 : MOA_DTYPE_F32)
                               : file && file->dtype != MOA_DTYPE_F64 ? file->dtype : MOA_DTYPE_F32;
      gint64 dim[4];
      int rank = file_shape (parts, part, param, dim);
      g_ptr_array_add (blocks, convert (numbers, n, dtype));
      moa_safetensors_writer_add (writer, file ? file->name : param->name, dtype,
                                  file ? file->rank : rank, file ? file->dim : dim,
                                  blocks->pdata[blocks->len - 1]);
    }
  g_autofree char *file = moa_part_file (path, part);
  gboolean ok = moa_safetensors_writer_save (writer, file, error);
  moa_safetensors_writer_free (writer);
  return ok;
}
