/* Text, subjects and pictures as the U-Net takes them: see encode.h. */
#include "jobs/encode.h"

#include "base/image.h"
#include "jobs/frame.h"

#include <math.h>

enum { SMALLEST_PHOTO = 8 };

gboolean
moa_number_check (const char *name, double value, double low, double high, GError **error)
{
  if (value >= low && value <= high) /* a NaN is neither */
    return TRUE;
  return moa_fail (error, MOA_ERROR_ARGUMENT, "%s is %g; it must be from %g to %g", name, value,
                   low, high);
}

static gboolean
photo_check (const MoaImage *photo, int subject, int number, GError **error)
{
  if (!photo || !photo->data)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "Photo %d of subject %d is missing", number,
                     subject);
  if (photo->channels != 3 && photo->channels != 4)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "Photo %d of subject %d has %d channels; give RGB or RGBA", number, subject,
                     photo->channels);
  if (photo->width < SMALLEST_PHOTO || photo->height < SMALLEST_PHOTO)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     N_ ("Photo %d of subject %d is %d x %d pixels; it must be at least %d x %d"),
                     number, subject, photo->width, photo->height, SMALLEST_PHOTO, SMALLEST_PHOTO);
  return TRUE;
}

gboolean
moa_subjects_check (const MoaSubject *subjects, int n, GError **error)
{
  for (int s = 0; s < n; s++)
    {
      const MoaSubject *subject = &subjects[s];
      int n_photos = subject->photos ? subject->n_photos : 0;
      if (subject->keep && (n_photos > 0 || subject->saved))
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "Subject %d stays as it is, and has a photo; give one or the other",
                         s + 1);
      if (n_photos < 1 && !subject->saved && !subject->keep)
        return moa_fail (error, MOA_ERROR_ARGUMENT, "Subject %d has no photo", s + 1);
      for (int i = 0; i < n_photos; i++)
        if (!photo_check (subjects[s].photos[i], s + 1, i + 1, error))
          return FALSE;
    }
  return TRUE;
}

gboolean
moa_subjects_masks_check (const MoaModel *model, const MoaSubject *subjects, int n, GError **error)
{
  for (int s = 0; s < n; s++)
    {
      const MoaImage *mask = subjects[s].mask;
      if (mask && !model->moa.masks)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "Subject %d has a mask, but this model's routers find the places; select "
                         "instead where persons may change", s + 1);
      if (mask && (!mask->data || mask->channels != 1))
        return moa_fail (error, MOA_ERROR_ARGUMENT, "The mask of subject %d must have one channel",
                         s + 1);
      if (!mask && n > 1 && model->moa.masks)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "%s does not find persons by itself; give each of the %d subjects a "
                         "mask, or replace one after another", model->info.expert, n);
    }
  return TRUE;
}

int
moa_subjects_photos (const MoaSubject *subjects, int n)
{
  int photos = 0;
  for (int s = 0; s < n; s++)
    photos += subjects[s].photos ? subjects[s].n_photos : 0;
  return photos;
}

int
moa_prompts_windows (const MoaJob *job, const MoaPrompt *const *prompts, int n, int *n_vectors)
{
  int window = moa_tokenizer_window (job->model->tokenizer), windows = 1;
  *n_vectors = 0;
  for (int i = 0; i < n; i++)
    {
      int in_window = 0, last = -1;
      windows = MAX (windows, prompts[i]->n_ids / window);
      for (guint v = 0; v < prompts[i]->vectors->len; v++)
        {
          int at = g_array_index (prompts[i]->vectors, MoaPromptVector, v).row / window;
          in_window = at == last ? in_window + 1 : 1;
          last = at;
          *n_vectors = MAX (*n_vectors, in_window);
        }
    }
  return windows;
}

/* The inputs of a coder that takes vectors; window w of prompt i is text i * windows + w. */
static void
set_vectors (MoaCoder *coder, const MoaPrompt *const *prompts, int n, int windows, int window)
{
  int slots = coder->vectors->shape.dim[1], width = coder->vectors->shape.dim[2];
  gsize texts = (gsize) n * windows;
  g_autofree float *rows = g_new0 (float, texts * slots * width);
  g_autofree gint32 *index = g_new0 (gint32, texts * slots), *present = g_new0 (gint32,
                                                                               texts * slots);
  for (int i = 0; i < n; i++)
    for (guint v = 0; v < prompts[i]->vectors->len; v++)
      {
        const MoaPromptVector *vector = &g_array_index (prompts[i]->vectors, MoaPromptVector, v);
        gsize slot = ((gsize) i * windows + vector->row / window) * slots;
        while (present[slot])
          slot++;
        present[slot] = 1;
        index[slot] = vector->row % window;
        memcpy (rows + slot * width, vector->numbers, width * sizeof (float));
      }
  moa_graph_set (coder->vectors, rows);
  moa_graph_set_ints (coder->index, index);
  moa_graph_set_ints (coder->present, present);
}

