/* MoA for GIMP: the engine's one public header.
 *
 * The engine replaces persons in pictures, and draws new pictures, with the
 * Mixture-of-Attention model (arXiv 2404.11565) on top of a Stable Diffusion
 * 1.x class model.  It knows nothing of GIMP or GTK.
 *
 *   MoaModel *model = moa_model_open ("engine/models/mini", &error);
 *   MoaReplaceParams params;
 *   moa_replace_params_init (&params);
 *   params.source = picture;
 *   params.subjects = &subject;  params.n_subjects = 1;
 *   MoaReplaceResult *result = moa_replace (model, &params, NULL, &error);
 *   ... result->image, result->mask ...
 *   moa_replace_result_free (result);
 *   moa_model_unref (model);
 *
 * Rules that hold everywhere:
 *  - The engine never prints, exits or aborts.  Every fallible function takes
 *    a GError ** and returns NULL or FALSE with the error set.  Codes are those
 *    of MOA_ERROR; a cancelled job reports G_IO_ERROR_CANCELLED.
 *  - Functions may be called from any thread; one MoaModel may serve several
 *    threads, one job at a time each.  Callbacks run in the job's own thread.
 *  - Pictures are sRGB encoded floats in [0,1], rows top down, not
 *    premultiplied.
 *  - The same parameters, model, instruction set and thread count give the
 *    same bytes.
 */
#ifndef MOA_H
#define MOA_H

#include <gio/gio.h>

G_BEGIN_DECLS

/* ---- Errors ---------------------------------------------------------- */

#define MOA_ERROR (moa_error_quark ())

typedef enum {
  MOA_ERROR_ARGUMENT, /* a parameter or prompt that cannot be used */
  MOA_ERROR_FILE,     /* a file that is missing, unreadable, damaged or of another kind */
  MOA_ERROR_MODEL,    /* a model that lacks a part, or whose parts do not fit together */
  MOA_ERROR_DEVICE, /* a GPU that cannot be used, or failed */
  MOA_ERROR_MEMORY,   /* the job needs more memory than there is; the message says how much */
} MoaErrorCode;

GQuark moa_error_quark (void);

/* ---- Pictures -------------------------------------------------------- */

/* height x width x channels floats, channels fastest.  1: a mask or map,
 * 3: RGB, 4: RGB and alpha. */
typedef struct {
  int width, height, channels;
  float *data;
} MoaImage;

/* All zero.  (transfer full); NULL only when the sizes are not positive, the
 * channels are not 1 to 4, or memory is short. */
MoaImage *moa_image_new (int width, int height, int channels);
MoaImage *moa_image_copy (const MoaImage *image);
void moa_image_free (MoaImage *image);

typedef struct {
  int x, y, width, height;
} MoaRect;

/* ---- Models ---------------------------------------------------------- */

typedef struct _MoaModel MoaModel;

typedef struct {
  const char *name;     /* unet, vae, text_encoder, image_encoder, moa, controlnet */
  guint64 n_parameters;
  guint64 file_bytes;
} MoaModelPart;

typedef struct {
  const char *path;
  int side;                 /* side of the pictures it was trained on, in pixels */
  int feature_dim;          /* length of a subject's image feature */
  int n_layers;             /* transformer blocks that MoA routes (16 in SD 1.5) */
  const char *const *layers; /* their names, in running order */
  const MoaModelPart *parts;
  int n_parts;
  guint64 weight_bytes;     /* memory that all weights take when loaded */
  /* What this model wants where a job leaves the choice (moa/config.json). */
  int steps;
  double guidance, guidance_rescale;
  double freedom;
  int fixed_point;
  int max_timestep, guidance_max_timestep;
  const char *const *warnings; /* NULL ended; surplus tensors and the like */
  /* What puts subjects into pictures: "MoA", "IP-Adapter", "IP-Adapter Plus", "IP-Adapter Full Face",
   * "IP-Adapter FaceID", "IP-Adapter FaceID Plus", "FastComposer"; NULL: nothing does, and jobs with
   * subjects are refused. */
  const char *expert;
  /* It has routers, which see where persons are: moa_find_persons() can look.  FALSE: several subjects need
   * a mask each. */
  gboolean finds_persons;
  gboolean controlnet;         /* it has one: MoaControl */
  const char *const *missing;  /* NULL ended; parts that some jobs need, and what to get */
} MoaModelInfo;

