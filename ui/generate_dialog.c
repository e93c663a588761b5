/* The dialog of Generate: words and persons on the left; on the right a row of layouts, drawn by the
 * prior alone, to choose from, and the picture.
 *
 * The engine draws the same layout again with the persons, since the seed says where things are. */
#include "generate_dialog.h"

#include "entries.h"
#include "first_use.h"
#include "frame.h"
#include "generate_panel.h"
#include "help.h"
#include "history_strip.h"
#include "mnemonics.h"
#include "pixels.h"
#include "preview.h"
#include "progress.h"
#include "runner.h"
#include "subject_set.h"
#include "wrapped_label.h"

#include "plugin/generate.h"
#include "plugin/history.h"
#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define RESPONSE_LAYOUTS 1
#define THUMBNAIL 64
#define MAX_SEEDS 16
#define DELAY 400 /* ms after the last change */

typedef enum { RUN_NONE, RUN_ESTIMATE, RUN_LAYOUTS, RUN_DRAW } RunKind;

typedef struct {
  guint64 seed;
  MoaImage *picture;
} Layout;

typedef struct {
  GtkWidget *dialog, *left, *prompt, *n_seeds, *cost;
  GeneratePanel panel;
  SubjectList *subjects;
  HistoryStrip *strip;
  Preview *preview;
  ProgressRow row;
  MoaModel *model;
  GPtrArray *layouts; /* of Layout */
  guint delay;        /* source of the delay after a change; 0: none */
  gboolean too_large;
  /* of the run */
  Runner *runner;
  RunKind kind;
  SubjectSet *set;
  GenerateSettings *settings;
  MoaGenerateParams params;
  guint64 seeds[MAX_SEEDS];
  gboolean built, closing, success;
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

/* The user waits for what runs. */
static gboolean
is_drawing (const Generate *g)
{
  return g->kind == RUN_LAYOUTS || g->kind == RUN_DRAW;
}

static gboolean
show_readiness (Generate *g)
{
  gboolean words = *gtk_entry_get_text (GTK_ENTRY (g->prompt)) != '\0';
  gboolean ready = g->model && words && !is_drawing (g);

  gtk_dialog_set_response_sensitive (GTK_DIALOG (g->dialog), RESPONSE_LAYOUTS, ready && !g->too_large);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (g->dialog), GTK_RESPONSE_OK, ready && !g->too_large);
  gtk_widget_set_sensitive (g->left, !is_drawing (g));
  if (is_drawing (g) || !g->model)
    return FALSE;
  if (!words)
    progress_row_say (&g->row, GIMP_ICON_DIALOG_INFORMATION, _("Say in words what is to be drawn."));
  else if (g->too_large)
    progress_row_say (&g->row, GIMP_ICON_DIALOG_WARNING, _(
      "There is not enough memory: draw a smaller picture, close other images and programs, or choose a "
      "smaller model or one with 16-bit weights."));
  else if (get_chosen (g))
    progress_row_say (&g->row, NULL, _("Generate draws the chosen layout with your persons in it."));
  else
    progress_row_say (&g->row, NULL, _("Layouts shows quickly what each seed would draw. Generate draws all "
                                       "seeds."));
  return ready;
}

static void change (Generate *g);

static void
on_changed (gpointer data)
{
  change (data);
}

static void
on_layout (int i, gpointer data)
{
  Generate *g = data;
  const Layout *layout = get_chosen (g);

  if (layout)
    preview_set_picture (g->preview, layout->picture, 0, NULL);
  change (g);
}

/* ---- The run ------------------------------------------------------------- */

static gpointer
work (const MoaRun *run, gpointer data, GError **error)
{
  Generate *g = data;

  return moa_generate (g->model, &g->params, run, error);
}

