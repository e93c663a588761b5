/* Configuration files: values read, and one clear error for each thing that
 * is wrong or that the engine cannot do. */
#include "io/config.h"
#include "io-util.h"
#include "moa.h"

#include <stdlib.h>

/* What these files are like in Stable Diffusion 1.5. */
static const char unet_text[]
  = "{\"_class_name\": \"UNet2DConditionModel\", \"_diffusers_version\": \"0.6.0\","
    " \"act_fn\": \"silu\", \"attention_head_dim\": 8, \"block_out_channels\": [320, 640, 1280, 1280],"
    " \"center_input_sample\": false, \"cross_attention_dim\": 768, \"down_block_types\":"
    " [\"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"CrossAttnDownBlock2D\", \"DownBlock2D\"],"
    " \"downsample_padding\": 1, \"flip_sin_to_cos\": true, \"freq_shift\": 0, \"in_channels\": 4,"
    " \"layers_per_block\": 2, \"mid_block_scale_factor\": 1, \"norm_eps\": 1e-05,"
    " \"norm_num_groups\": 32, \"out_channels\": 4, \"sample_size\": 64, \"up_block_types\":"
    " [\"UpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\", \"CrossAttnUpBlock2D\"]}";
static const char vae_text[]
  = "{\"_class_name\": \"AutoencoderKL\", \"act_fn\": \"silu\","
    " \"block_out_channels\": [128, 256, 512, 512], \"down_block_types\": [\"DownEncoderBlock2D\","
    " \"DownEncoderBlock2D\", \"DownEncoderBlock2D\", \"DownEncoderBlock2D\"], \"in_channels\": 3,"
    " \"latent_channels\": 4, \"layers_per_block\": 2, \"norm_num_groups\": 32, \"out_channels\": 3,"
    " \"sample_size\": 512, \"up_block_types\": [\"UpDecoderBlock2D\", \"UpDecoderBlock2D\","
    " \"UpDecoderBlock2D\", \"UpDecoderBlock2D\"]}";
static const char text_text[]
  = "{\"architectures\": [\"CLIPTextModel\"], \"attention_dropout\": 0.0, \"bos_token_id\": 0,"
    " \"eos_token_id\": 2, \"hidden_act\": \"quick_gelu\", \"hidden_size\": 768,"
    " \"intermediate_size\": 3072, \"layer_norm_eps\": 1e-05, \"max_position_embeddings\": 77,"
    " \"model_type\": \"clip_text_model\", \"num_attention_heads\": 12, \"num_hidden_layers\": 12,"
    " \"pad_token_id\": 1, \"vocab_size\": 49408}";
static const char vision_text[]
  = "{\"hidden_act\": \"quick_gelu\", \"hidden_size\": 1024, \"image_size\": 224,"
    " \"intermediate_size\": 4096, \"layer_norm_eps\": 1e-05, \"model_type\": \"clip_vision_model\","
    " \"num_attention_heads\": 16, \"num_channels\": 3, \"num_hidden_layers\": 24, \"patch_size\": 14,"
    " \"projection_dim\": 768}";
static const char preprocessor_text[]
  = "{\"crop_size\": 224, \"do_center_crop\": true, \"do_convert_rgb\": true, \"do_normalize\": true,"
    " \"do_resize\": true, \"feature_extractor_type\": \"CLIPFeatureExtractor\","
    " \"image_mean\": [0.48145466, 0.4578275, 0.40821073],"
    " \"image_std\": [0.26862954, 0.26130258, 0.27577711], \"resample\": 3, \"size\": 224}";
static const char schedule_text[]
  = "{\"_class_name\": \"PNDMScheduler\", \"beta_end\": 0.012, \"beta_schedule\": \"scaled_linear\","
    " \"beta_start\": 0.00085, \"num_train_timesteps\": 1000, \"set_alpha_to_one\": false,"
    " \"skip_prk_steps\": true, \"steps_offset\": 1, \"trained_betas\": null, \"clip_sample\": false}";
static const char moa_text[]
  = "{\"feature_dim\": 768, \"router_hidden\": 0, \"max_timestep\": 800, \"layers\": [\"a\", \"b\"]}";

