/* Strokes, and where persons stand. */
#include "paint.h"
#include "persons.h"
#include "screen.h"

static float
at (const MoaImage *image, int x, int y)
{
  return image->data[y * image->width + x];
}

static void
test_strokes (void)
{
  Paint paint = { 0 };

  paint_reset (&paint, 40, 30);
  g_assert_true (paint_is_empty (&paint));
  g_assert_null (paint_get_image (&paint));
  paint_stroke (&paint, TRUE, 5, 10, 35, 10, 6);
  paint_stroke (&paint, FALSE, 20, 0, 20, 29, 4);
  g_assert_false (paint_is_empty (&paint));

  MoaImage *strokes = paint_get_image (&paint);

  g_assert_cmpfloat (at (strokes, 10, 10), ==, 1);
  g_assert_cmpfloat (at (strokes, 10, 20), ==, 0);
  g_assert_cmpfloat (at (strokes, 20, 10), ==, -1); /* the later stroke wins */
  g_assert_cmpfloat (at (strokes, 20, 25), ==, -1);
  moa_image_free (strokes);

  MoaImage *half = screen_mask (40, 30, 0.5);
  MoaImage *applied = paint_apply (&paint, half, 0);

  g_assert_cmpfloat (at (applied, 10, 10), ==, 1);
  g_assert_cmpfloat (at (applied, 20, 10), ==, 0);
  g_assert_cmpfloat (at (applied, 2, 28), ==, 0.5);
  moa_image_free (applied);
  moa_image_free (half);

  paint_reset (&paint, 40, 30);
  g_assert_true (paint_is_empty (&paint));
}

static void
fill (MoaImage *mask, int x0, int y0, int x1, int y1)
{
  for (int y = y0; y < y1; y++)
    for (int x = x0; x < x1; x++)
      mask->data[y * mask->width + x] = 1;
}

static void
test_persons (void)
{
  MoaImage *mask = screen_mask (200, 100, 0);
  PersonMark marks[3];

  /* A wide person on the left, a slim one on the right, a crumb between. */
  fill (mask, 10, 20, 90, 90);
  fill (mask, 150, 20, 170, 90);
  fill (mask, 120, 50, 123, 53);
  persons_find (mask, 2, marks);
  g_assert_cmpfloat_with_epsilon (marks[0].x, 0.25, 0.01);
  g_assert_cmpfloat_with_epsilon (marks[1].x, 0.80, 0.01);
  g_assert_cmpfloat_with_epsilon (marks[1].y, 0.55, 0.015);

  /* Three in two parts: shared out by area. */
  persons_find (mask, 3, marks);
  g_assert_cmpfloat (marks[0].x, <, marks[1].x);
  g_assert_cmpfloat (marks[1].x, <, marks[2].x);
  moa_image_free (mask);

  persons_find (NULL, 2, marks);
  g_assert_cmpfloat_with_epsilon (marks[0].x, 0.25, 0.01);
  g_assert_cmpfloat_with_epsilon (marks[1].x, 0.75, 0.01);

  MoaImage *nothing = screen_mask (20, 10, 0);

  persons_find (nothing, 1, marks);
  g_assert_cmpfloat (marks[0].x, ==, 0.5);
  moa_image_free (nothing);
}

static float
value_at (const MoaImage *mask, int x, int y)
{
  return mask->data[y * mask->width + x];
}

static void
test_parts (void)
{
  MoaImage *mask = screen_mask (300, 100, 0), *parts[MOA_MAX_SUBJECTS];

  fill (mask, 200, 20, 260, 90);
  fill (mask, 20, 20, 100, 90);
  fill (mask, 150, 50, 153, 53); /* a crumb */
  mask->data[50 * 300 + 19] = 0.25; /* soft */
  g_assert_cmpint (persons_split (mask, NULL), ==, 2);
  g_assert_cmpint (persons_split (mask, parts), ==, 2);
  g_assert_cmpfloat (value_at (parts[0], 20, 20), ==, 1);
  g_assert_cmpfloat (value_at (parts[0], 99, 89), ==, 1);
  g_assert_cmpfloat (value_at (parts[0], 19, 50), ==, 0.25);
  g_assert_cmpfloat (value_at (parts[0], 230, 50), ==, 0);
  g_assert_cmpfloat (value_at (parts[1], 200, 20), ==, 1);
  g_assert_cmpfloat (value_at (parts[1], 259, 89), ==, 1);
  g_assert_cmpfloat (value_at (parts[1], 60, 50), ==, 0);
  for (int i = 0; i < 300 * 100; i++)
    g_assert_cmpfloat (MIN (parts[0]->data[i], parts[1]->data[i]), ==, 0);
  for (int k = 0; k < 2; k++)
    moa_image_free (parts[k]);

  /* A bridge makes one of them. */
  fill (mask, 90, 40, 210, 60);
  g_assert_cmpint (persons_split (mask, NULL), ==, 1);
  moa_image_free (mask);
  g_assert_cmpint (persons_split (NULL, NULL), ==, 0);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
  g_test_add_func ("/ui/paint/strokes", test_strokes);
  g_test_add_func ("/ui/paint/persons", test_persons);
  g_test_add_func ("/ui/paint/parts", test_parts);
  return g_test_run ();
}
