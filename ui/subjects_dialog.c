/* The dialog of Subjects: a gallery of the persons that are kept.
 *
 * Each is a file of features and a thumbnail.  A new one is made from photos in the engine's thread. */
#include "subjects_dialog.h"

#include "fit.h"
#include "help.h"
#include "mnemonics.h"
#include "pixels.h"
#include "progress.h"
#include "runner.h"
#include "sources.h"
#include "subject_set.h"

#include "plugin/intl.h"
#include "plugin/people.h"

#include <atk/atk.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>
#include <string.h>

#define RESPONSE_NEW 1
#define THUMBNAIL 96

enum { PATH, THUMB, NAME, N_COLUMNS };

typedef struct {
  GtkWidget *dialog, *view, *name, *rename, *export, *delete, *empty, *scrolled;
  GtkListStore *store;
  MoaModel *model;
  ProgressRow row;
  /* A new one. */
  SubjectList *photos;
  SubjectSet *set;
  char *new_name;
  Runner *runner;
} Subjects;

/* As sources of a SubjectList.  (transfer full); NULL ended */
char **
subjects_list_sources (void)
{
  GPtrArray *files;
  g_autoptr (GPtrArray) saved = people_list_saved (&files, NULL);
  char **sources = g_new0 (char *, files->len + 1);

  for (guint i = 0; i < files->len; i++)
    sources[i] = g_strconcat (SOURCE_SAVED, files->pdata[i], NULL);
  g_ptr_array_unref (files);
  return sources;
}

static void
say_error (Subjects *s, const char *text)
{
  progress_row_say (&s->row, GIMP_ICON_DIALOG_ERROR, text);
}

/* ---- The gallery --------------------------------------------------------- */

static char *
get_chosen (Subjects *s)
{
  GList *paths = gtk_icon_view_get_selected_items (GTK_ICON_VIEW (s->view));
  GtkTreeIter iter;
  char *path = NULL;

  if (paths && gtk_tree_model_get_iter (GTK_TREE_MODEL (s->store), &iter, paths->data))
    gtk_tree_model_get (GTK_TREE_MODEL (s->store), &iter, PATH, &path, -1);
  g_list_free_full (paths, (GDestroyNotify) gtk_tree_path_free);
  return path;
}

static void
on_chosen (GtkIconView *view, Subjects *s)
{
  g_autofree char *path = get_chosen (s);
  MoaSavedSubject *saved = path ? moa_saved_subject_load (path, NULL) : NULL;

  gtk_entry_set_text (GTK_ENTRY (s->name), saved ? saved->name : "");
  if (saved)
    {
      g_autofree char *text = g_strdup_printf (
        ngettext ("%s, from %d photo.", "%s, from %d photos.", saved->n_photos), saved->name, saved->n_photos);

      progress_row_say (&s->row, s->model && !moa_saved_subject_fits (saved, s->model)
                                 ? GIMP_ICON_DIALOG_WARNING : NULL,
                        s->model && !moa_saved_subject_fits (saved, s->model)
                        ? _("This subject was made with another model's image encoder: make it anew to use it "
                            "with this one.") : text);
    }
  else
    progress_row_say (&s->row, NULL, "");
  gtk_widget_set_sensitive (s->name, saved != NULL);
  gtk_widget_set_sensitive (s->rename, saved != NULL);
  gtk_widget_set_sensitive (s->export, saved != NULL);
  gtk_widget_set_sensitive (s->delete, path != NULL);
  moa_saved_subject_free (saved);
}

static void
refresh (Subjects *s)
{
  g_auto (GStrv) sources = subjects_list_sources ();

  gtk_list_store_clear (s->store);
  for (int i = 0; sources[i]; i++)
    {
      GdkPixbuf *thumbnail = NULL;
      g_autofree char *label = NULL;

      if (!source_look (sources[i], THUMBNAIL, &thumbnail, &label))
        continue;
      gtk_list_store_insert_with_values (s->store, NULL, -1, PATH, sources[i] + strlen (SOURCE_SAVED),
                                         THUMB, thumbnail, NAME, label, -1);
      g_object_unref (thumbnail);
    }

  gboolean any = gtk_tree_model_iter_n_children (GTK_TREE_MODEL (s->store), NULL) > 0;

  gtk_widget_set_visible (s->scrolled, any);
  gtk_widget_set_visible (s->empty, !any);
  on_chosen (GTK_ICON_VIEW (s->view), s);
}

static void
on_rename (GtkWidget *widget, Subjects *s)
{
  g_autofree char *path = get_chosen (s);
  g_autoptr (GError) error = NULL;
  MoaSavedSubject *saved = path ? moa_saved_subject_load (path, &error) : NULL;

  if (saved)
    {
      g_free (saved->name);
      saved->name = g_strdup (gtk_entry_get_text (GTK_ENTRY (s->name)));
      moa_saved_subject_save (saved, path, &error);
      moa_saved_subject_free (saved);
    }
  refresh (s);
  if (error)
    say_error (s, error->message);
}

