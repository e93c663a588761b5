/* What tells one set of weights from another: see fingerprint.h. */
#include "jobs/fingerprint.h"

#include <string.h>

enum { SAMPLE = 64 };

/* Numbers from the start and the middle: trained weights differ everywhere. */
static gboolean
add_tensor (GChecksum *sum, MoaWeights *weights, const MoaParam *param, GError **error)
{
  float sample[2 * SAMPLE] = { 0 };
  guint64 n = param->file->n, count = MIN (n, SAMPLE);
  if (!moa_weights_read (weights, param->file, 0, count, sample, error) ||
      !moa_weights_read (weights, param->file, (n - count) / 2, count, sample + SAMPLE, error))
    return FALSE;
  g_checksum_update (sum, (const guchar *) param->name, strlen (param->name) + 1);
  g_checksum_update (sum, (const guchar *) param->dim, sizeof (param->dim[0]) * param->rank);
  g_checksum_update (sum, (const guchar *) sample, sizeof (sample));
  return TRUE;
}

gboolean
moa_fingerprint_add (GChecksum *sum, MoaModel *model, MoaParams *params, GError **error)
{
  gboolean ok = TRUE;
  g_mutex_lock (&model->lock);
  MoaWeights *weights = moa_params_weights (params);
  for (guint i = 0; ok && i < moa_params_count (params); i++)
    {
      const MoaParam *param = moa_params_nth (params, i);
      if (param->file)
        ok = add_tensor (sum, weights, param, error);
    }
  g_mutex_unlock (&model->lock);
  return ok;
}

char *
moa_fingerprint_encoder (MoaModel *model, GError **error)
{
  if (!moa_model_sees_photos (model))
    return g_strdup (MOA_FACE_EMBEDDING);
  if (!model->vision_params)
    {
      moa_model_need_expert (model, error);
      return NULL;
    }
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  const MoaVisionConfig *config = &model->vision;
  g_checksum_update (sum, (const guchar *) config->mean, sizeof (config->mean));
  g_checksum_update (sum, (const guchar *) config->std, sizeof (config->std));
  if (!moa_fingerprint_add (sum, model, model->vision_params, error))
    return NULL;
  return g_strdup (g_checksum_get_string (sum));
}

/* The numbers of configurations that pictures depend on and shapes do not show. */
static void
add_configurations (GChecksum *sum, const MoaModel *model)
{
  const MoaScheduleConfig *s = &model->scheduler;
  const MoaModelInfo *info = &model->info;
  const double numbers[] = {
    s->n_train,      s->beta_start,      s->beta_end,        s->scaled_linear,
    s->steps_offset, s->set_alpha_to_one, s->prediction,     model->vae.scaling_factor,
    model->vae.shift_factor, model->clip_skip, info->steps,  info->guidance,
    info->freedom,   info->fixed_point,  info->max_timestep,
    info->guidance_max_timestep, info->guidance_rescale,
    model->keep == MOA_KEEP_FILE ? MOA_KEEP_REAL : model->keep, /* which are the same */
  };
  g_checksum_update (sum, (const guchar *) numbers, sizeof (numbers));
  for (guint i = 0; model->embeddings && i < model->embeddings->len; i++)
    {
      const MoaEmbedding *e = g_ptr_array_index (model->embeddings, i);
      g_checksum_update (sum, (const guchar *) e->name, strlen (e->name) + 1);
      g_checksum_update (sum, (const guchar *) e->vectors, sizeof (float) * e->n * e->width);
    }
}

char *
moa_fingerprint_model (MoaModel *model, GError **error)
{
  MoaParams *const parts[] = { model->unet_params,   model->vae_params, model->text_params,
                               model->vision_params, model->moa_params, model->control_params };
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    if (parts[i] && !moa_fingerprint_add (sum, model, parts[i], error))
      return NULL;
  add_configurations (sum, model);
  return g_strdup (g_checksum_get_string (sum));
}
