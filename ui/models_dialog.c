/* The dialog of Models: a list of folders on the left, what the chosen one holds on the right.
 *
 * Opening a model reads its tables only, so that a list of large ones is there at once. */
#include "models_dialog.h"

#include "fit.h"
#include "help.h"
#include "mnemonics.h"
#include "moa.h"
#include "pixels.h"
#include "progress.h"
#include "runner.h"
#include "wrapped_label.h"

#include "plugin/intl.h"

#include <atk/atk.h>

#define RESPONSE_DEFAULT 2
#define RESPONSE_TEST 3
#define TEST_STEPS 4

enum { FOLDER, NAME, STATE, ICON, N_COLUMNS };

typedef struct {
  GtkWidget *dialog, *tree, *details, *picture;
  GtkListStore *store;
  char *used;
  void (*keep_default) (const char *folder);
  void (*keep_folder) (const char *folder);
  MoaModel *model; /* of the chosen row, NULL: it cannot be opened */
  Runner *runner;
  ProgressRow row;
} Models;

/* ---- What a folder holds ------------------------------------------------- */

static char *
describe (MoaModel *model, const char *folder, const GError *error)
{
  GString *text = g_string_new (NULL);
  g_autofree char *head = g_markup_printf_escaped ("<b>%s</b>\n", folder);

  g_string_append (text, head);
  if (!model)
    {
      g_autofree char *problem = g_markup_printf_escaped (_("Incomplete: %s."), error->message);

      g_string_append (text, problem);
      return g_string_free (text, FALSE);
    }

  const MoaModelInfo *info = moa_model_get_info (model);
  g_autofree char *bytes = g_format_size_full (info->weight_bytes, G_FORMAT_SIZE_IEC_UNITS);

  g_string_append_printf (text, _("Complete. Draws %d × %d pixels, %d routed blocks, %s in memory."),
                          info->side, info->side, info->n_layers, bytes);
  g_string_append_c (text, '\n');
  for (int i = 0; i < info->n_parts; i++)
    g_string_append_printf (text, _("\n%s: %.1f million weights"), info->parts[i].name,
                            info->parts[i].n_parameters / 1e6);
  for (int i = 0; info->warnings && info->warnings[i]; i++)
    {
      g_autofree char *warning = g_markup_escape_text (info->warnings[i], -1);

      g_string_append_printf (text, "\n%s", warning);
    }
  return g_string_free (text, FALSE);
}

static char *
get_chosen (Models *models)
{
  GtkTreeModel *tree;
  GtkTreeIter iter;
  char *folder = NULL;

  if (gtk_tree_selection_get_selected (gtk_tree_view_get_selection (GTK_TREE_VIEW (models->tree)), &tree,
                                       &iter))
    gtk_tree_model_get (tree, &iter, FOLDER, &folder, -1);
  return folder;
}

static void
update_buttons (Models *models)
{
  g_autofree char *folder = get_chosen (models);
  gboolean ready = models->model && !models->runner;

  gtk_dialog_set_response_sensitive (GTK_DIALOG (models->dialog), RESPONSE_TEST, ready);
  gtk_dialog_set_response_sensitive (GTK_DIALOG (models->dialog), RESPONSE_DEFAULT,
                                     ready && g_strcmp0 (folder, models->used));
  gtk_widget_set_sensitive (models->tree, !models->runner);
}

static void
on_chosen (GtkTreeSelection *selection, Models *models)
{
  g_autofree char *folder = get_chosen (models);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&models->model, moa_model_unref);
  gtk_image_clear (GTK_IMAGE (models->picture));
  progress_row_say (&models->row, NULL, "");
  if (folder)
    {
      models->model = moa_model_open (folder, &error);

      g_autofree char *markup = describe (models->model, folder, error);

      gtk_label_set_markup (GTK_LABEL (models->details), markup);
    }
  update_buttons (models);
}

static void
set_row (Models *models, GtkTreeIter *iter, const char *folder)
{
  MoaModel *model = moa_model_open (folder, NULL);
  g_autofree char *name = g_path_get_basename (folder);

  gtk_list_store_set (models->store, iter, FOLDER, folder, NAME, name,
                      STATE, !model ? _("incomplete") : g_strcmp0 (folder, models->used) ? "" : _("default"),
                      ICON, model ? GTK_STOCK_APPLY : GTK_STOCK_DIALOG_WARNING, -1);
  g_clear_pointer (&model, moa_model_unref);
}

static void
refresh_rows (Models *models)
{
  GtkTreeModel *tree = GTK_TREE_MODEL (models->store);
  GtkTreeIter iter;

  for (gboolean more = gtk_tree_model_get_iter_first (tree, &iter); more;
       more = gtk_tree_model_iter_next (tree, &iter))
    {
      g_autofree char *folder = NULL;

      gtk_tree_model_get (tree, &iter, FOLDER, &folder, -1);
      set_row (models, &iter, folder);
    }
}

