/* Saved subjects: the features of a person's photos, to be used again without them.
 *
 *   NAME.safetensors   "features" [n_photos, dim] F32; "thumbnail" [h, w, 3] U8, sRGB;
 *                      metadata: format "moa-subject", version "1", name, encoder */
#include "base/image.h"
#include "io/safetensors.h"
#include "jobs/encode.h"
#include "jobs/fingerprint.h"
#include "jobs/frame.h"

#include <math.h>
#include <string.h>

#define FORMAT "moa-subject"
#define VERSION "1"
enum { LARGEST_DIM = 1 << 20, LONGEST_NAME = 1000, LARGEST_FACE = 4096 };

/* ---- Making one ---- */

/* On white, as the encoder sees it. */
static MoaImage *
make_thumbnail (const MoaImage *photo, GError **error)
{
  int longer = MAX (photo->width, photo->height), side = MIN (longer, MOA_SAVED_SUBJECT_SIDE);
  int width = MAX (1, (gint64) photo->width * side / longer);
  int height = MAX (1, (gint64) photo->height * side / longer);
  MoaImage *rgb = moa_image_try (photo->width, photo->height, 3, error);
  if (!rgb)
    return NULL;
  for (gsize i = 0; i < (gsize) photo->width * photo->height; i++)
    {
      const float *in = photo->data + i * photo->channels;
      float alpha = photo->channels == 4 ? CLAMP (in[3], 0, 1) : 1;
      for (int c = 0; c < 3; c++)
        rgb->data[3 * i + c] = isfinite (in[c]) ? 1 + alpha * (CLAMP (in[c], 0, 1) - 1) : 0;
    }
  MoaImage *thumbnail = moa_image_fit (rgb, width, height, error);
  moa_image_free (rgb);
  return thumbnail;
}

/* A feature for each; phases LOAD and ENCODE. */
static gboolean
encode (MoaJob *job, const MoaSubject *each, int n, float *features, GError **error)
{
  MoaModel *model = job->model;
  MoaCoder vision = { NULL };
  g_mutex_lock (&model->lock);
  gboolean ok = moa_coder_vision (&vision, model, job->cpu, error);
  g_mutex_unlock (&model->lock);
  if (!ok)
    return FALSE;
  moa_job_count (job, vision.graph, model->vision_params);
  moa_meter_init (&job->meter, MOA_COST_LOAD + moa_subjects_photos (each, n) * MOA_COST_PHOTO, &job->run);
  ok = moa_job_reserve (job, error) && moa_job_load (job, error);
  if (ok)
    moa_meter_begin (&job->meter, MOA_PHASE_ENCODE, moa_subjects_photos (each, n));
  ok = ok && moa_encode_subjects (job, &vision, each, n, features, error);
  if (ok)
    moa_meter_end (&job->meter, 0);
  moa_coder_clear (&vision);
  return ok;
}

/* A feature of each, whose first photo makes the thumbnail. */
static MoaSavedSubject *
make (MoaModel *model, const char *name, const MoaSubject *each, int n, const MoaRun *run, GError **error)
{
  if (!moa_subjects_check (each, n, error) || !moa_model_need_expert (model, error) ||
      !moa_subjects_fit (model, each, n, error))
    return NULL;
  int dim = model->moa.feature_dim;
  MoaSavedSubject *saved = g_new0 (MoaSavedSubject, 1);
  MoaJob *job = moa_job_new (model, run, error);
  saved->name = g_utf8_make_valid (name ? name : "", -1);
  saved->n_photos = n;
  saved->dim = dim;
  saved->encoder = job ? moa_fingerprint_encoder (model, error) : NULL;
  saved->features = saved->encoder ? moa_job_floats ((gsize) n * dim, error) : NULL;
  saved->thumbnail = saved->features ? make_thumbnail (each->photos[0], error) : NULL;
  gboolean ok = saved->thumbnail && encode (job, each, n, saved->features, error);
  moa_job_free (job);
  if (!ok)
    g_clear_pointer (&saved, moa_saved_subject_free);
  return saved;
}

MoaSavedSubject *
moa_saved_subject_new (MoaModel *model, const char *name, const MoaImage *const *photos,
                       int n_photos, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && photos, NULL);
  if (!moa_number_check ("the number of photos", n_photos, 1, MOA_SAVED_SUBJECT_PHOTOS, error))
    return NULL;
  MoaSubject each[MOA_SAVED_SUBJECT_PHOTOS];
  for (int i = 0; i < n_photos; i++)
    each[i] = (MoaSubject){ photos + i, 1 };
  return make (model, name, each, n_photos, run, error);
}