/* Opens a model directory in diffusers layout with a moa/ folder.  Reads the
 * configurations and the tensor tables and checks that every tensor which the
 * networks need is there with the right shape; weights are read when a job
 * first needs them.  (transfer full) */
MoaModel *moa_model_open (const char *path, GError **error);
MoaModel *moa_model_ref (MoaModel *model);
void moa_model_unref (MoaModel *model);

/* (transfer none), lives as long as the model. */
const MoaModelInfo *moa_model_get_info (MoaModel *model);

/* ---- Models of several files ----------------------------------------- */

/* A low-rank addition to the weights (kohya, LoCon, diffusers, PEFT). */
typedef struct {
  const char *path;
  double weight;         /* 1: as it was trained; -10 to 10 */
  gboolean on_experts;   /* to MoA's personalised experts too (FALSE) */
} MoaLora;

/* What a model is made of.  All zero but `model` is what moa_model_open() does. */
typedef struct {
  /* A model folder, or one file: a Stable Diffusion 1.x checkpoint under its original names, or a
   * U-Net under diffusers' names. */
  const char *model;
  /* With one file: the folder in diffusers layout whose configurations and tokenizer it takes, and
   * whose parts where it lacks them.  NULL: those of Stable Diffusion 1.5, which come with us. */
  const char *config;
  /* Instead of the model's own; a file, or a folder with config.json.  NULL: the model's own. */
  const char *vae, *text_encoder, *image_encoder;
  /* A folder of MoA weights, or the file of an IP-Adapter or of FastComposer, whose own image encoder is
   * taken before any other.  NULL: the model's own. */
  const char *expert;
  /* A file, or a folder with config.json; NULL: controlnet/ in the model's folder, if it is there. */
  const char *controlnet;
  const MoaLora *loras;
  int n_loras;
  const char *const *embeddings; /* textual inversion files, NULL ended; or NULL */
  gboolean v_prediction;         /* the U-Net was trained to predict v, which its file can't tell */
  /* How matrices are held in memory: "auto": with 16 bits where the file has 16, which changes no
   * result on the CPU; "f32"; "f16" or "bf16": with 16 bits everywhere; "q8": as bytes, for blocks of
   * 32 a scale.  A GPU's are held as its name says.  NULL: $MOA_WEIGHTS, else "auto". */
  const char *weights;
  int clip_skip;                 /* last layers of the text encoder that are left out: 0, 1, ... */
} MoaModelFiles;

/* As moa_model_open(); the strings are not needed afterwards.  (transfer full) */
MoaModel *moa_model_open_files (const MoaModelFiles *files, GError **error);

/* ---- Devices --------------------------------------------------------- */

/* What a user is told about a GPU. */
typedef struct {
  char name[16];         /* "cuda:0" */
  char title[256];       /* "NVIDIA H100 PCIe" */
  int major, minor;      /* compute capability */
  guint64 total_memory, free_memory;
  int driver, runtime;   /* CUDA versions, 12040 for 12.4 */
  gboolean half;         /* computes in float16 where nothing else is asked for */
  char problem[256];     /* "": usable; else why not, and the remedy */
} MoaDeviceInfo;

/* All GPUs, usable or not; *why (NULL, or to be freed) says why there is none.
 * (element-type MoaDeviceInfo) (transfer full) */
GArray *moa_device_list (char **why);

/* ---- Running a job --------------------------------------------------- */

/* The router map of a block: the prior's weight, in [0,1]. */
typedef struct {
  int step;          /* -1: the mean over the late half of the steps */
  int timestep;      /* -1 with step -1 */
  MoaImage **layers; /* n_layers images of one channel, each at its block's own size */
  int n_layers;
  /* How much of a layer's width and height the picture covers, from the left
   * and the top; below 1 where the picture was filled up to whole blocks. */
  double width_share, height_share;
} MoaRouterMaps;

