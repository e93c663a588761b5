/* A model's parts: configurations, tensor tables, and what is added to the weights (LoRAs, embeddings). */
#include "jobs/model.h"

#include "io/fastcomposer.h"
#include "nets/unet.h"

/* ---- Configurations ---- */

/* Without MoA weights the blocks are known all the same: maps and messages name them. */
static void
set_plain_moa (MoaModel *model)
{
  model->moa = (MoaMoaConfig){ .layers = moa_unet_layers (&model->unet),
                               .max_timestep = model->scheduler.n_train,
                               .guidance = -1, .freedom = -1, .fixed_point = -1,
                               .guidance_max_timestep = -1, .guidance_rescale = -1 };
  model->moa.n_layers = g_strv_length (model->moa.layers);
}

/* After the U-Net's and the image encoder's configurations. */
static gboolean
read_adapter (MoaModel *model, GError **error)
{
  MoaIpAdapterConfig *c = &model->adapter;
  const MoaVisionConfig *vision = &model->vision;
  if (!moa_ip_adapter_read (model->sources.part[MOA_PART_MOA].weights, model->unet.text_dim, c,
                            error))
    return FALSE;
  set_plain_moa (model);
  model->moa.masks = TRUE;
  if (moa_ip_adapter_takes_states (c->kind) && model->sources.part[MOA_PART_VISION].weights)
    {
      int side = vision->image_size / vision->patch_size;
      c->in_tokens = side * side + 1;
    }
  if (c->in_tokens == 0)
    c->in_tokens = 1; /* no image encoder yet, and no jobs with persons */
  if (c->kind == MOA_IP_FULL)
    c->n_tokens = c->in_tokens;
  model->moa.feature_dim = c->face_dim + c->in_tokens * c->in_dim;
  return TRUE;
}

/* After the U-Net's. */
static gboolean
read_fastcomposer (MoaModel *model, GError **error)
{
  int dim;
  if (!moa_fastcomposer_read (model->sources.part[MOA_PART_MOA].weights, model->unet.text_dim, &dim,
                              error))
    return FALSE;
  set_plain_moa (model);
  model->moa.feature_dim = dim;
  model->moa.postfuse = model->moa.masks = TRUE;
  model->moa.max_timestep = MOA_FASTCOMPOSER_ALPHA * model->scheduler.n_train;
  return TRUE;
}

static gboolean
read_expert (MoaModel *model, GError **error)
{
  switch (model->sources.expert)
    {
    case MOA_EXPERT_IP_ADAPTER:
      return read_adapter (model, error);
    case MOA_EXPERT_FASTCOMPOSER:
      return read_fastcomposer (model, error);
    default:
      return moa_moa_config_read (model->sources.part[MOA_PART_MOA].config, &model->moa, error);
    }
}

static gboolean
read_configs (MoaModel *model, GError **error)
{
  const MoaSources *s = &model->sources;
  if (!moa_unet_config_read (s->part[MOA_PART_UNET].config, &model->unet, error)
      || !moa_vae_config_read (s->part[MOA_PART_VAE].config, &model->vae, error)
      || !moa_text_config_read (s->part[MOA_PART_TEXT].config, &model->text, error)
      || !moa_schedule_config_read (s->scheduler, &model->scheduler, error))
    return FALSE;
  if (s->part[MOA_PART_VISION].weights
      && !moa_vision_config_read (s->part[MOA_PART_VISION].config, s->preprocessor, &model->vision,
                                  error))
    return FALSE;
  if (s->part[MOA_PART_MOA].weights && !read_expert (model, error))
    return FALSE;
  if (s->control.weights && !moa_control_config_read (s->control.config, &model->control, error))
    return FALSE;
  model->tokenizer = moa_tokenizer_open (s->tokenizer, error);
  return model->tokenizer != NULL;
}

/* ---- Weights ---- */

static MoaParams *
open_params (const MoaModel *model, const MoaPartSource *source, const char *label, GError **error)
{
  MoaWeights *weights = moa_weights_open_part (source->weights, source->names, label, error);
  if (!weights)
    return NULL;
  MoaParams *params = moa_params_new_on (weights, model->device);
  moa_params_keep (params, model->keep);
  moa_weights_unref (weights);
  return params;
}