static MoaSavedSubject *
copy (const MoaSavedSubject *saved, GError **error)
{
  MoaSavedSubject *other = g_new0 (MoaSavedSubject, 1);
  gsize n = (gsize) saved->n_photos * saved->dim;
  *other = (MoaSavedSubject){ g_strdup (saved->name), g_strdup (saved->encoder), saved->n_photos,
                              saved->dim, moa_job_floats (n, error) };
  other->thumbnail = other->features ? moa_image_copy (saved->thumbnail) : NULL;
  if (other->thumbnail)
    memcpy (other->features, saved->features, n * sizeof (float));
  else
    {
      if (other->features)
        moa_fail (error, MOA_ERROR_MEMORY, "There is no memory for a copy of a saved subject");
      g_clear_pointer (&other, moa_saved_subject_free);
    }
  return other;
}

MoaSavedSubject *
moa_saved_subject_of (MoaModel *model, const MoaSubject *subject, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && subject, NULL);
  if (!subject->keep && subject->saved && subject->n_photos == 0)
    return copy (subject->saved, error);
  if (!subject->keep && !subject->saved)
    return moa_saved_subject_new (model, "", subject->photos, subject->n_photos, run, error);
  if (!subject->keep && moa_model_face_dim (model) > 0)
    return make (model, subject->saved->name, subject, 1, run, error);
  moa_fail (error, MOA_ERROR_ARGUMENT,
            "What is blended are photos or a saved subject, not both, and nobody who is kept");
  return NULL;
}

void
moa_saved_subject_free (MoaSavedSubject *saved)
{
  if (!saved)
    return;
  g_free (saved->name);
  g_free (saved->encoder);
  g_free (saved->features);
  moa_image_free (saved->thumbnail);
  g_free (saved);
}

gboolean
moa_saved_subject_fits (const MoaSavedSubject *saved, MoaModel *model)
{
  g_autofree char *encoder = moa_fingerprint_encoder (model, NULL);
  int face_dim = moa_model_face_dim (model);
  return (saved->dim == model->moa.feature_dim && !g_strcmp0 (encoder, saved->encoder))
         || (face_dim > 0 && saved->dim == face_dim && !g_strcmp0 (saved->encoder, MOA_FACE_EMBEDDING));
}

/* ---- Files ---- */

gboolean
moa_saved_subject_save (const MoaSavedSubject *saved, const char *path, GError **error)
{
  const MoaImage *thumbnail = saved->thumbnail;
  gsize n = (gsize) thumbnail->width * thumbnail->height * 3;
  g_autofree guint8 *bytes = g_new (guint8, n);
  for (gsize i = 0; i < n; i++)
    bytes[i] = CLAMP (thumbnail->data[i], 0, 1) * 255 + 0.5f;
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_metadata (writer, "format", FORMAT);
  moa_safetensors_writer_metadata (writer, "version", VERSION);
  moa_safetensors_writer_metadata (writer, "name", saved->name);
  moa_safetensors_writer_metadata (writer, "encoder", saved->encoder);
  moa_safetensors_writer_add (writer, "features", MOA_DTYPE_F32, 2,
                              (gint64[]){ saved->n_photos, saved->dim }, saved->features);
  moa_safetensors_writer_add (writer, "thumbnail", MOA_DTYPE_U8, 3,
                              (gint64[]){ thumbnail->height, thumbnail->width, 3 }, bytes);
  gboolean ok = moa_safetensors_writer_save (writer, path, error);
  moa_safetensors_writer_free (writer);
  return ok;
}

static gboolean
damaged (const char *path, const char *what, GError **error)
{
  return moa_fail (error, MOA_ERROR_FILE, "%s: %s; make the subject anew from the person's photos",
                   path, what);
}

/* [dim] or [photos, dim] */
static gboolean
take_features (MoaSavedSubject *saved, MoaSafetensors *file, const MoaFileTensor *t,
               const char *path, GError **error)
{
  saved->n_photos = t->rank == 2 ? t->dim[0] : 1;
  saved->dim = t->dim[t->rank - 1];
  saved->features = moa_job_floats (t->n, error);
  if (!saved->features || !moa_safetensors_read_float (file, t, 0, t->n, saved->features, error))
    return FALSE;
  for (guint64 i = 0; i < t->n; i++)
    if (!isfinite (saved->features[i]))
      return damaged (path, "its features are damaged", error);
  return TRUE;
}