typedef enum {
  MOA_PHASE_LOAD,     /* reading and packing weights */
  MOA_PHASE_ENCODE,   /* text, subjects, picture -> latent */
  MOA_PHASE_INVERT,   /* DDIM inversion, step of n_steps */
  MOA_PHASE_GENERATE, /* denoising, step of n_steps */
  MOA_PHASE_DECODE,   /* latent -> picture, mask */
  MOA_PHASE_FACES,    /* the heads once more, head of n_steps */
  MOA_N_PHASES
} MoaPhase;

typedef struct {
  MoaPhase phase;
  int step, n_steps;    /* of this phase; step counts finished steps */
  double fraction;      /* of the whole job, 0 to 1, never falling */
  double seconds_left;  /* of the whole job; below 0: not known yet */
  int picture;          /* of several seeds: the one being made, from 0 on */
  /* Only with MoaRun.live, after a step of GENERATE, else NULL; they are the
   * job's own and gone when the callback returns. */
  const MoaRouterMaps *maps; /* of the step just finished; NULL where the prior ran alone */
  const MoaImage *preview;   /* RGB, what the work picture will be, coarsely: a pixel for each
                                of the latent's */
} MoaProgress;

typedef void (*MoaProgressFunc) (const MoaProgress *progress, gpointer data);

/* How to run a job; NULL where a function takes one means all defaults. */
typedef struct {
  int n_threads;            /* 0: all processors */
  /* Where to compute: "auto" (a usable GPU, else the CPU), "cpu", "cuda", "cuda:1" for the second
   * GPU, with ":f16" or ":bf16" behind it for 16 bits, ":tf32" for floats whose products take 10
   * bits of the mantissa, ":f32" for whole ones.  NULL: $MOA_DEVICE, else auto. */
  const char *device;
  guint64 memory_limit;     /* bytes; 0: what the machine has free */
  GCancellable *cancellable; /* polled between operations; NULL: none */
  MoaProgressFunc progress; /* called in the job's thread; NULL: none */
  gpointer progress_data;
  gboolean live; /* progress brings router maps and a preview (FALSE) */
  /* Folder for inversions, which a later run of the same picture, model and
   * steps takes from there, whatever its subjects, seed, guidance or selection;
   * made if missing; NULL: none.  Several processes may share it.  What is
   * damaged or not ours is left out of account, never an error. */
  const char *cache;
  guint64 cache_limit; /* bytes that inversions may take there; the longest unused go first;
                               0: 1 GiB */
} MoaRun;

/* A person to keep: the image features of photos, and a small picture.  A file
 * of it is safetensors; it holds no photo beside the thumbnail. */
typedef struct {
  char *name;    /* as the user calls the person; may be "" */
  char *encoder; /* fingerprint of the image encoder that made the features */
  int n_photos, dim;
  float *features;     /* [n_photos][dim] */
  MoaImage *thumbnail; /* RGB, its longer side MOA_SAVED_SUBJECT_SIDE or less */
} MoaSavedSubject;

#define MOA_SAVED_SUBJECT_SIDE 192

/* Encodes the photos (1 to MOA_SAVED_SUBJECT_PHOTOS; as a MoaSubject's) with the model's image
 * encoder; the first one makes the thumbnail.  (transfer full) */
#define MOA_SAVED_SUBJECT_PHOTOS 64
MoaSavedSubject *moa_saved_subject_new (MoaModel *model, const char *name,
                                        const MoaImage *const *photos, int n_photos,
                                        const MoaRun *run, GError **error);
/* The file appears by rename, or not at all. */
gboolean moa_saved_subject_save (const MoaSavedSubject *saved, const char *path, GError **error);
/* Refuses, with MOA_ERROR_FILE, what is damaged or not a saved subject.  A file of one tensor without
 * more, [dim] or [n_photos, dim], is a face embedding, as an IP-Adapter FaceID takes it (that of
 * insightface's antelopev2 or buffalo_l, 512 numbers of length 1); its thumbnail is blank.
 * (transfer full) */
