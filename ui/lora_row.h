/* The rows of a panel for the LoRAs that change a model's style. */
#ifndef MOA_UI_LORA_ROW_H
#define MOA_UI_LORA_ROW_H

#include "plugin/settings.h"

#include <gtk/gtk.h>

typedef struct {
  GtkWidget *files, *on_experts; /* an entry, a check button */
} LoraRow;

/* Into two rows of a table of three columns, from `row' on. */
void lora_row_add (LoraRow *lora, GtkWidget *table, int row);

/* From the settings and to them: lora, lora_on_experts.  FALSE: settings had the same. */
void lora_row_set (const LoraRow *lora, const ReplaceSettings *settings);
gboolean lora_row_get (const LoraRow *lora, ReplaceSettings *settings);

#endif
