/* Rows of a panel: a label, and what it names. */
#ifndef MOA_UI_TABLE_H
#define MOA_UI_TABLE_H

#include <gtk/gtk.h>

/* A table of three columns. */
GtkWidget *table_new (int rows);

/* The label alone, in the first column; its access key leads to mnemonic. */
void table_label (GtkWidget *table, int row, const char *text, GtkWidget *mnemonic);
/* And widget in the others. */
void table_attach (GtkWidget *table, int row, const char *text, GtkWidget *widget, GtkWidget *mnemonic);

#endif
