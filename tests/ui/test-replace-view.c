/* The whole of the dialog of Replace Person without GIMP, in every language and at twice the size
 * of letters: names for screen readers, mnemonics, clipped texts; pictures of it to look at.
 *
 * LANGUAGE names the language, MOA_LOCALE_DIR the folder of catalogues. */
#include "pixels.h"
#include "replace_view.h"
#include "screen.h"
#include "settings_panel.h"

#include <libintl.h>
#include <locale.h>

typedef struct {
  ReplaceView view;
  SettingsPanel *panel;
  GtkWidget *window;
  MoaImage *picture, *after, *selection;
} Fixture;

static void
nothing (gpointer data)
{
}

static void
nothing_at (int i, gpointer data)
{
}

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  *thumbnail = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, side, side);
  gdk_pixbuf_fill (*thumbnail, g_str_hash (source) * 2654435761u | 0xff);
  *label = g_strdup_printf ("%s.jpg", source);
  return TRUE;
}

static char **
list_none (gpointer data)
{
  return g_new0 (char *, 1);
}

/* A picture with something in it. */
static MoaImage *
draw_picture (float shift)
{
  MoaImage *picture = moa_image_new (256, 256, 3);

  for (int y = 0; y < 256; y++)
    for (int x = 0; x < 256; x++)
      {
        gboolean inside = (x - 128) * (x - 128) + (y - 150) * (y - 150) < 80 * 80;

        picture->data[(y * 256 + x) * 3] = inside ? 0.8f - shift : y / 400.0f;
        picture->data[(y * 256 + x) * 3 + 1] = inside ? 0.4f + shift : 0.4f + x / 600.0f;
        picture->data[(y * 256 + x) * 3 + 2] = inside ? 0.2f + shift : 0.7f;
      }
  return picture;
}

static void
set_up (Fixture *f, gconstpointer data)
{
  g_object_set (gtk_settings_get_default (), "gtk-font-name", data ? data : "Sans 10", NULL);

  SettingsHooks settings_hooks = { { look, list_none, f }, nothing, nothing, f };
  ReplaceViewHooks hooks = {
    .subjects = { look, list_none, list_none, nothing, f, TRUE },
    .history = { nothing_at, nothing_at, nothing_at, nothing_at, f },
    .painted = nothing, .maps_changed = nothing, .quick_toggled = nothing, .data = f,
  };
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  GtkWidget *target = gtk_combo_box_text_new ();

  f->panel = settings_panel_new (&settings_hooks);
  gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (target), "party.xcf-3 / Background-2");
  gtk_combo_box_set_active (GTK_COMBO_BOX (target), 0);
  atk_object_set_name (gtk_widget_get_accessible (target), "Layer");
  replace_view_init (&f->view, target, settings_panel_get_widget (f->panel),
                     settings_panel_get_advanced (f->panel), &hooks);
  settings_panel_set (f->panel, settings);
  f->window = screen_show (f->view.box, 940, 700);
  /* With large letters it has more lines in the width that it asks for than in what it gets. */
  progress_row_say (&f->view.row, NULL, "Ready. The picture's own layer is not changed: the result comes as a new "
                                        "layer group.");
  gtk_label_set_text (GTK_LABEL (f->view.where), "Work area: 512 x 512 pixels at 120, 80.");
  gtk_label_set_text (GTK_LABEL (f->view.cost), "About 40 s. Needs 420 MiB, 5.3 GiB are free.");
  f->picture = draw_picture (0);
  f->after = draw_picture (0.3f);
  f->selection = screen_mask (256, 256, 0);
  for (int i = 0; i < 256 * 256; i++)
    f->selection->data[i] = i % 256 > 30 && i % 256 < 226 && i / 256 > 50;
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  gtk_widget_destroy (f->window);
  replace_view_clear (&f->view);
  settings_panel_free (f->panel);
  moa_image_free (f->picture);
  moa_image_free (f->after);
  moa_image_free (f->selection);
}

static void
fill (Fixture *f)
{
  PersonMark marks[2];

  persons_find (f->selection, 2, marks);
  preview_set_picture (f->view.preview, f->picture, 256, NULL);
  preview_set_limit (f->view.preview, f->selection);
  preview_set_marks (f->view.preview, marks, 2);
  preview_set_after (f->view.preview, f->after);
  preview_set_split (f->view.preview, 0.5);
  subject_list_add (f->view.subjects, "anna");
  subject_list_add_photo (f->view.subjects, 0, "anna-2");
  subject_list_add_keep (f->view.subjects);
  for (int i = 0; i < 4; i++)
    {
      g_autoptr (GdkPixbuf) thumbnail = pixels_to_thumbnail (f->after, 64);
      g_autofree char *title = g_strdup_printf ("%d", i + 1);

      history_strip_add (f->view.history, thumbnail, title, NULL);
    }
}

