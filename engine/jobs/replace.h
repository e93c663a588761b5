/* A replacement while it runs: what the files replace*.c share. */
#ifndef MOA_JOB_REPLACE_H
#define MOA_JOB_REPLACE_H

#include "jobs/denoise.h"
#include "jobs/encode.h"
#include "jobs/maps.h"
#include "jobs/preview.h"
#include "jobs/picture.h"

enum { N_TEXTS = 3 }; /* the picture's, the prompt, the base's */

typedef struct {
  MoaJob *job;
  const MoaReplaceParams *params;
  MoaSubject subjects[MOA_MAX_SUBJECTS]; /* those who come in */
  int n_subjects;
  MoaReplaceResult *result; /* the settings used are read from here */
  MoaPicture picture;         /* its z is the trajectory's first */

  const MoaImage *selected; /* where persons may change, the source's size: the parameters' selection or
                               allowed; NULL: everywhere */
  MoaImage *allowed;        /* what was found out of it, or NULL */
  MoaImage *selection;      /* the same, the work picture's size, or NULL */
  float *coverage;               /* [h * w]: the selection at latent size, or NULL */
  float *region;                 /* [h * w]: scales the personalised weight, or NULL; of masks
                                    [n_subjects * h * w] */
  gboolean *edit;                /* [h * w]: latent pixels that may change; NULL: all */

  MoaPrompt *source_prompt, *prompt, *empty_prompt; /* empty_prompt or NULL */
  int windows, n_vectors; /* of the texts */
  MoaImage *hint;         /* the ControlNet's picture, the work picture's size; or NULL */
  float *texts, *feats; /* an IP-Adapter's feats are followed by as many of nobody */
  gint32 index[MOA_MAX_SUBJECTS];
  MoaCondition source; /* what the picture is inverted with */

  MoaCoder text, vision, decoder;
  MoaGuide guide;

  gsize n;           /* floats of a latent */
  double part;       /* of the steps, the last ones: the others are left out */
  int first;         /* the first of them */
  double later;      /* what follows this replacement costs, see progress.h */
  int *timesteps;    /* [steps], falling */
  gboolean retrace;  /* above max_timestep the inversion's latents are taken */
  char *inversion;   /* its file in the cache, or NULL */
  float *trajectory; /* [steps + 1][n], z_0 first */
  float *z;          /* [variations][n]: the results' latents */
  float *way_back;   /* the reconstruction's latent, or NULL */

  /* With MoaRun.live. */
  MoaPreview colours;
  MoaRouterMaps live_maps;
  MoaImage *live_preview;
} MoaReplacement;

/* replace-params.c: checks the parameters and fills in defaults. */
gboolean moa_replacement_resolve (MoaReplacement *r, GError **error);

/* replace-plan.c: that, the picture, the prompts and the steps: all that tells what it will cost. */
gboolean moa_replacement_prepare (MoaReplacement *r, GError **error);
/* What is selected, at latent size: the experts' graph leaves out the pixels that are not covered. */
gboolean moa_replacement_select (MoaReplacement *r, GError **error);
/* After it is known what is selected: the networks, and what they and the job take. */
gboolean moa_replacement_plan (MoaReplacement *r, GError **error);
/* What all steps that will be reported cost. */
double moa_replacement_cost (const MoaReplacement *r);
/* What working on all heads again may cost at most, in passes of the first run's size. */
double moa_replacement_faces_cost (const MoaReplacement *r, int *prior, int *mixture);
int moa_replacement_decodes (const MoaReplacement *r);

/* replace-steps.c: picture -> noise, keeping the trajectory; and back, as the
 * prior alone does it, if wanted. */
gboolean moa_replacement_invert (MoaReplacement *r, GError **error);
/* noise -> the results' latents, and the router maps. */
gboolean moa_replacement_regenerate (MoaReplacement *r, GError **error);
/* The U-Net's passes of both. */
void moa_replacement_passes (const MoaReplacement *r, int *prior, int *mixture);
/* The first of the last part of so many steps; a part above 0 is one step at least. */
int moa_part_first (double part, int steps);
/* Those of working on one head again, at the same size. */
void moa_replacement_face_passes (const MoaReplacement *r, int *prior, int *mixture);

/* replace-finish.c: latents and maps -> pictures and masks, into the result. */
gboolean moa_replacement_finish (MoaReplacement *r, GError **error);

void moa_replacement_clear (MoaReplacement *r);

/* The last part (0 to 1) of a replacement's steps: inverted so far only, and back; below 1 without freedom.
 * later: what the caller will do then, see progress.h; *meter (or NULL): how far that goes on. */
MoaReplaceResult *moa_replacement_run (MoaModel *model, const MoaReplaceParams *params, double part,
                                       MoaMeter *meter, const MoaRun *run, GError **error);

#endif
