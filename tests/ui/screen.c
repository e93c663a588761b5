#include "screen.h"

#include <atk/atk.h>
#include <string.h>

void
screen_init (int *argc, char ***argv)
{
  g_test_init (argc, argv, NULL);
  gtk_init (argc, argv);
}

void
screen_settle (void)
{
  for (int i = 0; i < 3; i++)
    {
      while (gtk_events_pending ())
        gtk_main_iteration ();
      gdk_window_process_all_updates ();
      gdk_flush ();
    }
}

static gboolean
on_time (gpointer data)
{
  *(gboolean *) data = TRUE;
  return G_SOURCE_REMOVE;
}

void
screen_wait (int milliseconds)
{
  gboolean over = FALSE;

  g_timeout_add (milliseconds, on_time, &over);
  while (!over)
    gtk_main_iteration ();
  screen_settle ();
}

GtkWidget *
screen_show (GtkWidget *widget, int width, int height)
{
  GtkWidget *window = gtk_window_new (GTK_WINDOW_POPUP);

  gtk_window_set_default_size (GTK_WINDOW (window), width, height);
  gtk_container_add (GTK_CONTAINER (window), widget);
  gtk_widget_show_all (window);
  screen_settle ();
  return window;
}

static GdkPixbuf *
grab (GtkWidget *widget)
{
  GtkAllocation size;
  GdkWindow *window = gtk_widget_get_window (widget);

  screen_settle ();
  gtk_widget_get_allocation (widget, &size);
  return gdk_pixbuf_get_from_drawable (NULL, window, NULL,
                                       gtk_widget_get_has_window (widget) ? 0 : size.x,
                                       gtk_widget_get_has_window (widget) ? 0 : size.y, 0, 0,
                                       size.width, size.height);
}

guint32
screen_get_pixel (GtkWidget *widget, int x, int y)
{
  g_autoptr (GdkPixbuf) pixbuf = grab (widget);
  const guint8 *pixel = gdk_pixbuf_read_pixels (pixbuf) + y * gdk_pixbuf_get_rowstride (pixbuf)
                        + x * gdk_pixbuf_get_n_channels (pixbuf);

  return (guint32) pixel[0] << 16 | (guint32) pixel[1] << 8 | pixel[2];
}

void
screen_save (GtkWidget *widget, const char *name)
{
  const char *folder = g_getenv ("MOA_TEST_OUT");
  g_autoptr (GdkPixbuf) pixbuf = grab (widget);

  if (!folder)
    return;

  g_autofree char *file = g_strconcat (name, ".png", NULL);
  g_autofree char *path = g_build_filename (folder, file, NULL);

  g_mkdir_with_parents (folder, 0755);
  g_assert_true (gdk_pixbuf_save (pixbuf, path, "png", NULL, NULL));
}

/* ---- Finding ------------------------------------------------------------- */

static void
collect (GtkWidget *widget, gpointer data)
{
  GPtrArray *found = data;

  g_ptr_array_add (found, widget);
  if (GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), collect, found);
}

static GPtrArray *
all_widgets (GtkWidget *root)
{
  GPtrArray *found = g_ptr_array_new ();

  collect (root, found);
  return found;
}

static gboolean
is_called (GtkWidget *widget, const char *name)
{
  g_autofree char *tip = gtk_widget_get_tooltip_text (widget);
  const char *label = GTK_IS_BUTTON (widget) ? gtk_button_get_label (GTK_BUTTON (widget)) : NULL;

  return !g_strcmp0 (name, tip) || !g_strcmp0 (name, label)
         || !g_strcmp0 (name, atk_object_get_name (gtk_widget_get_accessible (widget)));
}

GtkWidget *
screen_find (GtkWidget *root, GType type, const char *name)
{
  g_autoptr (GPtrArray) widgets = all_widgets (root);

  for (guint i = 0; i < widgets->len; i++)
    {
      GtkWidget *widget = g_ptr_array_index (widgets, i);

      if (g_type_is_a (G_OBJECT_TYPE (widget), type) && (!name || is_called (widget, name)))
        return widget;
    }
  return NULL;
}

/* ---- Events -------------------------------------------------------------- */

static GdkEvent *
event_new (GtkWidget *widget, GdkEventType type)
{
  GdkEvent *event = gdk_event_new (type);

  event->any.window = g_object_ref (gtk_widget_get_window (widget));
  event->any.send_event = TRUE;
  return event;
}

static void
send (GtkWidget *widget, GdkEvent *event)
{
  gtk_widget_event (widget, event);
  gdk_event_free (event);
  screen_settle ();
}

static void
send_button (GtkWidget *widget, GdkEventType type, double x, double y, guint button)
{
  GdkEvent *event = event_new (widget, type);

  event->button.x = x;
  event->button.y = y;
  event->button.button = button;
  send (widget, event);
}

void
screen_press (GtkWidget *widget, double x, double y, guint button)
{
  send_button (widget, GDK_BUTTON_PRESS, x, y, button);
}

void
screen_release (GtkWidget *widget, double x, double y, guint button)
{
  send_button (widget, GDK_BUTTON_RELEASE, x, y, button);
}

void
screen_move (GtkWidget *widget, double x, double y)
{
  GdkEvent *event = event_new (widget, GDK_MOTION_NOTIFY);

  event->motion.x = x;
  event->motion.y = y;
  send (widget, event);
}

void
screen_drag (GtkWidget *widget, double x0, double y0, double x1, double y1)
{
  screen_press (widget, x0, y0, 1);
  screen_move (widget, (x0 + x1) / 2, (y0 + y1) / 2);
  screen_move (widget, x1, y1);
  screen_release (widget, x1, y1, 1);
}

