/* The widgets for everything in ReplaceSettings, and the model that they name.
 *
 * The model is opened as soon as its folder is named, which only reads its tables: it says
 * whether it is complete, and brings the defaults of the numbers.  A number that stands at its
 * default follows the model when another one is chosen. */
#include "settings_panel.h"

#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define MAX_VARIATIONS 16
#define CHECK_DELAY 400 /* ms after the last key in the model's path */

enum { FREEDOM, STEPS, GUIDANCE, FIXED_POINT, MAX_TIMESTEP, N_NUMBERS };

static const struct {
  const char *label;
  double upper, increment;
  int digits;
  double fallback; /* while there is no model */
  const char *tip;
} numbers[N_NUMBERS] = {
  { N_("Fr_eedom:"), 1, 0.01, 2, 0.5,
    N_("0 keeps the shape of the person who was there; 1 draws without regard for it.") },
  { N_("_Steps:"), 150, 1, 0, 50,
    N_("More steps keep the picture better and take longer.") },
  { N_("_Guidance:"), 15, 0.1, 1, 3,
    N_("How strongly the new person is drawn. Too much makes hard, garish pictures.") },
  { N_("Refinements:"), 10, 1, 0, 1,
    N_("Fixed-point refinements of each inversion step. More reproduce the picture better.") },
  { N_("Pri_or above:"), 1000, 10, 0, 1000,
    N_("From this timestep on the prior works alone: it lays out the picture before the new "
       "person comes in. 1000 lets the person in from the start.") },
};

enum { LIMIT, BLEND, COLOR_MATCH, RECONSTRUCTION, MAPS, N_SWITCHES };

static const struct {
  const char *label, *tip;
} switches[N_SWITCHES] = {
  { N_("Keep inside the se_lection"),
    N_("The new person is drawn only where the selection is.") },
  { N_("_Keep the background"),
    N_("Outside the selection every step returns to the picture's own path.") },
  { N_("Match colors"),
    N_("Fits the colors of the result to those around the person.") },
  { N_("Add the reconstruction"),
    N_("A hidden layer with the picture as the model draws it without the new person.") },
  { N_("Add the router maps"),
    N_("Hidden layers that show, for each block of the model, where the new person was drawn.") },
};

struct _SettingsPanel
{
  GtkWidget *box, *advanced, *prompt, *seed, *variations, *model_entry, *model_status;
  GtkWidget *switches[N_SWITCHES];
  GtkObject *numbers[N_NUMBERS];
  double own[N_NUMBERS]; /* the model's, as the widget rounds it */
  guint32 seed_value;
  gboolean random_seed;
  ReplaceSettings *settings; /* keeps what has no widget */
  MoaModel *model;
  char *problem;
  guint check_id;
  gboolean setting; /* by the program, not by the user */
  SettingsHooks hooks;
};

/* A setting is another one. */
static void
on_edited (SettingsPanel *panel)
{
  if (!panel->setting)
    panel->hooks.edited (panel->hooks.data);
}

/* ---- The model ----------------------------------------------------------- */

static double
get_number (SettingsPanel *panel, int i)
{
  return gtk_adjustment_get_value (GTK_ADJUSTMENT (panel->numbers[i]));
}

static void
set_number (SettingsPanel *panel, int i, double value)
{
  gtk_adjustment_set_value (GTK_ADJUSTMENT (panel->numbers[i]), value);
}

static void
adopt_defaults (SettingsPanel *panel)
{
  const MoaModelInfo *info = panel->model ? moa_model_get_info (panel->model) : NULL;
  double own[N_NUMBERS];

  for (int i = 0; i < N_NUMBERS; i++)
    own[i] = numbers[i].fallback;
  if (info)
    {
      own[STEPS] = info->steps;
      own[GUIDANCE] = info->guidance;
      own[FREEDOM] = info->freedom;
      own[FIXED_POINT] = info->fixed_point;
      own[MAX_TIMESTEP] = info->max_timestep;
    }
  for (int i = 0; i < N_NUMBERS; i++)
    {
      gboolean follow = get_number (panel, i) == panel->own[i];

      panel->own[i] = own[i];
      if (follow)
        set_number (panel, i, own[i]);
    }
}

