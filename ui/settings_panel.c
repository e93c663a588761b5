/* The widgets for everything in ReplaceSettings, and the model that they name.
 *
 * Numbers and switches come from the engine's table: a new setting appears here by itself.  The model
 * is opened as soon as its folder is named, which only reads its tables: it says whether it is
 * complete, and brings the defaults of the numbers.  A number that stands at its default follows the
 * model when another one is chosen. */
#include "settings_panel.h"

#include "control_row.h"
#include "device_combo.h"
#include "lora_row.h"
#include "path_entry.h"
#include "table.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

#define CHECK_DELAY 400 /* ms after the last key in the model's path */
#define MAX_SETTINGS 64

/* What slides well, where the range that is allowed would be too wide; and which settings most users
 * meet. */
static const struct {
  const char *name;
  double upper, increment;
  gboolean basic;
} hints[] = {
  { "freedom", 1, 0.01, TRUE }, { "seed", 0, 1, TRUE }, { "variations", 16, 1, TRUE },
  { "steps", 150, 1, FALSE }, { "guidance", 15, 0.1, FALSE }, { "fixed_point", 10, 1, FALSE },
  { "max_timestep", 1000, 10, FALSE }, { "guidance_max_timestep", 1000, 10, FALSE },
  { "grow", 32, 0.5, FALSE }, { "feather", 32, 0.5, FALSE },
  { "guidance_rescale", 1, 0.05, FALSE }, { "mask_threshold", 1, 0.01, FALSE }, { "expert_scale", 2, 0.05, FALSE },
  { "faces", 1, 0.05, FALSE },
};

typedef struct {
  const MoaSetting *setting;
  GtkObject *number; /* an adjustment; or */
  GtkWidget *widget; /* a check button or a combo box */
  double own;        /* the model's, as the widget rounds it */
} Row;

/* What the engine knows nothing of. */
enum { MAPS, CACHE, MARK, N_SWITCHES };

static const struct {
  const char *label, *tip;
} switches[N_SWITCHES] = {
  { N_("Add the router maps"),
    N_("Hidden layers that show, for each block of the model, where the new person was drawn.") },
  { N_("Keep inversions on disk"),
    N_("Another run on the same picture takes half the time.") },
  { N_("Say what made it"),
    N_("The result carries a note that it was made with this plug-in.") },
};

/* Files that the model is made of. */
enum { MODEL, EXPERT, IMAGE_ENCODER, CONTROLNET, N_PATHS };

static const struct {
  const char *label, *title, *tip;
  GtkFileChooserAction action;
} paths[N_PATHS] = {
  { N_("_Model:"), N_("Folder of the Model"), N_("A folder in diffusers layout with a moa folder in it"),
    GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER },
  { N_("E_xpert:"), N_("What Puts Persons into Pictures"),
    N_("An IP-Adapter's file, or a folder of MoA weights. Empty: the model's own."),
    GTK_FILE_CHOOSER_ACTION_OPEN },
  { N_("Image encoder:"), N_("Image Encoder"),
    N_("The CLIP image encoder that the expert was trained with. Empty: the model's own."),
    GTK_FILE_CHOOSER_ACTION_OPEN },
  { N_("ControlNet:"), N_("ControlNet"),
    N_("What follows the pose picture. Empty: the model's own, if it has one."),
    GTK_FILE_CHOOSER_ACTION_OPEN },
};

