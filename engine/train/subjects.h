/* The subjects of a batch: photos as the image encoder takes them, and which
 * tokens of the words they go with; inputs of a MoaMixture. */
#ifndef MOA_SUBJECTS_H
#define MOA_SUBJECTS_H

#include "nets/mixture.h"
#include "train/trainer.h"

enum { MOA_SLOTS = 2 }; /* S, subjects of an item at most */

typedef struct {
  int batch, photo_size;
  MoaTensor *photos, *index, *present; /* inputs: B S,size,size,3; B,S; B,S */
  MoaTensor *feats;                    /* B,S,feature_dim */
} MoaSubjects;

/* What the inputs are set to. */
typedef struct {
  float *photos;
  gint32 *index, *present;
} MoaSubjectBatch;

/* Adds the inputs and the image encoder to the graph. */
void moa_subjects_build (MoaSubjects *subjects, MoaTrainer *t, MoaGraph *g, int batch);
/* Its subjects, of the model's MoA part. */
MoaMixture moa_subjects_mixture (const MoaSubjects *subjects, const MoaTrainer *t);

void moa_subject_batch_init (MoaSubjectBatch *b, const MoaSubjects *subjects);
void moa_subject_batch_clear (MoaSubjectBatch *b);
/* Item k's subject s: its photo [size,size,3] in [0,1] and the row of its token; NULL: not present. */
void moa_subject_batch_put (MoaSubjectBatch *b, const MoaSubjects *subjects, const MoaTrainer *t,
                            int k, int s, const float *photo, int row);
void moa_subjects_set (const MoaSubjects *subjects, const MoaSubjectBatch *b);

/* Of 0, 1: which photo of a person serves an item; the last is cut from the picture itself, which
 * tells more than a photo should. */
int moa_subject_photo (const MoaTrainer *t, guint64 number, int s);

/* The words of an inversion for 1 to MOA_SLOTS people. */
gboolean moa_subjects_prompts (const MoaTrainer *t, MoaPrompt *prompts[MOA_SLOTS], GError **error);

#endif
