/* Opening a model directory: configurations, tensor tables, and whether the
 * parts are complete and fit together.  Weights are read by the first job. */
#include "jobs/model.h"

#include "jobs/nets.h"
#include "nets/unet.h"

#include <string.h>

int
moa_model_vae_factor (const MoaModel *model)
{
  return 1 << (model->vae.n_levels - 1);
}

int
moa_model_unet_factor (const MoaModel *model)
{
  return 1 << (model->unet.n_levels - 1);
}

/* The path of a file that must be there; says what a model folder holds if it is not. */
static char *
part_path (const MoaModel *model, const char *file, GError **error)
{
  g_autofree char *path = g_build_filename (model->path, file, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);
  moa_fail (error, MOA_ERROR_MODEL,
            "%s: the model lacks %s. A model folder holds unet, vae, text_encoder, tokenizer, "
            "scheduler, image_encoder and feature_extractor as diffusers saves them, and moa",
            model->path, file);
  return NULL;
}

static gboolean
read_configs (MoaModel *model, GError **error)
{
  g_autofree char *unet = part_path (model, "unet/config.json", error);
  if (!unet || !moa_unet_config_read (unet, &model->unet, error))
    return FALSE;
  g_autofree char *vae = part_path (model, "vae/config.json", error);
  if (!vae || !moa_vae_config_read (vae, &model->vae, error))
    return FALSE;
  g_autofree char *text = part_path (model, "text_encoder/config.json", error);
  if (!text || !moa_text_config_read (text, &model->text, error))
    return FALSE;
  g_autofree char *vision = part_path (model, "image_encoder/config.json", error);
  g_autofree char *pixels = vision ? part_path (model, "feature_extractor/preprocessor_config.json",
                                                error)
                                   : NULL;
  if (!pixels || !moa_vision_config_read (vision, pixels, &model->vision, error))
    return FALSE;
  g_autofree char *scheduler = part_path (model, "scheduler/scheduler_config.json", error);
  if (!scheduler || !moa_schedule_config_read (scheduler, &model->scheduler, error))
    return FALSE;
  g_autofree char *moa = part_path (model, "moa/config.json", error);
  if (!moa || !moa_moa_config_read (moa, &model->moa, error))
    return FALSE;
  g_autofree char *tokenizer = part_path (model, "tokenizer/vocab.json", error);
  if (!tokenizer)
    return FALSE;
  g_autofree char *folder = g_path_get_dirname (tokenizer);
  model->tokenizer = moa_tokenizer_open (folder, error);
  return model->tokenizer != NULL;
}

/* The weights of a part: folder/base.safetensors, or the 16-bit variant that some models have
 * instead.  A pickle in their place is opened too, for the error that says how to convert it. */
static MoaWeights *
open_weights (const MoaModel *model, const char *folder, const char *base, const char *label,
              GError **error)
{
  static const char *const endings[] = { ".safetensors", ".fp16.safetensors", ".bin" };
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat (base, endings[i], NULL);
      g_autofree char *path = g_build_filename (model->path, folder, name, NULL);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return moa_weights_open (path, label, error);
    }
  g_autofree char *file = g_strdup_printf ("%s/%s.safetensors", folder, base);
  g_free (part_path (model, file, error));
  return NULL;
}

static gboolean
open_parts (MoaModel *model, GError **error)
{
  const struct {
    const char *name, *base, *label;
    MoaParams **params;
  } parts[MOA_N_PARTS] = {
    { "unet", "diffusion_pytorch_model", "U-Net", &model->unet_params },
    { "vae", "diffusion_pytorch_model", "VAE", &model->vae_params },
    { "text_encoder", "model", "text encoder", &model->text_params },
    { "image_encoder", "model", "image encoder", &model->vision_params },
    { "moa", "moa", "MoA", &model->moa_params },
  };
  for (int i = 0; i < MOA_N_PARTS; i++)
    {
      MoaWeights *weights = open_weights (model, parts[i].name, parts[i].base, parts[i].label,
                                          error);
      if (!weights)
        return FALSE;
      *parts[i].params = moa_params_new_on (weights, model->device);
      model->part[i] = (MoaModelPart){ parts[i].name, moa_weights_count_elements (weights),
                                       moa_weights_file_bytes (weights) };
      moa_weights_unref (weights);
    }
  return TRUE;
}

