/* The strip of earlier results. */
#include "history_strip.h"
#include "screen.h"

typedef struct {
  int compared, restored, applied;
} Calls;

static void
on_compare (int i, gpointer data)
{
  ((Calls *) data)->compared = i;
}

static void
on_restore (int i, gpointer data)
{
  ((Calls *) data)->restored = i;
}

static void
on_apply (int i, gpointer data)
{
  ((Calls *) data)->applied = i;
}

static void
test_strip (void)
{
  Calls calls = { -2, -2, -2 };
  HistoryHooks hooks = { .compare = on_compare, .restore = on_restore, .apply = on_apply,
                         .data = &calls };
  HistoryStrip *strip = history_strip_new ("No results yet: they are kept here.", &hooks);
  GtkWidget *window = screen_show (history_strip_get_widget (strip), 440, 170);
  GtkWidget *restore = screen_find (window, GTK_TYPE_BUTTON, "Restore Settings");

  screen_save (window, "history-empty");
  g_assert_false (gtk_widget_get_mapped (restore));
  g_assert_cmpint (history_strip_get_chosen (strip), ==, -1);
  for (int i = 0; i < 8; i++)
    {
      g_autoptr (GdkPixbuf) thumbnail = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 64, 48);
      g_autofree char *title = g_strdup_printf ("Seed %d", i);

      gdk_pixbuf_fill (thumbnail, 0x2040a0ff + (guint32) i * 0x18000000u);
      history_strip_add (strip, thumbnail, title, "50 steps");
    }
  screen_settle ();
  g_assert_cmpint (history_strip_get_n (strip), ==, 8);
  g_assert_true (gtk_widget_get_mapped (restore));
  g_assert_false (gtk_widget_get_sensitive (restore));
  g_assert_false (gtk_widget_get_visible (screen_find (window, GTK_TYPE_BUTTON, "Delete")));

  history_strip_choose (strip, 3);
  screen_settle ();
  g_assert_cmpint (calls.compared, ==, 3);
  gtk_button_clicked (GTK_BUTTON (restore));
  g_assert_cmpint (calls.restored, ==, 3);
  gtk_button_clicked (GTK_BUTTON (screen_find (window, GTK_TYPE_BUTTON, "Add as La_yers")));
  g_assert_cmpint (calls.applied, ==, 3);
  screen_check_access (window);
  screen_save (window, "history");
  history_strip_choose (strip, -1);
  g_assert_cmpint (calls.compared, ==, -1);
  history_strip_clear (strip);
  g_assert_cmpint (history_strip_get_n (strip), ==, 0);
  gtk_widget_destroy (window);
  history_strip_free (strip);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
  g_test_add_func ("/ui/history/strip", test_strip);
  return g_test_run ();
}
