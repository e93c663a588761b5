/* Where the parts of a model are: of a folder in diffusers layout, of one file with a folder of
 * configurations, and of files given for single parts. */
#ifndef MOA_SOURCES_H
#define MOA_SOURCES_H

#include "io/weights.h"
#include "moa.h"

typedef enum {
  MOA_PART_UNET,
  MOA_PART_VAE,
  MOA_PART_TEXT,
  MOA_PART_VISION,
  MOA_PART_MOA,
  MOA_N_PARTS
} MoaPart;

typedef struct {
  const char *name;  /* the part's folder: "text_encoder" */
  const char *base;  /* its weights there, without the ending: "model" */
  const char *label; /* for messages: "text encoder" */
  MoaNames names;
  const char *get;   /* what to get where an optional part is missing; NULL: the part is needed */
} MoaPartKind;

extern const MoaPartKind moa_parts[MOA_N_PARTS];

/* What can stand for the MoA part: all of it personalised experts. */
typedef enum { MOA_EXPERT_MOA, MOA_EXPERT_IP_ADAPTER, MOA_EXPERT_FASTCOMPOSER, MOA_N_EXPERTS } MoaExpert;

typedef struct {
  const char *part;  /* its folder in a model folder, and the file there without its ending */
  const char *label; /* for messages */
} MoaExpertKind;

extern const MoaExpertKind moa_experts[MOA_N_EXPERTS];

/* Paths; all NULL: the model has no such part. */
typedef struct {
  char *config, *weights;
  MoaNames names;        /* PLAIN in a file of its own */
} MoaPartSource;

typedef struct {
  char *base;            /* the folder of configurations */
  MoaPartSource part[MOA_N_PARTS];
  MoaExpert expert;      /* what stands for the MoA part */
  MoaPartSource control; /* a ControlNet, if one was given */
  char *preprocessor;    /* of the image encoder; NULL: CLIP's own */
  char *scheduler, *tokenizer; /* the latter a folder */
} MoaSources;

/* Finds what `files` names.  What is needed and missing, and files that are something else, are
 * errors that say what to give. */
gboolean moa_sources_find (MoaSources *sources, const MoaModelFiles *files, GError **error);
void moa_sources_clear (MoaSources *sources);

/* The folder of Stable Diffusion 1.5's configurations that comes with the engine.  (transfer full) */
char *moa_sources_sd15 (void);

/* "FOLDER/BASE.safetensors", or the 16-bit variant beside it, or a pickle where there is only that;
 * NULL: none.  (transfer full) */
char *moa_weights_in (const char *folder, const char *base);

#endif