static gboolean
layers_fit (const MoaModel *model, GError **error)
{
  g_auto (GStrv) layers = moa_unet_layers (&model->unet);
  int n = g_strv_length (layers);
  if (n != model->moa.n_layers)
    return moa_fail (
        error, MOA_ERROR_MODEL,
        "%s: moa/config.json lists %d layers, but the U-Net has %d transformer blocks; "
        "these MoA weights were made for another U-Net",
        model->path, model->moa.n_layers, n);
  for (int i = 0; i < n; i++)
    if (strcmp (layers[i], model->moa.layers[i]))
      return moa_fail (error, MOA_ERROR_MODEL,
                       "%s: moa/config.json has layer \"%s\" where the U-Net's running order has "
                       "\"%s\"",
                       model->path, model->moa.layers[i], layers[i]);
  return TRUE;
}

static gboolean
parts_fit (const MoaModel *model, GError **error)
{
  const struct {
    const char *what_a;
    int a;
    const char *what_b;
    int b;
    gboolean at_most; /* a <= b will do */
  } rules[] = {
    { "the text encoder's width", model->text.width, "the U-Net's cross_attention_dim",
      model->unet.text_dim },
    { "the image encoder's projection_dim", model->vision.projection_dim, "MoA's feature_dim",
      model->moa.feature_dim },
    { "the VAE's latent_channels", model->vae.latent_channels, "the U-Net's in_channels",
      model->unet.in_channels },
    { "the U-Net's out_channels", model->unet.out_channels, "its in_channels",
      model->unet.in_channels },
    { "the VAE's in_channels", model->vae.in_channels, "the channels of a picture", 3 },
    { "the VAE's out_channels", model->vae.out_channels, "the channels of a picture", 3 },
    { "the image encoder's num_channels", model->vision.channels, "the channels of a photo", 3 },
    { "the tokenizer's size", moa_tokenizer_size (model->tokenizer),
      "the text encoder's vocab_size", model->text.vocab_size, TRUE },
    { "the tokenizer's model_max_length", moa_tokenizer_window (model->tokenizer),
      "the text encoder's max_position_embeddings", model->text.n_positions, TRUE },
  };
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    if (rules[i].at_most ? rules[i].a > rules[i].b : rules[i].a != rules[i].b)
      return moa_fail (error, MOA_ERROR_MODEL,
                       "%s: the parts do not fit together: %s is %d, and %s %d", model->path,
                       rules[i].what_a, rules[i].a, rules[i].what_b, rules[i].b);
  return layers_fit (model, error);
}

/* Builds every network once, at the smallest size: this declares the
 * parameters, and with them finds what is missing or of the wrong shape. */
static gboolean
declare (MoaModel *model, MoaCpu *cpu, GError **error)
{
  int inner = moa_model_unet_factor (model), side = inner * moa_model_vae_factor (model);
  MoaDenoiserSpec spec = { inner, inner, TRUE, 1 };
  MoaCoder coder = { NULL };
  MoaDenoiser denoiser = { NULL };
  if (!moa_coder_text (&coder, model, cpu, 1, error))
    return FALSE;
  moa_coder_clear (&coder);
  if (!moa_coder_vision (&coder, model, cpu, error))
    return FALSE;
  moa_coder_clear (&coder);
  if (!moa_coder_encode (&coder, model, cpu, side, side, error))
    return FALSE;
  moa_coder_clear (&coder);
  if (!moa_coder_decode (&coder, model, cpu, side, side, error))
    return FALSE;
  moa_coder_clear (&coder);
  if (!moa_denoiser_init (&denoiser, model, cpu, &spec, error))
    return FALSE;
  moa_denoiser_clear (&denoiser);
  return TRUE;
}

/* One warning for each part that has tensors which no network asked for. */
static void
warn_of_surplus (MoaModel *model, MoaParams *params)
{
  enum { SHOWN = 4 };
  MoaWeights *weights = moa_params_weights (params);
  g_auto (GStrv) names = moa_weights_surplus (weights);
  guint n = g_strv_length (names);
  if (n == 0)
    return;
  g_autoptr (GString) text = g_string_new (NULL);
  g_string_printf (text, "%s: %u %s not used:", moa_weights_path (weights), n,
                   n == 1 ? "tensor is" : "tensors are");
  for (guint i = 0; i < MIN (n, SHOWN); i++)
    g_string_append_printf (text, "%s %s", i ? "," : "", names[i]);
  if (n > SHOWN)
    g_string_append_printf (text, " and %u more", n - SHOWN);
  g_ptr_array_add (model->warnings, g_string_free (g_steal_pointer (&text), FALSE));
}

