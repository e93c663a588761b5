/* What is kept of a user's choices: JSON there and back, what is refused; where to compute. */
#include "control_combo.h"
#include "device_combo.h"
#include "screen.h"

#include "plugin/generate_settings.h"

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

/* Layers 3 and 5, or 5 alone. */
static gboolean only_five;

static char **
list_layers (gpointer data)
{
  return g_strsplit (only_five ? "5" : "3 5", " ", 0);
}

static gboolean
look (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data)
{
  *label = g_strconcat ("Layer ", source, NULL);
  return TRUE;
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
  const char *const sources[] = { "", "3", "5", "file:/tmp/pose.png", "layer:Pose", "" };
  const int places[] = { 0, 1, 2, 3, 3, 0 };
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
  g_object_unref (combo);
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
  return g_test_run ();
}
