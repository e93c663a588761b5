/* The networks of a model as things to run: a graph each, with its inputs and
 * output.  Building one declares its parameters, so the model's lock must be
 * held; each is planned when it is returned. */
#ifndef MOA_JOB_NETS_H
#define MOA_JOB_NETS_H

#include "jobs/model.h"

/* A network of one input and one output.  All zero: none. */
typedef struct {
  const char *name; /* for messages */
  MoaGraph *graph;
  MoaTensor *in, *out;
} MoaCoder;

/* ids [n, window] -> states [n, window, text_dim] */
gboolean moa_coder_text (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int n, GError **error);
/* pixels [1, size, size, 3] -> feature [1, feature_dim] */
gboolean moa_coder_vision (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, GError **error);
/* picture [1, H, W, 3] in [-1,1] -> moments [1, h, w, 2 C]; width and height are the picture's */
gboolean moa_coder_encode (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int width, int height,
                           GError **error);
/* unscaled latent [1, h, w, C] -> picture [1, H, W, 3]; width and height are the picture's */
gboolean moa_coder_decode (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int width, int height,
                           GError **error);
void moa_coder_clear (MoaCoder *coder);

/* What eps depends on beside z and t.  Shared, not copied: it must not change
 * while a denoiser uses it. */
typedef struct {
  const float *text; /* [window, text_dim] */
  int n_subjects;
  const float *feats;  /* [n_subjects, feature_dim] */
  const gint32 *index; /* [n_subjects]: rows of their tokens in the text */
} MoaCondition;

/* The U-Net, without or with MoA. */
typedef struct {
  MoaGraph *graph;
  MoaTensor *sample, *t, *text, *feats, *index, *present, *eps;
  MoaTensor **router;            /* [n_layers][2], of self- and cross-attention; or NULL */
  int n_layers, n_slots;         /* n_slots: subjects that a condition may have */
  int width, height;             /* of the latent */
  const MoaCondition *condition; /* what the held inputs were set to */
} MoaDenoiser;

typedef struct {
  int width, height;  /* of the latent */
  gboolean mixture;   /* with MoA; the rest is for it alone */
  int n_slots;        /* at least 1 */
  const float *limit; /* [h, w] in [0,1], scales the personalised weight; NULL: 1 everywhere */
  gboolean maps;      /* the routers are read after runs */
} MoaDenoiserSpec;

gboolean moa_denoiser_init (MoaDenoiser *denoiser, MoaModel *model, MoaCpu *cpu,
                            const MoaDenoiserSpec *spec, GError **error);
void moa_denoiser_clear (MoaDenoiser *denoiser);

/* The network's output for z at timestep t: eps, or v. */
gboolean moa_denoiser_run (MoaDenoiser *denoiser, const MoaCondition *condition, const float *z,
                           int t, float *out, GCancellable *cancellable, GError **error);

#endif
