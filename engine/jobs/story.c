/* Stories, read for whoever draws them: see moa.h, and story.h for the text. */
#include "jobs/story.h"

#include "base/error.h"
#include "io/json.h"
#include "jobs/subject-text.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  MoaStory *story;
  const char *file;
  char *folder;      /* the file's */
  json_t *json, *all; /* the story; settings of all panels */
  GArray *lines;     /* each panel's line, of a text */
} Reader;

/* (transfer full); NULL with error set: a path is not UTF-8, which JSON is. */
static char *
print (const Reader *r, const json_t *value, GError **error)
{
  char *text = json_dumps (value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION (15));
  if (!text)
    moa_fail (error, MOA_ERROR_FILE, "%s: this path is no UTF-8; move the story to another folder", r->file);
  char *copy = g_strdup (text);
  free (text);
  return copy;
}

/* ---- Characters ---- */

static gboolean
read_character (Reader *r, const char *name, json_t *value, GError **error)
{
  MoaStory *story = r->story;
  const char *words = json_string_value (json_object_get (value, "words"));
  json_t *photos = json_object_get (value, "photos");
  if (!*name || !words || !*words || !photos || json_object_size (value) != 2)
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: the character \"%s\" must be {\"words\": NOUN, \"photos\": PHOTO}", r->file, name);
  json_t *subject = moa_subject_from_json (photos, r->folder, error);
  if (!subject)
    {
      g_prefix_error (error, "%s: \"%s\": ", r->file, name);
      return FALSE;
    }
  char *text = print (r, subject, error);
  json_decref (subject);
  story->characters = g_renew (MoaCharacter, story->characters, story->n_characters + 1);
  story->characters[story->n_characters++] = (MoaCharacter){ g_strdup (name), g_strdup (words), text };
  return text != NULL;
}

/* ---- Panels ---- */

static char *
place_of (const Reader *r, int i)
{
  return r->lines->len ? g_strdup_printf ("%s, line %d", r->file, g_array_index (r->lines, int, i))
                       : g_strdup_printf ("%s, panel %d", r->file, i + 1);
}

/* A path or a list of them, seen from the file. */
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

static char *
settings_of (const Reader *r, json_t *panel, GError **error)
{
  static const char *const paths[] = { "replace", "select", "control", "subject_mask" };
  json_t *own = json_deep_copy (r->all);
  json_object_update (own, panel);
  json_object_del (own, "panel");
  json_object_del (own, "caption");
  for (gsize k = 0; k < G_N_ELEMENTS (paths); k++)
    if (json_object_get (own, paths[k]))
      json_object_set_new (own, paths[k], resolved (json_object_get (own, paths[k]), r->folder));
  char *text = print (r, own, error);
  json_decref (own);
  return text;
}

static gboolean
read_panel (Reader *r, json_t *value, GError **error)
{
  MoaStory *story = r->story;
  MoaPanel *panel = &story->panels[story->n_panels];
  const char *words = json_string_value (json_object_get (value, "panel"));
  g_autoptr (GArray) who = g_array_new (FALSE, FALSE, sizeof (int));
  panel->place = place_of (r, story->n_panels++);
  if (!words)
    return moa_fail (error, MOA_ERROR_FILE, "%s: \"panel\" must be the words of the picture", panel->place);
  panel->caption = g_strdup (json_string_value (json_object_get (value, "caption")));
  panel->prompt = moa_story_prompt (words, story->characters, story->n_characters, who, error);
  if (!panel->prompt)
    {
      g_prefix_error (error, "%s: ", panel->place);
      return FALSE;
    }
  for (guint k = 0; k < who->len; k++)
    panel->characters[panel->n_characters++] = g_array_index (who, int, k);
  panel->settings = settings_of (r, value, error);
  return panel->settings != NULL;
}

/* ---- The file ---- */

static gboolean
read_file (Reader *r, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) fault = NULL;
  gsize n;
  if (!g_file_get_contents (r->file, &text, &n, &fault))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read: %s", r->file, fault->message);
  r->folder = g_path_get_dirname (r->file);
  r->json = g_str_has_suffix (r->file, ".json") ? moa_json_parse (text, n, r->file, error)
                                                : moa_story_from_text (text, r->file, r->lines, error);
  return r->json != NULL;
}

static gboolean
take_count (Reader *r, const char *key, int *to, GError **error)
{
  json_t *value = json_object_get (r->all, key);
  *to = json_integer_value (value);
  if (value && (!json_is_integer (value) || json_integer_value (value) < 1 ||
                json_integer_value (value) > 100))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: \"%s\" must be a whole number from 1 to 100", r->file,
                     key);
  json_object_del (r->all, key);
  return TRUE;
}

/* What is neither characters, panels nor of the page is for all panels. */
static gboolean
read_story (Reader *r, GError **error)
{
  if (!read_file (r, error))
    return FALSE;
  json_t *characters = json_object_get (r->json, "characters"), *value;
  json_t *list = json_object_get (r->json, "panels");
  const char *name;
  size_t i;
  if ((characters && !json_is_object (characters)) || !json_is_array (list) || json_array_size (list) == 0)
    return moa_fail (error, MOA_ERROR_FILE, "%s: there is no panel in it, or \"characters\" is no object",
                     r->file);
  json_object_foreach (characters, name, value)
    if (!read_character (r, name, value, error))
      return FALSE;
  r->all = json_copy (r->json);
  r->story->title = g_strdup (json_string_value (json_object_get (r->all, "title")));
  json_object_del (r->all, "title");
  json_object_del (r->all, "characters");
  json_object_del (r->all, "panels");
  if (!take_count (r, "columns", &r->story->columns, error) || !take_count (r, "rows", &r->story->rows, error))
    return FALSE;
  r->story->panels = g_new0 (MoaPanel, json_array_size (list));
  json_array_foreach (list, i, value)
    if (!read_panel (r, value, error))
      return FALSE;
  return TRUE;
}

MoaStory *
moa_story_read (const char *path, GError **error)
{
  g_return_val_if_fail (path, NULL);
  Reader r = { .story = g_new0 (MoaStory, 1), .file = path,
               .lines = g_array_new (FALSE, FALSE, sizeof (int)) };
  if (!read_story (&r, error))
    g_clear_pointer (&r.story, moa_story_free);
  g_free (r.folder);
  g_array_unref (r.lines);
  json_decref (r.json);
  json_decref (r.all);
  return r.story;
}

void
moa_story_free (MoaStory *story)
{
  if (!story)
    return;
  for (int k = 0; k < story->n_characters; k++)
    {
      g_free (story->characters[k].name);
      g_free (story->characters[k].words);
      g_free (story->characters[k].subject);
    }
  for (int i = 0; i < story->n_panels; i++)
    {
      g_free (story->panels[i].place);
      g_free (story->panels[i].prompt);
      g_free (story->panels[i].caption);
      g_free (story->panels[i].settings);
    }
  g_free (story->title);
  g_free (story->characters);
  g_free (story->panels);
  g_free (story);
}
