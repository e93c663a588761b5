/* The tokenizer against transformers' fast CLIP tokenizer (tokens.json of the
 * fixtures; ids written out below come from transformers 5.23.0), on texts of
 * a megabyte, and on tokenizer files that are damaged. */
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>

#include "moa.h"
#include "text/tokenizer.h"

/* ---- Against the reference ------------------------------------------- */

static MoaTokenizer *
open_in (const char *variable, ...)
{
  const char *base = g_getenv (variable);
  if (!base)
    {
      g_test_skip_printf ("%s is not set", variable);
      return NULL;
    }
  va_list args;
  va_start (args, variable);
  g_autofree char *below = g_build_filename_valist (base, &args);
  va_end (args);
  g_autoptr (GError) error = NULL;
  MoaTokenizer *tokenizer = moa_tokenizer_open (below, &error);
  g_assert_no_error (error);
  g_assert_nonnull (tokenizer);
  return tokenizer;
}

static MoaTokenizer *
open_clip (void)
{
  return open_in ("MOA_FIXTURES", "tiny", "tokenizer", NULL);
}

static MoaTokenizer *
open_mini (void)
{
  return open_in ("MOA_TEST_MODEL", "tokenizer", NULL);
}

/* Whether the ids of text are those of the array after its first `skip` and
 * before its last `skip`; and that the ends are sound. */
static gboolean
same_ids (const MoaTokenizer *tokenizer, const char *text, gsize length, const json_t *want,
          gsize skip)
{
  g_autoptr (GArray) ends = NULL;
  g_autoptr (GArray) ids = moa_tokenizer_encode (tokenizer, text, length, &ends);
  g_assert_cmpuint (ends->len, ==, ids->len);
  for (guint i = 0; i < ends->len; i++)
    {
      g_assert_cmpuint (g_array_index (ends, guint, i), <=, length);
      g_assert_cmpuint (g_array_index (ends, guint, i), >=,
                        i ? g_array_index (ends, guint, i - 1) : 1);
    }
  if (ids->len + 2 * skip != json_array_size (want))
    return FALSE;
  for (guint i = 0; i < ids->len; i++)
    if (g_array_index (ids, guint, i) != json_integer_value (json_array_get (want, i + skip)))
      return FALSE;
  return TRUE;
}

static void
test_reference (void)
{
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  g_assert_cmpint (moa_tokenizer_window (tokenizer), ==, 77);
  g_assert_cmpint (moa_tokenizer_size (tokenizer), ==, 49408);
  g_assert_cmpint (moa_tokenizer_start (tokenizer), ==, 49406);
  g_assert_cmpint (moa_tokenizer_end (tokenizer), ==, 49407);

  g_autofree char *path = g_build_filename (g_getenv ("MOA_FIXTURES"), "golden", "tokens.json",
                                            NULL);
  json_t *root = json_load_file (path, JSON_ALLOW_NUL, NULL);
  const json_t *rows = json_object_get (root, "rows");
  g_assert_cmpuint (json_array_size (rows), ==,
                    json_integer_value (json_object_get (root, "count")));
  g_assert_cmpuint (json_array_size (rows), >, 0);
  int wrong = 0;
  for (gsize i = 0; i < json_array_size (rows); i++)
    {
      const json_t *row = json_array_get (rows, i), *text = json_object_get (row, "text");
      if (same_ids (tokenizer, json_string_value (text), json_string_length (text),
                    json_object_get (row, "ids"), 1))
        continue;
      wrong++;
      g_test_message ("other ids for \"%s\"", json_string_value (text));
    }
  g_assert_cmpint (wrong, ==, 0);
  json_decref (root);
  moa_tokenizer_free (tokenizer);
}

typedef struct {
  const char *text, *ids;
} Example;

static void
check_examples (const MoaTokenizer *tokenizer, const Example *examples, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      json_t *want = json_loads (examples[i].ids, 0, NULL);
      g_autofree char *shown = g_strescape (examples[i].text, NULL);
      g_test_message ("%s", shown);
      g_assert_true (same_ids (tokenizer, examples[i].text, strlen (examples[i].text), want, 0));
      json_decref (want);
    }
}