static void
save (Fixture *f, const char *state)
{
  g_autofree char *name = g_strdup_printf ("replace-%s-%s", g_getenv ("LANGUAGE"), state);

  screen_check_access (f->window);
  screen_check_clipping (f->window);
  screen_save (f->window, name);
}

static void
test_states (Fixture *f, gconstpointer data)
{
  MoaProgress progress = { .phase = MOA_PHASE_INVERT, .step = 11, .n_steps = 50, .fraction = 0.13,
                           .seconds_left = 100 };
  GtkRequisition size;

  preview_set_picture (f->view.preview, NULL, 0, "-");
  save (f, "empty");
  fill (f);
  save (f, "ready");
  gtk_expander_set_expanded (GTK_EXPANDER (f->view.advanced), TRUE);
  screen_wait (400); /* it unfolds slowly */
  save (f, "advanced");
  gtk_widget_size_request (f->view.box, &size);
  g_assert_cmpint (size.height, <, 680); /* with title and buttons it fits 768 */
  g_assert_cmpint (size.width, <, 1280);
  replace_view_set_running (&f->view, TRUE);
  replace_view_show_progress (&f->view, &progress);
  save (f, "running");
  gtk_notebook_set_current_page (GTK_NOTEBOOK (f->view.pages), 1);
  save (f, "maps");
}

/* Turns the wheel over each choice, number and slider that is in the scrolled part. */
static void
turn_wheel (GtkWidget *widget, gpointer n)
{
  GdkEvent *event;
  int before = 0;
  double number = 0;

  if (GTK_IS_CONTAINER (widget) && !GTK_IS_COMBO_BOX (widget))
    gtk_container_forall (GTK_CONTAINER (widget), turn_wheel, n);
  if (!gtk_widget_get_mapped (widget) || !gtk_widget_is_sensitive (widget)
      || !(GTK_IS_COMBO_BOX (widget) || GTK_IS_SPIN_BUTTON (widget) || GTK_IS_SCALE (widget)))
    return;
  if (GTK_IS_COMBO_BOX (widget))
    before = gtk_combo_box_get_active (GTK_COMBO_BOX (widget));
  else
    number = GTK_IS_SCALE (widget) ? gtk_range_get_value (GTK_RANGE (widget))
                                   : gtk_spin_button_get_value (GTK_SPIN_BUTTON (widget));
  event = gdk_event_new (GDK_SCROLL);
  event->scroll.window = g_object_ref (gtk_widget_get_window (widget));
  event->scroll.direction = GDK_SCROLL_DOWN;
  gtk_propagate_event (GTK_IS_COMBO_BOX (widget) ? gtk_bin_get_child (GTK_BIN (widget)) : widget, event);
  gdk_event_free (event);
  if (GTK_IS_COMBO_BOX (widget))
    g_assert_cmpint (gtk_combo_box_get_active (GTK_COMBO_BOX (widget)), ==, before);
  else
    g_assert_cmpfloat (GTK_IS_SCALE (widget) ? gtk_range_get_value (GTK_RANGE (widget))
                                             : gtk_spin_button_get_value (GTK_SPIN_BUTTON (widget)), ==, number);
  ++*(int *) n;
}

/* Scrolling changes no setting that comes under the pointer. */
static void
test_wheel (Fixture *f, gconstpointer data)
{
  GtkAdjustment *down = gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (f->view.choices));
  int n = 0;

  fill (f);
  gtk_expander_set_expanded (GTK_EXPANDER (f->view.advanced), TRUE);
  screen_wait (400);
  g_assert_cmpfloat (gtk_adjustment_get_upper (down), >, gtk_adjustment_get_page_size (down));
  turn_wheel (f->view.choices, &n);
  g_assert_cmpint (n, >, 15);
  g_assert_cmpfloat (gtk_adjustment_get_value (down), >, 0);
}

static void
test_large_letters (Fixture *f, gconstpointer data)
{
  GtkRequisition size;

  fill (f);
  save (f, "large");
  /* On 1400 x 900 nothing scrolls up and down, and in languages with short words nothing across. */
  gtk_widget_size_request (f->view.box, &size);
  g_assert_cmpint (size.height, <, 740);
  g_assert_cmpint (size.width, <, g_str_equal (g_getenv ("LANGUAGE"), "en") ? 1370 : 1600);
}

int
main (int argc, char **argv)
{
  const char *catalogues = g_getenv ("MOA_LOCALE_DIR");

  screen_init (&argc, &argv);
  bindtextdomain (GETTEXT_PACKAGE, catalogues ? catalogues : "");
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);
  g_test_add ("/ui/replace/states", Fixture, NULL, set_up, test_states, tear_down);
  g_test_add ("/ui/replace/wheel", Fixture, NULL, set_up, test_wheel, tear_down);
  g_test_add ("/ui/replace/large-letters", Fixture, "Sans 20", set_up, test_large_letters, tear_down);
  return g_test_run ();
}
