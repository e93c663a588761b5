/* A list of all layers that may be a subject, with thumbnails, to tick.
 *
 * The order in which layers are ticked says who becomes whom: the first takes the leftmost
 * person, and a column shows it.  Photos can be added from files; they are images of GIMP
 * without a window until the dialog ends. */
#include "layer_picker.h"

#include "plugin/intl.h"
#include "plugin/result.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define THUMBNAIL 40
#define LIST_HEIGHT 150

enum { TICKED, LAYER, THUMB, NAME, PERSON, N_COLUMNS };

static const char *const persons[MOA_MAX_SUBJECTS] = {
  N_("leftmost"), N_("2nd from left"), N_("3rd from left"), N_("4th from left"),
  N_("5th from left"), N_("6th from left"), N_("7th from left"), N_("8th from left"),
};

struct _LayerPicker
{
  GtkWidget *box, *scrolled, *tree, *empty, *add;
  GtkListStore *store;
  GArray *listed; /* of gint32: what the store shows */
  GArray *chosen; /* of gint32, in the order of ticking */
  GHashTable *files; /* image id -> path of the photos that were added here */
  gint32 target;
  void (*changed) (gpointer data);
  gpointer data;
};

/* ---- Which layers -------------------------------------------------------- */

static int
find_layer (GArray *layers, gint32 layer)
{
  for (guint i = 0; i < layers->len; i++)
    if (g_array_index (layers, gint32, i) == layer)
      return i;
  return -1;
}

static void
collect_layers (int n_layers, int *layers, gint32 target, GArray *found)
{
  for (int i = 0; i < n_layers; i++)
    {
      int n_children;

      if (layers[i] == target || result_find_group (layers[i]) >= 0)
        continue;
      if (gimp_item_is_group (layers[i]))
        {
          g_autofree int *children = gimp_item_get_children (layers[i], &n_children);

          collect_layers (n_children, children, target, found);
        }
      else
        g_array_append_val (found, layers[i]);
    }
}

static GArray *
list_layers (gint32 target)
{
  int n_images, n_layers;
  g_autofree int *images = gimp_image_list (&n_images);
  GArray *found = g_array_new (FALSE, FALSE, sizeof (gint32));

  for (int i = 0; i < n_images; i++)
    {
      g_autofree int *layers = gimp_image_get_layers (images[i], &n_layers);

      collect_layers (n_layers, layers, target, found);
    }
  return found;
}

/* ---- The list ------------------------------------------------------------ */

static void
show_choice (LayerPicker *picker)
{
  GtkTreeModel *model = GTK_TREE_MODEL (picker->store);
  GtkTreeIter iter;

  for (gboolean more = gtk_tree_model_get_iter_first (model, &iter); more;
       more = gtk_tree_model_iter_next (model, &iter))
    {
      int layer;

      gtk_tree_model_get (model, &iter, LAYER, &layer, -1);
      int order = find_layer (picker->chosen, layer);
      gtk_list_store_set (picker->store, &iter, TICKED, order >= 0,
                          PERSON, order >= 0 ? _(persons[order]) : "", -1);
    }
}

static void
add_row (LayerPicker *picker, gint32 layer)
{
  gint32 image = gimp_item_get_image (layer);
  g_autofree char *name = gimp_item_get_name (layer);
  g_autofree char *image_name = gimp_image_get_name (image);
  g_autofree char *label = g_markup_printf_escaped ("%s\n<small>%s, %d × %d</small>", name,
                                                    image_name, gimp_drawable_width (layer),
                                                    gimp_drawable_height (layer));
  GdkPixbuf *thumb = gimp_drawable_get_thumbnail (layer, THUMBNAIL, THUMBNAIL,
                                                  GIMP_PIXBUF_SMALL_CHECKS);

  gtk_list_store_insert_with_values (picker->store, NULL, -1, LAYER, layer, THUMB, thumb,
                                     NAME, label, -1);
  g_clear_object (&thumb);
}

static gboolean
same_layers (GArray *a, GArray *b)
{
  return a->len == b->len && (a->len == 0 || !memcmp (a->data, b->data, a->len * sizeof (gint32)));
}

void
layer_picker_refresh (LayerPicker *picker, gint32 target)
{
  GArray *found = list_layers (target);

  picker->target = target;
  for (guint i = picker->chosen->len; i-- > 0;)
    if (find_layer (found, g_array_index (picker->chosen, gint32, i)) < 0)
      g_array_remove_index (picker->chosen, i);
  if (!same_layers (found, picker->listed))
    {
      gtk_list_store_clear (picker->store);
      for (guint i = 0; i < found->len; i++)
        add_row (picker, g_array_index (found, gint32, i));
      gtk_widget_set_visible (picker->scrolled, found->len > 0);
      gtk_widget_set_visible (picker->empty, found->len == 0);
    }
  g_array_unref (picker->listed);
  picker->listed = found;
  show_choice (picker);
  picker->changed (picker->data);
}

