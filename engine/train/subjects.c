/* See subjects.h. */
#include "train/subjects.h"

#include "nets/clip.h"

#include <string.h>

static gsize
photo_numbers (const MoaSubjects *subjects)
{
  return (gsize) 3 * subjects->photo_size * subjects->photo_size;
}

void
moa_subjects_build (MoaSubjects *subjects, MoaTrainer *t, MoaGraph *g, int batch)
{
  const MoaParts *parts = &t->parts;
  int size = parts->vision.image_size;
  *subjects = (MoaSubjects){ .batch = batch, .photo_size = size };
  subjects->photos = moa_trainer_input (g, "photos", MOA_SHAPE (batch * MOA_SLOTS, size, size, 3));
  subjects->index = moa_trainer_input (g, "index", MOA_SHAPE (batch, MOA_SLOTS));
  subjects->present = moa_trainer_input (g, "present", MOA_SHAPE (batch, MOA_SLOTS));
  MoaTensor *feats = moa_clip_vision (g, &parts->vision, parts->params[MOA_PART_VISION],
                                      subjects->photos);
  subjects->feats = moa_graph_reshape (g, feats, MOA_SHAPE (batch, MOA_SLOTS, parts->moa.feature_dim));
}

MoaMixture
moa_subjects_mixture (const MoaSubjects *subjects, const MoaTrainer *t)
{
  return (MoaMixture){ .config = &t->parts.moa, .params = t->parts.params[MOA_PART_MOA],
                       .feats = subjects->feats, .index = subjects->index,
                       .present = subjects->present };
}

void
moa_subject_batch_init (MoaSubjectBatch *b, const MoaSubjects *subjects)
{
  gsize slots = (gsize) subjects->batch * MOA_SLOTS;
  b->photos = g_new0 (float, slots * photo_numbers (subjects));
  b->index = g_new0 (gint32, slots);
  b->present = g_new0 (gint32, slots);
}

void
moa_subject_batch_clear (MoaSubjectBatch *b)
{
  g_free (b->photos);
  g_free (b->index);
  g_free (b->present);
}

void
moa_subject_batch_put (MoaSubjectBatch *b, const MoaSubjects *subjects, const MoaTrainer *t, int k,
                       int s, const float *photo, int row)
{
  const MoaVisionConfig *vision = &t->parts.vision;
  gsize n = photo_numbers (subjects), slot = (gsize) k * MOA_SLOTS + s;
  float *out = b->photos + slot * n;
  b->present[slot] = photo != NULL;
  b->index[slot] = photo ? row : 0;
  if (!photo)
    memset (out, 0, n * sizeof (float));
  for (gsize i = 0; photo && i < n; i++)
    out[i] = (photo[i] - vision->mean[i % 3]) / vision->std[i % 3];
}

void
moa_subjects_set (const MoaSubjects *subjects, const MoaSubjectBatch *b)
{
  moa_graph_set (subjects->photos, b->photos);
  moa_graph_set_ints (subjects->index, b->index);
  moa_graph_set_ints (subjects->present, b->present);
}

int
moa_subject_photo (const MoaTrainer *t, guint64 number, int s)
{
  return moa_trainer_unit (t, number, MOA_USE_PHOTO, s) < 0.75 ? 0 : 1;
}

gboolean
moa_subjects_prompts (const MoaTrainer *t, MoaPrompt *prompts[MOA_SLOTS], GError **error)
{
  for (int i = 0; i < MOA_SLOTS; i++)
    {
      g_autofree char *text = moa_prompt_default (i + 1);
      prompts[i] = moa_prompt_new (t->parts.tokenizer, text, i + 1, error);
      if (!prompts[i])
        return FALSE;
    }
  return TRUE;
}
