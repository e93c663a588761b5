/* The dialog of Morph, Time Lapse and Story: words and persons on the left, what is drawn on the right.
 *
 * The engine works in a thread; GIMP's images are read before and written after. */
#include "sequence_dialog.h"

#include "entries.h"
#include "first_use.h"
#include "generate_panel.h"
#include "help.h"
#include "mnemonics.h"
#include "preview.h"
#include "progress.h"
#include "runner.h"
#include "subject_set.h"
#include "wrapped_label.h"

#include "plugin/history.h"
#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

enum { MOST_OWN = 4, DELAY = 400 /* ms after the last change */ };

typedef enum { RUN_NONE, RUN_ESTIMATE, RUN_DRAW } RunKind;

typedef struct {
  const SequenceKind *kind;
  GtkWidget *dialog, *left, *words, *own[MOST_OWN], *cost;
  GeneratePanel panel;
  SubjectList *subjects;
  Preview *preview;
  ProgressRow row;
  GenerateSettings *settings;
  MoaModel *model;
  char *problem; /* why there is no model */
  GHashTable *drawn; /* as of Sequence: of a run that ended early */
  guint delay;       /* source of the delay after a change; 0: none */
  gboolean too_large;
  /* of the run */
  Runner *runner;
  RunKind running;
  SubjectSet *set;
  Sequence *sequence;
  gboolean built, closing, success;
} Dialog;

/* ---- Words: a line, lines or a file -------------------------------------- */

/* (transfer full) */
static char *
get_words (const Dialog *d)
{
  GtkTextIter start, end;
  char *words;

  if (d->kind->words == SEQUENCE_LINE)
    return g_strdup (gtk_entry_get_text (GTK_ENTRY (d->words)));
  if (d->kind->words == SEQUENCE_FILE)
    {
      words = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (d->words));
      return words ? words : g_strdup ("");
    }

  GtkTextBuffer *buffer = gtk_text_view_get_buffer (GTK_TEXT_VIEW (d->words));

  gtk_text_buffer_get_bounds (buffer, &start, &end);
  return gtk_text_buffer_get_text (buffer, &start, &end, FALSE);
}

static void
set_words (Dialog *d, const char *words)
{
  if (d->kind->words == SEQUENCE_LINE)
    gtk_entry_set_text (GTK_ENTRY (d->words), words);
  else if (d->kind->words == SEQUENCE_LINES)
    {
      /* What an empty text or a single noun stands for is there to be changed. */
      g_auto (GStrv) ages = moa_ages (words);
      g_autofree char *lines = g_strjoinv ("\n", ages);

      gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (d->words)), lines, -1);
    }
  else if (*words)
    gtk_file_chooser_set_filename (GTK_FILE_CHOOSER (d->words), words);
}

/* What stands in the dialog, and the widget for it in *words. */
static GtkWidget *
create_words (const SequenceKind *kind, GtkWidget **words)
{
  GtkWidget *shown;

  if (kind->words == SEQUENCE_LINE)
    shown = *words = gtk_entry_new ();
  else if (kind->words == SEQUENCE_FILE)
    shown = *words = gtk_file_chooser_button_new (_(kind->need), GTK_FILE_CHOOSER_ACTION_OPEN);
  else
    {
      *words = gtk_text_view_new ();
      gtk_text_view_set_accepts_tab (GTK_TEXT_VIEW (*words), FALSE);
      shown = gtk_scrolled_window_new (NULL, NULL);
      gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (shown), GTK_SHADOW_IN);
      gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (shown), GTK_POLICY_AUTOMATIC,
                                      GTK_POLICY_AUTOMATIC);
      gtk_widget_set_size_request (shown, 260, 130);
      gtk_container_add (GTK_CONTAINER (shown), *words);
    }
  gimp_help_set_help_data (*words, _(kind->tip), NULL);
  return shown;
}

/* ---- What is shown ------------------------------------------------------- */

static void
say_drawn (Dialog *d)
{
  int n = g_hash_table_size (d->drawn);
  g_autofree char *text = g_strdup_printf (
    ngettext ("%d picture is drawn already. Generate goes on with the others, unless you change something.",
              "%d pictures are drawn already. Generate goes on with the others, unless you change something.",
              n), n);

  progress_row_say (&d->row, GIMP_ICON_DIALOG_INFORMATION, text);
}

