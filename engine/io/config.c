/* The configurations of a model's parts: what SD 1.x has, and refusal by name
 * of what its relatives (SDXL, inpainting, LCM, GLIGEN ...) have beside. */
#include "io/config.h"

#include "base/error.h"
#include "io/values.h"

#include <string.h>

#define MAX_SIDE 65536
#define MAX_LAYERS 1000

static gboolean
open_values (const char *path, MoaValues *values, GError **error)
{
  *values = (MoaValues) { path, "", moa_json_read (path, error), error };
  return values->json != NULL;
}

/* block_out_channels and norm_num_groups, which must divide them. */
static gboolean
read_channels (const MoaValues *v, int *n_levels, int *channels, int *groups)
{
  int n = json_array_size (json_object_get (v->json, "block_out_channels"));
  if (n < 1 || n > MOA_MAX_LEVELS)
    return moa_values_fail (v, "block_out_channels", "an array of 1 to 8 numbers");
  if (!moa_values_ints (v, "block_out_channels", n, 1, MAX_SIDE, channels)
      || !moa_values_int (v, "norm_num_groups", 1, MAX_SIDE, groups))
    return FALSE;
  for (int i = 0; i < n; i++)
    if (channels[i] % *groups != 0)
      return moa_values_fail (v, "block_out_channels", "multiples of norm_num_groups");
  *n_levels = n;
  return TRUE;
}

/* ---- U-Net ----------------------------------------------------------- */

static const MoaFixedValue unet_fixed[] = {
  { "_class_name", "\"UNet2DConditionModel\"" },
  { "act_fn", "\"silu\"" },
  { "addition_embed_type", "null", "Stable Diffusion XL" },
  { "addition_time_embed_dim", "null", "Stable Diffusion XL" },
  { "attention_type", "\"default\"", "GLIGEN" },
  { "center_input_sample", "false" },
  { "class_embed_type", "null", "unCLIP and upscalers" },
  { "class_embeddings_concat", "false" },
  { "conv_in_kernel", "3" },
  { "conv_out_kernel", "3" },
  { "cross_attention_norm", "null" },
  { "downsample_padding", "1" },
  { "dual_cross_attention", "false", "Versatile Diffusion" },
  { "encoder_hid_dim", "null", "Kandinsky and DeepFloyd" },
  { "encoder_hid_dim_type", "null", "Kandinsky and DeepFloyd" },
  { "flip_sin_to_cos", "true" },
  { "freq_shift", "0" },
  { "mid_block_only_cross_attention", "null" },
  { "mid_block_scale_factor", "1" },
  { "mid_block_type", "\"UNetMidBlock2DCrossAttn\"" },
  { "num_attention_heads", "null" },
  { "num_class_embeds", "null", "upscalers" },
  { "only_cross_attention", "false", "upscalers" },
  { "projection_class_embeddings_input_dim", "null", "Stable Diffusion XL" },
  { "resnet_out_scale_factor", "1" },
  { "resnet_skip_time_act", "false" },
  { "resnet_time_scale_shift", "\"default\"", "DeepFloyd" },
  { "reverse_transformer_layers_per_block", "null" },
  { "time_cond_proj_dim", "null", "latent consistency models" },
  { "time_embedding_act_fn", "null" },
  { "time_embedding_dim", "null" },
  { "time_embedding_type", "\"positional\"" },
  { "timestep_post_act", "null" },
  { "transformer_layers_per_block", "1", "Stable Diffusion XL" },
};

static gboolean
read_unet_ends (const MoaValues *v, MoaUnetConfig *c)
{
  if (!moa_values_int (v, "in_channels", 1, MAX_SIDE, &c->in_channels))
    return FALSE;
  if (c->in_channels == 9)
    return moa_values_fail (v, "in_channels", "4: with 9 this is an inpainting model; use the "
                            "plain Stable Diffusion 1.x model that it was made from");
  return moa_values_int (v, "in_channels", 4, 4, &c->in_channels)
         && moa_values_int (v, "out_channels", 4, 4, &c->out_channels)
         && moa_values_int (v, "sample_size", 1, MAX_SIDE, &c->sample_size);
}

