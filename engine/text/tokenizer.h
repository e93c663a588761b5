/* CLIP's byte-pair tokenizer, equal to transformers' fast one. */
#ifndef MOA_TOKENIZER_H
#define MOA_TOKENIZER_H

#include <glib.h>

typedef struct _MoaTokenizer MoaTokenizer;

/* dir holds vocab.json, merges.txt and, optionally, tokenizer_config.json
 * (model_max_length, the two special tokens) and special_tokens_map.json.
 * (transfer full) */
MoaTokenizer *moa_tokenizer_open (const char *dir, GError **error);
void moa_tokenizer_free (MoaTokenizer *tokenizer);

int moa_tokenizer_window (const MoaTokenizer *tokenizer); /* 77 in SD 1.5 */
int moa_tokenizer_size (const MoaTokenizer *tokenizer);   /* ids are 0 .. size-1 */
int moa_tokenizer_start (const MoaTokenizer *tokenizer);
int moa_tokenizer_end (const MoaTokenizer *tokenizer);

/* The ids of text without start and end, and for each the byte offset in text
 * just after the last character that it holds a byte of (NULL: not wanted).
 * length: bytes of text, up to 2^28; -1: up to its NUL.  text is UTF-8; bytes
 * that are not are replaced by U+FFFD.  (element-type guint) (transfer full) */
GArray *moa_tokenizer_encode (const MoaTokenizer *tokenizer, const char *text, gssize length,
                              GArray **ends);

#endif