MoaSavedSubject *moa_saved_subject_load (const char *path, GError **error);
void moa_saved_subject_free (MoaSavedSubject *saved);
/* Whether the model can use it: its features are of that model's image encoder. */
gboolean moa_saved_subject_fits (const MoaSavedSubject *saved, MoaModel *model);
/* A person between two: b's share, 0 (a) to 1 (b), of the way on the arc between their features; the
 * features' lengths go over in a straight line.  Both must be of one image encoder.  (transfer full) */
MoaSavedSubject *moa_saved_subject_blend (const MoaSavedSubject *a, const MoaSavedSubject *b,
                                          double share, GError **error);

/* A person, by one or more photos (RGB or RGBA, any size; transparent pixels
 * count as white), by a saved subject, or both.  The feature is the mean over all
 * photos.  An IP-Adapter FaceID takes a face embedding as the saved subject and no photo, FaceID Plus an
 * embedding and photos. */
typedef struct {
  const MoaImage *const *photos;
  int n_photos;
  const MoaSavedSubject *saved; /* or NULL */
  /* Replacing only: the person of the picture that this subject's place stands
   * for stays as it is; photos and saved must be empty.  (FALSE) */
  gboolean keep;
  /* With an IP-Adapter or FastComposer, which have no routers, where the person goes, or stays: 1 channel,
   * the picture's size (generating: any size, scaled).  NULL: the selection, or everywhere; several subjects need one
   * each.  A trained MoA finds the places by itself. */
  const MoaImage *mask;
  /* Replacing only, with MoaReplaceParams.faces: where this subject's head will be, in the source's
   * pixels, at least 8 x 8.  All 0: it is looked for. */
  MoaRect head;
} MoaSubject;

/* What a model's ControlNet follows: a pose, edges, depth, as it was trained to. */
typedef struct {
  const MoaImage *image; /* RGB or RGBA; NULL: none */
  double scale;          /* 1 */
  double start, end;     /* the part of the steps that follow it: 0 to 1 */
} MoaControl;

/* What classifier-free guidance starts from. */
typedef enum {
  MOA_BASE_DEFAULT, /* PRIOR for a real picture, MOA for text to image */
  MOA_BASE_PRIOR,   /* the prior alone on "a person ...": with that prompt, and where the router
                       chooses the prior, the result does not depend on guidance */
  MOA_BASE_MOA      /* the MoA net on "" with no subject, as trained by the 10 % drop */
} MoaGuidanceBase;

/* A subject as one to keep: of its photos, or a copy of its saved subject; it has one of them.
 * (transfer full) */
MoaSavedSubject *moa_saved_subject_of (MoaModel *model, const MoaSubject *subject, const MoaRun *run,
                                       GError **error);

#define MOA_MAX_SUBJECTS 8
#define MOA_MAX_VARIATIONS 64
#define MOA_MAX_PAINT 8
#define MOA_MAX_EXPERT_SCALE 10

/* ---- Replace a person ------------------------------------------------ */