struct _SettingsPanel
{
  GtkWidget *box, *advanced, *prompt, *seed, *paths[N_PATHS], *model_status, *device;
  LoraRow lora;
  ControlRow control;
  GtkWidget *switches[N_SWITCHES];
  Row rows[MAX_SETTINGS];
  int n_rows;
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
on_edited (gpointer data)
{
  SettingsPanel *panel = data;

  if (!panel->setting)
    panel->hooks.edited (panel->hooks.data);
}

/* ---- The model ----------------------------------------------------------- */

/* As the widget rounds it. */
static double
get_number (const Row *row)
{
  return gtk_adjustment_get_value (GTK_ADJUSTMENT (row->number));
}

static void
set_number (const Row *row, double value)
{
  gtk_adjustment_set_value (GTK_ADJUSTMENT (row->number), value);
}

/* What the model wants where a number is left to it; moa.h says what grow and feather are then. */
static double
get_own (const MoaModelInfo *info, const MoaSetting *setting)
{
  const struct { const char *name; double value; } own[] = {
    { "steps", info ? info->steps : 50 },
    { "guidance", info ? info->guidance : 3 },
    { "freedom", info ? info->freedom : 0.5 },
    { "fixed_point", info ? info->fixed_point : 1 },
    { "max_timestep", info ? info->max_timestep : 1000 },
    { "guidance_max_timestep", info ? info->guidance_max_timestep : 1000 },
    { "guidance_rescale", info ? info->guidance_rescale : 0 },
    { "grow", info ? info->side / 64.0 : 2 },
    { "feather", info ? info->side / 42.0 : 3 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    if (!strcmp (own[i].name, setting->name))
      return own[i].value;
  return MAX (setting->fallback, 0);
}

static void
adopt_defaults (SettingsPanel *panel)
{
  const MoaModelInfo *info = panel->model ? moa_model_get_info (panel->model) : NULL;

  for (int i = 0; i < panel->n_rows; i++)
    {
      Row *row = &panel->rows[i];

      if (!row->number || !row->setting->left_to_model)
        continue;

      gboolean follow = get_number (row) == row->own;
      double before = get_number (row);

      set_number (row, get_own (info, row->setting));
      row->own = get_number (row);
      if (!follow)
        set_number (row, before);
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
  const char *text = gtk_entry_get_text (GTK_ENTRY (panel->paths[MODEL]));

  return *text ? g_strdup (text) : replace_settings_find_model ();
}

/* The files beside the model. */
static void
put_paths (SettingsPanel *panel, ReplaceSettings *settings)
{
  replace_settings_set_string (&settings->expert, gtk_entry_get_text (GTK_ENTRY (panel->paths[EXPERT])));
  replace_settings_set_string (&settings->image_encoder,
                               gtk_entry_get_text (GTK_ENTRY (panel->paths[IMAGE_ENCODER])));
  replace_settings_set_string (&settings->controlnet, gtk_entry_get_text (GTK_ENTRY (panel->paths[CONTROLNET])));
  lora_row_get (&panel->lora, settings);
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
  put_paths (panel, panel->settings);
  panel->model = replace_settings_open_model (panel->settings, path, &error);
  if (error)
    panel->problem = g_strdup_printf (replace_settings_blame_added (panel->settings, path)
                                      ? _("%s. Change LoRA, Embeddings or CLIP skip under Advanced.")
                                      : _("%s. Choose the folder of a complete model under Model."),
                                      error->message);

  g_autofree char *status = panel->model ? describe_model (moa_model_get_info (panel->model))
                                         : g_strdup (_("This model cannot be used, see below."));
  g_autofree char *markup = g_markup_printf_escaped ("<small>%s</small>", status);

  gtk_label_set_markup (GTK_LABEL (panel->model_status), markup);
  adopt_defaults (panel);
  control_row_set_sensitive (&panel->control, panel->model);
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
on_model_edited (gpointer data)
{
  SettingsPanel *panel = data;

  if (panel->check_id)
    g_source_remove (panel->check_id);
  panel->check_id = g_timeout_add (CHECK_DELAY, on_check_due, panel);
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
  gboolean *fields[N_SWITCHES] = { &settings->maps, &settings->cache, &settings->mark };

  return fields[i];
}

static void
show_value (const Row *row, const MoaReplaceParams *params)
{
  double value = moa_setting_get (row->setting, params);

  if (row->number)
    set_number (row, row->setting->left_to_model && value == row->setting->fallback ? row->own : value);
  else if (row->setting->kind == MOA_SETTING_BASE)
    gtk_combo_box_set_active (GTK_COMBO_BOX (row->widget), value);
  else
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (row->widget), value != 0);
}

/* The fallback if it is the model's own. */
static double
get_value (const Row *row)
{
  if (row->number)
    return row->setting->left_to_model && get_number (row) == row->own ? row->setting->fallback
                                                                       : get_number (row);
  if (row->setting->kind == MOA_SETTING_BASE)
    return MAX (gtk_combo_box_get_active (GTK_COMBO_BOX (row->widget)), 0);
  return gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (row->widget));
}

void
settings_panel_set (SettingsPanel *panel, const ReplaceSettings *settings)
{
  g_autofree char *usual = replace_settings_find_model ();

  panel->setting = TRUE;
  replace_settings_free (panel->settings);
  panel->settings = replace_settings_copy (settings);
  gtk_entry_set_text (GTK_ENTRY (panel->prompt), settings->prompt);
  gtk_entry_set_text (GTK_ENTRY (panel->paths[MODEL]), *settings->model ? settings->model : usual);
  gtk_entry_set_text (GTK_ENTRY (panel->paths[EXPERT]), settings->expert);
  gtk_entry_set_text (GTK_ENTRY (panel->paths[IMAGE_ENCODER]), settings->image_encoder);
  lora_row_set (&panel->lora, settings);
  gtk_entry_set_text (GTK_ENTRY (panel->paths[CONTROLNET]), settings->controlnet);
  control_row_set (&panel->control, settings);
  device_combo_set (panel->device, settings->device);
  for (int i = 0; i < N_SWITCHES; i++)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (panel->switches[i]),
                                  *get_switch (panel->settings, i));
  check_model (panel);
  for (int i = 0; i < panel->n_rows; i++)
    show_value (&panel->rows[i], &settings->params);
  panel->setting = FALSE;
  on_edited (panel);
}

ReplaceSettings *
settings_panel_get (SettingsPanel *panel, gboolean roll)
{
  g_autofree char *device = device_combo_get (panel->device);
  ReplaceSettings *settings = replace_settings_copy (panel->settings);
  g_autofree char *usual = replace_settings_find_model ();
  const char *model = gtk_entry_get_text (GTK_ENTRY (panel->paths[MODEL]));

  if (roll && panel->random_seed)
    gtk_adjustment_set_value (GTK_ADJUSTMENT (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed)),
                              g_random_int ());
  replace_settings_set_string (&settings->prompt, gtk_entry_get_text (GTK_ENTRY (panel->prompt)));
  replace_settings_set_string (&settings->model, g_strcmp0 (model, usual) ? model : "");
  replace_settings_set_string (&settings->device, device);
  put_paths (panel, settings);
  control_row_get (&panel->control, settings);
  for (int i = 0; i < panel->n_rows; i++)
    moa_setting_set (panel->rows[i].setting, &settings->params, get_value (&panel->rows[i]), NULL);
  for (int i = 0; i < N_SWITCHES; i++)
    *get_switch (settings, i) = gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (panel->switches[i]));
  return settings;
}