/* Each part by name: its text, and reading it into the union. */
typedef union {
  MoaUnetConfig unet;
  MoaVaeConfig vae;
  MoaTextConfig text;
  MoaVisionConfig vision;
  MoaScheduleConfig schedule;
  MoaMoaConfig moa;
} AnyConfig;

typedef enum { UNET, VAE, TEXT, VISION, PREPROCESSOR, SCHEDULE, MOA, N_PARTS } Part;

static const char *const texts[N_PARTS]
  = { unet_text, vae_text, text_text, vision_text, preprocessor_text, schedule_text, moa_text };

static gboolean
read_part (Part part, const char *path, const char *other, AnyConfig *config, GError **error)
{
  switch (part)
    {
    case UNET:
      return moa_unet_config_read (path, &config->unet, error);
    case VAE:
      return moa_vae_config_read (path, &config->vae, error);
    case TEXT:
      return moa_text_config_read (path, &config->text, error);
    case VISION:
      return moa_vision_config_read (path, other, &config->vision, error);
    case PREPROCESSOR:
      return moa_vision_config_read (other, path, &config->vision, error);
    case SCHEDULE:
      return moa_schedule_config_read (path, &config->schedule, error);
    default:
      return moa_moa_config_read (path, &config->moa, error);
    }
}

/* Reads this text as the part; other is the vision part's second file. */
static gboolean
read_text_as (Part part, const char *text, gsize n, AnyConfig *config, char **path, GError **error)
{
  const char *other_text = part == VISION ? preprocessor_text : vision_text;
  char *other = scratch_file ("other.json", other_text, strlen (other_text));
  *path = scratch_file ("config.json", text, n);
  gboolean ok = read_part (part, *path, other, config, error);
  scratch_free (other);
  return ok;
}

/* ---- Good ones ------------------------------------------------------- */

static void
test_values (void)
{
  AnyConfig configs[N_PARTS];
  for (int part = 0; part < N_PARTS; part++)
    {
      GError *error = NULL;
      char *path;
      read_text_as (part, texts[part], strlen (texts[part]), &configs[part], &path, &error);
      g_assert_no_error (error);
      scratch_free (path);
    }
  const MoaUnetConfig *unet = &configs[UNET].unet;
  g_assert_true (unet->in_channels == 4 && unet->out_channels == 4 && unet->n_levels == 4);
  g_assert_true (unet->channels[0] == 320 && unet->channels[3] == 1280);
  g_assert_true (unet->down_cross[0] && unet->down_cross[2] && !unet->down_cross[3]);
  g_assert_true (!unet->up_cross[0] && unet->up_cross[1] && unet->up_cross[3]);
  g_assert_true (unet->heads[0] == 8 && unet->heads[3] == 8 && unet->layers_per_block == 2);
  g_assert_true (unet->text_dim == 768 && unet->norm_groups == 32 && unet->norm_eps == 1e-5);
  g_assert_true (!unet->linear_projection && unet->sample_size == 64);
  const MoaVaeConfig *vae = &configs[VAE].vae;
  g_assert_true (vae->latent_channels == 4 && vae->n_levels == 4 && vae->channels[2] == 512);
  g_assert_true (vae->scaling_factor == 0.18215 && vae->shift_factor == 0);
  g_assert_true (vae->quant_conv && vae->post_quant_conv && vae->mid_attention);
  const MoaTextConfig *text = &configs[TEXT].text;
  g_assert_true (text->vocab_size == 49408 && text->width == 768 && text->mlp_width == 3072);
  g_assert_true (text->n_layers == 12 && text->n_heads == 12 && text->n_positions == 77);
  g_assert_true (text->act == MOA_ACT_QUICK_GELU && text->eps == 1e-5 && text->eos_token_id == 2);
  const MoaVisionConfig *vision = &configs[VISION].vision;
  g_assert_true (vision->image_size == 224 && vision->patch_size == 14 && vision->n_layers == 24);
  g_assert_true (vision->projection_dim == 768 && vision->mean[1] == 0.4578275);
  g_assert_true (vision->std[2] == 0.27577711);
  const MoaScheduleConfig *schedule = &configs[SCHEDULE].schedule;
  g_assert_true (schedule->n_train == 1000 && schedule->beta_start == 0.00085);
  g_assert_true (schedule->scaled_linear && schedule->steps_offset == 1);
  g_assert_true (!schedule->set_alpha_to_one && schedule->prediction == MOA_PREDICT_EPSILON);
  MoaMoaConfig *moa = &configs[MOA].moa;
  g_assert_true (moa->feature_dim == 768 && moa->router_hidden == 0 && moa->max_timestep == 800);
  g_assert_true (moa->n_layers == 2 && moa->layers[2] == NULL);
  g_assert_cmpstr (moa->layers[1], ==, "b");
  g_assert_true (moa->steps == 0 && moa->guidance < 0 && moa->freedom < 0 && moa->fixed_point < 0);
  moa_moa_config_clear (moa);
  moa_moa_config_clear (moa);
}

