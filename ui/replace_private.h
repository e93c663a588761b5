/* The inside of the dialog of Replace Person, for its files: replace_dialog.c has the window,
 * replace_runs.c what the engine is asked for and when, replace_where.c the area that it works on,
 * replace_history.c the earlier results. */
#ifndef MOA_UI_REPLACE_PRIVATE_H
#define MOA_UI_REPLACE_PRIVATE_H

#include "replace_area.h"
#include "replace_view.h"
#include "replace_work.h"
#include "runner.h"
#include "settings_panel.h"

typedef enum { RUN_NONE, RUN_FIND, RUN_ESTIMATE, RUN_QUICK, RUN_FULL } RunKind;

/* An earlier result. */
typedef struct {
  gint32 group; /* -1: a variation of the last run */
  int variation;
} ReplaceEntry;

typedef struct {
  GtkWidget *dialog, *target_combo;
  ReplaceView view;
  SettingsPanel *panel;
  gint32 image, target;
  ReplaceArea area;
  PersonMark marks[MOA_MAX_SUBJECTS]; /* persons that were found, from the left */
  int n_found;                        /* -1: not looked for yet */
  gboolean built;
  /* What the engine does. */
  Runner *runner;
  ReplaceWork *work;
  RunKind kind, next; /* next: RUN_FULL waits for a quick one to stop */
  guint delay;        /* source of the delay after a change; 0: none */
  gboolean estimated, too_large;
  int quick_stage;    /* quick previews that are done */
  gboolean cancelled, closing, success;
  /* The last full run, to be put into the image. */
  ReplaceWork *last_work;
  MoaReplaceResult *last_result;
  GArray *entries; /* of ReplaceEntry: what the strip of earlier results shows */
} ReplaceDialog;

/* Something that the engine's work depends on is another thing: what runs in the background stops,
 * and starts anew a little later.  area: the picture or the selection, too. */
void replace_runs_change (ReplaceDialog *dialog, gboolean area);

/* The replacement itself. */
void replace_runs_start (ReplaceDialog *dialog);

/* Stops what the user waits for. */
void replace_runs_cancel (ReplaceDialog *dialog);
gboolean replace_runs_is_full (ReplaceDialog *dialog);

/* Ends everything, waiting for the engine's thread. */
void replace_runs_clear (ReplaceDialog *dialog);

/* The work area, with all that is shown on it; its words alone; the numbers of the persons alone. */
void replace_where_show (ReplaceDialog *dialog);
void replace_where_say (ReplaceDialog *dialog);
void replace_where_show_marks (ReplaceDialog *dialog);

/* Whether persons are looked for where nothing is selected: routers can find them, if that is wanted. */
gboolean replace_where_finds (ReplaceDialog *dialog);

/* Whether each person of the list has an area, if the model needs that; FALSE with error set. */
gboolean replace_where_check (ReplaceDialog *dialog, MoaModel *model, GError **error);

/* The earlier results. */
void replace_history_fill (ReplaceDialog *dialog);
void replace_history_compare (int i, gpointer dialog);
void replace_history_restore (int i, gpointer dialog);
void replace_history_apply (int i, gpointer dialog);

/* Puts a variation of the last run into the image. */
gboolean replace_history_write (ReplaceDialog *dialog, int variation, GError **error);

/* For replace_runs.c: says what is missing before Replace can be pressed; FALSE if something is. */
gboolean replace_dialog_show_readiness (ReplaceDialog *dialog);
void replace_dialog_set_running (ReplaceDialog *dialog, gboolean running);

/* A full run is over: result (transfer full) with its work, or NULL and why. */
void replace_dialog_finish (ReplaceDialog *dialog, ReplaceWork *work, MoaReplaceResult *result,
                            const GError *error);

#endif
