/* What the dialog of Replace Person shows: what to do on the left, the picture on the right.  Only
 * lays out; the dialog fills it and listens. */
#ifndef MOA_UI_REPLACE_VIEW_H
#define MOA_UI_REPLACE_VIEW_H

#include "history_strip.h"
#include "map_grid.h"
#include "preview.h"
#include "progress.h"
#include "subject_list.h"

typedef struct {
  GtkWidget *box;
  GtkWidget *choices;       /* all that must not change while the engine works */
  GtkWidget *advanced;      /* an expander */
  GtkWidget *pages;         /* the picture and the router maps */
  GtkWidget *where, *cost;  /* labels */
  GtkWidget *quick;         /* check button: quick previews */
  SubjectList *subjects;
  Preview *preview;
  MapGrid *maps;
  HistoryStrip *history;
  ProgressRow row;
} ReplaceView;

typedef struct {
  SubjectHooks subjects;
  HistoryHooks history;
  void (*painted) (gpointer data);       /* on the preview */
  void (*maps_changed) (gpointer data);  /* blocks chosen, or painted on */
  void (*quick_toggled) (gpointer data);
  gpointer data;
} ReplaceViewHooks;

/* target: the widget to choose the layer with; basic and advanced: settings. */
void replace_view_init (ReplaceView *view, GtkWidget *target, GtkWidget *basic, GtkWidget *advanced,
                        const ReplaceViewHooks *hooks);

/* After the widgets are destroyed. */
void replace_view_clear (ReplaceView *view);

void replace_view_set_running (ReplaceView *view, gboolean running);

/* How far it is, at the bottom and on the picture. */
void replace_view_show_progress (ReplaceView *view, const MoaProgress *progress);

#endif
