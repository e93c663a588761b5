/* What a dialog that draws new pictures asks of the engine: a little after each change what they would cost,
 * and, when the user says so, the pictures.  One thing at a time: a change and drawing end an estimate. */
#ifndef MOA_UI_DRAWING_H
#define MOA_UI_DRAWING_H

#include "preview.h"
#include "progress.h"
#include "runner.h"

#include "plugin/generate_settings.h"

#include <gtk/gtk.h>

typedef struct {
  /* In the main thread: what the user has to do first, (transfer none); NULL: nothing. */
  const char *(*find_missing) (gpointer data);
  /* What can be done now, where nothing is missing. */
  void (*say_ready) (gpointer data);
  /* Reads what the widgets say, and all pixels, for the run that follows; FALSE with error set.  cost: only
   * what it costs is asked. */
  gboolean (*read) (gboolean cost, gpointer data, GError **error);
  /* Frees what was read; also where nothing is. */
  void (*forget) (gpointer data);
  /* In the engine's thread, with what was read. */
  gboolean (*estimate) (const MoaRun *run, MoaEstimate *estimate, gpointer data, GError **error);
  gpointer (*draw) (const MoaRun *run, gpointer data, GError **error);
  /* In the main thread: progress in words.  (transfer full) */
  char *(*describe) (const MoaProgress *progress, gpointer data);
  /* Takes what was drawn, before it is forgotten.  TRUE: the dialog has done its work. */
  gboolean (*take) (gpointer result, gpointer data, GError **error);
  /* The user stopped it; NULL: "Cancelled." is all. */
  void (*say_cancelled) (gpointer data);
  /* The model is another one, or there is none. */
  void (*reopened) (gpointer data);
  gpointer data;
  int responses[3]; /* of the buttons that draw; 0 ends them */
} DrawingHooks;

typedef struct {
  DrawingHooks hooks;
  GtkWidget *dialog;               /* the dialog's own, as row is */
  GtkWidget *left, *cost;          /* drawing_create_panes()'s, as preview is */
  Preview *preview;
  ProgressRow row;
  GenerateSettings *settings;
  MoaModel *model;                 /* NULL: there is none, and problem says why */
  char *problem;
  gboolean watching;               /* the dialog is complete, changes are the user's */
  gboolean on;                     /* drawing: the user waits */
  gboolean success;
  /* Its own: */
  gboolean too_large, closing, stale; /* stale: the model is to be opened anew */
  guint delay;                     /* source of the delay after a change; 0: none */
  Runner *runner;
} Drawing;

/* settings: (transfer full), as they were the last time; opens the model.  hooks->data must outlive it. */
void drawing_init (Drawing *drawing, const DrawingHooks *hooks, GenerateSettings *settings);

/* settings->how names other files of the model, which is opened anew a little later, or when it is needed.  To
 * be followed by drawing_change(). */
void drawing_reopen (Drawing *drawing);

/* The dialog's content: the pane on the left, which is out of reach while it draws, and on the right the
 * preview, the cost, and what else there is below, NULL: nothing. */
GtkWidget *drawing_create_panes (Drawing *drawing, GtkWidget *left, GtkWidget *below);

/* Ends what runs and frees all but the widgets. */
void drawing_clear (Drawing *drawing);

/* What to do about n persons in a picture where the model takes one; NULL: nothing.  (transfer none) */
const char *drawing_refuse_several (const Drawing *drawing, int n);

/* What it costs is another thing now.  Also says what is missing. */
void drawing_change (Drawing *drawing);

/* Draws, and keeps the settings for the next time. */
void drawing_start (Drawing *drawing);

/* A button or the window says no: Cancel stops drawing and stays, anything else goes. */
void drawing_leave (Drawing *drawing, int response);

#endif
