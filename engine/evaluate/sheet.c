/* The contact sheet: a row for each swap, so that a person can judge. */
#include "evaluate/evaluator.h"

#include <cairo.h>
#include <string.h>

enum { COLUMNS = 6, GAP = 4, LABEL = 18 };

static const char *const labels[COLUMNS] = { "source", "subject", "result", "truth", "mask",
                                             "router" };

/* A cell's pixel from a picture of any size, repeated or left out. */
static void
put (MoaImage *sheet, const MoaImage *picture, int x0, int y0, int side)
{
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      {
        gsize from = (gsize) (y * picture->height / side) * picture->width
                     + x * picture->width / side;
        float *to = sheet->data + ((gsize) (y0 + y) * sheet->width + x0 + x) * 3;
        for (int c = 0; c < 3; c++)
          to[c] = picture->data[from * picture->channels + (picture->channels == 1 ? 0 : c)];
      }
}

/* The line of labels, as Cairo writes it. */
static void
put_labels (MoaImage *sheet, int side)
{
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, sheet->width, LABEL);
  cairo_t *cr = cairo_create (surface);
  cairo_set_source_rgb (cr, 1, 1, 1);
  cairo_paint (cr);
  cairo_set_source_rgb (cr, 0, 0, 0);
  cairo_select_font_face (cr, "sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size (cr, 12);
  for (int i = 0; i < COLUMNS; i++)
    {
      cairo_move_to (cr, GAP + i * (side + GAP), LABEL - 5);
      cairo_show_text (cr, labels[i]);
    }
  cairo_destroy (cr);
  cairo_surface_flush (surface);
  const guint8 *data = cairo_image_surface_get_data (surface);
  for (int y = 0; y < LABEL && data; y++)
    for (int x = 0; x < sheet->width; x++)
      {
        guint32 pixel;
        memcpy (&pixel, data + y * cairo_image_surface_get_stride (surface) + 4 * x, sizeof pixel);
        for (int c = 0; c < 3; c++)
          sheet->data[((gsize) y * sheet->width + x) * 3 + c]
            = (pixel >> (16 - 8 * c) & 255) / 255.0f;
      }
  cairo_surface_destroy (surface);
}

MoaImage *
moa_sheet (const MoaSheetRow *rows, int n)
{
  int side = n ? rows[0].source->width : 1;
  MoaImage *sheet = moa_image_new (GAP + COLUMNS * (side + GAP), LABEL + n * (side + GAP), 3);
  if (!sheet)
    return NULL;
  for (gsize i = 0; i < (gsize) sheet->width * sheet->height * 3; i++)
    sheet->data[i] = 1;
  put_labels (sheet, side);
  for (int i = 0; i < n; i++)
    {
      const MoaImage *cells[COLUMNS] = { rows[i].source, rows[i].photo, rows[i].result,
                                         rows[i].truth, rows[i].mask, rows[i].router };
      for (int k = 0; k < COLUMNS; k++)
        put (sheet, cells[k], GAP + k * (side + GAP), LABEL + i * (side + GAP), side);
    }
  return sheet;
}
