/* moa story: pages of panels with the same characters. */
#include "cli/panels.h"

#include "base/error.h"

#include <string.h>

static const char after_story[] =
    "FILE is text, a \"KEY: VALUE\" a line:\n"
    "\n"
    "  title: At the lake\n"
    "  seed: 7\n"
    "  Ann (woman): ann.png+ann-side.png\n"
    "  Ben (man): ben.safetensors\n"
    "\n"
    "  panel: Ann on a beach\n"
    "  caption: She was early.\n"
    "\n"
    "  panel: Ann and Ben (old man) in the snow\n"
    "  seed: 9\n"
    "\n"
    "or a FILE.json of the same keys, with \"characters\": {\"Ann\": {\"words\": \"woman\", \"photos\":\n"
    "[\"ann.png\"]}} and \"panels\": [{\"panel\": ..., \"caption\": ...}]. Names in a panel become the words\n"
    "in brackets, with the person there. Before the first panel stand title, columns and rows of a\n"
    "page, and settings for all panels; in a panel its own. Settings are those of moa generate, or, with\n"
    "\"replace: PICTURE\", those of moa replace, \"fixed_point\" for --fixed-point; what is told on the\n"
    "command line is for all panels that say nothing else. Paths are seen from FILE's folder.\n"
    "\n"
    "Writes OUT/panel-001.png and so on, and pages of them with captions, page.png or page-01.png ...\n"
    "A panel that is there already, of the same words, photos and model, is not drawn again.";

enum { COLUMNS = 2, ROWS = 3 };

/* --character NAME=PHOTO: another one takes the part. */
static gboolean
recast (MoaStory *story, char **casting, json_t **subjects, GError **error)
{
  for (; casting && *casting; casting++)
    {
      const char *equals = strchr (*casting, '=');
      int found = -1;
      for (int k = 0; equals && k < story->n_characters; k++)
        if (strlen (story->characters[k].name) == (gsize) (equals - *casting) &&
            g_str_has_prefix (*casting, story->characters[k].name))
          found = k;
      if (found < 0)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "--character is \"%s\"; write it as NAME=PHOTO, with a NAME of the story", *casting);
      json_decref (subjects[found]);
      subjects[found] = moa_subject_from_text (equals + 1, NULL);
    }
  return TRUE;
}

static void
add_panel (MoaCliPanels *panels, const json_t *template, const MoaPanel *panel, json_t *const *subjects,
           int i)
{
  g_autofree char *name = g_strdup_printf ("panel-%03d.png", i + 1);
  json_t *own = json_loads (panel->settings, 0, NULL), *job = json_deep_copy (template), *list = json_array ();
  json_object_set_new (own, json_object_get (own, "replace") ? "prompt" : "generate",
                       json_string (panel->prompt));
  json_object_update (job, own);
  for (int k = 0; k < panel->n_characters; k++)
    json_array_append (list, subjects[panel->characters[k]]);
  json_object_set_new (job, "subjects", list);
  json_decref (own);
  moa_cli_panels_add (panels, job, name, panel->caption, panel->place);
}

static gboolean
read_story (MoaCliPanels *panels, const char *file, const json_t *template, char **casting, GError **error)
{
  MoaStory *story = moa_story_read (file, error);
  if (!story)
    return FALSE;
  json_t **subjects = g_new0 (json_t *, story->n_characters + 1);
  for (int k = 0; k < story->n_characters; k++)
    subjects[k] = json_loads (story->characters[k].subject, JSON_DECODE_ANY, NULL);
  gboolean ok = recast (story, casting, subjects, error);
  for (int i = 0; ok && i < story->n_panels; i++)
    add_panel (panels, template, &story->panels[i], subjects, i);
  for (int k = 0; k < story->n_characters; k++)
    json_decref (subjects[k]);
  g_free (subjects);
  panels->title = g_strdup (story->title);
  panels->columns = panels->columns > 0 ? panels->columns : story->columns;
  panels->rows = panels->rows > 0 ? panels->rows : story->rows;
  moa_story_free (story);
  return ok;
}

int
moa_cli_story (int argc, char **argv)
{
  MoaCli cli = { NULL };
  MoaCliPanels panels = { .command = "story", .sheet = "page" };
  gboolean no_pages = FALSE;
  char **casting = NULL;
  MoaCliJob *template = moa_cli_job_new (&moa_cli_generate_class, &cli);
  const GOptionEntry own[] = {
    MOA_CLI_OWN_ENTRIES (panels.folder),
    { "character", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &casting,
      "Another person takes the part; may be given several times", "NAME=PHOTO" },
    { "columns", 0, 0, G_OPTION_ARG_INT, &panels.columns, "Of a page; otherwise the story's, or 2", "N" },
    { "rows", 0, 0, G_OPTION_ARG_INT, &panels.rows, "Of a page; otherwise the story's, or 3", "N" },
    { "no-pages", 0, 0, G_OPTION_ARG_NONE, &no_pages, "Panels only", NULL },
    { NULL }
  };
  gboolean usable = moa_cli_panels_parse (&panels, template, &argc, &argv, own, 1,
                                          "give one file with a story", "FILE -o FOLDER",
                                          "Draws a story: panels with the same characters.", after_story);
  if (usable && argc != 2)
    usable = !moa_cli_usage ("story", "give one file with a story");
  GError *error = NULL;
  gboolean understood = TRUE;
  if (usable)
    {
      json_t *like = moa_cli_job_to_json (template);
      understood = read_story (&panels, argv[1], like, casting, &error);
      json_decref (like);
    }
  panels.columns = panels.columns > 0 ? panels.columns : COLUMNS;
  panels.rows = panels.rows > 0 ? panels.rows : ROWS;
  panels.sheet = no_pages ? NULL : panels.sheet;
  moa_cli_job_free (template);
  g_strfreev (casting);
  if (!understood)
    {
      g_printerr ("moa story: %s\n", error->message);
      g_error_free (error);
      moa_cli_panels_run (&panels, &cli, FALSE);
      return CLI_FAILED;
    }
  return moa_cli_panels_run (&panels, &cli, usable);
}
