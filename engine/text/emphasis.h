/* Prompt weights: (more) [less] (much more:1.5), \( \) \[ \] for the characters themselves, and BREAK,
 * which begins a new window. */
#ifndef MOA_EMPHASIS_H
#define MOA_EMPHASIS_H

#include <glib.h>

/* A run of the plain text. */
typedef struct {
  gsize from;            /* where it began in the text with weights, bytes */
  gsize start, length;   /* in the plain text */
  double weight;
  gboolean breaks;       /* a BREAK: one blank in the plain text */
} MoaRunOfText;

/* The plain text, without brackets and weights, and its runs in order (element-type MoaRunOfText).
 * Brackets that are never closed count to the end.  (transfer full) */
char *moa_emphasis_parse (const char *text, GArray **runs);

/* Where byte `end` of the text with weights, just after a character that was kept, is in the plain
 * text; 0: nowhere. */
gsize moa_emphasis_place (const GArray *runs, gsize end);

#endif
