/* Byte-pair encoding: vocab.json and merges.txt as a table of pairs, and the
 * merging of a word by a heap of candidates over a linked list of symbols, so
 * that a word of a million letters takes no longer than a text of that size. */
#include "text/bpe.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "io/file.h"
#include "text/normalise.h"

#define MAX_MERGES_BYTES (16 << 20)

typedef struct {
  guint left, right; /* ids */
  guint rank;        /* line of merges.txt: lower is merged first */
  guint id;          /* of the two together */
} Merge;

struct _MoaBpe {
  guint byte_id[256];      /* of a byte inside a word */
  guint last_byte_id[256]; /* of a word's last byte: with </w> */
  GHashTable *merges;      /* a set of Merge, keyed by left and right */
};

static guint
merge_hash (gconstpointer key)
{
  const Merge *merge = key;
  guint64 mixed = ((guint64) merge->left << 32 | merge->right) *
                  G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
  return mixed >> 32;
}

static gboolean
merge_equal (gconstpointer a, gconstpointer b)
{
  const Merge *x = a, *y = b;
  return x->left == y->left && x->right == y->right;
}

/* ---- Reading --------------------------------------------------------- */

/* Every id is there once: checked before any is used. */
static gboolean
check_ids (const json_t *vocab, const char *path, GError **error)
{
  gsize n = json_object_size (vocab);
  if (n == 0)
    return moa_fail (error, MOA_ERROR_FILE, "%s: the vocabulary is empty", path);
  g_autofree guint8 *seen = g_malloc0 (n);

  const char *token;
  json_t *value;
  json_object_foreach ((json_t *) vocab, token, value)
    {
      json_int_t id = json_is_integer (value) ? json_integer_value (value) : -1;
      gboolean fits = id >= 0 && id < (json_int_t) n;
      if (fits && !seen[id])
        {
          seen[id] = 1;
          continue;
        }
      g_autofree char *shown = moa_text_excerpt (token);
      if (fits)
        return moa_fail (error, MOA_ERROR_FILE,
                         "%s: token \"%s\" has id %d, which another token has too", path, shown,
                         (int) id);
      return moa_fail (
          error, MOA_ERROR_FILE,
          "%s: the id of token \"%s\" should be a whole number from 0 to %" G_GSIZE_FORMAT
          ", one less than the number of tokens",
          path, shown, n - 1);
    }
  return TRUE;
}

/* GPT-2's alphabet: printable Latin-1 stands for itself, the other bytes for
 * U+0100 and up in their order. */
static gboolean
find_bytes (MoaBpe *bpe, const json_t *vocab, const char *path, GError **error)
{
  gunichar other = 0x100;
  for (guint byte = 0; byte < 256; byte++)
    {
      gboolean printable = (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte != 0xad);
      char name[12];
      int length = g_unichar_to_utf8 (printable ? byte : other++, name);
      name[length] = '\0';
      const json_t *plain = json_object_get (vocab, name);
      memcpy (name + length, "</w>", 5);
      const json_t *last = json_object_get (vocab, name);
      if (!plain || !last)
        return moa_fail (
            error, MOA_ERROR_FILE,
            "%s: the token \"%.*s\" for the byte %u is missing; a CLIP vocabulary has all 256"
            " bytes, plain and with </w>",
            path, length + (plain ? 4 : 0), name, byte);
      bpe->byte_id[byte] = json_integer_value (plain);
      bpe->last_byte_id[byte] = json_integer_value (last);
    }
  return TRUE;
}

/* One line, "LEFT RIGHT"; changes it. */
static gboolean
add_merge (MoaBpe *bpe, const json_t *vocab, char *line, GString *joined, GError **error)
{
  g_autofree char *shown = moa_text_excerpt (line);
  char *blank = strchr (line, ' ');
  if (!blank || blank == line || !blank[1] || strchr (blank + 1, ' '))
    return moa_fail (error, MOA_ERROR_FILE, "\"%s\" should be two symbols with one blank between",
                     shown);
  *blank = '\0';
  g_string_assign (joined, line);
  g_string_append (joined, blank + 1);

  const json_t *left = json_object_get (vocab, line);
  const json_t *right = json_object_get (vocab, blank + 1);
  const json_t *both = json_object_get (vocab, joined->str);
  if (!left || !right || !both)
    return moa_fail (
        error, MOA_ERROR_FILE,
        "\"%s\" uses a symbol that vocab.json lacks; the two files should come from the"
        " same model",
        shown);

  Merge merge = { json_integer_value (left), json_integer_value (right),
                  g_hash_table_size (bpe->merges), json_integer_value (both) };
  if (!g_hash_table_add (bpe->merges, g_memdup2 (&merge, sizeof merge)))
    return moa_fail (error, MOA_ERROR_FILE, "\"%s\" stands there twice", shown);
  return TRUE;
}

static char *
read_merges_file (const char *path, GError **error)
{
  guint64 size;
  int fd = moa_file_open (path, &size, error);
  if (fd < 0)
    return NULL;

  g_autofree char *text = NULL;
  if (size > MAX_MERGES_BYTES)
    moa_fail (error, MOA_ERROR_FILE, "%s: has %" G_GUINT64_FORMAT " bytes; at most %d are read",
              path, size, MAX_MERGES_BYTES);
  else if (!(text = g_try_malloc (size + 1)))
    moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for its %" G_GUINT64_FORMAT " bytes", path,
              size);
  else if (!moa_file_read (fd, path, 0, text, size, error))
    g_clear_pointer (&text, g_free);
  close (fd);
  if (!text)
    return NULL;

  text[size] = '\0';
  if (g_utf8_validate (text, size, NULL)) /* which also refuses NUL */
    return g_steal_pointer (&text);
  moa_fail (error, MOA_ERROR_FILE, "%s: this is not UTF-8 text", path);
  return NULL;
}

