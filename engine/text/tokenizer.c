/* CLIP's tokenizer: text -> special tokens and plain parts -> words -> bytes
 * -> byte pairs.  The rules and their order are those of transformers' fast
 * CLIP tokenizer, where
 *   - a special token that is not "normalized" is found in the text as it is,
 *     a "normalized" one in the lower-cased text, so in any case;
 *   - words are 's 't 're 've 'm 'll 'd | letters | one digit | other signs;
 *   - CLIP's two special tokens, where they are spelled out without being
 *     special, do not run on into the signs behind them. */
#include "text/tokenizer.h"

#include <string.h>

#include "base/error.h"
#include "io/json.h"
#include "text/bpe.h"
#include "text/normalise.h"

#define MAX_SPECIAL_BYTES 100
#define MAX_WINDOW 65536
#define MAX_TEXT_BYTES (1 << 28)

enum { START, END, N_SPECIAL };

typedef struct {
  char *content;
  GArray *normalised; /* of MoaChar; NULL: looked for in the text as it is */
  guint id;
} Special;

struct _MoaTokenizer {
  MoaBpe *bpe;
  int window, size;
  Special special[N_SPECIAL];
};

/* ---- Opening --------------------------------------------------------- */

/* The optional files that describe the special tokens; NULL where absent. */
typedef struct {
  json_t *config, *map;
  char *config_path;
} Descriptions;

static gboolean
read_optional (const char *path, json_t **object, GError **error)
{
  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  *object = moa_json_read (path, error);
  return *object != NULL;
}

static gboolean
read_descriptions (const char *dir, Descriptions *d, GError **error)
{
  d->config_path = g_build_filename (dir, "tokenizer_config.json", NULL);
  g_autofree char *map_path = g_build_filename (dir, "special_tokens_map.json", NULL);
  return read_optional (d->config_path, &d->config, error) &&
         read_optional (map_path, &d->map, error);
}

static const json_t *
describe (const Descriptions *d, const char *key)
{
  const json_t *value = json_object_get (d->config, key);
  return value ? value : json_object_get (d->map, key);
}

/* Whether the token is looked for after lower-casing.  added_tokens_decoder of
 * newer files says it by id; in older ones the last description counts, which
 * for the end token is that of the padding. */
static gboolean
is_normalised (const Descriptions *d, const char *last_key, guint id)
{
  g_autofree char *number = g_strdup_printf ("%u", id);
  const json_t *added = json_object_get (json_object_get (d->config, "added_tokens_decoder"),
                                         number);
  return json_is_true (json_object_get (added ? added : describe (d, last_key), "normalized"));
}

static gboolean
find_special (Special *special, const Descriptions *d, const json_t *vocab, const char *key,
              const char *usual, const char *last_key, GError **error)
{
  const json_t *value = describe (d, key);
  if (json_is_object (value))
    value = json_object_get (value, "content");
  const char *content = value ? json_string_value (value) : usual;
  if (!content || !*content || strlen (content) > MAX_SPECIAL_BYTES)
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: %s should be a token of 1 to %d bytes, such as \"%s\"", d->config_path,
                     key, MAX_SPECIAL_BYTES, usual);

  const json_t *id = json_object_get (vocab, content);
  if (!id)
    return moa_fail (error, MOA_ERROR_FILE, "%s: %s \"%s\" is not in vocab.json", d->config_path,
                     key, content);
  special->content = g_strdup (content);
  special->id = json_integer_value (id);
  if (is_normalised (d, last_key, special->id))
    special->normalised = moa_text_normalise (content, strlen (content), 0);
  return TRUE;
}

static gboolean
find_window (MoaTokenizer *tokenizer, const Descriptions *d, GError **error)
{
  const json_t *length = json_object_get (d->config, "model_max_length");
  double value = length ? json_number_value (length) : 77;
  if (!(value >= 3 && value <= MAX_WINDOW && value == (int) value))
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: model_max_length should be a whole number from 3 to %d", d->config_path,
                     MAX_WINDOW);
  tokenizer->window = value;
  return TRUE;
}