/* attention_head_dim: the number of heads in SD 1.x, of all levels or of each. */
static gboolean
read_heads (const MoaValues *v, MoaUnetConfig *c)
{
  const char *key = "attention_head_dim";
  if (json_is_array (json_object_get (v->json, key)))
    {
      if (!moa_values_ints (v, key, c->n_levels, 1, MAX_SIDE, c->heads))
        return FALSE;
    }
  else if (!moa_values_int (v, key, 1, MAX_SIDE, &c->heads[0]))
    return FALSE;
  else
    for (int i = 1; i < c->n_levels; i++)
      c->heads[i] = c->heads[0];
  for (int i = 0; i < c->n_levels; i++)
    if (c->channels[i] % c->heads[i] != 0)
      return moa_values_fail (v, key, "numbers of heads that divide block_out_channels");
  return TRUE;
}

static gboolean
read_unet (const MoaValues *v, MoaUnetConfig *c)
{
  if (!moa_values_fixed (v, unet_fixed, G_N_ELEMENTS (unet_fixed))
      || !read_unet_ends (v, c)
      || !read_channels (v, &c->n_levels, c->channels, &c->norm_groups)
      || !read_heads (v, c))
    return FALSE;
  if (c->channels[0] % 2 != 0)
    return moa_values_fail (v, "block_out_channels", "even at first: half is for cosines of t");
  return moa_values_kinds (v, "down_block_types", c->n_levels, "CrossAttnDownBlock2D",
                           "DownBlock2D", c->down_cross)
         && moa_values_kinds (v, "up_block_types", c->n_levels, "CrossAttnUpBlock2D", "UpBlock2D",
                              c->up_cross)
         && moa_values_int (v, "layers_per_block", 1, MAX_LAYERS, &c->layers_per_block)
         && moa_values_int (v, "cross_attention_dim", 1, MAX_SIDE, &c->text_dim)
         && moa_values_double (v, "norm_eps", 1e-12, 1, &c->norm_eps)
         && moa_values_optional_flag (v, "use_linear_projection", &c->linear_projection);
}

gboolean
moa_unet_config_read (const char *path, MoaUnetConfig *config, GError **error)
{
  MoaValues v;
  *config = (MoaUnetConfig) { 0 };
  gboolean ok = open_values (path, &v, error) && read_unet (&v, config);
  json_decref (v.json);
  return ok;
}

/* ---- ControlNet ------------------------------------------------------ */

static const MoaFixedValue control_fixed[] = {
  { "_class_name", "\"ControlNetModel\"" },
  { "act_fn", "\"silu\"" },
  { "addition_embed_type", "null", "Stable Diffusion XL" },
  { "class_embed_type", "null" },
  { "conditioning_channels", "3" },
  { "controlnet_conditioning_channel_order", "\"rgb\"" },
  { "downsample_padding", "1" },
  { "flip_sin_to_cos", "true" },
  { "freq_shift", "0" },
  { "global_pool_conditions", "false", "shuffling" },
  { "mid_block_scale_factor", "1" },
  { "mid_block_type", "\"UNetMidBlock2DCrossAttn\"" },
  { "num_attention_heads", "null" },
  { "only_cross_attention", "false" },
  { "resnet_time_scale_shift", "\"default\"" },
  { "transformer_layers_per_block", "1", "Stable Diffusion XL" },
};

static gboolean
read_control (const MoaValues *v, MoaControlConfig *c)
{
  static const char key[] = "conditioning_embedding_out_channels";
  static const int usual[] = { 16, 32, 96, 256 };
  MoaUnetConfig *u = &c->unet;
  if (!moa_values_fixed (v, control_fixed, G_N_ELEMENTS (control_fixed))
      || !moa_values_int (v, "in_channels", 4, 4, &u->in_channels)
      || !read_channels (v, &u->n_levels, u->channels, &u->norm_groups)
      || !read_heads (v, u))
    return FALSE;
  c->n_hint = G_N_ELEMENTS (usual);
  memcpy (c->hint, usual, sizeof usual);
  /* Each but the first halves the picture, which is 8 times its latent. */
  if (moa_values_has (v, key) && !moa_values_ints (v, key, c->n_hint, 1, MAX_SIDE, c->hint))
    return FALSE;
  return moa_values_kinds (v, "down_block_types", u->n_levels, "CrossAttnDownBlock2D",
                           "DownBlock2D", u->down_cross)
         && moa_values_int (v, "layers_per_block", 1, MAX_LAYERS, &u->layers_per_block)
         && moa_values_int (v, "cross_attention_dim", 1, MAX_SIDE, &u->text_dim)
         && moa_values_double (v, "norm_eps", 1e-12, 1, &u->norm_eps)
         && moa_values_optional_flag (v, "use_linear_projection", &u->linear_projection);
}

