/* Sheets of small pictures, for a person to see how a training fares. */
#ifndef MOA_SHEET_H
#define MOA_SHEET_H

#include <glib.h>

typedef struct _MoaSheet MoaSheet;

/* Rows of columns of pictures of side x side pixels, gray at first. */
MoaSheet *moa_sheet_new (int columns, int rows, int side);
/* RGB from low to 1, size x size; made larger or smaller without smoothing. */
void moa_sheet_put (MoaSheet *sheet, int column, int row, const float *picture, int size, float low);
/* As PNG, by rename; and frees the sheet. */
gboolean moa_sheet_save (MoaSheet *sheet, const char *path, GError **error);

#endif
