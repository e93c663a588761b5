/* moa story: pages of panels with the same characters. */
#include "cli/story.h"

#include "base/error.h"
#include "cli/panels.h"
#include "io/json.h"

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

typedef struct {
  MoaCliPanels *panels;
  const char *file;
  char *folder;        /* the file's */
  json_t *story, *all; /* all: settings of all panels */
  GArray *lines;       /* each panel's line, of a text */
  MoaCliCharacter *characters;
  int n_characters;
} Story;

/* ---- Characters ---- */

static gboolean
read_character (Story *s, const char *name, json_t *value, GError **error)
{
  const char *words = json_string_value (json_object_get (value, "words"));
  json_t *photos = json_object_get (value, "photos");
  if (!*name || !words || !*words || !photos || json_object_size (value) != 2)
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: the character \"%s\" must be {\"words\": NOUN, \"photos\": PHOTO}", s->file, name);
  json_t *subject = moa_cli_subject_from_json (photos, s->folder, error);
  if (!subject)
    {
      g_prefix_error (error, "%s: \"%s\": ", s->file, name);
      return FALSE;
    }
  s->characters = g_renew (MoaCliCharacter, s->characters, s->n_characters + 1);
  s->characters[s->n_characters++] = (MoaCliCharacter){ g_strdup (name), g_strdup (words), subject };
  return TRUE;
}

/* --character NAME=PHOTO: another one takes the part. */
static gboolean
recast (Story *s, char **casting, GError **error)
{
  for (; casting && *casting; casting++)
    {
      const char *equals = strchr (*casting, '=');
      MoaCliCharacter *found = NULL;
      for (int k = 0; equals && k < s->n_characters; k++)
        if (strlen (s->characters[k].name) == (gsize) (equals - *casting) &&
            g_str_has_prefix (*casting, s->characters[k].name))
          found = &s->characters[k];
      if (!found)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "--character is \"%s\"; write it as NAME=PHOTO, with a NAME of the story", *casting);
      json_decref (found->subject);
      found->subject = moa_cli_subject_from_text (equals + 1, NULL);
    }
  return TRUE;
}

/* ---- Panels ---- */

static char *
place_of (const Story *s, int i)
{
  return s->lines->len ? g_strdup_printf ("%s, line %d", s->file, g_array_index (s->lines, int, i))
                       : g_strdup_printf ("%s, panel %d", s->file, i + 1);
}

/* Paths of a panel are seen from the file, those of the command line from here. */
static json_t *
resolved (const json_t *value, const char *folder)
{
  json_t *list = json_array (), *one;
  size_t i;
  json_array_foreach (value, i, one)
    json_array_append_new (list, resolved (one, folder));
  if (!json_is_string (value))
    return list;
  json_decref (list);
  const char *path = json_string_value (value);
  g_autofree char *whole = g_path_is_absolute (path) ? g_strdup (path)
                                                     : g_build_filename (folder, path, NULL);
  return json_string_nocheck (whole);
}

static gboolean
add_panel (Story *s, const json_t *template, json_t *panel, int i, GError **error)
{
  static const char *const paths[] = { "replace", "select", "control", "subject_mask" };
  const char *words = json_string_value (json_object_get (panel, "panel"));
  const char *caption = json_string_value (json_object_get (panel, "caption"));
  g_autofree char *place = place_of (s, i), *name = g_strdup_printf ("panel-%03d.png", i + 1);
  g_autoptr (GArray) who = g_array_new (FALSE, FALSE, sizeof (int));
  if (!words)
    return moa_fail (error, MOA_ERROR_FILE, "%s: \"panel\" must be the words of the picture", place);
  g_autofree char *prompt = moa_cli_story_prompt (words, s->characters, s->n_characters, who, error);
  if (!prompt)
    {
      g_prefix_error (error, "%s: ", place);
      return FALSE;
    }
  json_t *own = json_deep_copy (s->all), *job = json_deep_copy (template), *subjects = json_array ();
  json_object_update (own, panel);
  json_object_del (own, "panel");
  json_object_del (own, "caption");
  for (gsize k = 0; k < G_N_ELEMENTS (paths); k++)
    if (json_object_get (own, paths[k]))
      json_object_set_new (own, paths[k], resolved (json_object_get (own, paths[k]), s->folder));
  json_object_set_new (own, json_object_get (own, "replace") ? "prompt" : "generate",
                       json_string (prompt));
  json_object_update (job, own);
  for (guint k = 0; k < who->len; k++)
    json_array_append (subjects, s->characters[g_array_index (who, int, k)].subject);
  json_object_set_new (job, "subjects", subjects);
  json_decref (own);
  moa_cli_panels_add (s->panels, job, name, caption, place);
  return TRUE;
}

/* ---- The file ---- */

static gboolean
read_file (Story *s, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) fault = NULL;
  gsize n;
  if (!g_file_get_contents (s->file, &text, &n, &fault))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read: %s", s->file, fault->message);
  s->folder = g_path_get_dirname (s->file);
  s->story = g_str_has_suffix (s->file, ".json") ? moa_json_parse (text, n, s->file, error)
                                                 : moa_cli_story_from_text (text, s->file, s->lines, error);
  return s->story != NULL;
}

static gboolean
take_count (json_t *all, const char *key, int *to, GError **error)
{
  json_t *value = json_object_get (all, key);
  if (value && (!json_is_integer (value) || json_integer_value (value) < 1 ||
                json_integer_value (value) > 100))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "\"%s\" must be a whole number from 1 to 100", key);
  if (value && *to <= 0)
    *to = json_integer_value (value);
  json_object_del (all, key);
  return TRUE;
}

/* What is neither characters, panels nor of the page is for all panels. */
static gboolean
read_story (Story *s, const json_t *template, char **casting, GError **error)
{
  if (!read_file (s, error))
    return FALSE;
  json_t *characters = json_object_get (s->story, "characters"), *value;
  json_t *list = json_object_get (s->story, "panels");
  const char *name;
  size_t i;
  if ((characters && !json_is_object (characters)) || !json_is_array (list) || json_array_size (list) == 0)
    return moa_fail (error, MOA_ERROR_FILE, "%s: there is no panel in it, or \"characters\" is no object",
                     s->file);
  json_object_foreach (characters, name, value)
    if (!read_character (s, name, value, error))
      return FALSE;
  if (!recast (s, casting, error))
    return FALSE;
  s->all = json_copy (s->story);
  s->panels->title = g_strdup (json_string_value (json_object_get (s->all, "title")));
  json_object_del (s->all, "title");
  json_object_del (s->all, "characters");
  json_object_del (s->all, "panels");
  if (!take_count (s->all, "columns", &s->panels->columns, error) ||
      !take_count (s->all, "rows", &s->panels->rows, error))
    {
      g_prefix_error (error, "%s: ", s->file);
      return FALSE;
    }
  json_array_foreach (list, i, value)
    if (!add_panel (s, template, value, i, error))
      return FALSE;
  return TRUE;
}

static void
clear (Story *s)
{
  for (int k = 0; k < s->n_characters; k++)
    {
      g_free (s->characters[k].name);
      g_free (s->characters[k].words);
      json_decref (s->characters[k].subject);
    }
  g_free (s->characters);
  g_free (s->folder);
  g_array_unref (s->lines);
  json_decref (s->story);
  json_decref (s->all);
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
      Story s = { .panels = &panels, .file = argv[1], .lines = g_array_new (FALSE, FALSE, sizeof (int)) };
      json_t *like = moa_cli_job_to_json (template);
      understood = read_story (&s, like, casting, &error);
      json_decref (like);
      clear (&s);
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
