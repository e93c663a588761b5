/* Tokens and their windows, see windows.h.  Runs of different weight are tokenised one by one, as
 * those who introduced the brackets do. */
#include "text/windows.h"

#include "text/normalise.h"

#include <string.h>

/* ---- Tokens ---------------------------------------------------------- */

static void
add_words (GArray *tokens, const MoaTokenizer *tokenizer, const char *text, gsize from, gsize length,
           double weight)
{
  g_autoptr (GArray) ends = NULL;
  g_autoptr (GArray) ids = moa_tokenizer_encode (tokenizer, text + from, length, &ends);
  for (guint i = 0; i < ids->len; i++)
    {
      MoaToken token = { g_array_index (ids, guint, i), from + g_array_index (ends, guint, i),
                         weight };
      g_array_append_val (tokens, token);
    }
}

/* A run of one weight, in which the words of textual inversions are cut out. */
static void
add_run (GArray *tokens, const MoaTokenizer *tokenizer, const char *text, gsize from, gsize length,
         double weight, const GPtrArray *embeddings)
{
  const MoaEmbedding *found;
  const char *at;
  while ((at = moa_embedding_find (embeddings, text + from, length, &found)))
    {
      gsize before = at - (text + from), name = strlen (found->name);
      add_words (tokens, tokenizer, text, from, before, weight);
      for (int i = 0; i < found->n; i++)
        {
          MoaToken token = { moa_tokenizer_end (tokenizer), from + before + name, weight,
                             found->vectors + (gsize) i * found->width, found->n - 1 - i };
          g_array_append_val (tokens, token);
        }
      from += before + name;
      length -= before + name;
    }
  add_words (tokens, tokenizer, text, from, length, weight);
}

GArray *
moa_windows_tokens (const MoaTokenizer *tokenizer, const char *text, const GArray *runs,
                    const GPtrArray *embeddings)
{
  GArray *tokens = g_array_new (FALSE, FALSE, sizeof (MoaToken));
  if (!runs)
    add_run (tokens, tokenizer, text, 0, strlen (text), 1, embeddings);
  for (guint i = 0; runs && i < runs->len;)
    {
      MoaRunOfText run = g_array_index (runs, MoaRunOfText, i++);
      if (run.breaks)
        {
          MoaToken token = { .end = run.start, .breaks = TRUE };
          g_array_append_val (tokens, token);
          continue;
        }
      /* Neighbours of one weight are one text. */
      for (; i < runs->len; i++)
        {
          const MoaRunOfText *next = &g_array_index (runs, MoaRunOfText, i);
          if (next->breaks || next->weight != run.weight)
            break;
          run.length += next->length;
        }
      add_run (tokens, tokenizer, text, run.start, run.length, run.weight, embeddings);
    }
  return tokens;
}

/* ---- Windows --------------------------------------------------------- */

/* Gives each token its row; returns the number of windows.  What does not fit gets row -1. */
static int
place (GArray *tokens, int window, int most)
{
  int room = window - 2, n = 1, used = 0;
  for (guint i = 0; i < tokens->len; i++)
    {
      MoaToken *token = &g_array_index (tokens, MoaToken, i);
      gboolean first_vector
          = token->vector && (i == 0 || g_array_index (tokens, MoaToken, i - 1).more == 0);
      int need = token->breaks ? room + 1 : first_vector ? MIN (token->more + 1, room) : 1;
      if (used + need > room && (used > 0 || !token->breaks))
        {
          n++;
          used = 0;
        }
      token->row = token->breaks || n > most ? -1 : (n - 1) * window + 1 + used;
      used += token->breaks ? 0 : 1;
    }
  /* A BREAK at the end opened a window that nothing went into. */
  return MIN (n > 1 && used == 0 ? n - 1 : n, most);
}

static void
warn_of_rest (MoaPrompt *prompt, const GArray *tokens)
{
  gsize reached = 0;
  int n = 0, read = 0;
  for (guint i = 0; i < tokens->len; i++)
    {
      const MoaToken *token = &g_array_index (tokens, MoaToken, i);
      n += !token->breaks;
      read += token->row >= 0;
      if (token->row >= 0)
        reached = token->end;
    }
  if (read == n)
    return;
  g_autofree char *shown = moa_text_excerpt (prompt->text + reached);
  prompt->warning = g_strdup_printf ("the prompt has %d tokens and the model reads the first %d;"
                                     " left out: \"%s\"",
                                     n, read, g_strstrip (shown));
}

void
moa_windows_fill (MoaPrompt *prompt, const MoaTokenizer *tokenizer, GArray *tokens, int most)
{
  int window = moa_tokenizer_window (tokenizer), n = place (tokens, window, most);
  gboolean weighted = FALSE;
  prompt->n_ids = n * window;
  prompt->ids = g_new (gint32, prompt->n_ids);
  prompt->vectors = g_array_new (FALSE, TRUE, sizeof (MoaPromptVector));
  g_autofree float *weights = g_new (float, prompt->n_ids);
  for (int i = 0; i < prompt->n_ids; i++)
    {
      prompt->ids[i] = i % window ? moa_tokenizer_end (tokenizer)
                                  : moa_tokenizer_start (tokenizer);
      weights[i] = 1;
    }
  for (guint i = 0; i < tokens->len; i++)
    {
      const MoaToken *token = &g_array_index (tokens, MoaToken, i);
      if (token->row < 0)
        continue;
      prompt->ids[token->row] = token->id;
      weights[token->row] = token->weight;
      weighted |= token->weight != 1;
      MoaPromptVector vector = { token->row, token->vector };
      if (token->vector)
        g_array_append_val (prompt->vectors, vector);
    }
  if (weighted)
    prompt->weights = g_steal_pointer (&weights);
  warn_of_rest (prompt, tokens);
}
