/* The rows of a panel for what a ControlNet follows, and how strongly: see control_row.h. */
#include "control_row.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

GtkObject *
control_row_add (GtkWidget *table, int row, GtkWidget *combo)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (_("Pose picture:"));
  GtkObject *scale;

  gtk_misc_set_alignment (GTK_MISC (label), 0, 0.5);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), combo);
  gtk_table_attach (GTK_TABLE (table), label, 0, 1, row, row + 1, GTK_FILL, GTK_FILL, 0, 0);
  gtk_table_attach (GTK_TABLE (table), combo, 1, 3, row, row + 1, GTK_FILL | GTK_EXPAND, GTK_FILL, 0, 0);
  scale = gimp_scale_entry_new (GTK_TABLE (table), 0, row + 1, _("Follow it:"), 120, 6, 1, 0, 2, 0.05, 0.5, 2, FALSE,
                                -10, 10, _("How strongly the ControlNet follows the pose picture"), NULL);
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (scale))),
                       _("How strongly the ControlNet follows the pose picture"));
  return scale;
}

void
control_row_set (GtkWidget *combo, GtkObject *scale, const ReplaceSettings *settings)
{
  gboolean bare = replace_settings_has_control_layer (settings)
                  && !g_str_has_prefix (settings->control, "layer:");
  g_autofree char *id = g_strdup_printf ("%d", settings->control_layer);
  g_autofree char *named = g_strconcat (bare ? "layer:" : "", settings->control, NULL);

  control_combo_set (combo, settings->control_layer > 0 ? id : named);
  gtk_adjustment_set_value (GTK_ADJUSTMENT (scale), settings->params.control.scale);
}

void
control_row_get (GtkWidget *combo, GtkObject *scale, ReplaceSettings *settings)
{
  g_autofree char *source = control_combo_get (combo);

  if (!gtk_widget_get_sensitive (combo))
    replace_settings_set_control_layer (settings, 0);
  else if (g_ascii_isdigit (*source))
    replace_settings_set_control_layer (settings, g_ascii_strtoll (source, NULL, 10));
  else
    {
      replace_settings_set_string (&settings->control, source);
      settings->control_layer = 0;
    }
  settings->params.control.scale = gtk_adjustment_get_value (GTK_ADJUSTMENT (scale));
}

void
control_row_set_sensitive (GtkWidget *combo, GtkObject *scale, MoaModel *model)
{
  gboolean there = model && moa_model_get_info (model)->controlnet;

  gtk_widget_set_sensitive (combo, there);
  gimp_scale_entry_set_sensitive (scale, there);
}
