/* What was chosen last.
 *
 * Settings are global parasites, which GIMP keeps across restarts.  Subjects are layers, whose
 * ids mean nothing in another session: GIMP keeps them as data of this one. */
#include "history.h"

#include "intl.h"

#include <libgimp/gimp.h>
#include <string.h>

#define SUBJECTS REPLACE_PROCEDURE "-subjects"
#define CONTROL "-control"

/* What cannot be read, because it is damaged or newer, is kept under another name. */
static void
set_aside (const char *name, const char *text, const char *why)
{
  g_autofree char *aside = g_strconcat (name, "-set-aside", NULL);
  g_autofree char *message = g_strdup_printf (_("The settings of the last time cannot be used: %s. "
                                                "They are kept as \"%s\" in GIMP's parasiterc; the "
                                                "defaults are used."), why, aside);
  GimpParasite *parasite = gimp_parasite_new (aside, GIMP_PARASITE_PERSISTENT, strlen (text) + 1,
                                              text);

  gimp_attach_parasite (parasite);
  gimp_detach_parasite (name);
  gimp_parasite_free (parasite);
  gimp_message (message);
}

/* NULL: there is none. */
static char *
load (const char *name)
{
  GimpParasite *parasite = gimp_get_parasite (name);
  char *text = parasite ? g_strndup (gimp_parasite_data (parasite),
                                     gimp_parasite_data_size (parasite)) : NULL;

  gimp_parasite_free (parasite);
  return text;
}

static void
save (const char *name, const char *text)
{
  GimpParasite *parasite = gimp_parasite_new (name, GIMP_PARASITE_PERSISTENT, strlen (text) + 1, text);

  gimp_attach_parasite (parasite);
  gimp_parasite_free (parasite);
}

/* A layer's name means nothing in another session: GIMP keeps the id of the one that is followed as data of
 * this one. */
static void
load_layer (const char *parasite, ReplaceSettings *settings)
{
  g_autofree char *name = g_strconcat (parasite, CONTROL, NULL);
  gint32 layer = 0;

  if (gimp_get_data_size (name) == sizeof layer)
    gimp_get_data (name, &layer);
  if (layer > 0)
    replace_settings_set_control_layer (settings, layer);
}

static void
save_layer (const char *parasite, ReplaceSettings *settings)
{
  g_autofree char *name = g_strconcat (parasite, CONTROL, NULL);
  gint32 layer = replace_settings_has_control_layer (settings) ? settings->control_layer : 0;

  gimp_set_data (name, &layer, sizeof layer);
  if (replace_settings_has_control_layer (settings))
    replace_settings_set_string (&settings->control, "");
}

ReplaceSettings *
history_load_settings (void)
{
  g_autofree char *json = load (REPLACE_PARASITE);
  g_autoptr (GError) error = NULL;
  ReplaceSettings *settings = json ? replace_settings_from_json (json, &error) : NULL;

  if (error)
    set_aside (REPLACE_PARASITE, json, error->message);
  if (!settings)
    settings = replace_settings_new ();
  load_layer (REPLACE_PARASITE, settings);
  return settings;
}

/* "moa-generate-settings", "moa-morph-settings" ...  (transfer full) */
static char *
name_parasite (const char *name)
{
  return g_strdup_printf ("moa-%s-settings", name);
}

GenerateSettings *
history_load_generate (const char *name, const char *const *own)
{
  g_autofree char *parasite = name_parasite (name);
  g_autofree char *json = load (parasite);
  g_autoptr (GError) error = NULL;
  GenerateSettings *settings = json ? generate_settings_from_json (name, own, json, &error) : NULL;

  if (error)
    set_aside (parasite, json, error->message);
  if (!settings)
    settings = generate_settings_new (name, own);
  load_layer (parasite, settings->how);
  return settings;
}

void
history_load_model (ReplaceSettings *settings)
{
  g_autoptr (ReplaceSettings) last = history_load_settings ();

  replace_settings_set_string (&settings->model, last->model);
  replace_settings_set_string (&settings->expert, last->expert);
  replace_settings_set_string (&settings->image_encoder, last->image_encoder);
  replace_settings_set_string (&settings->controlnet, last->controlnet);
}

void
history_load_machine (ReplaceSettings *settings)
{
  g_autoptr (ReplaceSettings) last = history_load_settings ();

  replace_settings_set_string (&settings->device, last->device);
}

void
history_save_settings (const ReplaceSettings *settings)
{
  g_autoptr (ReplaceSettings) kept = replace_settings_copy (settings);

  save_layer (REPLACE_PARASITE, kept);

  g_autofree char *json = replace_settings_to_json (kept);

  save (REPLACE_PARASITE, json);
}

void
history_save_generate (const GenerateSettings *settings)
{
  g_autoptr (GenerateSettings) kept = generate_settings_copy (settings);

  g_autofree char *parasite = name_parasite (settings->name);

  save_layer (parasite, kept->how);

  g_autofree char *json = generate_settings_to_json (kept);

  save (parasite, json);
}

char **
history_load_subjects (void)
{
  int size = gimp_get_data_size (SUBJECTS);
  g_autofree char *lines = g_malloc0 (size + 1);

  if (size > 0)
    gimp_get_data (SUBJECTS, lines);
  return g_strsplit (lines, "\n", 0);
}

void
history_save_subjects (const char *const *subjects)
{
  g_autofree char *lines = g_strjoinv ("\n", (char **) subjects);

  gimp_set_data (SUBJECTS, lines, strlen (lines));
}