static gboolean
open_parts (MoaTokenizer *tokenizer, const char *dir, const Descriptions *d, GError **error)
{
  g_autofree char *vocab_path = g_build_filename (dir, "vocab.json", NULL);
  g_autofree char *merges_path = g_build_filename (dir, "merges.txt", NULL);
  json_t *vocab = moa_json_read (vocab_path, error);
  if (!vocab)
    return FALSE;

  tokenizer->size = json_object_size (vocab);
  tokenizer->bpe = moa_bpe_new (vocab, vocab_path, merges_path, error);
  gboolean good = tokenizer->bpe && find_window (tokenizer, d, error) &&
                  find_special (&tokenizer->special[START], d, vocab, "bos_token",
                                "<|startoftext|>", "bos_token", error) &&
                  find_special (&tokenizer->special[END], d, vocab, "eos_token", "<|endoftext|>",
                                "pad_token", error);
  json_decref (vocab);
  return good;
}

MoaTokenizer *
moa_tokenizer_open (const char *dir, GError **error)
{
  MoaTokenizer *tokenizer = g_new0 (MoaTokenizer, 1);
  Descriptions d = { 0 };
  if (!read_descriptions (dir, &d, error) || !open_parts (tokenizer, dir, &d, error))
    g_clear_pointer (&tokenizer, moa_tokenizer_free);
  json_decref (d.config);
  json_decref (d.map);
  g_free (d.config_path);
  return tokenizer;
}

void
moa_tokenizer_free (MoaTokenizer *tokenizer)
{
  if (!tokenizer)
    return;
  moa_bpe_free (tokenizer->bpe);
  for (int k = 0; k < N_SPECIAL; k++)
    {
      g_free (tokenizer->special[k].content);
      g_clear_pointer (&tokenizer->special[k].normalised, g_array_unref);
    }
  g_free (tokenizer);
}

int
moa_tokenizer_window (const MoaTokenizer *tokenizer)
{
  return tokenizer->window;
}

int
moa_tokenizer_size (const MoaTokenizer *tokenizer)
{
  return tokenizer->size;
}

int
moa_tokenizer_start (const MoaTokenizer *tokenizer)
{
  return tokenizer->special[START].id;
}

int
moa_tokenizer_end (const MoaTokenizer *tokenizer)
{
  return tokenizer->special[END].id;
}

/* ---- Encoding -------------------------------------------------------- */

typedef struct {
  const MoaTokenizer *tokenizer;
  GArray *ids, *ends; /* of guint */
  GArray *symbols;    /* of MoaSymbol: work space of one word */
} Encoder;

static void
add_token (Encoder *encoder, guint id, guint end)
{
  g_array_append_val (encoder->ids, id);
  g_array_append_val (encoder->ends, end);
}

static void
encode_word (Encoder *encoder, const MoaChar *chars, guint n)
{
  g_array_set_size (encoder->symbols, 0);
  for (guint i = 0; i < n; i++)
    {
      char bytes[6];
      int n_bytes = g_unichar_to_utf8 (chars[i].c, bytes);
      for (int k = 0; k < n_bytes; k++)
        {
          MoaSymbol symbol = { (guchar) bytes[k], chars[i].end };
          g_array_append_val (encoder->symbols, symbol);
        }
    }
  MoaSymbol *symbols = (MoaSymbol *) encoder->symbols->data;
  guint n_tokens = moa_bpe_merge (encoder->tokenizer->bpe, symbols, encoder->symbols->len);
  for (guint i = 0; i < n_tokens; i++)
    add_token (encoder, symbols[i].id, symbols[i].end);
}

/* The length of the word that chars (n > 0, not a blank) begin with. */
static guint
word_length (const MoaChar *chars, guint n)
{
  static const char *const endings[] = { "s", "t", "re", "ve", "m", "ll", "d" };
  for (guint k = 0; chars[0].c == '\'' && k < G_N_ELEMENTS (endings); k++)
    {
      guint i = 0;
      while (endings[k][i] && i + 1 < n && chars[i + 1].c == (guchar) endings[k][i])
        i++;
      if (!endings[k][i])
        return i + 1;
    }

  MoaCharClass class = moa_char_class (chars[0].c);
  guint i = 1;
  while (class != MOA_CLASS_NUMBER && i < n && moa_char_class (chars[i].c) == class)
    i++;
  return i;
}

