/* The configuration files of a model directory in diffusers layout, read and
 * checked: what is there is used, what we cannot do is refused by name, and
 * nothing is guessed.  Keys that are absent and have a default in diffusers or
 * transformers take it.  Limits: sides and widths 1 to 65536, layers to 1000. */
#ifndef MOA_CONFIG_H
#define MOA_CONFIG_H

#include "io/json.h"

#define MOA_MAX_LEVELS 8

typedef enum { MOA_ACT_SILU, MOA_ACT_GELU, MOA_ACT_QUICK_GELU } MoaAct;
typedef enum { MOA_PREDICT_EPSILON, MOA_PREDICT_V } MoaPrediction;

/* unet/config.json: UNet2DConditionModel */
typedef struct {
  int in_channels, out_channels;   /* 4, 4 */
  int n_levels;                    /* 4 */
  int channels[MOA_MAX_LEVELS];    /* block_out_channels */
  gboolean down_cross[MOA_MAX_LEVELS]; /* CrossAttnDownBlock2D, else DownBlock2D */
  gboolean up_cross[MOA_MAX_LEVELS];   /* in the up path's own order */
  int layers_per_block;            /* 2 */
  int heads[MOA_MAX_LEVELS];       /* number of heads: "attention_head_dim" of SD 1.5 */
  int text_dim;                    /* cross_attention_dim */
  int norm_groups;
  double norm_eps;                 /* of resnets and conv_norm_out; transformers use 1e-6 */
  gboolean linear_projection;      /* use_linear_projection */
  int sample_size;                 /* latent side it was trained on */
} MoaUnetConfig;

/* controlnet/config.json: ControlNetModel, a U-Net's way down; and the picture that it follows */
typedef struct {
  MoaUnetConfig unet;              /* without the way up */
  int n_hint;                      /* conditioning_embedding_out_channels */
  int hint[MOA_MAX_LEVELS];
} MoaControlConfig;

/* vae/config.json: AutoencoderKL */
typedef struct {
  int in_channels, out_channels, latent_channels;
  int n_levels;                    /* 4: pictures are 8 times their latents */
  int channels[MOA_MAX_LEVELS];
  int layers_per_block;
  int norm_groups;
  double scaling_factor;           /* 0.18215 when absent */
  double shift_factor;             /* 0 when absent */
  gboolean quant_conv, post_quant_conv;
  gboolean mid_attention;
} MoaVaeConfig;

/* text_encoder/config.json: CLIPTextModel */
typedef struct {
  int vocab_size, width, mlp_width, n_layers, n_heads, n_positions;
  MoaAct act;
  double eps;
  int eos_token_id;  /* 2 in published files: then the pooled token is the largest id */
} MoaTextConfig;

/* image_encoder/config.json: CLIPVisionModelWithProjection,
 * and feature_extractor/preprocessor_config.json */
typedef struct {
  int image_size, patch_size, channels, width, mlp_width, n_layers, n_heads, projection_dim;
  MoaAct act;
  double eps;
  double mean[3], std[3];
} MoaVisionConfig;

/* scheduler/scheduler_config.json */
typedef struct {
  int n_train;                     /* 1000 */
  double beta_start, beta_end;
  gboolean scaled_linear;          /* else linear */
  int steps_offset;
  gboolean set_alpha_to_one;
  MoaPrediction prediction;
} MoaScheduleConfig;

/* moa/config.json */
typedef struct {
  int feature_dim;
  int router_hidden;               /* 0: a linear router */
  gboolean space_time;             /* the fuser knows timestep and block; TRUE where absent */
  gboolean postfuse;               /* not in the file: FastComposer's fuser instead */
  gboolean masks;                  /* not in the file: the router is a mask of the user's, one for
                                      each subject */
  int max_timestep;
  char **layers;                   /* names of the routed transformer blocks; NULL ended */
  int n_layers;
  int steps;                       /* "defaults": 0 where absent, the others -1; */
  double guidance, guidance_rescale, freedom; /* "defaults" may set max_timestep too */
  int fixed_point, guidance_max_timestep;
} MoaMoaConfig;

/* Each reads PATH, a JSON file, and fails with a message that names it, the
 * key and what it should be.  After a failure there is nothing to clear. */
gboolean moa_unet_config_read (const char *path, MoaUnetConfig *config, GError **error);
gboolean moa_control_config_read (const char *path, MoaControlConfig *config, GError **error);
gboolean moa_vae_config_read (const char *path, MoaVaeConfig *config, GError **error);
gboolean moa_text_config_read (const char *path, MoaTextConfig *config, GError **error);
/* preprocessor_path NULL: pixels are prepared as CLIP's. */
gboolean moa_vision_config_read (const char *path, const char *preprocessor_path,
                                 MoaVisionConfig *config, GError **error);
gboolean moa_schedule_config_read (const char *path, MoaScheduleConfig *config, GError **error);
gboolean moa_moa_config_read (const char *path, MoaMoaConfig *config, GError **error);
void moa_moa_config_clear (MoaMoaConfig *config);

#endif
