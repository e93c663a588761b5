/* Jobs: what `moa replace` and `moa generate` do, and what the lines of a batch, the panels of a story and
 * the frames of a morph are.  Each kind of job tells in one table what it can be told; its options on a
 * command line, its keys in JSON and the JSON that is written of it are made of that table and of the
 * engine's settings. */
#ifndef MOA_CLI_JOB_H
#define MOA_CLI_JOB_H

#include "cli/cli.h"

typedef enum {
  MOA_CLI_TEXT,   /* char *: words, or a number as it was written */
  MOA_CLI_INPUT,  /* char *: a file that is read */
  MOA_CLI_OUTPUT, /* char *: a file or folder that is written */
  MOA_CLI_INPUTS, /* char **: files that are read; an option that may be given several times */
  MOA_CLI_NUMBER, /* double */
  MOA_CLI_COUNT,  /* int */
} MoaCliKind;

typedef struct {
  const char *name;  /* as in JSON: "control_scale"; on a command line --control-scale */
  char short_name;
  MoaCliKind kind;
  gsize offset;      /* of the field in the job */
  const char *help, *placeholder;
} MoaCliArgument;

typedef struct _MoaCliJob MoaCliJob;

/* --control and its companions, which replace and generate have. */
#define MOA_CLI_CONTROL_ARGUMENTS(Struct)                                                         \
  { "control", 0, MOA_CLI_INPUT, offsetof (Struct, control.path),                                 \
    "A picture that the --controlnet follows: a pose, edges, depth", "IMAGE" },                   \
  { "control_scale", 0, MOA_CLI_NUMBER, offsetof (Struct, control.scale), "How closely, 1", "S" }, \
  { "control_start", 0, MOA_CLI_NUMBER, offsetof (Struct, control.start),                         \
    "Part of the steps after which it is followed, 0", "F" },                                     \
  { "control_end", 0, MOA_CLI_NUMBER, offsetof (Struct, control.end),                             \
    "Part of the steps up to which it is followed, 1", "F" }

#define MOA_CLI_SUBJECT_ARGUMENTS(Struct)                                                         \
  { "subject_mask", 0, MOA_CLI_INPUTS, offsetof (Struct, job.masks),                              \
    "With an IP-Adapter or FastComposer, where a SUBJECT goes: white; once for each", "MASK.png" }

/* A kind of job. */
typedef struct {
  const char *name; /* "replace": the command, and the key in JSON whose value is the first word */
  gsize size;       /* of its struct, which begins with a MoaCliJob */
  gboolean first_is_file;
  int least_subjects;
  const char *missing, *where;              /* what to say where the first words, or -o, are missing */
  const char *usage, *summary, *description; /* for --help */
  const MoaCliArgument *arguments;          /* end with a NULL name */
  const MoaSetting *(*settings) (int *n);
  const char *const *no_options;            /* settings that are no options, or NULL */
  gsize params;                             /* offset of what the settings are of */
  void (*init) (MoaCliJob *job);
  /* What was written -> params; messages begin with the argument's name. */
  gboolean (*check) (MoaCliJob *job, GError **error);
  /* What is known to fail when writing is said before the long job. */
  gboolean (*check_output) (const MoaCliJob *job, GError **error);
  int (*n_pictures) (const MoaCliJob *job);
  /* Reads, runs, writes. */
  gboolean (*run) (MoaCliJob *job, GError **error);
  void (*print) (const MoaCliJob *job);
  /* Frees what is its own, but for the strings of arguments. */
  void (*clear) (MoaCliJob *job);
} MoaCliJobClass;

extern const MoaCliJobClass moa_cli_replace_class, moa_cli_generate_class, moa_cli_maps_class;

struct _MoaCliJob {
  const MoaCliJobClass *klass;
  MoaCli *cli;
  char *first;      /* the picture, or the prompt */
  char *output;     /* OUT.png */
  json_t *subjects; /* as subjects.c takes them */
  char **masks;     /* of the subjects, in their order; or NULL */
  MoaCliSubjects loaded;
  char *mark;       /* what its pictures carry (moa_cli_save_marked()); or NULL */
  json_t *files;    /* what was written */
};

/* A job with its defaults.  (transfer full) */
MoaCliJob *moa_cli_job_new (const MoaCliJobClass *klass, MoaCli *cli);
void moa_cli_job_free (MoaCliJob *job);

/* own (or NULL), and an option for each argument and setting that has no entry of that name there and is
 * not in skip (or NULL).  (element-type GOptionEntry) (transfer full), ends with NULL */
GArray *moa_cli_job_entries (MoaCliJob *job, const GOptionEntry *own, const char *const *skip);
/* A whole command. */
int moa_cli_job_command (const MoaCliJobClass *klass, int argc, char **argv);

/* {"replace": PICTURE, "subjects": [...], "output": ..., "steps": 20} or {"generate": PROMPT, ...}.
 * Relative paths are seen from folder (NULL: as they are).  Unknown keys, values of another kind or out
 * of their range are refused by name.  (transfer full) */
MoaCliJob *moa_cli_job_from_json (MoaCli *cli, const json_t *object, const char *folder, GError **error);
/* All that differs from the defaults.  (transfer full) */
json_t *moa_cli_job_to_json (const MoaCliJob *job);

/* What both kinds are told; NULL: nothing, and the value stays. */
gboolean moa_cli_read_base (const char *text, MoaGuidanceBase *base, GError **error);
gboolean moa_cli_read_seed (const char *text, guint64 *seed, GError **error);

/* OUT.png, or of several OUT-3.png for k = 2.  (transfer full) */
char *moa_cli_job_output (const MoaCliJob *job, int k);
/* The same name for a folder of maps. */
char *moa_cli_job_folder (const MoaCliJob *job, const char *folder, int k);

/* A hash of all that the job's pictures depend on: what it is told, the contents of its files, the model
 * (its fingerprint).  hashes: of files that were read before, by path; or NULL.  (transfer full) */
char *moa_cli_job_key (const MoaCliJob *job, const char *model, GHashTable *hashes);
/* Whether all its files are there, and its pictures carry that key as their mark. */
gboolean moa_cli_job_done (const MoaCliJob *job, const char *key);

#endif
