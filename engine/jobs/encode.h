/* What a job is given, as numbers that the U-Net takes, and back to a picture. */
#ifndef MOA_JOB_ENCODE_H
#define MOA_JOB_ENCODE_H

#include "jobs/job.h"
#include "text/prompt.h"

/* Whether value is a number from low to high; name is for the message. */
gboolean moa_number_check (const char *name, double value, double low, double high, GError **error);

/* Subjects that can be used: each with photos of sensible shape. */
gboolean moa_subjects_check (const MoaSubject *subjects, int n, GError **error);
/* Whether each has a mask where each needs one. */
gboolean moa_subjects_masks_check (const MoaModel *model, const MoaSubject *subjects, int n,
                                   GError **error);
/* Whether the model can see them: by photos, and saved ones of its image encoder. */
gboolean moa_subjects_fit (MoaModel *model, const MoaSubject *subjects, int n, GError **error);
int moa_subjects_photos (const MoaSubject *subjects, int n);

/* Each prepares its network's graph and fills a buffer of the caller's. */

/* Windows that each of n prompts gets: as many as the longest has; and the most vectors of textual
 * inversions that one of them holds. */
int moa_prompts_windows (const MoaJob *job, const MoaPrompt *const *prompts, int n, int *n_vectors);
/* The states of n prompts, [n, windows * window, text_dim]; the coder was made for n * windows
 * texts.  Weights multiply a window's states, whose mean is then restored. */
gboolean moa_encode_texts (MoaJob *job, MoaCoder *coder, const MoaPrompt *const *prompts, int n,
                           float *states, GError **error);
/* The subjects' features, [n, feature_dim]: the mean over each one's photos;
 * 0 for one that is kept. */
gboolean moa_encode_subjects (MoaJob *job, MoaCoder *coder, const MoaSubject *subjects, int n,
                              float *feats, GError **error);
/* Behind the features of n subjects, as many that stand for no photo at all, as an IP-Adapter was
 * trained to take them; after moa_encode_subjects(), which prepared the coder. */
gboolean moa_encode_nobodies (MoaJob *job, MoaCoder *coder, int n, float *feats, GError **error);
/* A work picture's latent, [h, w, C]: scaling_factor * (mean - shift_factor). */
gboolean moa_encode_picture (MoaJob *job, MoaCoder *coder, const MoaImage *picture, float *z,
                             GError **error);

/* The picture of a latent, values in [0,1]; the coder's graph must be prepared.  (transfer full) */
MoaImage *moa_decode_latent (MoaJob *job, MoaCoder *coder, const float *z, GError **error);

#endif
