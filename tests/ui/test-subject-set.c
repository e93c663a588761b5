/* The persons of a list with their photos: a file is read once, and again when it or its row is another. */
#include "screen.h"
#include "sources.h"
#include "subject_set.h"

#include <glib/gstdio.h>

static int n_read;

/* In the place of what reads files and GIMP's layers. */
gboolean
source_read (const char *source, MoaImage **photo, MoaSavedSubject **saved, GError **error)
{
  n_read++;
  *saved = NULL;
  *photo = g_str_has_suffix (source, "damaged") ? NULL : screen_plain (8, 8, n_read / 100.0f, 0, 0);
  if (!*photo)
    g_set_error (error, MOA_ERROR, MOA_ERROR_MODEL, "damaged");
  return *photo != NULL;
}

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  *thumbnail = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, side, side);
  *label = g_path_get_basename (source);
  return TRUE;
}

static char **
list_none (gpointer data)
{
  return g_new0 (char *, 1);
}

static void
nothing (gpointer data)
{
}

/* How many photos a set reads. */
static int
count_reads (SubjectList *list, float *red)
{
  int before = n_read;
  SubjectSet *set = subject_set_new (list, TRUE, NULL);

  g_assert_nonnull (set);
  g_assert_cmpint (set->subjects[0].n_photos, ==, 1);
  *red = set->subjects[0].photos[0]->data[0];
  subject_set_free (set);
  return n_read - before;
}

static void
test_kept (void)
{
  SubjectHooks hooks = { look, list_none, list_none, nothing };
  g_autofree char *folder = g_dir_make_tmp ("moa-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "anna.png", NULL);
  g_autofree char *damaged = g_build_filename (folder, "damaged", NULL);
  SubjectList *list = subject_list_new (&hooks);
  GtkWidget *widget = g_object_ref_sink (subject_list_get_widget (list));
  g_autoptr (GError) error = NULL;
  float first, red;

  g_assert_true (g_file_set_contents (file, "a", 1, NULL));
  g_assert_true (g_file_set_contents (damaged, "a", 1, NULL));
  subject_list_add (list, file);
  g_assert_cmpint (count_reads (list, &first), ==, 1);
  g_assert_cmpint (count_reads (list, &red), ==, 0);
  g_assert_cmpfloat (red, ==, first);

  g_assert_true (g_file_set_contents (file, "ab", 2, NULL));
  g_assert_cmpint (count_reads (list, &red), ==, 1);
  g_assert_cmpfloat (red, !=, first);

  /* Nobody says when a layer changes. */
  subject_list_add (list, "17");
  g_assert_cmpint (count_reads (list, &red), ==, 1);
  g_assert_cmpint (count_reads (list, &red), ==, 1);

  /* What no row has is not kept. */
  subject_list_remove (list, 0);
  g_assert_cmpint (count_reads (list, &red), ==, 1);
  subject_list_remove (list, 0);
  subject_list_add (list, file);
  g_assert_cmpint (count_reads (list, &red), ==, 1);

  subject_list_add (list, damaged);
  g_assert_null (subject_set_new (list, TRUE, &error));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_MODEL);

  gtk_widget_destroy (widget);
  g_object_unref (widget);
  subject_list_free (list);
  g_remove (file);
  g_remove (damaged);
  g_rmdir (folder);
}

/* A set that is in use outlives its list. */
static void
test_outlives (void)
{
  SubjectHooks hooks = { look, list_none, list_none, nothing };
  g_autofree char *file = g_build_filename (g_get_tmp_dir (), "moa-test-outlives", NULL);
  SubjectList *list = subject_list_new (&hooks);
  GtkWidget *widget = g_object_ref_sink (subject_list_get_widget (list));

  g_assert_true (g_file_set_contents (file, "a", 1, NULL));
  subject_list_add (list, file);

  SubjectSet *one = subject_set_new (list, TRUE, NULL), *other = subject_set_new (list, TRUE, NULL);

  g_assert_true (one->subjects[0].photos[0] == other->subjects[0].photos[0]);
  subject_set_free (one);
  gtk_widget_destroy (widget);
  g_object_unref (widget);
  subject_list_free (list);
  g_assert_cmpint (other->subjects[0].photos[0]->width, ==, 8);
  subject_set_free (other);
  g_remove (file);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
  g_test_add_func ("/ui/subject-set/kept", test_kept);
  g_test_add_func ("/ui/subject-set/outlives", test_outlives);
  return g_test_run ();
}
