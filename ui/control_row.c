/* The rows of a panel for what a ControlNet follows, how strongly, and in which steps: see control_row.h. */
#include "control_row.h"

#include "table.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <math.h>

/* ---- In which steps ------------------------------------------------------ */

/* No end comes before its beginning. */
static void
on_start (GtkAdjustment *start, GtkAdjustment *end)
{
  if (gtk_adjustment_get_value (end) < gtk_adjustment_get_value (start))
    gtk_adjustment_set_value (end, gtk_adjustment_get_value (start));
}

static void
on_end (GtkAdjustment *end, GtkAdjustment *start)
{
  if (gtk_adjustment_get_value (end) < gtk_adjustment_get_value (start))
    gtk_adjustment_set_value (start, gtk_adjustment_get_value (end));
}

static GtkWidget *
add_percent (GtkWidget *box, const char *tip, const char *name, GtkAdjustment **adjustment)
{
  GtkWidget *spin = gtk_spin_button_new_with_range (0, 100, 5);

  *adjustment = gtk_spin_button_get_adjustment (GTK_SPIN_BUTTON (spin));
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (spin), TRUE);
  gimp_help_set_help_data (spin, tip, NULL);
  atk_object_set_name (gtk_widget_get_accessible (spin), name);
  gtk_box_pack_start (GTK_BOX (box), spin, FALSE, FALSE, 0);
  return spin;
}

static void
add_part (ControlRow *row, GtkWidget *table, int at)
{
  const char *tip = _("The part of the steps that follow the pose picture. Early ones make the layout, late ones the "
                      "details: an end at 60 leaves the details free.");
  GtkWidget *start, *box = row->part = gtk_hbox_new (FALSE, 6);

  /* xgettext:no-c-format */
  GtkWidget *per_cent = gtk_label_new (_("% of the steps"));

  start = add_percent (box, tip, _("The first step that follows the pose picture, per cent"), &row->start);
  gtk_box_pack_start (GTK_BOX (box), gtk_label_new ("–"), FALSE, FALSE, 0);
  add_percent (box, tip, _("The last step that follows the pose picture, per cent"), &row->end);
  gtk_box_pack_start (GTK_BOX (box), per_cent, FALSE, FALSE, 0);
  gtk_adjustment_set_value (row->end, 100);
  g_signal_connect (row->start, "value-changed", G_CALLBACK (on_start), row->end);
  g_signal_connect (row->end, "value-changed", G_CALLBACK (on_end), row->start);
  table_label (table, at, _("During:"), start);
  gtk_table_attach (GTK_TABLE (table), box, 1, 3, at, at + 1, GTK_FILL, GTK_FILL, 0, 0);
}

/* A number that the widget shows rounded stays as it was. */
static double
get_share (GtkAdjustment *percent, double before)
{
  double shown = gtk_adjustment_get_value (percent);

  return shown == round (100 * before) ? before : shown / 100;
}

/* ---- All of it ----------------------------------------------------------- */

void
control_row_add (ControlRow *row, GtkWidget *table, int at, const ControlHooks *hooks)
{
  row->combo = control_combo_new (hooks);
  table_attach (table, at, _("Pose picture:"), row->combo, row->combo);
  row->scale = gimp_scale_entry_new (GTK_TABLE (table), 0, at + 1, _("Follow it:"), 120, 6, 1, 0, 2, 0.05, 0.5, 2,
                                     FALSE, -10, 10, _("How strongly the ControlNet follows the pose picture"),
                                     NULL);
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (row->scale))),
                       _("How strongly the ControlNet follows the pose picture"));
  add_part (row, table, at + 2);
}

void
control_row_watch (const ControlRow *row, void (*changed) (gpointer data), gpointer data)
{
  control_combo_watch (row->combo, changed, data);
  g_signal_connect_swapped (row->scale, "value-changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (row->start, "value-changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (row->end, "value-changed", G_CALLBACK (changed), data);
}

void
control_row_set (const ControlRow *row, const ReplaceSettings *settings)
{
  const MoaControl *control = &settings->params.control;
  gboolean bare = replace_settings_has_control_layer (settings)
                  && !g_str_has_prefix (settings->control, "layer:");
  g_autofree char *id = g_strdup_printf ("%d", settings->control_layer);
  g_autofree char *named = g_strconcat (bare ? "layer:" : "", settings->control, NULL);

  control_combo_set (row->combo, settings->control_layer > 0 ? id : named);
  gtk_adjustment_set_value (GTK_ADJUSTMENT (row->scale), control->scale);
  gtk_adjustment_set_value (row->start, round (100 * control->start));
  gtk_adjustment_set_value (row->end, round (100 * control->end));
}

void
control_row_get (const ControlRow *row, ReplaceSettings *settings)
{
  MoaControl *control = &settings->params.control;
  g_autofree char *source = control_combo_get (row->combo);

  if (!gtk_widget_get_sensitive (row->combo))
    replace_settings_set_control_layer (settings, 0);
  else if (g_ascii_isdigit (*source))
    replace_settings_set_control_layer (settings, g_ascii_strtoll (source, NULL, 10));
  else
    {
      replace_settings_set_string (&settings->control, source);
      settings->control_layer = 0;
    }
  control->scale = gtk_adjustment_get_value (GTK_ADJUSTMENT (row->scale));
  control->start = get_share (row->start, control->start);
  control->end = MAX (get_share (row->end, control->end), control->start);
}

void
control_row_set_sensitive (const ControlRow *row, MoaModel *model)
{
  gboolean there = model && moa_model_get_info (model)->controlnet;

  gtk_widget_set_sensitive (row->combo, there);
  gimp_scale_entry_set_sensitive (row->scale, there);
  gtk_widget_set_sensitive (row->part, there);
}
