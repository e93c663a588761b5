/* The rows of a panel for what a ControlNet follows, and how strongly. */
#ifndef MOA_UI_CONTROL_ROW_H
#define MOA_UI_CONTROL_ROW_H

#include "control_combo.h"

#include "plugin/settings.h"

/* Puts the combo box into row `row' of a table of three columns, and below it a slider, which is returned. */
GtkObject *control_row_add (GtkWidget *table, int row, GtkWidget *combo);

/* Out of reach unless the model, which may be NULL, has a ControlNet. */
void control_row_set_sensitive (GtkWidget *combo, GtkObject *scale, MoaModel *model);

/* From the settings and to them: control, control_layer, control_scale.  What is out of reach is not
 * followed. */
void control_row_set (GtkWidget *combo, GtkObject *scale, const ReplaceSettings *settings);
void control_row_get (GtkWidget *combo, GtkObject *scale, ReplaceSettings *settings);

#endif