gboolean
moa_control_config_read (const char *path, MoaControlConfig *config, GError **error)
{
  MoaValues v;
  *config = (MoaControlConfig) { 0 };
  gboolean ok = open_values (path, &v, error) && read_control (&v, config);
  json_decref (v.json);
  return ok;
}

/* ---- VAE ------------------------------------------------------------- */

static const MoaFixedValue vae_fixed[] = {
  { "_class_name", "\"AutoencoderKL\"" },
  { "act_fn", "\"silu\"" },
  { "latents_mean", "null" }, { "latents_std", "null" },
};

static gboolean
read_vae (const MoaValues *v, MoaVaeConfig *c)
{
  if (!moa_values_fixed (v, vae_fixed, G_N_ELEMENTS (vae_fixed))
      || !read_channels (v, &c->n_levels, c->channels, &c->norm_groups))
    return FALSE;
  if (c->n_levels != 4)
    return moa_values_fail (v, "block_out_channels", "4 numbers: a picture is 8 times its latent");
  gboolean plain[MOA_MAX_LEVELS];
  return moa_values_kinds (v, "down_block_types", c->n_levels, "DownEncoderBlock2D",
                           "DownEncoderBlock2D", plain)
         && moa_values_kinds (v, "up_block_types", c->n_levels, "UpDecoderBlock2D",
                              "UpDecoderBlock2D", plain)
         && moa_values_int (v, "in_channels", 3, 3, &c->in_channels)
         && moa_values_int (v, "out_channels", 3, 3, &c->out_channels)
         && moa_values_int (v, "latent_channels", 4, 4, &c->latent_channels)
         && moa_values_int (v, "layers_per_block", 1, MAX_LAYERS, &c->layers_per_block)
         && moa_values_optional_double (v, "scaling_factor", 1e-6, 1e6, &c->scaling_factor)
         && moa_values_optional_double (v, "shift_factor", -1e6, 1e6, &c->shift_factor)
         && moa_values_optional_flag (v, "use_quant_conv", &c->quant_conv)
         && moa_values_optional_flag (v, "use_post_quant_conv", &c->post_quant_conv)
         && moa_values_optional_flag (v, "mid_block_add_attention", &c->mid_attention);
}

gboolean
moa_vae_config_read (const char *path, MoaVaeConfig *config, GError **error)
{
  MoaValues v;
  *config = (MoaVaeConfig) { .scaling_factor = 0.18215, .quant_conv = TRUE, .post_quant_conv = TRUE,
                             .mid_attention = TRUE };
  gboolean ok = open_values (path, &v, error) && read_vae (&v, config);
  json_decref (v.json);
  return ok;
}

/* ---- CLIP ------------------------------------------------------------ */

/* The keys that both towers have. */
static gboolean
read_tower (const MoaValues *v, int *width, int *mlp_width, int *n_layers, int *n_heads,
            MoaAct *act, double *eps)
{
  static const char *const acts[] = { "gelu", "quick_gelu" };
  int choice;
  if (!moa_values_int (v, "hidden_size", 1, MAX_SIDE, width)
      || !moa_values_int (v, "intermediate_size", 1, MAX_SIDE, mlp_width)
      || !moa_values_int (v, "num_hidden_layers", 1, MAX_LAYERS, n_layers)
      || !moa_values_int (v, "num_attention_heads", 1, MAX_SIDE, n_heads)
      || !moa_values_choice (v, "hidden_act", G_N_ELEMENTS (acts), acts, &choice)
      || !moa_values_double (v, "layer_norm_eps", 1e-12, 1, eps))
    return FALSE;
  if (*width % *n_heads != 0)
    return moa_values_fail (v, "num_attention_heads", "a divisor of hidden_size");
  *act = choice == 0 ? MOA_ACT_GELU : MOA_ACT_QUICK_GELU;
  return TRUE;
}

static gboolean
read_text (const MoaValues *v, MoaTextConfig *c)
{
  static const MoaFixedValue fixed[] = { { "model_type", "\"clip_text_model\"" } };
  return moa_values_fixed (v, fixed, G_N_ELEMENTS (fixed))
         && read_tower (v, &c->width, &c->mlp_width, &c->n_layers, &c->n_heads, &c->act, &c->eps)
         && moa_values_int (v, "vocab_size", 2, 1 << 20, &c->vocab_size)
         && moa_values_int (v, "max_position_embeddings", 3, MAX_SIDE, &c->n_positions)
         && moa_values_optional_int (v, "eos_token_id", 0, c->vocab_size - 1, &c->eos_token_id);
}

