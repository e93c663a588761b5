/* The persons who come in: a row each, with photos, a name, and whom they replace.
 *
 * The rows are plain data; after each change of their number the widgets are made anew from them,
 * so that there is one way in which a row comes to be shown. */
#include "subject_list.h"

#include "wrapped_label.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <jansson.h>
#include <stdlib.h>

#define THUMBNAIL 44
#define LIST_HEIGHT 128
#define TEXT_WIDTH 300

static const char *const persons[MOA_MAX_SUBJECTS] = {
  N_("leftmost"), N_("2nd from left"), N_("3rd from left"), N_("4th from left"),
  N_("5th from left"), N_("6th from left"), N_("7th from left"), N_("8th from left"),
};

struct _SubjectList
{
  GtkWidget *box, *scrolled, *rows_box, *empty, *add, *file, *message;
  GPtrArray *rows; /* of SubjectRow */
  SubjectHooks hooks;
  int adding_to; /* row that a chosen photo goes to; -1: a new one */
};

static void show_rows (SubjectList *list);

/* ---- Data ---------------------------------------------------------------- */

SubjectRow *
subject_row_new (const char *name)
{
  SubjectRow *row = g_new0 (SubjectRow, 1);

  row->name = g_strdup (name);
  row->sources = g_ptr_array_new_with_free_func (g_free);
  return row;
}

void
subject_row_free (SubjectRow *row)
{
  g_free (row->name);
  g_ptr_array_unref (row->sources);
  g_free (row);
}

static SubjectRow *
get_row (SubjectList *list, int i)
{
  return g_ptr_array_index (list->rows, i);
}

const SubjectRow *
subject_list_get_row (SubjectList *list, int i)
{
  return get_row (list, i);
}

int
subject_list_get_n_rows (SubjectList *list)
{
  return list->rows->len;
}

int
subject_list_get_n_subjects (SubjectList *list)
{
  int n = 0;

  for (guint i = 0; i < list->rows->len; i++)
    n += !get_row (list, i)->keep;
  return n;
}

static void
say (SubjectList *list, const char *text)
{
  gtk_label_set_text (GTK_LABEL (list->message), text);
  gtk_widget_set_visible (list->message, *text != '\0');
}

static void
rows_changed (SubjectList *list)
{
  show_rows (list);
  list->hooks.changed (list->hooks.data);
}

static gboolean
append (SubjectList *list, SubjectRow *row)
{
  if (list->rows->len >= MOA_MAX_SUBJECTS)
    {
      g_autofree char *text = g_strdup_printf (
        ngettext ("There can be %d person at most.", "There can be %d persons at most.",
                  MOA_MAX_SUBJECTS), MOA_MAX_SUBJECTS);

      subject_row_free (row);
      say (list, text);
      return FALSE;
    }
  row->person = list->rows->len;
  g_ptr_array_add (list->rows, row);
  say (list, "");
  rows_changed (list);
  return TRUE;
}

static gboolean
check_source (SubjectList *list, const char *source, char **label)
{
  GdkPixbuf *thumbnail = NULL;
  gboolean there = list->hooks.look (source, THUMBNAIL, &thumbnail, label, list->hooks.data);

  if (there)
    g_clear_object (&thumbnail);
  else
    {
      g_autofree char *text = g_strdup_printf (_("\"%s\" cannot be read as a picture."), source);

      say (list, text);
    }
  return there;
}

gboolean
subject_list_add (SubjectList *list, const char *source)
{
  g_autofree char *label = NULL;

  if (!check_source (list, source, &label))
    return FALSE;

  SubjectRow *row = subject_row_new (label);

  g_ptr_array_add (row->sources, g_strdup (source));
  return append (list, row);
}

gboolean
subject_list_add_photo (SubjectList *list, int i, const char *source)
{
  g_autofree char *label = NULL;

  if (i < 0 || i >= (int) list->rows->len || get_row (list, i)->keep
      || !check_source (list, source, &label))
    return FALSE;
  g_ptr_array_add (get_row (list, i)->sources, g_strdup (source));
  say (list, "");
  rows_changed (list);
  return TRUE;
}

