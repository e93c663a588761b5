/* A story's panels as pages: see page.h.  Words are drawn by Pango, so that they need no fonts of GIMP's,
 * which batches may do without. */
#include "page.h"

#include "drawable.h"
#include "generate.h"
#include "intl.h"

#include <pango/pangocairo.h>

typedef struct {
  const Sequence *sequence;
  int n, columns, rows;       /* panels; of a page */
  int cell, gap, font;        /* a panel's place, pixels */
  MoaImage *title, **captions; /* how dark; NULL: none */
  int *heights;               /* of all pages' rows, one after another */
  int width, height;          /* of the image */
  gint32 image;
} Pages;

/* ---- Words --------------------------------------------------------------- */

/* Their coverage, 1 channel, width wide; NULL: there are none. */
static MoaImage *
draw_words (const char *text, int width, int font, gboolean bold)
{
  if (!text || !*text)
    return NULL;

  cairo_surface_t *probe = cairo_image_surface_create (CAIRO_FORMAT_A8, 1, 1);
  cairo_t *cairo = cairo_create (probe);
  PangoLayout *layout = pango_cairo_create_layout (cairo);
  PangoFontDescription *description = pango_font_description_from_string (bold ? "Sans Bold" : "Sans");
  int height;

  pango_font_description_set_absolute_size (description, font * PANGO_SCALE);
  pango_layout_set_font_description (layout, description);
  pango_layout_set_width (layout, width * PANGO_SCALE);
  pango_layout_set_wrap (layout, PANGO_WRAP_WORD_CHAR);
  pango_layout_set_text (layout, text, -1);
  pango_layout_get_pixel_size (layout, NULL, &height);
  cairo_destroy (cairo);
  cairo_surface_destroy (probe);

  cairo_surface_t *surface = cairo_image_surface_create (CAIRO_FORMAT_A8, width, MAX (height, 1));
  MoaImage *words = moa_image_new (width, MAX (height, 1), 1);

  cairo = cairo_create (surface);
  pango_cairo_show_layout (cairo, layout);
  cairo_destroy (cairo);
  cairo_surface_flush (surface);

  const guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);

  for (int y = 0; words && data && y < words->height; y++)
    for (int x = 0; x < width; x++)
      words->data[y * width + x] = data[y * stride + x] / 255.0f;
  cairo_surface_destroy (surface);
  pango_font_description_free (description);
  g_object_unref (layout);
  return words;
}

/* ---- Measuring ----------------------------------------------------------- */

static const Frame *
get_frame (const Pages *pages, int i)
{
  return g_ptr_array_index (pages->sequence->frames, i);
}

static void
measure (Pages *pages)
{
  const MoaStory *story = pages->sequence->story;
  const MoaSequenceParams *params = &pages->sequence->settings->sequence;

  pages->n = pages->sequence->frames->len;
  pages->columns = MIN (params->columns, pages->n);
  pages->rows = params->rows;
  for (int i = 0; i < pages->n; i++)
    pages->cell = MAX (pages->cell, get_frame (pages, i)->picture->width);
  pages->gap = MAX (pages->cell / 16, 4);
  pages->font = MAX (pages->cell / 16, 11);
  pages->width = pages->columns * (pages->cell + pages->gap) + pages->gap;
  pages->title = draw_words (story->title, pages->width - 2 * pages->gap, 2 * pages->font, TRUE);
  pages->captions = g_new0 (MoaImage *, pages->n);
  pages->heights = g_new0 (int, pages->n);
  for (int i = 0; i < pages->n; i++)
    {
      int *height = &pages->heights[i / pages->columns];
      MoaImage *words = draw_words (story->panels[i].caption, pages->cell, pages->font, FALSE);

      pages->captions[i] = words;
      *height = MAX (*height, get_frame (pages, i)->picture->height
                              + (words ? words->height + pages->gap / 2 : 0));
    }
}

/* Where row begins, counted from the first page's first, on its page. */
static int
find_row (const Pages *pages, int row)
{
  int y = pages->gap;

  if (row < pages->rows && pages->title)
    y += pages->title->height + pages->gap;
  for (int k = row / pages->rows * pages->rows; k < row; k++)
    y += pages->heights[k] + pages->gap;
  return y;
}

/* ---- Writing ------------------------------------------------------------- */

static void
add_words (const Pages *pages, gint32 page, const MoaImage *words, const char *name, int x, int y)
{
  MoaImage *ink = words ? moa_image_new (words->width, words->height, 3) : NULL; /* black */

  if (!ink)
    return;

  gint32 layer = gimp_layer_new (pages->image, name, ink->width, ink->height, GIMP_RGBA_IMAGE, 100,
                                 GIMP_LAYER_MODE_NORMAL);

  gimp_image_insert_layer (pages->image, layer, page, 0);
  drawable_write (layer, ink, words);
  gimp_layer_set_offsets (layer, x, y);
  moa_image_free (ink);
}

static void
add_paper (const Pages *pages, gint32 page)
{
  gint32 layer = gimp_layer_new (pages->image, _("Paper"), pages->width, pages->height, GIMP_RGB_IMAGE, 100,
                                 GIMP_LAYER_MODE_NORMAL);

  gimp_image_insert_layer (pages->image, layer, page, 0);
  gimp_drawable_fill (layer, GIMP_FILL_WHITE);
}

static void
add_page (const Pages *pages, int number)
{
  int each = pages->columns * pages->rows;
  g_autofree char *name = g_strdup_printf (_("Page %d"), number + 1);
  gint32 page = gimp_layer_group_new (pages->image);

  gimp_item_set_name (page, name);
  gimp_image_insert_layer (pages->image, page, -1, number);
  gimp_item_set_visible (page, number == 0);
  add_paper (pages, page);
  if (number == 0)
    add_words (pages, page, pages->title, pages->sequence->story->title, pages->gap, pages->gap);
  for (int i = number * each; i < MIN (pages->n, (number + 1) * each); i++)
    {
      const Frame *frame = get_frame (pages, i);
      int x = pages->gap + i % pages->columns * (pages->cell + pages->gap);
      int y = find_row (pages, i / pages->columns);
      g_autofree char *panel = g_strdup_printf (_("Panel %d"), i + 1);

      gint32 layer = sequence_add_picture (pages->sequence, frame, pages->image, page, panel);

      gimp_layer_set_offsets (layer, x, y);
      add_words (pages, page, pages->captions[i], frame->name, x,
                 y + frame->picture->height + pages->gap / 2);
    }
}

static void
clear (Pages *pages)
{
  for (int i = 0; i < pages->n; i++)
    moa_image_free (pages->captions[i]);
  g_free (pages->captions);
  moa_image_free (pages->title);
  g_free (pages->heights);
}

int
page_write (const Sequence *sequence, GError **error)
{
  Pages pages = { .sequence = sequence };

  measure (&pages);
  for (int row = 0; row * pages.columns < pages.n; row++)
    pages.height = MAX (pages.height, find_row (&pages, row) + pages.heights[row] + pages.gap);
  pages.image = generate_image_new (pages.width, pages.height, sequence->settings->how->mark, error);
  for (int i = 0; pages.image >= 0 && i * pages.columns * pages.rows < pages.n; i++)
    add_page (&pages, i);
  if (pages.image >= 0)
    gimp_image_undo_enable (pages.image);
  clear (&pages);
  return pages.image;
}
