/* The rows of a panel for files that change what a model draws: LoRAs its style, textual inversions its words. */
#ifndef MOA_UI_LORA_ROW_H
#define MOA_UI_LORA_ROW_H

#include "plugin/settings.h"

#include <gtk/gtk.h>

typedef struct {
  GtkWidget *files, *on_experts; /* an entry, a check button */
  GtkWidget *embeddings;         /* an entry */
  GtkWidget *clip_skip, *clip_skip_label; /* a spin button */
} LoraRow;

enum { LORA_ROWS = 3 };

/* Into so many rows of a table of three columns, from `row' on; clip_skip and its label are for the
 * caller to put into the window. */
void lora_row_add (LoraRow *lora, GtkWidget *table, int row);

/* Calls changed when any of it is another one. */
void lora_row_watch (const LoraRow *lora, void (*changed) (gpointer data), gpointer data);

/* From the settings and to them: lora, lora_on_experts, embedding, clip_skip.  FALSE: settings had the same. */
void lora_row_set (const LoraRow *lora, const ReplaceSettings *settings);
gboolean lora_row_get (const LoraRow *lora, ReplaceSettings *settings);

#endif
