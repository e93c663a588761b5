/* Prompts: marks <1> <2> ... taken out, nouns found, ids laid out in windows,
 * and the row of each subject's token. */
#include "text/prompt.h"

#include "text/windows.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "text/normalise.h"

#define MAX_PROMPT_BYTES (1 << 20)

/* English and singular: a plural would need several subjects at one word. */
static const char *const nouns[] = {
  "man",        "woman",    "person",        "boy",         "girl",        "child",
  "guy",        "gal",      "lady",          "gentleman",   "lad",         "kid",
  "baby",       "toddler",  "infant",        "teenager",    "adult",       "father",
  "mother",     "dad",      "daddy",         "mom",         "mum",         "mommy",
  "mummy",      "parent",   "son",           "daughter",    "brother",     "sister",
  "sibling",    "husband",  "wife",          "spouse",      "uncle",       "aunt",
  "nephew",     "niece",    "cousin",        "grandfather", "grandmother", "grandpa",
  "grandma",    "grandson", "granddaughter", "bride",       "groom",       "boyfriend",
  "girlfriend", "friend",   "human",         NULL
};

const char *const *
moa_subject_nouns (void)
{
  return nouns;
}

char *
moa_prompt_default (int n_persons)
{
  GString *text = g_string_new ("a person");
  for (int i = 1; i < n_persons; i++)
    g_string_append (text, " and a person");
  return g_string_free (text, FALSE);
}

/* Where a subject's word ends in the text, in bytes, and the word. */
typedef struct {
  gsize end[MOA_MAX_SUBJECTS]; /* 0: not found */
  int n;                       /* of nouns: how many there are; of marks: how many were read */
} Places;

/* ---- Marks ----------------------------------------------------------- */

/* The number of the mark that text begins with, or -1. */
static int
mark_number (const char *text, gsize *length)
{
  gsize digits = text[0] == '<' ? strspn (text + 1, "0123456789") : 0;
  if (digits == 0 || digits > 3 || text[1 + digits] != '>')
    return -1;
  *length = digits + 2;
  return atoi (text + 1);
}

static gboolean
is_word_char (gunichar c)
{
  MoaCharClass class = moa_char_class (c);
  return class == MOA_CLASS_LETTER || class == MOA_CLASS_NUMBER || g_unichar_ismark (c);
}

static gboolean
ends_with_word (const GString *text)
{
  const char *last = g_utf8_find_prev_char (text->str, text->str + text->len);
  return last && is_word_char (g_utf8_get_char (last));
}

static gboolean
place_mark (Places *marks, int number, const GString *text, GError **error)
{
  if (number < 1 || number > MOA_MAX_SUBJECTS)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "the prompt has the mark <%d>; marks are <1> to <%d>", number,
                     MOA_MAX_SUBJECTS);
  if (!ends_with_word (text))
    return moa_fail (
        error, MOA_ERROR_ARGUMENT,
        "the mark <%d> in the prompt should stand right after a word, as in \"a man <%d>\"", number,
        number);
  if (marks->end[number - 1])
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "the mark <%d> stands in the prompt twice; each subject has one word", number);
  for (int k = 0; k < MOA_MAX_SUBJECTS; k++)
    if (marks->end[k] == text->len)
      return moa_fail (
          error, MOA_ERROR_ARGUMENT,
          "the marks <%d> and <%d> stand at the same word of the prompt; each subject needs"
          " a word of its own",
          k + 1, number);
  marks->end[number - 1] = text->len;
  marks->n++;
  return TRUE;
}

/* Copies text without its marks and the blanks before them; NULL on an error. */
static char *
take_marks (const char *text, Places *marks, GError **error)
{
  g_autoptr (GString) out = g_string_new (NULL);
  while (*text)
    {
      gsize blanks = strspn (text, " \t\r\n"), length = 0;
      int number = mark_number (text + blanks, &length);
      if (number < 0)
        {
          gsize step = MAX (blanks, 1);
          g_string_append_len (out, text, step);
          text += step;
          continue;
        }
      if (!place_mark (marks, number, out, error))
        return NULL;
      text += blanks + length;
      /* "man<1>kind" does not become one word. */
      if (*text && !g_ascii_isspace (*text) && !g_ascii_ispunct (*text))
        g_string_append_c (out, ' ');
    }
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* ---- Nouns ----------------------------------------------------------- */

static gboolean
is_noun (const char *word, gsize length)
{
  g_autofree char *folded = g_utf8_casefold (word, length);
  return g_strv_contains (nouns, folded);
}

/* Whole words only: "man's" is man, "man-made" is not. */
static void
find_nouns (const char *text, Places *found)
{
  const char *word = NULL; /* where the word that p is in began */

  for (const char *p = text;; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);
      gboolean joins = c == '-' && word && is_word_char (g_utf8_get_char (p + 1));
      if (c && (joins || is_word_char (c)))
        {
          if (!word)
            word = p;
          continue;
        }
      if (word && is_noun (word, p - word))
        {
          if (found->n < MOA_MAX_SUBJECTS)
            found->end[found->n] = p - text;
          found->n++;
        }
      word = NULL;
      if (!c)
        return;
    }
}

