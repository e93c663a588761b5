/* Unicode normalisation for the tokenizer: decode, decompose, order, compose
 * (UAX 15, NFC), then white space and case.
 *
 * GLib's own g_utf8_normalize() is not used: it cannot say where a character
 * came from, and its ordering of combining marks is quadratic in their number.
 */
#include "text/normalise.h"

#include <string.h>

/* Appends the canonical decomposition of every character. */
static GArray *
decompose (const char *text, gsize length, guint offset)
{
  GArray *chars = g_array_sized_new (FALSE, FALSE, sizeof (MoaChar), length);

  for (gsize i = 0; i < length;)
    {
      gunichar c = (guchar) text[i];
      gsize bytes = 1;
      if (c >= 0x80)
        {
          c = g_utf8_get_char_validated (text + i, length - i);
          if (c & 0x80000000) /* (gunichar) -1 or -2: not UTF-8, or cut short */
            c = 0xfffd;
          else
            bytes = g_utf8_next_char (text + i) - (text + i);
        }
      i += bytes;

      gunichar parts[G_UNICHAR_MAX_DECOMPOSITION_LENGTH] = { c };
      gsize n = c < 0x80 ? 1
                         : g_unichar_fully_decompose (c, FALSE, parts,
                                                      G_UNICHAR_MAX_DECOMPOSITION_LENGTH);
      for (gsize k = 0; k < n; k++)
        {
          MoaChar item = { parts[k], offset + i };
          g_array_append_val (chars, item);
        }
    }
  return chars;
}

static int
compare_class (gconstpointer a, gconstpointer b, gpointer data)
{
  return g_unichar_combining_class (((const MoaChar *) a)->c) -
         g_unichar_combining_class (((const MoaChar *) b)->c);
}

/* Sorts each run of combining marks by class; the sort is stable. */
static void
order_marks (GArray *chars)
{
  MoaChar *c = (MoaChar *) chars->data;

  for (guint i = 0; i < chars->len;)
    {
      guint first = i;
      while (i < chars->len && c[i].c >= 0x80 && g_unichar_combining_class (c[i].c) != 0)
        i++;
      if (i - first > 1)
        g_qsort_with_data (c + first, i - first, sizeof *c, compare_class, NULL);
      if (i == first)
        i++;
    }
}

/* Joins starters with the marks that follow them unblocked, in place. */
static void
compose (GArray *chars)
{
  MoaChar *c = (MoaChar *) chars->data;
  guint n = 0;        /* characters kept so far */
  int starter = -1;   /* the last kept one of class 0 */
  int last_class = 0; /* of the last kept one */

  for (guint i = 0; i < chars->len; i++)
    {
      int class = c[i].c < 0x80 ? 0 : g_unichar_combining_class (c[i].c);
      gunichar joined;
      if (starter >= 0 && c[i].c >= 0x80 && ((int) n == starter + 1 || last_class < class) &&
          g_unichar_compose (c[starter].c, c[i].c, &joined))
        {
          c[starter].c = joined;
          c[starter].end = MAX (c[starter].end, c[i].end);
          continue;
        }
      if (class == 0)
        starter = n;
      last_class = class;
      c[n++] = c[i];
    }
  g_array_set_size (chars, n);
}

/* GLib lowers letters only; Roman numerals and circled letters have case too. */
static gunichar
lower_case (gunichar c)
{
  if (c >= 0x2160 && c <= 0x216f)
    return c + 16;
  if (c >= 0x24b6 && c <= 0x24cf)
    return c + 26;
  return g_unichar_tolower (c);
}

GArray *
moa_text_normalise (const char *text, gsize length, guint offset)
{
  g_autoptr (GArray) chars = decompose (text, length, offset);
  order_marks (chars);
  compose (chars);

  GArray *out = g_array_sized_new (FALSE, FALSE, sizeof (MoaChar), chars->len);
  guint end = offset;
  for (guint i = 0; i < chars->len; i++)
    {
      MoaChar item = g_array_index (chars, MoaChar, i);
      item.end = end = MAX (end, item.end);
      if (moa_char_class (item.c) == MOA_CLASS_SPACE)
        {
          MoaChar *last = out->len ? &g_array_index (out, MoaChar, out->len - 1) : NULL;
          if (last && last->c == ' ')
            {
              last->end = end;
              continue;
            }
          item.c = ' ';
        }
      else if (item.c == 0x130) /* the one letter whose lower case is two characters */
        {
          MoaChar i_part = { 'i', end };
          g_array_append_val (out, i_part);
          item.c = 0x307;
        }
      else
        item.c = lower_case (item.c);
      g_array_append_val (out, item);
    }
  return out;
}

MoaCharClass
moa_char_class (gunichar c)
{
  if ((c >= '\t' && c <= '\r') || c == ' ' || c == 0x85)
    return MOA_CLASS_SPACE;

  switch (g_unichar_type (c))
    {
    case G_UNICODE_SPACE_SEPARATOR:
    case G_UNICODE_LINE_SEPARATOR:
    case G_UNICODE_PARAGRAPH_SEPARATOR:
      return MOA_CLASS_SPACE;
    case G_UNICODE_LOWERCASE_LETTER:
    case G_UNICODE_UPPERCASE_LETTER:
    case G_UNICODE_TITLECASE_LETTER:
    case G_UNICODE_MODIFIER_LETTER:
    case G_UNICODE_OTHER_LETTER:
      return MOA_CLASS_LETTER;
    case G_UNICODE_DECIMAL_NUMBER:
    case G_UNICODE_LETTER_NUMBER:
    case G_UNICODE_OTHER_NUMBER:
      return MOA_CLASS_NUMBER;
    default:
      return MOA_CLASS_OTHER;
    }
}

char *
moa_text_excerpt (const char *text)
{
  const guint limit = 60;
  /* A character takes at most 4 bytes, so this many show whether there are more. */
  g_autofree char *head = g_utf8_make_valid (text, strnlen (text, 4 * (limit + 1)));
  gboolean cut = g_utf8_strlen (head, -1) > (glong) limit;
  if (cut)
    *g_utf8_offset_to_pointer (head, limit) = '\0';
  for (char *p = head; *p; p++)
    if (g_ascii_iscntrl (*p))
      *p = ' ';
  return cut ? g_strconcat (head, "…", NULL) : g_steal_pointer (&head);
}
