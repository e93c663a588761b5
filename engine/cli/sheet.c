/* Contact sheets and pages: see sheet.h.  Drawn by Cairo, their words by Pango. */
#include "cli/sheet.h"

#include "base/error.h"

#include <pango/pangocairo.h>

enum { LEAST = 192, MOST = 512, GAP = 12, LARGEST = 32000 };

typedef struct {
  char *const *captions;
  GdkPixbuf **pictures; /* as large as they are shown; NULL: none */
  int n, columns, rows;
  int cell;             /* a place's width */
  int *heights;         /* of each row's pictures */
  int *words;           /* of each row's captions */
  int title;
} Sheet;

/* ---- Pictures ---- */

/* Small ones by a whole factor, without smoothing: a drawn world's pixels are to be seen. */
static GdkPixbuf *
fit (GdkPixbuf *pixbuf)
{
  int width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  int longer = MAX (width, height), zoom = MAX (1, LEAST / longer);
  zoom += longer * zoom < LEAST;
  if (longer <= MOST)
    return gdk_pixbuf_scale_simple (pixbuf, width * zoom, height * zoom, GDK_INTERP_NEAREST);
  return gdk_pixbuf_scale_simple (pixbuf, MAX (1, (gint64) width * MOST / longer),
                                  MAX (1, (gint64) height * MOST / longer), GDK_INTERP_HYPER);
}

static gboolean
load (Sheet *sheet, char *const *paths, GError **error)
{
  for (int i = 0; i < sheet->n; i++)
    {
      g_autoptr (GdkPixbuf) pixbuf = paths[i] ? moa_cli_load (paths[i], error) : NULL;
      if (paths[i] && !pixbuf)
        return FALSE;
      sheet->pictures[i] = pixbuf ? fit (pixbuf) : NULL;
      if (pixbuf && !sheet->pictures[i])
        return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to show it", paths[i]);
      int *height = &sheet->heights[i / sheet->columns];
      if (pixbuf)
        {
          sheet->cell = MAX (sheet->cell, gdk_pixbuf_get_width (sheet->pictures[i]));
          *height = MAX (*height, gdk_pixbuf_get_height (sheet->pictures[i]));
        }
    }
  return TRUE;
}

static void
put_picture (cairo_t *cairo, const GdkPixbuf *pixbuf, int x, int y)
{
  int width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  int channels = gdk_pixbuf_get_n_channels (pixbuf);
  gsize stride = gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *pixels = gdk_pixbuf_read_pixels (pixbuf);
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  guint8 *data = cairo_image_surface_get_data (surface);
  for (int j = 0; data && j < height; j++)
    for (int i = 0; i < width; i++)
      {
        const guint8 *p = pixels + j * stride + (gsize) i * channels;
        int alpha = channels == 4 ? p[3] : 255;
        guint32 rgb = 0;
        for (int c = 0; c < 3; c++)
          rgb = rgb << 8 | (255 + (p[c] - 255) * alpha / 255); /* on white */
        ((guint32 *) (data + (gsize) j * cairo_image_surface_get_stride (surface)))[i] = rgb;
      }
  cairo_surface_mark_dirty (surface);
  cairo_set_source_surface (cairo, surface, x, y);
  cairo_paint (cairo);
  cairo_surface_destroy (surface);
}

/* ---- Words ---- */

/* At most so wide; cairo may be one that draws nowhere.  Returns the height. */
static int
put_words (cairo_t *cairo, const char *text, int x, int y, int width, int pixels, gboolean bold)
{
  PangoLayout *layout = pango_cairo_create_layout (cairo);
  PangoFontDescription *font = pango_font_description_from_string (bold ? "Sans Bold" : "Sans");
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  int height;
  pango_font_description_set_absolute_size (font, pixels * PANGO_SCALE);
  pango_layout_set_font_description (layout, font);
  pango_layout_set_width (layout, width * PANGO_SCALE);
  pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_text (layout, valid, -1);
  pango_layout_get_pixel_size (layout, NULL, &height);
  cairo_set_source_rgb (cairo, 0.1, 0.1, 0.1);
  cairo_move_to (cairo, x, y);
  pango_cairo_show_layout (cairo, layout);
  pango_font_description_free (font);
  g_object_unref (layout);
  return height;
}

static int
caption_size (const Sheet *sheet)
{
  return CLAMP (sheet->cell / 16, 12, 20);
}

static int
sheet_width (const Sheet *sheet)
{
  return sheet->columns * (sheet->cell + GAP) + GAP;
}