/* ---- Subjects -------------------------------------------------------- */

static gboolean
check_places (const Places *places, gboolean marked, int n_subjects, const char *text,
              GError **error)
{
  if (marked)
    {
      for (int k = 0; k < n_subjects; k++)
        if (!places->end[k])
          return moa_fail (
              error, MOA_ERROR_ARGUMENT,
              "the prompt marks words, but none with <%d>; mark a word for each subject"
              " (<1> to <%d>), or leave all marks out",
              k + 1, n_subjects);
      return TRUE;
    }
  if (places->n >= n_subjects)
    return TRUE;
  g_autofree char *shown = moa_text_excerpt (text);
  g_autofree char *example = moa_prompt_default (n_subjects);
  return moa_fail (
      error, MOA_ERROR_ARGUMENT,
      N_ ("the prompt \"%s\" names %d of %d subjects: write a word such as man, woman, person,"
      " boy, girl or child for each, as in \"%s\", or mark other words with <1>, <2> …"
      " behind them, as in \"a dancer <1>\""),
      shown, places->n, n_subjects, example);
}

/* The row of the last token of the word that ends at byte `end` of the text. */
static gboolean
find_row (const MoaPrompt *prompt, const GArray *tokens, gsize end, int *row, GError **error)
{
  const MoaToken *token = NULL;
  for (guint i = 0; i < tokens->len && g_array_index (tokens, MoaToken, i).end <= end; i++)
    if (g_array_index (tokens, MoaToken, i).end == end)
      token = &g_array_index (tokens, MoaToken, i);

  const char *word = prompt->text + end, *before;
  while ((before = g_utf8_find_prev_char (prompt->text, word)) &&
         is_word_char (g_utf8_get_char (before)))
    word = before;
  g_autofree char *name = g_strndup (word, prompt->text + end - word);
  g_autofree char *shown = moa_text_excerpt (name);
  if (!token || token->vector)
    return moa_fail (
        error, MOA_ERROR_ARGUMENT,
        "the word \"%s\" of the prompt is part of a special token and cannot stand for a"
        " subject; mark another word",
        shown);
  if (token->row < 0)
    return moa_fail (
        error, MOA_ERROR_ARGUMENT,
        "the word \"%s\" stands for a subject but lies behind the first %d tokens of the"
        " prompt, which are all that the model reads; put it nearer to the beginning",
        shown, prompt->n_ids - 2);
  *row = token->row;
  return TRUE;
}

static gboolean
find_subjects (MoaPrompt *prompt, const Places *marks, int n_subjects, const GArray *tokens,
               GError **error)
{
  Places found = { 0 };
  const Places *places = marks;
  if (marks->n == 0)
    {
      find_nouns (prompt->text, &found);
      places = &found;
    }
  if (!check_places (places, marks->n > 0, n_subjects, prompt->text, error))
    return FALSE;
  for (int k = 0; k < n_subjects; k++)
    if (!find_row (prompt, tokens, places->end[k], &prompt->subject[k], error))
      return FALSE;
  prompt->n_subjects = n_subjects;
  return TRUE;
}

/* ---- One subject's part ---------------------------------------------- */

/* Between two subjects: the words of the first one end, those of the second begin, in bytes. */
typedef struct {
  gsize end, begin;
} Cut;

static gboolean
is_among (const char *word, gsize length, const char *const *words)
{
  g_autofree char *folded = g_utf8_casefold (word, length);
  return g_strv_contains (words, folded);
}

static gsize
word_length (const char *text)
{
  const char *p = text;
  while (is_word_char (g_utf8_get_char (p)))
    p = g_utf8_next_char (p);
  return p - text;
}

/* Between the word that ends at from and the one that ends at to: the last "and", "&" or comma before an
 * article, else the last of them, else the last article ("a man hugging a woman"), else the second word. */
static Cut
find_cut (const char *text, gsize from, gsize to)
{
  static const char *const articles[] = { "a", "an", "the", NULL }, *const joints[] = { "and", "&", ",", NULL };
  Cut word = { from, from }, article = { 0 }, joint = { 0 }, both = { 0 };
  gboolean joined = FALSE; /* the word before is one of joints */
  for (gsize i = from, n; i < to; i += n)
    {
      n = word_length (text + i);
      gboolean blank = n == 0 && g_ascii_isspace (text[i]);
      n = n ? n : (gsize) (g_utf8_next_char (text + i) - (text + i));
      if (blank)
        continue;
      gboolean joins = is_among (text + i, n, joints);
      if (is_among (text + i, n, articles))
        {
          article = (Cut){ i, i };
          both = joined ? joint : both;
        }
      else if (joins)
        joint = (Cut){ joined ? joint.end : i, i + n };
      else
        word = (Cut){ i, i };
      joined = joins;
    }
  return both.begin ? both : joint.begin ? joint : article.begin ? article : word;
}