/* What tokens.json does not hold. */
static void
test_examples (void)
{
  static const Example examples[] = {
    { "<|EndOfText|>!?", "[27, 347, 40786, 4160, 91, 285, 6004]" },
    { "x<|endoftext|>!?", "[343, 49407, 6004]" },
    { "<|startoftext|>!<|StartOfText|>", "[49406, 256, 49406]" },
    { "\u216b \u24b7", "[158, 227, 375, 27400, 495]" },
    { "o\u0323\u0302 \u1100\u1161\u11a8", "[157, 119, 503, 21122, 479]" },
    { "o\u0302\u0323", "[157, 119, 503]" },
  };
  MoaTokenizer *tokenizer = open_clip ();
  if (!tokenizer)
    return;
  check_examples (tokenizer, examples, G_N_ELEMENTS (examples));
  moa_tokenizer_free (tokenizer);
}

static void
test_mini (void)
{
  static const Example examples[] = {
    { "a photo of a man and a woman", "[320, 517, 518, 320, 527, 513, 320, 529]" },
    { "A Person reading a Book, 2 children!",
      "[320, 523, 81, 68, 64, 67, 72, 77, 326, 320, 530, 78, 330, 267, 273, 661, 673, 68, 333, 256]" },
    { "x<|endoftext|>!?", "[343, 723, 0, 286]" },
    { "<|startoftext|>!<|StartOfText|>",
      "[722, 0, 27, 347, 678, 603, 83, 78, 69, 83, 68, 87, 339, 91, 285]" },
    { "naïve 東京 it's",
      "[77, 64, 127, 107, 85, 324, 162, 251, 109, 160, 118, 361, 72, 339, 6, 338]" },
  };
  MoaTokenizer *tokenizer = open_mini ();
  if (!tokenizer)
    return;
  g_assert_cmpint (moa_tokenizer_window (tokenizer), ==, 32);
  g_assert_cmpint (moa_tokenizer_size (tokenizer), ==, 724);
  g_assert_cmpint (moa_tokenizer_start (tokenizer), ==, 722);
  g_assert_cmpint (moa_tokenizer_end (tokenizer), ==, 723);
  check_examples (tokenizer, examples, G_N_ELEMENTS (examples));
  moa_tokenizer_free (tokenizer);
}

/* ---- Files made here -------------------------------------------------- */

/* A tokenizer of the 256 bytes, a few merges and the two special tokens. */
typedef struct {
  char *dir;
  json_t *vocab;
  GString *merges;
  char *config; /* tokenizer_config.json; NULL: none */
} Files;

static void
add_token (json_t *vocab, const char *token)
{
  json_object_set_new (vocab, token, json_integer (json_object_size (vocab)));
}

static Files
files_new (void)
{
  Files files = { g_dir_make_tmp ("moa-tokenizer-XXXXXX", NULL), json_object (),
                  g_string_new ("#version: 0.2\na b\nab c</w>\nb c</w>\n"), NULL };
  for (int end = 0; end < 2; end++)
    for (int byte = 0, other = 0x100; byte < 256; byte++)
      {
        gboolean printable = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
        g_autoptr (GString) token = g_string_new (NULL);
        g_string_append_unichar (token, printable ? byte : other++);
        g_string_append (token, end ? "</w>" : "");
        add_token (files.vocab, token->str);
      }
  static const char *const more[] = { "ab", "abc</w>", "bc</w>", "<|startoftext|>",
                                      "<|endoftext|>" };
  for (gsize i = 0; i < G_N_ELEMENTS (more); i++)
    add_token (files.vocab, more[i]);
  return files;
}

static char *
files_path (const Files *files, const char *name)
{
  return g_build_filename (files->dir, name, NULL);
}

static void
files_write (const Files *files, const char *name, const char *text, gssize length)
{
  g_autofree char *path = files_path (files, name);
  g_assert_true (g_file_set_contents (path, text, length, NULL));
}

static MoaTokenizer *
files_open (const Files *files, GError **error)
{
  if (files->vocab)
    {
      char *text = json_dumps (files->vocab, 0);
      files_write (files, "vocab.json", text, -1);
      free (text);
    }
  if (files->merges)
    files_write (files, "merges.txt", files->merges->str, files->merges->len);
  if (files->config)
    files_write (files, "tokenizer_config.json", files->config, -1);
  return moa_tokenizer_open (files->dir, error);
}