/* text with key set to a JSON value, or removed (value NULL).  "a.b": b in a. */
static char *
changed (const char *text, const char *key, const char *value)
{
  json_t *root = json_loads (text, 0, NULL);
  json_t *object = root;
  const char *dot = strchr (key, '.');
  if (dot)
    {
      g_autofree char *outer = g_strndup (key, dot - key);
      object = json_object ();
      json_object_set_new (root, outer, object);
      key = dot + 1;
    }
  if (value)
    {
      json_t *json = json_loads (value, JSON_DECODE_ANY, NULL);
      g_assert_nonnull (json);
      json_object_set_new (object, key, json);
    }
  else
    g_assert_cmpint (json_object_del (object, key), ==, 0);
  char *out = json_dumps (root, JSON_COMPACT);
  json_decref (root);
  return out;
}

typedef struct {
  Part part;
  const char *key, *value;
  const char *fault; /* NULL: must be read */
} Change;

static void
test_change (gconstpointer data)
{
  const Change *change = data;
  GError *error = NULL;
  AnyConfig config;
  char *path;
  char *text = changed (texts[change->part], change->key, change->value);
  gboolean ok = read_text_as (change->part, text, strlen (text), &config, &path, &error);
  g_assert_cmpint (ok, ==, error == NULL);
  if (change->fault)
    {
      g_autofree char *key = g_strndup (change->key, strcspn (change->key, "."));
      if (!error || !strstr (error->message, key))
        g_error ("%s = %s: %s", key, change->value, error ? error->message : "was read");
      g_assert_error (error, MOA_ERROR, MOA_ERROR_MODEL);
      assert_fault (error, path, change->fault);
    }
  else
    g_assert_no_error (error);
  if (ok && change->part == MOA)
    moa_moa_config_clear (&config.moa);
  free (text);
  scratch_free (path);
}