gboolean
moa_text_config_read (const char *path, MoaTextConfig *config, GError **error)
{
  MoaValues v;
  *config = (MoaTextConfig) { .eos_token_id = 2 };
  gboolean ok = open_values (path, &v, error) && read_text (&v, config);
  json_decref (v.json);
  return ok;
}

static gboolean
read_vision (const MoaValues *v, MoaVisionConfig *c)
{
  static const MoaFixedValue fixed[] = { { "model_type", "\"clip_vision_model\"" } };
  if (!moa_values_fixed (v, fixed, G_N_ELEMENTS (fixed))
      || !read_tower (v, &c->width, &c->mlp_width, &c->n_layers, &c->n_heads, &c->act, &c->eps)
      || !moa_values_int (v, "num_channels", 3, 3, &c->channels)
      || !moa_values_int (v, "image_size", 1, MAX_SIDE, &c->image_size)
      || !moa_values_int (v, "patch_size", 1, MAX_SIDE, &c->patch_size)
      || !moa_values_int (v, "projection_dim", 1, MAX_SIDE, &c->projection_dim))
    return FALSE;
  if (c->image_size % c->patch_size != 0)
    return moa_values_fail (v, "patch_size", "a divisor of image_size");
  return TRUE;
}

/* "size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}, or just 224. */
static gboolean
read_side (const MoaValues *v, const char *key, const char *inner, int side)
{
  int found;
  json_t *object = json_object_get (v->json, key);
  if (!json_is_object (object))
    return moa_values_int (v, key, side, side, &found);
  g_autofree char *prefix = g_strconcat (key, ".", NULL);
  MoaValues sizes = { v->path, prefix, object, v->error };
  return moa_values_int (&sizes, inner, side, side, &found);
}

static gboolean
read_preprocessor (const MoaValues *v, MoaVisionConfig *c)
{
  static const MoaFixedValue fixed[] = {
    { "do_center_crop", "true" }, { "do_normalize", "true" }, { "do_rescale", "true" },
    { "do_resize", "true" }, { "resample", "3" }, { "rescale_factor", "0.00392156862745098" },
  };
  return moa_values_fixed (v, fixed, G_N_ELEMENTS (fixed))
         && read_side (v, "size", "shortest_edge", c->image_size)
         && read_side (v, "crop_size", "height", c->image_size)
         && read_side (v, "crop_size", "width", c->image_size)
         && moa_values_doubles (v, "image_mean", 3, -1e3, 1e3, c->mean)
         && moa_values_doubles (v, "image_std", 3, 1e-6, 1e3, c->std);
}

gboolean
moa_vision_config_read (const char *path, const char *preprocessor_path, MoaVisionConfig *config,
                        GError **error)
{
  MoaValues v;
  *config = (MoaVisionConfig) { .mean = { 0.48145466, 0.4578275, 0.40821073 },
                                .std = { 0.26862954, 0.26130258, 0.27577711 } };
  gboolean ok = open_values (path, &v, error) && read_vision (&v, config);
  json_decref (v.json);
  if (!ok || !preprocessor_path)
    return ok;
  ok = open_values (preprocessor_path, &v, error) && read_preprocessor (&v, config);
  json_decref (v.json);
  return ok;
}

/* ---- Scheduler ------------------------------------------------------- */

static const MoaFixedValue schedule_fixed[] = {
  { "clip_sample", "false" }, { "thresholding", "false" },
  { "rescale_betas_zero_snr", "false" },
  { "trained_betas", "null" },
};

static gboolean
read_schedule (const MoaValues *v, MoaScheduleConfig *c)
{
  static const char *const betas[] = { "linear", "scaled_linear" };
  static const char *const predictions[] = { "epsilon", "v_prediction" };
  int beta, prediction = 0;
  /* diffusers: DDIM alone ends at alpha 1 unless told otherwise */
  const char *class_name = json_string_value (json_object_get (v->json, "_class_name"));
  c->set_alpha_to_one = g_strcmp0 (class_name, "DDIMScheduler") == 0;
  if (!moa_values_fixed (v, schedule_fixed, G_N_ELEMENTS (schedule_fixed))
      || !moa_values_int (v, "num_train_timesteps", 1, 100000, &c->n_train)
      || !moa_values_double (v, "beta_start", 1e-9, 0.999, &c->beta_start)
      || !moa_values_double (v, "beta_end", c->beta_start, 0.999, &c->beta_end)
      || !moa_values_choice (v, "beta_schedule", G_N_ELEMENTS (betas), betas, &beta)
      || !moa_values_optional_int (v, "steps_offset", 0, c->n_train - 1, &c->steps_offset)
      || !moa_values_optional_flag (v, "set_alpha_to_one", &c->set_alpha_to_one))
    return FALSE;
  if (moa_values_has (v, "prediction_type")
      && !moa_values_choice (v, "prediction_type", G_N_ELEMENTS (predictions), predictions,
                             &prediction))
    return FALSE;
  c->scaled_linear = beta == 1;
  c->prediction = prediction == 0 ? MOA_PREDICT_EPSILON : MOA_PREDICT_V;
  return TRUE;
}

