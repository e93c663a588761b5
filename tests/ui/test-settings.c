/* What is kept of a user's choices: JSON there and back, what is refused; where to compute. */
#include "control_row.h"
#include "device_combo.h"
#include "lora_row.h"
#include "path_entry.h"
#include "path_list.h"
#include "screen.h"

#include "plugin/generate_settings.h"
#include "plugin/made.h"

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

/* ---- What a picture was made of ------------------------------------------ */

/* What a job reports is unlike all defaults, which are those of another day. */
static const MoaModelInfo info = { .side = 96, .max_timestep = 611 };

/* Every setting has its value there. */
static void
check_all (json_t *object, const MoaSetting *rows, int n)
{
  for (int i = 0; i < n; i++)
    {
      g_test_message ("%s", rows[i].name);
      g_assert_nonnull (json_object_get (object, rows[i].name));
    }
}

static double
get (json_t *object, const char *name)
{
  return json_number_value (json_object_get (object, name));
}

static void
test_made_replacement (void)
{
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  MoaReplaceResult result = { .steps = 31, .guidance = 2.5, .guidance_rescale = 0.7, .freedom = 0.25,
                              .base = MOA_BASE_MOA, .fixed_point = 2, .max_timestep = 801,
                              .guidance_max_timestep = 701 };
  int n;
  const MoaSetting *rows = moa_replace_settings (&n);

  replace_settings_set_string (&settings->device, "cuda");
  settings->params.faces = 0.5;
  settings->params.feather = 5;
  settings->params.variations = 3;

  json_t *made = made_replacement (settings, &info, &result, 77), *chosen = json_object_get (made, "options");
  g_autofree char *json = json_dumps (made, 0);
  g_autoptr (ReplaceSettings) again = replace_settings_from_json (json, NULL);

  check_all (chosen, rows, n);
  g_assert_null (json_object_get (chosen, "device"));
  g_assert_cmpint (again->params.steps, ==, 31);
  g_assert_cmpfloat (again->params.guidance, ==, 2.5);
  g_assert_cmpfloat (again->params.guidance_rescale, ==, 0.7);
  g_assert_cmpfloat (again->params.freedom, ==, 0.25);
  g_assert_cmpint (again->params.base, ==, MOA_BASE_MOA);
  g_assert_cmpint (again->params.fixed_point, ==, 2);
  g_assert_cmpint (again->params.max_timestep, ==, 801);
  g_assert_cmpint (again->params.guidance_max_timestep, ==, 701);
  g_assert_cmpfloat (again->params.grow, ==, 1.5);
  g_assert_cmpfloat (again->params.feather, ==, 5);
  g_assert_cmpfloat (again->params.faces, ==, 0.5);
  g_assert_cmpuint (again->params.seed, ==, 77);
  g_assert_cmpint (again->params.variations, ==, 1);
  json_decref (made);
}

static void
test_made_picture (void)
{
  g_autoptr (GenerateSettings) settings = generate_settings_new ("generate", NULL);
  g_autoptr (GError) error = NULL;
  MoaImage picture = { .width = 64, .height = 96, .channels = 3 }, *pictures[] = { &picture, &picture };
  MoaGenerateResult result = { .images = pictures, .n_images = 2, .steps = 31, .guidance = 2.5 };
  guint64 seeds[] = { 8, 9 };
  char *names[] = { "Ann" };
  int n;
  const MoaSetting *rows = moa_generate_settings (&n);

  g_assert_true (generate_settings_set_options (settings, "{\"guidance_rescale\": 0.7, \"expert_scale\": 0.5, "
                                                "\"prior_only\": true, \"embedding\": \"cat.safetensors\", "
                                                "\"control_end\": 0.75}", &error));
  g_assert_no_error (error);
  settings->params.prompt = "a man";
  settings->params.seeds = seeds;
  settings->params.n_subjects = 1;

  json_t *made = made_picture (&settings->params, names, settings->how, &info, &result, 1);

  check_all (made, rows, n);
  g_assert_cmpint (get (made, "width"), ==, 64);
  g_assert_cmpint (get (made, "height"), ==, 96);
  g_assert_cmpint (get (made, "steps"), ==, 31);
  g_assert_cmpint (get (made, "seed"), ==, 9);
  g_assert_cmpint (get (made, "max_timestep"), ==, 611);
  g_assert_cmpfloat (get (made, "guidance"), ==, 2.5);
  g_assert_cmpfloat (get (made, "guidance_rescale"), ==, 0.7);
  g_assert_cmpfloat (get (made, "expert_scale"), ==, 0.5);
  g_assert_cmpfloat (get (made, "control_end"), ==, 0.75);
  g_assert_true (json_is_true (json_object_get (made, "prior_only")));
  g_assert_cmpstr (json_string_value (json_object_get (made, "base")), ==, "moa");
  g_assert_cmpstr (json_string_value (json_object_get (made, "embedding")), ==, "cat.safetensors");
  g_assert_cmpstr (json_string_value (json_array_get (json_object_get (made, "subjects"), 0)), ==, "Ann");
  json_decref (made);
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
  GtkWidget *table = g_object_ref_sink (gtk_table_new (CONTROL_ROWS, 3, FALSE));
  ControlRow row;
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  g_autoptr (ReplaceSettings) got = replace_settings_new ();
  g_autoptr (GError) error = NULL;

  control_row_add (&row, table, 0, &hooks);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      replace_settings_set_string (&settings->control, cases[i].control);
      settings->params.control.scale = i;
      control_row_set (&row, settings);
      control_row_get (&row, got);
      g_assert_cmpstr (got->control, ==, cases[i].got);
      g_assert_true (got->params.control.scale == i);
    }

  /* An id goes before a name, until an option names another picture. */
  g_autofree char *chosen = NULL, *named = NULL;

  settings->control_layer = 5;
  control_row_set (&row, settings);
  chosen = control_combo_get (row.combo);
  g_assert_cmpstr (chosen, ==, "5");
  g_assert_true (replace_settings_set_options (settings, "{\"control\": \"layer:Pose\"}", &error));
  control_row_set (&row, settings);
  named = control_combo_get (row.combo);
  g_assert_cmpstr (named, ==, "layer:Pose");

  /* Without a ControlNet nothing is followed. */
  control_row_set_sensitive (&row, NULL);
  control_row_get (&row, got);
  g_assert_cmpstr (got->control, ==, "");
  g_object_unref (table);
}

