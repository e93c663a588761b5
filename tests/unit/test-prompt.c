/* Prompts: the window against the reference's ids77, subject rows for nouns
 * and marks, and every complaint about a prompt that cannot be used. */
#include <string.h>

#include "io/safetensors.h"
#include "text/prompt.h"

static MoaTokenizer *
open_clip (void)
{
  const char *base = g_getenv ("MOA_FIXTURES");
  if (!base)
    {
      g_test_skip ("MOA_FIXTURES is not set");
      return NULL;
    }
  g_autofree char *dir = g_build_filename (base, "tiny", "tokenizer", NULL);
  g_autoptr (GError) error = NULL;
  MoaTokenizer *tokenizer = moa_tokenizer_open (dir, &error);
  g_assert_no_error (error);
  return tokenizer;
}

/* ---- The window ------------------------------------------------------ */

static gint64 *
read_ints (MoaSafetensors *file, const char *name, gsize *n)
{
  const MoaFileTensor *tensor = moa_safetensors_find (file, name);
  g_assert_nonnull (tensor);
  *n = tensor->n;
  gint64 *data = g_new (gint64, tensor->n);
  g_assert_true (moa_safetensors_read_int (file, tensor, 0, tensor->n, data, NULL));
  return data;
}

/* tokens.safetensors: texts as bytes, and their ids cut and padded to 77. */
static void
test_window (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  g_autofree char *path = g_build_filename (g_getenv ("MOA_FIXTURES"), "golden",
                                            "tokens.safetensors", NULL);
  MoaSafetensors *file = moa_safetensors_open (path, NULL);
  g_assert_nonnull (file);
  gsize n_bytes, n_offsets, n_ids, n;
  g_autofree gint64 *bytes = read_ints (file, "text_bytes", &n_bytes);
  g_autofree gint64 *offsets = read_ints (file, "text_offsets", &n_offsets);
  g_autofree gint64 *ids = read_ints (file, "ids77", &n_ids);
  g_autofree gint64 *lengths = read_ints (file, "length", &n);
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n_ids, ==, n * 77);
  g_assert_cmpuint (n_offsets, ==, n + 1);

  int n_cut = 0, n_skipped = 0;
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      for (gint64 k = offsets[i]; k < offsets[i + 1]; k++)
        g_string_append_c (text, bytes[k]);
      if (strlen (text->str) != text->len) /* a prompt cannot hold NUL */
        {
          n_skipped++;
          continue;
        }
      MoaPrompt *prompt = moa_prompt_new (tokenizer, text->str, 0, NULL);
      g_assert_nonnull (prompt);
      g_assert_cmpint (prompt->n_ids, ==, 77);
      for (int k = 0; k < 77; k++)
        g_assert_cmpint (prompt->ids[k], ==, ids[i * 77 + k]);
      g_assert_cmpint (prompt->warning != NULL, ==, lengths[i] > 77);
      n_cut += prompt->warning != NULL;
      moa_prompt_free (prompt);
    }
  g_test_message ("%" G_GSIZE_FORMAT " texts, %d of them cut, %d with NUL left out", n, n_cut,
                  n_skipped);
  g_assert_cmpint (n_cut, >, 0);
  g_assert_cmpint (n_skipped, <, 5);
  moa_safetensors_close (file);
  moa_tokenizer_free (tokenizer);
}

static void
test_warning (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  g_autoptr (GString) text = g_string_new (NULL);
  for (int i = 0; i < 75; i++)
    g_string_append (text, "a ");
  MoaPrompt *prompt = moa_prompt_new (tokenizer, text->str, 0, NULL);
  g_assert_null (prompt->warning);
  moa_prompt_free (prompt);

  g_string_append (text, "photo of a cat");
  prompt = moa_prompt_new (tokenizer, text->str, 0, NULL);
  g_assert_cmpstr (prompt->warning, ==,
                   "the prompt has 79 tokens and the model reads the first 75;"
                   " left out: \"photo of a cat\"");
  g_assert_cmpint (prompt->ids[75], ==, 320);
  g_assert_cmpint (prompt->ids[76], ==, 49407);
  moa_prompt_free (prompt);
  moa_tokenizer_free (tokenizer);
}