static char *
describe_model (const MoaModelInfo *info)
{
  guint64 n_parameters = 0;
  g_autofree char *bytes = g_format_size_full (info->weight_bytes, G_FORMAT_SIZE_IEC_UNITS);

  for (int i = 0; i < info->n_parts; i++)
    n_parameters += info->parts[i].n_parameters;
  return g_strdup_printf (_("%d × %d pixels, %.1f million weights, %s"),
                          info->side, info->side, n_parameters / 1e6, bytes);
}

static char *
get_model_path (SettingsPanel *panel)
{
  const char *text = gtk_entry_get_text (GTK_ENTRY (panel->model_entry));

  return *text ? g_strdup (text) : replace_settings_find_model ();
}

static void
check_model (SettingsPanel *panel)
{
  g_autofree char *path = get_model_path (panel);
  g_autoptr (GError) error = NULL;

  if (panel->check_id)
    g_source_remove (panel->check_id);
  panel->check_id = 0;

  g_clear_pointer (&panel->problem, g_free);
  g_clear_pointer (&panel->model, moa_model_unref);
  panel->model = moa_model_open (path, &error);
  if (error)
    panel->problem = g_strdup_printf (_("%s. Choose the folder of a complete model under Model."),
                                      error->message);

  g_autofree char *status = panel->model ? describe_model (moa_model_get_info (panel->model))
                                         : g_strdup (_("This model cannot be used, see below."));
  g_autofree char *markup = g_markup_printf_escaped ("<small>%s</small>", status);

  gtk_label_set_markup (GTK_LABEL (panel->model_status), markup);
  adopt_defaults (panel);
  panel->hooks.model_changed (panel->hooks.data);
}

static gboolean
on_check_due (gpointer data)
{
  SettingsPanel *panel = data;

  panel->check_id = 0;
  check_model (panel);
  return G_SOURCE_REMOVE;
}

static void
on_model_edited (GtkEditable *editable, SettingsPanel *panel)
{
  if (panel->check_id)
    g_source_remove (panel->check_id);
  panel->check_id = g_timeout_add (CHECK_DELAY, on_check_due, panel);
}

static void
on_browse (GtkButton *button, SettingsPanel *panel)
{
  g_autofree char *path = get_model_path (panel);
  GtkWidget *window = gtk_widget_get_toplevel (panel->box);
  GtkWidget *chooser = gtk_file_chooser_dialog_new (
    _("Folder of the Model"), GTK_WINDOW (window), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
    _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Choose"), GTK_RESPONSE_OK, NULL);

  gtk_dialog_set_default_response (GTK_DIALOG (chooser), GTK_RESPONSE_OK);
  gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (chooser), path);
  if (gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    {
      g_autofree char *chosen = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));

      gtk_entry_set_text (GTK_ENTRY (panel->model_entry), chosen ? chosen : "");
      check_model (panel);
    }
  gtk_widget_destroy (chooser);
}

MoaModel *
settings_panel_get_model (SettingsPanel *panel, const char **problem)
{
  if (panel->check_id)
    check_model (panel);
  *problem = panel->problem;
  return panel->model;
}

/* ---- Values -------------------------------------------------------------- */

/* Where the settings hold each switch. */
static gboolean *
get_switch (ReplaceSettings *settings, int i)
{
  gboolean *fields[N_SWITCHES] = {
    &settings->params.limit, &settings->params.blend, &settings->params.color_match,
    &settings->params.want_reconstruction, &settings->maps,
  };

  return fields[i];
}

void
settings_panel_set (SettingsPanel *panel, const ReplaceSettings *settings)
{
  const MoaReplaceParams *params = &settings->params;
  g_autofree char *usual = replace_settings_find_model ();

  panel->setting = TRUE;
  replace_settings_free (panel->settings);
  panel->settings = replace_settings_copy (settings);
  gtk_entry_set_text (GTK_ENTRY (panel->prompt), settings->prompt);
  gtk_entry_set_text (GTK_ENTRY (panel->model_entry), *settings->model ? settings->model : usual);
  gtk_adjustment_set_value (GTK_ADJUSTMENT (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed)),
                            params->seed);
  for (int i = 0; i < N_SWITCHES; i++)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (panel->switches[i]),
                                  *get_switch (panel->settings, i));
  check_model (panel);

  double values[N_NUMBERS] = { params->steps ? params->steps : -1, params->guidance,
                               params->freedom, params->fixed_point, params->max_timestep };

  for (int i = 0; i < N_NUMBERS; i++)
    set_number (panel, i, values[i] < 0 ? panel->own[i] : values[i]);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (panel->variations), params->variations);
  panel->setting = FALSE;
  on_edited (panel);
}