/* ---- Widgets ------------------------------------------------------------- */

static int
find_hint (const MoaSetting *setting)
{
  for (guint i = 0; i < G_N_ELEMENTS (hints); i++)
    if (!strcmp (hints[i].name, setting->name))
      return i;
  return -1;
}

/* A slider over what is usual, and a field for all that is allowed. */
static void
add_number (SettingsPanel *panel, Row *row, GtkWidget *table, int line, const char *label)
{
  const MoaSetting *setting = row->setting;
  int hint = find_hint (setting), whole = setting->kind == MOA_SETTING_INTEGER;
  double lower = setting->left_to_model && setting->lower < 0 ? 0 : setting->lower;
  double increment = hint >= 0 ? hints[hint].increment : whole ? 1 : 0.01;

  if (whole && setting->left_to_model && setting->fallback == 0)
    lower = 1;
  row->own = get_own (NULL, setting);
  row->number = gimp_scale_entry_new (
    GTK_TABLE (table), 0, line, label, 120, 6, CLAMP (row->own, lower, setting->upper), lower,
    hint >= 0 ? hints[hint].upper : setting->upper, increment, increment * 10,
    whole ? 0 : increment < 0.1 ? 2 : 1, FALSE, lower, setting->upper, _(setting->help), NULL);
  /* The label names the field; a screen reader meets the slider too. */
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (row->number))),
                       _(setting->help));
  g_signal_connect_swapped (row->number, "value-changed", G_CALLBACK (on_edited), panel);
}

