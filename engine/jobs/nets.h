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
  /* Of a text coder with n_vectors > 0: [n, n_vectors, width], [n, n_vectors] and the same. */
  MoaTensor *vectors, *index, *present;
} MoaCoder;

/* ids [n, window] -> states [n, window, text_dim]; n_vectors rows of each may be a textual
 * inversion's. */
gboolean moa_coder_text (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int n, int n_vectors,
                         GError **error);
/* pixels [1, size, size, 3] -> feature [1, feature_dim]: image_embeds, or all states before the last
 * layer if the expert takes those */
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
  const float *text; /* [text_rows, text_dim] */
  int n_subjects;
  const float *feats;  /* [n_subjects, feature_dim] */
  const gint32 *index; /* [n_subjects]: rows of their tokens in the text */
} MoaCondition;

/* A ControlNet.  All zero: none. */
typedef struct {
  MoaGraph *graph;
  MoaTensor *sample, *t, *text, *hint, **residual;
  int n;              /* residuals */
  float **values;     /* of the last run, times the scale; zeros to begin with */
  const float *held;  /* the text that was set */
} MoaController;

gboolean moa_controller_init (MoaController *controller, MoaModel *model, MoaCpu *cpu, int width,
                              int height, int text_rows, GError **error);
void moa_controller_clear (MoaController *controller);
/* The picture that is followed: RGB, 8 times the latent's size; once, after moa_graph_prepare(). */
void moa_controller_set_hint (MoaController *controller, const MoaImage *hint);
gboolean moa_controller_run (MoaController *controller, const float *text, const float *z, int t,
                             double scale, GCancellable *cancellable, GError **error);

/* The U-Net, without or with MoA. */
typedef struct {
  MoaGraph *graph;
  MoaTensor *sample, *t, *text, *feats, *index, *present, *eps;
  MoaTensor **control;           /* a ControlNet's residuals; or NULL */
  MoaTensor **router;            /* [n_layers][2], of self- and cross-attention, NULL where an
                                    attention has none; or NULL */
  int n_control;
  int n_layers, n_slots;         /* n_slots: subjects that a condition may have */
  int width, height;             /* of the latent */
  const MoaCondition *condition; /* what the held inputs were set to */
} MoaDenoiser;

typedef struct {
  int width, height;  /* of the latent */
  int text_rows;      /* whole windows */
  gboolean mixture;   /* with MoA; n_slots, limit and maps are for it alone */
  int n_slots;        /* at least 1 */
  const float *limit; /* [h, w] in [0,1], scales the personalised weight; NULL: 1 everywhere; with masks
                         for routers [n_slots, h, w], the weight of each subject */
  double scale;       /* of an IP-Adapter's attentions */
  gboolean maps;      /* the routers are read after runs */
  gboolean control;   /* takes a ControlNet's residuals */
} MoaDenoiserSpec;

gboolean moa_denoiser_init (MoaDenoiser *denoiser, MoaModel *model, MoaCpu *cpu,
                            const MoaDenoiserSpec *spec, GError **error);
void moa_denoiser_clear (MoaDenoiser *denoiser);

/* The network's output for z at timestep t: eps, or v.  control: the residuals' values, if the
 * denoiser takes them; NULL: zeros. */
gboolean moa_denoiser_run (MoaDenoiser *denoiser, const MoaCondition *condition,
                           float *const *control, const float *z, int t, float *out, GCancellable *cancellable, GError **error);

#endif