gboolean
subject_list_add_keep (SubjectList *list)
{
  SubjectRow *row = subject_row_new (_("Stays"));

  row->keep = TRUE;
  return append (list, row);
}

void
subject_list_remove (SubjectList *list, int i)
{
  int person = get_row (list, i)->person;

  g_ptr_array_remove_index (list->rows, i);
  for (guint k = 0; k < list->rows->len; k++)
    if (get_row (list, k)->person > person)
      get_row (list, k)->person--;
  say (list, "");
  rows_changed (list);
}

void
subject_list_set_person (SubjectList *list, int i, int person)
{
  for (guint k = 0; k < list->rows->len; k++)
    if (get_row (list, k)->person == person)
      get_row (list, k)->person = get_row (list, i)->person;
  get_row (list, i)->person = person;
  rows_changed (list);
}

/* ---- To keep ------------------------------------------------------------- */

char *
subject_list_save (SubjectList *list)
{
  json_t *array = json_array ();

  for (guint i = 0; i < list->rows->len; i++)
    {
      SubjectRow *row = get_row (list, i);
      json_t *sources = json_array ();

      for (guint k = 0; k < row->sources->len; k++)
        json_array_append_new (sources, json_string (g_ptr_array_index (row->sources, k)));
      json_array_append_new (array, json_pack ("{s:s, s:b, s:i, s:o}", "name", row->name, "keep",
                                               row->keep, "person", row->person, "sources", sources));
    }

  char *text = json_dumps (array, JSON_COMPACT);
  char *json = g_strdup (text);

  free (text);
  json_decref (array);
  return json;
}

/* Puts the numbers 0 .. n-1 in place of persons that may be anything. */
static void
number_persons (SubjectList *list)
{
  for (guint i = 0; i < list->rows->len; i++)
    {
      gboolean taken = get_row (list, i)->person < 0
                       || get_row (list, i)->person >= (int) list->rows->len;

      for (guint k = 0; k < i; k++)
        taken |= get_row (list, k)->person == get_row (list, i)->person;
      if (taken)
        {
          for (guint k = 0; k < list->rows->len; k++)
            get_row (list, k)->person = k;
          return;
        }
    }
}

static SubjectRow *
row_from_json (const json_t *object)
{
  const char *name = json_string_value (json_object_get (object, "name"));
  json_t *sources = json_object_get (object, "sources");
  SubjectRow *row = subject_row_new (name ? name : "");

  row->keep = json_is_true (json_object_get (object, "keep"));
  row->person = json_integer_value (json_object_get (object, "person"));
  for (size_t k = 0; k < json_array_size (sources); k++)
    if (json_is_string (json_array_get (sources, k)))
      g_ptr_array_add (row->sources, g_strdup (json_string_value (json_array_get (sources, k))));
  return row;
}

void
subject_list_restore (SubjectList *list, const char *json)
{
  json_t *array = json_loads (json ? json : "[]", 0, NULL);

  g_ptr_array_set_size (list->rows, 0);
  for (size_t i = 0; i < json_array_size (array) && i < MOA_MAX_SUBJECTS; i++)
    g_ptr_array_add (list->rows, row_from_json (json_array_get (array, i)));
  json_decref (array);
  subject_list_refresh (list);
}

void
subject_list_refresh (SubjectList *list)
{
  for (guint i = list->rows->len; i-- > 0;)
    {
      SubjectRow *row = get_row (list, i);

      for (guint k = row->sources->len; k-- > 0;)
        {
          GdkPixbuf *thumbnail = NULL;
          g_autofree char *label = NULL;

          if (list->hooks.look (g_ptr_array_index (row->sources, k), THUMBNAIL, &thumbnail, &label,
                                list->hooks.data))
            g_clear_object (&thumbnail);
          else
            g_ptr_array_remove_index (row->sources, k);
        }
      if (!row->keep && row->sources->len == 0)
        g_ptr_array_remove_index (list->rows, i);
    }
  number_persons (list);
  rows_changed (list);
}