gboolean
moa_schedule_config_read (const char *path, MoaScheduleConfig *config, GError **error)
{
  MoaValues v;
  *config = (MoaScheduleConfig) { 0 };
  gboolean ok = open_values (path, &v, error) && read_schedule (&v, config);
  json_decref (v.json);
  return ok;
}

/* ---- MoA ------------------------------------------------------------- */

static gboolean
read_layers (const MoaValues *v, MoaMoaConfig *c)
{
  json_t *array = json_object_get (v->json, "layers");
  gsize n = json_array_size (array);
  gboolean ok = n >= 1 && n <= MAX_LAYERS;
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (gsize i = 0; ok && i < n; i++)
    {
      const char *name = json_string_value (json_array_get (array, i));
      ok = name && *name && g_hash_table_add (seen, (gpointer) name);
    }
  if (!ok)
    return moa_values_fail (v, "layers", "an array of 1 to 1000 different names of blocks");
  c->n_layers = n;
  c->layers = g_new0 (char *, n + 1);
  for (gsize i = 0; i < n; i++)
    c->layers[i] = g_strdup (json_string_value (json_array_get (array, i)));
  return TRUE;
}

static gboolean
read_defaults (const MoaValues *outer, MoaMoaConfig *c)
{
  static const char *const keys[]
    = { "steps", "guidance", "freedom", "fixed_point", "max_timestep", "guidance_max_timestep",
        "guidance_rescale" };
  if (!moa_values_has (outer, "defaults"))
    return TRUE;
  json_t *object = json_object_get (outer->json, "defaults");
  if (!json_is_object (object))
    return moa_values_fail (outer, "defaults", "an object");
  MoaValues v = { outer->path, "defaults.", object, outer->error };
  return moa_values_known (&v, G_N_ELEMENTS (keys), keys)
         && moa_values_optional_int (&v, "steps", 1, 1000, &c->steps)
         && moa_values_optional_double (&v, "guidance", 0, 100, &c->guidance)
         && moa_values_optional_double (&v, "guidance_rescale", 0, 1, &c->guidance_rescale)
         && moa_values_optional_double (&v, "freedom", 0, 1, &c->freedom)
         && moa_values_optional_int (&v, "fixed_point", 0, 100, &c->fixed_point)
         && moa_values_optional_int (&v, "max_timestep", 0, 100000, &c->max_timestep)
         && moa_values_optional_int (&v, "guidance_max_timestep", 0, 100000,
                                     &c->guidance_max_timestep);
}

static gboolean
read_moa (const MoaValues *v, MoaMoaConfig *c)
{
  static const char *const keys[]
    = { "feature_dim", "router_hidden", "max_timestep", "layers", "defaults", "space_time" };
  return moa_values_known (v, G_N_ELEMENTS (keys), keys)
         && moa_values_int (v, "feature_dim", 1, MAX_SIDE, &c->feature_dim)
         && moa_values_int (v, "router_hidden", 0, MAX_SIDE, &c->router_hidden)
         && moa_values_int (v, "max_timestep", 0, 100000, &c->max_timestep)
         && moa_values_optional_flag (v, "space_time", &c->space_time)
         && read_layers (v, c)
         && read_defaults (v, c);
}

gboolean
moa_moa_config_read (const char *path, MoaMoaConfig *config, GError **error)
{
  MoaValues v;
  *config = (MoaMoaConfig) { .space_time = TRUE, .guidance = -1, .freedom = -1, .fixed_point = -1,
                             .guidance_max_timestep = -1, .guidance_rescale = -1 };
  gboolean ok = open_values (path, &v, error) && read_moa (&v, config);
  json_decref (v.json);
  if (!ok)
    moa_moa_config_clear (config);
  return ok;
}

void
moa_moa_config_clear (MoaMoaConfig *config)
{
  g_strfreev (config->layers);
  *config = (MoaMoaConfig) { 0 };
}
