/* What is kept of a user's choices: JSON there and back, what is refused; where to compute. */
#include "control_row.h"
#include "device_combo.h"
#include "path_entry.h"
#include "screen.h"

#include "plugin/generate_settings.h"

#include <glib/gstdio.h>
#include <string.h>

static void
test_generate (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GenerateSettings) settings = generate_settings_new ("generate", NULL);

  g_assert_true (generate_settings_set_options (settings, "{\"prompt\": \"a \\\"man\\\"\", \"negative\": \"rain\","
                                                "\"seed\": 4294967295, \"pictures\": 7, \"width\": 96, "
                                                "\"steps\": 12, \"device\": \"cuda:1:f16\", \"mark\": false, "
                                                "\"threads\": 3, \"memory_limit\": 4096}", &error));
  g_assert_no_error (error);

  g_autofree char *json = generate_settings_to_json (settings);
  g_autoptr (GenerateSettings) again = generate_settings_from_json ("generate", NULL, json, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (again->prompt, ==, "a \"man\"");
  g_assert_cmpstr (again->negative, ==, "rain");
  g_assert_cmpuint (again->seed, ==, 4294967295u);
  g_assert_cmpint (again->pictures, ==, 7);
  g_assert_cmpint (again->params.width, ==, 96);
  g_assert_cmpint (again->params.height, ==, 0);
  g_assert_cmpint (again->params.steps, ==, 12);
  g_assert_cmpstr (again->how->device, ==, "cuda:1:f16");
  g_assert_false (again->how->mark);
  g_assert_cmpint (again->how->n_threads, ==, 3);
  g_assert_cmpint (again->how->memory_limit, ==, 4096);
}

static void
test_generate_refused (void)
{
  static const struct { const char *json, *part; } cases[] = {
    { "{\"pictures\": 0}", "pictures" }, { "{\"pictures\": 101}", "100" }, { "{\"seed\": -1}", "seed" },
    { "{\"prompt\": 3}", "prompt" }, { "{\"device\": 3}", "device" }, { "{\"colour\": 3}", "there is no" },
    { "{\"version\": 99}", "99" }, { "[]", "object" }, { "{", "JSON" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (generate_settings_from_json ("generate", NULL, cases[i].json, &error));
      g_assert_nonnull (strstr (error->message, cases[i].part));
    }
}

/* The name of a file may be no text at all; a person's too, who is named after one. */
static void
test_names (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GenerateSettings) settings = generate_settings_new ("story", NULL);
  char **texts[] = { &settings->prompt, &settings->how->model, &settings->how->lora, &settings->how->control };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    replace_settings_set_string (texts[i], "/tmp/\xe9t\xe9.txt");

  g_autofree char *json = generate_settings_to_json (settings);
  g_autofree char *how = replace_settings_to_json (settings->how);
  g_autoptr (GenerateSettings) again = generate_settings_from_json ("story", NULL, json, &error);
  g_autoptr (ReplaceSettings) replace = replace_settings_from_json (how, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (again->prompt, ==, "/tmp/\xef\xbf\xbdt\xef\xbf\xbd.txt");
  g_assert_cmpstr (again->how->lora, ==, again->prompt);
  g_assert_cmpstr (again->how->control, ==, again->prompt);
  g_assert_cmpstr (replace->model, ==, again->prompt);
}

/* A companion of Generate has its own settings in the place of pictures. */
static void
test_own (void)
{
  static const char *const own[] = { "frames", "delay", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GenerateSettings) settings = generate_settings_new ("morph", own);

  g_assert_cmpint (settings->sequence.frames, ==, 9);
  g_assert_true (generate_settings_set_options (settings, "{\"frames\": 5, \"delay\": 70}", &error));
  g_assert_no_error (error);

  g_autoptr (GenerateSettings) copy = generate_settings_copy (settings);
  g_autofree char *json = generate_settings_to_json (copy);
  g_autoptr (GenerateSettings) again = generate_settings_from_json ("morph", own, json, &error);

  g_assert_no_error (error);
  g_assert_cmpint (again->sequence.frames, ==, 5);
  g_assert_cmpint (again->sequence.delay, ==, 70);
  g_assert_false (generate_settings_set_options (settings, "{\"frames\": 1}", &error));
  g_assert_nonnull (strstr (error->message, "2 to 1000"));
  g_clear_error (&error);
  g_assert_false (generate_settings_set_options (settings, "{\"pictures\": 2}", &error));
  g_assert_nonnull (strstr (error->message, "frames, delay"));
  g_clear_error (&error);
  g_assert_false (generate_settings_set_options (settings, "{\"rows\": 2}", &error));
}

static void
test_device (void)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  g_autoptr (GError) error = NULL;
  MoaRun run;

  replace_settings_get_run (settings, &run);
  g_assert_null (run.device);
  g_assert_true (replace_settings_set_options (settings, "{\"device\": \"cpu\"}", &error));

  g_autofree char *json = replace_settings_to_json (settings);
  g_autoptr (ReplaceSettings) again = replace_settings_from_json (json, &error);

  g_assert_no_error (error);
  replace_settings_get_run (again, &run);
  g_assert_cmpstr (run.device, ==, "cpu");
}

