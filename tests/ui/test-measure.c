/* What the cost of a replacement in a file is told by: sizes, without the pixels. */
#include "screen.h"

#include "plugin/sequence_private.h"

#include <string.h>

static MoaModel *model;
static char *folder;

/* A picture that is white in the rectangle.  cut: only its beginning, which tells the size.
 * (transfer full) */
static char *
write_picture (const char *name, int width, int height, const MoaRect *white, gboolean cut)
{
  char *path = g_build_filename (folder, name, NULL);
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, width, height);
  g_autofree char *bytes = NULL;
  gsize size;

  gdk_pixbuf_fill (pixbuf, 0);
  if (white)
    {
      GdkPixbuf *part = gdk_pixbuf_new_subpixbuf (pixbuf, white->x, white->y, white->width, white->height);

      gdk_pixbuf_fill (part, 0xffffffff);
      g_object_unref (part);
    }
  g_assert_true (gdk_pixbuf_save_to_buffer (pixbuf, &bytes, &size, "png", NULL, NULL));
  g_assert_true (g_file_set_contents (path, bytes, cut ? 60 : size, NULL));
  g_object_unref (pixbuf);
  return path;
}

static void
check (const char *replace, const char *select, const char *follow, int width, int height,
       const MoaRect *bounds)
{
  Sequence sequence = { .model = model, .cost = TRUE };
  ReplaceTask task = { .settings = replace_settings_new (), .model = model };
  Frame frame = { .task = &task, .replace = (char *) replace, .select = (char *) select,
                  .follow = (char *) follow };
  g_autoptr (GError) error = NULL;
  MoaRect area;

  moa_work_area (width, height, bounds, moa_model_get_info (model)->side, &area);
  for (int i = 0; i < 2; i++) /* the second time nothing is left to do */
    {
      g_assert_true (sequence_measure (&sequence, &frame, &error));
      g_assert_no_error (error);
    }
  g_assert_cmpmem (&area, sizeof area, &task.area, sizeof area);
  g_assert_cmpint (task.source->width, ==, area.width);
  g_assert_cmpint (task.source->height, ==, area.height);
  g_assert_cmpint (task.selection != NULL, ==, select != NULL);
  g_assert_cmpint (task.control != NULL, ==, follow != NULL);
  moa_image_free (task.source);
  moa_image_free (task.selection);
  moa_image_free (task.control);
  replace_settings_free (task.settings);
}

static void
test_size (void)
{
  g_autofree char *path = write_picture ("cut.png", 640, 480, NULL, TRUE);

  g_assert_null (gdk_pixbuf_new_from_file (path, NULL));
  check (path, NULL, NULL, 640, 480, NULL);
}

static void
test_selection (void)
{
  const MoaRect white = { 900, 100, 130, 220 };
  g_autofree char *path = write_picture ("long.png", 2000, 400, NULL, TRUE);
  g_autofree char *mask = write_picture ("mask.png", 2000, 400, &white, FALSE);

  check (path, mask, path, 2000, 400, &white);
}

static void
test_unknown (void)
{
  g_autofree char *path = g_build_filename (folder, "picture.xcf", NULL);
  int side = moa_model_get_info (model)->side;

  g_assert_true (g_file_set_contents (path, "gimp xcf v011", -1, NULL));
  check (path, NULL, NULL, side, side, NULL);
}

static void
test_missing (void)
{
  g_autofree char *path = write_picture ("there.png", 64, 64, NULL, FALSE);
  const char *const paths[][3] = { { "/nowhere/a.png" }, { path, "/nowhere/a.png" },
                                   { path, NULL, "/nowhere/a.png" } };

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      Sequence sequence = { .model = model, .cost = TRUE };
      ReplaceTask task = { .model = model };
      Frame frame = { .task = &task, .replace = (char *) paths[i][0], .select = (char *) paths[i][1],
                      .follow = (char *) paths[i][2] };
      g_autoptr (GError) error = NULL;

      g_assert_false (sequence_measure (&sequence, &frame, &error));
      g_assert_nonnull (strstr (error->message, "/nowhere/a.png"));
    }
}

static void
test_control (void)
{
  g_autofree char *path = write_picture ("follow.png", 640, 480, NULL, TRUE);
  Sequence sequence = { .model = model, .cost = TRUE };
  Frame frame = { .settings = generate_settings_new ("story", NULL), .follow = path };
  g_autoptr (GError) error = NULL;

  g_assert_true (sequence_measure (&sequence, &frame, &error));
  g_assert_no_error (error);
  g_assert_true (frame.settings->params.control.image == frame.control && frame.control);
  moa_image_free (frame.control);
  generate_settings_free (frame.settings);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  screen_init (&argc, &argv);
  model = moa_model_open (g_getenv ("MOA_MODEL"), &error);
  g_assert_no_error (error);
  folder = g_dir_make_tmp ("moa-measure-XXXXXX", NULL);
  g_test_add_func ("/ui/measure/size", test_size);
  g_test_add_func ("/ui/measure/selection", test_selection);
  g_test_add_func ("/ui/measure/unknown", test_unknown);
  g_test_add_func ("/ui/measure/missing", test_missing);
  g_test_add_func ("/ui/measure/control", test_control);

  int code = g_test_run ();
  GDir *dir = g_dir_open (folder, 0, NULL);

  for (const char *name; (name = g_dir_read_name (dir));)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);

      g_assert_cmpint (remove (path), ==, 0);
    }
  g_dir_close (dir);
  g_assert_cmpint (remove (folder), ==, 0);
  g_free (folder);
  moa_model_unref (model);
  return code;
}