static void
on_delete (GtkWidget *widget, Subjects *s)
{
  g_autofree char *path = get_chosen (s);
  GtkWidget *question = gtk_message_dialog_new (
    GTK_WINDOW (s->dialog), GTK_DIALOG_MODAL, GTK_MESSAGE_QUESTION, GTK_BUTTONS_NONE,
    _("Delete \"%s\"?"), gtk_entry_get_text (GTK_ENTRY (s->name)));

  gtk_message_dialog_format_secondary_text (GTK_MESSAGE_DIALOG (question), "%s",
                                            _("The saved subject goes for good. Pictures made with it stay."));
  gtk_dialog_add_buttons (GTK_DIALOG (question), _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Delete"),
                          GTK_RESPONSE_OK, NULL);
  if (path && gtk_dialog_run (GTK_DIALOG (question)) == GTK_RESPONSE_OK && g_unlink (path))
    say_error (s, g_strerror (errno));
  gtk_widget_destroy (question);
  refresh (s);
}

static void
on_export (GtkWidget *widget, Subjects *s)
{
  g_autofree char *path = get_chosen (s);
  g_autofree char *base = path ? g_path_get_basename (path) : NULL;
  g_autoptr (GError) error = NULL;
  GtkWidget *chooser = gtk_file_chooser_dialog_new (
    _("Export Subject"), GTK_WINDOW (s->dialog), GTK_FILE_CHOOSER_ACTION_SAVE, _("_Cancel"),
    GTK_RESPONSE_CANCEL, _("_Export"), GTK_RESPONSE_OK, NULL);

  gtk_file_chooser_set_do_overwrite_confirmation (GTK_FILE_CHOOSER (chooser), TRUE);
  gtk_file_chooser_set_current_name (GTK_FILE_CHOOSER (chooser), base ? base : "");
  if (path && gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    {
      g_autofree char *to = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));
      MoaSavedSubject *saved = to ? moa_saved_subject_load (path, &error) : NULL;

      if (saved)
        moa_saved_subject_save (saved, to, &error);
      moa_saved_subject_free (saved);
    }
  gtk_widget_destroy (chooser);
  if (error)
    say_error (s, error->message);
}

/* ---- A new one ----------------------------------------------------------- */

static gpointer
work (const MoaRun *run, gpointer data, GError **error)
{
  Subjects *s = data;
  const MoaSubject *subject = &s->set->subjects[0];

  return moa_saved_subject_new (s->model, s->new_name, subject->photos, subject->n_photos, run, error);
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  progress_row_show (&((Subjects *) data)->row, progress);
}

static void
on_done (gpointer saved, const GError *error, gpointer data)
{
  Subjects *s = data;
  g_autoptr (GError) problem = NULL;

  s->runner = NULL;
  g_clear_pointer (&s->set, subject_set_free);
  if (saved)
    people_save_new (saved, &problem);
  moa_saved_subject_free (saved);
  refresh (s);
  if (error || problem)
    say_error (s, error ? error->message : problem->message);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (s->dialog), RESPONSE_NEW, TRUE);
}

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
list_none (gpointer data)
{
  return g_new0 (char *, 1);
}

static void
on_photos (gpointer data)
{
  GtkWidget *dialog = data;
  SubjectList *list = g_object_get_data (G_OBJECT (dialog), "moa-list");

  gtk_dialog_set_response_sensitive (GTK_DIALOG (dialog), GTK_RESPONSE_OK,
                                     list && subject_list_get_n_subjects (list) == 1);
}

/* Asks for photos, and makes the subject of them. */
static void
make_new (Subjects *s)
{
  GtkWidget *dialog = gtk_dialog_new_with_buttons (_("New Subject"), GTK_WINDOW (s->dialog), GTK_DIALOG_MODAL,
                                                   _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Save"),
                                                   GTK_RESPONSE_OK, NULL);
  SubjectHooks hooks = { look, list_layers, list_none, on_photos, dialog };
  SubjectList *list = subject_list_new (&hooks);
  g_autoptr (GError) error = NULL;

  g_object_set_data (G_OBJECT (dialog), "moa-list", list);
  gtk_container_set_border_width (GTK_CONTAINER (subject_list_get_widget (list)), 12);
  gtk_widget_set_size_request (subject_list_get_widget (list), 400, 220);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (dialog))),
                      subject_list_get_widget (list), TRUE, TRUE, 0);
  on_photos (dialog);
  if (gtk_dialog_run (GTK_DIALOG (dialog)) == GTK_RESPONSE_OK
      && (s->set = subject_set_new (list, FALSE, &error)))
    {
      RunnerJob job = { work, s, on_progress, on_done, s };

      g_free (s->new_name);
      s->new_name = g_strdup (s->set->names[0]);
      s->runner = runner_start (&job, NULL);
      gtk_dialog_set_response_sensitive (GTK_DIALOG (s->dialog), RESPONSE_NEW, FALSE);
    }
  gtk_widget_destroy (dialog);
  subject_list_free (list);
  if (error)
    say_error (s, error->message);
}