static gboolean
read_merges (MoaBpe *bpe, const json_t *vocab, const char *path, GError **error)
{
  g_autofree char *text = read_merges_file (path, error);
  if (!text)
    return FALSE;

  g_autoptr (GString) joined = g_string_new (NULL);
  char *line = text;
  for (int number = 1; line; number++)
    {
      char *end = strchr (line, '\n');
      if (end)
        *end++ = '\0';
      g_strchomp (line);
      gboolean skip = !*line || (number == 1 && g_str_has_prefix (line, "#version"));
      if (!skip && !add_merge (bpe, vocab, line, joined, error))
        {
          g_prefix_error (error, "%s: line %d: ", path, number);
          return FALSE;
        }
      line = end;
    }
  return TRUE;
}

MoaBpe *
moa_bpe_new (const json_t *vocab, const char *vocab_path, const char *merges_path, GError **error)
{
  MoaBpe *bpe = g_new0 (MoaBpe, 1);
  bpe->merges = g_hash_table_new_full (merge_hash, merge_equal, g_free, NULL);
  if (check_ids (vocab, vocab_path, error) && find_bytes (bpe, vocab, vocab_path, error) &&
      read_merges (bpe, vocab, merges_path, error))
    return bpe;
  moa_bpe_free (bpe);
  return NULL;
}

void
moa_bpe_free (MoaBpe *bpe)
{
  if (!bpe)
    return;
  g_hash_table_unref (bpe->merges);
  g_free (bpe);
}

/* ---- Merging --------------------------------------------------------- */

/* A pair that may be merged: a symbol and its right neighbour. */
typedef struct {
  guint rank, position, id;
} Candidate;

static gboolean
comes_before (const Candidate *a, const Candidate *b)
{
  return a->rank != b->rank ? a->rank < b->rank : a->position < b->position;
}

static void
heap_push (GArray *heap, Candidate item)
{
  g_array_append_val (heap, item);
  Candidate *c = (Candidate *) heap->data;
  guint i = heap->len - 1;
  for (; i > 0 && comes_before (&item, &c[(i - 1) / 2]); i = (i - 1) / 2)
    c[i] = c[(i - 1) / 2];
  c[i] = item;
}

static Candidate
heap_pop (GArray *heap)
{
  Candidate *c = (Candidate *) heap->data;
  Candidate top = c[0], item = c[heap->len - 1];
  g_array_set_size (heap, heap->len - 1);
  guint i = 0;
  for (guint child; (child = 2 * i + 1) < heap->len; i = child)
    {
      if (child + 1 < heap->len && comes_before (&c[child + 1], &c[child]))
        child++;
      if (!comes_before (&c[child], &item))
        break;
      c[i] = c[child];
    }
  if (heap->len)
    c[i] = item;
  return top;
}

/* The merge of a symbol with its right neighbour, or NULL. */
static const Merge *
find_merge (const MoaBpe *bpe, const MoaSymbol *symbols, int i)
{
  if (i < 0 || symbols[i].next < 0)
    return NULL;
  Merge key = { symbols[i].id, symbols[symbols[i].next].id };
  return g_hash_table_lookup (bpe->merges, &key);
}

static void
push_pair (GArray *heap, const MoaBpe *bpe, const MoaSymbol *symbols, int i)
{
  const Merge *merge = find_merge (bpe, symbols, i);
  if (merge)
    heap_push (heap, (Candidate){ merge->rank, i, merge->id });
}

guint
moa_bpe_merge (const MoaBpe *bpe, MoaSymbol *symbols, guint n)
{
  const guint gone = G_MAXUINT; /* the id of a symbol that its left neighbour has taken */

  for (guint i = 0; i < n; i++)
    {
      gboolean last = i + 1 == n;
      symbols[i].id = last ? bpe->last_byte_id[symbols[i].id] : bpe->byte_id[symbols[i].id];
      symbols[i].previous = (int) i - 1;
      symbols[i].next = last ? -1 : (int) i + 1;
    }

  g_autoptr (GArray) heap = g_array_new (FALSE, FALSE, sizeof (Candidate));
  for (guint i = 0; i + 1 < n; i++)
    push_pair (heap, bpe, symbols, i);

  while (heap->len > 0)
    {
      Candidate top = heap_pop (heap);
      MoaSymbol *left = &symbols[top.position];
      /* The neighbourhood may have changed since the candidate was pushed. */
      const Merge *merge = left->id == gone ? NULL : find_merge (bpe, symbols, top.position);
      if (!merge || merge->id != top.id)
        continue;

      MoaSymbol *right = &symbols[left->next];
      left->id = merge->id;
      left->end = right->end;
      left->next = right->next;
      right->id = gone;
      if (left->next >= 0)
        symbols[left->next].previous = top.position;
      push_pair (heap, bpe, symbols, left->previous);
      push_pair (heap, bpe, symbols, top.position);
    }

  guint kept = 0;
  for (guint i = 0; i < n; i++)
    if (symbols[i].id != gone)
      symbols[kept++] = symbols[i];
  return kept;
}