typedef struct {
  /* The picture, RGB or RGBA (alpha is ignored), at least 8 x 8; normally the
   * work area that moa_work_area() chose.  Scaled to the model's size inside. */
  const MoaImage *source;
  /* Where persons may change: 1 channel, the source's size, 1 inside.  NULL: on the persons
   * whom find finds, otherwise everywhere. */
  const MoaImage *selection;
  const MoaSubject *subjects; /* 1 to MOA_MAX_SUBJECTS */
  int n_subjects;
  /* order[k]: the person, counted from the left from 0, that subject k takes;
   * a permutation of 0 .. n_subjects-1.  NULL: 0, 1, 2 ... */
  const int *order;
  /* Needs one subject token per subject, see moa_subject_nouns().  NULL or "":
   * "a person", "a person and a person", ... */
  const char *prompt;
  int steps;            /* 0: the model's default; up to 1000 */
  double guidance;      /* below 0: the model's default */
  MoaGuidanceBase base;
  int fixed_point;      /* refinements of each inversion step; below 0: the model's default */
  int max_timestep;     /* above it the prior runs alone; below 0: the model's default */
  int guidance_max_timestep; /* above it guidance is 1; below 0: the model's default */
  /* 0 to 1: how much of the contrast that guidance adds is taken back (Lin et al. 2023); below 0: the
   * model's default */
  double guidance_rescale;
  double freedom;       /* 0 to 1, fresh noise inside the mask; below 0: the model's default */
  guint64 seed;         /* of the fresh noise */
  int variations;       /* pictures, of seed, seed + 1 ..., on one inversion (1); with freedom 0
                           all would be the same, so that more than one are refused */
  /* Without a selection: look for the persons who go, one for each subject, and take
   * moa_persons_room() of them as the selection (TRUE).  An IP-Adapter finds nobody. */
  gboolean find;
  gboolean limit;       /* the selection limits the router's personalised weight (TRUE) */
  gboolean blend;       /* outside the selection, latents return to the inversion's (TRUE) */
  /* Painted: multiplies the router's personalised weight (which stays at most
   * 1), 1 channel, the source's size, 0 (all the prior's) to MOA_MAX_PAINT.
   * NULL: 1 everywhere. */
  const MoaImage *paint;
  /* Blocks (0 .. n_layers-1) whose router maps make the composite mask; NULL: all. */
  const int *mask_layers;
  int n_mask_layers;
  gboolean color_match; /* match the result's colours to the source around the mask (FALSE) */
  double grow;          /* of the composite mask, in model pixels; below 0: side / 64 */
  double feather;       /* of the composite mask, in model pixels; below 0: side / 42 */
  double faces;         /* small heads are worked on again, each by itself at the model's full size:
                           the last part of the steps, 0 (not at all) to 1 (0) */
  double expert_scale;   /* of an IP-Adapter's attentions, 0 to 10 (1); without meaning for others */
  double mask_threshold; /* personalised weight from which a pixel counts as the person, 0.5;
                            inside a selection, 0.7 of it will do, or that the pixel has changed */
  gboolean want_reconstruction; /* also decode the inversion's way back (FALSE) */
  /* Steps (0 .. steps-1) whose router maps are wanted beside the mean; NULL: none. */
  const int *map_steps;
  int n_map_steps;
  gboolean maps_only;   /* do not decode: image stays NULL (FALSE) */
  gboolean keep_trajectory; /* (FALSE) */
  MoaControl control;       /* the image has the source's size; regeneration alone follows it */
} MoaReplaceParams;

/* Sets every field to its default; source and subjects remain for the caller. */
void moa_replace_params_init (MoaReplaceParams *params);

/* One of a run's pictures. */
typedef struct {
  guint64 seed;
  MoaImage *image;     /* RGB, the source's size, before the mask; NULL with maps_only */
  MoaImage *composite; /* RGB: the source's own floats where mask is 0; NULL with maps_only */
  MoaImage *mask;      /* 1 channel, the source's size */
  MoaRouterMaps *maps; /* maps[0] is the mean, then one for each of map_steps */
  int n_maps;
  MoaRect heads[MOA_MAX_SUBJECTS]; /* that were worked on again, in the source's pixels */
  int n_heads;
} MoaVariation;

typedef struct {
  MoaVariation *variations;
  int n_variations;
  MoaImage *reconstruction;  /* NULL if not asked for */
  gboolean cached_inversion; /* it came from MoaRun.cache */
  /* What was used after defaults, in the order of the parameters. */
  char *prompt;
  int steps;
  double guidance, guidance_rescale, freedom;
  MoaGuidanceBase base;
  int fixed_point, max_timestep, guidance_max_timestep;
  /* The subjects' image features, [n_features][dim], of those who come in, in
   * their order; for a MoaSavedSubject of the same encoder. */
  float *features;
  int n_features, dim;
  char *encoder;            /* fingerprint of the image encoder */
  /* With keep_trajectory: (steps + 1) latents, each h x w x 4, z_0 first. */
  float *trajectory;
  int latent_width, latent_height;
  double seconds[MOA_N_PHASES];
  guint64 peak_bytes;       /* weights and work memory, as planned */
  char **warnings;          /* NULL ended, (transfer none) */
} MoaReplaceResult;

MoaReplaceResult *moa_replace (MoaModel *model, const MoaReplaceParams *params,
                               const MoaRun *run, GError **error);
void moa_replace_result_free (MoaReplaceResult *result);