/* ---- The window ---------------------------------------------------------- */

static void
on_response (GtkDialog *dialog, int response, Subjects *s)
{
  if (response == RESPONSE_NEW)
    make_new (s);
  else
    gtk_main_quit ();
}

static void
show_help (const char *id, gpointer data)
{
  help_show (NULL, "subjects.html");
}

static GtkWidget *
add_button (Subjects *s, GtkWidget *row, const char *label, GCallback clicked)
{
  GtkWidget *button = gtk_button_new_with_mnemonic (label);

  g_signal_connect (button, "clicked", clicked, s);
  gtk_box_pack_start (GTK_BOX (row), button, FALSE, FALSE, 0);
  return button;
}

static GtkWidget *
create_gallery (Subjects *s)
{
  s->store = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, GDK_TYPE_PIXBUF, G_TYPE_STRING);
  s->view = gtk_icon_view_new_with_model (GTK_TREE_MODEL (s->store));
  gtk_icon_view_set_pixbuf_column (GTK_ICON_VIEW (s->view), THUMB);
  gtk_icon_view_set_text_column (GTK_ICON_VIEW (s->view), NAME);
  gtk_icon_view_set_selection_mode (GTK_ICON_VIEW (s->view), GTK_SELECTION_SINGLE);
  atk_object_set_name (gtk_widget_get_accessible (s->view), _("Saved subjects"));
  g_signal_connect (s->view, "selection-changed", G_CALLBACK (on_chosen), s);
  s->scrolled = gtk_scrolled_window_new (NULL, NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (s->scrolled), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (s->scrolled), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (s->scrolled), s->view);
  gtk_widget_set_size_request (s->scrolled, 460, 260);
  gtk_widget_show (s->view);
  gtk_widget_set_no_show_all (s->scrolled, TRUE);
  return s->scrolled;
}

static GtkWidget *
create_content (Subjects *s)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 12), *row = gtk_hbox_new (FALSE, 6);
  GtkWidget *label = gtk_label_new_with_mnemonic (_("_Name:"));

  s->name = gtk_entry_new ();
  g_signal_connect (s->name, "activate", G_CALLBACK (on_rename), s);
  gtk_label_set_mnemonic_widget (GTK_LABEL (label), s->name);
  gtk_box_pack_start (GTK_BOX (row), label, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), s->name, TRUE, TRUE, 0);
  s->rename = add_button (s, row, _("_Rename"), G_CALLBACK (on_rename));
  s->export = add_button (s, row, _("_Export..."), G_CALLBACK (on_export));
  s->delete = add_button (s, row, _("_Delete..."), G_CALLBACK (on_delete));

  s->empty = gtk_label_new (_("Nobody is saved yet. A saved subject is a person with a name and photos that you "
                              "can use in any picture. It is kept on this machine only."));
  gtk_label_set_line_wrap (GTK_LABEL (s->empty), TRUE);
  gtk_label_set_justify (GTK_LABEL (s->empty), GTK_JUSTIFY_CENTER);
  gtk_widget_set_size_request (s->empty, 460, 200);
  gtk_widget_set_no_show_all (s->empty, TRUE);
  progress_row_init (&s->row, 460);

  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), create_gallery (s), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), s->empty, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), row, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), s->row.box, FALSE, FALSE, 0);
  gtk_widget_show_all (box);
  return box;
}

void
subjects_dialog_run (MoaModel *model, const char *problem)
{
  Subjects s = { .model = model };

  s.dialog = gimp_dialog_new (_("Subjects"), "moa-subjects", NULL, 0, show_help, "plug-in-moa-subjects",
                              _("Ne_w..."), RESPONSE_NEW, _("_Close"), GTK_RESPONSE_CLOSE, NULL);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (s.dialog))),
                      fit_new (create_content (&s)), TRUE, TRUE, 0);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (s.dialog), RESPONSE_NEW, model != NULL);
  g_signal_connect (s.dialog, "response", G_CALLBACK (on_response), &s);
  g_signal_connect (s.dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
  refresh (&s);
  if (!model)
    say_error (&s, problem);
  gtk_dialog_set_default_response (GTK_DIALOG (s.dialog), GTK_RESPONSE_CLOSE);
  mnemonics_settle (s.dialog);
  gtk_widget_grab_focus (gtk_dialog_get_widget_for_response (GTK_DIALOG (s.dialog), model ? RESPONSE_NEW
                                                             : GTK_RESPONSE_CLOSE));
  gtk_widget_show (s.dialog);
  gtk_main ();
  runner_abandon (s.runner, (GDestroyNotify) moa_saved_subject_free);
  g_clear_pointer (&s.set, subject_set_free);
  gtk_widget_destroy (s.dialog);
  g_object_unref (s.store);
  g_free (s.new_name);
}
