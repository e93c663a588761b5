/* Text as the tokenizer sees it: NFC, runs of Unicode white space as one
 * blank, lower case character by character (no final sigma).  Each character
 * keeps where it ended in the text that it came from. */
#ifndef MOA_NORMALISE_H
#define MOA_NORMALISE_H

#include <glib.h>

typedef struct {
  gunichar c;
  guint end; /* byte offset just after the character; never falls */
} MoaChar;

/* length bytes of text; offset is added to every end.  Bytes that are not
 * UTF-8 become U+FFFD, one each.  (element-type MoaChar) (transfer full) */
GArray *moa_text_normalise (const char *text, gsize length, guint offset);

typedef enum { MOA_CLASS_SPACE, MOA_CLASS_LETTER, MOA_CLASS_NUMBER, MOA_CLASS_OTHER } MoaCharClass;

/* White_Space, \p{L}, \p{N} and the rest: combining marks are OTHER. */
MoaCharClass moa_char_class (gunichar c);

/* The start of a text for a message: at most 60 characters, valid UTF-8 and
 * on one line.  (transfer full) */
char *moa_text_excerpt (const char *text);

#endif