static void
files_free (Files *files)
{
  static const char *const names[] = { "vocab.json", "merges.txt", "tokenizer_config.json" };
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = files_path (files, names[i]);
      g_remove (path); /* a folder in one test */
    }
  g_rmdir (files->dir);
  g_free (files->dir);
  json_decref (files->vocab);
  if (files->merges)
    g_string_free (files->merges, TRUE);
  g_free (files->config);
}

static int
count_tokens (const MoaTokenizer *tokenizer, const char *text)
{
  g_autoptr (GArray) ids = moa_tokenizer_encode (tokenizer, text, -1, NULL);
  return ids->len;
}

static void
test_small (void)
{
  Files files = files_new ();
  g_autoptr (GError) error = NULL;
  MoaTokenizer *tokenizer = files_open (&files, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moa_tokenizer_window (tokenizer), ==, 77); /* nothing says otherwise */
  g_assert_cmpint (moa_tokenizer_start (tokenizer), ==, 515);
  static const Example examples[] = {
    { "abc", "[513]" },
    { "ABC", "[513]" },
    { "abab", "[512, 97, 354]" },
    { "bc", "[514]" },
    { "cbc", "[99, 514]" },
    { "\xff", "[239, 191, 445]" }, /* U+FFFD */
    { "a\xe2\x82", "[353, 239, 191, 189, 239, 191, 445]" },
  };
  check_examples (tokenizer, examples, G_N_ELEMENTS (examples));
  moa_tokenizer_free (tokenizer);
  files_free (&files);
}

static void
test_ends (void)
{
  static const struct {
    const char *text;
    guint ends[8]; /* 0 ended */
  } cases[] = {
    { "abc  ab", { 3, 6, 7 } },
    { " abc<|endoftext|>abc", { 4, 17, 20 } },
    { "e\u0301 abc", { 3, 3, 7 } },   /* composed to one character of two bytes */
    { "\u212a abc", { 3, 7 } },       /* Kelvin: three bytes become k */
    { "\u0130 abc", { 2, 2, 2, 6 } }, /* dotted I: two characters, three bytes */
    { "a\xff"
      "abc",
      { 1, 2, 2, 2, 5 } }, /* not UTF-8 */
  };
  Files files = files_new ();
  MoaTokenizer *tokenizer = files_open (&files, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GArray) ends = NULL;
      g_autoptr (GArray) ids = moa_tokenizer_encode (tokenizer, cases[i].text, -1, &ends);
      g_autofree char *shown = g_strescape (cases[i].text, NULL);
      g_test_message ("%s", shown);
      for (guint k = 0; k < ends->len; k++)
        g_assert_cmpuint (g_array_index (ends, guint, k), ==, cases[i].ends[k]);
      g_assert_cmpuint (cases[i].ends[ids->len], ==, 0);
    }
  moa_tokenizer_free (tokenizer);
  files_free (&files);
}

/* "normalized" of the special tokens, as transformers takes it from the files. */
static void
test_special (void)
{
#define STRING_START "\"bos_token\": \"<|startoftext|>\""
#define OBJECT(text) "{\"content\": \"" text "\", \"normalized\": true}"
  static const struct {
    const char *config;
    gboolean start_any_case, end_any_case;
  } cases[] = {
    { NULL, FALSE, FALSE },
    { "{" STRING_START "}", FALSE, FALSE },
    { "{\"bos_token\": " OBJECT ("<|startoftext|>") ", \"eos_token\": " OBJECT (
          "<|endoftext|>") ", \"pad_token\": \"<|endoftext|>\"}",
      TRUE, FALSE },
    { "{\"pad_token\": " OBJECT ("<|endoftext|>") "}", FALSE, TRUE },
    { "{" STRING_START ", \"added_tokens_decoder\": {\"515\": " OBJECT (
          "<|startoftext|>") ", \"516\": {\"normalized\": false}}}",
      TRUE, FALSE },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Files files = files_new ();
      files.config = g_strdup (cases[i].config);
      g_autoptr (GError) error = NULL;
      MoaTokenizer *tokenizer = files_open (&files, &error);
      g_assert_no_error (error);
      g_assert_cmpint (count_tokens (tokenizer, "<|startoftext|>"), ==, 1);
      g_assert_cmpint (count_tokens (tokenizer, "<|endoftext|>"), ==, 1);
      g_assert_cmpint (count_tokens (tokenizer, "<|StartOfText|>") == 1, ==,
                       cases[i].start_any_case);
      g_assert_cmpint (count_tokens (tokenizer, "<|EndOfText|>") == 1, ==, cases[i].end_any_case);
      moa_tokenizer_free (tokenizer);
      files_free (&files);
    }
}