static void
add_base (SettingsPanel *panel, Row *row, GtkWidget *table, int line, const char *label)
{
  row->widget = gtk_combo_box_text_new ();
  gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (row->widget), _("what fits the job"));
  gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (row->widget), _("the prior"));
  gtk_combo_box_text_append_text (GTK_COMBO_BOX_TEXT (row->widget), _("without subjects"));
  gtk_combo_box_set_active (GTK_COMBO_BOX (row->widget), 0);
  atk_object_set_name (gtk_widget_get_accessible (row->widget), _("Base"));
  gimp_help_set_help_data (row->widget, _(row->setting->help), NULL);
  g_signal_connect_swapped (row->widget, "changed", G_CALLBACK (on_edited), panel);
  table_attach (table, line, label, row->widget, row->widget);
}

static void
add_seed (SettingsPanel *panel, Row *row, GtkWidget *table, int line, const char *label)
{
  panel->seed = gimp_random_seed_new (&panel->seed_value, &panel->random_seed);
  row->number = GTK_OBJECT (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (panel->seed));
  gimp_help_set_help_data (GIMP_RANDOM_SEED_SPINBUTTON (panel->seed), _(row->setting->help), NULL);
  g_signal_connect_swapped (row->number, "value-changed", G_CALLBACK (on_edited), panel);
  table_label (table, line, label, GIMP_RANDOM_SEED_SPINBUTTON (panel->seed));
  gtk_table_attach (GTK_TABLE (table), panel->seed, 1, 3, line, line + 1, GTK_FILL, GTK_FILL, 0, 0);
}

/* Whether the setting takes a line of the table; switches come below it. */
static gboolean
is_line (const MoaSetting *setting)
{
  return setting->kind != MOA_SETTING_BOOLEAN;
}

/* All lines that most users meet, or do not; from this line on. */
static void
add_lines (SettingsPanel *panel, GtkWidget *table, int line, gboolean basic)
{
  int n;
  const MoaSetting *settings = moa_replace_settings (&n);

  for (int i = 0; i < n && panel->n_rows < MAX_SETTINGS; i++)
    {
      int hint = find_hint (&settings[i]);
      Row *row = &panel->rows[panel->n_rows];
      g_autofree char *label = g_strconcat (_(settings[i].label), ":", NULL);

      if (!is_line (&settings[i]) || (hint >= 0 && hints[hint].basic) != basic)
        continue;
      row->setting = &settings[i];
      panel->n_rows++;
      if (settings[i].kind == MOA_SETTING_BASE)
        add_base (panel, row, table, line++, label);
      else if (settings[i].kind == MOA_SETTING_SEED)
        add_seed (panel, row, table, line++, label);
      else
        add_number (panel, row, table, line++, label);
    }
}

static GtkWidget *
add_switch (SettingsPanel *panel, GtkWidget *box, const char *label, const char *tip)
{
  GtkWidget *button = gtk_check_button_new_with_mnemonic (label);

  gimp_help_set_help_data (button, tip, NULL);
  g_signal_connect_swapped (button, "toggled", G_CALLBACK (on_edited), panel);
  gtk_box_pack_start (GTK_BOX (box), button, FALSE, FALSE, 0);
  return button;
}