static gboolean
read_features (MoaSavedSubject *saved, MoaSafetensors *file, const char *path, GError **error)
{
  const MoaFileTensor *t = moa_safetensors_find (file, "features");
  if (!t || t->dtype != MOA_DTYPE_F32 || t->rank != 2 || t->dim[0] < 1 ||
      t->dim[0] > MOA_SAVED_SUBJECT_PHOTOS || t->dim[1] < 1 || t->dim[1] > LARGEST_DIM)
    return damaged (path, "its features are missing or of an impossible shape", error);
  return take_features (saved, file, t, path, error);
}

/* A face embedding alone: one tensor of floats. */
static const MoaFileTensor *
find_face (const MoaSafetensors *file)
{
  const MoaFileTensor *t = moa_safetensors_count (file) == 1 ? moa_safetensors_tensor (file, 0)
                                                             : NULL;
  if (!t || t->dtype > MOA_DTYPE_BF16 || t->rank < 1 || t->rank > 2
      || !g_strcmp0 (moa_safetensors_metadata (file, "format"), FORMAT))
    return NULL;
  gint64 photos = t->rank == 2 ? t->dim[0] : 1, dim = t->dim[t->rank - 1];
  return photos >= 1 && photos <= MOA_SAVED_SUBJECT_PHOTOS && dim >= 1 && dim <= LARGEST_FACE ? t
                                                                                              : NULL;
}

static gboolean
read_face (MoaSavedSubject *saved, MoaSafetensors *file, const MoaFileTensor *t, const char *path,
           GError **error)
{
  enum { BLANK = 32 };
  g_autofree char *base = g_path_get_basename (path);
  char *ending = strrchr (base, '.');
  if (ending)
    *ending = 0;
  saved->name = g_utf8_make_valid (base, -1);
  saved->encoder = g_strdup (MOA_FACE_EMBEDDING);
  saved->thumbnail = moa_image_try (BLANK, BLANK, 3, error);
  for (int i = 0; saved->thumbnail && i < BLANK * BLANK * 3; i++)
    saved->thumbnail->data[i] = 1;
  return saved->thumbnail && take_features (saved, file, t, path, error);
}

static gboolean
read_thumbnail (MoaSavedSubject *saved, MoaSafetensors *file, const char *path, GError **error)
{
  const MoaFileTensor *t = moa_safetensors_find (file, "thumbnail");
  if (!t || t->dtype != MOA_DTYPE_U8 || t->rank != 3 || t->dim[2] != 3 || t->dim[0] < 1 ||
      t->dim[1] < 1 || MAX (t->dim[0], t->dim[1]) > MOA_SAVED_SUBJECT_SIDE)
    return damaged (path, "its thumbnail is missing or of an impossible shape", error);
  saved->thumbnail = moa_image_try (t->dim[1], t->dim[0], 3, error);
  if (!saved->thumbnail ||
      !moa_safetensors_read_float (file, t, 0, t->n, saved->thumbnail->data, error))
    return FALSE;
  for (guint64 i = 0; i < t->n; i++)
    saved->thumbnail->data[i] /= 255;
  return TRUE;
}

static gboolean
read_texts (MoaSavedSubject *saved, MoaSafetensors *file, const char *path, GError **error)
{
  const char *format = moa_safetensors_metadata (file, "format");
  const char *version = moa_safetensors_metadata (file, "version");
  const char *name = moa_safetensors_metadata (file, "name");
  const char *encoder = moa_safetensors_metadata (file, "encoder");
  if (g_strcmp0 (format, FORMAT))
    return moa_fail (error, MOA_ERROR_FILE, "%s: is not a saved subject", path);
  if (g_strcmp0 (version, VERSION))
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: was saved by a newer version (its format is %s, this reads %s); "
                     "update MoA for GIMP",
                     path, version ? version : "unknown", VERSION);
  if (!encoder || !name || strlen (name) > LONGEST_NAME || !g_utf8_validate (name, -1, NULL))
    return damaged (path, "its name or encoder is missing or damaged", error);
  saved->name = g_strdup (name);
  saved->encoder = g_strdup (encoder);
  return TRUE;
}

MoaSavedSubject *
moa_saved_subject_load (const char *path, GError **error)
{
  g_return_val_if_fail (path, NULL);
  MoaSafetensors *file = moa_safetensors_open (path, error);
  if (!file)
    return NULL;
  MoaSavedSubject *saved = g_new0 (MoaSavedSubject, 1);
  const MoaFileTensor *face = find_face (file);
  gboolean ok = face ? read_face (saved, file, face, path, error)
                     : read_texts (saved, file, path, error) &&
                       read_features (saved, file, path, error) &&
                       read_thumbnail (saved, file, path, error);
  if (!ok)
    g_clear_pointer (&saved, moa_saved_subject_free);
  moa_safetensors_close (file);
  return saved;
}