static gpointer
work_estimate (const MoaRun *run, gpointer data, GError **error)
{
  Generate *g = data;
  MoaEstimate *estimate = g_new0 (MoaEstimate, 1);

  if (!moa_generate_estimate (g->model, &g->params, run, TRUE, estimate, error))
    g_clear_pointer (&estimate, g_free);
  return estimate;
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  Generate *g = data;
  g_autofree char *text = progress_describe (progress);

  if (g->kind == RUN_ESTIMATE)
    return;
  progress_row_show (&g->row, progress);
  preview_set_progress (g->preview, progress->fraction, text);
  if (progress->preview)
    preview_set_picture (g->preview, progress->preview, g->params.width, NULL);
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

static gboolean
show_result (Generate *g, const MoaGenerateResult *result, GError **error)
{
  gint32 image = generate_write (&g->params, g->set->names, result, g->model, g->settings->how->mark,
                                 error);

  if (image >= 0)
    gimp_display_new (image);
  gimp_displays_flush ();
  return image >= 0;
}

static void
forget_run (Generate *g)
{
  g->runner = NULL;
  g->kind = RUN_NONE;
  g_clear_pointer (&g->set, subject_set_free);
}

static void
on_estimated (gpointer data, const GError *error, gpointer user_data)
{
  Generate *g = user_data;
  MoaEstimate *estimate = data;
  g_autofree char *text = estimate ? progress_describe_cost (estimate) : g_strdup (error->message);

  g->too_large = estimate && estimate->bytes_needed > estimate->bytes_free;
  gtk_label_set_text (GTK_LABEL (g->cost), text);
  g_free (estimate);
  forget_run (g);
  show_readiness (g);
}

static void
on_done (gpointer data, const GError *error, gpointer user_data)
{
  Generate *g = user_data;
  MoaGenerateResult *result = data;
  gboolean layouts = g->kind == RUN_LAYOUTS;
  g_autoptr (GError) problem = NULL;

  g->kind = RUN_NONE;
  g->runner = NULL;
  preview_set_progress (g->preview, -1, NULL);
  if (result && layouts)
    add_layouts (g, result);
  else if (result)
    g->success = show_result (g, result, &problem);
  show_readiness (g);
  if (problem || (error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)))
    progress_row_say (&g->row, GIMP_ICON_DIALOG_ERROR, problem ? problem->message : error->message);
  else if (error)
    progress_row_say (&g->row, GIMP_ICON_DIALOG_INFORMATION, _("Cancelled."));
  g_clear_pointer (&result, moa_generate_result_free);
  forget_run (g);
  if (g->success || g->closing)
    gtk_main_quit ();
}

/* What the widgets say. */
static void
read_settings (Generate *g)
{
  replace_settings_set_string (&g->settings->prompt, gtk_entry_get_text (GTK_ENTRY (g->prompt)));
  g->settings->pictures = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (g->n_seeds));
  generate_panel_get (&g->panel, g->settings);
}

static void
set_params (Generate *g, gboolean layouts)
{
  const Layout *chosen = layouts ? NULL : get_chosen (g);

  g->params = g->settings->params;
  g->params.prompt = g->settings->prompt;
  g->params.negative = g->settings->negative;
  g->params.subjects = g->set->subjects;
  g->params.n_subjects = g->set->n_subjects;
  g->params.prior_only = layouts;
  g->params.seeds = g->seeds;
  g->params.n_seeds = chosen ? 1 : g->settings->pictures;
  for (int i = 0; i < g->params.n_seeds; i++)
    g->seeds[i] = chosen ? chosen->seed : g->settings->seed + (guint64) i;
}

static void
start (Generate *g, RunKind kind)
{
  RunnerJob job = { kind == RUN_ESTIMATE ? work_estimate : work, g, on_progress,
                    kind == RUN_ESTIMATE ? on_estimated : on_done, g };
  MoaRun run;
  g_autoptr (GError) error = NULL;

  if (g->runner)
    {
      runner_abandon (g->runner, g_free); /* an estimate */
      forget_run (g);
    }
  g->set = subject_set_new (g->subjects, FALSE, &error);
  if (!g->set)
    {
      progress_row_say (&g->row, GIMP_ICON_DIALOG_ERROR, error->message);
      return;
    }
  read_settings (g);
  set_params (g, kind == RUN_LAYOUTS);
  replace_settings_get_run (g->settings->how, &run);
  run.live = kind != RUN_ESTIMATE;
  g->kind = kind;
  g->runner = runner_start (&job, &run);
  show_readiness (g);
}

static void
draw (Generate *g, gboolean layouts)
{
  if (g->delay)
    g_source_remove (g->delay);
  g->delay = 0;
  if (layouts || !get_chosen (g))
    generate_panel_roll (&g->panel);
  if (layouts)
    {
      history_strip_clear (g->strip);
      g_ptr_array_set_size (g->layouts, 0);
    }
  start (g, layouts ? RUN_LAYOUTS : RUN_DRAW);
  history_save_generate (g->settings);
}

static gboolean
on_delay (gpointer data)
{
  Generate *g = data;

  g->delay = 0;
  start (g, RUN_ESTIMATE);
  return G_SOURCE_REMOVE;
}

/* What it costs is another thing now. */
static void
change (Generate *g)
{
  if (!g->built || is_drawing (g))
    return;
  if (g->delay)
    g_source_remove (g->delay);
  g->too_large = FALSE;
  g->delay = show_readiness (g) ? g_timeout_add (DELAY, on_delay, g) : 0;
}

