/* A model from opening to its end, on whatever device.  What it is made of: model-parts.c; whether that is
 * complete and fits together: model-check.c.  Weights are read by the first job. */
#include "jobs/model.h"

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

MoaParams **
moa_model_params (MoaModel *model, MoaPart part)
{
  MoaParams **const params[MOA_N_PARTS]
      = { &model->unet_params, &model->vae_params, &model->text_params, &model->vision_params,
          &model->moa_params };
  return params[part];
}

/* ---- Opening ---- */

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
  if (!read_keep (model, files->weights, error) || !moa_sources_find (&model->sources, files, error)
      || !moa_model_open_parts (model, files, error))
    return FALSE;
  if (files->v_prediction)
    model->scheduler.prediction = MOA_PREDICT_V;
  if (files->clip_skip < 0 || files->clip_skip >= model->text.n_layers)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "clip_skip is %d; the text encoder has %d layers, so that 0 to %d can be left "
                     "out", files->clip_skip, model->text.n_layers, model->text.n_layers - 1);
  model->clip_skip = files->clip_skip;
  model->schedule = moa_schedule_new (&model->scheduler);
  if (!moa_model_check (model, error))
    return FALSE;
  moa_model_describe (model);
  return TRUE;
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
    moa_params_free (*moa_model_params (model, part));
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