/* ---- Adding -------------------------------------------------------------- */

static void
take_source (SubjectList *list, const char *source)
{
  if (list->adding_to >= 0)
    subject_list_add_photo (list, list->adding_to, source);
  else
    subject_list_add (list, source);
}

static void
on_source_chosen (GtkMenuItem *item, SubjectList *list)
{
  take_source (list, g_object_get_data (G_OBJECT (item), "moa-source"));
}

static void
on_file (GtkWidget *widget, SubjectList *list)
{
  GtkWidget *chooser = gtk_file_chooser_dialog_new (
    _("Photos of the Person"), GTK_WINDOW (gtk_widget_get_toplevel (list->box)),
    GTK_FILE_CHOOSER_ACTION_OPEN, _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Add"), GTK_RESPONSE_OK, NULL);
  GtkFileFilter *pictures = gtk_file_filter_new ();

  if (widget == list->file)
    list->adding_to = -1;
  gtk_file_filter_add_mime_type (pictures, "image/*");
  gtk_file_filter_set_name (pictures, _("Pictures"));
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (chooser), pictures);
  gtk_file_chooser_set_select_multiple (GTK_FILE_CHOOSER (chooser), TRUE);
  gtk_dialog_set_default_response (GTK_DIALOG (chooser), GTK_RESPONSE_OK);
  if (gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    {
      GSList *paths = gtk_file_chooser_get_filenames (GTK_FILE_CHOOSER (chooser));

      /* Several files chosen at once are photos of one person. */
      for (GSList *path = paths; path; path = path->next)
        {
          guint n = list->rows->len;

          take_source (list, path->data);
          if (list->adding_to < 0 && list->rows->len > n)
            list->adding_to = n;
        }
      g_slist_free_full (paths, g_free);
    }
  gtk_widget_destroy (chooser);
}

char *
subject_list_keep_pixbuf (GdkPixbuf *pixbuf, GError **error)
{
  g_autofree char *folder = g_build_filename (g_get_user_cache_dir (), "moa-gimp", "pasted", NULL);
  gsize size;
  g_autofree char *png = NULL;

  if (!gdk_pixbuf_save_to_buffer (pixbuf, &png, &size, "png", error, NULL))
    return NULL;

  g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA1, (guchar *) png, size);
  g_autofree char *name = g_strconcat (sum, ".png", NULL);
  char *path = g_build_filename (folder, name, NULL);

  g_mkdir_with_parents (folder, 0700);
  if (!g_file_set_contents (path, png, size, error))
    g_clear_pointer (&path, g_free);
  return path;
}

static void
take_pixbuf (SubjectList *list, GdkPixbuf *pixbuf)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = subject_list_keep_pixbuf (pixbuf, &error);

  if (path)
    take_source (list, path);
  else
    say (list, error->message);
}

static void
on_paste (GtkMenuItem *item, SubjectList *list)
{
  GtkClipboard *clipboard = gtk_widget_get_clipboard (list->box, GDK_SELECTION_CLIPBOARD);
  GdkPixbuf *pixbuf = gtk_clipboard_wait_for_image (clipboard);

  if (!pixbuf)
    {
      say (list, _("There is no picture to paste: copy one first."));
      return;
    }
  take_pixbuf (list, pixbuf);
  g_object_unref (pixbuf);
}

static void
on_keep (GtkMenuItem *item, SubjectList *list)
{
  subject_list_add_keep (list);
}

/* What was dropped: a picture, or files. */
static void
on_drop (GtkWidget *widget, GdkDragContext *context, int x, int y, GtkSelectionData *data, guint info,
         guint time, SubjectList *list)
{
  gpointer row = g_object_get_data (G_OBJECT (widget), "moa-row");
  GdkPixbuf *pixbuf = gtk_selection_data_get_pixbuf (data);
  g_auto (GStrv) uris = pixbuf ? NULL : gtk_selection_data_get_uris (data);

  list->adding_to = row ? GPOINTER_TO_INT (row) - 1 : -1;
  if (pixbuf)
    {
      take_pixbuf (list, pixbuf);
      g_object_unref (pixbuf);
    }
  for (int i = 0; uris && uris[i]; i++)
    {
      g_autofree char *path = g_filename_from_uri (uris[i], NULL, NULL);

      take_source (list, path ? path : uris[i]);
    }
  gtk_drag_finish (context, pixbuf || uris, FALSE, time);
}

