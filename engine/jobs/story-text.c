/* The text format of stories: see story.h.  It knows no key but those that change what is read: "panel"
 * begins a panel, "NAME (words)" is a character; who reads the JSON knows the others. */
#include "jobs/story.h"

#include "base/error.h"

#include <string.h>

typedef struct {
  const char *file;
  json_t *story, *characters, *panels;
  json_t *at; /* what keys belong to: the story, or a panel */
  GArray *lines;
} Reader;

/* 7, 1.5, true and false as what they are; all else as text. */
static json_t *
value_of (const char *text)
{
  json_t *value = json_loads (text, JSON_DECODE_ANY, NULL);
  if (json_is_number (value) || json_is_boolean (value))
    return value;
  json_decref (value);
  return json_string (text);
}

/* "Ann (young woman)" */
static gboolean
read_character (Reader *r, const char *key, const char *value, int line, GError **error)
{
  const char *open = strchr (key, '(');
  g_autofree char *name = g_strstrip (g_strndup (key, open - key));
  g_autofree char *words = g_strstrip (g_strndup (open + 1, strlen (open) - 2));
  if (!*name || !*words)
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s, line %d: a character is \"NAME (NOUN): PHOTO\", as \"Ann (woman): ann.png\"",
                     r->file, line);
  if (r->at != r->story)
    return moa_fail (error, MOA_ERROR_FILE, "%s, line %d: characters stand before the first panel",
                     r->file, line);
  if (json_object_get (r->characters, name))
    return moa_fail (error, MOA_ERROR_FILE, "%s, line %d: \"%s\" is there twice", r->file, line, name);
  json_object_set_new (r->characters, name, json_pack ("{s:s, s:s}", "words", words, "photos", value));
  return TRUE;
}

static gboolean
read_key (Reader *r, const char *key, const char *value, int line, GError **error)
{
  if (g_str_has_suffix (key, ")") && strchr (key, '('))
    return read_character (r, key, value, line, error);
  if (!strcmp (key, "panel"))
    {
      r->at = json_object ();
      json_array_append_new (r->panels, r->at);
      g_array_append_val (r->lines, line);
    }
  else if (json_object_get (r->at, key))
    return moa_fail (error, MOA_ERROR_FILE, "%s, line %d: \"%s\" is there twice", r->file, line, key);
  /* Words that look like a number are words there. */
  gboolean words = g_strv_contains ((const char *const[]){ "panel", "caption", "title", NULL }, key);
  json_object_set_new (r->at, key, words ? json_string (value) : value_of (value));
  return TRUE;
}

/* Line i and those that go on with it; i becomes the last one. */
static char *
whole_line (char **lines, int *i)
{
  g_autoptr (GString) text = g_string_new (lines[*i]);
  for (; lines[*i + 1] && g_ascii_isspace (lines[*i + 1][0]); ++*i)
    {
      g_autofree char *more = g_strstrip (g_strdup (lines[*i + 1]));
      if (*more)
        g_string_append_printf (text, " %s", more);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

json_t *
moa_story_from_text (const char *text, const char *file, GArray *numbers, GError **error)
{
  if (!g_utf8_validate (text, -1, NULL))
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: is no text in UTF-8", file);
      return NULL;
    }
  Reader r = { file, json_object (), json_object (), json_array (), NULL, numbers };
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  gboolean ok = TRUE;
  r.at = r.story;
  json_object_set_new (r.story, "characters", r.characters);
  json_object_set_new (r.story, "panels", r.panels);
  for (int i = 0; ok && lines[i]; i++)
    {
      int line = i + 1;
      g_autofree char *whole = whole_line (lines, &i);
      g_strstrip (whole);
      char *colon = strchr (whole, ':');
      if (!*whole || *whole == '#')
        continue;
      if (!colon)
        {
          ok = moa_fail (error, MOA_ERROR_FILE,
                         "%s, line %d: is no \"KEY: VALUE\", as \"panel: Ann on a beach\"", file, line);
          break;
        }
      *colon = 0;
      ok = read_key (&r, g_strstrip (whole), g_strstrip (colon + 1), line, error);
    }
  if (!ok)
    g_clear_pointer (&r.story, json_decref);
  return r.story;
}