static void
fill_info (MoaModel *model)
{
  MoaParams *params[MOA_N_PARTS] = { model->unet_params, model->vae_params, model->text_params,
                                     model->vision_params, model->moa_params };
  guint64 bytes = 0;
  for (int i = 0; i < MOA_N_PARTS; i++)
    {
      bytes += moa_params_bytes (params[i]);
      warn_of_surplus (model, params[i]);
    }
  g_ptr_array_add (model->warnings, NULL);
  const MoaMoaConfig *moa = &model->moa;
  model->info = (MoaModelInfo){
    .path = model->path,
    .side = model->unet.sample_size * moa_model_vae_factor (model),
    .feature_dim = moa->feature_dim,
    .n_layers = moa->n_layers,
    .layers = (const char *const *) moa->layers,
    .parts = model->part,
    .n_parts = MOA_N_PARTS,
    .weight_bytes = bytes,
    .steps = moa->steps > 0 ? moa->steps : 50,
    .guidance = moa->guidance >= 0 ? moa->guidance : 3,
    .freedom = moa->freedom >= 0 ? moa->freedom : 0,
    .fixed_point = moa->fixed_point >= 0 ? moa->fixed_point : 1,
    .max_timestep = moa->max_timestep,
    .warnings = (const char *const *) model->warnings->pdata,
  };
}

static gboolean
open_all (MoaModel *model, GError **error)
{
  if (!g_file_test (model->path, G_FILE_TEST_IS_DIR))
    return moa_fail (error, MOA_ERROR_MODEL, "%s: %s", model->path,
                     g_file_test (model->path, G_FILE_TEST_EXISTS)
                         ? "a model is a folder, this is a file"
                         : "there is no such model folder");
  if (!read_configs (model, error) || !open_parts (model, error) || !parts_fit (model, error))
    return FALSE;
  model->schedule = moa_schedule_new (&model->scheduler);
  MoaCpu *cpu = moa_cpu_new_on (model->device, 1);
  gboolean ok = declare (model, cpu, error);
  moa_cpu_free (cpu);
  if (ok)
    fill_info (model);
  return ok;
}

static MoaModel *
open_on (const char *path, MoaDevice *device, GError **error)
{
  MoaModel *model = g_new0 (MoaModel, 1);
  model->device = moa_device_ref (device);
  model->others = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_model_unref);
  model->ref_count = 1;
  model->path = g_strdup (path);
  model->warnings = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&model->lock);
  if (open_all (model, error))
    return model;
  moa_model_unref (model);
  return NULL;
}

MoaModel *
moa_model_open (const char *path, GError **error)
{
  g_return_val_if_fail (path, NULL);
  return open_on (path, moa_device_host (), error);
}

/* Whether memory of one is the other's: devices opened twice share it. */
static gboolean
same_place (const MoaDevice *a, const MoaDevice *b)
{
  return !strcmp (a->name, b->name) && a->number == b->number;
}

MoaModel *
moa_model_on (MoaModel *model, MoaDevice *device, GError **error)
{
  if (model->pinned || same_place (model->device, device))
    return moa_model_ref (model);
  g_mutex_lock (&model->lock);
  MoaModel *found = NULL;
  for (guint i = 0; i < model->others->len && !found; i++)
    {
      MoaModel *other = model->others->pdata[i];
      found = same_place (other->device, device) ? other : NULL;
    }
  if (!found && (found = open_on (model->path, device, error)))
    g_ptr_array_add (model->others, found);
  if (found)
    moa_model_ref (found);
  g_mutex_unlock (&model->lock);
  return found;
}

MoaModel *
moa_model_ref (MoaModel *model)
{
  g_atomic_int_inc (&model->ref_count);
  return model;
}

void
moa_model_unref (MoaModel *model)
{
  if (!model || !g_atomic_int_dec_and_test (&model->ref_count))
    return;
  g_ptr_array_unref (model->others);
  moa_params_free (model->unet_params);
  moa_params_free (model->vae_params);
  moa_params_free (model->text_params);
  moa_params_free (model->vision_params);
  moa_params_free (model->moa_params);
  if (model->tokenizer)
    moa_tokenizer_free (model->tokenizer);
  if (model->schedule)
    moa_schedule_free (model->schedule);
  moa_moa_config_clear (&model->moa);
  g_ptr_array_unref (model->warnings);
  moa_device_unref (model->device);
  g_mutex_clear (&model->lock);
  g_free (model->path);
  g_free (model);
}

const MoaModelInfo *
moa_model_get_info (MoaModel *model)
{
  return &model->info;
}
