/* The list of subjects: adding, photos, who replaces whom, saving, what is gone, dropping. */
#include "screen.h"
#include "subject_list.h"

#include <string.h>

typedef struct {
  SubjectList *list;
  GtkWidget *window;
  int changed;
  const char *gone; /* a source that is there no more */
} Fixture;

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  Fixture *f = data;

  if (!g_strcmp0 (source, f->gone) || g_str_has_prefix (source, "bad"))
    return FALSE;
  *thumbnail = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, side, side * 3 / 4);
  gdk_pixbuf_fill (*thumbnail, g_str_hash (source) * 2654435761u | 0xff);
  *label = g_strdup_printf ("Layer %s", source);
  return TRUE;
}

static char **
list_layers (gpointer data)
{
  return g_strsplit ("17 18", " ", 0);
}

static char **
list_saved (gpointer data)
{
  return g_strsplit ("saved:anna", " ", 0);
}

static void
on_changed (gpointer data)
{
  ((Fixture *) data)->changed++;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  SubjectHooks hooks = { look, list_layers, list_saved, on_changed, f, data == NULL };

  f->list = subject_list_new (&hooks);
  f->window = screen_show (subject_list_get_widget (f->list), 380, 260);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gtk_widget_destroy (f->window);
  subject_list_free (f->list);
}

static void
test_rows (Fixture *f, gconstpointer data)
{
  screen_save (f->window, "subjects-empty");
  screen_check_access (f->window);
  g_assert_true (subject_list_add (f->list, "17"));
  g_assert_true (subject_list_add (f->list, "/tmp/anna.jpg"));
  g_assert_true (subject_list_add_photo (f->list, 1, "18"));
  g_assert_true (subject_list_add_photo (f->list, 1, "19"));
  g_assert_true (subject_list_add_photo (f->list, 1, "20"));
  g_assert_true (subject_list_add_keep (f->list));
  g_assert_false (subject_list_add_photo (f->list, 2, "21"));
  g_assert_false (subject_list_add (f->list, "bad"));
  g_assert_cmpint (f->changed, ==, 6);
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, 3);
  g_assert_cmpint (subject_list_get_n_subjects (f->list), ==, 2);
  g_assert_cmpint (subject_list_get_row (f->list, 1)->sources->len, ==, 4);
  screen_save (f->window, "subjects");
  screen_check_access (f->window);

  GtkWidget *name = screen_find (f->window, GTK_TYPE_ENTRY, "Name of the person");

  gtk_entry_set_text (GTK_ENTRY (name), "Bob");
  g_assert_cmpstr (subject_list_get_row (f->list, 0)->name, ==, "Bob");

  GtkWidget *combo = screen_find (f->window, GTK_TYPE_COMBO_BOX,
                                  "Whom this person replaces: the number on the preview");

  gtk_combo_box_set_active (GTK_COMBO_BOX (combo), 2);
  screen_settle ();
  g_assert_cmpint (subject_list_get_row (f->list, 0)->person, ==, 2);
  g_assert_cmpint (subject_list_get_row (f->list, 2)->person, ==, 0);

  gtk_button_clicked (GTK_BUTTON (screen_find (f->window, GTK_TYPE_BUTTON,
                                               "Remove this person from the list")));
  screen_settle ();
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, 2);
  g_assert_cmpint (subject_list_get_row (f->list, 0)->person, ==, 1);
}

/* Where a picture is drawn anew, nobody is there to be replaced. */
static void
test_new_picture (Fixture *f, gconstpointer data)
{
  subject_list_add (f->list, "17");
  subject_list_add (f->list, "18");
  screen_save (f->window, "subjects-new-picture");
  screen_check_access (f->window);
  g_assert_nonnull (screen_find (f->window, GTK_TYPE_ENTRY, "Name of the person"));
  g_assert_null (screen_find (f->window, GTK_TYPE_COMBO_BOX, NULL));
  g_assert_null (screen_find (f->window, GTK_TYPE_LABEL, "replaces"));
}

