/* The dialog of Generate: words and persons on the left; on the right a row of layouts, drawn by the
 * prior alone, to choose from, and the picture.
 *
 * The engine draws the same layout again with the persons, since the seed says where things are. */
#include "generate_dialog.h"

#include "entries.h"
#include "first_use.h"
#include "help.h"
#include "history_strip.h"
#include "mnemonics.h"
#include "pixels.h"
#include "preview.h"
#include "progress.h"
#include "runner.h"
#include "sources.h"
#include "subject_set.h"
#include "subjects_dialog.h"

#include "plugin/generate.h"
#include "plugin/intl.h"

#include <atk/atk.h>
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
  GtkWidget *dialog, *left, *prompt, *negative, *width, *height, *seed, *n_seeds;
  GtkObject *steps, *guidance;
  SubjectList *subjects;
  HistoryStrip *strip;
  Preview *preview;
  ProgressRow row;
  guint32 seed_value;
  gboolean random_seed;
  MoaModel *model;
  GPtrArray *layouts; /* of Layout */
  /* of the run */
  Runner *runner;
  SubjectSet *set;
  MoaGenerateParams params;
  char *words, *without;
  guint64 seeds[MAX_SEEDS];
  gboolean closing, success;
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

static void
show_readiness (Generate *g)
{
  gboolean words = *gtk_entry_get_text (GTK_ENTRY (g->prompt)) != '\0';
  gboolean ready = g->model && words && !g->runner;

  gtk_dialog_set_response_sensitive (GTK_DIALOG (g->dialog), RESPONSE_LAYOUTS, ready);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (g->dialog), GTK_RESPONSE_OK, ready);
  gtk_widget_set_sensitive (g->left, !g->runner);
  if (g->runner || !g->model)
    return;
  if (!words)
    progress_row_say (&g->row, GIMP_ICON_DIALOG_INFORMATION, _("Say in words what is to be drawn."));
  else if (get_chosen (g))
    progress_row_say (&g->row, NULL, _("Generate draws the chosen layout with your persons in it."));
  else
    progress_row_say (&g->row, NULL, _("Layouts shows quickly what each seed would draw. Generate draws all "
                                       "seeds."));
}

static void
on_changed (gpointer data)
{
  show_readiness (data);
}

static void
on_layout (int i, gpointer data)
{
  Generate *g = data;
  const Layout *layout = get_chosen (g);

  if (layout)
    preview_set_picture (g->preview, layout->picture, 0, NULL);
  show_readiness (g);
}

/* ---- The run ------------------------------------------------------------- */

static gpointer
work (const MoaRun *run, gpointer data, GError **error)
{
  Generate *g = data;

  return moa_generate (g->model, &g->params, run, error);
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  Generate *g = data;
  g_autofree char *text = progress_describe (progress);

  progress_row_show (&g->row, progress);
  preview_set_progress (g->preview, progress->fraction, text);
  if (progress->preview)
    preview_set_picture (g->preview, progress->preview, 0, NULL);
}

static void
add_layouts (Generate *g, MoaGenerateResult *result)
{
  for (int i = 0; i < result->n_images; i++)
    {
      Layout *layout = g_new0 (Layout, 1);
      GdkPixbuf *thumbnail = pixels_to_thumbnail (result->images[i], THUMBNAIL);
      g_autofree char *title = g_strdup_printf ("%" G_GUINT64_FORMAT, g->seeds[i]);

      layout->seed = g->seeds[i];
      layout->picture = moa_image_copy (result->images[i]);
      g_ptr_array_add (g->layouts, layout);
      history_strip_add (g->strip, thumbnail, title, _("Seed"));
      g_object_unref (thumbnail);
    }
  history_strip_choose (g->strip, g->layouts->len - result->n_images);
}

static gboolean
show_result (Generate *g, const MoaGenerateResult *result, GError **error)
{
  gint32 image = generate_write (&g->params, g->set->names, result, g->model, TRUE, error);

  if (image >= 0)
    gimp_display_new (image);
  gimp_displays_flush ();
  return image >= 0;
}

static void
on_done (gpointer data, const GError *error, gpointer user_data)
{
  Generate *g = user_data;
  MoaGenerateResult *result = data;
  gboolean layouts = g->params.prior_only;
  g_autoptr (GError) problem = NULL;

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
  g_clear_pointer (&g->set, subject_set_free);
  if (g->success || g->closing)
    gtk_main_quit ();
}

