/* Panels: frames of a morph, ages of a time lapse, a row of layouts, a story.  All are a list of jobs whose
 * pictures go into one folder, and sheets of them. */
#ifndef MOA_CLI_PANELS_H
#define MOA_CLI_PANELS_H

#include "cli/batch.h"

typedef struct {
  const char *command;
  MoaCliBatch batch;
  char *folder;         /* -o: for pictures, sheets, and the journal */
  char *title;          /* of the first sheet; or NULL */
  GPtrArray *paths;     /* places of the sheets: pictures, NULL for an empty place */
  GPtrArray *captions;  /* and their words, or NULL */
  int columns, rows;    /* of a sheet; rows 0: all on one */
  const char *sheet;    /* "sheet": sheet.png, or of several pages sheet-01.png; NULL: none */
  char *animation;      /* a file of all pictures one after another; or NULL */
  int delay, usual_delay; /* of each picture in it, milliseconds; delay 0: the usual one */
} MoaCliPanels;

/* The job's picture will be FOLDER/name, and is the sheet's next place.  job: taken; it gets its "output".
 * place: for messages, "panel 3". */
void moa_cli_panels_add (MoaCliPanels *panels, json_t *job, const char *name, const char *caption,
                         const char *place);
/* An empty place. */
void moa_cli_panels_skip (MoaCliPanels *panels);

/* Checks the jobs, starts, does what is not done yet, and makes the sheets; a whole command from there on.
 * Frees panels and what cli holds.  usable: FALSE only frees.  Returns the exit code. */
int moa_cli_panels_run (MoaCliPanels *panels, MoaCli *cli, gboolean usable);

/* Of commands whose pictures make an animation. */
#define MOA_CLI_ANIMATION_ENTRIES(panels, usual)                                                      \
  { "animation", 0, 0, G_OPTION_ARG_FILENAME, &(panels).animation,                                    \
    "Write all pictures as an animation too", "FILE.webp" },                                          \
  { "delay", 0, 0, G_OPTION_ARG_INT, &(panels).delay,                                                 \
    "Milliseconds that it shows each for, " usual, "N" }

/* A job to copy from the options of a command: its own entries, and all of the job's, but for those that
 * make several pictures or other files.  (transfer full) */
#define MOA_CLI_OWN_ENTRIES(folder)                                                                   \
  { "output", 'o', 0, G_OPTION_ARG_FILENAME, &(folder), "The folder to draw into; made if missing",   \
    "FOLDER" }
/* FALSE after saying what is wrong: parses, checks that there is a folder and n_words words or more. */
gboolean moa_cli_panels_parse (MoaCliPanels *panels, MoaCliJob *job, int *argc, char ***argv,
                               const GOptionEntry *own, int n_words, const char *missing,
                               const char *usage, const char *summary, const char *description);

#endif
