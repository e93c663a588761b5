/* What the dialogs of Generate and its companions have in common: the widgets of GenerateSettings but for
 * the words and the number of pictures, and where their persons come from. */
#ifndef MOA_UI_GENERATE_PANEL_H
#define MOA_UI_GENERATE_PANEL_H

#include "control_row.h"
#include "drawing.h"
#include "lora_row.h"
#include "progress.h"
#include "subject_list.h"

#include "plugin/generate_settings.h"

#include <gtk/gtk.h>

typedef struct {
  GtkWidget *negative, *width, *height, *seed, *model, *device, *mark;
  LoraRow lora;
  ControlRow control;
  GtkObject *steps, *guidance;
  guint32 seed_value;
  gboolean random_seed;
} GeneratePanel;

/* Into three rows of the table, from row on. */
void generate_panel_init (GeneratePanel *panel, GtkWidget *table, int row, const char *seed);

/* The left pane: settings, which is the table, persons, and the rest of the panel. */
GtkWidget *generate_panel_create_left (GeneratePanel *panel, GtkWidget *settings, SubjectList *subjects);

/* Puts panes, and a row for progress below them, into the dialog. */
void generate_panel_fill (GtkWidget *dialog, GtkWidget *panes, ProgressRow *row);

/* model: NULL if it cannot be opened; settings->how names its files. */
void generate_panel_set (GeneratePanel *panel, const GenerateSettings *settings, MoaModel *model);
void generate_panel_get (const GeneratePanel *panel, GenerateSettings *settings);

/* Something is another one: where that is a file of the model, drawing opens it anew. */
void generate_panel_change (GeneratePanel *panel, Drawing *drawing);

/* What can be chosen with the model; NULL: there is none. */
void generate_panel_set_model (GeneratePanel *panel, MoaModel *model);

/* A new seed if the user wants a random one. */
void generate_panel_roll (GeneratePanel *panel);

/* Calls changed with data alone when anything but seed and mark is another one; in a dialog that is
 * complete. */
void generate_panel_watch (GeneratePanel *panel, void (*changed) (gpointer data), gpointer data);

/* As of SubjectHooks; data is not used. */
gboolean generate_look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data);
char **generate_list_layers (gpointer data);
char **generate_list_saved (gpointer data);

#endif