/* A megabyte without a blank: quadratic work would take hours. */
static void
test_long (void)
{
  const gsize n = 1 << 20;
  static const char *const units[] = {
    "a", "abc", "!", "漢", "\u0301\u0323", " ", "<|startoftext|>", "1"
  };
  Files files = files_new ();
  MoaTokenizer *tokenizer = files_open (&files, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (units); i++)
    {
      g_autoptr (GString) text = g_string_new ("a");
      while (text->len < n)
        g_string_append (text, units[i]);
      gint64 begin = g_get_monotonic_time ();
      int count = count_tokens (tokenizer, text->str);
      double seconds = (g_get_monotonic_time () - begin) / 1e6;
      g_test_message ("case %" G_GSIZE_FORMAT ": %d tokens in %.2f s", i, count, seconds);
      g_assert_cmpfloat (seconds, <, 20);
      if (i == 1) /* a ab c ab c ... abc</w> */
        g_assert_cmpint (count, ==, 2 * ((int) text->len / 3));
    }
  moa_tokenizer_free (tokenizer);
  files_free (&files);
}

/* ---- Damaged files ---------------------------------------------------- */

/* What is done to good files; all that is not NULL. */
typedef struct {
  const char *name;
  const char *message; /* part of the complaint */
  const char *id;      /* JSON: the id of "a" */
  const char *vocab;   /* instead of vocab.json */
  const char *merges;  /* added to merges.txt, whose last line is number 4 */
  const char *config;  /* tokenizer_config.json */
  void (*more) (Files *files);
} Damage;

static void
rename_byte (Files *files)
{
  json_object_set (files->vocab, "new", json_object_get (files->vocab, "a</w>"));
  json_object_del (files->vocab, "a</w>");
}

static void
drop_special (Files *files)
{
  json_object_del (files->vocab, "<|endoftext|>");
}

static void
long_token (Files *files)
{
  g_autofree char *token = g_strnfill (1 << 20, 'x');
  json_object_set_new (files->vocab, token, json_integer (-5));
}

static void
drop_vocab (Files *files)
{
  g_clear_pointer (&files->vocab, json_decref);
}

static void
drop_merges (Files *files)
{
  g_string_free (files->merges, TRUE);
  files->merges = NULL;
}

static void
folder_merges (Files *files)
{
  drop_merges (files);
  g_autofree char *path = files_path (files, "merges.txt");
  g_mkdir (path, 0700);
}

static void
nul_merges (Files *files)
{
  g_string_append_len (files->merges, "a\0b", 3);
}

static void
long_line (Files *files)
{
  g_autofree char *line = g_strnfill (1 << 20, 'y');
  g_string_append (files->merges, line);
}

static void
huge_merges (Files *files)
{
  g_autofree char *lines = g_strnfill ((16 << 20) + 1, '\n');
  g_string_append (files->merges, lines);
}

static void
long_special (Files *files)
{
  g_autofree char *token = g_strnfill (1000, 'e');
  files->config = g_strdup_printf ("{\"eos_token\": \"%s\"}", token);
}

#define BAD_ID "the id of token \"a\" should be a whole number from 0 to 516"
#define BAD_LINE "should be two symbols with one blank between"
#define BAD_WINDOW                                                                                 \
  "tokenizer_config.json: model_max_length should be a whole number from 3 to 65536"
#define BAD_START "tokenizer_config.json: bos_token should be a token of 1 to 100 bytes"