/* One window's states times its weights, with the mean that they had. */
static void
weigh (float *states, const float *weights, int window, int width)
{
  double before = 0, after = 0;
  gsize n = (gsize) window * width;
  for (gsize i = 0; i < n; i++)
    {
      before += states[i];
      states[i] *= weights[i / width];
      after += states[i];
    }
  for (gsize i = 0; after != 0 && i < n; i++)
    states[i] *= (float) (before / after);
}

/* FaceID Plus wants a face embedding and a photo, or a saved subject that was made of both. */
static gboolean
has_both (const MoaModel *model, const MoaSubject *subject, int number, GError **error)
{
  const MoaSavedSubject *saved = subject->saved;
  if (saved && saved->dim == model->moa.feature_dim && subject->n_photos == 0)
    return TRUE;
  if (subject->photos && subject->n_photos > 0 && saved && saved->dim == moa_model_face_dim (model))
    return TRUE;
  return moa_fail (error, MOA_ERROR_ARGUMENT,
                   "Subject %d needs a photo of the face and a face embedding for this model's %s: give "
                   "both files as one person, photo.png+face.safetensors", number, model->info.expert);
}

static gboolean
subject_fits (MoaModel *model, const MoaSubject *subject, int number, GError **error)
{
  gboolean photos = subject->photos && subject->n_photos > 0;
  if (photos && !moa_model_sees_photos (model))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "Subject %d is given by a photo; this model's %s sees persons by a face "
                     "embedding: give a .safetensors file with that alone", number,
                     model->info.expert);
  if (subject->saved && !moa_saved_subject_fits (subject->saved, model))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     N_ ("The saved subject \"%s\" was made with another image encoder than this "
                     "model's; make it anew from the person's photos, or choose the model it was "
                     "made with"),
                     subject->saved->name);
  return subject->keep || !moa_model_sees_photos (model) || moa_model_face_dim (model) == 0
         || has_both (model, subject, number, error);
}

gboolean
moa_subjects_fit (MoaModel *model, const MoaSubject *subjects, int n, GError **error)
{
  for (int s = 0; s < n; s++)
    if (!subject_fits (model, &subjects[s], s + 1, error))
      return FALSE;
  return TRUE;
}

gboolean
moa_encode_texts (MoaJob *job, MoaCoder *coder, const MoaPrompt *const *prompts, int n,
                  float *states, GError **error)
{
  const MoaTokenizer *tokenizer = job->model->tokenizer;
  int window = moa_tokenizer_window (tokenizer), width = job->model->unet.text_dim;
  int windows = coder->in->shape.dim[0] / n, rows = windows * window;
  g_autofree float *ids = g_new (float, (gsize) n * rows);
  for (int i = 0; i < n; i++)
    for (int t = 0; t < rows; t++)
      ids[i * rows + t] = t < prompts[i]->n_ids ? prompts[i]->ids[t]
                          : t % window          ? moa_tokenizer_end (tokenizer)
                                                : moa_tokenizer_start (tokenizer);
  if (!moa_graph_prepare (coder->graph, job->workspace, error))
    return FALSE;
  if (coder->vectors)
    set_vectors (coder, prompts, n, windows, window);
  if (!moa_job_code (job, coder, ids, states, error))
    return FALSE;
  for (int i = 0; i < n; i++)
    for (int t = 0; prompts[i]->weights && t < prompts[i]->n_ids; t += window)
      weigh (states + ((gsize) i * rows + t) * width, prompts[i]->weights + t, window, width);
  moa_meter_step (&job->meter, MOA_COST_TEXT * n);
  return TRUE;
}

/* One photo's feature is added to sum; dim is the coder's. */
static gboolean
add_photo (MoaJob *job, MoaCoder *coder, const MoaImage *photo, float *sum, int dim, GError **error)
{
  const MoaVisionConfig *config = &job->model->vision;
  int size = config->image_size;
  gsize n = (gsize) size * size * 3;
  g_autofree guint8 *crop = g_try_malloc (n);
  g_autofree float *pixels = moa_job_floats (n, error);
  g_autofree float *feature = g_new (float, dim);
  if (!crop && pixels)
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory for a subject's photo");
  if (!pixels)
    return FALSE;
  guint8 border = job->model->moa.postfuse ? 0 : 255; /* FastComposer was trained with black */
  moa_subject_crop_u8 (photo, size, border, crop);
  for (gsize i = 0; i < n; i++)
    pixels[i] = (crop[i] / 255.0f - (float) config->mean[i % 3]) / (float) config->std[i % 3];
  if (!moa_job_code (job, coder, pixels, feature, error))
    return FALSE;
  for (int i = 0; i < dim; i++)
    sum[i] += feature[i];
  moa_meter_step (&job->meter, MOA_COST_PHOTO);
  return TRUE;
}

