/* The dialog of Morph, Time Lapse and Story: words and persons on the left, what is drawn on the right.
 *
 * The engine works in a thread; GIMP's images are read before and written after. */
#include "sequence_dialog.h"

#include "drawing.h"
#include "first_use.h"
#include "generate_panel.h"
#include "help.h"
#include "mnemonics.h"
#include "subject_set.h"
#include "table.h"

#include "plugin/history.h"
#include "plugin/intl.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

enum { MOST_OWN = 4 };

typedef struct {
  Drawing drawing;
  const SequenceKind *kind;
  GtkWidget *words, *own[MOST_OWN];
  GeneratePanel panel;
  SubjectList *subjects;
  GHashTable *drawn; /* as of Sequence: of a run that ended early */
  /* of the run */
  SubjectSet *set;
  Sequence *sequence;
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

static const char *
find_missing (gpointer data)
{
  const Dialog *d = data;
  g_autofree char *words = get_words (d);
  gboolean story = d->kind->words == SEQUENCE_FILE;
  int n = subject_list_get_n_subjects (d->subjects), least = d->kind->least_subjects;

  if (n < least || (story && !*words))
    return _(d->kind->need);
  /* Of a morph two stand as one; who is in a story's panels the file says. */
  return story ? NULL : drawing_refuse_several (&d->drawing, n - MAX (least - 1, 0));
}

static void
say_ready (gpointer data)
{
  Dialog *d = data;
  int n = g_hash_table_size (d->drawn);
  g_autofree char *text = n ? g_strdup_printf (
    ngettext ("%d picture is drawn already. Generate goes on with the others, unless you change something.",
              "%d pictures are drawn already. Generate goes on with the others, unless you change something.",
              n), n) : NULL;

  progress_row_say (&d->drawing.row, n ? GIMP_ICON_DIALOG_INFORMATION : NULL,
                    n ? text : _("Ready. The result comes as a new image."));
}

static void
say_cancelled (gpointer data)
{
  Dialog *d = data;

  if (g_hash_table_size (d->drawn))
    drawing_change (&d->drawing); /* it costs less now */
  else
    progress_row_say (&d->drawing.row, GIMP_ICON_DIALOG_INFORMATION, _("Cancelled."));
}

static void
on_changed (gpointer data)
{
  Dialog *d = data;

  generate_panel_change (&d->panel, &d->drawing);
}

static void
on_reopened (gpointer data)
{
  Dialog *d = data;

  generate_panel_set_model (&d->panel, d->drawing.model);
}

/* ---- The run ------------------------------------------------------------- */

static gpointer
draw (const MoaRun *run, gpointer data, GError **error)
{
  Dialog *d = data;

  return sequence_draw (d->sequence, run, error) ? d->sequence : NULL;
}

static gboolean
estimate (const MoaRun *run, MoaEstimate *estimate, gpointer data, GError **error)
{
  return sequence_estimate (((Dialog *) data)->sequence, run, TRUE, estimate, error);
}

static char *
describe (const MoaProgress *progress, gpointer data)
{
  const Dialog *d = data;
  g_autofree char *step = progress_describe (progress);

  return g_strdup_printf (_("Picture %d of %u: %s"), progress->picture + 1, d->sequence->frames->len, step);
}

static gboolean
take (gpointer result, gpointer data, GError **error)
{
  Dialog *d = data;
  gint32 image = d->kind->write (d->sequence, error);

  if (image >= 0)
    gimp_display_new (image);
  gimp_displays_flush ();
  return image >= 0;
}

static void
forget (gpointer data)
{
  Dialog *d = data;

  g_clear_pointer (&d->sequence, sequence_free);
  g_clear_pointer (&d->set, subject_set_free);
}

/* What the widgets say. */
static void
read_settings (Dialog *d)
{
  int n;
  const MoaSetting *rows = moa_sequence_settings (&n);
  GenerateSettings *settings = d->drawing.settings;

  g_free (settings->prompt);
  settings->prompt = get_words (d);
  generate_panel_get (&d->panel, settings);
  for (int i = 0; d->kind->own[i]; i++)
    moa_setting_set (moa_setting_find (rows, n, d->kind->own[i]), &settings->sequence,
                     gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (d->own[i])), NULL);
}