/* The first steps, the last ones: never an end before the beginning, and no number that is only rounded. */
static void
test_control_part (void)
{
  ControlHooks hooks = { look, list_layers, NULL };
  GtkWidget *table = g_object_ref_sink (gtk_table_new (CONTROL_ROWS, 3, FALSE));
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  MoaControl *control = &settings->params.control;
  ControlRow row;
  int changes = 0;

  control_row_add (&row, table, 0, &hooks);
  control->start = 1.0 / 3;
  control->end = 0.755;
  control_row_set (&row, settings);
  control_row_watch (&row, count, &changes);
  g_assert_cmpfloat (gtk_adjustment_get_value (row.start), ==, 33);
  g_assert_cmpfloat (gtk_adjustment_get_value (row.end), ==, 76);
  control_row_get (&row, settings);
  g_assert_true (control->start == 1.0 / 3 && control->end == 0.755);
  gtk_adjustment_set_value (row.start, 80);
  control_row_get (&row, settings);
  g_assert_true (control->start == 0.8 && control->end == 0.8);
  g_assert_cmpint (changes, ==, 2);
  gtk_adjustment_set_value (row.end, 20);
  control_row_get (&row, settings);
  g_assert_true (control->start == 0.2 && control->end == 0.2);
  g_object_unref (table);
}

/* What the widgets show is what there is, and what is typed comes back. */
static void
test_lora_row (void)
{
  GtkWidget *table = g_object_ref_sink (gtk_table_new (LORA_ROWS, 3, FALSE));
  g_autoptr (ReplaceSettings) settings = replace_settings_new ();
  LoraRow row;
  int changes = 0;

  lora_row_add (&row, table, 0);
  lora_row_watch (&row, count, &changes);
  g_assert_false (lora_row_get (&row, settings));
  gtk_entry_set_text (GTK_ENTRY (row.embeddings), "cat.safetensors");
  g_assert_true (lora_row_get (&row, settings));
  g_assert_cmpstr (settings->embedding, ==, "cat.safetensors");
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (row.clip_skip), 2);
  g_assert_true (lora_row_get (&row, settings));
  g_assert_cmpint (settings->clip_skip, ==, 2);
  gtk_entry_set_text (GTK_ENTRY (row.files), "ink.safetensors");
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (row.on_experts), TRUE);
  g_assert_true (lora_row_get (&row, settings));
  g_assert_false (lora_row_get (&row, settings));
  g_assert_cmpint (changes, ==, 4);

  g_autoptr (ReplaceSettings) others = replace_settings_new ();

  lora_row_set (&row, others);
  g_assert_true (lora_row_get (&row, settings));
  g_assert_cmpstr (settings->embedding, ==, "");
  g_assert_cmpint (settings->clip_skip, ==, 0);
  g_object_unref (table);
}

/* Whatever is in the names, backslashes and semicolons too. */
static void
test_path_list (void)
{
  static const char *const names[] = { "a", "b;c", "d\\", "\\;e", ";", "f\\\\;\\g", "C:\\h", "\\\\" };
  static const struct { const char *text, *first, *second; } typed[] = {
    { "", NULL, NULL }, { " ; ;; ", NULL, NULL }, { "a;b", "a", "b" }, { " a:0.5 ; b c ", "a:0.5", "b c" },
    { "a\\;b", "a;b", NULL }, { "a\\\\;b", "a\\", "b" }, { "\\a\\b;c\\", "\\a\\b", "c\\" },
  };
  GString *list = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    path_list_add (list, names[i]);

  g_auto (GStrv) again = path_list_split (list->str);

  g_assert_cmpint (g_strv_length (again), ==, G_N_ELEMENTS (names));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (again[i], ==, names[i]);
  g_string_free (list, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (typed); i++)
    {
      g_auto (GStrv) parts = path_list_split (typed[i].text);

      g_assert_cmpstr (parts[0], ==, typed[i].first);
      g_assert_cmpstr (parts[0] ? parts[1] : NULL, ==, typed[i].second);
    }
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
  g_autofree char *good = g_build_filename (folder, "ink;2.safetensors", NULL);
  g_autofree char *bad = g_build_filename (folder, "\xe9.safetensors", NULL);
  g_autofree char *both = g_strconcat ("a:0.5; ", folder, "/ink\\;2.safetensors", NULL);
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
  g_test_add_func ("/ui/settings/made-replacement", test_made_replacement);
  g_test_add_func ("/ui/settings/made-picture", test_made_picture);
  g_test_add_func ("/ui/settings/device", test_device);
  g_test_add_func ("/ui/settings/device-combo", test_combo);
  g_test_add_func ("/ui/settings/style", test_style);
  g_test_add_func ("/ui/settings/control", test_control);
  g_test_add_func ("/ui/settings/control-row", test_control_row);
  g_test_add_func ("/ui/settings/control-part", test_control_part);
  g_test_add_func ("/ui/settings/lora-row", test_lora_row);
  g_test_add_func ("/ui/settings/path-list", test_path_list);
  g_test_add_func ("/ui/settings/paths", test_paths);
  return g_test_run ();
}