/* ---- Subjects -------------------------------------------------------- */

typedef struct {
  const char *prompt;
  int n_subjects;
  const char *text; /* without marks; NULL: the same */
  int rows[3];
} Found;

static const Found found[] = {
  { "a person", 1, NULL, { 2 } },
  { "a photo of a man", 1, NULL, { 5 } },
  { "A MAN and a Woman", 2, NULL, { 2, 5 } },
  { "a man, a woman and a child", 2, NULL, { 2, 5 } },
  { "a person and a person", 2, NULL, { 2, 5 } },
  { "the man's hat", 1, NULL, { 2 } },
  { "(a boy) [girl]", 2, NULL, { 3, 6 } },
  { "a man-made lake, a wo-man, manly human", 1, NULL, { 13 } },
  { "a grandfather", 1, NULL, { 2 } },
  { "no one", 0, NULL, { 0 } },
  /* marks */
  { "a skater <1> on ice", 1, "a skater on ice", { 2 } },
  { "a skater<1> on ice", 1, "a skater on ice", { 2 } },
  { "a man <2> and a woman <1>", 2, "a man and a woman", { 5, 2 } },
  { "a man, a woman <1>", 1, "a man, a woman", { 5 } },
  { "a man <1> and a woman <2>", 1, "a man and a woman", { 2 } },
  { "a man<1>and a dog", 1, "a man and a dog", { 2 } },
  { "a man <1>, smiling", 1, "a man, smiling", { 2 } },
  { "a man <1>", 0, "a man", { 0 } },
  { "ein Schornsteinfeger <1>", 1, "ein Schornsteinfeger", { 6 } },
  { "un ingénieur\t<1>", 1, "un ingénieur", { 5 } },
  { "e\u0301te\u0301 <1> noir", 1, "e\u0301te\u0301 noir", { 2 } },
  { "I <3 a man", 1, NULL, { 5 } },
  { "a <b> man <token>", 1, NULL, { 5 } },
};

/* The row's token is the word's last: all before it give the row's number. */
static void
check_row (const MoaTokenizer *tokenizer, const MoaPrompt *prompt, int row)
{
  g_autoptr (GArray) ends = NULL;
  g_autoptr (GArray) ids = moa_tokenizer_encode (tokenizer, prompt->text, -1, &ends);
  g_assert_cmpint (row - 1, <, ids->len);
  g_assert_cmpint (prompt->ids[row], ==, g_array_index (ids, guint, row - 1));
  guint end = g_array_index (ends, guint, row - 1);
  gunichar next = g_utf8_get_char (prompt->text + end);
  g_assert_false (g_unichar_isalnum (next) || g_unichar_ismark (next));
}

static void
test_subjects (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (found); i++)
    {
      const Found *c = &found[i];
      g_autoptr (GError) error = NULL;
      MoaPrompt *prompt = moa_prompt_new (tokenizer, c->prompt, c->n_subjects, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (prompt->text, ==, c->text ? c->text : c->prompt);
      g_assert_cmpint (prompt->n_subjects, ==, c->n_subjects);
      for (int k = 0; k < c->n_subjects; k++)
        {
          g_test_message ("%s: subject %d at row %d", prompt->text, k, prompt->subject[k]);
          g_assert_cmpint (prompt->subject[k], ==, c->rows[k]);
          check_row (tokenizer, prompt, prompt->subject[k]);
        }
      moa_prompt_free (prompt);
    }
  moa_tokenizer_free (tokenizer);
}

/* Every noun is found, and for every number of persons the default prompt
 * has as many. */