/* The length of a special token spelled out, or 0. */
static guint
spelled_length (const MoaChar *chars, guint n)
{
  static const char *const names[] = { "<|startoftext|>", "<|endoftext|>" };
  for (guint k = 0; chars[0].c == '<' && k < G_N_ELEMENTS (names); k++)
    {
      guint i = 0;
      while (names[k][i] && i < n && chars[i].c == (guchar) names[k][i])
        i++;
      if (!names[k][i])
        return i;
    }
  return 0;
}

static void
encode_words (Encoder *encoder, const MoaChar *chars, guint n)
{
  guint wall = 0; /* where the spelled-out token that i is in ends */
  for (guint i = 0; i < n;)
    {
      if (chars[i].c == ' ')
        {
          i++;
          continue;
        }
      wall = MAX (wall, i + spelled_length (chars + i, n - i));
      guint length = word_length (chars + i, (i < wall ? wall : n) - i);
      encode_word (encoder, chars + i, length);
      i += length;
    }
}

static gboolean
chars_begin_with (const MoaChar *chars, guint n, const GArray *prefix)
{
  if (!prefix || n < prefix->len)
    return FALSE;
  for (guint i = 0; i < prefix->len; i++)
    if (chars[i].c != g_array_index (prefix, MoaChar, i).c)
      return FALSE;
  return TRUE;
}

/* Text without special tokens of the kind that is looked for as it is. */
static void
encode_plain (Encoder *encoder, const char *text, gsize length, guint offset)
{
  g_autoptr (GArray) normalised = moa_text_normalise (text, length, offset);
  const MoaChar *chars = (const MoaChar *) normalised->data;
  guint n = normalised->len, from = 0;

  for (guint i = 0; i < n;)
    {
      const Special *found = NULL;
      for (int k = 0; k < N_SPECIAL && !found; k++)
        if (chars_begin_with (chars + i, n - i, encoder->tokenizer->special[k].normalised))
          found = &encoder->tokenizer->special[k];
      if (!found)
        {
          i++;
          continue;
        }
      encode_words (encoder, chars + from, i - from);
      i += found->normalised->len;
      from = i;
      add_token (encoder, found->id, chars[i - 1].end);
    }
  encode_words (encoder, chars + from, n - from);
}

GArray *
moa_tokenizer_encode (const MoaTokenizer *tokenizer, const char *text, gssize length, GArray **ends)
{
  Encoder encoder = { tokenizer, g_array_new (FALSE, FALSE, sizeof (guint)),
                      g_array_new (FALSE, FALSE, sizeof (guint)),
                      g_array_new (FALSE, FALSE, sizeof (MoaSymbol)) };
  gsize n = length < 0 ? strlen (text) : (gsize) length;
  g_assert (n <= MAX_TEXT_BYTES);

  gsize from = 0;
  for (gsize i = 0; i < n;)
    {
      const Special *found = NULL;
      gsize bytes = 0;
      for (int k = 0; k < N_SPECIAL && !found; k++)
        {
          const Special *special = &tokenizer->special[k];
          bytes = strlen (special->content);
          if (!special->normalised && bytes <= n - i &&
              memcmp (text + i, special->content, bytes) == 0)
            found = special;
        }
      if (!found)
        {
          i++;
          continue;
        }
      encode_plain (&encoder, text + from, i - from, from);
      i += bytes;
      from = i;
      add_token (&encoder, found->id, i);
    }
  encode_plain (&encoder, text + from, n - from, from);

  g_array_unref (encoder.symbols);
  if (ends)
    *ends = encoder.ends;
  else
    g_array_unref (encoder.ends);
  return encoder.ids;
}