static gboolean
read_all (gboolean cost, gpointer data, GError **error)
{
  Dialog *d = data;

  read_settings (d);
  d->set = subject_set_new (d->subjects, FALSE, error);
  if (d->set)
    d->sequence = sequence_new (d->kind, d->drawing.settings, d->drawing.model, d->set->subjects,
                                d->set->names, d->set->n_subjects, cost, error);
  if (d->sequence)
    d->sequence->drawn = d->drawn;
  return d->sequence != NULL;
}

static void
on_response (GtkDialog *dialog, int response, Dialog *d)
{
  mnemonics_take_typed (d->drawing.dialog);
  if (response != GTK_RESPONSE_OK)
    {
      drawing_leave (&d->drawing, response);
      return;
    }
  /* What was begun goes on with its seed. */
  if (!g_hash_table_size (d->drawn))
    generate_panel_roll (&d->panel);
  drawing_start (&d->drawing);
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
                                 moa_setting_get (setting, &d->drawing.settings->sequence));
      gimp_help_set_help_data (d->own[i], _(setting->help), NULL);
      gtk_box_pack_start (GTK_BOX (box), d->own[i], FALSE, FALSE, 0);
      table_attach (table, row + i, label, box, d->own[i]);
      g_signal_connect_swapped (d->own[i], "value-changed", G_CALLBACK (drawing_change), &d->drawing);
    }
}

static GtkWidget *
create_settings (Dialog *d)
{
  GtkWidget *table = table_new (4 + MOST_OWN), *words = create_words (d->kind, &d->words);
  g_autofree char *seed = g_strconcat (_("See_d"), ":", NULL);

  table_attach (table, 0, _(d->kind->label), words, d->words);
  generate_panel_init (&d->panel, table, 1, seed);
  create_own (d, table, 4);
  return table;
}

static GtkWidget *
create_panes (Dialog *d)
{
  SubjectHooks hooks = { generate_look, generate_list_layers, generate_list_saved, on_changed, d };

  d->subjects = subject_list_new (&hooks);
  return drawing_create_panes (&d->drawing,
                               generate_panel_create_left (&d->panel, create_settings (d), d->subjects), NULL);
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "sequences.html");
}

static void
create_dialog (Dialog *d)
{
  GtkWidget *dialog = gimp_dialog_new (_(d->kind->title), d->kind->procedure, NULL, 0, show_help,
                                       d->kind->procedure, _("_Cancel"), GTK_RESPONSE_CANCEL, _("G_enerate"),
                                       GTK_RESPONSE_OK, NULL);

  d->drawing.dialog = dialog;
  gtk_dialog_set_default_response (GTK_DIALOG (dialog), GTK_RESPONSE_OK);
  generate_panel_fill (dialog, create_panes (d), &d->drawing.row);
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), d);
  g_signal_connect (dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
}

/* What was chosen last; whatever changes afterwards, the cost does too. */
static void
show_settings (Dialog *d)
{
  Drawing *drawing = &d->drawing;
  gpointer words = d->kind->words == SEQUENCE_LINES
                   ? (gpointer) gtk_text_view_get_buffer (GTK_TEXT_VIEW (d->words)) : d->words;

  set_words (d, drawing->settings->prompt);
  generate_panel_set (&d->panel, drawing->settings, drawing->model);
  generate_panel_watch (&d->panel, on_changed, d);
  g_signal_connect_swapped (words, d->kind->words == SEQUENCE_FILE ? "selection-changed" : "changed",
                            G_CALLBACK (drawing_change), drawing);
  drawing->watching = TRUE;
  drawing_change (drawing);
}

static void
clear (Dialog *d)
{
  drawing_clear (&d->drawing);
  g_hash_table_unref (d->drawn);
  gtk_widget_destroy (d->drawing.dialog);
  subject_list_free (d->subjects);
  preview_free (d->drawing.preview);
}

gboolean
sequence_dialog_run (const SequenceKind *kind)
{
  if (!first_use_agree ())
    return FALSE;

  Dialog d = { .kind = kind, .drawn = sequence_drawn_new () };
  DrawingHooks hooks = { find_missing, say_ready, read_all, forget, estimate, draw, describe, take,
                         say_cancelled, on_reopened, &d, { GTK_RESPONSE_OK } };

  drawing_init (&d.drawing, &hooks, history_load_generate (kind->name, kind->own));
  create_dialog (&d);
  show_settings (&d);
  mnemonics_settle (d.drawing.dialog);
  gtk_widget_show (d.drawing.dialog);
  gtk_widget_grab_focus (d.words);
  gtk_main ();

  clear (&d);
  return d.drawing.success;
}
