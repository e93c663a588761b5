/* The rows of a panel for files that change what a model draws: see lora_row.h. */
#include "lora_row.h"

#include "path_entry.h"
#include "table.h"

#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

static void
create_clip_skip (LoraRow *lora)
{
  lora->clip_skip = gtk_spin_button_new_with_range (0, 64, 1);
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (lora->clip_skip), TRUE);
  gimp_help_set_help_data (lora->clip_skip,
                           _("So many last layers of the text encoder are left out, as some models want it: 0 none, "
                             "1 what other programs call Clip skip 2"), NULL);
  lora->clip_skip_label = gtk_label_new_with_mnemonic (_("CLIP skip:"));
  gtk_misc_set_alignment (GTK_MISC (lora->clip_skip_label), 0, 0.5);
  gtk_label_set_mnemonic_widget (GTK_LABEL (lora->clip_skip_label), lora->clip_skip);
}

void
lora_row_add (LoraRow *lora, GtkWidget *table, int row)
{
  GtkWidget *files = path_entry_new ("...", _("LoRA"), _("Files that change the style, with semicolons between them, "
                                                         "each with its weight behind a colon if that is not 1: "
                                                         "ink.safetensors:0.7. A semicolon in a name is written \\;"),
                                     GTK_FILE_CHOOSER_ACTION_OPEN, TRUE, &lora->files);
  GtkWidget *embeddings = path_entry_new ("...", _("Embeddings"),
                                          _("Textual inversions: files that give a word a meaning, with semicolons "
                                            "between them. The word is the file's name: with cat-toy.safetensors "
                                            "write \"a cat-toy\"."),
                                          GTK_FILE_CHOOSER_ACTION_OPEN, TRUE, &lora->embeddings);

  table_attach (table, row, _("LoRA:"), files, lora->files);
  lora->on_experts = gtk_check_button_new_with_mnemonic (_("LoRA on the new persons too"));
  gimp_help_set_help_data (lora->on_experts,
                           _("Otherwise it changes the place and leaves the persons as they are."), NULL);
  gtk_table_attach (GTK_TABLE (table), lora->on_experts, 1, 3, row + 1, row + 2, GTK_FILL, GTK_FILL, 0, 0);
  table_attach (table, row + 2, _("Embeddings:"), embeddings, lora->embeddings);
  create_clip_skip (lora);
}

void
lora_row_watch (const LoraRow *lora, void (*changed) (gpointer data), gpointer data)
{
  g_signal_connect_swapped (lora->files, "changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (lora->on_experts, "toggled", G_CALLBACK (changed), data);
  g_signal_connect_swapped (lora->embeddings, "changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (lora->clip_skip, "value-changed", G_CALLBACK (changed), data);
}

void
lora_row_set (const LoraRow *lora, const ReplaceSettings *settings)
{
  gtk_entry_set_text (GTK_ENTRY (lora->files), settings->lora);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (lora->on_experts), settings->lora_on_experts);
  gtk_entry_set_text (GTK_ENTRY (lora->embeddings), settings->embedding);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (lora->clip_skip), settings->clip_skip);
}

static gboolean
take_text (GtkWidget *entry, char **field)
{
  const char *text = gtk_entry_get_text (GTK_ENTRY (entry));
  gboolean other = strcmp (text, *field) != 0;

  if (other)
    replace_settings_set_string (field, text);
  return other;
}

gboolean
lora_row_get (const LoraRow *lora, ReplaceSettings *settings)
{
  gboolean on_experts = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (lora->on_experts));
  int clip_skip = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (lora->clip_skip));
  gboolean other = on_experts != settings->lora_on_experts || clip_skip != settings->clip_skip;

  other |= take_text (lora->files, &settings->lora);
  other |= take_text (lora->embeddings, &settings->embedding);
  settings->lora_on_experts = on_experts;
  settings->clip_skip = clip_skip;
  return other;
}
