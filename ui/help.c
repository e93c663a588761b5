/* The help pages in a window of their own.
 *
 * The pages are XHTML with h1, h2, p, ul, ol, li and a, and are part of the program.  Marks become
 * tags of a text buffer; a link is a tag that knows its page. */
#include "help.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <gdk/gdkkeysyms.h>
#include <string.h>

typedef struct {
  GtkTextBuffer *buffer;
  GtkTextIter end;
  const char *block; /* tag of the paragraph that is read; NULL: outside the text */
  char *link;
  char *title;
  gboolean in_title, spaced;
} Reader;

/* ---- Reading ------------------------------------------------------------- */

static void
insert (Reader *reader, const char *text, const char *tag)
{
  GtkTextIter start;
  int offset;

  gtk_text_buffer_get_end_iter (reader->buffer, &reader->end);
  offset = gtk_text_iter_get_offset (&reader->end);
  gtk_text_buffer_insert (reader->buffer, &reader->end, text, -1);
  gtk_text_buffer_get_iter_at_offset (reader->buffer, &start, offset);
  if (tag)
    gtk_text_buffer_apply_tag_by_name (reader->buffer, tag, &start, &reader->end);
  if (reader->link)
    {
      GtkTextTag *link = gtk_text_buffer_create_tag (reader->buffer, NULL, "underline",
                                                     PANGO_UNDERLINE_SINGLE, NULL);

      g_object_set_data_full (G_OBJECT (link), "moa-page", g_strdup (reader->link), g_free);
      gtk_text_buffer_apply_tag (reader->buffer, link, &start, &reader->end);
    }
}

static gboolean
is_block (const char *element)
{
  return !strcmp (element, "h1") || !strcmp (element, "h2") || !strcmp (element, "p")
         || !strcmp (element, "li");
}

static void
on_start (GMarkupParseContext *context, const char *element, const char **names, const char **values,
          gpointer data, GError **error)
{
  Reader *reader = data;

  if (!strcmp (element, "title"))
    reader->in_title = TRUE;
  else if (is_block (element))
    {
      reader->block = g_intern_string (element);
      reader->spaced = TRUE;
      if (!strcmp (element, "li"))
        insert (reader, "•  ", "li");
    }
  else if (!strcmp (element, "a"))
    for (int i = 0; names[i]; i++)
      if (!strcmp (names[i], "href"))
        {
          g_free (reader->link);
          reader->link = g_strdup (values[i]);
        }
}

static void
on_end (GMarkupParseContext *context, const char *element, gpointer data, GError **error)
{
  Reader *reader = data;

  if (!strcmp (element, "title"))
    reader->in_title = FALSE;
  else if (is_block (element))
    {
      reader->block = NULL;
      insert (reader, "\n", NULL);
    }
  else if (!strcmp (element, "a"))
    g_clear_pointer (&reader->link, g_free);
}

/* White space of any length is one space, and none begins a block. */
static char *
squeeze (Reader *reader, const char *text)
{
  GString *squeezed = g_string_new (NULL);

  for (const char *c = text; *c; c++)
    if (!g_ascii_isspace (*c))
      {
        g_string_append_c (squeezed, *c);
        reader->spaced = FALSE;
      }
    else if (!reader->spaced)
      {
        g_string_append_c (squeezed, ' ');
        reader->spaced = TRUE;
      }
  return g_string_free (squeezed, FALSE);
}

static void
on_text (GMarkupParseContext *context, const char *text, gsize length, gpointer data, GError **error)
{
  Reader *reader = data;

  if (reader->in_title)
    {
      g_free (reader->title);
      reader->title = g_strndup (text, length);
    }
  else if (reader->block)
    {
      g_autofree char *whole = g_strndup (text, length);
      g_autofree char *squeezed = squeeze (reader, whole);

      insert (reader, squeezed, reader->block);
    }
}

static void
create_tags (GtkTextBuffer *buffer)
{
  if (gtk_text_tag_table_lookup (gtk_text_buffer_get_tag_table (buffer), "p"))
    return;
  gtk_text_buffer_create_tag (buffer, "h1", "weight", PANGO_WEIGHT_BOLD, "scale", PANGO_SCALE_X_LARGE,
                              "pixels-below-lines", 6, NULL);
  gtk_text_buffer_create_tag (buffer, "h2", "weight", PANGO_WEIGHT_BOLD, "scale", PANGO_SCALE_LARGE,
                              "pixels-above-lines", 10, "pixels-below-lines", 2, NULL);
  gtk_text_buffer_create_tag (buffer, "p", "pixels-below-lines", 6, NULL);
  gtk_text_buffer_create_tag (buffer, "li", "pixels-below-lines", 4, "left-margin", 18, "indent", -12,
                              NULL);
}