static void
add_switches (SettingsPanel *panel, GtkWidget *box)
{
  int n;
  const MoaSetting *settings = moa_replace_settings (&n);

  for (int i = 0; i < n && panel->n_rows < MAX_SETTINGS; i++)
    if (!is_line (&settings[i]))
      {
        Row *row = &panel->rows[panel->n_rows++];

        row->setting = &settings[i];
        row->widget = add_switch (panel, box, _(settings[i].label), _(settings[i].help));
      }
  for (int i = 0; i < N_SWITCHES; i++)
    panel->switches[i] = add_switch (panel, box, _(switches[i].label), _(switches[i].tip));
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

static void
add_path (SettingsPanel *panel, GtkWidget *table, int line, int i)
{
  GtkWidget *row = path_entry_new (i == MODEL ? _("Browse...") : "...", _(paths[i].title), _(paths[i].tip),
                                   paths[i].action, FALSE, &panel->paths[i]);

  g_signal_connect_swapped (panel->paths[i], "changed", G_CALLBACK (on_model_edited), panel);
  table_attach (table, line, _(paths[i].label), row, panel->paths[i]);
}

/* The model, and what is laid over it; its labels are short, which leaves room for paths. */
static GtkWidget *
create_files (SettingsPanel *panel)
{
  GtkWidget *table = table_new (2), *skip = gtk_hbox_new (FALSE, 0);
  int line = 4;

  add_path (panel, table, 0, MODEL);
  panel->model_status = gtk_label_new (NULL);
  gtk_misc_set_alignment (GTK_MISC (panel->model_status), 0, 0.5);
  gtk_label_set_ellipsize (GTK_LABEL (panel->model_status), PANGO_ELLIPSIZE_END);
  gtk_table_attach (GTK_TABLE (table), panel->model_status, 1, 3, 1, 2, GTK_FILL | GTK_EXPAND, GTK_FILL, 0,
                    0);
  add_path (panel, table, 2, EXPERT);
  add_path (panel, table, 3, IMAGE_ENCODER);
  lora_row_add (&panel->lora, table, line);
  line += LORA_ROWS;
  gtk_table_attach (GTK_TABLE (table), panel->lora.clip_skip_label, 0, 1, line, line + 1, GTK_FILL, GTK_FILL,
                    0, 0);
  gtk_box_pack_start (GTK_BOX (skip), panel->lora.clip_skip, FALSE, FALSE, 0);
  gtk_table_attach (GTK_TABLE (table), skip, 1, 3, line, line + 1, GTK_FILL, GTK_FILL, 0, 0);
  line++;
  lora_row_watch (&panel->lora, on_edited, panel);
  lora_row_watch (&panel->lora, on_model_edited, panel);
  add_path (panel, table, line++, CONTROLNET);
  control_row_add (&panel->control, table, line, &panel->hooks.control);
  control_row_watch (&panel->control, on_edited, panel);
  return table;
}

static GtkWidget *
create_numbers (SettingsPanel *panel)
{
  GtkWidget *table = table_new (2);

  panel->device = device_combo_new ();
  g_signal_connect_swapped (panel->device, "changed", G_CALLBACK (on_edited), panel);
  table_attach (table, 0, _("Compute on:"), panel->device, panel->device);
  add_lines (panel, table, 1, FALSE);
  return table;
}

static GtkWidget *
create_advanced (SettingsPanel *panel)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 2);

  gtk_box_pack_start (GTK_BOX (box), create_files (panel), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), create_numbers (panel), FALSE, FALSE, 4);
  add_switches (panel, box);
  return box;
}

static GtkWidget *
create_basic (SettingsPanel *panel)
{
  GtkWidget *table = table_new (1), *prompt = create_prompt (panel);

  table_attach (table, 0, _("In _words:"), prompt, prompt);
  add_lines (panel, table, 1, TRUE);
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

void
settings_panel_refresh (SettingsPanel *panel)
{
  control_combo_refresh (panel->control.combo);
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
