/* Whether a model's parts are complete and fit together, and what it is to who asks. */
#include "jobs/model.h"

#include "jobs/nets.h"
#include "nets/controlnet.h"
#include "nets/unet.h"

#include <string.h>

/* ---- Do they fit together? ---- */

static gboolean
control_fits (const MoaModel *model, GError **error)
{
  if (!model->control_params || moa_controlnet_fits (&model->control, &model->unet))
    return TRUE;
  return moa_fail (error, MOA_ERROR_MODEL, "%s: the ControlNet was made for another U-Net than %s",
                   model->sources.control.weights, model->path);
}

static gboolean
layers_fit (const MoaModel *model, GError **error)
{
  if (!model->moa_params || model->sources.expert != MOA_EXPERT_MOA)
    return TRUE; /* the others' are named after the U-Net's */
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
    { "the VAE's latent_channels", model->vae.latent_channels, "the U-Net's in_channels",
      model->unet.in_channels },
    { "the U-Net's out_channels", model->unet.out_channels, "its in_channels",
      model->unet.in_channels },
    { "the VAE's in_channels", model->vae.in_channels, "the channels of a picture", 3 },
    { "the VAE's out_channels", model->vae.out_channels, "the channels of a picture", 3 },
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
  /* The image encoder's side needs both it and the expert. */
  const MoaIpAdapterConfig *adapter = moa_model_adapter (model);
  if (adapter && model->vision_params && adapter->kind != MOA_IP_FACE_ID)
    {
      gboolean states = moa_ip_adapter_takes_states (adapter->kind);
      int given = states ? model->vision.width : model->vision.projection_dim;
      if (given != adapter->in_dim)
        return moa_fail (error, MOA_ERROR_MODEL,
                         "%s: the parts do not fit together: the image encoder's %s is %d, and the "
                         "IP-Adapter takes %d; give the image encoder that it was trained with",
                         model->path, states ? "hidden_size" : "projection_dim", given,
                         adapter->in_dim);
    }
  else if (model->moa_params && !adapter && model->vision_params
           && model->vision.projection_dim != model->moa.feature_dim)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: the parts do not fit together: the image encoder's projection_dim is %d, "
                     "and %s's feature_dim %d", model->path, model->vision.projection_dim,
                     moa_experts[model->sources.expert].label, model->moa.feature_dim);
  return layers_fit (model, error) && control_fits (model, error);
}

/* ---- Is everything there? ---- */

/* Builds every network once, at the smallest size: this declares the
 * parameters, and with them finds what is missing or of the wrong shape. */
static gboolean
declare (MoaModel *model, MoaCpu *cpu, GError **error)
{
  int inner = moa_model_unet_factor (model), side = inner * moa_model_vae_factor (model);
  int window = moa_tokenizer_window (model->tokenizer);
  MoaDenoiserSpec spec = { .width = inner, .height = inner, .rows = 1, .text_rows = window,
                           .mixture = model->moa_params != NULL, .n_slots = 1 };
  MoaCoder coder = { NULL };
  MoaDenoiser denoiser = { NULL };
  MoaController controller = { NULL };
  if (!moa_coder_text (&coder, model, cpu, 1, 0, error))
    return FALSE;
  moa_coder_clear (&coder);
  if (model->vision_params && !moa_coder_vision (&coder, model, cpu, error))
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
  if (model->control_params
      && !moa_controller_init (&controller, model, cpu, inner, inner, window, 1, error))
    return FALSE;
  moa_controller_clear (&controller);
  return TRUE;
}

/* After the networks have asked for their weights. */
static gboolean
check_loras (MoaModel *model, GError **error)
{
  for (guint i = 0; i < model->loras->len; i++)
    {
      const MoaLoraFile *lora = model->loras->pdata[i];
      int n = moa_lora_count (lora), used = moa_lora_used (lora);
      if (used == 0)
        return moa_fail (error, MOA_ERROR_MODEL,
                         "%s: none of its %d layers belongs to this model; the LoRA was made for "
                         "another one", moa_lora_path (lora), n);
      if (used < n)
        g_ptr_array_add (model->warnings,
                         g_strdup_printf ("%s: %d of its %d layers belong to nothing in this model "
                                          "and are not used", moa_lora_path (lora), n - used, n));
    }
  return TRUE;
}

gboolean
moa_model_check (MoaModel *model, GError **error)
{
  if (!parts_fit (model, error))
    return FALSE;
  MoaCpu *cpu = moa_cpu_new_on (model->device, 1);
  gboolean ok = declare (model, cpu, error) && check_loras (model, error);
  moa_cpu_free (cpu);
  return ok;
}

/* ---- What is it? ---- */

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
describe_part (MoaModel *model, const char *name, MoaParams *params)
{
  const MoaWeights *weights = moa_params_weights (params);
  warn_of_surplus (model, params);
  model->part[model->n_parts++] = (MoaModelPart){ name, moa_weights_count_elements (weights),
                                                  moa_weights_file_bytes (weights) };
}

void
moa_model_describe (MoaModel *model)
{
  guint64 bytes = 0;
  for (int i = 0; i < MOA_N_PARTS; i++)
    {
      MoaParams *params = *moa_model_params (model, i);
      if (!params && i == MOA_PART_VISION && !moa_model_sees_photos (model))
        continue;
      if (!params)
        {
          g_ptr_array_add (model->missing, g_strdup_printf ("%s: %s", moa_parts[i].label,
                                                            moa_parts[i].get));
          continue;
        }
      bytes += moa_params_bytes (params);
      describe_part (model, i == MOA_PART_MOA ? moa_experts[model->sources.expert].part : moa_parts[i].name,
                     params);
    }
  if (model->control_params)
    {
      bytes += moa_params_bytes (model->control_params);
      describe_part (model, "controlnet", model->control_params);
    }
  g_ptr_array_add (model->missing, NULL);
  g_ptr_array_add (model->warnings, NULL);
  const MoaMoaConfig *moa = &model->moa;
  model->info = (MoaModelInfo){
    .path = model->path,
    .side = model->unet.sample_size * moa_model_vae_factor (model),
    .feature_dim = moa->feature_dim,
    .n_layers = moa->n_layers,
    .layers = (const char *const *) moa->layers,
    .parts = model->part,
    .n_parts = model->n_parts,
    .weight_bytes = bytes,
    .steps = moa->steps > 0 ? moa->steps : 50,
    .guidance = moa->guidance >= 0 ? moa->guidance : 3,
    .guidance_rescale = moa->guidance_rescale >= 0 ? moa->guidance_rescale : 0,
    .freedom = moa->freedom >= 0 ? moa->freedom : 0,
    .fixed_point = moa->fixed_point >= 0 ? moa->fixed_point : 1,
    .max_timestep = moa->max_timestep,
    .guidance_max_timestep = moa->guidance_max_timestep >= 0 ? moa->guidance_max_timestep
                                                             : model->scheduler.n_train,
    .warnings = (const char *const *) model->warnings->pdata,
    .expert = moa_model_adapter (model) ? moa_ip_adapter_name (model->adapter.kind)
              : model->moa_params       ? moa_experts[model->sources.expert].label
                                        : NULL,
    .controlnet = model->control_params != NULL,
    .finds_persons = model->moa_params && !moa->masks,
    .missing = (const char *const *) model->missing->pdata,
  };
}