static const Change changes[] = {
  /* what SD 1.x may also have */
  { UNET, "attention_head_dim", "[5, 10, 20, 20]", NULL },
  { UNET, "use_linear_projection", "true", NULL },
  { UNET, "resnet_out_scale_factor", "1.0", NULL },
  { UNET, "only_cross_attention", "null", NULL },
  { UNET, "upcast_attention", "true", NULL },
  { UNET, "dropout", "0.1", NULL },
  { UNET, "mid_block_type", "\"UNetMidBlock2DCrossAttn\"", NULL },
  { VAE, "scaling_factor", "1", NULL },
  { VAE, "shift_factor", "null", NULL },
  { VAE, "use_quant_conv", "false", NULL },
  { TEXT, "hidden_act", "\"gelu\"", NULL },
  { TEXT, "eos_token_id", NULL, NULL },
  { PREPROCESSOR, "size.shortest_edge", "224", NULL },
  { PREPROCESSOR, "rescale_factor", "0.00392156862745098", NULL },
  { SCHEDULE, "prediction_type", "\"v_prediction\"", NULL },
  { SCHEDULE, "beta_schedule", "\"linear\"", NULL },
  { SCHEDULE, "steps_offset", NULL, NULL },
  { MOA, "_comment", "\"mine\"", NULL },
  { MOA, "defaults", "{}", NULL },
  { MOA, "defaults.guidance", "1", NULL },
  /* relatives that the engine cannot run */
  { UNET, "_class_name", "\"ControlNetModel\"", "should be \"UNet2DConditionModel\"" },
  { UNET, "in_channels", "9", "inpainting" },
  { UNET, "in_channels", "8", "should be 4" },
  { UNET, "addition_embed_type", "\"text_time\"", "Stable Diffusion XL" },
  { UNET, "addition_time_embed_dim", "256", "Stable Diffusion XL" },
  { UNET, "transformer_layers_per_block", "[1, 2, 10]", "Stable Diffusion XL" },
  { UNET, "transformer_layers_per_block", "2", "should be 1" },
  { UNET, "time_cond_proj_dim", "256", "latent consistency" },
  { UNET, "attention_type", "\"gated\"", "GLIGEN" },
  { UNET, "class_embed_type", "\"timestep\"", "is \"timestep\"; it should be null" },
  { UNET, "num_class_embeds", "1000", "upscalers" },
  { UNET, "dual_cross_attention", "true", "should be false" },
  { UNET, "only_cross_attention", "[true, true, true, false]", "should be false" },
  { UNET, "resnet_time_scale_shift", "\"scale_shift\"", "should be \"default\"" },
  { UNET, "mid_block_type", "\"UNetMidBlock2DSimpleCrossAttn\"", "should be \"UNetMid" },
  { UNET, "mid_block_type", "null", "should be \"UNetMid" },
  { UNET, "num_attention_heads", "8", "should be null" },
  { UNET, "act_fn", "\"gelu\"", "should be \"silu\"" },
  { UNET, "flip_sin_to_cos", "false", "should be true" },
  { UNET, "freq_shift", "1", "should be 0" },
  { UNET, "conv_in_kernel", "1", "should be 3" },
  { UNET, "time_embedding_type", "\"fourier\"", "should be \"positional\"" },
  { UNET, "down_block_types", "[\"DownBlock2D\", \"AttnDownBlock2D\", \"DownBlock2D\", \"DownBlock2D\"]",
    "each \"CrossAttnDownBlock2D\" or \"DownBlock2D\"" },
  { UNET, "up_block_types", "[\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"]", "an array of 4" },
  { UNET, "up_block_types", "[1, 2, 3, 4]", "an array of 4" },
  { UNET, "cross_attention_dim", "[768, 768, 768, 768]", "a whole number" },
  { UNET, "layers_per_block", "[2, 2, 2, 2]", "a whole number" },
  { UNET, "sample_size", "[64, 64]", "a whole number" },
  { VAE, "_class_name", "\"AutoencoderTiny\"", "should be \"AutoencoderKL\"" },
  { VAE, "act_fn", "\"mish\"", "should be \"silu\"" },
  { VAE, "latents_mean", "[0, 0, 0, 0]", "should be null" },
  { VAE, "latent_channels", "16", "should be 4" },
  { VAE, "in_channels", "1", "should be 3" },
  { VAE, "block_out_channels", "[128, 256, 512]", "8 times" },
  { VAE, "down_block_types", "[\"AttnDownEncoderBlock2D\", \"DownEncoderBlock2D\","
    " \"DownEncoderBlock2D\", \"DownEncoderBlock2D\"]", "4 times \"DownEncoderBlock2D\"" },
  { TEXT, "model_type", "\"t5\"", "should be \"clip_text_model\"" },
  { TEXT, "hidden_act", "\"relu\"", "\"gelu\" or \"quick_gelu\"" },
  { VISION, "model_type", "\"clip_text_model\"", "should be \"clip_vision_model\"" },
  { VISION, "num_channels", "1", "should be 3" },
  { PREPROCESSOR, "resample", "2", "should be 3" },
  { PREPROCESSOR, "do_center_crop", "false", "should be true" },
  { PREPROCESSOR, "do_resize", "0", "should be true" },
  { PREPROCESSOR, "rescale_factor", "1", "should be 0.0039" },
  { PREPROCESSOR, "size", "336", "should be 224" },
  { PREPROCESSOR, "crop_size.height", "336", "\"crop_size.height\" is 336" },
  { PREPROCESSOR, "crop_size.height", "224", "\"crop_size.width\" is missing" },
  { SCHEDULE, "prediction_type", "\"sample\"", "\"epsilon\" or \"v_prediction\"" },
  { SCHEDULE, "beta_schedule", "\"squaredcos_cap_v2\"", "\"linear\" or \"scaled_linear\"" },
  { SCHEDULE, "trained_betas", "[0.1]", "should be null" },
  { SCHEDULE, "clip_sample", "true", "should be false" },
  { SCHEDULE, "thresholding", "true", "should be false" },
  { SCHEDULE, "rescale_betas_zero_snr", "true", "should be false" },
  { MOA, "n_experts", "3", "is not a key that this program knows" },
  { MOA, "defaults.guidence", "1", "\"defaults.guidence\" is not a key" },
  /* missing */
  { UNET, "in_channels", NULL, "is missing; it should be a whole number" },
  { UNET, "block_out_channels", NULL, "is missing; it should be an array" },
  { UNET, "down_block_types", NULL, "is missing" },
  { UNET, "up_block_types", NULL, "is missing" },
  { UNET, "attention_head_dim", NULL, "is missing" },
  { UNET, "cross_attention_dim", NULL, "is missing" },
  { UNET, "norm_num_groups", NULL, "is missing" },
  { UNET, "norm_eps", NULL, "is missing; it should be a number from" },
  { UNET, "layers_per_block", NULL, "is missing" },
  { UNET, "sample_size", NULL, "is missing" },
  { VAE, "latent_channels", NULL, "is missing" },
  { VAE, "up_block_types", NULL, "is missing" },
  { TEXT, "vocab_size", NULL, "is missing" },
  { TEXT, "hidden_act", NULL, "is missing; it should be \"gelu\"" },
  { TEXT, "hidden_size", NULL, "is missing" },
  { VISION, "projection_dim", NULL, "is missing" },
  { PREPROCESSOR, "image_mean", NULL, "is missing; it should be an array of 3 numbers" },
  { PREPROCESSOR, "size", NULL, "is missing" },
  { SCHEDULE, "beta_start", NULL, "is missing" },
  { SCHEDULE, "beta_schedule", NULL, "is missing" },
  { SCHEDULE, "num_train_timesteps", NULL, "is missing" },
  { MOA, "feature_dim", NULL, "is missing" },
  { MOA, "router_hidden", NULL, "is missing" },
  { MOA, "max_timestep", NULL, "is missing" },
  { MOA, "layers", NULL, "is missing" },
  /* numbers and types */
  { UNET, "cross_attention_dim", "0", "from 1 to 65536" },
  { UNET, "cross_attention_dim", "-768", "from 1 to 65536" },
  { UNET, "cross_attention_dim", "65537", "from 1 to 65536" },
  { UNET, "cross_attention_dim", "4294967297", "from 1 to 65536" },
  { UNET, "cross_attention_dim", "9223372036854775807", "from 1 to 65536" },
  { UNET, "cross_attention_dim", "768.0", "a whole number" },
  { UNET, "cross_attention_dim", "\"768\"", "is \"768\"; it should be a whole number" },
  { UNET, "cross_attention_dim", "true", "a whole number" },
  { UNET, "cross_attention_dim", "null", "is null" },
  { UNET, "layers_per_block", "1001", "from 1 to 1000" },
  { UNET, "block_out_channels", "[]", "an array of 1 to 8" },
  { UNET, "block_out_channels", "[32,32,32,32,32,32,32,32,32]", "an array of 1 to 8" },
  { UNET, "block_out_channels", "[320, 640, 1280, 0]", "from 1 to 65536" },
  { UNET, "block_out_channels", "[320, 640, 1280, \"1280\"]", "from 1 to 65536" },
  { UNET, "block_out_channels", "[320, 640, 1280, 1281]", "multiples of norm_num_groups" },
  { UNET, "block_out_channels", "320", "an array of 1 to 8" },
  { UNET, "attention_head_dim", "7", "divide block_out_channels" },
  { UNET, "attention_head_dim", "[8, 8, 8]", "an array of 4" },
  { UNET, "attention_head_dim", "[8, 8, 8, 0]", "an array of 4" },
  { UNET, "attention_head_dim", "{}", "a whole number" },
  { UNET, "norm_eps", "0", "from 1e-12 to 1" },
  { UNET, "norm_eps", "-1e-5", "from 1e-12 to 1" },
  { UNET, "norm_eps", "1e300", "from 1e-12 to 1" },
  { UNET, "norm_eps", "\"1e-5\"", "a number from" },
  { UNET, "use_linear_projection", "1", "true or false" },
  { VAE, "scaling_factor", "0", "a number from" },
  { VAE, "scaling_factor", "[1]", "a number from" },
  { VAE, "mid_block_add_attention", "\"yes\"", "true or false" },
  { TEXT, "num_attention_heads", "7", "a divisor of hidden_size" },
  { TEXT, "num_hidden_layers", "0", "from 1 to 1000" },
  { TEXT, "max_position_embeddings", "2", "from 3" },
  { TEXT, "vocab_size", "1048577", "to 1048576" },
  { TEXT, "eos_token_id", "49408", "to 49407" },
  { VISION, "patch_size", "13", "a divisor of image_size" },
  { VISION, "image_size", "0", "from 1" },
  { PREPROCESSOR, "image_std", "[1, 1, 0]", "an array of 3 numbers" },
  { PREPROCESSOR, "image_mean", "[1, 1]", "an array of 3 numbers" },
  { SCHEDULE, "beta_end", "0.0001", "from 0.00085" },
  { SCHEDULE, "beta_end", "1", "to 0.999" },
  { SCHEDULE, "num_train_timesteps", "0", "from 1" },
  { SCHEDULE, "steps_offset", "1000", "to 999" },
  { SCHEDULE, "set_alpha_to_one", "0", "true or false" },
  { MOA, "feature_dim", "0", "from 1" },
  { MOA, "router_hidden", "-1", "from 0" },
  { MOA, "max_timestep", "100001", "to 100000" },
  { MOA, "layers", "[]", "different names" },
  { MOA, "layers", "[\"a\", \"a\"]", "different names" },
  { MOA, "layers", "[\"a\", \"\"]", "different names" },
  { MOA, "layers", "[\"a\", 1]", "different names" },
  { MOA, "layers", "\"a\"", "different names" },
  { MOA, "defaults", "3", "an object" },
  { MOA, "defaults.steps", "0", "\"defaults.steps\" is 0" },
  { MOA, "defaults.steps", "1001", "to 1000" },
  { MOA, "defaults.guidance", "-1", "from 0 to 100" },
  { MOA, "defaults.freedom", "1.5", "from 0 to 1" },
  { MOA, "defaults.fixed_point", "1.5", "a whole number" },
  { MOA, "defaults.max_timestep", "-1", "from 0" },
  { MOA, "defaults.guidance_max_timestep", "-1", "from 0" },
  { MOA, "defaults.guidance_rescale", "1.5", "from 0 to 1" },
  /* values that are long or ugly in a message */
  { UNET, "act_fn", "\"\\n\\u001b[31m\\u00e9\"", "is \"\\n\\u001B[31m\\u00E9\"" },
  { UNET, "act_fn", "[[[[[[[[[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]]]]]]]]]",
    "..." },
};