static void
accept_drops (SubjectList *list, GtkWidget *widget, int row)
{
  gtk_drag_dest_set (widget, GTK_DEST_DEFAULT_ALL, NULL, 0, GDK_ACTION_COPY);
  gtk_drag_dest_add_uri_targets (widget);
  gtk_drag_dest_add_image_targets (widget);
  g_object_set_data (G_OBJECT (widget), "moa-row", GINT_TO_POINTER (row + 1));
  g_signal_connect (widget, "drag-data-received", G_CALLBACK (on_drop), list);
}

static void
add_menu_item (SubjectList *list, GtkWidget *menu, const char *label, GCallback activate)
{
  GtkWidget *item = gtk_menu_item_new_with_mnemonic (label);

  g_signal_connect (item, "activate", activate, list);
  gtk_menu_shell_append (GTK_MENU_SHELL (menu), item);
}

/* Sources with thumbnails; the number of them. */
static int
add_sources (SubjectList *list, GtkWidget *menu, char **sources)
{
  int n = 0;

  for (int i = 0; sources && sources[i]; i++)
    {
      GdkPixbuf *thumbnail = NULL;
      g_autofree char *label = NULL;

      if (!list->hooks.look (sources[i], 24, &thumbnail, &label, list->hooks.data))
        continue;

      GtkWidget *item = gtk_image_menu_item_new_with_label (label);

      gtk_image_menu_item_set_image (GTK_IMAGE_MENU_ITEM (item), gtk_image_new_from_pixbuf (thumbnail));
      gtk_image_menu_item_set_always_show_image (GTK_IMAGE_MENU_ITEM (item), TRUE);
      g_object_set_data_full (G_OBJECT (item), "moa-source", g_strdup (sources[i]), g_free);
      g_signal_connect (item, "activate", G_CALLBACK (on_source_chosen), list);
      gtk_menu_shell_append (GTK_MENU_SHELL (menu), item);
      g_clear_object (&thumbnail);
      n++;
    }
  return n;
}

static void
place_menu (GtkMenu *menu, int *x, int *y, gboolean *push_in, gpointer data)
{
  GtkWidget *button = data;
  GtkAllocation allocation;

  gdk_window_get_origin (gtk_widget_get_window (button), x, y);
  gtk_widget_get_allocation (button, &allocation);
  *x += allocation.x;
  *y += allocation.y + allocation.height;
  *push_in = TRUE;
}

static void
pop_up (SubjectList *list, GtkWidget *button, int row)
{
  GtkWidget *menu = gtk_menu_new ();
  g_auto (GStrv) layers = list->hooks.list_layers (list->hooks.data);
  g_auto (GStrv) saved = list->hooks.list_saved (list->hooks.data);

  list->adding_to = row;
  if (add_sources (list, menu, layers))
    gtk_menu_shell_append (GTK_MENU_SHELL (menu), gtk_separator_menu_item_new ());
  if (row < 0 && add_sources (list, menu, saved))
    gtk_menu_shell_append (GTK_MENU_SHELL (menu), gtk_separator_menu_item_new ());
  add_menu_item (list, menu, _("Photo from _File..."), G_CALLBACK (on_file));
  add_menu_item (list, menu, _("_Paste"), G_CALLBACK (on_paste));
  if (row < 0 && list->hooks.replaces)
    add_menu_item (list, menu, _("_Keep a Person of the Picture"), G_CALLBACK (on_keep));
  gtk_widget_show_all (menu);
  g_signal_connect (menu, "selection-done", G_CALLBACK (gtk_widget_destroy), NULL);
  gtk_menu_attach_to_widget (GTK_MENU (menu), button, NULL);
  gtk_menu_popup (GTK_MENU (menu), NULL, NULL, place_menu, button, 0, gtk_get_current_event_time ());
  gtk_menu_shell_select_first (GTK_MENU_SHELL (menu), FALSE);
}