/* How much room the words need. */
static void
measure (Sheet *sheet, const char *title)
{
  cairo_surface_t *nowhere = cairo_image_surface_create (CAIRO_FORMAT_A1, 1, 1);
  cairo_t *cairo = cairo_create (nowhere);
  for (int i = 0; i < sheet->n; i++)
    if (sheet->captions && sheet->captions[i])
      {
        int *row = &sheet->words[i / sheet->columns];
        int height = put_words (cairo, sheet->captions[i], 0, 0, sheet->cell, caption_size (sheet), FALSE);
        *row = MAX (*row, height + GAP / 2);
      }
  if (title)
    sheet->title = GAP + put_words (cairo, title, 0, 0, sheet_width (sheet) - 2 * GAP,
                                    2 * caption_size (sheet), TRUE);
  cairo_destroy (cairo);
  cairo_surface_destroy (nowhere);
}

/* ---- The whole ---- */

static void
put_all (const Sheet *sheet, cairo_t *cairo, const char *title)
{
  int y = GAP + sheet->title;
  cairo_set_source_rgb (cairo, 1, 1, 1);
  cairo_paint (cairo);
  if (title)
    put_words (cairo, title, GAP, GAP, sheet_width (sheet) - 2 * GAP, 2 * caption_size (sheet), TRUE);
  for (int row = 0; row < sheet->rows; row++)
    {
      for (int i = row * sheet->columns; i < MIN (sheet->n, (row + 1) * sheet->columns); i++)
        {
          int x = GAP + i % sheet->columns * (sheet->cell + GAP);
          if (sheet->pictures[i])
            put_picture (cairo, sheet->pictures[i], x, y);
          if (sheet->captions && sheet->captions[i])
            put_words (cairo, sheet->captions[i], x, y + sheet->heights[row] + GAP / 2, sheet->cell,
                       caption_size (sheet), FALSE);
        }
      y += sheet->heights[row] + sheet->words[row] + GAP;
    }
}

static gboolean
save (cairo_surface_t *surface, const char *to, GError **error)
{
  int width = cairo_image_surface_get_width (surface), height = cairo_image_surface_get_height (surface);
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, width, height);
  const guint8 *data = cairo_image_surface_get_data (surface);
  if (!pixbuf || !data)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for %d x %d pixels", to, width, height);
  cairo_surface_flush (surface);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        guint32 rgb = ((const guint32 *) (data + (gsize) y * cairo_image_surface_get_stride (surface)))[x];
        guint8 *p = gdk_pixbuf_get_pixels (pixbuf) + (gsize) y * gdk_pixbuf_get_rowstride (pixbuf) + 3 * x;
        for (int c = 0; c < 3; c++)
          p[c] = rgb >> (16 - 8 * c);
      }
  return moa_cli_save (pixbuf, to, error);
}

static gboolean
draw (const Sheet *sheet, const char *title, const char *to, GError **error)
{
  int width = sheet_width (sheet), height = GAP + sheet->title;
  for (int row = 0; row < sheet->rows; row++)
    height += sheet->heights[row] + sheet->words[row] + GAP;
  if (width > LARGEST || height > LARGEST)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: %d pictures make a sheet of %d x %d pixels; take more or fewer columns",
                     to, sheet->n, width, height);
  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_RGB24, width, height);
  cairo_t *cairo = cairo_create (surface);
  put_all (sheet, cairo, title);
  cairo_destroy (cairo);
  gboolean ok = save (surface, to, error);
  cairo_surface_destroy (surface);
  return ok;
}

gboolean
moa_cli_sheet (const char *title, char *const *paths, char *const *captions, int n, int columns,
               const char *to, GError **error)
{
  Sheet sheet = { captions, g_new0 (GdkPixbuf *, n + 1), n, CLAMP (columns, 1, MAX (n, 1)) };
  sheet.rows = (n + sheet.columns - 1) / sheet.columns;
  sheet.heights = g_new0 (int, sheet.rows + 1);
  sheet.words = g_new0 (int, sheet.rows + 1);
  sheet.cell = LEAST;
  gboolean ok = load (&sheet, paths, error);
  if (ok)
    measure (&sheet, title);
  ok = ok && draw (&sheet, title, to, error);
  for (int i = 0; i < n; i++)
    g_clear_object (&sheet.pictures[i]);
  g_free (sheet.pictures);
  g_free (sheet.heights);
  g_free (sheet.words);
  return ok;
}
