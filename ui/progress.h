/* How far a job is, or what is missing before it can start: one row at the bottom of a dialog. */
#ifndef MOA_UI_PROGRESS_H
#define MOA_UI_PROGRESS_H

#include "moa.h"

#include <gtk/gtk.h>

typedef struct {
  GtkWidget *box;
  GtkWidget *message, *icon, *text; /* an icon and a text */
  GtkWidget *bar;
} ProgressRow;

/* "Generating, step 3 of 50 (12 s left)".  (transfer full) */
char *progress_describe (const MoaProgress *progress);

/* "Needs 420 MiB of memory, 5.3 GiB are free. Takes about 40 seconds."  (transfer full) */
char *progress_describe_cost (const MoaEstimate *estimate);

void progress_row_init (ProgressRow *row, int width);

/* Each shows one and hides the other.  icon_name: GIMP_ICON_...; NULL: none. */
void progress_row_say (ProgressRow *row, const char *icon_name, const char *text);
void progress_row_show (ProgressRow *row, const MoaProgress *progress);

/* The bar as it is, with another text. */
void progress_row_retitle (ProgressRow *row, const char *text);

#endif