static const Damage damages[] = {
  { "id-too-high", BAD_ID, .id = "517" },
  { "id-huge", BAD_ID, .id = "9223372036854775807" },
  { "id-negative", BAD_ID, .id = "-1" },
  { "id-real", BAD_ID, .id = "64.5" },
  { "id-text", BAD_ID, .id = "\"64\"" },
  { "id-twice", "has id 3, which another token has too", .id = "3" },
  { "byte-missing", "\"a</w>\" for the byte 97 is missing", .more = rename_byte },
  { "special-missing", "\"<|endoftext|>\" is not in vocab.json", .more = drop_special },
  { "token-long", "xxxxx…\" should be a whole number", .more = long_token },
  { "vocab-missing", "vocab.json: cannot be opened", .more = drop_vocab },
  { "vocab-empty", "the vocabulary is empty", .vocab = "{}" },
  { "vocab-list", "vocab.json: the JSON is not an object", .vocab = "[\"a\"]" },
  { "vocab-cut", "vocab.json: is not valid JSON", .vocab = "{\"a\": 0, " },
  { "vocab-duplicate", "duplicate object key", .vocab = "{\"a\": 0, \"a\": 1}" },
  { "merges-missing", "merges.txt: cannot be opened", .more = drop_merges },
  { "merges-folder", "merges.txt: is a folder", .more = folder_merges },
  { "merges-one-symbol", "line 5: \"ab\" " BAD_LINE, .merges = "ab\n" },
  { "merges-three-symbols", "line 5: \"a b c\" " BAD_LINE, .merges = "a b c\n" },
  { "merges-two-blanks", "line 5: \"a  b\" " BAD_LINE, .merges = "a  b\n" },
  { "merges-strange", "line 5: \"x y\" uses a symbol that vocab.json lacks", .merges = "x y" },
  { "merges-twice", "line 5: \"a b\" stands there twice", .merges = "a b\r\n" },
  { "merges-not-utf8", "not UTF-8", .merges = "\xff b\n" },
  { "merges-nul", "not UTF-8", .more = nul_merges },
  { "merges-long-line", "line 5: \"yyyyy", .more = long_line },
  { "merges-huge", "at most 16777216 are read", .more = huge_merges },
  { "config-cut", "tokenizer_config.json: is not valid JSON", .config = "{" },
  { "window-0", BAD_WINDOW, .config = "{\"model_max_length\": 0}" },
  { "window-2", BAD_WINDOW, .config = "{\"model_max_length\": 2}" },
  { "window-65537", BAD_WINDOW, .config = "{\"model_max_length\": 65537}" },
  { "window-real", BAD_WINDOW, .config = "{\"model_max_length\": 76.5}" },
  { "window-text", BAD_WINDOW, .config = "{\"model_max_length\": \"77\"}" },
  { "start-number", BAD_START, .config = "{\"bos_token\": 7}" },
  { "start-empty", BAD_START, .config = "{\"bos_token\": \"\"}" },
  { "start-hollow", BAD_START, .config = "{\"bos_token\": {\"content\": []}}" },
  { "end-unknown", "\"<end>\" is not in vocab.json", .config = "{\"eos_token\": \"<end>\"}" },
  { "end-long", "eos_token should be a token of 1 to 100 bytes", .more = long_special },
};

static void
damage_files (Files *files, const Damage *damage)
{
  if (damage->id)
    json_object_set_new (files->vocab, "a", json_loads (damage->id, JSON_DECODE_ANY, NULL));
  if (damage->vocab)
    {
      drop_vocab (files);
      files_write (files, "vocab.json", damage->vocab, -1);
    }
  if (damage->merges)
    g_string_append (files->merges, damage->merges);
  files->config = g_strdup (damage->config);
  if (damage->more)
    damage->more (files);
}

static void
test_damage (gconstpointer data)
{
  const Damage *damage = data;
  Files files = files_new ();
  damage_files (&files, damage);
  g_autoptr (GError) error = NULL;
  MoaTokenizer *tokenizer = files_open (&files, &error);
  g_assert_null (tokenizer);
  g_assert_error (error, MOA_ERROR, MOA_ERROR_FILE);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, damage->message));
  g_assert_nonnull (strstr (error->message, files.dir)); /* which file */
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), <, 500);
  files_free (&files);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tokenizer/reference", test_reference);
  g_test_add_func ("/tokenizer/examples", test_examples);
  g_test_add_func ("/tokenizer/mini", test_mini);
  g_test_add_func ("/tokenizer/small", test_small);
  g_test_add_func ("/tokenizer/ends", test_ends);
  g_test_add_func ("/tokenizer/special", test_special);
  g_test_add_func ("/tokenizer/long", test_long);
  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++)
    {
      g_autofree char *path = g_strconcat ("/tokenizer/damaged/", damages[i].name, NULL);
      g_test_add_data_func (path, &damages[i], test_damage);
    }
  return g_test_run ();
}