static void
test_nouns (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  const char *const *nouns = moa_subject_nouns ();
  for (int i = 0; nouns[i]; i++)
    {
      g_autofree char *text = g_strdup_printf ("the %s.", nouns[i]);
      MoaPrompt *prompt = moa_prompt_new (tokenizer, text, 1, NULL);
      g_assert_nonnull (prompt);
      check_row (tokenizer, prompt, prompt->subject[0]);
      moa_prompt_free (prompt);
      for (int k = 0; k < i; k++)
        g_assert_cmpstr (nouns[i], !=, nouns[k]);
    }
  for (int n = 1; n <= MOA_MAX_SUBJECTS; n++)
    {
      g_autofree char *text = moa_prompt_default (n);
      MoaPrompt *prompt = moa_prompt_new (tokenizer, text, n, NULL);
      g_assert_nonnull (prompt);
      for (int k = 0; k < n; k++)
        g_assert_cmpint (prompt->subject[k], ==, 2 + 3 * k);
      moa_prompt_free (prompt);
    }
  moa_tokenizer_free (tokenizer);
}

/* ---- Complaints ------------------------------------------------------ */

static const struct {
  const char *prompt;
  int n_subjects;
  const char *message; /* part of it */
} refused[] = {
  { "", 1, "names 0 of 1 subjects: write a word such as man" },
  { "a photo of a dog", 1, "\"a photo of a dog\" names 0 of 1 subjects" },
  { "a man", 2,
    "names 1 of 2 subjects: write a word such as man, woman, person, boy, girl or child for"
    " each, as in \"a person and a person\"" },
  { "men and women", 1, "names 0 of 1" },
  { "man\u0301", 1, "names 0 of 1" },
  { "a man <2>", 1, "marks words, but none with <1>" },
  { "a man <1> and a woman", 2, "none with <2>; mark a word for each subject (<1> to <2>)" },
  { "a man <1> and a woman <3>", 2, "none with <2>" },
  { "a man <0>", 1, "marks are <1> to <8>" },
  { "a man <9>", 1, "marks are <1> to <8>" },
  { "a man <999>", 1, "marks are <1> to <8>" },
  { "a man <1> and a woman <1>", 2, "the mark <1> stands in the prompt twice" },
  { "a man <1><2>", 2, "<1> and <2> stand at the same word" },
  { "<1> a man", 1, "<1> in the prompt should stand right after a word" },
  { "a man, <1>", 1, "<1> in the prompt should stand right after a word" },
  { "🐶 <1>", 1, "should stand right after a word" },
  { "<|startoftext <1>|>", 1, "\"startoftext\" of the prompt is part of a special token" },
  { "a man", 9, "there are 9 subjects; 0 to 8" },
  { "a man", -1, "there are -1 subjects" },
};

static void
check_refused (const MoaTokenizer *tokenizer, const char *text, int n_subjects, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_assert_null (moa_prompt_new (tokenizer, text, n_subjects, &error));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_ARGUMENT);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), <, 600);
}

static void
test_refused (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (refused); i++)
    check_refused (tokenizer, refused[i].prompt, refused[i].n_subjects, refused[i].message);
  moa_tokenizer_free (tokenizer);
}

/* The last row of the window that can hold a subject, and the one behind it. */
static void
test_cut_noun (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  g_autoptr (GString) text = g_string_new (NULL);
  for (int i = 0; i < 74; i++)
    g_string_append (text, "a ");
  g_autofree char *last = g_strconcat (text->str, "man and so on", NULL);
  MoaPrompt *prompt = moa_prompt_new (tokenizer, last, 1, NULL);
  g_assert_cmpint (prompt->subject[0], ==, 75);
  g_assert_cmpint (prompt->ids[75], ==, 786);
  g_assert_nonnull (prompt->warning);
  moa_prompt_free (prompt);

  g_string_append (text, "a man");
  check_refused (tokenizer, text->str, 1,
                 "\"man\" stands for a subject but lies behind the first 75 tokens");
  moa_tokenizer_free (tokenizer);
}

