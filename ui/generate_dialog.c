/* The dialog of Generate: words and persons on the left; on the right a row of layouts, drawn by the
 * prior alone, to choose from, and the picture.
 *
 * The engine draws the same layout again with the persons, since the seed says where things are. */
#include "generate_dialog.h"

#include "drawing.h"
#include "first_use.h"
#include "frame.h"
#include "generate_panel.h"
#include "help.h"
#include "history_strip.h"
#include "mnemonics.h"
#include "pixels.h"
#include "subject_set.h"
#include "table.h"

#include "plugin/control.h"
#include "plugin/generate.h"
#include "plugin/history.h"
#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define RESPONSE_LAYOUTS 1
#define THUMBNAIL 64
#define MAX_SEEDS 16

typedef struct {
  guint64 seed;
  MoaImage *picture;
} Layout;

typedef struct {
  Drawing drawing;
  GtkWidget *prompt, *n_seeds;
  GeneratePanel panel;
  SubjectList *subjects;
  HistoryStrip *strip;
  GPtrArray *layouts; /* of Layout */
  /* of the run */
  gboolean prior_only; /* it draws layouts */
  SubjectSet *set;
  MoaImage *control;
  MoaGenerateParams params;
  guint64 seeds[MAX_SEEDS];
} Generate;

static void
layout_free (gpointer data)
{
  moa_image_free (((Layout *) data)->picture);
  g_free (data);
}

static const Layout *
get_chosen (Generate *g)
{
  int i = history_strip_get_chosen (g->strip);

  return i >= 0 ? g_ptr_array_index (g->layouts, i) : NULL;
}

/* ---- What is shown ------------------------------------------------------- */

static const char *
find_missing (gpointer data)
{
  Generate *g = data;

  if (!*gtk_entry_get_text (GTK_ENTRY (g->prompt)))
    return _("Say in words what is to be drawn.");
  return drawing_refuse_several (&g->drawing, subject_list_get_n_subjects (g->subjects));
}

static void
say_ready (gpointer data)
{
  Generate *g = data;

  progress_row_say (&g->drawing.row, NULL, get_chosen (g)
                    ? _("Generate draws the chosen layout with your persons in it.")
                    : _("Layouts shows quickly what each seed would draw. Generate draws all seeds."));
}

static void
on_changed (gpointer data)
{
  Generate *g = data;

  generate_panel_change (&g->panel, &g->drawing);
}

static void
on_reopened (gpointer data)
{
  Generate *g = data;

  generate_panel_set_model (&g->panel, g->drawing.model);
}

static void
on_layout (int i, gpointer data)
{
  Generate *g = data;
  const Layout *layout = get_chosen (g);

  if (layout)
    preview_set_picture (g->drawing.preview, layout->picture, 0, NULL);
  drawing_change (&g->drawing);
}

/* ---- The run ------------------------------------------------------------- */

static gpointer
draw (const MoaRun *run, gpointer data, GError **error)
{
  Generate *g = data;

  return moa_generate (g->drawing.model, &g->params, run, error);
}

static gboolean
estimate (const MoaRun *run, MoaEstimate *estimate, gpointer data, GError **error)
{
  Generate *g = data;

  return moa_generate_estimate (g->drawing.model, &g->params, run, TRUE, estimate, error);
}

static char *
describe (const MoaProgress *progress, gpointer data)
{
  return progress_describe (progress);
}

static void
add_layouts (Generate *g, MoaGenerateResult *result)
{
  for (int i = 0; i < result->n_images; i++)
    {
      Layout *layout = g_new0 (Layout, 1);
      GdkPixbuf *thumbnail = pixels_to_thumbnail (result->images[i], THUMBNAIL);
      g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, g->seeds[i]);
      g_autofree char *title = g_strdup_printf (_("Seed %s"), number);

      layout->seed = g->seeds[i];
      layout->picture = moa_image_copy (result->images[i]);
      g_ptr_array_add (g->layouts, layout);
      history_strip_add (g->strip, thumbnail, title, NULL);
      g_object_unref (thumbnail);
    }
  history_strip_choose (g->strip, g->layouts->len - result->n_images);
}

/* Layouts to choose from, or the pictures as a new image. */
static gboolean
take (gpointer data, gpointer user_data, GError **error)
{
  Generate *g = user_data;
  MoaGenerateResult *result = data;
  gint32 image = -1;

  if (g->prior_only)
    add_layouts (g, result);
  else
    image = generate_write (&g->params, g->set->names, result, g->drawing.settings->how,
                            moa_model_get_info (g->drawing.model), error);
  if (image >= 0)
    gimp_display_new (image);
  gimp_displays_flush ();
  moa_generate_result_free (result);
  return image >= 0;
}

static void
forget (gpointer data)
{
  Generate *g = data;

  g_clear_pointer (&g->set, subject_set_free);
  g_clear_pointer (&g->control, moa_image_free);
}

/* What the widgets say. */
static void
read_settings (Generate *g)
{
  GenerateSettings *settings = g->drawing.settings;

  replace_settings_set_string (&settings->prompt, gtk_entry_get_text (GTK_ENTRY (g->prompt)));
  settings->pictures = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (g->n_seeds));
  generate_panel_get (&g->panel, settings);
}