void
screen_scroll (GtkWidget *widget, double x, double y, GdkScrollDirection direction)
{
  GdkEvent *event = event_new (widget, GDK_SCROLL);

  event->scroll.x = x;
  event->scroll.y = y;
  event->scroll.direction = direction;
  send (widget, event);
}

void
screen_key (GtkWidget *widget, guint keyval)
{
  GdkEvent *event = event_new (widget, GDK_KEY_PRESS);

  event->key.keyval = keyval;
  send (widget, event);
}

/* ---- Access -------------------------------------------------------------- */

static gboolean
is_control (GtkWidget *widget)
{
  return gtk_widget_get_can_focus (widget) && gtk_widget_get_mapped (widget)
         && !GTK_IS_LABEL (widget) && !GTK_IS_SCROLLED_WINDOW (widget) && !GTK_IS_NOTEBOOK (widget);
}

/* Of the widget, or of a label whose mnemonic activates it. */
static gboolean
has_name (GtkWidget *widget)
{
  const char *name = atk_object_get_name (gtk_widget_get_accessible (widget));

  if (name && *name)
    return TRUE;

  GList *labels = gtk_widget_list_mnemonic_labels (widget);
  gboolean labelled = labels != NULL;

  g_list_free (labels);
  return labelled || (GTK_IS_TOGGLE_BUTTON (widget) && GTK_IS_COMBO_BOX (gtk_widget_get_parent (widget)));
}

void
screen_check_access (GtkWidget *root)
{
  g_autoptr (GPtrArray) widgets = all_widgets (root);
  g_autoptr (GHashTable) taken = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < widgets->len; i++)
    {
      GtkWidget *widget = g_ptr_array_index (widgets, i);

      if (is_control (widget) && !has_name (widget))
        {
          g_test_message ("a %s has no name", G_OBJECT_TYPE_NAME (widget));
          g_test_fail ();
        }
      if (GTK_IS_LABEL (widget) && gtk_widget_get_mapped (widget))
        {
          guint key = gtk_label_get_mnemonic_keyval (GTK_LABEL (widget));

          if (key == GDK_VoidSymbol)
            continue;

          GtkWidget *other = g_hash_table_lookup (taken, GUINT_TO_POINTER (key));

          if (other)
            {
              g_test_message ("\"%s\" and \"%s\" have the same mnemonic",
                              gtk_label_get_label (GTK_LABEL (other)),
                              gtk_label_get_label (GTK_LABEL (widget)));
              g_test_fail ();
            }
          g_hash_table_insert (taken, GUINT_TO_POINTER (key), widget);
        }
    }
}

/* ---- Clipping ------------------------------------------------------------ */

static gboolean
scrolls_across (GtkWidget *viewport)
{
  GtkWidget *window = gtk_widget_get_parent (viewport);
  GtkPolicyType across = GTK_POLICY_NEVER;

  if (GTK_IS_SCROLLED_WINDOW (window))
    gtk_scrolled_window_get_policy (GTK_SCROLLED_WINDOW (window), &across, NULL);
  return across != GTK_POLICY_NEVER;
}

void
screen_check_clipping (GtkWidget *root)
{
  g_autoptr (GPtrArray) widgets = NULL;

  screen_settle ();
  widgets = all_widgets (root);
  for (guint i = 0; i < widgets->len; i++)
    {
      GtkWidget *widget = g_ptr_array_index (widgets, i);
      GtkAllocation size;
      int width, height, x, y;

      /* What scrolls only up and down must be as wide as what is in it. */
      if (GTK_IS_VIEWPORT (widget) && gtk_widget_get_mapped (widget) && !scrolls_across (widget))
        {
          GtkRequisition needed;

          gtk_widget_get_child_requisition (gtk_bin_get_child (GTK_BIN (widget)), &needed);
          gtk_widget_get_allocation (widget, &size);
          if (needed.width > size.width)
            {
              g_test_message ("a pane needs %d pixels and has %d", needed.width, size.width);
              g_test_fail ();
            }
        }
      if (!GTK_IS_LABEL (widget) || !gtk_widget_get_mapped (widget)
          || gtk_label_get_ellipsize (GTK_LABEL (widget)) != PANGO_ELLIPSIZE_NONE)
        continue;
      gtk_widget_get_allocation (widget, &size);
      pango_layout_get_pixel_size (gtk_label_get_layout (GTK_LABEL (widget)), &width, &height);
      gtk_label_get_layout_offsets (GTK_LABEL (widget), &x, &y);
      if (width > size.width + 1 || height > size.height + 1 || y < size.y)
        {
          g_test_message ("\"%s\" needs %d x %d and has %d x %d",
                          gtk_label_get_text (GTK_LABEL (widget)), width, height, size.width, size.height);
          g_test_fail ();
        }
    }
}

/* ---- Pictures ------------------------------------------------------------ */

MoaImage *
screen_plain (int width, int height, float r, float g, float b)
{
  MoaImage *picture = moa_image_new (width, height, 3);

  for (int i = 0; i < width * height; i++)
    {
      picture->data[3 * i] = r;
      picture->data[3 * i + 1] = g;
      picture->data[3 * i + 2] = b;
    }
  return picture;
}

MoaImage *
screen_mask (int width, int height, float value)
{
  MoaImage *mask = moa_image_new (width, height, 1);

  for (int i = 0; i < width * height; i++)
    mask->data[i] = value;
  return mask;
}