/* -1 if it is the model's own. */
static double
get_chosen (SettingsPanel *panel, int i)
{
  double value = get_number (panel, i);

  return value == panel->own[i] ? -1 : value;
}

ReplaceSettings *
settings_panel_get (SettingsPanel *panel, gboolean roll)
{
  ReplaceSettings *settings = replace_settings_copy (panel->settings);
  g_autofree char *usual = replace_settings_find_model ();
  const char *model = gtk_entry_get_text (GTK_ENTRY (panel->model_entry));

  if (roll && panel->random_seed)
    gtk_adjustment_set_value (GTK_ADJUSTMENT (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed)),
                              g_random_int ());
  replace_settings_set_string (&settings->prompt, gtk_entry_get_text (GTK_ENTRY (panel->prompt)));
  replace_settings_set_string (&settings->model, g_strcmp0 (model, usual) ? model : "");
  settings->params.seed = panel->seed_value;
  settings->params.steps = MAX (get_chosen (panel, STEPS), 0);
  settings->params.guidance = get_chosen (panel, GUIDANCE);
  settings->params.freedom = get_chosen (panel, FREEDOM);
  settings->params.fixed_point = get_chosen (panel, FIXED_POINT);
  settings->params.max_timestep = get_chosen (panel, MAX_TIMESTEP);
  settings->params.variations = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (panel->variations));
  for (int i = 0; i < N_SWITCHES; i++)
    *get_switch (settings, i)
      = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (panel->switches[i]));
  return settings;
}

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_label (GtkWidget *table, int row, const char *text, GtkWidget *mnemonic)
{
  GtkWidget *label = gtk_label_new_with_mnemonic (text);

  gtk_misc_set_alignment (GTK_MISC (label), 0, 0.5);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), mnemonic);
  gtk_table_attach (GTK_TABLE (table), label, 0, 1, row, row + 1, GTK_FILL, GTK_FILL, 0, 0);
  return label;
}

static void
add_number (SettingsPanel *panel, GtkWidget *table, int row, int i)
{
  panel->numbers[i] = gimp_scale_entry_new (
    GTK_TABLE (table), 0, row, _(numbers[i].label), 120, 6, numbers[i].fallback,
    i == STEPS ? 1 : 0, numbers[i].upper, numbers[i].increment, numbers[i].increment * 10,
    numbers[i].digits, TRUE, 0, 0, _(numbers[i].tip), NULL);
  g_signal_connect_swapped (panel->numbers[i], "value-changed", G_CALLBACK (on_edited), panel);
  panel->own[i] = numbers[i].fallback;
  /* The label names the spin button; a screen reader meets the slider too. */
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (panel->numbers[i]))),
                       _(numbers[i].tip));
}

static GtkWidget *
create_prompt (SettingsPanel *panel)
{
  g_autofree char *nouns = g_strjoinv (", ", (char **) moa_subject_nouns ());
  g_autofree char *tip = g_strdup_printf (
    _("The picture in words, with one noun for each subject: \"a man and a woman in a garden\". "
      "Empty: \"a person\". Nouns that are known: %s. Or mark others: \"a wizard<1>\"."), nouns);

  panel->prompt = gtk_entry_new ();
  gtk_entry_set_activates_default (GTK_ENTRY (panel->prompt), TRUE);
  g_signal_connect_swapped (panel->prompt, "changed", G_CALLBACK (on_edited), panel);
  gimp_help_set_help_data (panel->prompt, tip, NULL);
  return panel->prompt;
}

static GtkWidget *
create_model_row (SettingsPanel *panel)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 6);
  GtkWidget *button = gtk_button_new_with_mnemonic (_("_Browse..."));

  panel->model_entry = gtk_entry_new ();
  g_signal_connect (panel->model_entry, "changed", G_CALLBACK (on_model_edited), panel);
  g_signal_connect (button, "clicked", G_CALLBACK (on_browse), panel);
  gimp_help_set_help_data (panel->model_entry,
                           _("A folder in diffusers layout with a moa folder in it"), NULL);
  gtk_box_pack_start (GTK_BOX (row), panel->model_entry, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (row), button, FALSE, FALSE, 0);

  panel->model_status = gtk_label_new (NULL);
  gtk_misc_set_alignment (GTK_MISC (panel->model_status), 0, 0.5);
  gtk_label_set_ellipsize (GTK_LABEL (panel->model_status), PANGO_ELLIPSIZE_END);
  return row;
}