/* The composite mask of other mask_layers, mask_threshold, grow and feather
 * from the mean map, and the image if there is one, of a run with the same
 * source and selection; runs no network.  1 channel, the source's size.
 * (transfer full) */
MoaImage *moa_replace_mask (MoaModel *model, const MoaReplaceParams *params,
                            const MoaVariation *variation, GError **error);

/* A person that the model sees in a picture. */
typedef struct {
  MoaRect bounds; /* in the picture's pixels */
  double x, y;    /* middle */
  double share;   /* of the picture's area */
  MoaImage *mask; /* 1 channel, the picture's size, 1 on the person */
} MoaPerson;

/* Persons from left to right, found with a few passes of the U-Net; selection
 * (or NULL) tells where to look.  count: how many there are, 0: find out.
 * Fewer than count, or none, is no error.  (transfer full), moa_persons_free() */
MoaPerson *moa_find_persons (MoaModel *model, const MoaImage *picture, const MoaImage *selection,
                             int count, int *n_persons, const MoaRun *run, GError **error);
void moa_persons_free (MoaPerson *persons, int n_persons);

/* Where a replacement of these persons, at least one, may change the picture: on them and a
 * little around, where the new one's hair may need room.  1 channel, the picture's size, 1
 * inside; NULL without memory.  (transfer full) */
MoaImage *moa_persons_room (const MoaPerson *persons, int n_persons);

/* The part of a picture that a replacement works on: around the bounds of the
 * selection with context (half its size on each side, at least the model's
 * side where the picture has that many pixels), square where the picture
 * allows; the whole picture if bounds is NULL. */
void moa_work_area (int width, int height, const MoaRect *bounds, int side, MoaRect *area);

/* What a run would take. */
typedef struct {
  int width, height;                /* the work picture, in pixels */
  guint64 bytes_needed;             /* beyond what is loaded */
  guint64 bytes_free;               /* of the machine, or MoaRun.memory_limit */
  int prior_passes, mixture_passes; /* of the U-Net */
  gboolean cached_inversion;        /* the inversion is ready and its passes are not counted */
  double seconds; /* of the whole run; below 0: not known, because nothing was timed */
} MoaEstimate;

/* Checks the parameters as moa_replace() does, and counts.  More than is free
 * is not an error here.  Seconds come from the model's earlier passes; if there
 * were none and calibrate is TRUE, one pass is run and timed, for which the
 * U-Net's weights are loaded. */
gboolean moa_replace_estimate (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run,
                               gboolean calibrate, MoaEstimate *estimate, GError **error);

/* ---- Generate a picture ---------------------------------------------- */

typedef struct {
  const char *prompt;
  const char *negative;      /* the base's prompt; NULL: "" */
  const MoaSubject *subjects; /* may be NULL */
  int n_subjects;
  int width, height;         /* multiples of 8; 0: the model's side */
  int steps;                 /* 0: 30 */
  double guidance;           /* below 0: 5 */
  double guidance_rescale;   /* 0 to 1, as to replace a person (0) */
  MoaGuidanceBase base;
  gboolean prior_only;       /* ignore the subjects: a preview of the layout */
  int max_timestep;          /* below 0: the model's default */
  const guint64 *seeds;      /* one picture each */
  int n_seeds;
  double expert_scale;       /* as in MoaReplaceParams */
  gboolean want_maps;
  MoaControl control;        /* the image is scaled to the picture's size */
} MoaGenerateParams;

void moa_generate_params_init (MoaGenerateParams *params);

typedef struct {
  MoaImage **images;    /* n_images, RGB */
  int n_images;
  MoaRouterMaps *maps;  /* n_images means, or NULL */
  int steps;
  double guidance;
  double seconds[MOA_N_PHASES];
  guint64 peak_bytes;
  char **warnings;
} MoaGenerateResult;

MoaGenerateResult *moa_generate (MoaModel *model, const MoaGenerateParams *params,
                                 const MoaRun *run, GError **error);
void moa_generate_result_free (MoaGenerateResult *result);
gboolean moa_generate_estimate (MoaModel *model, const MoaGenerateParams *params, const MoaRun *run,
                                gboolean calibrate, MoaEstimate *estimate, GError **error);

