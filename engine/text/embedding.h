/* Textual inversion (Gal et al. 2022): a word of its own whose tokens are trained vectors. */
#ifndef MOA_EMBEDDING_H
#define MOA_EMBEDDING_H

#include <glib.h>

typedef struct {
  char *name;      /* its word in a prompt: the file's name without its ending */
  int n, width;    /* tokens, and numbers of each */
  float *vectors;  /* [n][width] */
} MoaEmbedding;

/* One tensor [width] or [n, width]: A1111's "emb_params", or diffusers' under the token's name.
 * Fails unless width is the text encoder's.  (transfer full) */
MoaEmbedding *moa_embedding_open (const char *path, int width, GError **error);
void moa_embedding_free (MoaEmbedding *embedding);

/* The first of these words in the text: whole, in any case.  embeddings: (element-type MoaEmbedding),
 * or NULL.  Returns its place, or NULL. */
const char *moa_embedding_find (const GPtrArray *embeddings, const char *text, gsize length,
                                const MoaEmbedding **found);

#endif
