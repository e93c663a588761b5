/* Sheets of pictures: see sheet.h. */
#include "train/sheet.h"

#include "base/error.h"

#include <cairo.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

struct _MoaSheet {
  int side;
  cairo_surface_t *surface;
};

MoaSheet *
moa_sheet_new (int columns, int rows, int side)
{
  MoaSheet *sheet = g_new0 (MoaSheet, 1);
  sheet->side = side;
  sheet->surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, columns * side, rows * side);
  int stride = cairo_image_surface_get_stride (sheet->surface);
  if (cairo_surface_status (sheet->surface) == CAIRO_STATUS_SUCCESS)
    memset (cairo_image_surface_get_data (sheet->surface), 0x80, (gsize) stride * rows * side);
  return sheet;
}

void
moa_sheet_put (MoaSheet *sheet, int column, int row, const float *picture, int size, float low)
{
  guint8 *data = cairo_image_surface_get_data (sheet->surface);
  int stride = cairo_image_surface_get_stride (sheet->surface), side = sheet->side;
  if (!data)
    return;
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      {
        const float *in = picture + ((gsize) (y * size / side) * size + x * size / side) * 3;
        guint32 *out = (guint32 *) (data + (gsize) (row * side + y) * stride) + column * side + x;
        guint32 rgb = 0;
        for (int c = 0; c < 3; c++)
          rgb = rgb << 8 | (guint32) (CLAMP ((in[c] - low) / (1 - low), 0, 1) * 255 + 0.5f);
        *out = rgb;
      }
}

gboolean
moa_sheet_save (MoaSheet *sheet, const char *path, GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".part", NULL);
  cairo_surface_mark_dirty (sheet->surface);
  cairo_status_t status = cairo_surface_write_to_png (sheet->surface, temporary);
  cairo_surface_destroy (sheet->surface);
  g_free (sheet);
  if (status != CAIRO_STATUS_SUCCESS)
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path,
                     cairo_status_to_string (status));
  if (g_rename (temporary, path) == 0)
    return TRUE;
  int code = errno;
  return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path, g_strerror (code));
}
