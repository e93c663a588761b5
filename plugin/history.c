/* What was chosen last.
 *
 * Settings are a global parasite, which GIMP keeps across restarts.  Subjects are layers, whose
 * ids mean nothing in another session: GIMP keeps them as data of this one. */
#include "history.h"

#include "intl.h"

#include <libgimp/gimp.h>
#include <string.h>

#define ASIDE REPLACE_PARASITE "-set-aside"
#define SUBJECTS REPLACE_PROCEDURE "-subjects"

/* What cannot be read, because it is damaged or newer, is kept under another name. */
static void
set_aside (const GimpParasite *parasite, const char *why)
{
  g_autofree char *message = g_strdup_printf (_("The settings of the last time cannot be used: %s. "
                                                "They are kept as \"%s\" in GIMP's parasiterc; the "
                                                "defaults are used."), why, ASIDE);
  GimpParasite *aside = gimp_parasite_new (ASIDE, GIMP_PARASITE_PERSISTENT,
                                           gimp_parasite_data_size (parasite),
                                           gimp_parasite_data (parasite));

  gimp_attach_parasite (aside);
  gimp_detach_parasite (REPLACE_PARASITE);
  gimp_parasite_free (aside);
  gimp_message (message);
}

ReplaceSettings *
history_load_settings (void)
{
  GimpParasite *parasite = gimp_get_parasite (REPLACE_PARASITE);
  ReplaceSettings *settings = NULL;

  if (parasite)
    {
      g_autofree char *json = g_strndup (gimp_parasite_data (parasite),
                                         gimp_parasite_data_size (parasite));

      g_autoptr (GError) error = NULL;

      settings = replace_settings_from_json (json, &error);
      if (!settings)
        set_aside (parasite, error->message);
      gimp_parasite_free (parasite);
    }
  return settings ? settings : replace_settings_new ();
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
  g_autofree char *json = replace_settings_to_json (settings);
  GimpParasite *parasite = gimp_parasite_new (REPLACE_PARASITE, GIMP_PARASITE_PERSISTENT,
                                              strlen (json) + 1, json);

  gimp_attach_parasite (parasite);
  gimp_parasite_free (parasite);
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
