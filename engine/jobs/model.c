/* Opening a model directory: configurations, tensor tables, and whether the
 * parts are complete and fit together.  Weights are read by the first job. */
#include "jobs/model.h"

#include "io/fastcomposer.h"
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

const MoaIpAdapterConfig *
moa_model_adapter (const MoaModel *model)
{
  return model->sources.expert == MOA_EXPERT_IP_ADAPTER ? &model->adapter : NULL;
}

gboolean
moa_model_sees_photos (const MoaModel *model)
{
  const MoaIpAdapterConfig *adapter = moa_model_adapter (model);
  return !adapter || adapter->kind != MOA_IP_FACE_ID;
}

int
moa_model_face_dim (const MoaModel *model)
{
  const MoaIpAdapterConfig *adapter = moa_model_adapter (model);
  return !adapter ? 0 : adapter->kind == MOA_IP_FACE_ID ? adapter->in_dim : adapter->face_dim;
}

/* Without MoA weights the blocks are known all the same: maps and messages name them. */
static void
set_plain_moa (MoaModel *model)
{
  model->moa = (MoaMoaConfig){ .layers = moa_unet_layers (&model->unet),
                               .max_timestep = model->scheduler.n_train,
                               .guidance = -1, .freedom = -1, .fixed_point = -1, .guidance_max_timestep = -1 };
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

static MoaParams **
params_of (MoaModel *model, MoaPart part)
{
  MoaParams **const params[MOA_N_PARTS]
      = { &model->unet_params, &model->vae_params, &model->text_params, &model->vision_params,
          &model->moa_params };
  return params[part];
}

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
          && !(*params_of (model, i) = open_params (model, source, part_label (model, i), error)))
        return FALSE;
    }
  /* Stable Diffusion's autoencoder leaves the range of float16. */
  if (model->vae_params && moa_params_number (model->vae_params) == MOA_F16)
    moa_params_set_number (model->vae_params, MOA_F32);
  const MoaPartSource *control = &model->sources.control;
  return !control->weights
         || (model->control_params = open_params (model, control, "ControlNet", error)) != NULL;
}

/* A ControlNet's residuals must have the shapes of the U-Net's skips. */
static gboolean
control_fits (const MoaModel *model, GError **error)
{
  const MoaUnetConfig *a = &model->unet, *b = &model->control.unet;
  if (!model->control_params
      || (a->n_levels == b->n_levels && a->layers_per_block == b->layers_per_block
          && a->text_dim == b->text_dim
          && !memcmp (a->channels, b->channels, a->n_levels * sizeof *a->channels)))
    return TRUE;
  return moa_fail (error, MOA_ERROR_MODEL, "%s: the ControlNet was made for another U-Net than %s",
                   model->sources.control.weights, model->path);
}

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

/* Builds every network once, at the smallest size: this declares the
 * parameters, and with them finds what is missing or of the wrong shape. */
static gboolean
declare (MoaModel *model, MoaCpu *cpu, GError **error)
{
  int inner = moa_model_unet_factor (model), side = inner * moa_model_vae_factor (model);
  int window = moa_tokenizer_window (model->tokenizer);
  MoaDenoiserSpec spec = { inner, inner, window, model->moa_params != NULL, 1 };
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
      && !moa_controller_init (&controller, model, cpu, inner, inner, window, error))
    return FALSE;
  moa_controller_clear (&controller);
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
  guint64 bytes = 0;
  for (int i = 0; i < MOA_N_PARTS; i++)
    {
      MoaParams *params = *params_of (model, i);
      if (!params && i == MOA_PART_VISION && !moa_model_sees_photos (model))
        continue;
      if (!params)
        {
          g_ptr_array_add (model->missing, g_strdup_printf ("%s: %s", moa_parts[i].label,
                                                            moa_parts[i].get));
          continue;
        }
      const MoaWeights *weights = moa_params_weights (params);
      bytes += moa_params_bytes (params);
      warn_of_surplus (model, params);
      model->part[model->n_parts++] = (MoaModelPart){ i == MOA_PART_MOA
                                                        ? moa_experts[model->sources.expert].part
                                                        : moa_parts[i].name,
                                                      moa_weights_count_elements (weights),
                                                      moa_weights_file_bytes (weights) };
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
    .freedom = moa->freedom >= 0 ? moa->freedom : 0,
    .fixed_point = moa->fixed_point >= 0 ? moa->fixed_point : 1,
    .max_timestep = moa->max_timestep,
    .guidance_max_timestep = moa->guidance_max_timestep >= 0 ? moa->guidance_max_timestep
                                                             : model->scheduler.n_train,
    .warnings = (const char *const *) model->warnings->pdata,
    .expert = moa_model_adapter (model) ? moa_ip_adapter_name (model->adapter.kind)
              : model->moa_params       ? moa_experts[model->sources.expert].label
                                        : NULL,
    .finds_persons = model->moa_params && !moa->masks,
    .missing = (const char *const *) model->missing->pdata,
  };
}

static gboolean
read_keep (MoaModel *model, const char *name, GError **error)
{
  static const struct {
    const char *name;
    MoaKeep keep;
  } keeps[] = { { "auto", MOA_KEEP_FILE }, { "f32", MOA_KEEP_REAL }, { "f16", MOA_KEEP_F16 },
                { "bf16", MOA_KEEP_BF16 }, { "q8", MOA_KEEP_Q8 } };
  if (!name)
    name = g_getenv ("MOA_WEIGHTS");
  if (!name || !*name)
    name = "auto";
  for (gsize i = 0; i < G_N_ELEMENTS (keeps); i++)
    if (!strcmp (name, keeps[i].name))
      {
        model->keep = keeps[i].keep;
        return TRUE;
      }
  return moa_fail (error, MOA_ERROR_ARGUMENT, "The weights are to be held as \"%s\"; they can be as "
                   "auto, f32, f16, bf16 or q8", name);
}

