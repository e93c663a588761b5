/* moa timelapse: one person from young to old, by words, with one seed. */
#include "cli/panels.h"

static const char after_timelapse[] =
    "Writes FOLDER/age-00.png and so on, and sheet.png. All have the same seed. Without --prompt the\n"
    "ages are those below; --noun man or --noun woman make the older ones of them more certain. A\n"
    "--prompt needs a noun for the person, as all prompts. What is there already is not drawn again.\n"
    "\n"
    "  a photo of a baby, a photo of a child, a photo of a teenager, a photo of a young adult,\n"
    "  a photo of a middle-aged person, a photo of an old person, a photo of a very old person\n"
    "\n"
    "  moa timelapse ann.png -o ann-ages --noun woman\n"
    "  moa timelapse ann.png -o ann-ages --prompt \"a girl in a park\" --prompt \"a woman in a park\"";

int
moa_cli_timelapse (int argc, char **argv)
{
  MoaCli cli = { NULL };
  MoaCliPanels panels = { .command = "timelapse", .sheet = "sheet", .usual_delay = 800 };
  char **prompts = NULL, *noun = NULL;
  MoaCliJob *template = moa_cli_job_new (&moa_cli_generate_class, &cli);
  const GOptionEntry own[] = {
    MOA_CLI_OWN_ENTRIES (panels.folder),
    MOA_CLI_ANIMATION_ENTRIES (panels, "800"),
    { "prompt", 'p', 0, G_OPTION_ARG_FILENAME_ARRAY, &prompts,
      "An age; to be given once for each, young to old", "TEXT" },
    { "noun", 0, 0, G_OPTION_ARG_FILENAME, &noun, "For the older ages: man, woman; person", "NOUN" },
    { "columns", 0, 0, G_OPTION_ARG_INT, &panels.columns, "Of the sheet; otherwise one row", "N" },
    { NULL }
  };
  gboolean usable = moa_cli_panels_parse (&panels, template, &argc, &argv, own, 1,
                                          "give the person: a photo, or a saved subject",
                                          "SUBJECT [SUBJECT...] -o FOLDER",
                                          "Draws a person from young to old.", after_timelapse);
  for (int k = 1; usable && k < argc; k++)
    json_array_append_new (template->subjects, moa_subject_from_text (argv[k], NULL));
  if (!prompts)
    prompts = moa_ages (noun);
  for (int i = 0; usable && prompts[i]; i++)
    {
      json_t *job = moa_cli_job_to_json (template);
      g_autofree char *name = g_strdup_printf ("age-%02d.png", i);
      g_autofree char *place = g_strdup_printf ("age %d", i);
      json_object_set_new (job, "generate", json_string_nocheck (prompts[i]));
      moa_cli_panels_add (&panels, job, name, prompts[i], place);
    }
  if (panels.columns <= 0)
    panels.columns = g_strv_length (prompts);
  moa_cli_job_free (template);
  g_strfreev (prompts);
  g_free (noun);
  return moa_cli_panels_run (&panels, &cli, usable);
}
