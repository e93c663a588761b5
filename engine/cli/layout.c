/* moa layout: a row of pictures by the prior alone, to pick layouts from; then the same seeds with the
 * subjects in them (the paper's disentangled control: only the persons change). */
#include "cli/panels.h"

static const char after_layout[] =
    "Draws FOLDER/layout-SEED.png for --pictures seeds from --seed on, without the SUBJECTs, and\n"
    "sheet.png, which shows the seeds. Then the same command with --pick draws FOLDER/picked-SEED.png:\n"
    "the same places and poses, with the SUBJECTs. What is there already is not drawn again.\n"
    "\n"
    "  moa layout \"a man on a beach\" ben.png -o beach --pictures 6\n"
    "  moa layout \"a man on a beach\" ben.png -o beach --pictures 6 --pick 3,5";

static void
add (MoaCliPanels *panels, const json_t *like, guint64 seed, gboolean picked)
{
  json_t *job = json_deep_copy (like);
  g_autofree char *name = g_strdup_printf ("%s-%" G_GUINT64_FORMAT ".png", picked ? "picked" : "layout",
                                           seed);
  g_autofree char *caption = g_strdup_printf ("seed %" G_GUINT64_FORMAT "%s", seed,
                                              picked ? ", with the subjects" : "");
  json_object_set_new (job, "seed", json_integer (seed));
  if (!picked)
    json_object_set_new (job, "prior_only", json_true ());
  moa_cli_panels_add (panels, job, name, caption, name);
}

static gboolean
is_picked (const GArray *pick, guint64 seed)
{
  for (guint i = 0; pick && i < pick->len; i++)
    if ((guint64) g_array_index (pick, int, i) == seed)
      return TRUE;
  return FALSE;
}

/* The row, and below it what was picked. */
static void
add_all (MoaCliPanels *panels, const MoaCliJob *template, guint64 seed, int n, const GArray *pick)
{
  json_t *like = moa_cli_job_to_json (template);
  for (int i = 0; i < n; i++)
    add (panels, like, seed + i, FALSE);
  for (int i = 0; pick && i < n; i++)
    if (is_picked (pick, seed + i))
      add (panels, like, seed + i, TRUE);
    else
      moa_cli_panels_skip (panels);
  json_decref (like);
}

int
moa_cli_layout (int argc, char **argv)
{
  MoaCli cli = { NULL };
  MoaCliPanels panels = { .command = "layout", .sheet = "sheet" };
  char *picks = NULL, *seed_text = NULL;
  guint64 seed = 0;
  g_autoptr (GArray) pick = NULL;
  g_autoptr (GError) error = NULL;
  panels.columns = 6;
  MoaCliJob *template = moa_cli_job_new (&moa_cli_generate_class, &cli);
  const GOptionEntry own[] = {
    MOA_CLI_OWN_ENTRIES (panels.folder),
    { "pictures", 0, 0, G_OPTION_ARG_INT, &panels.columns, "How many layouts, 6", "N" },
    { "seed", 0, 0, G_OPTION_ARG_FILENAME, &seed_text, "The first one's, 0", "N" },
    { "pick", 0, 0, G_OPTION_ARG_FILENAME, &picks, "Seeds to draw with the SUBJECTs", "3,5" },
    { NULL }
  };
  gboolean usable = moa_cli_panels_parse (&panels, template, &argc, &argv, own, 1, "give a prompt",
                                          "PROMPT [SUBJECT...] -o FOLDER",
                                          "Draws layouts to pick from, and the picked ones with persons.",
                                          after_layout);
  if (usable && !moa_cli_read_seed (seed_text, &seed, &error))
    usable = !moa_cli_usage ("layout", "--%s", error->message);
  else if (usable && (panels.columns < 1 || panels.columns > 100))
    usable = !moa_cli_usage ("layout", "--pictures is %d; it must be from 1 to 100", panels.columns);
  else if (usable && picks && !(pick = moa_cli_numbers (picks, 0)))
    usable = !moa_cli_usage ("layout", "--pick is \"%s\"; write it as 3,5", picks);
  else if (usable && picks && argc < 3)
    usable = !moa_cli_usage ("layout", "--pick needs a SUBJECT to draw");
  for (guint i = 0; usable && pick && i < pick->len; i++)
    {
      guint64 number = g_array_index (pick, int, i);
      if (number < seed || number >= seed + panels.columns)
        usable = !moa_cli_usage ("layout", "--pick names seed %d, which is none of the row's",
                                 g_array_index (pick, int, i));
    }
  if (usable)
    {
      template->first = g_strdup (argv[1]);
      for (int k = 2; k < argc; k++)
        json_array_append_new (template->subjects, moa_subject_from_text (argv[k], NULL));
      add_all (&panels, template, seed, panels.columns, pick);
    }
  moa_cli_job_free (template);
  g_free (picks);
  g_free (seed_text);
  return moa_cli_panels_run (&panels, &cli, usable);
}
