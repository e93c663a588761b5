/* moa morph: one person becomes another, in a new picture or in a person's place. */
#include "cli/panels.h"

#include <string.h>

static const char after_morph[] =
    "Writes FOLDER/frame-000.png and so on, and sheet.png with all of them. All frames have one seed;\n"
    "with --into they are replacements in one PICTURE, which is inverted once. A and B are photos\n"
    "(joined with \"+\" where a person has several) or saved subjects; frame 0 is A, the last one B,\n"
    "and those between are on the arc between their features. SUBJECTs are persons beside them, who\n"
    "stay the same. Without --into the options below are those of moa generate, with it those of\n"
    "moa replace. What is there already is not drawn again.\n"
    "\n"
    "  moa morph ann.png ben.png -o morph --prompt \"a person on a beach\" --frames 7 \\\n"
    "    --animation morph.webp\n"
    "  moa morph ann.png ben.png -o morph --into party.png --select man.png";

/* Before the options can be parsed, for it decides which there are. */
static gboolean
has_option (int argc, char **argv, const char *name)
{
  gsize n = strlen (name);
  for (int i = 1; i < argc && strcmp (argv[i], "--"); i++)
    if (!strncmp (argv[i], name, n) && (!argv[i][n] || argv[i][n] == '='))
      return TRUE;
  return FALSE;
}

static void
add_frames (MoaCliPanels *panels, const MoaCliJob *template, char **words, int n_words, int n_frames)
{
  json_t *like = moa_cli_job_to_json (template);
  json_t *a = moa_subject_from_text (words[0], NULL), *b = moa_subject_from_text (words[1], NULL);
  for (int i = 0; i < n_frames; i++)
    {
      double share = n_frames > 1 ? (double) i / (n_frames - 1) : 0;
      json_t *job = json_deep_copy (like);
      json_t *subjects = json_pack ("[{s:O, s:O, s:f}]", "from", a, "to", b, "share", share);
      for (int k = 2; k < n_words; k++)
        json_array_append_new (subjects, moa_subject_from_text (words[k], NULL));
      json_object_set_new (job, "subjects", subjects);
      g_autofree char *name = g_strdup_printf ("frame-%03d.png", i);
      g_autofree char *caption = g_strdup_printf ("%.0f %%", 100 * share);
      g_autofree char *place = g_strdup_printf ("frame %d", i);
      moa_cli_panels_add (panels, job, name, caption, place);
    }
  json_decref (like);
  json_decref (a);
  json_decref (b);
}

int
moa_cli_morph (int argc, char **argv)
{
  MoaCli cli = { NULL };
  MoaCliPanels panels = { .command = "morph", .sheet = "sheet", .usual_delay = 150 };
  MoaSequenceParams sequence;
  int n_settings;
  const MoaSetting *settings = moa_sequence_settings (&n_settings);
  const MoaSetting *frames = moa_setting_find (settings, n_settings, "frames");
  char *into = NULL, *prompt = NULL;
  gboolean replaces = has_option (argc, argv, "--into");
  MoaCliJob *template = moa_cli_job_new (replaces ? &moa_cli_replace_class : &moa_cli_generate_class,
                                         &cli);
  const GOptionEntry own[] = {
    MOA_CLI_OWN_ENTRIES (panels.folder),
    MOA_CLI_ANIMATION_ENTRIES (panels, "150"),
    { "frames", 0, 0, G_OPTION_ARG_INT, &sequence.frames, "How many, 9", "N" },
    { "into", 0, 0, G_OPTION_ARG_FILENAME, &into, "Replace a person of this picture", "PICTURE" },
    { "columns", 0, 0, G_OPTION_ARG_INT, &panels.columns, "Of the sheet; otherwise one row", "N" },
    /* To replace, it is among the job's own. */
    { replaces ? NULL : "prompt", 'p', 0, G_OPTION_ARG_FILENAME, &prompt,
      "A noun for each person, \"a person\"", "TEXT" },
    { NULL }
  };
  moa_sequence_params_init (&sequence);
  gboolean usable = moa_cli_panels_parse (&panels, template, &argc, &argv, own, 2,
                                          "give two persons, A and B", "A B [SUBJECT...] -o FOLDER",
                                          "Morphs person A into person B.", after_morph);
  if (usable && (sequence.frames < frames->lower || sequence.frames > frames->upper))
    usable = !moa_cli_usage ("morph", "--frames is %d; it must be from %g to %g", sequence.frames,
                             frames->lower, frames->upper);
  if (usable)
    {
      template->first = into ? g_strdup (into) : prompt ? g_strdup (prompt) : moa_prompt_default (argc - 2);
      panels.columns = panels.columns > 0 ? panels.columns : sequence.frames;
      add_frames (&panels, template, argv + 1, argc - 1, sequence.frames);
    }
  moa_cli_job_free (template);
  g_free (into);
  g_free (prompt);
  return moa_cli_panels_run (&panels, &cli, usable);
}