/* FALSE if something is missing. */
static gboolean
show_readiness (Dialog *d)
{
  g_autofree char *words = get_words (d);
  gboolean file = d->kind->words != SEQUENCE_FILE || *words;
  gboolean persons = subject_list_get_n_subjects (d->subjects) >= d->kind->least_subjects;
  gboolean drawing = d->running == RUN_DRAW, ready = d->model && file && persons && !drawing;

  gtk_dialog_set_response_sensitive (GTK_DIALOG (d->dialog), GTK_RESPONSE_OK, ready && !d->too_large);
  gtk_widget_set_sensitive (d->left, !drawing);
  if (drawing)
    return FALSE;
  if (!d->model)
    progress_row_say (&d->row, GIMP_ICON_DIALOG_ERROR, d->problem);
  else if (!file || !persons)
    progress_row_say (&d->row, GIMP_ICON_DIALOG_INFORMATION, _(d->kind->need));
  else if (d->too_large)
    progress_row_say (&d->row, GIMP_ICON_DIALOG_WARNING, _(
      "There is not enough memory: draw a smaller picture, close other images and programs, or choose a "
      "smaller model or one with 16-bit weights."));
  else if (g_hash_table_size (d->drawn))
    say_drawn (d);
  else
    progress_row_say (&d->row, NULL, _("Ready. The result comes as a new image."));
  return ready;
}

static void start (Dialog *d, RunKind kind);

static gboolean
on_delay (gpointer data)
{
  Dialog *d = data;

  d->delay = 0;
  start (d, RUN_ESTIMATE);
  return G_SOURCE_REMOVE;
}

/* What it costs is another thing now. */
static void
change (gpointer data)
{
  Dialog *d = data;

  if (!d->built || d->running == RUN_DRAW)
    return;
  if (d->delay)
    g_source_remove (d->delay);
  d->too_large = FALSE;
  d->delay = show_readiness (d) ? g_timeout_add (DELAY, on_delay, d) : 0;
}

/* ---- The run ------------------------------------------------------------- */

static gpointer
work (const MoaRun *run, gpointer data, GError **error)
{
  Dialog *d = data;

  return sequence_draw (d->sequence, run, error) ? d->sequence : NULL;
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  Dialog *d = data;
  g_autofree char *step = progress_describe (progress);
  g_autofree char *text = g_strdup_printf (_("Picture %d of %u: %s"), progress->picture + 1,
                                           d->sequence->frames->len, step);

  progress_row_show (&d->row, progress);
  progress_row_retitle (&d->row, text);
  preview_set_progress (d->preview, progress->fraction, text);
  if (progress->preview)
    preview_set_picture (d->preview, progress->preview, d->settings->params.width, NULL);
}

static gpointer
work_estimate (const MoaRun *run, gpointer data, GError **error)
{
  Dialog *d = data;
  MoaEstimate estimate;

  return sequence_estimate (d->sequence, run, TRUE, &estimate, error) ? g_memdup2 (&estimate, sizeof estimate)
                                                                      : NULL;
}

static void
forget_run (Dialog *d)
{
  d->runner = NULL;
  d->running = RUN_NONE;
  g_clear_pointer (&d->sequence, sequence_free);
  g_clear_pointer (&d->set, subject_set_free);
}

static void
on_done (gpointer result, const GError *error, gpointer data)
{
  Dialog *d = data;
  g_autoptr (GError) problem = NULL;
  gint32 image = result ? d->kind->write (d->sequence, &problem) : -1;

  preview_set_progress (d->preview, -1, NULL);
  forget_run (d);
  show_readiness (d);
  if (image >= 0)
    gimp_display_new (image);
  gimp_displays_flush ();
  if (problem || (error && !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)))
    progress_row_say (&d->row, GIMP_ICON_DIALOG_ERROR, problem ? problem->message : error->message);
  else if (error && g_hash_table_size (d->drawn))
    change (d); /* it costs less now */
  else if (error)
    progress_row_say (&d->row, GIMP_ICON_DIALOG_INFORMATION, _("Cancelled."));
  d->success = image >= 0;
  if (d->success || d->closing)
    gtk_main_quit ();
}