/* ---- Rows ---------------------------------------------------------------- */

static int
get_index (gpointer widget)
{
  return GPOINTER_TO_INT (g_object_get_data (G_OBJECT (widget), "moa-index"));
}

static void
on_add (GtkButton *button, SubjectList *list)
{
  pop_up (list, GTK_WIDGET (button), -1);
}

static void
on_add_photo (GtkButton *button, SubjectList *list)
{
  pop_up (list, GTK_WIDGET (button), get_index (button));
}

/* Later, since the button that was pressed goes with its row. */
static gboolean
remove_later (gpointer data)
{
  GtkWidget *button = data;
  SubjectList *list = g_object_get_data (G_OBJECT (button), "moa-list");
  int i = get_index (button);

  if (gtk_widget_get_parent (button) && i < (int) list->rows->len)
    subject_list_remove (list, i);
  g_object_unref (button);
  return G_SOURCE_REMOVE;
}

static void
on_remove (GtkButton *button, SubjectList *list)
{
  g_idle_add (remove_later, g_object_ref (button));
}

static gboolean
move_later (gpointer data)
{
  GtkWidget *combo = data;
  SubjectList *list = g_object_get_data (G_OBJECT (combo), "moa-list");
  int i = get_index (combo), person = gtk_combo_box_get_active (GTK_COMBO_BOX (combo));

  if (gtk_widget_get_parent (combo) && i < (int) list->rows->len && person >= 0)
    subject_list_set_person (list, i, person);
  g_object_unref (combo);
  return G_SOURCE_REMOVE;
}

static void
on_person (GtkComboBox *combo, SubjectList *list)
{
  g_idle_add (move_later, g_object_ref (combo));
}

static void
on_name (GtkEditable *entry, SubjectList *list)
{
  SubjectRow *row = get_row (list, get_index (entry));

  g_free (row->name);
  row->name = g_strdup (gtk_entry_get_text (GTK_ENTRY (entry)));
}

static void
set_up (SubjectList *list, GtkWidget *widget, int i, const char *name)
{
  g_object_set_data (G_OBJECT (widget), "moa-index", GINT_TO_POINTER (i));
  g_object_set_data (G_OBJECT (widget), "moa-list", list);
  atk_object_set_name (gtk_widget_get_accessible (widget), name);
  gtk_widget_set_tooltip_text (widget, name);
}

static GtkWidget *
create_icon_button (SubjectList *list, int i, const char *icon, const char *name, GCallback clicked)
{
  GtkWidget *button = gtk_button_new ();

  gtk_button_set_relief (GTK_BUTTON (button), GTK_RELIEF_NONE);
  gtk_container_add (GTK_CONTAINER (button), gtk_image_new_from_stock (icon, GTK_ICON_SIZE_MENU));
  set_up (list, button, i, name);
  g_signal_connect (button, "clicked", clicked, list);
  return button;
}

