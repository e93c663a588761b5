/* The help pages: each can be read, and each link leads to one. */
#include "help.h"
#include "screen.h"

#include <string.h>

static const char *const pages[] = { "index.html", "replace.html", "generate.html", "sequences.html", "results.html",
                                     "maps.html", "subjects.html", "models.html", "consent.html" };

static void
check_link (GtkTextTag *tag, gpointer data)
{
  const char *page = g_object_get_data (G_OBJECT (tag), "moa-page");
  gboolean known = !page;

  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    known |= !g_strcmp0 (page, pages[i]);
  if (!known)
    g_error ("a link leads to \"%s\"", page);
  *(int *) data += page != NULL;
}

static void
test_pages (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      GtkTextBuffer *buffer = gtk_text_buffer_new (NULL);
      g_autofree char *title = help_load (pages[i], buffer);
      GtkTextIter start, end;
      int n_links = 0;

      g_assert_nonnull (title);
      gtk_text_buffer_get_bounds (buffer, &start, &end);

      g_autofree char *text = gtk_text_buffer_get_text (buffer, &start, &end, FALSE);

      g_assert_true (g_str_has_prefix (text, title)); /* the heading is the title */
      g_assert_null (strstr (text, "  a")); /* spaces are squeezed */
      g_assert_cmpuint (strlen (text), >, 200);
      gtk_text_tag_table_foreach (gtk_text_buffer_get_tag_table (buffer), check_link, &n_links);
      g_assert_cmpint (n_links, >, 0);
      g_object_unref (buffer);
    }
  GtkTextBuffer *none = gtk_text_buffer_new (NULL);

  g_assert_null (help_load ("nothing.html", none));
  g_object_unref (none);
}

static void
test_window (void)
{
  help_show (NULL, "replace.html");

  GList *windows = gtk_window_list_toplevels ();
  GtkWidget *window = NULL;

  for (GList *item = windows; item; item = item->next)
    if (GTK_IS_DIALOG (item->data))
      window = item->data;
  g_list_free (windows);
  screen_settle ();
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (window)), ==, "Replace Person");
  screen_check_access (window);
  screen_save (window, "help");
  gtk_button_clicked (GTK_BUTTON (screen_find (window, GTK_TYPE_BUTTON, "C_ontents")));
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (window)), ==, "MoA for GIMP");

  /* Enter on a link follows it. */
  GtkWidget *view = screen_find (window, GTK_TYPE_TEXT_VIEW, NULL);
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (view));
  GtkTextIter iter;

  gtk_text_buffer_get_start_iter (buffer, &iter);
  g_assert_true (gtk_text_iter_forward_search (&iter, "Models", 0, &iter, NULL, NULL));
  gtk_text_buffer_place_cursor (buffer, &iter);
  screen_key (view, GDK_Return);
  g_assert_cmpstr (gtk_window_get_title (GTK_WINDOW (window)), ==, "Models");
  gtk_dialog_response (GTK_DIALOG (window), GTK_RESPONSE_CLOSE);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
  g_test_add_func ("/ui/help/pages", test_pages);
  g_test_add_func ("/ui/help/window", test_window);
  return g_test_run ();
}
