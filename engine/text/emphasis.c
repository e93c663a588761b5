/* Prompt weights, see emphasis.h: ( ) multiply what they enclose by 1.1, [ ] divide it, and (text:w)
 * multiplies it by w. */
#include "text/emphasis.h"

#include <string.h>

#define STEP 1.1

typedef struct {
  GString *plain;
  GArray *runs;
  GArray *round, *square; /* guint: the runs at which open brackets began */
} Parser;

static void
add (Parser *p, const char *text, const char *from, gsize length, gboolean breaks)
{
  MoaRunOfText run = { from - text, p->plain->len, breaks ? 1 : length, 1, breaks };
  g_array_append_val (p->runs, run);
  g_string_append_len (p->plain, breaks ? " " : from, run.length);
}

static void
multiply_from (Parser *p, guint first, double factor)
{
  for (guint i = first; i < p->runs->len; i++)
    g_array_index (p->runs, MoaRunOfText, i).weight *= factor;
}

/* Closes the innermost bracket of a kind; FALSE: none is open. */
static gboolean
close_bracket (Parser *p, GArray *open, double factor)
{
  if (open->len == 0)
    return FALSE;
  multiply_from (p, g_array_index (open, guint, open->len - 1), factor);
  g_array_set_size (open, open->len - 1);
  return TRUE;
}

/* ":1.2)" with blanks allowed around the number: its length, or 0. */
static gsize
read_weight (const char *text, double *weight)
{
  const char *number = text + 1 + strspn (text + 1, " \t\r\n");
  const char *digits = number + (*number == '+' || *number == '-');
  gsize n = strspn (digits, ".0123456789");
  char *end;
  *weight = g_ascii_strtod (number, &end);
  const char *after = digits + n + strspn (digits + n, " \t\r\n");
  return n > 0 && end == digits + n && *after == ')' ? after + 1 - text : 0;
}

static gboolean
is_word (char c)
{
  return g_ascii_isalnum (c) || c == '_' || (c & 0x80);
}

/* Text without special characters, in which BREAK as a word of its own takes the blanks around it. */
static void
add_words (Parser *p, const char *text, const char *from, gsize length)
{
  static const char word[] = "BREAK";
  const char *end = from + length;
  for (const char *at = from; at + strlen (word) <= end; at++)
    {
      const char *after = at + strlen (word);
      if (strncmp (at, word, strlen (word)) || (at > from && is_word (at[-1]))
          || (after < end && is_word (*after)))
        continue;
      const char *before = at;
      while (before > from && g_ascii_isspace (before[-1]))
        before--;
      while (after < end && g_ascii_isspace (*after))
        after++;
      if (before > from)
        add (p, text, from, before - from, FALSE);
      add (p, text, at, 0, TRUE);
      from = after;
      at = after - 1;
    }
  if (end > from)
    add (p, text, from, end - from, FALSE);
}

/* What stands at `at`; returns how many bytes it is. */
static gsize
step (Parser *p, const char *text, const char *at)
{
  double weight;
  gsize length = 1;
  if (*at == '\\' && at[1] && strchr ("()[]\\", at[1]))
    {
      add (p, text, at + 1, 1, FALSE);
      return 2;
    }
  if (*at == '(')
    g_array_append_val (p->round, p->runs->len);
  else if (*at == '[')
    g_array_append_val (p->square, p->runs->len);
  else if (*at == ':' && p->round->len > 0 && (length = read_weight (at, &weight)) > 0)
    close_bracket (p, p->round, weight);
  else if (!(*at == ')' && close_bracket (p, p->round, STEP))
           && !(*at == ']' && close_bracket (p, p->square, 1 / STEP)))
    {
      length = MAX (1, strcspn (at, "\\()[]:"));
      add_words (p, text, at, length);
    }
  return length;
}

gsize
moa_emphasis_place (const GArray *runs, gsize end)
{
  for (guint i = 0; i < runs->len; i++)
    {
      const MoaRunOfText *run = &g_array_index (runs, MoaRunOfText, i);
      if (!run->breaks && end > run->from && end <= run->from + run->length)
        return run->start + (end - run->from);
    }
  return 0;
}

char *
moa_emphasis_parse (const char *text, GArray **runs)
{
  Parser p = { g_string_new (NULL), g_array_new (FALSE, FALSE, sizeof (MoaRunOfText)),
               g_array_new (FALSE, FALSE, sizeof (guint)),
               g_array_new (FALSE, FALSE, sizeof (guint)) };
  for (const char *at = text; *at;)
    at += step (&p, text, at);
  gboolean open = TRUE;
  while (open)
    open = close_bracket (&p, p.round, STEP) || close_bracket (&p, p.square, 1 / STEP);
  *runs = p.runs;
  g_array_unref (p.round);
  g_array_unref (p.square);
  return g_string_free (p.plain, FALSE);
}