static void
set_params (Generate *g, gboolean layouts)
{
  const Layout *chosen = layouts ? NULL : get_chosen (g);

  moa_generate_params_init (&g->params);
  g_free (g->words);
  g_free (g->without);
  g->params.prompt = g->words = g_strdup (gtk_entry_get_text (GTK_ENTRY (g->prompt)));
  g->params.negative = g->without = g_strdup (gtk_entry_get_text (GTK_ENTRY (g->negative)));
  g->params.subjects = g->set->subjects;
  g->params.n_subjects = g->set->n_subjects;
  g->params.width = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (g->width));
  g->params.height = gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (g->height));
  g->params.steps = gtk_adjustment_get_value (GTK_ADJUSTMENT (g->steps));
  g->params.guidance = gtk_adjustment_get_value (GTK_ADJUSTMENT (g->guidance));
  g->params.prior_only = layouts;
  g->params.seeds = g->seeds;
  g->params.n_seeds = chosen ? 1 : gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (g->n_seeds));
  for (int i = 0; i < g->params.n_seeds; i++)
    g->seeds[i] = chosen ? chosen->seed : g->seed_value + (guint64) i;
}

static void
start (Generate *g, gboolean layouts)
{
  RunnerJob job = { work, g, on_progress, on_done, g };
  MoaRun run = { .live = TRUE };
  g_autoptr (GError) error = NULL;

  g->set = subject_set_new (g->subjects, FALSE, &error);
  if (!g->set)
    {
      progress_row_say (&g->row, GIMP_ICON_DIALOG_ERROR, error->message);
      return;
    }
  if (g->random_seed && (layouts || !get_chosen (g)))
    gtk_adjustment_set_value (GTK_ADJUSTMENT (GIMP_RANDOM_SEED_SPINBUTTON_ADJ (g->seed)), g_random_int ());
  if (layouts)
    {
      history_strip_clear (g->strip);
      g_ptr_array_set_size (g->layouts, 0);
    }
  set_params (g, layouts);
  g->runner = runner_start (&job, &run);
  show_readiness (g);
}

static void
on_response (GtkDialog *dialog, int response, Generate *g)
{
  if (response == RESPONSE_LAYOUTS || response == GTK_RESPONSE_OK)
    start (g, response == RESPONSE_LAYOUTS);
  else if (!g->runner)
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

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  return source_look (source, side, thumbnail, label);
}

static char **
list_layers (gpointer data)
{
  return source_list_layers (-1);
}

static char **
list_saved (gpointer data)
{
  return subjects_list_sources ();
}

static void
attach (GtkWidget *table, int row, const char *label, GtkWidget *widget, GtkWidget *mnemonic)
{
  GtkWidget *name = gtk_label_new_with_mnemonic (label);

  gtk_misc_set_alignment (GTK_MISC (name), 0, 0.5);
  gtk_label_set_mnemonic_widget (GTK_LABEL (name), mnemonic);
  gtk_table_attach (GTK_TABLE (table), name, 0, 1, row, row + 1, GTK_FILL, GTK_FILL, 0, 0);
  gtk_table_attach (GTK_TABLE (table), widget, 1, 3, row, row + 1, GTK_FILL | GTK_EXPAND, GTK_FILL, 0, 0);
}

static GtkWidget *
create_size (Generate *g)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 6);
  int side = g->model ? moa_model_get_info (g->model)->side : 512;

  g->width = gtk_spin_button_new_with_range (64, 2048, 8);
  g->height = gtk_spin_button_new_with_range (64, 2048, 8);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (g->width), side);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (g->height), side);
  atk_object_set_name (gtk_widget_get_accessible (g->height), _("Height"));
  gtk_spin_button_set_snap_to_ticks (GTK_SPIN_BUTTON (g->width), TRUE);
  gtk_spin_button_set_snap_to_ticks (GTK_SPIN_BUTTON (g->height), TRUE);
  gtk_box_pack_start (GTK_BOX (row), g->width, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), gtk_label_new ("×"), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), g->height, FALSE, FALSE, 0);
  return row;
}

