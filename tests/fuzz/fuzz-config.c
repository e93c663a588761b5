/* Any bytes as each of the configuration files. */
#include "fuzz.h"
#include "io/config.h"

#include <string.h>
#include <unistd.h>

static void
check (gboolean ok, GError **error, const char *path)
{
  g_assert_cmpint (ok, ==, *error == NULL);
  if (!ok)
    fuzz_check_error (g_steal_pointer (error), path);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize n)
{
  MoaUnetConfig unet;
  MoaVaeConfig vae;
  MoaTextConfig text;
  MoaVisionConfig vision;
  MoaScheduleConfig schedule;
  MoaMoaConfig moa;
  GError *error = NULL;
  char path[64];
  int fd = fuzz_file (data, n, path);
  check (moa_unet_config_read (path, &unet, &error), &error, path);
  check (moa_vae_config_read (path, &vae, &error), &error, path);
  check (moa_text_config_read (path, &text, &error), &error, path);
  check (moa_vision_config_read (path, path, &vision, &error), &error, path);
  check (moa_schedule_config_read (path, &schedule, &error), &error, path);
  check (moa_moa_config_read (path, &moa, &error), &error, path);
  moa_moa_config_clear (&moa);
  close (fd);
  return 0;
}

static const char *const seeds[] = {
  "{\"_class_name\":\"UNet2DConditionModel\",\"attention_head_dim\":[2,4],"
  "\"block_out_channels\":[32,64],\"cross_attention_dim\":96,\"down_block_types\":"
  "[\"CrossAttnDownBlock2D\",\"DownBlock2D\"],\"up_block_types\":[\"UpBlock2D\","
  "\"CrossAttnUpBlock2D\"],\"in_channels\":4,\"out_channels\":4,\"layers_per_block\":2,"
  "\"norm_eps\":1e-05,\"norm_num_groups\":8,\"sample_size\":16,\"class_embed_type\":null}",
  "{\"block_out_channels\":[8,8,8,8],\"down_block_types\":[\"DownEncoderBlock2D\","
  "\"DownEncoderBlock2D\",\"DownEncoderBlock2D\",\"DownEncoderBlock2D\"],\"in_channels\":3,"
  "\"latent_channels\":4,\"layers_per_block\":1,\"norm_num_groups\":4,\"out_channels\":3,"
  "\"scaling_factor\":1.0,\"up_block_types\":[\"UpDecoderBlock2D\",\"UpDecoderBlock2D\","
  "\"UpDecoderBlock2D\",\"UpDecoderBlock2D\"],\"use_quant_conv\":true}",
  "{\"eos_token_id\":2,\"hidden_act\":\"quick_gelu\",\"hidden_size\":32,\"intermediate_size\":64,"
  "\"layer_norm_eps\":1e-05,\"max_position_embeddings\":77,\"num_attention_heads\":4,"
  "\"num_hidden_layers\":3,\"vocab_size\":49408}",
  /* a vision tower and its preprocessor in one file */
  "{\"hidden_act\":\"gelu\",\"hidden_size\":48,\"image_size\":56,\"intermediate_size\":96,"
  "\"layer_norm_eps\":1e-05,\"num_attention_heads\":4,\"num_channels\":3,\"num_hidden_layers\":3,"
  "\"patch_size\":14,\"projection_dim\":24,\"crop_size\":{\"height\":56,\"width\":56},"
  "\"size\":{\"shortest_edge\":56},\"image_mean\":[0.5,0.5,0.5],\"image_std\":[0.5,0.5,0.5]}",
  "{\"beta_end\":0.012,\"beta_schedule\":\"scaled_linear\",\"beta_start\":0.00085,"
  "\"num_train_timesteps\":1000,\"prediction_type\":\"v_prediction\",\"steps_offset\":1,"
  "\"set_alpha_to_one\":false}",
  ("{\"feature_dim\":24,\"router_hidden\":12,\"max_timestep\":800,\"layers\":[\"a\",\"b\"],"
   "\"defaults\":{\"steps\":50,\"guidance\":1.0,\"freedom\":0.5,\"fixed_point\":1}}"),
};
const int fuzz_n_seeds = G_N_ELEMENTS (seeds);

GBytes *
fuzz_seed (int i)
{
  return g_bytes_new (seeds[i], strlen (seeds[i]));
}