static void
test_long (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  g_autofree char *text = g_strnfill (1 << 20, 'a');
  MoaPrompt *prompt = moa_prompt_new (tokenizer, text, 0, NULL);
  g_assert_nonnull (prompt);
  g_assert_cmpuint (strlen (prompt->warning), <, 400);
  moa_prompt_free (prompt);
  check_refused (tokenizer, text, 1, "…\" names 0 of 1");

  g_autofree char *longer = g_strnfill ((1 << 20) + 1, 'a');
  check_refused (tokenizer, longer, 0, "1048577 bytes long");
  moa_tokenizer_free (tokenizer);
}

/* The mini model's window is 32. */
static void
test_mini (void)
{
  const char *base = g_getenv ("MOA_TEST_MODEL");
  if (!base)
    {
      g_test_skip ("MOA_TEST_MODEL is not set");
      return;
    }
  g_autofree char *dir = g_build_filename (base, "tokenizer", NULL);
  MoaTokenizer *tokenizer = moa_tokenizer_open (dir, NULL);
  g_assert_nonnull (tokenizer);
  MoaPrompt *prompt = moa_prompt_new (tokenizer, "a person and a grandmother", 2, NULL);
  g_assert_cmpint (prompt->n_ids, ==, 32);
  g_assert_cmpint (prompt->ids[0], ==, 722);
  g_assert_cmpint (prompt->ids[2], ==, 523);
  g_assert_cmpint (prompt->ids[31], ==, 723);
  g_assert_cmpint (prompt->subject[0], ==, 2);
  int row = prompt->subject[1]; /* many tokens: the next row is the end */
  g_assert_cmpint (row, >, 5);
  g_assert_cmpint (prompt->ids[row], !=, 723);
  g_assert_cmpint (prompt->ids[row + 1], ==, 723);
  moa_prompt_free (prompt);
  moa_tokenizer_free (tokenizer);
}

/* What a prompt says of each of its subjects. */
static void
test_part (void)
{
  static const struct {
    const char *prompt;
    int n;
    const char *parts[3];
  } cases[] = {
    { "a person and a person", 2, { "a person <1>", "a person <1>" } },
    { "a young man with a red hat and a woman in the snow", 2,
      { "a young man <1> with a red hat", "a woman <1> in the snow" } },
    { "a man with a hat and scarf, a girl, and an old woman", 3,
      { "a man <1> with a hat and scarf", "a girl <1>", "an old woman <1>" } },
    { "a man hugging a woman", 2, { "a man <1> hugging", "a woman <1>" } },
    { "Man and Woman & child", 3, { "Man <1>", "Woman <1>", "child <1>" } },
    { "a man and a black and white boy", 2, { "a man <1>", "a black and white boy <1>" } },
    { "man woman", 2, { "man <1>", "woman <1>" } },
    { "a dancer <2> and the man <1> beside her", 2, { "the man <1> beside her", "a dancer <1>" } },
    { "(a man:1.2) and (a woman in red:0.8)", 2, { "(a man <1>:1.2)", "(a woman <1> in red:0.8)" } },
    { "a man and a woman and a boy", 2, { "a man <1>", "a woman <1> and a boy" } },
    { "a fianc\303\251 <1> and a m\303\250re <2>", 2, { "a fianc\303\251 <1>", "a m\303\250re <1>" } },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (int k = 0; k < cases[i].n; k++)
      {
        g_autofree char *part = moa_prompt_part (cases[i].prompt, cases[i].n, k);
        g_assert_cmpstr (part, ==, cases[i].parts[k]);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prompt/window", test_window);
  g_test_add_func ("/prompt/warning", test_warning);
  g_test_add_func ("/prompt/subjects", test_subjects);
  g_test_add_func ("/prompt/nouns", test_nouns);
  g_test_add_func ("/prompt/refused", test_refused);
  g_test_add_func ("/prompt/cut-noun", test_cut_noun);
  g_test_add_func ("/prompt/long", test_long);
  g_test_add_func ("/prompt/mini", test_mini);
  g_test_add_func ("/prompt/part", test_part);
  return g_test_run ();
}
