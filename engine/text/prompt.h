/* A prompt as the networks take it: windows of ids, their weights, and the rows at which subjects are
 * injected. */
#ifndef MOA_PROMPT_H
#define MOA_PROMPT_H

#include "moa.h"
#include "text/embedding.h"
#include "text/tokenizer.h"

/* A row whose token is a vector of a textual inversion. */
typedef struct {
  int row;
  const float *numbers; /* the embedding's */
} MoaPromptVector;

typedef struct {
  char *text;     /* without marks and weights */
  int n_ids;      /* whole windows */
  gint32 *ids;    /* of each window: start, words, end, padded with end */
  float *weights; /* [n_ids], or NULL: all 1 */
  GArray *vectors; /* (element-type MoaPromptVector), rising rows */
  int n_subjects;
  int subject[MOA_MAX_SUBJECTS]; /* row of subject k's token: the last token of its noun */
  char *warning;                 /* NULL, or that the prompt was cut */
} MoaPrompt;

/* Takes the marks <1>, <2> ... out of the text (each right after a word, blanks
 * allowed) and encodes it in one window.  With n_subjects > 0 finds a word for each subject:
 * where there are marks, subject k is at mark k; otherwise at the k-th noun of
 * moa_subject_nouns(), in any case but whole ("man's" is one, "man-made" none).
 * Fewer nouns than subjects, marks without a word, repeated or missing numbers,
 * and a noun that was cut off with the window's end are errors that say what
 * to write.  More nouns or marks than subjects is fine.  (transfer full) */
MoaPrompt *moa_prompt_new (const MoaTokenizer *tokenizer, const char *text, int n_subjects,
                           GError **error);

/* The same with weights (text/emphasis.h), textual inversions (element-type MoaEmbedding; NULL:
 * none), and as many windows as the text needs, up to MOA_MAX_WINDOWS.  (transfer full) */
#define MOA_MAX_WINDOWS 16
MoaPrompt *moa_prompt_new_weighted (const MoaTokenizer *tokenizer, const char *text, int n_subjects,
                                    const GPtrArray *embeddings, GError **error);
void moa_prompt_free (MoaPrompt *prompt);

/* Of a prompt for n subjects that can be used: what it says of subject k alone, with the mark <1>: "a man <1>
 * in a red hat" of "a man in a red hat and a woman".  What stands before the first subject is the first one's,
 * what stands behind the last one the last one's.  (transfer full) */
char *moa_prompt_part (const char *text, int n_subjects, int k);

/* Whether both make the same states. */
gboolean moa_prompt_equal (const MoaPrompt *a, const MoaPrompt *b);

#endif
