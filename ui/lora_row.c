/* The rows of a panel for the LoRAs that change a model's style: see lora_row.h. */
#include "lora_row.h"

#include "path_entry.h"

#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

void
lora_row_add (LoraRow *lora, GtkWidget *table, int row)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (_("LoRA:"));
  GtkWidget *path = path_entry_new ("...", _("LoRA"), _("Files that change the style, with semicolons between them, "
                                                         "each with its weight behind a colon if that is not 1: "
                                                         "ink.safetensors:0.7"),
                                    GTK_FILE_CHOOSER_ACTION_OPEN, TRUE, &lora->files);

  gtk_misc_set_alignment (GTK_MISC (label), 0, 0.5);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), lora->files);
  gtk_table_attach (GTK_TABLE (table), label, 0, 1, row, row + 1, GTK_FILL, GTK_FILL, 0, 0);
  gtk_table_attach (GTK_TABLE (table), path, 1, 3, row, row + 1, GTK_FILL | GTK_EXPAND, GTK_FILL, 0, 0);
  lora->on_experts = gtk_check_button_new_with_mnemonic (_("LoRA on the new persons too"));
  gimp_help_set_help_data (lora->on_experts,
                           _("Otherwise it changes the place and leaves the persons as they are."), NULL);
  gtk_table_attach (GTK_TABLE (table), lora->on_experts, 1, 3, row + 1, row + 2, GTK_FILL, GTK_FILL, 0, 0);
}

void
lora_row_set (const LoraRow *lora, const ReplaceSettings *settings)
{
  gtk_entry_set_text (GTK_ENTRY (lora->files), settings->lora);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (lora->on_experts), settings->lora_on_experts);
}

gboolean
lora_row_get (const LoraRow *lora, ReplaceSettings *settings)
{
  const char *files = gtk_entry_get_text (GTK_ENTRY (lora->files));
  gboolean on_experts = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (lora->on_experts));

  if (!strcmp (files, settings->lora) && on_experts == settings->lora_on_experts)
    return FALSE;
  replace_settings_set_string (&settings->lora, files);
  settings->lora_on_experts = on_experts;
  return TRUE;
}
