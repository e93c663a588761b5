/* A panel's words as a prompt: see story.h. */
#include "jobs/story.h"

#include "base/error.h"

#include <string.h>

static gboolean
is_word_char (gunichar c)
{
  return g_unichar_isalnum (c) || g_unichar_ismark (c) || c == '_';
}

/* The length of the name at text, a whole word there, or 0. */
static gsize
name_at (const char *begin, const char *text, const char *name)
{
  gsize n = strlen (name);
  if (strncmp (text, name, n))
    return 0;
  const char *before = text > begin ? g_utf8_find_prev_char (begin, text) : NULL;
  if ((before && is_word_char (g_utf8_get_char (before))) ||
      (text[n] && is_word_char (g_utf8_get_char (text + n))))
    return 0;
  return n;
}

/* Of names that begin alike the longest counts. */
static int
find_character (const char *begin, const char *text, const MoaCharacter *characters, int n,
                gsize *length)
{
  int found = -1;
  *length = 0;
  for (int k = 0; k < n; k++)
    {
      gsize here = name_at (begin, text, characters[k].name);
      if (here > *length)
        {
          *length = here;
          found = k;
        }
    }
  return found;
}

/* " (an old man)" behind a name.  (transfer full); NULL: none, and text stays. */
static char *
take_bracket (const char **text)
{
  const char *open = *text + strspn (*text, " \t");
  const char *close = *open == '(' ? strchr (open, ')') : NULL;
  if (!close)
    return NULL;
  char *words = g_strstrip (g_strndup (open + 1, close - open - 1));
  *text = close + 1;
  return words;
}

static gboolean
has_article (const char *words)
{
  static const char *const articles[] = { "a ", "an ", "the ", "his ", "her ", "their ", "my ", "our " };
  for (gsize i = 0; i < G_N_ELEMENTS (articles); i++)
    if (!g_ascii_strncasecmp (words, articles[i], strlen (articles[i])))
      return TRUE;
  return FALSE;
}

/* Where the noun among the words ends: the first that the engine knows as one, else the last word. */
static gsize
noun_end (const char *words)
{
  const char *const *nouns = moa_subject_nouns ();
  for (const char *at = words; *at;)
    {
      gsize n = strcspn (at, " \t");
      g_autofree char *word = g_ascii_strdown (at, n);
      if (g_strv_contains (nouns, word))
        return at + n - words;
      at += n + strspn (at + n, " \t");
    }
  return strlen (words);
}

/* "woman" -> "a woman <2>" */
static void
append_words (GString *out, const char *words, int mark)
{
  if (!has_article (words))
    g_string_append (out, strchr ("aeiouAEIOU", *words) ? "an " : "a ");
  gsize end = noun_end (words);
  g_string_append_len (out, words, end);
  if (mark > 0)
    g_string_append_printf (out, " <%d>", mark);
  g_string_append (out, words + end);
}

static int
mark_of (GArray *who, int character)
{
  for (guint i = 0; i < who->len; i++)
    if (g_array_index (who, int, i) == character)
      return 0;
  g_array_append_val (who, character);
  return who->len;
}

char *
moa_story_prompt (const char *panel, const MoaCharacter *characters, int n, GArray *who,
                      GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  for (const char *text = panel; *text;)
    {
      gsize length;
      int k = find_character (panel, text, characters, n, &length);
      if (k < 0)
        {
          gsize step = g_utf8_next_char (text) - text;
          if (*text == '<' && g_ascii_isdigit (text[1]))
            {
              moa_fail (error, MOA_ERROR_ARGUMENT,
                        "marks as <1> are made of the characters' names; write a name there");
              return NULL;
            }
          g_string_append_len (out, text, step);
          text += step;
          continue;
        }
      text += length;
      g_autofree char *own = take_bracket (&text);
      if (own && !*own)
        {
          moa_fail (error, MOA_ERROR_ARGUMENT, "behind \"%s\" the brackets are empty; write a noun there",
                    characters[k].name);
          return NULL;
        }
      append_words (out, own ? own : characters[k].words, mark_of (who, k));
    }
  if (who->len > MOA_MAX_SUBJECTS)
    {
      moa_fail (error, MOA_ERROR_ARGUMENT, "%u characters are too many for one panel; at most %d",
                who->len, MOA_MAX_SUBJECTS);
      return NULL;
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}
