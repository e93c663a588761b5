/* The rows of a panel for what a ControlNet follows, how strongly, and in which steps. */
#ifndef MOA_UI_CONTROL_ROW_H
#define MOA_UI_CONTROL_ROW_H

#include "control_combo.h"

#include "plugin/settings.h"

typedef struct {
  GtkWidget *combo;
  GtkObject *scale;           /* an adjustment, as the others */
  GtkAdjustment *start, *end; /* per cent of the steps */
  GtkWidget *part;            /* the box of both */
} ControlRow;

enum { CONTROL_ROWS = 3 };

/* Into so many rows of a table of three columns, from `at' on. */
void control_row_add (ControlRow *row, GtkWidget *table, int at, const ControlHooks *hooks);

/* Calls changed when any of it is another one. */
void control_row_watch (const ControlRow *row, void (*changed) (gpointer data), gpointer data);

/* Out of reach unless the model, which may be NULL, has a ControlNet. */
void control_row_set_sensitive (const ControlRow *row, MoaModel *model);

/* From the settings and to them: control, control_layer, control_scale, control_start, control_end.  What is out
 * of reach is not followed. */
void control_row_set (const ControlRow *row, const ReplaceSettings *settings);
void control_row_get (const ControlRow *row, ReplaceSettings *settings);

#endif