char *
moa_prompt_part (const char *text, int n_subjects, int k)
{
  Places places = { 0 };
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *plain = take_marks (valid, &places, NULL);
  if (plain && places.n == 0)
    find_nouns (plain, &places);
  if (!plain || !places.end[k])
    return NULL;
  gsize end = places.end[k], before = 0, after = 0;
  for (int i = 0; i < n_subjects; i++)
    if (places.end[i] < end)
      before = MAX (before, places.end[i]);
    else if (places.end[i] > end && (!after || places.end[i] < after))
      after = places.end[i];
  gsize from = before ? find_cut (plain, before, end).begin : 0;
  gsize to = after ? find_cut (plain, end, after).end : strlen (plain);
  g_autofree char *part = g_strdup_printf ("%.*s <1>%.*s", (int) (end - from), plain + from, (int) (to - end),
                                           plain + end);
  return g_strdup (g_strstrip (part));
}

/* ---- The prompt ------------------------------------------------------ */

static gboolean
check_input (const MoaTokenizer *tokenizer, const char *text, int n_subjects, GError **error)
{
  gsize length = strlen (text);
  if (n_subjects < 0 || n_subjects > MOA_MAX_SUBJECTS)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "there are %d subjects; 0 to %d can be used",
                     n_subjects, MOA_MAX_SUBJECTS);
  if (length > MAX_PROMPT_BYTES)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "the prompt is %" G_GSIZE_FORMAT
                     " bytes long; at most %d are read, and the model uses only"
                     " about the first %d words",
                     length, MAX_PROMPT_BYTES, moa_tokenizer_window (tokenizer) - 2);
  return TRUE;
}

/* The prompt of a text without marks, whose tokens these are. */
static MoaPrompt *
make_prompt (const MoaTokenizer *tokenizer, char *text, GArray *tokens, int most_windows,
             const Places *marks, int n_subjects, GError **error)
{
  MoaPrompt *prompt = g_new0 (MoaPrompt, 1);
  prompt->text = text;
  moa_windows_fill (prompt, tokenizer, tokens, most_windows);
  if (n_subjects > 0 && !find_subjects (prompt, marks, n_subjects, tokens, error))
    g_clear_pointer (&prompt, moa_prompt_free);
  return prompt;
}

MoaPrompt *
moa_prompt_new (const MoaTokenizer *tokenizer, const char *text, int n_subjects, GError **error)
{
  if (!check_input (tokenizer, text, n_subjects, error))
    return NULL;
  Places marks = { 0 };
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  char *plain = take_marks (valid, &marks, error);
  if (!plain)
    return NULL;
  g_autoptr (GArray) tokens = moa_windows_tokens (tokenizer, plain, NULL, NULL);
  return make_prompt (tokenizer, plain, tokens, 1, &marks, n_subjects, error);
}

MoaPrompt *
moa_prompt_new_weighted (const MoaTokenizer *tokenizer, const char *text, int n_subjects,
                         const GPtrArray *embeddings, GError **error)
{
  if (!check_input (tokenizer, text, n_subjects, error))
    return NULL;
  Places marks = { 0 };
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_autofree char *unmarked = take_marks (valid, &marks, error);
  if (!unmarked)
    return NULL;
  g_autoptr (GArray) runs = NULL;
  char *plain = moa_emphasis_parse (unmarked, &runs);
  for (int k = 0; k < MOA_MAX_SUBJECTS; k++)
    if (marks.end[k])
      marks.end[k] = moa_emphasis_place (runs, marks.end[k]);
  g_autoptr (GArray) tokens = moa_windows_tokens (tokenizer, plain, runs, embeddings);
  return make_prompt (tokenizer, plain, tokens, MOA_MAX_WINDOWS, &marks, n_subjects, error);
}

gboolean
moa_prompt_equal (const MoaPrompt *a, const MoaPrompt *b)
{
  if (a->n_ids != b->n_ids || memcmp (a->ids, b->ids, a->n_ids * sizeof (gint32))
      || a->vectors->len != b->vectors->len
      || (a->vectors->len && memcmp (a->vectors->data, b->vectors->data,
                                     a->vectors->len * sizeof (MoaPromptVector))))
    return FALSE;
  for (int i = 0; i < a->n_ids; i++)
    if ((a->weights ? a->weights[i] : 1) != (b->weights ? b->weights[i] : 1))
      return FALSE;
  return TRUE;
}

void
moa_prompt_free (MoaPrompt *prompt)
{
  if (!prompt)
    return;
  g_free (prompt->text);
  g_free (prompt->ids);
  g_free (prompt->weights);
  g_clear_pointer (&prompt->vectors, g_array_unref);
  g_free (prompt->warning);
  g_free (prompt);
}
