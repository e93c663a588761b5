/* A tokenizer for the world's words: CLIP's byte-pair encoding with just the
 * merges that make each word one token. */
#include "train/world/draw.h"

#include "base/error.h"
#include "io/file.h"

#include <jansson.h>
#include <string.h>

typedef struct {
  json_t *vocab;     /* token -> id */
  GString *merges;
  GHashTable *ranks; /* "left right" -> line */
} Builder;

static void
add_token (Builder *b, const char *token)
{
  if (!json_object_get (b->vocab, token))
    json_object_set_new (b->vocab, token, json_integer (json_object_size (b->vocab)));
}

/* GPT-2's symbols of bytes: printable ones themselves, the others from U+0100 on. */
static void
add_bytes (Builder *b, const char *ending)
{
  int next = 256;
  char symbols[256][16];
  for (int byte = 0; byte < 256; byte++)
    {
      gboolean shown = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
      char text[8] = { 0 };
      g_unichar_to_utf8 (shown ? byte : next++, text);
      g_snprintf (symbols[byte], sizeof symbols[byte], "%s%s", text, ending);
    }
  /* Printable ones come first in CLIP's files. */
  for (int turn = 0; turn < 2; turn++)
    for (int byte = 0; byte < 256; byte++)
      if (((byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173)) == !turn)
        add_token (b, symbols[byte]);
}

/* The place in parts where the pair of the earliest merge starts, or -1. */
static int
earliest_pair (const Builder *b, const GPtrArray *parts)
{
  int best = -1, best_rank = G_MAXINT;
  for (guint i = 0; i + 1 < parts->len; i++)
    {
      g_autofree char *pair = g_strdup_printf ("%s %s", (char *) parts->pdata[i],
                                               (char *) parts->pdata[i + 1]);
      gpointer rank;
      if (g_hash_table_lookup_extended (b->ranks, pair, NULL, &rank)
          && GPOINTER_TO_INT (rank) < best_rank)
        {
          best = i;
          best_rank = GPOINTER_TO_INT (rank);
        }
    }
  return best;
}

static void
add_merge (Builder *b, const char *left, const char *right)
{
  g_autofree char *token = g_strconcat (left, right, NULL);
  g_string_append_printf (b->merges, "%s %s\n", left, right);
  g_hash_table_insert (b->ranks, g_strdup_printf ("%s %s", left, right),
                       GINT_TO_POINTER ((int) g_hash_table_size (b->ranks)));
  add_token (b, token);
}

/* Encodes the word as the tokenizer does, and where it knows no merge any more
 * adds one, last in the list: words that were added before stay what they are,
 * because for each of their steps an earlier merge is there. */
static void
add_word (Builder *b, const char *word)
{
  g_autoptr (GPtrArray) parts = g_ptr_array_new_with_free_func (g_free);
  for (const char *p = word; *p; p++)
    g_ptr_array_add (parts, g_strdup_printf ("%c%s", *p, p[1] ? "" : "</w>"));
  while (parts->len > 1)
    {
      int i = earliest_pair (b, parts);
      if (i < 0)
        {
          i = 0;
          add_merge (b, parts->pdata[0], parts->pdata[1]);
        }
      char *joined = g_strconcat (parts->pdata[i], parts->pdata[i + 1], NULL);
      g_free (parts->pdata[i]);
      parts->pdata[i] = joined;
      g_ptr_array_remove_index (parts, i + 1);
    }
}

static gboolean
write_json (const char *folder, const char *name, json_t *json, gboolean compact, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = json_dumps (json, compact ? JSON_COMPACT : JSON_INDENT (2));
  gboolean good = g_file_set_contents (path, text, -1, error);
  free (text);
  json_decref (json);
  return good;
}

static const char start_token[] = "<|startoftext|>", end_token[] = "<|endoftext|>";

static json_t *
special_tokens (void)
{
  return json_pack ("{s:s, s:s, s:s, s:s}", "bos_token", start_token, "eos_token", end_token,
                    "unk_token", end_token, "pad_token", end_token);
}

static json_t *
configuration (int window)
{
  json_t *config = special_tokens ();
  json_object_set_new (config, "tokenizer_class", json_string ("CLIPTokenizer"));
  json_object_set_new (config, "model_max_length", json_integer (window));
  json_object_set_new (config, "do_lower_case", json_true ());
  json_object_set_new (config, "add_prefix_space", json_false ());
  json_object_set_new (config, "errors", json_string ("replace"));
  return config;
}

gboolean
moa_world_write_tokenizer (const char *folder, int window, GError **error)
{
  if (!moa_folder_make (folder, error))
    return FALSE;
  Builder b = { json_object (), g_string_new ("#version: 0.2\n"),
                g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL) };
  add_bytes (&b, "");
  add_bytes (&b, "</w>");
  const char *const *words = moa_world_words ();
  for (int i = 0; words[i]; i++)
    add_word (&b, words[i]);
  add_token (&b, start_token);
  add_token (&b, end_token);
  g_autofree char *merges = g_build_filename (folder, "merges.txt", NULL);
  gboolean good = g_file_set_contents (merges, b.merges->str, b.merges->len, error);
  g_string_free (b.merges, TRUE);
  g_hash_table_unref (b.ranks);
  good = write_json (folder, "vocab.json", b.vocab, TRUE, good ? error : NULL) && good;
  return good
         && write_json (folder, "tokenizer_config.json", configuration (window), FALSE, error)
         && write_json (folder, "special_tokens_map.json", special_tokens (), FALSE, error);
}
