/* What the subcommands of `moa` share. */
#ifndef MOA_CLI_H
#define MOA_CLI_H

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <jansson.h>

#include "jobs/subject-text.h"
#include "moa.h"

/* Exit codes */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

/* ---- Subcommands: argv[0] is the subcommand's name ---- */

int moa_cli_replace (int argc, char **argv);
int moa_cli_generate (int argc, char **argv);
int moa_cli_maps (int argc, char **argv);
int moa_cli_info (int argc, char **argv);
int moa_cli_bench (int argc, char **argv);
int moa_cli_train (int argc, char **argv);
int moa_cli_world (int argc, char **argv);
int moa_cli_evaluate (int argc, char **argv);
int moa_cli_convert (int argc, char **argv);
int moa_cli_layout (int argc, char **argv);
int moa_cli_morph (int argc, char **argv);
int moa_cli_timelapse (int argc, char **argv);
int moa_cli_story (int argc, char **argv);
int moa_cli_batch (int argc, char **argv);

/* ---- common.c: options, model, progress, errors ---- */

/* files.c: the options that say what files a model is made of. */
typedef struct {
  char *config, *vae, *text_encoder, *image_encoder, *expert, *controlnet, *weights;
  char **loras, **embeddings; /* as written: FILE or FILE:WEIGHT; FILE */
  gboolean loras_on_experts, v_prediction;
  int clip_skip;
} MoaCliFiles;

/* --control and its companions. */
typedef struct {
  char *path;
  double scale, start, end;
  MoaImage *image; /* loaded by moa_cli_control_load() */
} MoaCliControl;

/* Fills to; area (NULL: all) is the part of the picture that counts, whose whole size must then be
 * width x height. */
gboolean moa_cli_control_load (MoaCliControl *control, int width, int height, const MoaRect *area,
                               MoaControl *to, GError **error);

/* (transfer full) */
GOptionGroup *moa_cli_files_group (MoaCliFiles *files);
MoaModel *moa_cli_files_open (const MoaCliFiles *files, const char *path, GError **error);
void moa_cli_files_clear (MoaCliFiles *files);

typedef struct {
  /* The options that all jobs have. */
  char *model_path;
  MoaCliFiles files;
  int n_threads;
  char *memory;
  char *device;
  gboolean json;
  gboolean goes_on; /* what was done before an interruption counts: FALSE for one job */
  /* Set up by moa_cli_start(). */
  MoaModel *model;
  MoaRun run;
} MoaCli;

/* Parses; NULL ends entries.  FALSE after telling what is wrong: exit with
 * CLI_USAGE.  description: what comes after the options in the help. */
gboolean moa_cli_parse (MoaCli *cli, int *argc, char ***argv, const char *arguments,
                        const char *summary, const GOptionEntry *entries, const char *description);
/* Says that the command line is wrong; returns CLI_USAGE. */
int moa_cli_usage (const char *command, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Opens the model, and makes the run: threads, memory, Ctrl-C, progress. */
gboolean moa_cli_start (MoaCli *cli, GError **error);
/* Ctrl-C cancels; a second one ends the process.  To be called before other threads start.
 * (transfer full) */
GCancellable *moa_cli_cancel_on_interrupt (void);
/* Whether a device asked for by name (NULL: none) can be used; where "auto" finds no GPU, a line on
 * stderr says why. */
gboolean moa_cli_check_device (const char *name, GError **error);
/* Takes the progress line off the terminal. */
void moa_cli_end_progress (void);
/* Frees cli; prints the error, if any, and returns the exit code. */
int moa_cli_finish (MoaCli *cli, const char *command, GError *error);

/* settings.c: appends an option for each setting that has no entry of that name in entries and is a
 * number or a switch, but for those that skip names (or NULL). */
void moa_cli_settings (GArray *entries, const char *const *skip, const MoaSetting *settings, int n,
                       gpointer params);
/* An interned "fixed-point" for "fixed_point". */
const char *moa_cli_option_name (const char *name);
/* Whether an entry has that long name. */
gboolean moa_cli_has_entry (const GArray *entries, const char *name);
/* All settings as a page in Markdown. */
void moa_cli_print_settings (void);

/* The folder of the model to use where none is given.  (transfer full) */
char *moa_cli_default_model (void);

/* "1,2,30" to numbers from low on.  (element-type int) (transfer full); NULL: not such a list */
GArray *moa_cli_numbers (const char *text, int low);

/* A path, or what a user wrote, as a string of JSON: bytes that are no UTF-8 become U+FFFD. */
json_t *moa_cli_json_string (const char *text);
/* Prints the object, and frees it. */
void moa_cli_print_json (json_t *object);
/* {"load": seconds, ...} and ["warning", ...], (transfer full) */
json_t *moa_cli_seconds_json (const double seconds[MOA_N_PHASES]);
json_t *moa_cli_strings_json (const char *const *strings);
/* One line each on stderr. */
void moa_cli_print_warnings (const char *command, const char *const *warnings);

/* ---- picture.c: image files ---- */

/* 8 bits, as its EXIF orientation says.  (transfer full) */
GdkPixbuf *moa_cli_load (const char *path, GError **error);
/* RGB or RGBA of a part of it; area NULL: all.  (transfer full) */
MoaImage *moa_cli_image (const GdkPixbuf *pixbuf, const MoaRect *area);
/* One channel: gray times alpha.  (transfer full) */
MoaImage *moa_cli_load_mask (const char *path, GError **error);
/* The area of a mask; NULL: no memory.  (transfer full) */
MoaImage *moa_cli_crop_mask (const MoaImage *mask, const MoaRect *area);
/* Gray or RGB.  (transfer full) */
GdkPixbuf *moa_cli_pixbuf (const MoaImage *image);
/* As PNG with the pixbuf's colour profile, by rename. */
gboolean moa_cli_save (GdkPixbuf *pixbuf, const char *path, GError **error);
gboolean moa_cli_save_image (const MoaImage *image, const char *path, GError **error);
/* Whether such a PNG could be written there: asked before a long job. */
gboolean moa_cli_check_png (const char *path, GError **error);
gboolean moa_cli_check_folder_of (const char *path, GError **error);

/* As PNG that carries a word of ASCII (NULL: none), and that word, or NULL.  (transfer full) */
gboolean moa_cli_save_marked (GdkPixbuf *pixbuf, const char *path, const char *mark, GError **error);
char *moa_cli_read_mark (const char *path);

/* profile.c: a PNG with the colour profile that the pixbuf was read with, if that is one for RGB.
 * (transfer full) */
GByteArray *moa_cli_png_with_profile (const char *png, gsize png_size, GdkPixbuf *pixbuf);

/* ---- subjects.c ---- */

typedef struct {
  MoaSubject *subjects;
  int n_subjects;
} MoaCliSubjects;
/* list: subjects as of jobs/subject-text.h. */
gboolean moa_cli_load_subjects (MoaCliSubjects *subjects, const json_t *list, const MoaCli *cli,
                                GError **error);
/* Gives them their masks: files in their order (NULL: none); area (NULL: all) is the part of the picture
 * that counts, whose whole size must then be width x height. */
gboolean moa_cli_load_subject_masks (MoaCliSubjects *subjects, char *const *masks, int width, int height,
                                     const MoaRect *area, GError **error);
void moa_cli_clear_subjects (MoaCliSubjects *subjects);

/* One PNG for each block, as large as the latent is in pixels; adds their names to files. */
gboolean moa_cli_save_maps (const MoaRouterMaps *maps, int n_maps, const char *folder,
                            json_t *files, GError **error);

#endif
