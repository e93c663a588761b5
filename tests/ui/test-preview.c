/* The preview: zoom, pan, before and after, painting, progress, keys. */
#include "preview.h"
#include "screen.h"

#define SIDE 300

typedef struct {
  Preview *preview;
  GtkWidget *window, *area;
  MoaImage *red, *blue;
  int painted;
} Fixture;

static void
on_painted (gpointer data)
{
  ((Fixture *) data)->painted++;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  PreviewSpec spec = { .add = "_Add", .remove = "_Remove", .add_tip = "adds", .remove_tip = "removes",
                       .name = "Preview", .compare = TRUE, .width = SIDE, .height = SIDE, .painted = on_painted,
                       .data = f };

  f->preview = preview_new (&spec);
  f->window = screen_show (preview_get_widget (f->preview), SIDE + 20, SIDE + 100);
  f->area = screen_find (f->window, GTK_TYPE_DRAWING_AREA, NULL);
  f->red = screen_plain (100, 50, 1, 0, 0);
  f->blue = screen_plain (100, 50, 0, 0, 1);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gtk_widget_destroy (f->window);
  preview_free (f->preview);
  moa_image_free (f->red);
  moa_image_free (f->blue);
}

static void
get_middle (Fixture *f, int *x, int *y)
{
  GtkAllocation size;

  gtk_widget_get_allocation (f->area, &size);
  *x = size.width / 2;
  *y = size.height / 2;
}

static void
test_empty (Fixture *f, gconstpointer data)
{
  preview_set_picture (f->preview, NULL, 0, "There is no layer.");
  screen_key (f->area, GDK_plus);
  screen_drag (f->area, 10, 10, 50, 50);
  g_assert_false (preview_is_painted (f->preview));
  screen_check_access (f->window);
  screen_save (f->window, "preview-empty");
}

static void
test_zoom (Fixture *f, gconstpointer data)
{
  int x, y;

  preview_set_picture (f->preview, f->red, 100, NULL);
  get_middle (f, &x, &y);

  /* Fit: the whole width, and nothing above and below. */
  double fit = preview_get_zoom (f->preview);

  g_assert_cmpfloat_with_epsilon (fit, 2 * x / 100.0, 0.02);
  g_assert_cmphex (screen_get_pixel (f->area, x, y), ==, 0xff0000);
  g_assert_cmphex (screen_get_pixel (f->area, x, 8), !=, 0xff0000);

  screen_key (f->area, GDK_1);
  g_assert_cmpfloat (preview_get_zoom (f->preview), ==, 1);
  g_assert_cmphex (screen_get_pixel (f->area, x - 49, y), ==, 0xff0000);
  g_assert_cmphex (screen_get_pixel (f->area, x - 52, y), !=, 0xff0000);

  for (int i = 0; i < 10; i++)
    screen_scroll (f->area, x, y, GDK_SCROLL_UP);
  g_assert_cmpfloat (preview_get_zoom (f->preview), >, fit);
  for (int i = 0; i < 60; i++)
    screen_scroll (f->area, x, y, GDK_SCROLL_UP);
  g_assert_cmpfloat (preview_get_zoom (f->preview), <=, 32);
  screen_key (f->area, GDK_0);
  g_assert_cmpfloat_with_epsilon (preview_get_zoom (f->preview), fit, 1e-6);

  /* A smaller copy of a large picture: 100 % are the large one's pixels. */
  preview_set_picture (f->preview, f->red, 1000, NULL);
  screen_key (f->area, GDK_1);
  g_assert_cmpfloat_with_epsilon (preview_get_zoom (f->preview), 1, 1e-6);
  g_assert_cmphex (screen_get_pixel (f->area, 2, y), ==, 0xff0000);
}

static void
test_wheel_keeps_point (Fixture *f, gconstpointer data)
{
  /* Blue but for a red column at 80: it must stay under the pointer. */
  for (int y = 0; y < 50; y++)
    for (int x = 80; x < 84; x++)
      {
        f->blue->data[(y * 100 + x) * 3] = 1;
        f->blue->data[(y * 100 + x) * 3 + 2] = 0;
      }
  preview_set_picture (f->preview, f->blue, 100, NULL);

  int x, y, column;

  get_middle (f, &x, &y);
  column = 82 * preview_get_zoom (f->preview);
  g_assert_cmphex (screen_get_pixel (f->area, column, y), ==, 0xff0000);
  for (int i = 0; i < 6; i++)
    screen_scroll (f->area, column, y, GDK_SCROLL_UP);
  g_assert_cmphex (screen_get_pixel (f->area, column, y), ==, 0xff0000);

  /* Dragging to the right brings the left part. */
  for (int i = 0; i < 20; i++)
    screen_drag (f->area, 20, y, x + 80, y);
  g_assert_cmphex (screen_get_pixel (f->area, column, y), ==, 0x0000ff);
}

/* Whether a name stands x pixels from the left at the picture's top. */
static gboolean
is_named (Fixture *f, int x)
{
  int middle_x, middle_y;

  get_middle (f, &middle_x, &middle_y);

  guint32 pixel = screen_get_pixel (f->area, x, middle_y - middle_x / 2 + 8);

  return pixel != 0xff0000 && pixel != 0x0000ff;
}

