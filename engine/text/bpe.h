/* Byte-pair encoding (Sennrich et al. 2016) on bytes, with the end-of-word
 * mark </w>: the merges of a vocabulary and their application to one word. */
#ifndef MOA_BPE_H
#define MOA_BPE_H

#include <glib.h>
#include <jansson.h>

typedef struct _MoaBpe MoaBpe;

/* vocab: token -> id, ids 0 .. size-1 once each, holding GPT-2's 256 byte
 * symbols, plain and with </w>.  merges_path: lines of two symbols, most
 * important first.  vocab_path is for messages.  (transfer full) */
MoaBpe *moa_bpe_new (const json_t *vocab, const char *vocab_path, const char *merges_path,
                     GError **error);
void moa_bpe_free (MoaBpe *bpe);

/* A token of a word being merged; before that, one of its bytes. */
typedef struct {
  guint id;  /* the byte's value, then the token's id */
  guint end; /* carried along: a token has that of its last byte */
  int next;  /* index of the right neighbour, -1 at the end; not read from the caller */
  int previous;
} MoaSymbol;

/* Merges the n bytes of one word; the tokens then stand at the front, their
 * number is returned.  O(n log n). */
guint moa_bpe_merge (const MoaBpe *bpe, MoaSymbol *symbols, guint n);

#endif