/* One photo large, or up to four of them in the same room. */
static GtkWidget *
create_thumbnails (SubjectList *list, SubjectRow *row, char **tip)
{
  gboolean many = row->sources->len > 1;
  int side = many ? THUMBNAIL / 2 - 1 : THUMBNAIL;
  GtkWidget *table = gtk_table_new (1 + many, 1 + many, TRUE);
  g_autoptr (GString) labels = g_string_new (NULL);

  gtk_table_set_row_spacings (GTK_TABLE (table), 2);
  gtk_table_set_col_spacings (GTK_TABLE (table), 2);
  if (row->keep)
    gtk_table_attach_defaults (GTK_TABLE (table), gtk_image_new_from_stock (GTK_STOCK_APPLY,
                               GTK_ICON_SIZE_DND), 0, 1, 0, 1);
  for (guint k = 0; k < row->sources->len; k++)
    {
      GdkPixbuf *thumbnail = NULL;
      g_autofree char *label = NULL;

      if (!list->hooks.look (g_ptr_array_index (row->sources, k), side, &thumbnail, &label,
                             list->hooks.data))
        continue;
      if (k < 4)
        gtk_table_attach_defaults (GTK_TABLE (table), gtk_image_new_from_pixbuf (thumbnail), k % 2,
                                   k % 2 + 1, k / 2, k / 2 + 1);
      g_string_append_printf (labels, "%s%s", labels->len ? "\n" : "", label);
      g_clear_object (&thumbnail);
    }
  gtk_widget_set_size_request (table, THUMBNAIL, THUMBNAIL);
  *tip = g_strdup (labels->str);
  return table;
}

static GtkWidget *
create_person_combo (SubjectList *list, int i)
{
  GtkWidget *combo = gtk_combo_box_text_new ();
  SubjectRow *row = get_row (list, i);

  for (guint k = 0; k < list->rows->len; k++)
    {
      g_autofree char *text = g_strdup_printf ("%d  %s", k + 1, _(persons[k]));

      gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (combo), text);
    }
  gtk_combo_box_set_active (GTK_COMBO_BOX (combo), row->person);
  set_up (list, combo, i, row->keep ? _("Who stays: the number on the preview")
                                    : _("Whom this person replaces: the number on the preview"));
  g_signal_connect (combo, "changed", G_CALLBACK (on_person), list);
  return combo;
}

/* Name and buttons. */
static GtkWidget *
create_upper (SubjectList *list, int i)
{
  SubjectRow *row = get_row (list, i);
  GtkWidget *upper = gtk_hbox_new (FALSE, 2), *name = gtk_entry_new ();

  gtk_entry_set_text (GTK_ENTRY (name), row->name);
  gtk_entry_set_width_chars (GTK_ENTRY (name), 8);
  set_up (list, name, i, _("Name of the person"));
  g_signal_connect (name, "changed", G_CALLBACK (on_name), list);
  gtk_box_pack_start (GTK_BOX (upper), name, TRUE, TRUE, 0);
  if (!row->keep)
    gtk_box_pack_start (GTK_BOX (upper), create_icon_button (list, i, GTK_STOCK_ADD,
                        _("Add another photo of this person"), G_CALLBACK (on_add_photo)),
                        FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (upper), create_icon_button (list, i, GTK_STOCK_REMOVE,
                      _("Remove this person from the list"), G_CALLBACK (on_remove)), FALSE, FALSE, 0);
  return upper;
}

/* Whom of the picture it is about. */
static GtkWidget *
create_lower (SubjectList *list, int i)
{
  GtkWidget *lower = gtk_hbox_new (FALSE, 6);
  GtkWidget *verb = gtk_label_new (get_row (list, i)->keep ? _("keeps") : _("replaces"));

  gtk_box_pack_start (GTK_BOX (lower), verb, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (lower), create_person_combo (list, i), TRUE, TRUE, 0);
  return lower;
}

static GtkWidget *
create_row (SubjectList *list, int i)
{
  SubjectRow *row = get_row (list, i);
  GtkWidget *event_box = gtk_event_box_new (), *box = gtk_hbox_new (FALSE, 6);
  GtkWidget *column = gtk_vbox_new (FALSE, 2);
  g_autofree char *tip = NULL;

  gtk_box_pack_start (GTK_BOX (column), create_upper (list, i), !list->hooks.replaces, FALSE, 0);
  if (list->hooks.replaces)
    gtk_box_pack_start (GTK_BOX (column), create_lower (list, i), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), create_thumbnails (list, row, &tip), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), column, TRUE, TRUE, 0);
  gtk_container_set_border_width (GTK_CONTAINER (box), 4);
  gtk_container_add (GTK_CONTAINER (event_box), box);
  if (!row->keep)
    {
      gtk_widget_set_tooltip_text (event_box, tip);
      accept_drops (list, event_box, i);
    }
  return event_box;
}