static void
on_response (GtkDialog *dialog, int response, Generate *g)
{
  if (response == RESPONSE_LAYOUTS || response == GTK_RESPONSE_OK)
    draw (g, response == RESPONSE_LAYOUTS);
  else if (!is_drawing (g))
    gtk_main_quit ();
  else
    {
      g->closing = response != GTK_RESPONSE_CANCEL;
      if (g->closing)
        gtk_widget_hide (g->dialog);
      runner_cancel (g->runner);
    }
}

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_settings (Generate *g)
{
  GtkWidget *table = generate_panel_table (5), *row = gtk_hbox_new (FALSE, 0);

  g->prompt = gtk_entry_new ();
  gimp_help_set_help_data (g->prompt, _("What the picture shows, with one noun for each person who comes in: "
                                        "\"a man on a beach\""), NULL);
  generate_panel_attach (table, 0, _("In _words:"), g->prompt, g->prompt);
  generate_panel_init (&g->panel, table, 1, _("First see_d:"));
  g->n_seeds = gtk_spin_button_new_with_range (1, MAX_SEEDS, 1);
  gtk_box_pack_start (GTK_BOX (row), g->n_seeds, FALSE, FALSE, 0);
  generate_panel_attach (table, 4, _("Seeds:"), row, g->n_seeds);
  return table;
}

/* What was chosen last. */
static void
show_settings (Generate *g)
{
  gtk_entry_set_text (GTK_ENTRY (g->prompt), g->settings->prompt);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (g->n_seeds), g->settings->pictures);
  generate_panel_set (&g->panel, g->settings, g->model ? moa_model_get_info (g->model)->side : 0);
}

/* Whatever changes, the cost does too. */
static void
watch (Generate *g)
{
  g_signal_connect_swapped (g->prompt, "changed", G_CALLBACK (change), g);
  g_signal_connect_swapped (g->n_seeds, "value-changed", G_CALLBACK (change), g);
  generate_panel_watch (&g->panel, G_CALLBACK (change), g);
  g->built = TRUE;
}

static GtkWidget *
create_panes (Generate *g)
{
  SubjectHooks subject_hooks = { generate_look, generate_list_layers, generate_list_saved, on_changed, g };
  HistoryHooks strip_hooks = { .compare = on_layout, .data = g };
  PreviewSpec spec = { .name = _("Preview"), .width = 400, .height = 280 };
  GtkWidget *panes = gtk_hbox_new (FALSE, 18), *right = gtk_vbox_new (FALSE, 6);

  g->subjects = subject_list_new (&subject_hooks);
  g->strip = history_strip_new (_("None yet. Press Layouts to see what the seeds would draw, without your "
                                  "persons, and choose one."), &strip_hooks);
  g->preview = preview_new (&spec);
  preview_set_picture (g->preview, NULL, 0, _("The picture appears here."));
  g->left = generate_panel_create_left (&g->panel, create_settings (g), g->subjects);
  g->cost = wrapped_label_new (NULL, 400);
  gtk_box_pack_start (GTK_BOX (right), preview_get_widget (g->preview), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (right), g->cost, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (right), frame_new (_("Layouts"), history_strip_get_widget (g->strip)), FALSE,
                      FALSE, 0);
  gtk_box_pack_start (GTK_BOX (panes), g->left, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (panes), right, TRUE, TRUE, 0);
  gtk_widget_show_all (panes);
  return panes;
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "generate.html");
}

static void
create_dialog (Generate *g)
{
  g->dialog = gimp_dialog_new (_("Generate"), "moa-generate", NULL, 0, show_help, GENERATE_PROCEDURE,
                               _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Layouts"), RESPONSE_LAYOUTS,
                               _("G_enerate"), GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (g->dialog), RESPONSE_LAYOUTS);
  generate_panel_fill (g->dialog, create_panes (g), &g->row);
  g_signal_connect (g->dialog, "response", G_CALLBACK (on_response), g);
  g_signal_connect (g->dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
}

static void
clear (Generate *g)
{
  if (g->delay)
    g_source_remove (g->delay);
  runner_abandon (g->runner, g_free); /* only an estimate still runs here */
  forget_run (g);
  gtk_widget_destroy (g->dialog);
  subject_list_free (g->subjects);
  history_strip_free (g->strip);
  preview_free (g->preview);
  g_ptr_array_unref (g->layouts);
  generate_settings_free (g->settings);
  g_clear_pointer (&g->model, moa_model_unref);
}

gboolean
generate_dialog_run (void)
{
  if (!first_use_agree ())
    return FALSE;

  Generate g = { 0 };
  g_autofree char *folder = replace_settings_find_model ();
  g_autoptr (GError) error = NULL;

  g.layouts = g_ptr_array_new_with_free_func (layout_free);
  g.settings = history_load_generate ("generate", NULL);
  g.model = moa_model_open (folder, &error);
  create_dialog (&g);
  show_settings (&g);
  watch (&g);
  change (&g);
  if (error)
    {
      g_autofree char *text = entry_explain (error);

      progress_row_say (&g.row, GIMP_ICON_DIALOG_ERROR, text);
    }
  mnemonics_settle (g.dialog);
  gtk_widget_show (g.dialog);
  gtk_widget_grab_focus (g.prompt);
  gtk_main ();

  clear (&g);
  return g.success;
}