static GtkWidget *
create_settings (Generate *g)
{
  GtkWidget *table = gtk_table_new (7, 3, FALSE), *row = gtk_hbox_new (FALSE, 0);
  GtkWidget *size = create_size (g);

  gtk_table_set_col_spacings (GTK_TABLE (table), 6);
  gtk_table_set_row_spacings (GTK_TABLE (table), 6);
  g->prompt = gtk_entry_new ();
  g_signal_connect_swapped (g->prompt, "changed", G_CALLBACK (show_readiness), g);
  gimp_help_set_help_data (g->prompt, _("What the picture shows, with one noun for each person who comes in: "
                                        "\"a man on a beach\""), NULL);
  g->negative = gtk_entry_new ();
  gimp_help_set_help_data (g->negative, _("What the picture should not show"), NULL);
  attach (table, 0, _("In _words:"), g->prompt, g->prompt);
  attach (table, 1, _("With_out:"), g->negative, g->negative);
  attach (table, 2, _("Si_ze:"), size, g->width);
  g->steps = gimp_scale_entry_new (GTK_TABLE (table), 0, 3, _("_Steps:"), 120, 6, 30, 1, 150, 1, 10, 0, TRUE,
                                   0, 0, _("More steps draw finer and take longer."), NULL);
  g->guidance = gimp_scale_entry_new (GTK_TABLE (table), 0, 4, _("_Guidance:"), 120, 6, 5, 0, 15, 0.1, 1, 1,
                                      TRUE, 0, 0, _("How strictly the words are followed. Too much makes hard, "
                                                    "garish pictures."), NULL);
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (g->steps))), _("Steps"));
  atk_object_set_name (gtk_widget_get_accessible (GTK_WIDGET (GIMP_SCALE_ENTRY_SCALE (g->guidance))),
                       _("Guidance"));
  g->seed = gimp_random_seed_new (&g->seed_value, &g->random_seed);
  attach (table, 5, _("First see_d:"), g->seed, GIMP_RANDOM_SEED_SPINBUTTON (g->seed));
  g->n_seeds = gtk_spin_button_new_with_range (1, MAX_SEEDS, 1);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (g->n_seeds), 4);
  gtk_box_pack_start (GTK_BOX (row), g->n_seeds, FALSE, FALSE, 0);
  attach (table, 6, _("Seeds:"), row, g->n_seeds);
  return table;
}

static GtkWidget *
create_frame (const char *title, GtkWidget *child)
{
  GtkWidget *frame = gimp_frame_new (title);

  gtk_container_add (GTK_CONTAINER (frame), child);
  return frame;
}

static GtkWidget *
create_panes (Generate *g)
{
  SubjectHooks subject_hooks = { look, list_layers, list_saved, on_changed, g };
  HistoryHooks strip_hooks = { .compare = on_layout, .data = g };
  PreviewSpec spec = { .name = _("Preview"), .width = 400, .height = 280 };
  GtkWidget *panes = gtk_hbox_new (FALSE, 18), *right = gtk_vbox_new (FALSE, 6);

  g->left = gtk_vbox_new (FALSE, 12);
  g->subjects = subject_list_new (&subject_hooks);
  g->strip = history_strip_new (_("None yet. Press Layouts to see what the seeds would draw, without your "
                                  "persons, and choose one."), &strip_hooks);
  g->preview = preview_new (&spec);
  preview_set_picture (g->preview, NULL, 0, _("The picture appears here."));
  gtk_box_pack_start (GTK_BOX (g->left), create_frame (_("What"), create_settings (g)), FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (g->left), create_frame (_("Who"), subject_list_get_widget (g->subjects)), TRUE,
                      TRUE, 0);
  gtk_box_pack_start (GTK_BOX (right), preview_get_widget (g->preview), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (right), create_frame (_("Layouts"), history_strip_get_widget (g->strip)), FALSE,
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
  GtkWidget *box = gtk_vbox_new (FALSE, 12);

  g->dialog = gimp_dialog_new (_("Generate"), "moa-generate", NULL, 0, show_help, GENERATE_PROCEDURE,
                               _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Layouts"), RESPONSE_LAYOUTS,
                               _("G_enerate"), GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (g->dialog), RESPONSE_LAYOUTS);
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), create_panes (g), TRUE, TRUE, 0);
  progress_row_init (&g->row, 700);
  gtk_box_pack_start (GTK_BOX (box), g->row.box, FALSE, FALSE, 0);
  gtk_widget_show (box);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (g->dialog))), box, TRUE, TRUE, 0);
  g_signal_connect (g->dialog, "response", G_CALLBACK (on_response), g);
  g_signal_connect (g->dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
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
  g.model = moa_model_open (folder, &error);
  create_dialog (&g);
  show_readiness (&g);
  if (error)
    {
      g_autofree char *text = entry_explain (error);

      progress_row_say (&g.row, GIMP_ICON_DIALOG_ERROR, text);
    }
  mnemonics_settle (g.dialog);
  gtk_widget_show (g.dialog);
  gtk_widget_grab_focus (g.prompt);
  gtk_main ();

  gtk_widget_destroy (g.dialog);
  subject_list_free (g.subjects);
  history_strip_free (g.strip);
  preview_free (g.preview);
  g_ptr_array_unref (g.layouts);
  g_clear_pointer (&g.model, moa_model_unref);
  g_free (g.words);
  g_free (g.without);
  return g.success;
}