static void
show_rows (SubjectList *list)
{
  GList *children = gtk_container_get_children (GTK_CONTAINER (list->rows_box));

  for (GList *child = children; child; child = child->next)
    gtk_widget_destroy (child->data);
  g_list_free (children);
  for (guint i = 0; i < list->rows->len; i++)
    {
      GtkWidget *row = create_row (list, i);

      gtk_widget_show_all (row);
      gtk_box_pack_start (GTK_BOX (list->rows_box), row, FALSE, FALSE, 0);
    }
  gtk_widget_set_visible (list->rows_box, list->rows->len > 0);
  gtk_widget_set_visible (list->empty, list->rows->len == 0);
}

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_buttons (SubjectList *list)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 6);

  list->add = gtk_button_new_with_mnemonic (_("_Add Person"));
  gtk_button_set_image (GTK_BUTTON (list->add), gtk_arrow_new (GTK_ARROW_DOWN, GTK_SHADOW_NONE));
  gtk_button_set_image_position (GTK_BUTTON (list->add), GTK_POS_RIGHT);
  gtk_widget_set_tooltip_text (list->add, list->hooks.replaces
                                          ? _("From a layer, a file, the clipboard or the saved subjects; "
                                              "or someone of the picture who is to stay")
                                          : _("From a layer, a file, the clipboard or the saved subjects"));
  g_signal_connect (list->add, "clicked", G_CALLBACK (on_add), list);
  list->file = gtk_button_new_with_mnemonic (_("Photo from _File..."));
  g_signal_connect (list->file, "clicked", G_CALLBACK (on_file), list);
  gtk_box_pack_start (GTK_BOX (row), list->add, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), list->file, FALSE, FALSE, 0);
  return row;
}

static GtkWidget *
create_rows_area (SubjectList *list)
{
  GtkWidget *inside = gtk_vbox_new (FALSE, 0);

  list->scrolled = gtk_scrolled_window_new (NULL, NULL);
  list->rows_box = gtk_vbox_new (FALSE, 0);
  list->empty = wrapped_label_new (_("Who comes in? Add a layer or a photo that shows the person, or drop "
                                     "one here."), TEXT_WIDTH);
  gtk_label_set_justify (GTK_LABEL (list->empty), GTK_JUSTIFY_CENTER);
  gtk_box_pack_start (GTK_BOX (inside), list->rows_box, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (inside), list->empty, TRUE, TRUE, 12);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (list->scrolled), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_add_with_viewport (GTK_SCROLLED_WINDOW (list->scrolled), inside);
  gtk_widget_set_size_request (list->scrolled, -1, LIST_HEIGHT);
  accept_drops (list, list->scrolled, -1);
  return list->scrolled;
}

SubjectList *
subject_list_new (const SubjectHooks *hooks)
{
  SubjectList *list = g_new0 (SubjectList, 1);

  list->hooks = *hooks;
  list->adding_to = -1;
  list->rows = g_ptr_array_new_with_free_func ((GDestroyNotify) subject_row_free);
  list->message = wrapped_label_new (NULL, TEXT_WIDTH);

  list->box = gtk_vbox_new (FALSE, 6);
  gtk_box_pack_start (GTK_BOX (list->box), create_rows_area (list), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (list->box), list->message, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (list->box), create_buttons (list), FALSE, FALSE, 0);
  gtk_widget_show_all (list->box);
  gtk_widget_set_no_show_all (list->rows_box, TRUE);
  gtk_widget_set_no_show_all (list->empty, TRUE);
  gtk_widget_set_no_show_all (list->message, TRUE);
  say (list, "");
  show_rows (list);
  return list;
}

void
subject_list_free (SubjectList *list)
{
  g_ptr_array_unref (list->rows);
  g_free (list);
}

GtkWidget *
subject_list_get_widget (SubjectList *list)
{
  return list->box;
}

void
subject_list_grab_focus (SubjectList *list)
{
  gtk_widget_grab_focus (list->add);
}
