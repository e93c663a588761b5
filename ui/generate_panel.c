/* The widgets that Generate and its companions have in common: see generate_panel.h. */
#include "generate_panel.h"

#include "device_combo.h"
#include "fit.h"
#include "frame.h"
#include "sources.h"
#include "subjects_dialog.h"
#include "table.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define USUAL_SIDE 512

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_size (GeneratePanel *panel)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 6);

  panel->width = gtk_spin_button_new_with_range (64, 2048, 8);
  panel->height = gtk_spin_button_new_with_range (64, 2048, 8);
  atk_object_set_name (gtk_widget_get_accessible (panel->height), _("Height"));
  gtk_spin_button_set_snap_to_ticks (GTK_SPIN_BUTTON (panel->width), TRUE);
  gtk_spin_button_set_snap_to_ticks (GTK_SPIN_BUTTON (panel->height), TRUE);
  gtk_box_pack_start (GTK_BOX (row), panel->width, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), gtk_label_new ("×"), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), panel->height, FALSE, FALSE, 0);
  return row;
}

void
generate_panel_init (GeneratePanel *panel, GtkWidget *table, int row, const char *seed)
{
  GtkWidget *size = create_size (panel);

  panel->negative = gtk_entry_new ();
  gimp_help_set_help_data (panel->negative, _("What the picture should not show"), NULL);
  panel->seed = gimp_random_seed_new (&panel->seed_value, &panel->random_seed);
  table_attach (table, row, _("With_out:"), panel->negative, panel->negative);
  table_attach (table, row + 1, _("Si_ze:"), size, panel->width);
  table_attach (table, row + 2, seed, panel->seed, GIMP_RANDOM_SEED_SPINBUTTON (panel->seed));
}

static GtkObject *
add_scale (GtkWidget *table, int row, const char *label, double upper, double increment, int digits,
           const char *tip, const char *name)
{
  GtkObject *scale = gimp_scale_entry_new (GTK_TABLE (table), 0, row, label, 120, 6, 1, digits ? 0 : 1, upper,
                                           increment, increment * 10, digits, TRUE, 0, 0, tip, NULL);

  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (scale))), name);
  return scale;
}

/* The rest; part of the panel as well. */
static GtkWidget *
create_advanced (GeneratePanel *panel)
{
  GtkWidget *expander = gtk_expander_new_with_mnemonic (_("Ad_vanced")), *table;
  GtkWidget *model = gtk_hbox_new (FALSE, 6);
  ControlHooks hooks = { generate_look, generate_list_layers, NULL };
  int row = 3;

  table = table_new (row + LORA_ROWS + CONTROL_ROWS + 2);
  panel->steps = add_scale (table, 0, _("_Steps:"), 150, 1, 0, _("More steps draw finer and take longer."),
                            _("Steps"));
  panel->guidance = add_scale (
    table, 1, _("_Guidance:"), 15, 0.1, 1,
    _("How strictly the words are followed. Too much makes hard, garish pictures."), _("Guidance"));
  panel->model = gtk_label_new (NULL);
  gtk_misc_set_alignment (GTK_MISC (panel->model), 0, 0.5);
  gtk_label_set_ellipsize (GTK_LABEL (panel->model), PANGO_ELLIPSIZE_MIDDLE);
  lora_row_add (&panel->lora, table, row);
  gtk_box_pack_start (GTK_BOX (model), panel->model, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (model), panel->lora.clip_skip_label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (model), panel->lora.clip_skip, FALSE, FALSE, 0);
  table_attach (table, 2, _("Model:"), model, panel->model);
  row += LORA_ROWS;
  control_row_add (&panel->control, table, row, &hooks);
  row += CONTROL_ROWS;
  panel->device = device_combo_new ();
  table_attach (table, row++, _("Compute on:"), panel->device, panel->device);
  panel->mark = gtk_check_button_new_with_mnemonic (_("Say what made it"));
  gimp_help_set_help_data (panel->mark, _("The result carries a note that it was made with this plug-in."),
                           NULL);
  gtk_table_attach (GTK_TABLE (table), panel->mark, 0, 3, row, row + 1, GTK_FILL, GTK_FILL, 0, 0);
  gtk_container_add (GTK_CONTAINER (expander), frame_indent (table));
  return expander;
}

GtkWidget *
generate_panel_create_left (GeneratePanel *panel, GtkWidget *settings, SubjectList *subjects)
{
  GtkWidget *left = gtk_vbox_new (FALSE, 12);

  gtk_box_pack_start (GTK_BOX (left), frame_new (_("What"), settings), FALSE, FALSE, 0);
  gtk_box_pack_end (GTK_BOX (left), create_advanced (panel), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (left), frame_new (_("Who"), subject_list_get_widget (subjects)), TRUE, TRUE,
                      0);
  return fit_new (left); /* the picture stays where it is */
}