static void
add_folder (Models *models, const char *folder, gboolean choose)
{
  GtkTreeIter iter;

  gtk_list_store_append (models->store, &iter);
  set_row (models, &iter, folder);
  if (choose)
    gtk_tree_selection_select_iter (gtk_tree_view_get_selection (GTK_TREE_VIEW (models->tree)), &iter);
}

/* ---- A test run ---------------------------------------------------------- */

static gpointer
work (const MoaRun *run, gpointer data, GError **error)
{
  Models *models = data;
  MoaGenerateParams params;
  guint64 seed = 1;

  moa_generate_params_init (&params);
  params.prompt = "a person";
  params.prior_only = TRUE;
  params.steps = TEST_STEPS;
  params.seeds = &seed;
  params.n_seeds = 1;
  return moa_generate (models->model, &params, run, error);
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  progress_row_show (&((Models *) data)->row, progress);
}

static void
on_done (gpointer data, const GError *error, gpointer user_data)
{
  Models *models = user_data;
  MoaGenerateResult *result = data;

  models->runner = NULL;
  if (result)
    {
      GdkPixbuf *thumbnail = pixels_to_thumbnail (result->images[0], 96);
      g_autofree char *bytes = g_format_size_full (result->peak_bytes, G_FORMAT_SIZE_IEC_UNITS);
      double load = result->seconds[MOA_PHASE_LOAD];
      g_autofree char *text = g_strdup_printf (
        _("It works: loaded in %.1f s, %.2f s for each step, %s of memory."), load,
        result->seconds[MOA_PHASE_GENERATE] / TEST_STEPS, bytes);

      gtk_image_set_from_pixbuf (GTK_IMAGE (models->picture), thumbnail);
      progress_row_say (&models->row, NULL, text);
      g_object_unref (thumbnail);
      moa_generate_result_free (result);
    }
  else
    progress_row_say (&models->row, GTK_STOCK_DIALOG_ERROR, error->message);
  update_buttons (models);
}

static void
test_model (Models *models)
{
  RunnerJob job = { work, models, on_progress, on_done, models };

  models->runner = runner_start (&job, NULL);
  update_buttons (models);
}

/* ---- Responses ----------------------------------------------------------- */

static void
browse (Models *models)
{
  GtkWidget *chooser = gtk_file_chooser_dialog_new (
    _("Folder of a Model"), GTK_WINDOW (models->dialog), GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER,
    _("_Cancel"), GTK_RESPONSE_CANCEL, _("_Add"), GTK_RESPONSE_OK, NULL);

  gtk_dialog_set_default_response (GTK_DIALOG (chooser), GTK_RESPONSE_OK);
  if (gtk_dialog_run (GTK_DIALOG (chooser)) == GTK_RESPONSE_OK)
    {
      g_autofree char *folder = gtk_file_chooser_get_filename (GTK_FILE_CHOOSER (chooser));

      if (folder)
        {
          add_folder (models, folder, TRUE);
          models->keep_folder (folder);
        }
    }
  gtk_widget_destroy (chooser);
}

static void
make_default (Models *models)
{
  g_autofree char *folder = get_chosen (models);

  models->keep_default (folder);
  g_free (models->used);
  models->used = g_steal_pointer (&folder);
  refresh_rows (models);
  update_buttons (models);
}

static void
on_response (GtkDialog *dialog, int response, Models *models)
{
  switch (response)
    {
    case RESPONSE_DEFAULT:
      make_default (models);
      break;
    case RESPONSE_TEST:
      test_model (models);
      break;
    case GTK_RESPONSE_HELP:
      help_show (GTK_WINDOW (dialog), "models.html");
      break;
    default:
      gtk_main_quit ();
    }
}

/* ---- The window ---------------------------------------------------------- */

/* GIMP's dark theme has the same colour for chosen text and what is behind it, where the theme's engine is
 * not installed. */
static void
on_style (GtkWidget *tree, GtkStyle *before, gpointer data)
{
  GtkStyle *style = gtk_widget_get_style (tree);
  const GtkStateType states[] = { GTK_STATE_SELECTED, GTK_STATE_ACTIVE };

  for (guint i = 0; i < G_N_ELEMENTS (states); i++)
    if (gdk_color_equal (&style->text[states[i]], &style->base[states[i]]))
      gtk_widget_modify_base (tree, states[i], &style->bg[GTK_STATE_SELECTED]);
}