char *
help_load (const char *page, GtkTextBuffer *buffer)
{
  static const GMarkupParser parser = { on_start, on_end, on_text, NULL, NULL };
  g_autofree char *path = g_strconcat ("/moa/help/", page, NULL);
  g_autoptr (GBytes) bytes = g_resources_lookup_data (path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  Reader reader = { .buffer = buffer };
  gsize size;

  if (!bytes)
    return NULL;

  const char *text = g_bytes_get_data (bytes, &size);
  g_autoptr (GMarkupParseContext) context = g_markup_parse_context_new (&parser, 0, &reader, NULL);

  create_tags (buffer);
  gtk_text_buffer_set_text (buffer, "", -1);
  if (!g_markup_parse_context_parse (context, text, size, NULL)
      || !g_markup_parse_context_end_parse (context, NULL))
    g_clear_pointer (&reader.title, g_free);
  g_free (reader.link);
  return reader.title;
}

/* ---- The window ---------------------------------------------------------- */

#define RESPONSE_CONTENTS 1

static GtkWidget *window, *view;

static void
load (const char *page)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (view));
  GtkTextIter start;
  g_autofree char *title = help_load (page, buffer);

  gtk_window_set_title (GTK_WINDOW (window), title ? title : _("Help"));
  gtk_text_buffer_get_start_iter (buffer, &start);
  gtk_text_buffer_place_cursor (buffer, &start);
  gtk_text_view_scroll_to_iter (GTK_TEXT_VIEW (view), &start, 0, FALSE, 0, 0);
}

static const char *
find_link (const GtkTextIter *iter)
{
  GSList *tags = gtk_text_iter_get_tags (iter);
  const char *page = NULL;

  for (GSList *tag = tags; tag && !page; tag = tag->next)
    page = g_object_get_data (tag->data, "moa-page");
  g_slist_free (tags);
  return page;
}

static gboolean
follow (const GtkTextIter *iter)
{
  g_autofree char *page = g_strdup (find_link (iter));

  if (page)
    load (page);
  return page != NULL;
}

static gboolean
on_click (GtkWidget *widget, GdkEventButton *event, gpointer data)
{
  GtkTextIter iter;
  int x, y;

  if (event->button != 1)
    return FALSE;
  gtk_text_view_window_to_buffer_coords (GTK_TEXT_VIEW (view), GTK_TEXT_WINDOW_TEXT, event->x, event->y,
                                         &x, &y);
  gtk_text_view_get_iter_at_location (GTK_TEXT_VIEW (view), &iter, x, y);
  return follow (&iter);
}

static gboolean
on_key (GtkWidget *widget, GdkEventKey *event, gpointer data)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (view));
  GtkTextIter iter;

  if (event->keyval != GDK_KEY_Return && event->keyval != GDK_KEY_KP_Enter)
    return FALSE;
  gtk_text_buffer_get_iter_at_mark (buffer, &iter, gtk_text_buffer_get_insert (buffer));
  return follow (&iter);
}

static void
on_response (GtkDialog *dialog, int response, gpointer data)
{
  if (response == RESPONSE_CONTENTS)
    load ("index.html");
  else
    gtk_widget_destroy (GTK_WIDGET (dialog));
}

static GtkWidget *
create_view (void)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);

  view = gtk_text_view_new ();
  gtk_text_view_set_editable (GTK_TEXT_VIEW (view), FALSE);
  gtk_text_view_set_wrap_mode (GTK_TEXT_VIEW (view), GTK_WRAP_WORD);
  gtk_text_view_set_left_margin (GTK_TEXT_VIEW (view), 12);
  gtk_text_view_set_right_margin (GTK_TEXT_VIEW (view), 12);
  atk_object_set_name (gtk_widget_get_accessible (view), _("Help"));
  g_signal_connect (view, "button-release-event", G_CALLBACK (on_click), NULL);
  g_signal_connect (view, "key-press-event", G_CALLBACK (on_key), NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (scrolled), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (scrolled), view);
  gtk_container_set_border_width (GTK_CONTAINER (scrolled), 12);
  return scrolled;
}

void
help_show (GtkWindow *parent, const char *page)
{
  if (!window)
    {
      window = gtk_dialog_new_with_buttons (_("Help"), parent, 0, _("C_ontents"), RESPONSE_CONTENTS,
                                            _("_Close"), GTK_RESPONSE_CLOSE, NULL);
      gtk_window_set_default_size (GTK_WINDOW (window), 520, 480);
      gtk_dialog_set_default_response (GTK_DIALOG (window), GTK_RESPONSE_CLOSE);
      gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (window))), create_view (),
                          TRUE, TRUE, 0);
      g_signal_connect (window, "response", G_CALLBACK (on_response), NULL);
      g_signal_connect (window, "destroy", G_CALLBACK (gtk_widget_destroyed), &window);
      gtk_widget_show_all (window);
    }
  load (page);
  gtk_window_present (GTK_WINDOW (window));
}