/* The feature of one: a face embedding's numbers, if the model takes any, then what it sees; each is the
 * mean over what there is of it. */
static gboolean
encode_subject (MoaJob *job, MoaCoder *coder, const MoaSubject *subject, float *mean, GError **error)
{
  const MoaSavedSubject *saved = subject->saved;
  int dim = job->model->moa.feature_dim, face_dim = moa_model_face_dim (job->model);
  int n_photos = subject->photos ? subject->n_photos : 0, n_saved = saved ? saved->n_photos : 0;
  memset (mean, 0, dim * sizeof (float));
  for (int i = 0; i < n_photos; i++)
    if (!add_photo (job, coder, subject->photos[i], mean + face_dim, dim - face_dim, error))
      return FALSE;
  for (int i = 0; saved && i < n_saved * saved->dim; i++)
    mean[i % saved->dim] += saved->features[i];
  int n_seen = n_photos + (saved && saved->dim == dim ? n_saved : 0);
  for (int i = 0; i < dim; i++)
    mean[i] /= MAX (1, i < face_dim ? n_saved : n_seen);
  return TRUE;
}

gboolean
moa_encode_subjects (MoaJob *job, MoaCoder *coder, const MoaSubject *subjects, int n, float *feats,
                     GError **error)
{
  if (coder->graph && !moa_graph_prepare (coder->graph, job->workspace, error))
    return FALSE;
  for (int s = 0; s < n; s++)
    if (!encode_subject (job, coder, &subjects[s], feats + (gsize) s * job->model->moa.feature_dim, error))
      return FALSE;
  return TRUE;
}

gboolean
moa_encode_nobodies (MoaJob *job, MoaCoder *coder, int n, float *feats, GError **error)
{
  int size = job->model->vision.image_size;
  gsize dim = job->model->moa.feature_dim;
  float *nobody = feats + n * dim;
  memset (nobody, 0, n * dim * sizeof (float));
  if (!moa_ip_adapter_takes_states (moa_model_adapter (job->model)->kind))
    return TRUE;
  /* What the encoder sees in pixels of 0, which have the mean colour. */
  g_autofree float *pixels = moa_job_floats ((gsize) size * size * 3, error);
  if (!pixels || !moa_job_code (job, coder, pixels, nobody + moa_model_face_dim (job->model), error))
    return FALSE;
  for (int s = 1; s < n; s++)
    memcpy (nobody + s * dim, nobody, dim * sizeof (float));
  return TRUE;
}

gboolean
moa_encode_picture (MoaJob *job, MoaCoder *coder, const MoaImage *picture, float *z, GError **error)
{
  const MoaVaeConfig *vae = &job->model->vae;
  gsize n_values = moa_shape_count (&coder->in->shape);
  gsize n_moments = moa_shape_count (&coder->out->shape);
  int channels = vae->latent_channels;
  g_autofree float *values = moa_job_floats (n_values, error);
  g_autofree float *moments = values ? moa_job_floats (n_moments, error) : NULL;
  if (!moments || !moa_graph_prepare (coder->graph, job->workspace, error))
    return FALSE;
  for (gsize i = 0; i < n_values; i++)
    values[i] = 2 * picture->data[i] - 1;
  if (!moa_job_code (job, coder, values, moments, error))
    return FALSE;
  for (gsize i = 0; i < n_moments / (2 * channels); i++)
    for (int c = 0; c < channels; c++)
      z[i * channels + c] = (float) vae->scaling_factor *
                            (moments[i * 2 * channels + c] - (float) vae->shift_factor);
  moa_meter_step (&job->meter, MOA_COST_VAE_ENCODE);
  return TRUE;
}

MoaImage *
moa_decode_latent (MoaJob *job, MoaCoder *coder, const float *z, GError **error)
{
  const MoaVaeConfig *vae = &job->model->vae;
  gsize n = moa_shape_count (&coder->in->shape);
  const gint64 *dim = coder->out->shape.dim;
  g_autofree float *unscaled = moa_job_floats (n, error);
  MoaImage *picture = unscaled ? moa_image_try (dim[2], dim[1], 3, error) : NULL;
  if (!picture)
    return NULL;
  for (gsize i = 0; i < n; i++)
    unscaled[i] = z[i] / (float) vae->scaling_factor + (float) vae->shift_factor;
  if (!moa_job_code (job, coder, unscaled, picture->data, error))
    {
      moa_image_free (picture);
      return NULL;
    }
  for (gsize i = 0; i < (gsize) dim[1] * dim[2] * 3; i++)
    {
      float v = picture->data[i] / 2 + 0.5f;
      picture->data[i] = v >= 0 ? MIN (v, 1) : 0;
    }
  moa_meter_step (&job->meter, MOA_COST_VAE_DECODE);
  return picture;
}