static GtkWidget *
create_list (Models *models)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkTreeViewColumn *column = gtk_tree_view_column_new ();
  GtkCellRenderer *cell = gtk_cell_renderer_pixbuf_new ();

  models->store = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING);
  models->tree = gtk_tree_view_new_with_model (GTK_TREE_MODEL (models->store));
  gtk_tree_view_column_pack_start (column, cell, FALSE);
  gtk_tree_view_column_add_attribute (column, cell, "stock-id", ICON);
  cell = gtk_cell_renderer_text_new ();
  gtk_tree_view_column_pack_start (column, cell, TRUE);
  gtk_tree_view_column_add_attribute (column, cell, "text", NAME);
  cell = gtk_cell_renderer_text_new ();
  g_object_set (cell, "style", PANGO_STYLE_ITALIC, "xalign", 1.0, NULL);
  gtk_tree_view_column_pack_start (column, cell, FALSE);
  gtk_tree_view_column_add_attribute (column, cell, "text", STATE);
  gtk_tree_view_append_column (GTK_TREE_VIEW (models->tree), column);
  gtk_tree_view_set_headers_visible (GTK_TREE_VIEW (models->tree), FALSE);
  gtk_tree_view_set_tooltip_column (GTK_TREE_VIEW (models->tree), FOLDER);
  atk_object_set_name (gtk_widget_get_accessible (models->tree), _("Models"));
  g_signal_connect (gtk_tree_view_get_selection (GTK_TREE_VIEW (models->tree)), "changed",
                    G_CALLBACK (on_chosen), models);
  g_signal_connect (models->tree, "style-set", G_CALLBACK (on_style), NULL);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_AUTOMATIC,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_shadow_type (GTK_SCROLLED_WINDOW (scrolled), GTK_SHADOW_IN);
  gtk_container_add (GTK_CONTAINER (scrolled), models->tree);
  gtk_widget_set_size_request (scrolled, 220, 240);

  /* Not beside the others, which are all as wide as the widest. */
  GtkWidget *box = gtk_vbox_new (FALSE, 6), *add = gtk_button_new_with_mnemonic (_("_Add Folder..."));

  g_signal_connect_swapped (add, "clicked", G_CALLBACK (browse), models);
  gtk_box_pack_start (GTK_BOX (box), scrolled, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), add, FALSE, FALSE, 0);
  return box;
}

static GtkWidget *
create_details (Models *models)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 12);

  models->details = wrapped_label_new (_("Choose a model."), 380);
  gtk_label_set_selectable (GTK_LABEL (models->details), TRUE);
  models->picture = gtk_image_new ();
  gtk_misc_set_alignment (GTK_MISC (models->picture), 0, 0);
  gtk_box_pack_start (GTK_BOX (box), models->details, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), models->picture, FALSE, FALSE, 0);
  return box;
}

static void
create_dialog (Models *models)
{
  GtkWidget *panes = gtk_hbox_new (FALSE, 12), *box = gtk_vbox_new (FALSE, 12);

  models->dialog = gtk_dialog_new_with_buttons (_("Models"), NULL, 0, GTK_STOCK_HELP, GTK_RESPONSE_HELP,
                                                _("_Test Run"), RESPONSE_TEST,
                                                _("Make _Default"), RESPONSE_DEFAULT,
                                                _("_Close"), GTK_RESPONSE_CLOSE, NULL);
  gtk_box_pack_start (GTK_BOX (panes), create_list (models), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (panes), create_details (models), TRUE, TRUE, 0);
  progress_row_init (&models->row, 600);
  gtk_container_set_border_width (GTK_CONTAINER (box), 12);
  gtk_box_pack_start (GTK_BOX (box), fit_new (panes), TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), models->row.box, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (gtk_dialog_get_content_area (GTK_DIALOG (models->dialog))), box, TRUE, TRUE,
                      0);
  gtk_button_box_set_child_secondary (GTK_BUTTON_BOX (gtk_dialog_get_action_area (GTK_DIALOG (
                                        models->dialog))),
                                      gtk_dialog_get_widget_for_response (GTK_DIALOG (models->dialog),
                                                                          GTK_RESPONSE_HELP), TRUE);
  gtk_dialog_set_default_response (GTK_DIALOG (models->dialog), GTK_RESPONSE_CLOSE);
  g_signal_connect (models->dialog, "response", G_CALLBACK (on_response), models);
  g_signal_connect (models->dialog, "delete-event", G_CALLBACK (gtk_true), NULL);
}

void
models_dialog_run (const char *const *folders, const char *used,
                   void (*keep_default) (const char *folder), void (*keep_folder) (const char *folder))
{
  Models models = { .used = g_strdup (used), .keep_default = keep_default, .keep_folder = keep_folder };

  create_dialog (&models);
  for (int i = 0; folders[i]; i++)
    add_folder (&models, folders[i], !g_strcmp0 (folders[i], used));
  update_buttons (&models);
  mnemonics_settle (models.dialog);
  gtk_widget_show_all (models.dialog);
  gtk_widget_grab_focus (models.tree);
  gtk_main ();
  runner_abandon (models.runner, (GDestroyNotify) moa_generate_result_free);
  gtk_widget_destroy (models.dialog);
  g_object_unref (models.store);
  g_clear_pointer (&models.model, moa_model_unref);
  g_free (models.used);
}