static void
test_combo (void)
{
  GtkWidget *combo = g_object_ref_sink (device_combo_new ());
  const char *const names[] = { "", "cpu", "cuda:77", "cpu", "cuda:77", "" };
  g_autofree char *first = device_combo_get (combo);

  g_assert_cmpstr (first, ==, "");
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      device_combo_set (combo, names[i]);

      g_autofree char *name = device_combo_get (combo);

      g_assert_cmpstr (name, ==, names[i]);
    }
  g_object_unref (combo);
}

/* Of a replacement and of new pictures; lists of LoRAs become a text. */
static void
test_style (void)
{
  const char json[] = "{\"lora\": [\"ink.safetensors:0.7\", \"b.safetensors\"], \"lora_on_experts\": true, "
                      "\"embedding\": [\"ann.safetensors\", \"ben.safetensors\"], \"clip_skip\": 1, "
                      "\"controlnet\": \"/pose\", \"control\": \"layer:Pose\", \"control_scale\": 0.5, "
                      "\"control_start\": 0.25, \"control_end\": 0.75}";
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplaceSettings) replace = replace_settings_new ();
  g_autoptr (GenerateSettings) generate = generate_settings_new ("generate", NULL);

  g_assert_true (replace->params.control.scale == 1 && replace->params.control.end == 1);
  g_assert_true (replace_settings_set_options (replace, json, &error));
  g_assert_true (generate_settings_set_options (generate, json, &error));
  g_assert_no_error (error);

  g_autofree char *replace_json = replace_settings_to_json (replace);
  g_autofree char *generate_json = generate_settings_to_json (generate);
  g_autoptr (ReplaceSettings) again = replace_settings_from_json (replace_json, &error);
  g_autoptr (GenerateSettings) drawn = generate_settings_from_json ("generate", NULL, generate_json, &error);

  g_assert_no_error (error);

  const ReplaceSettings *both[] = { again, drawn->how };

  for (guint i = 0; i < G_N_ELEMENTS (both); i++)
    {
      const MoaControl *control = &both[i]->params.control;

      g_assert_cmpstr (both[i]->lora, ==, "ink.safetensors:0.7; b.safetensors");
      g_assert_true (both[i]->lora_on_experts);
      g_assert_cmpstr (both[i]->embedding, ==, "ann.safetensors; ben.safetensors");
      g_assert_cmpint (both[i]->clip_skip, ==, 1);
      g_assert_cmpstr (both[i]->controlnet, ==, "/pose");
      g_assert_cmpstr (both[i]->control, ==, "layer:Pose");
      g_assert_true (control->scale == 0.5 && control->start == 0.25 && control->end == 0.75);
    }
}

/* Layers 3 and 5, or 5 alone; 4 is there too, but not offered. */
static gboolean only_five;

static char **
list_layers (gpointer data)
{
  return g_strsplit (only_five ? "5" : "3 5", " ", 0);
}

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  *label = g_strconcat (only_five ? "Renamed " : "Layer ", source, NULL);
  return strcmp (source, only_five ? "3" : "7");
}

static void
count (gpointer data)
{
  ++*(int *) data;
}

static void
test_control (void)
{
  ControlHooks hooks = { look, list_layers, NULL };
  GtkWidget *combo = g_object_ref_sink (control_combo_new (&hooks));
  const char *const sources[] = { "", "3", "5", "file:/tmp/pose.png", "layer:Pose", "4", "" };
  const int places[] = { 0, 1, 2, 3, 3, 3, 0 };
  int changes = 0;

  for (guint i = 0; i < G_N_ELEMENTS (sources); i++)
    {
      control_combo_set (combo, sources[i]);

      g_autofree char *source = control_combo_get (combo);

      g_assert_cmpstr (source, ==, sources[i]);
      g_assert_cmpint (gtk_combo_box_get_active (GTK_COMBO_BOX (combo)), ==, places[i]);
    }
  control_combo_watch (combo, count, &changes);
  gtk_combo_box_set_active (GTK_COMBO_BOX (combo), 1);
  g_assert_cmpint (changes, ==, 1);
  control_combo_refresh (combo);
  g_assert_cmpint (changes, ==, 1);

  /* A layer that has gone is followed no more. */
  only_five = TRUE;
  control_combo_refresh (combo);

  g_autofree char *left = control_combo_get (combo);

  g_assert_cmpstr (left, ==, "");
  g_assert_cmpint (gtk_combo_box_get_active (GTK_COMBO_BOX (combo)), ==, 0);
  g_assert_cmpint (changes, ==, 2);

  /* One that has another name is called so. */
  GtkTreeModel *model = gtk_combo_box_get_model (GTK_COMBO_BOX (combo));
  GtkTreeIter iter;
  g_autofree char *label = NULL;

  g_assert_true (gtk_tree_model_iter_nth_child (model, &iter, NULL, 1));
  gtk_tree_model_get (model, &iter, 0, &label, -1);
  g_assert_cmpstr (label, ==, "Renamed 5");
  only_five = FALSE;
  g_object_unref (combo);
}

