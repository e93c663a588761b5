/* The rows of a panel for what a ControlNet follows, and how strongly. */
#ifndef MOA_UI_CONTROL_ROW_H
#define MOA_UI_CONTROL_ROW_H

#include "control_combo.h"

#include "plugin/settings.h"

/* Puts the combo box into row `row' of a table of three columns, and below it a slider, which is returned. */
GtkObject *control_row_add (GtkWidget *table, int row, GtkWidget *combo);

/* From the settings and to them: control, control_layer, control_scale. */
void control_row_set (GtkWidget *combo, GtkObject *scale, const ReplaceSettings *settings);
void control_row_get (GtkWidget *combo, GtkObject *scale, ReplaceSettings *settings);

#endif