static gboolean
read_all (gboolean cost, gpointer data, GError **error)
{
  Generate *g = data;
  const GenerateSettings *settings = g->drawing.settings;
  gboolean layouts = !cost && g->prior_only;
  const Layout *chosen = layouts ? NULL : get_chosen (g);

  g->set = subject_set_new (g->subjects, FALSE, error);
  if (!g->set)
    return FALSE;
  read_settings (g);
  if (!control_read (settings->how, -1, NULL, &g->control, error))
    return FALSE;
  g->params = settings->params;
  g->params.control = settings->how->params.control;
  g->params.control.image = g->control;
  g->params.prompt = settings->prompt;
  g->params.negative = settings->negative;
  g->params.subjects = g->set->subjects;
  g->params.n_subjects = g->set->n_subjects;
  g->params.prior_only = layouts;
  g->params.seeds = g->seeds;
  g->params.n_seeds = chosen ? 1 : settings->pictures;
  for (int i = 0; i < g->params.n_seeds; i++)
    g->seeds[i] = chosen ? chosen->seed : settings->seed + (guint64) i;
  return TRUE;
}

static void
start (Generate *g, gboolean layouts)
{
  g->prior_only = layouts;
  if (layouts || !get_chosen (g))
    generate_panel_roll (&g->panel);
  if (layouts)
    {
      history_strip_clear (g->strip);
      g_ptr_array_set_size (g->layouts, 0);
    }
  drawing_start (&g->drawing);
}

static void
on_response (GtkDialog *dialog, int response, Generate *g)
{
  mnemonics_take_typed (g->drawing.dialog);
  if (response == RESPONSE_LAYOUTS || response == GTK_RESPONSE_OK)
    start (g, response == RESPONSE_LAYOUTS);
  else
    drawing_leave (&g->drawing, response);
}

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_settings (Generate *g)
{
  GtkWidget *table = table_new (5), *row = gtk_hbox_new (FALSE, 0);

  g->prompt = gtk_entry_new ();
  gimp_help_set_help_data (g->prompt, _("What the picture shows, with one noun for each person who comes in: "
                                        "\"a man on a beach\""), NULL);
  table_attach (table, 0, _("In _words:"), g->prompt, g->prompt);
  generate_panel_init (&g->panel, table, 1, _("First see_d:"));
  g->n_seeds = gtk_spin_button_new_with_range (1, MAX_SEEDS, 1);
  gtk_box_pack_start (GTK_BOX (row), g->n_seeds, FALSE, FALSE, 0);
  table_attach (table, 4, _("Seeds:"), row, g->n_seeds);
  return table;
}

/* What was chosen last; whatever changes afterwards, the cost does too. */
static void
show_settings (Generate *g)
{
  Drawing *drawing = &g->drawing;

  gtk_entry_set_text (GTK_ENTRY (g->prompt), drawing->settings->prompt);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (g->n_seeds), drawing->settings->pictures);
  generate_panel_set (&g->panel, drawing->settings, drawing->model);
  g_signal_connect_swapped (g->prompt, "changed", G_CALLBACK (drawing_change), drawing);
  g_signal_connect_swapped (g->n_seeds, "value-changed", G_CALLBACK (drawing_change), drawing);
  generate_panel_watch (&g->panel, on_changed, g);
  drawing->watching = TRUE;
  drawing_change (drawing);
}

static GtkWidget *
create_panes (Generate *g)
{
  SubjectHooks subject_hooks = { generate_look, generate_list_layers, generate_list_saved, on_changed, g };
  HistoryHooks strip_hooks = { .compare = on_layout, .data = g };

  g->subjects = subject_list_new (&subject_hooks);
  g->strip = history_strip_new (_("None yet. Press Layouts to see what the seeds would draw, without your "
                                  "persons, and choose one."), &strip_hooks);
  return drawing_create_panes (&g->drawing,
                               generate_panel_create_left (&g->panel, create_settings (g), g->subjects),
                               frame_new (_("Layouts"), history_strip_get_widget (g->strip)));
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "generate.html");
}

static void
create_dialog (Generate *g)
{
  GtkWidget *dialog = gimp_dialog_new (_("Generate"), "moa-generate", NULL, 0, show_help, GENERATE_PROCEDURE,
                                       _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Layouts"), RESPONSE_LAYOUTS,
                                       _("G_enerate"), GTK_RESPONSE_OK, NULL);

  g->drawing.dialog = dialog;
  gtk_dialog_set_default_response (GTK_DIALOG (dialog), RESPONSE_LAYOUTS);
  generate_panel_fill (dialog, create_panes (g), &g->drawing.row);
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), g);
  g_signal_connect (dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
}

static void
clear (Generate *g)
{
  drawing_clear (&g->drawing);
  gtk_widget_destroy (g->drawing.dialog);
  subject_list_free (g->subjects);
  history_strip_free (g->strip);
  preview_free (g->drawing.preview);
  g_ptr_array_unref (g->layouts);
}

gboolean
generate_dialog_run (void)
{
  if (!first_use_agree ())
    return FALSE;

  Generate g = { .layouts = g_ptr_array_new_with_free_func (layout_free) };
  DrawingHooks hooks = { find_missing, say_ready, read_all, forget, estimate, draw, describe, take, NULL,
                         on_reopened, &g, { RESPONSE_LAYOUTS, GTK_RESPONSE_OK } };

  drawing_init (&g.drawing, &hooks, history_load_generate ("generate", NULL));
  create_dialog (&g);
  show_settings (&g);
  mnemonics_settle (g.drawing.dialog);
  gtk_widget_show (g.drawing.dialog);
  gtk_widget_grab_focus (g.prompt);
  gtk_main ();

  clear (&g);
  return g.drawing.success;
}