static void
test_full (Fixture *f, gconstpointer data)
{
  for (int i = 0; i < MOA_MAX_SUBJECTS; i++)
    g_assert_true (subject_list_add (f->list, "17"));
  g_assert_false (subject_list_add (f->list, "17"));
  g_assert_false (subject_list_add_keep (f->list));
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, MOA_MAX_SUBJECTS);
  screen_save (f->window, "subjects-full");
}

static void
test_save (Fixture *f, gconstpointer data)
{
  subject_list_add (f->list, "17");
  subject_list_add (f->list, "/tmp/an \"odd\" name.png");
  subject_list_add_photo (f->list, 1, "18");
  subject_list_add_keep (f->list);
  subject_list_set_person (f->list, 0, 2);

  g_autofree char *json = subject_list_save (f->list);

  subject_list_restore (f->list, "[]");
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, 0);
  subject_list_restore (f->list, json);
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, 3);
  g_assert_cmpstr (subject_list_get_row (f->list, 1)->sources->pdata[0], ==,
                   "/tmp/an \"odd\" name.png");
  g_assert_cmpint (subject_list_get_row (f->list, 0)->person, ==, 2);
  g_assert_true (subject_list_get_row (f->list, 2)->keep);

  /* A layer that was deleted goes, and its row if it was the only photo. */
  f->gone = "18";
  subject_list_refresh (f->list);
  g_assert_cmpint (subject_list_get_row (f->list, 1)->sources->len, ==, 1);
  f->gone = "17";
  subject_list_refresh (f->list);
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, 2);

  /* Whatever is stored, the rows stay sound. */
  static const char *const odd[] = {
    "", "nonsense", "{}", "[1, null, \"a\"]", "[{\"person\": 99, \"sources\": [\"20\", 7]}]",
    "[{\"sources\": [\"20\"], \"person\": -4}, {\"sources\": [\"21\"], \"person\": -4}]", NULL
  };

  for (int i = 0; odd[i]; i++)
    {
      subject_list_restore (f->list, odd[i]);
      for (int k = 0; k < subject_list_get_n_rows (f->list); k++)
        g_assert_cmpint (subject_list_get_row (f->list, k)->person, ==, k);
    }
  g_assert_cmpint (subject_list_get_n_rows (f->list), ==, 2);
  subject_list_restore (f->list, NULL);
}

static void
test_drop (Fixture *f, gconstpointer data)
{
  GtkWidget *scrolled = screen_find (f->window, GTK_TYPE_SCROLLED_WINDOW, NULL);
  GtkTargetList *targets = gtk_drag_dest_get_target_list (scrolled);

  g_assert_nonnull (targets);
  g_assert_true (gtk_target_list_find (targets, gdk_atom_intern ("text/uri-list", FALSE), NULL));
  g_assert_true (gtk_target_list_find (targets, gdk_atom_intern ("image/png", FALSE), NULL));
}

/* A pasted picture becomes a file once, however often it is pasted. */
static void
test_paste (Fixture *f, gconstpointer data)
{
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 5, 4);
  g_autoptr (GError) error = NULL;

  gdk_pixbuf_fill (pixbuf, 0x123456ff);

  g_autofree char *first = subject_list_keep_pixbuf (pixbuf, &error);
  g_autofree char *second = subject_list_keep_pixbuf (pixbuf, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (first, ==, second);

  g_autoptr (GdkPixbuf) back = gdk_pixbuf_new_from_file (first, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (gdk_pixbuf_read_pixels (back), 3, "\x12\x34\x56", 3);
}

int
main (int argc, char **argv)
{
  g_autofree char *cache = g_dir_make_tmp ("moa-ui-XXXXXX", NULL);

  g_setenv ("XDG_CACHE_HOME", cache, TRUE);
  screen_init (&argc, &argv);
#define ADD(name, function) \
  g_test_add ("/ui/subjects/" name, Fixture, NULL, set_up, function, tear_down)
  ADD ("rows", test_rows);
  g_test_add ("/ui/subjects/new-picture", Fixture, "new", set_up, test_new_picture, tear_down);
  ADD ("full", test_full);
  ADD ("save", test_save);
  ADD ("drop", test_drop);
  ADD ("paste", test_paste);
  return g_test_run ();
}
