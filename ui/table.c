/* Rows of a panel: see table.h. */
#include "table.h"

GtkWidget *
table_new (int rows)
{
  GtkWidget *table = gtk_table_new (rows, 3, FALSE);

  gtk_table_set_col_spacings (GTK_TABLE (table), 6);
  gtk_table_set_row_spacings (GTK_TABLE (table), 6);
  return table;
}

void
table_label (GtkWidget *table, int row, const char *text, GtkWidget *mnemonic)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (text);

  gtk_misc_set_alignment (GTK_MISC (label), 0, 0.5);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), mnemonic);
  gtk_table_attach (GTK_TABLE (table), label, 0, 1, row, row + 1, GTK_FILL, GTK_FILL, 0, 0);
}

void
table_attach (GtkWidget *table, int row, const char *text, GtkWidget *widget, GtkWidget *mnemonic)
{
  table_label (table, row, text, mnemonic);
  gtk_table_attach (GTK_TABLE (table), widget, 1, 3, row, row + 1, GTK_FILL | GTK_EXPAND, GTK_FILL, 0, 0);
}
