/* A prompt as the networks take it: a window of ids and the rows at which
 * subjects are injected. */
#ifndef MOA_PROMPT_H
#define MOA_PROMPT_H

#include "moa.h"
#include "text/tokenizer.h"

typedef struct {
  char *text;  /* without the marks */
  int n_ids;   /* the window */
  gint32 *ids; /* start, words, end, padded with end */
  int n_subjects;
  int subject[MOA_MAX_SUBJECTS]; /* row of subject k's token: the last token of its noun */
  char *warning;                 /* NULL, or that the prompt was cut */
} MoaPrompt;

/* Takes the marks <1>, <2> ... out of the text (each right after a word, blanks
 * allowed) and encodes it.  With n_subjects > 0 finds a word for each subject:
 * where there are marks, subject k is at mark k; otherwise at the k-th noun of
 * moa_subject_nouns(), in any case but whole ("man's" is one, "man-made" none).
 * Fewer nouns than subjects, marks without a word, repeated or missing numbers,
 * and a noun that was cut off with the window's end are errors that say what
 * to write.  More nouns or marks than subjects is fine.  (transfer full) */
MoaPrompt *moa_prompt_new (const MoaTokenizer *tokenizer, const char *text, int n_subjects,
                           GError **error);
void moa_prompt_free (MoaPrompt *prompt);

/* "a person", "a person and a person", ...  (transfer full) */
char *moa_prompt_default (int n_persons);

#endif