static void
on_estimated (gpointer data, const GError *error, gpointer user_data)
{
  Dialog *d = user_data;
  MoaEstimate *estimate = data;
  g_autofree char *text = estimate ? progress_describe_cost (estimate) : NULL;

  d->too_large = estimate && estimate->bytes_needed > estimate->bytes_free;
  gtk_label_set_text (GTK_LABEL (d->cost), text ? text : "");
  g_free (estimate);
  forget_run (d);
  show_readiness (d);
  if (!text)
    progress_row_say (&d->row, GIMP_ICON_DIALOG_WARNING, error->message);
}

/* What the widgets say. */
static void
read_settings (Dialog *d)
{
  int n;
  const MoaSetting *rows = moa_sequence_settings (&n);

  g_free (d->settings->prompt);
  d->settings->prompt = get_words (d);
  generate_panel_get (&d->panel, d->settings);
  for (int i = 0; d->kind->own[i]; i++)
    moa_setting_set (moa_setting_find (rows, n, d->kind->own[i]), &d->settings->sequence,
                     gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (d->own[i])), NULL);
}

static void
start (Dialog *d, RunKind kind)
{
  RunnerJob job = { kind == RUN_DRAW ? work : work_estimate, d, kind == RUN_DRAW ? on_progress : NULL,
                    kind == RUN_DRAW ? on_done : on_estimated, d };
  MoaRun run;
  g_autoptr (GError) error = NULL;

  if (d->runner)
    {
      runner_abandon (d->runner, g_free); /* an estimate */
      forget_run (d);
    }
  read_settings (d);
  d->set = subject_set_new (d->subjects, FALSE, &error);
  if (d->set)
    d->sequence = sequence_new (d->kind, d->settings, d->model, d->set->subjects, d->set->names,
                                d->set->n_subjects, &error);
  if (!d->sequence)
    {
      gtk_label_set_text (GTK_LABEL (d->cost), "");
      progress_row_say (&d->row, GIMP_ICON_DIALOG_ERROR, error->message);
      forget_run (d);
      return;
    }
  d->sequence->drawn = d->drawn;
  replace_settings_get_run (d->settings->how, &run);
  run.live = kind == RUN_DRAW;
  d->running = kind;
  d->runner = runner_start (&job, &run);
  show_readiness (d);
}

static void
draw (Dialog *d)
{
  if (d->delay)
    g_source_remove (d->delay);
  d->delay = 0;
  /* What was begun goes on with its seed. */
  if (!g_hash_table_size (d->drawn))
    generate_panel_roll (&d->panel);
  start (d, RUN_DRAW);
  history_save_generate (d->settings);
}

static void
on_response (GtkDialog *dialog, int response, Dialog *d)
{
  if (response == GTK_RESPONSE_OK)
    draw (d);
  else if (d->running != RUN_DRAW)
    gtk_main_quit ();
  else
    {
      d->closing = response != GTK_RESPONSE_CANCEL;
      if (d->closing)
        gtk_widget_hide (d->dialog);
      runner_cancel (d->runner);
    }
}

/* ---- Widgets ------------------------------------------------------------- */

/* A row for each setting that the kind alone has. */
static void
create_own (Dialog *d, GtkWidget *table, int row)
{
  int n;
  const MoaSetting *rows = moa_sequence_settings (&n);

  for (int i = 0; d->kind->own[i]; i++)
    {
      const MoaSetting *setting = moa_setting_find (rows, n, d->kind->own[i]);
      GtkWidget *box = gtk_hbox_new (FALSE, 0);
      g_autofree char *label = g_strconcat (_(setting->label), ":", NULL);

      d->own[i] = gtk_spin_button_new_with_range (setting->lower, setting->upper, 1);
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (d->own[i]),
                                 moa_setting_get (setting, &d->settings->sequence));
      gimp_help_set_help_data (d->own[i], _(setting->help), NULL);
      gtk_box_pack_start (GTK_BOX (box), d->own[i], FALSE, FALSE, 0);
      generate_panel_attach (table, row + i, label, box, d->own[i]);
      g_signal_connect_swapped (d->own[i], "value-changed", G_CALLBACK (change), d);
    }
}