static void
test_compare (Fixture *f, gconstpointer data)
{
  int x, y;

  preview_set_picture (f->preview, f->red, 100, NULL);
  preview_set_after (f->preview, f->blue);
  get_middle (f, &x, &y);
  preview_set_split (f->preview, 0.5);
  g_assert_cmphex (screen_get_pixel (f->area, x - 20, y), ==, 0xff0000);
  g_assert_cmphex (screen_get_pixel (f->area, x + 20, y), ==, 0x0000ff);
  g_assert_true (is_named (f, x - 8) && is_named (f, x + 8));
  g_assert_false (is_named (f, 8) || is_named (f, 2 * x - 8));
  screen_save (f->window, "preview-compare");

  screen_drag (f->area, x, y, x + 60, y); /* the line */
  g_assert_cmphex (screen_get_pixel (f->area, x + 40, y), ==, 0xff0000);
  screen_key (f->area, GDK_space);
  g_assert_cmphex (screen_get_pixel (f->area, 10, y), ==, 0x0000ff);
  g_assert_true (is_named (f, 8));
  g_assert_false (is_named (f, 2 * x - 8));
  screen_key (f->area, GDK_space);
  g_assert_cmphex (screen_get_pixel (f->area, 2 * x - 10, y), ==, 0xff0000);
  g_assert_true (is_named (f, 2 * x - 8));
  g_assert_false (is_named (f, 8));

  /* What comes after has its own size: a quick preview is smaller. */
  MoaImage *small = screen_plain (10, 5, 0, 1, 0);

  preview_set_after (f->preview, small);
  preview_set_split (f->preview, 0);
  g_assert_cmphex (screen_get_pixel (f->area, x, y), ==, 0x00ff00);
  moa_image_free (small);
}

static void
test_paint (Fixture *f, gconstpointer data)
{
  int x, y;

  preview_set_picture (f->preview, f->red, 100, NULL);
  get_middle (f, &x, &y);
  screen_drag (f->area, x - 20, y, x + 20, y);
  g_assert_false (preview_is_painted (f->preview)); /* that was panning */

  preview_set_tool (f->preview, PREVIEW_ADD);
  screen_drag (f->area, x - 40, y, x + 40, y);
  g_assert_cmpint (f->painted, ==, 1);
  g_assert_true (preview_is_painted (f->preview));

  MoaImage *paint = preview_get_paint (f->preview);

  g_assert_cmpfloat (paint->data[25 * 100 + 50], ==, 1);
  g_assert_cmpfloat (paint->data[2 * 100 + 2], ==, 0);
  moa_image_free (paint);

  preview_set_tool (f->preview, PREVIEW_REMOVE);
  screen_drag (f->area, x, y, x + 1, y);
  paint = preview_get_paint (f->preview);
  g_assert_cmpfloat (paint->data[25 * 100 + 50], ==, -1);
  moa_image_free (paint);

  /* The same picture again keeps the strokes, one of another size does not. */
  preview_set_picture (f->preview, f->red, 100, NULL);
  g_assert_true (preview_is_painted (f->preview));
  gtk_button_clicked (GTK_BUTTON (screen_find (f->window, GTK_TYPE_BUTTON, "Clear")));
  g_assert_false (preview_is_painted (f->preview));
  g_assert_cmpint (f->painted, ==, 3);
  screen_drag (f->area, x, y, x + 1, y);

  MoaImage *other = screen_plain (60, 60, 0, 1, 0);

  preview_set_picture (f->preview, other, 60, NULL);
  g_assert_false (preview_is_painted (f->preview));
  moa_image_free (other);
}

static void
test_overlays (Fixture *f, gconstpointer data)
{
  MoaImage *mask = screen_mask (10, 5, 0), *gray = screen_plain (100, 50, 0.5, 0.5, 0.5);
  PersonMark marks[2] = { { 0.25, 0.5 }, { 0.75, 0.5 } };
  int x, y;

  for (int v = 0; v < 5; v++)
    for (int u = 5; u < 10; u++)
      mask->data[v * 10 + u] = 1;
  preview_set_picture (f->preview, gray, 100, NULL);
  preview_set_limit (f->preview, mask);
  get_middle (f, &x, &y);
  g_assert_cmphex (screen_get_pixel (f->area, 10, y) & 0xff, <, 0x60);
  g_assert_cmphex (screen_get_pixel (f->area, 2 * x - 10, y) & 0xff, ==, 0x80);
  preview_set_tint (f->preview, mask, FALSE);
  g_assert_cmphex (screen_get_pixel (f->area, 2 * x - 10, y) >> 16, >, 0xa0);
  preview_set_limit (f->preview, NULL);
  preview_set_tint (f->preview, NULL, FALSE);

  preview_set_marks (f->preview, marks, 2);
  g_assert_cmphex (screen_get_pixel (f->area, x / 2 - 7, y + 6), !=, 0x808080);
  g_assert_cmphex (screen_get_pixel (f->area, x, y), ==, 0x808080);

  preview_set_progress (f->preview, 0.5, "Generating, step 3 of 50 (12 s left)");
  g_assert_cmpstr (atk_object_get_description (gtk_widget_get_accessible (f->area)), ==,
                   "Generating, step 3 of 50 (12 s left)");
  screen_save (f->window, "preview-progress");
  preview_set_progress (f->preview, -1, NULL);
  screen_check_access (f->window);
  moa_image_free (mask);
  moa_image_free (gray);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
#define ADD(name, function) \
  g_test_add ("/ui/preview/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("empty", test_empty);
  ADD ("zoom", test_zoom);
  ADD ("wheel-keeps-point", test_wheel_keeps_point);
  ADD ("compare", test_compare);
  ADD ("paint", test_paint);
  ADD ("overlays", test_overlays);
  return g_test_run ();
}