static void
test_control_row (void)
{
  static const struct { const char *control, *got; } cases[] = {
    { "", "" }, { "file:/tmp/pose.png", "file:/tmp/pose.png" }, { "layer:Pose", "layer:Pose" },
    { "Pose", "layer:Pose" }, { "3", "layer:3" }, { "2 poses", "layer:2 poses" },
  };
  ControlHooks hooks = { look, list_layers, NULL };
  GtkWidget *table = g_object_ref_sink (gtk_table_new (2, 3, FALSE)), *combo = control_combo_new (&hooks);
  GtkObject *scale = control_row_add (table, 0, combo);
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  g_autoptr (ReplaceSettings) got = replace_settings_new ();
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      replace_settings_set_string (&settings->control, cases[i].control);
      settings->params.control.scale = i;
      control_row_set (combo, scale, settings);
      control_row_get (combo, scale, got);
      g_assert_cmpstr (got->control, ==, cases[i].got);
      g_assert_true (got->params.control.scale == i);
    }

  /* An id goes before a name, until an option names another picture. */
  g_autofree char *chosen = NULL, *named = NULL;

  settings->control_layer = 5;
  control_row_set (combo, scale, settings);
  chosen = control_combo_get (combo);
  g_assert_cmpstr (chosen, ==, "5");
  g_assert_true (replace_settings_set_options (settings, "{\"control\": \"layer:Pose\"}", &error));
  control_row_set (combo, scale, settings);
  named = control_combo_get (combo);
  g_assert_cmpstr (named, ==, "layer:Pose");

  /* Without a ControlNet nothing is followed. */
  control_row_set_sensitive (combo, scale, NULL);
  control_row_get (combo, scale, got);
  g_assert_cmpstr (got->control, ==, "");
  g_object_unref (table);
}

/* ---- Files by their windows ---------------------------------------------- */

static const char *next_path;
static int n_refused;

/* Chooses the path in the window that asks for one, and closes the one that refuses it. */
static gboolean
answer (gpointer data)
{
  GList *windows = gtk_window_list_toplevels ();

  for (GList *window = windows; window; window = window->next)
    if (GTK_IS_MESSAGE_DIALOG (window->data) && gtk_widget_get_visible (window->data))
      {
        n_refused++;
        gtk_dialog_response (window->data, GTK_RESPONSE_CLOSE);
      }
    else if (GTK_IS_FILE_CHOOSER (window->data) && gtk_widget_get_visible (window->data))
      {
        g_autofree char *chosen = gtk_file_chooser_get_filename (window->data);

        if (!next_path)
          gtk_dialog_response (window->data, GTK_RESPONSE_CANCEL);
        else if (g_strcmp0 (chosen, next_path))
          gtk_file_chooser_set_filename (window->data, next_path);
        else
          gtk_dialog_response (window->data, GTK_RESPONSE_OK);
      }
  g_list_free (windows);
  return G_SOURCE_CONTINUE;
}

static void
test_paths (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-XXXXXX", NULL);
  g_autofree char *good = g_build_filename (folder, "ink.safetensors", NULL);
  g_autofree char *bad = g_build_filename (folder, "\xe9.safetensors", NULL);
  g_autofree char *both = g_strconcat ("a:0.5; ", good, NULL);
  GtkWidget *entry, *row = path_entry_new ("...", "LoRA", "", GTK_FILE_CHOOSER_ACTION_OPEN, TRUE, &entry);
  GtkWidget *window = screen_show (row, 300, 40), *button = screen_find (row, GTK_TYPE_BUTTON, NULL);
  const char *const steps[][2] = { { bad, "a:0.5" }, { NULL, "a:0.5" }, { good, both } };
  guint id = g_timeout_add (200, answer, NULL);

  g_assert_true (g_file_set_contents (good, "", 0, NULL) && g_file_set_contents (bad, "", 0, NULL));
  gtk_entry_set_text (GTK_ENTRY (entry), "a:0.5");
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    {
      next_path = steps[i][0];
      gtk_button_clicked (GTK_BUTTON (button));
      g_assert_cmpstr (gtk_entry_get_text (GTK_ENTRY (entry)), ==, steps[i][1]);
      g_assert_cmpint (n_refused, ==, 1);
    }
  g_source_remove (id);
  gtk_widget_destroy (window);
  g_unlink (good);
  g_unlink (bad);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
  g_test_add_func ("/ui/settings/generate", test_generate);
  g_test_add_func ("/ui/settings/generate-refused", test_generate_refused);
  g_test_add_func ("/ui/settings/names", test_names);
  g_test_add_func ("/ui/settings/own", test_own);
  g_test_add_func ("/ui/settings/device", test_device);
  g_test_add_func ("/ui/settings/device-combo", test_combo);
  g_test_add_func ("/ui/settings/style", test_style);
  g_test_add_func ("/ui/settings/control", test_control);
  g_test_add_func ("/ui/settings/control-row", test_control_row);
  g_test_add_func ("/ui/settings/paths", test_paths);
  return g_test_run ();
}