static GtkWidget *
create_table (int rows)
{
  GtkWidget *table = gtk_table_new (rows, 3, FALSE);

  gtk_table_set_col_spacings (GTK_TABLE (table), 6);
  gtk_table_set_row_spacings (GTK_TABLE (table), 6);
  return table;
}

static GtkWidget *
create_advanced (SettingsPanel *panel)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 2), *table = create_table (N_NUMBERS + 1);
  GtkWidget *model = create_model_row (panel);
  int row = 0;

  for (int i = STEPS; i < N_NUMBERS; i++)
    add_number (panel, table, row++, i);
  create_label (table, row, _("_Model:"), panel->model_entry);
  gtk_table_attach (GTK_TABLE (table), model, 1, 3, row, row + 1, GTK_FILL | GTK_EXPAND, GTK_FILL, 0, 0);
  row++;
  gtk_table_attach (GTK_TABLE (table), panel->model_status, 1, 3, row, row + 1, GTK_FILL | GTK_EXPAND,
                    GTK_FILL, 0, 0);
  gtk_container_set_border_width (GTK_CONTAINER (table), 4);
  gtk_box_pack_start (GTK_BOX (box), table, FALSE, FALSE, 0);
  for (int i = 0; i < N_SWITCHES; i++)
    {
      panel->switches[i] = gtk_check_button_new_with_mnemonic (_(switches[i].label));
      gimp_help_set_help_data (panel->switches[i], _(switches[i].tip), NULL);
      g_signal_connect_swapped (panel->switches[i], "toggled", G_CALLBACK (on_edited), panel);
      gtk_box_pack_start (GTK_BOX (box), panel->switches[i], FALSE, FALSE, 0);
    }
  return box;
}

static GtkWidget *
create_basic (SettingsPanel *panel)
{
  GtkWidget *table = create_table (4), *prompt = create_prompt (panel);
  GtkWidget *row = gtk_hbox_new (FALSE, 0);

  create_label (table, 0, _("In _words:"), prompt);
  gtk_table_attach (GTK_TABLE (table), prompt, 1, 3, 0, 1, GTK_FILL | GTK_EXPAND, GTK_FILL, 0, 0);
  add_number (panel, table, 1, FREEDOM);

  panel->seed = gimp_random_seed_new (&panel->seed_value, &panel->random_seed);
  g_signal_connect_swapped (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed), "value-changed",
                            G_CALLBACK (on_edited), panel);
  create_label (table, 2, _("See_d:"), GIMP_RANDOM_SEED_SPINBUTTON (panel->seed));
  gtk_table_attach (GTK_TABLE (table), panel->seed, 1, 3, 2, 3, GTK_FILL, GTK_FILL, 0, 0);

  panel->variations = gtk_spin_button_new_with_range (1, MAX_VARIATIONS, 1);
  gimp_help_set_help_data (panel->variations, _("So many results in one run, each with the next seed; "
                                                "choose among them afterwards. More than one needs some "
                                                "freedom."), NULL);
  g_signal_connect_swapped (panel->variations, "value-changed", G_CALLBACK (on_edited), panel);
  create_label (table, 3, _("Variat_ions:"), panel->variations);
  gtk_box_pack_start (GTK_BOX (row), panel->variations, FALSE, FALSE, 0);
  gtk_table_attach (GTK_TABLE (table), row, 1, 3, 3, 4, GTK_FILL, GTK_FILL, 0, 0);
  return table;
}

SettingsPanel *
settings_panel_new (const SettingsHooks *hooks)
{
  SettingsPanel *panel = g_new0 (SettingsPanel, 1);

  panel->hooks = *hooks;
  panel->settings = replace_settings_new ();
  panel->advanced = create_advanced (panel);
  panel->box = create_basic (panel);
  return panel;
}

GtkWidget *
settings_panel_get_widget (SettingsPanel *panel)
{
  return panel->box;
}

GtkWidget *
settings_panel_get_advanced (SettingsPanel *panel)
{
  return panel->advanced;
}

void
settings_panel_free (SettingsPanel *panel)
{
  if (panel->check_id)
    g_source_remove (panel->check_id);
  g_clear_pointer (&panel->model, moa_model_unref);
  replace_settings_free (panel->settings);
  g_free (panel->problem);
  g_free (panel);
}