/* ---- Pictures that belong together ----------------------------------- */

/* Frames of a morph, ages of a time lapse, panels of a story. */
typedef struct {
  int frames;        /* of a morph */
  int delay;         /* of a picture in an animation, milliseconds; 0: what fits */
  int columns, rows; /* of a story's page; 0: what fits */
} MoaSequenceParams;

void moa_sequence_params_init (MoaSequenceParams *params);

/* Ages from young to old as prompts.  words: two lines or more, one for each; one line: the noun of
 * seven usual ages ("woman"); NULL or "": the same as "person".  (transfer full); NULL ended */
char **moa_ages (const char *words);

typedef struct {
  char *name, *words; /* "Ann"; in a prompt "young woman" */
  char *subject;      /* JSON: a list of whole paths, photos or a saved subject (.safetensors), or
                         {"from": LIST, "to": LIST, "share": 0.5} */
} MoaCharacter;

typedef struct {
  char *place;        /* for messages: "story.txt, line 9" */
  char *prompt;       /* the characters in words, with marks: "a woman <1> on a beach" */
  char *caption;      /* or NULL */
  int characters[MOA_MAX_SUBJECTS]; /* their numbers, in the marks' order */
  int n_characters;
  char *settings;     /* a JSON object: the story's settings and over them its own; paths are whole */
} MoaPanel;

/* Panels that have characters in common. */
typedef struct {
  char *title;        /* or NULL */
  int columns, rows;  /* of a page; 0: it does not say */
  MoaCharacter *characters;
  int n_characters;
  MoaPanel *panels;
  int n_panels;       /* 1 or more */
} MoaStory;

/* Reads a story (docs/applications.md): text, or JSON if the path ends in .json.  Settings are not looked
 * at.  (transfer full) */
MoaStory *moa_story_read (const char *path, GError **error);
void moa_story_free (MoaStory *story);

/* ---- Settings -------------------------------------------------------- */

typedef enum {
  MOA_SETTING_BOOLEAN, /* gboolean */
  MOA_SETTING_INTEGER, /* int */
  MOA_SETTING_NUMBER,  /* double */
  MOA_SETTING_SEED,    /* guint64 */
  MOA_SETTING_BASE     /* MoaGuidanceBase: "default", "prior", "moa" */
} MoaSettingKind;

/* One number or switch of a job's parameters, described once: dialogs,
 * procedures' arguments, JSON, command lines and manuals are made of it. */
typedef struct {
  const char *name;      /* as in JSON: "fixed_point"; on a command line --fixed-point */
  MoaSettingKind kind;
  gsize offset;          /* of the field in the job's params */
  double lower, upper;
  double fallback;       /* what params_init() sets; where left_to_model is not NULL: -1 or 0 */
  const char *left_to_model; /* NULL, or what the fallback stands for: "the model's own" */
  const char *label;     /* English, to be translated; "_" before the mnemonic */
  const char *help;      /* English, a sentence */
} MoaSetting;

/* Of MoaReplaceParams, MoaGenerateParams and MoaSequenceParams; (transfer none). */
const MoaSetting *moa_replace_settings (int *n);
const MoaSetting *moa_generate_settings (int *n);
const MoaSetting *moa_sequence_settings (int *n);
/* NULL if there is none. */
const MoaSetting *moa_setting_find (const MoaSetting *settings, int n, const char *name);

/* The field of params as a number (booleans 0 and 1, a base its value), and
 * back; setting checks the range and says what is allowed. */
double moa_setting_get (const MoaSetting *setting, gconstpointer params);
gboolean moa_setting_set (const MoaSetting *setting, gpointer params, double value, GError **error);

/* ---- Words ----------------------------------------------------------- */

/* The nouns at which subjects are injected when a prompt marks none with <1>,
 * <2> ... after the noun: "man", "woman", "person", ...  NULL ended. */
const char *const *moa_subject_nouns (void);

/* "a person", "a person and a person", ...  (transfer full) */
char *moa_prompt_default (int n_persons);

G_END_DECLS

#endif /* MOA_H */