static GtkWidget *
create_settings (Dialog *d)
{
  GtkWidget *table = generate_panel_table (4 + MOST_OWN), *words = create_words (d->kind, &d->words);
  g_autofree char *seed = g_strconcat (_("See_d"), ":", NULL);

  generate_panel_attach (table, 0, _(d->kind->label), words, d->words);
  generate_panel_init (&d->panel, table, 1, seed);
  create_own (d, table, 4);
  return table;
}

static GtkWidget *
create_panes (Dialog *d)
{
  SubjectHooks hooks = { generate_look, generate_list_layers, generate_list_saved, change, d };
  PreviewSpec spec = { .name = _("Preview"), .width = 400, .height = 280 };
  GtkWidget *panes = gtk_hbox_new (FALSE, 18), *right = gtk_vbox_new (FALSE, 6);

  d->subjects = subject_list_new (&hooks);
  d->preview = preview_new (&spec);
  preview_set_picture (d->preview, NULL, 0, _("The picture appears here."));
  d->left = generate_panel_create_left (&d->panel, create_settings (d), d->subjects);
  gtk_box_pack_start (GTK_BOX (panes), d->left, FALSE, FALSE, 0);
  d->cost = wrapped_label_new (NULL, 400);
  gtk_box_pack_start (GTK_BOX (right), preview_get_widget (d->preview), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (right), d->cost, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (panes), right, TRUE, TRUE, 0);
  gtk_widget_show_all (panes);
  return panes;
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "sequences.html");
}

static void
create_dialog (Dialog *d)
{
  d->dialog = gimp_dialog_new (_(d->kind->title), d->kind->procedure, NULL, 0, show_help, d->kind->procedure,
                               _("_Cancel"), GTK_RESPONSE_CANCEL, _("G_enerate"), GTK_RESPONSE_OK, NULL);
  gtk_dialog_set_default_response (GTK_DIALOG (d->dialog), GTK_RESPONSE_OK);
  generate_panel_fill (d->dialog, create_panes (d), &d->row);
  g_signal_connect (d->dialog, "response", G_CALLBACK (on_response), d);
  g_signal_connect (d->dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
  generate_panel_watch (&d->panel, G_CALLBACK (change), d);
  if (d->kind->words == SEQUENCE_LINES)
    g_signal_connect_swapped (gtk_text_view_get_buffer (GTK_TEXT_VIEW (d->words)), "changed",
                              G_CALLBACK (change), d);
  else
    g_signal_connect_swapped (d->words, d->kind->words == SEQUENCE_FILE ? "selection-changed" : "changed",
                              G_CALLBACK (change), d);
}

static void
clear (Dialog *d)
{
  if (d->delay)
    g_source_remove (d->delay);
  runner_abandon (d->runner, g_free); /* only an estimate still runs here */
  forget_run (d);
  g_hash_table_unref (d->drawn);
  gtk_widget_destroy (d->dialog);
  subject_list_free (d->subjects);
  preview_free (d->preview);
  generate_settings_free (d->settings);
  g_free (d->problem);
  g_clear_pointer (&d->model, moa_model_unref);
}

gboolean
sequence_dialog_run (const SequenceKind *kind)
{
  if (!first_use_agree ())
    return FALSE;

  Dialog d = { .kind = kind, .settings = history_load_generate (kind->name, kind->own),
               .drawn = sequence_drawn_new () };
  g_autofree char *folder = replace_settings_find_model ();
  g_autoptr (GError) error = NULL;

  d.model = moa_model_open (folder, &error);
  d.problem = error ? entry_explain (error) : NULL;
  create_dialog (&d);
  set_words (&d, d.settings->prompt);
  generate_panel_set (&d.panel, d.settings, d.model ? moa_model_get_info (d.model)->side : 0);
  d.built = TRUE;
  change (&d);
  mnemonics_settle (d.dialog);
  gtk_widget_show (d.dialog);
  gtk_widget_grab_focus (d.words);
  gtk_main ();

  clear (&d);
  return d.success;
}