static void
test_defaults (void)
{
  GError *error = NULL;
  AnyConfig config;
  char *path;
  const char text[] = "{\"feature_dim\": 8, \"router_hidden\": 12, \"max_timestep\": 800, \"layers\":"
    " [\"x\"], \"defaults\": {\"steps\": 40, \"guidance\": 1.5, \"freedom\": 0, \"fixed_point\": 2,"
    " \"max_timestep\": 700, \"guidance_max_timestep\": 0, \"guidance_rescale\": 0.7}}";
  read_text_as (MOA, text, strlen (text), &config, &path, &error);
  g_assert_no_error (error);
  g_assert_true (config.moa.steps == 40 && config.moa.guidance == 1.5 && config.moa.freedom == 0);
  g_assert_true (config.moa.fixed_point == 2 && config.moa.max_timestep == 700);
  g_assert_cmpint (config.moa.guidance_max_timestep, ==, 0);
  g_assert_cmpfloat (config.moa.guidance_rescale, ==, 0.7);
  g_assert_cmpint (config.moa.router_hidden, ==, 12);
  moa_moa_config_clear (&config.moa);
  scratch_free (path);

  const char none[] = "{\"feature_dim\": 8, \"router_hidden\": 12, \"max_timestep\": 800, \"layers\": [\"x\"]}";
  read_text_as (MOA, none, strlen (none), &config, &path, &error);
  g_assert_no_error (error);
  g_assert_true (config.moa.steps == 0 && config.moa.guidance == -1 && config.moa.freedom == -1);
  g_assert_true (config.moa.fixed_point == -1 && config.moa.max_timestep == 800);
  g_assert_cmpint (config.moa.guidance_max_timestep, ==, -1);
  g_assert_cmpfloat (config.moa.guidance_rescale, ==, -1);
  moa_moa_config_clear (&config.moa);
  scratch_free (path);

  char *ddim = changed (schedule_text, "_class_name", "\"DDIMScheduler\"");
  char *without = changed (ddim, "set_alpha_to_one", NULL);
  read_text_as (SCHEDULE, without, strlen (without), &config, &path, &error);
  g_assert_no_error (error);
  g_assert_true (config.schedule.set_alpha_to_one);
  free (ddim);
  free (without);
  scratch_free (path);
}