void
generate_panel_fill (GtkWidget *dialog, GtkWidget *panes, ProgressRow *row)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 12);

  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), fit_new (panes), TRUE, TRUE, 0);
  progress_row_init (row, 700);
  gtk_box_pack_start (GTK_BOX (box), row->box, FALSE, FALSE, 0);
  gtk_widget_show (box);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog))), box, TRUE, TRUE, 0);
}

/* ---- Settings ------------------------------------------------------------ */

/* The names of the model's files, and behind them the paths. */
static void
show_model (GeneratePanel *panel, const ReplaceSettings *how)
{
  const char *const files[] = { how->model, how->expert, how->image_encoder, how->controlnet };
  g_autoptr (GString) names = g_string_new (NULL);
  g_autoptr (GString) paths = g_string_new (_("As in Replace Person under Advanced:"));

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    if (*files[i])
      {
        g_autofree char *name = g_filename_display_basename (files[i]);
        g_autofree char *path = g_filename_display_name (files[i]);

        g_string_append_printf (names, "%s%s", names->len ? " + " : "", name);
        g_string_append_printf (paths, "\n%s", path);
      }
  gtk_label_set_text (GTK_LABEL (panel->model), names->str);
  gimp_help_set_help_data (panel->model, paths->str, NULL);
}

void
generate_panel_set (GeneratePanel *panel, const GenerateSettings *settings, MoaModel *model)
{
  const MoaGenerateParams *params = &settings->params;
  int side = model ? moa_model_get_info (model)->side : USUAL_SIDE;

  show_model (panel, settings->how);
  lora_row_set (&panel->lora, settings->how);
  control_row_set (&panel->control, settings->how);
  generate_panel_set_model (panel, model);
  gtk_entry_set_text (GTK_ENTRY (panel->negative), settings->negative);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (panel->width), params->width ? params->width : side);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (panel->height), params->height ? params->height : side);
  gtk_adjustment_set_value (GTK_ADJUSTMENT (panel->steps), params->steps ? params->steps : 30);
  gtk_adjustment_set_value (GTK_ADJUSTMENT (panel->guidance), params->guidance >= 0 ? params->guidance : 5);
  gtk_adjustment_set_value (GTK_ADJUSTMENT (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed)), settings->seed);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (panel->mark), settings->how->mark);
  device_combo_set (panel->device, settings->how->device);
}

void
generate_panel_get (const GeneratePanel *panel, GenerateSettings *settings)
{
  g_autofree char *device = device_combo_get (panel->device);

  replace_settings_set_string (&settings->negative, gtk_entry_get_text (GTK_ENTRY (panel->negative)));
  replace_settings_set_string (&settings->how->device, device);
  control_row_get (&panel->control, settings->how);
  settings->how->mark = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (panel->mark));
  settings->params.width = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (panel->width));
  settings->params.height = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (panel->height));
  settings->params.steps = gtk_adjustment_get_value (GTK_ADJUSTMENT (panel->steps));
  settings->params.guidance = gtk_adjustment_get_value (GTK_ADJUSTMENT (panel->guidance));
  settings->seed = panel->seed_value;
}

void
generate_panel_change (GeneratePanel *panel, Drawing *drawing)
{
  if (drawing->watching && !drawing->on && lora_row_get (&panel->lora, drawing->settings->how))
    drawing_reopen (drawing);
  drawing_change (drawing);
}

void
generate_panel_set_model (GeneratePanel *panel, MoaModel *model)
{
  control_row_set_sensitive (&panel->control, model);
}

void
generate_panel_roll (GeneratePanel *panel)
{
  GtkAdjustment *seed = GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed);

  if (panel->random_seed)
    gtk_adjustment_set_value (seed, g_random_int ());
}

/* Layers may have come and gone behind the dialog. */
static gboolean
on_focus_in (GtkWidget *dialog, GdkEvent *event, GeneratePanel *panel)
{
  control_combo_refresh (panel->control.combo);
  return FALSE;
}

void
generate_panel_watch (GeneratePanel *panel, void (*changed) (gpointer data), gpointer data)
{
  g_signal_connect (gtk_widget_get_toplevel (panel->control.combo), "focus-in-event", G_CALLBACK (on_focus_in),
                    panel);
  lora_row_watch (&panel->lora, changed, data);
  control_row_watch (&panel->control, changed, data);
  g_signal_connect_swapped (panel->steps, "value-changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (panel->guidance, "value-changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (panel->width, "value-changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (panel->height, "value-changed", G_CALLBACK (changed), data);
  g_signal_connect_swapped (panel->device, "changed", G_CALLBACK (changed), data);
}

/* ---- Persons ------------------------------------------------------------- */

gboolean
generate_look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  return source_look (source, side, thumbnail, label);
}

char **
generate_list_layers (gpointer data)
{
  return source_list_layers (-1);
}

char **
generate_list_saved (gpointer data)
{
  return subjects_list_sources ();
}
