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

/* Conditions that a net may see at once, for one latent: guidance's two. */
#define MOA_MAX_ROWS 2

/* A ControlNet.  All zero: none. */
typedef struct {
  MoaGraph *graph;
  MoaTensor *sample, *t, *text, *scale, *hint;
  MoaTensor **residual; /* times the scale; zeros to begin with */
  int n;                /* residuals */
  int rows;
  const MoaCondition *held[MOA_MAX_ROWS]; /* whose texts were set */
  gboolean rests;                         /* the residuals are zeros */
} MoaController;

gboolean moa_controller_init (MoaController *controller, MoaModel *model, MoaCpu *cpu, int width,
                              int height, int text_rows, int rows, GError **error);
void moa_controller_clear (MoaController *controller);
/* The picture that is followed: RGB, 8 times the latent's size; once, after moa_graph_prepare(). */
void moa_controller_set_hint (MoaController *controller, const MoaImage *hint);
/* The residuals of z at timestep t, for each row's condition. */
gboolean moa_controller_run (MoaController *controller, const MoaCondition *const *conditions,
                             const float *z, int t, double scale, GCancellable *cancellable,
                             GError **error);
/* Residuals of zero. */
void moa_controller_rest (MoaController *controller);

/* The U-Net, without or with MoA. */
typedef struct {
  MoaGraph *graph;
  MoaTensor *sample, *t, *text, *feats, *index, *present, *eps;
  MoaTensor **router;            /* [n_layers][2], of self- and cross-attention, NULL where an
                                    attention has none; or NULL */
  const MoaController *control;  /* or NULL */
  int rows;
  int n_layers, n_slots;         /* n_slots: subjects that a condition may have */
  int width, height;             /* of the latent */
  const MoaCondition *held[MOA_MAX_ROWS]; /* what the held inputs were set to */
} MoaDenoiser;

typedef struct {
  int width, height;  /* of the latent */
  int rows;           /* conditions at once, 1 to MOA_MAX_ROWS */
  int text_rows;      /* whole windows */
  gboolean mixture;   /* with MoA; n_slots, limit and maps are for it alone */
  int n_slots;        /* at least 1 */
  const float *limit; /* [h, w] in [0,1], scales the personalised weight; NULL: 1 everywhere; with masks
                         for routers [n_slots, h, w], the weight of each subject */
  double scale;       /* of an IP-Adapter's attentions */
  gboolean maps;      /* the routers are read after runs */
  const MoaController *control; /* its residuals are added, those of the last run; or NULL.  Of as many
                                   rows, and cleared after the denoiser */
} MoaDenoiserSpec;

gboolean moa_denoiser_init (MoaDenoiser *denoiser, MoaModel *model, MoaCpu *cpu,
                            const MoaDenoiserSpec *spec, GError **error);
void moa_denoiser_clear (MoaDenoiser *denoiser);
/* Allocates for it and, if that is not done, for its ControlNet, whose residuals are zeros then. */
gboolean moa_denoiser_prepare (MoaDenoiser *denoiser, MoaWorkspace *workspace, GError **error);

/* The network's output for z at timestep t, eps or v, by each row's condition: out [rows][latent]. */
gboolean moa_denoiser_run (MoaDenoiser *denoiser, const MoaCondition *const *conditions,
                           const float *z, int t, float *out, GCancellable *cancellable,
                           GError **error);

#endif