/* ---- Broken JSON ----------------------------------------------------- */

static void
test_broken (void)
{
  static const struct {
    const char *text;
    gsize n;
    const char *fault;
  } broken[] = {
    { "", 0, "not valid JSON" },
    { " ", 1, "not valid JSON" },
    { "{", 1, "not valid JSON" },
    { "[]", 2, "not an object" },
    { "[1, 2]", 6, "not an object" },
    { "3", 1, "not valid JSON" },
    { "null", 4, "not valid JSON" },
    { "{\"a\": 1,}", 9, "line 1" },
    { "{\"a\": 1\n\n\"b\": 2}", 16, "line 3" },
    { "{'a': 1}", 8, "not valid JSON" },
    { "{\"a\": 1} // x", 13, "not valid JSON" },
    { "{\"a\": 1, \"a\": 2}", 16, "duplicate" },
    { "{\"a\": \"\377\"}", 10, "not valid JSON" },
    { "\357\273\277{}", 5, "not valid JSON" },
    { "\377\376{\0}\0", 6, "not valid JSON" },
    { "{\"a\": \0}", 8, "not valid JSON" },
    { "{\"a\": 1e999}", 12, "not valid JSON" },
    { "{\"a\": 123456789012345678901234567890}", 37, "not valid JSON" },
    { "{\"a\": Infinity}", 15, "not valid JSON" },
    { "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 40, "nested more than 16" },
    { "<!DOCTYPE html>", 15, "not valid JSON" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (broken); i++)
    for (int part = 0; part < N_PARTS; part++)
      {
        GError *error = NULL;
        AnyConfig config;
        char *path;
        g_assert_false (read_text_as (part, broken[i].text, broken[i].n, &config, &path, &error));
        g_assert_error (error, MOA_ERROR, MOA_ERROR_FILE);
        assert_fault (error, path, broken[i].fault);
        scratch_free (path);
      }
}

/* A configuration cut anywhere is refused; so is an object without the keys. */
static void
test_cut (void)
{
  for (int part = 0; part < N_PARTS; part++)
    for (gsize n = 0; n < strlen (texts[part]); n++)
      {
        GError *error = NULL;
        AnyConfig config;
        char *path;
        g_assert_false (read_text_as (part, texts[part], n, &config, &path, &error));
        assert_fault (error, path, "not valid JSON");
        scratch_free (path);
      }
}

static void
test_large_files (void)
{
  GError *error = NULL;
  AnyConfig config;
  char *path = scratch_file ("config.json", "{}", 2);
  FILE *f = g_fopen (path, "r+");
  fseek (f, 17 << 20, SEEK_SET);
  fputc ('}', f);
  fclose (f);
  g_assert_false (read_part (UNET, path, NULL, &config, &error));
  assert_fault (g_steal_pointer (&error), path, "at most 16777216 are read");
  g_unlink (path);
  g_assert_false (read_part (MOA, path, NULL, &config, &error));
  assert_fault (g_steal_pointer (&error), path, "cannot be opened");
  g_autofree char *folder = g_path_get_dirname (path);
  g_assert_null (moa_json_read (folder, &error));
  assert_fault (g_steal_pointer (&error), folder, "is a folder");
  g_assert_null (moa_json_read (path, NULL));
  scratch_free (path);
}

/* ---- Fixtures -------------------------------------------------------- */

static void
read_model (const char *root, AnyConfig *configs, const char *moa)
{
  const char *const files[N_PARTS]
    = { "unet/config.json", "vae/config.json", "text_encoder/config.json",
        "image_encoder/config.json", "feature_extractor/preprocessor_config.json",
        "scheduler/scheduler_config.json", moa };
  g_autofree char *preprocessor = g_build_filename (root, files[PREPROCESSOR], NULL);
  for (int part = 0; part < N_PARTS; part++)
    if (part != PREPROCESSOR)
      {
        GError *error = NULL;
        g_autofree char *path = g_build_filename (root, files[part], NULL);
        read_part (part, path, preprocessor, &configs[part], &error);
        g_assert_no_error (error);
      }
}

static void
test_tiny (void)
{
  g_autofree char *root = fixture ("tiny");
  AnyConfig c[N_PARTS];
  if (!root)
    return;
  read_model (root, c, "moa/config.json");
  g_assert_cmpint (c[UNET].unet.channels[2], ==, 48);
  g_assert_cmpint (c[UNET].unet.heads[2], ==, 8);
  g_assert_cmpint (c[UNET].unet.norm_groups, ==, 16);
  g_assert_cmpint (c[VAE].vae.channels[0], ==, 8);
  g_assert_cmpfloat (c[VAE].vae.scaling_factor, ==, 0.18215);
  g_assert_cmpint (c[TEXT].text.width, ==, 32);
  g_assert_cmpint (c[VISION].vision.image_size, ==, 56);
  g_assert_cmpint (c[VISION].vision.projection_dim, ==, 24);
  g_assert_cmpint (c[SCHEDULE].schedule.steps_offset, ==, 1);
  g_assert_cmpint (c[MOA].moa.n_layers, ==, 16);
  g_assert_cmpint (c[MOA].moa.router_hidden, ==, 0);
  moa_moa_config_clear (&c[MOA].moa);
  read_model (root, c, "moa-mlp/config.json");
  g_assert_cmpint (c[MOA].moa.router_hidden, ==, 12);
  moa_moa_config_clear (&c[MOA].moa);

  /* a ControlNet is not a U-Net */
  GError *error = NULL;
  g_autofree char *path = fixture ("tiny/controlnet/config.json");
  if (!path)
    return;
  g_assert_false (moa_unet_config_read (path, &c[UNET].unet, &error));
  assert_fault (error, path, "ControlNetModel");
}

static void
test_bundled (void)
{
  const char *root = g_getenv ("MOA_TEST_MODEL");
  AnyConfig c[N_PARTS];
  if (!root)
    {
      g_test_skip ("MOA_TEST_MODEL is not set");
      return;
    }
  read_model (root, c, "moa/config.json");
  g_assert_cmpint (c[UNET].unet.n_levels, ==, 4);
  g_assert_cmpint (c[TEXT].text.width, ==, c[UNET].unet.text_dim);
  g_assert_cmpint (c[VISION].vision.projection_dim, ==, c[MOA].moa.feature_dim);
  moa_moa_config_clear (&c[MOA].moa);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/config/values", test_values);
  g_test_add_func ("/config/defaults", test_defaults);
  g_test_add_func ("/config/broken", test_broken);
  g_test_add_func ("/config/cut", test_cut);
  g_test_add_func ("/config/large-files", test_large_files);
  g_test_add_func ("/config/tiny", test_tiny);
  g_test_add_func ("/config/bundled", test_bundled);
  for (gsize i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autofree char *name
        = g_strdup_printf ("/config/%s/%03u-%s", changes[i].fault ? "fault" : "good", (guint) i,
                           changes[i].key);
      g_test_add_data_func (name, &changes[i], test_change);
    }
  return g_test_run ();
}