static void
toggle (LayerPicker *picker, GtkTreePath *path)
{
  GtkTreeIter iter;
  int layer;

  if (!gtk_tree_model_get_iter (GTK_TREE_MODEL (picker->store), &iter, path))
    return;
  gtk_tree_model_get (GTK_TREE_MODEL (picker->store), &iter, LAYER, &layer, -1);

  int order = find_layer (picker->chosen, layer);
  if (order >= 0)
    g_array_remove_index (picker->chosen, order);
  else if (picker->chosen->len < MOA_MAX_SUBJECTS)
    g_array_append_val (picker->chosen, layer);
  show_choice (picker);
  picker->changed (picker->data);
}

static void
on_toggled (GtkCellRendererToggle *cell, char *text, LayerPicker *picker)
{
  GtkTreePath *path = gtk_tree_path_new_from_string (text);

  toggle (picker, path);
  gtk_tree_path_free (path);
}

static void
on_row_activated (GtkTreeView *tree, GtkTreePath *path, GtkTreeViewColumn *column,
                  LayerPicker *picker)
{
  toggle (picker, path);
}

/* ---- Photos from files --------------------------------------------------- */

/* Opens the file and ticks its layer. */
static gboolean
add_file (LayerPicker *picker, const char *path)
{
  gint32 image = gimp_file_load (GIMP_RUN_NONINTERACTIVE, path, path);
  gint32 layer = image >= 0 ? gimp_image_get_active_layer (image) : -1;

  /* Loading leaves its progress in GIMP's status bar, with a Cancel that kills this process. */
  gimp_progress_end ();
  if (layer < 0)
    return FALSE;
  g_hash_table_insert (picker->files, GINT_TO_POINTER (image), g_strdup (path));
  if (picker->chosen->len < MOA_MAX_SUBJECTS)
    g_array_append_val (picker->chosen, layer);
  return TRUE;
}

static void
on_add_file (GtkButton *button, LayerPicker *picker)
{
  GtkWidget *window = gtk_widget_get_toplevel (picker->box);
  GtkWidget *chooser = gtk_file_chooser_dialog_new (
    _("Photos of the Person"), GTK_WINDOW (window), GTK_FILE_CHOOSER_ACTION_OPEN,
    _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Add"), GTK_RESPONSE_OK, NULL);

  gtk_dialog_set_default_response (GTK_DIALOG (chooser), GTK_RESPONSE_OK);
  if (gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    {
      g_autofree char *path = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));

      /* GIMP itself says why a file cannot be opened. */
      if (path && add_file (picker, path))
        layer_picker_refresh (picker, picker->target);
    }
  gtk_widget_destroy (chooser);
}

/* ---- The choice ---------------------------------------------------------- */

int
layer_picker_get_layers (LayerPicker *picker, gint32 *layers)
{
  for (guint i = 0; i < picker->chosen->len; i++)
    layers[i] = g_array_index (picker->chosen, gint32, i);
  return picker->chosen->len;
}

char **
layer_picker_save (LayerPicker *picker)
{
  char **subjects = g_new0 (char *, picker->chosen->len + 1);

  for (guint i = 0; i < picker->chosen->len; i++)
    {
      gint32 layer = g_array_index (picker->chosen, gint32, i);
      const char *path = g_hash_table_lookup (picker->files,
                                              GINT_TO_POINTER (gimp_item_get_image (layer)));

      subjects[i] = path ? g_strdup (path) : g_strdup_printf ("%d", layer);
    }
  return subjects;
}