static gboolean
open_all (MoaModel *model, const MoaModelFiles *files, GError **error)
{
  if (!read_keep (model, files->weights, error) || !moa_sources_find (&model->sources, files, error) || !read_configs (model, error)
      || !open_parts (model, error) || !add_adapter_lora (model, error)
      || !add_loras (model, files, error)
      || !open_embeddings (model, files, error))
    return FALSE;
  if (!model->moa_params)
    set_plain_moa (model);
  if (files->v_prediction)
    model->scheduler.prediction = MOA_PREDICT_V;
  if (files->clip_skip < 0 || files->clip_skip >= model->text.n_layers)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "clip_skip is %d; the text encoder has %d layers, so that 0 to %d can be left "
                     "out", files->clip_skip, model->text.n_layers, model->text.n_layers - 1);
  model->clip_skip = files->clip_skip;
  if (!parts_fit (model, error))
    return FALSE;
  model->schedule = moa_schedule_new (&model->scheduler);
  MoaCpu *cpu = moa_cpu_new_on (model->device, 1);
  gboolean ok = declare (model, cpu, error) && check_loras (model, error);
  moa_cpu_free (cpu);
  if (ok)
    fill_info (model);
  return ok;
}

/* Strings and lists of their own. */
static MoaModelFiles
files_copy (const MoaModelFiles *files)
{
  MoaModelFiles copy = *files;
  const char **const strings[] = { &copy.model, &copy.config, &copy.vae, &copy.text_encoder,
                                   &copy.image_encoder, &copy.expert, &copy.controlnet, &copy.weights };
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    *strings[i] = g_strdup (*strings[i]);
  MoaLora *loras = g_memdup2 (files->loras, files->n_loras * sizeof (MoaLora));
  for (int i = 0; i < files->n_loras; i++)
    loras[i].path = g_strdup (loras[i].path);
  copy.loras = loras;
  copy.embeddings = (const char *const *) g_strdupv ((char **) files->embeddings);
  return copy;
}

static void
files_clear (MoaModelFiles *files)
{
  const char *const strings[] = { files->model, files->config, files->vae, files->text_encoder,
                                  files->image_encoder, files->expert, files->controlnet, files->weights };
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free ((char *) strings[i]);
  for (int i = 0; i < files->n_loras; i++)
    g_free ((char *) files->loras[i].path);
  g_free ((MoaLora *) files->loras);
  g_strfreev ((char **) files->embeddings);
}

static MoaModel *
open_on (const MoaModelFiles *files, MoaDevice *device, GError **error)
{
  MoaModel *model = g_new0 (MoaModel, 1);
  model->device = moa_device_ref (device);
  model->others = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_model_unref);
  model->ref_count = 1;
  model->path = g_strdup (files->model);
  model->files = files_copy (files);
  model->warnings = g_ptr_array_new_with_free_func (g_free);
  model->missing = g_ptr_array_new_with_free_func (g_free);
  model->embeddings = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_embedding_free);
  model->loras = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_lora_unref);
  g_mutex_init (&model->lock);
  if (open_all (model, files, error))
    return model;
  moa_model_unref (model);
  return NULL;
}

MoaModel *
moa_model_open (const char *path, GError **error)
{
  g_return_val_if_fail (path, NULL);
  return moa_model_open_files (&(MoaModelFiles){ .model = path }, error);
}

MoaModel *
moa_model_open_files (const MoaModelFiles *files, GError **error)
{
  g_return_val_if_fail (files && files->model, NULL);
  return open_on (files, moa_device_host (), error);
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
  for (guint i = model->others->len; i-- > 0;)
    {
      MoaModel *other = model->others->pdata[i];
      if (!same_place (other->device, device))
        continue;
      /* What a card that failed holds is lost. */
      if (other->device->methods->finish (other->device, NULL))
        found = other;
      else
        g_ptr_array_remove_index (model->others, i);
    }
  if (!found && (found = open_on (&model->files, device, error)))
    g_ptr_array_add (model->others, found);
  if (found)
    moa_model_ref (found);
  g_mutex_unlock (&model->lock);
  return found;
}

gboolean
moa_model_need_expert (const MoaModel *model, GError **error)
{
  if (!model->moa_params)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: has nothing that puts persons into pictures; give %s", model->path,
                     moa_parts[MOA_PART_MOA].get);
  if (!model->vision_params && moa_model_sees_photos (model))
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: has no image encoder to see the persons' photos with; give %s",
                     model->path, moa_parts[MOA_PART_VISION].get);
  return TRUE;
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
  for (int part = 0; part < MOA_N_PARTS; part++)
    moa_params_free (*params_of (model, part));
  moa_params_free (model->control_params);
  if (model->tokenizer)
    moa_tokenizer_free (model->tokenizer);
  if (model->schedule)
    moa_schedule_free (model->schedule);
  moa_moa_config_clear (&model->moa);
  moa_sources_clear (&model->sources);
  files_clear (&model->files);
  g_ptr_array_unref (model->embeddings);
  g_ptr_array_unref (model->loras);
  g_ptr_array_unref (model->missing);
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
