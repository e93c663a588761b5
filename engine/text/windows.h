/* A prompt's tokens, and their places in windows: start, up to 75 tokens, end each. */
#ifndef MOA_WINDOWS_H
#define MOA_WINDOWS_H

#include "text/emphasis.h"
#include "text/prompt.h"

typedef struct {
  guint id;
  gsize end;             /* byte of the text just after it */
  double weight;
  const float *vector;   /* of a textual inversion, or NULL */
  int more;              /* vectors of that one which follow: they stay in one window */
  gboolean breaks;       /* no token: the next one begins a window */
  int row;               /* filled in by moa_windows_fill(); -1: cut off */
} MoaToken;

/* The tokens of the plain text; runs NULL: all of weight 1.  (element-type MoaToken), (transfer full) */
GArray *moa_windows_tokens (const MoaTokenizer *tokenizer, const char *text, const GArray *runs,
                            const GPtrArray *embeddings);

/* Fills the prompt's ids, weights, vectors and, if the text needs more than most windows, warning. */
void moa_windows_fill (MoaPrompt *prompt, const MoaTokenizer *tokenizer, GArray *tokens, int most);

#endif