void
layer_picker_restore (LayerPicker *picker, const char *const *subjects)
{
  for (int i = 0; subjects[i] && picker->chosen->len < MOA_MAX_SUBJECTS; i++)
    if (g_path_is_absolute (subjects[i]))
      {
        if (g_file_test (subjects[i], G_FILE_TEST_IS_REGULAR))
          add_file (picker, subjects[i]);
      }
    else
      {
        gint32 layer = g_ascii_strtoll (subjects[i], NULL, 10);

        g_array_append_val (picker->chosen, layer); /* layer_picker_refresh() checks it */
      }
}

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_list (LayerPicker *picker)
{
  GtkWidget *tree = gtk_tree_view_new_with_model (GTK_TREE_MODEL (picker->store));
  GtkTreeViewColumn *column = gtk_tree_view_column_new ();
  GtkCellRenderer *cell = gtk_cell_renderer_toggle_new ();

  g_signal_connect (cell, "toggled", G_CALLBACK (on_toggled), picker);
  gtk_tree_view_column_pack_start (column, cell, FALSE);
  gtk_tree_view_column_add_attribute (column, cell, "active", TICKED);

  cell = gtk_cell_renderer_pixbuf_new ();
  gtk_cell_renderer_set_fixed_size (cell, THUMBNAIL + 12, THUMBNAIL + 4);
  gtk_tree_view_column_pack_start (column, cell, FALSE);
  gtk_tree_view_column_add_attribute (column, cell, "pixbuf", THUMB);

  cell = gtk_cell_renderer_text_new ();
  g_object_set (cell, "ellipsize", PANGO_ELLIPSIZE_MIDDLE, NULL);
  gtk_tree_view_column_pack_start (column, cell, TRUE);
  gtk_tree_view_column_add_attribute (column, cell, "markup", NAME);

  cell = gtk_cell_renderer_text_new ();
  g_object_set (cell, "xalign", 1.0, "xpad", 6, NULL);
  gtk_tree_view_column_pack_start (column, cell, FALSE);
  gtk_tree_view_column_add_attribute (column, cell, "text", PERSON);

  /* A row is ticked or not; a selected row would only be a second, confusing choice. */
  gtk_tree_selection_set_mode (gtk_tree_view_get_selection (GTK_TREE_VIEW (tree)),
                               GTK_SELECTION_NONE);
  g_signal_connect (tree, "row-activated", G_CALLBACK (on_row_activated), picker);
  gtk_tree_view_append_column (GTK_TREE_VIEW (tree), column);
  gtk_tree_view_set_headers_visible (GTK_TREE_VIEW (tree), FALSE);
  gtk_tree_view_set_enable_search (GTK_TREE_VIEW (tree), FALSE);
  gimp_help_set_help_data (tree, _("Tick a layer that shows the person who comes in. With several, "
                                   "the first that you tick takes the leftmost person, and so "
                                   "on."), NULL);
  return tree;
}

static GtkWidget *
create_empty_note (void)
{
  GtkWidget *label = gtk_label_new (_("There is no other layer yet. Add a photo of the person who "
                                      "comes in, or open it in GIMP: it will appear here."));

  gtk_label_set_line_wrap (GTK_LABEL (label), TRUE);
  gtk_label_set_justify (GTK_LABEL (label), GTK_JUSTIFY_CENTER);
  gtk_widget_set_size_request (label, 300, LIST_HEIGHT);
  gtk_widget_set_no_show_all (label, TRUE);
  return label;
}

LayerPicker *
layer_picker_new (void (*changed) (gpointer data), gpointer data)
{
  LayerPicker *picker = g_new0 (LayerPicker, 1);

  picker->changed = changed;
  picker->data = data;
  picker->listed = g_array_new (FALSE, FALSE, sizeof (gint32));
  picker->chosen = g_array_new (FALSE, FALSE, sizeof (gint32));
  picker->files = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  picker->store = gtk_list_store_new (N_COLUMNS, G_TYPE_BOOLEAN, G_TYPE_INT, GDK_TYPE_PIXBUF,
                                      G_TYPE_STRING, G_TYPE_STRING);

  picker->scrolled = gtk_scrolled_window_new (NULL, NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (picker->scrolled), GTK_POLICY_NEVER,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (picker->scrolled), GTK_SHADOW_IN);
  gtk_widget_set_size_request (picker->scrolled, -1, LIST_HEIGHT);
  picker->tree = create_list (picker);
  gtk_container_add (GTK_CONTAINER (picker->scrolled), picker->tree);
  gtk_widget_show_all (picker->scrolled);
  gtk_widget_set_no_show_all (picker->scrolled, TRUE);
  gtk_widget_hide (picker->scrolled);

  picker->empty = create_empty_note ();
  gtk_widget_show (picker->empty);

  GtkWidget *row = gtk_hbox_new (FALSE, 0);
  picker->add = gtk_button_new_with_mnemonic (_("_Add a Photo..."));
  g_signal_connect (picker->add, "clicked", G_CALLBACK (on_add_file), picker);
  gtk_box_pack_end (GTK_BOX (row), picker->add, FALSE, FALSE, 0);

  picker->box = gtk_vbox_new (FALSE, 6);
  gtk_box_pack_start (GTK_BOX (picker->box), picker->scrolled, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (picker->box), picker->empty, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (picker->box), row, FALSE, FALSE, 0);
  return picker;
}

GtkWidget *
layer_picker_get_widget (LayerPicker *picker)
{
  return picker->box;
}

void
layer_picker_grab_focus (LayerPicker *picker)
{
  gtk_widget_grab_focus (picker->listed->len > 0 ? picker->tree : picker->add);
}

void
layer_picker_free (LayerPicker *picker)
{
  GHashTableIter iter;
  gpointer image;

  g_hash_table_iter_init (&iter, picker->files);
  while (g_hash_table_iter_next (&iter, &image, NULL))
    if (gimp_image_is_valid (GPOINTER_TO_INT (image)))
      gimp_image_delete (GPOINTER_TO_INT (image));
  g_hash_table_unref (picker->files);
  g_array_unref (picker->listed);
  g_array_unref (picker->chosen);
  g_object_unref (picker->store);
  g_free (picker);
}
