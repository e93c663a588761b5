/* The picture that a ControlNet follows, as a choice: see control_combo.h. */
#include "control_combo.h"

#include "path_entry.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <string.h>

#define FILE_PREFIX "file:"
#define OTHER_FILE "?" /* the choice that asks for a file */

enum { LABEL, SOURCE, N_COLUMNS };

typedef struct {
  ControlHooks hooks;
  GtkListStore *store;
  GtkWidget *box;
  char *chosen;
  gboolean filling; /* by the program, not by the user */
  void (*changed) (gpointer data);
  gpointer data;
} Combo;

static Combo *
get (GtkWidget *widget)
{
  return g_object_get_data (G_OBJECT (widget), "moa-control");
}

static void
combo_free (gpointer data)
{
  Combo *combo = data;

  g_object_unref (combo->store);
  g_free (combo->chosen);
  g_free (combo);
}

/* TRUE if it is the chosen one. */
static gboolean
add (Combo *combo, const char *label, const char *source)
{
  GtkTreeIter iter;
  gboolean chosen = !strcmp (source, combo->chosen);

  gtk_list_store_insert_with_values (combo->store, &iter, -1, LABEL, label, SOURCE, source, -1);
  if (chosen)
    gtk_combo_box_set_active_iter (GTK_COMBO_BOX (combo->box), &iter);
  return chosen;
}

/* The same; FALSE if there is no such layer. */
static gboolean
add_layer (Combo *combo, const char *source)
{
  GdkPixbuf *thumbnail = NULL;
  g_autofree char *label = NULL;
  gboolean chosen = combo->hooks.look && combo->hooks.look (source, 8, &thumbnail, &label, combo->hooks.data)
                    && add (combo, label, source);

  g_clear_object (&thumbnail);
  return chosen;
}

/* All layers that are offered, and the chosen one, which may be the layer that is worked on. */
static gboolean
add_layers (Combo *combo)
{
  g_auto (GStrv) layers = combo->hooks.list_layers ? combo->hooks.list_layers (combo->hooks.data) : NULL;
  gboolean chosen = FALSE;

  for (int i = 0; layers && layers[i]; i++)
    chosen |= add_layer (combo, layers[i]);
  return chosen || (g_ascii_isdigit (*combo->chosen) && add_layer (combo, combo->chosen));
}

/* A layer that is gone is nothing any more; a file, or a layer that is only named, stays. */
static void
fill (Combo *combo)
{
  gboolean chosen;

  combo->filling = TRUE;
  gtk_list_store_clear (combo->store);
  chosen = add (combo, _("None"), "");
  chosen |= add_layers (combo);
  if (!chosen && g_ascii_isdigit (*combo->chosen))
    {
      g_free (combo->chosen);
      combo->chosen = g_strdup ("");
      gtk_combo_box_set_active (GTK_COMBO_BOX (combo->box), 0);
    }
  else if (!chosen)
    {
      gboolean file = g_str_has_prefix (combo->chosen, FILE_PREFIX);
      g_autofree char *label = file ? g_filename_display_basename (combo->chosen + strlen (FILE_PREFIX))
                                    : g_strdup (combo->chosen);

      add (combo, label, combo->chosen);
    }
  add (combo, _("From a File..."), OTHER_FILE);
  combo->filling = FALSE;
}

static void
choose (Combo *combo, const char *source)
{
  char *copy = g_strdup (source);

  g_free (combo->chosen);
  combo->chosen = copy;
  fill (combo);
}

/* If another one is chosen than before. */
static void
tell (Combo *combo, const char *before)
{
  if (strcmp (before, combo->chosen) && combo->changed)
    combo->changed (combo->data);
}

static void
on_changed (GtkComboBox *box, Combo *combo)
{
  GtkTreeIter iter;
  g_autofree char *source = NULL;
  g_autofree char *before = g_strdup (combo->chosen);

  if (combo->filling || !gtk_combo_box_get_active_iter (box, &iter))
    return;
  gtk_tree_model_get (GTK_TREE_MODEL (combo->store), &iter, SOURCE, &source, -1);
  if (!strcmp (source, OTHER_FILE))
    {
      g_autofree char *path = path_ask (combo->box, _("Picture to Follow"), GTK_FILE_CHOOSER_ACTION_OPEN,
                                        NULL);

      g_autofree char *file = path ? g_strconcat (FILE_PREFIX, path, NULL) : NULL;

      choose (combo, file ? file : before);
    }
  else
    {
      g_free (combo->chosen);
      combo->chosen = g_steal_pointer (&source);
    }
  tell (combo, before);
}

GtkWidget *
control_combo_new (const ControlHooks *hooks)
{
  Combo *combo = g_new0 (Combo, 1);
  GtkCellRenderer *cell = gtk_cell_renderer_text_new ();

  combo->hooks = *hooks;
  combo->chosen = g_strdup ("");
  combo->store = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING);
  combo->box = gtk_combo_box_new_with_model (GTK_TREE_MODEL (combo->store));
  g_object_set (cell, "ellipsize", PANGO_ELLIPSIZE_END, NULL);
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (combo->box), cell, TRUE);
  gtk_cell_layout_add_attribute (GTK_CELL_LAYOUT (combo->box), cell, "text", LABEL);
  gtk_widget_set_tooltip_text (combo->box, _("A drawn pose, edges or depth, which the ControlNet follows. A layer of "
                                             "this image is taken where it lies."));
  atk_object_set_name (gtk_widget_get_accessible (combo->box), _("Pose picture"));
  g_object_set_data_full (G_OBJECT (combo->box), "moa-control", combo, combo_free);
  g_signal_connect (combo->box, "changed", G_CALLBACK (on_changed), combo);
  fill (combo);
  return combo->box;
}

void
control_combo_set (GtkWidget *widget, const char *source)
{
  choose (get (widget), source);
}

char *
control_combo_get (GtkWidget *widget)
{
  return g_strdup (get (widget)->chosen);
}

void
control_combo_refresh (GtkWidget *widget)
{
  Combo *combo = get (widget);
  g_autofree char *before = g_strdup (combo->chosen);

  fill (combo);
  tell (combo, before);
}

void
control_combo_watch (GtkWidget *widget, void (*changed) (gpointer data), gpointer data)
{
  Combo *combo = get (widget);

  combo->changed = changed;
  combo->data = data;
}