/* For messages: "U-Net", "IP-Adapter". */
static const char *
part_label (const MoaModel *model, MoaPart part)
{
  return part == MOA_PART_MOA ? moa_experts[model->sources.expert].label : moa_parts[part].label;
}

static gboolean
open_parts (MoaModel *model, GError **error)
{
  for (int i = 0; i < MOA_N_PARTS; i++)
    {
      const MoaPartSource *source = &model->sources.part[i];
      if (source->weights
          && !(*moa_model_params (model, i) = open_params (model, source, part_label (model, i), error)))
        return FALSE;
    }
  /* Stable Diffusion's autoencoder leaves the range of float16. */
  if (model->vae_params && moa_params_number (model->vae_params) == MOA_F16)
    moa_params_set_number (model->vae_params, MOA_F32);
  const MoaPartSource *control = &model->sources.control;
  return !control->weights
         || (model->control_params = open_params (model, control, "ControlNet", error)) != NULL;
}

/* ---- Additions ---- */

/* LoRAs go to the prior and the text encoder, and to the experts where asked. */
static gboolean
add_loras (MoaModel *model, const MoaModelFiles *files, GError **error)
{
  enum { LARGEST_WEIGHT = 10 };
  for (int i = 0; i < files->n_loras; i++)
    {
      const MoaLora *given = &files->loras[i];
      if (!(given->weight >= -LARGEST_WEIGHT && given->weight <= LARGEST_WEIGHT))
        return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: the LoRA's weight is %g; it must be from "
                         "%d to %d", given->path, given->weight, -LARGEST_WEIGHT, LARGEST_WEIGHT);
      MoaLoraFile *lora = moa_lora_open (given->path, error);
      if (!lora)
        return FALSE;
      g_ptr_array_add (model->loras, lora);
      moa_weights_add_lora (moa_params_weights (model->unet_params), lora, MOA_NAMES_UNET,
                            given->weight);
      moa_weights_add_lora (moa_params_weights (model->text_params), lora, MOA_NAMES_TEXT,
                            given->weight);
      if (given->on_experts && model->moa_params)
        moa_weights_add_lora (moa_params_weights (model->moa_params), lora, MOA_NAMES_UNET,
                              given->weight);
    }
  return TRUE;
}

/* FaceID was trained together with a LoRA of the U-Net's attentions, which is in its file. */
static gboolean
add_adapter_lora (MoaModel *model, GError **error)
{
  const MoaIpAdapterConfig *adapter = moa_model_adapter (model);
  if (!adapter || moa_model_face_dim (model) == 0)
    return TRUE;
  int middle = 0, n = model->moa.n_layers;
  while (!g_str_has_prefix (model->moa.layers[middle], "mid_block."))
    middle++;
  g_autofree const char **blocks = g_new0 (const char *, n + 1); /* the middle comes last */
  for (int i = 0; i < n; i++)
    blocks[i < middle ? i : i == middle ? n - 1 : i - 1] = model->moa.layers[i];
  MoaLoraFile *lora = moa_lora_open_adapter (model->sources.part[MOA_PART_MOA].weights, blocks,
                                             error);
  if (!lora)
    return FALSE;
  if (moa_lora_count (lora) == 0)
    {
      moa_lora_unref (lora);
      return TRUE;
    }
  g_ptr_array_add (model->loras, lora);
  moa_weights_add_lora (moa_params_weights (model->unet_params), lora, MOA_NAMES_UNET, 1);
  return TRUE;
}

static gboolean
open_embeddings (MoaModel *model, const MoaModelFiles *files, GError **error)
{
  for (const char *const *path = files->embeddings; path && *path; path++)
    {
      MoaEmbedding *embedding = moa_embedding_open (*path, model->text.width, error);
      if (!embedding)
        return FALSE;
      g_ptr_array_add (model->embeddings, embedding);
    }
  return TRUE;
}

gboolean
moa_model_open_parts (MoaModel *model, const MoaModelFiles *files, GError **error)
{
  if (!read_configs (model, error) || !open_parts (model, error) || !add_adapter_lora (model, error)
      || !add_loras (model, files, error) || !open_embeddings (model, files, error))
    return FALSE;
  if (!model->moa_params)
    set_plain_moa (model);
  return TRUE;
}
