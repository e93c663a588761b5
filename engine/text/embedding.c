/* Textual inversion files and their words; see embedding.h. */
#include "text/embedding.h"

#include "base/error.h"
#include "io/kind.h"

#include <string.h>

static char *
name_of (const char *path)
{
  char *name = g_path_get_basename (path);
  if (g_str_has_suffix (name, ".safetensors"))
    name[strlen (name) - strlen (".safetensors")] = 0;
  return name;
}

static MoaEmbedding *
read_embedding (MoaSafetensors *file, const char *path, int width, GError **error)
{
  enum { MOST = 75 };
  const MoaFileTensor *tensor = moa_safetensors_find (file, "emb_params");
  if (!tensor)
    tensor = moa_safetensors_tensor (file, 0);
  gint64 n = tensor->rank == 2 ? tensor->dim[0] : 1;
  if (tensor->rank < 1 || tensor->rank > 2 || tensor->dim[tensor->rank - 1] != width)
    {
      moa_fail (error, MOA_ERROR_MODEL,
                "%s: its vectors are not of %d numbers, as this model's words are; the embedding was "
                "made for another model", path, width);
      return NULL;
    }
  if (n < 1 || n > MOST)
    {
      moa_fail (error, MOA_ERROR_MODEL, "%s: stands for %" G_GINT64_FORMAT " tokens; 1 to %d can be "
                "used", path, n, MOST);
      return NULL;
    }
  g_autofree float *vectors = g_new (float, n * width);
  if (!moa_safetensors_read_float (file, tensor, 0, n * width, vectors, error))
    return NULL;
  MoaEmbedding *embedding = g_new0 (MoaEmbedding, 1);
  *embedding = (MoaEmbedding){ name_of (path), n, width, g_steal_pointer (&vectors) };
  return embedding;
}

MoaEmbedding *
moa_embedding_open (const char *path, int width, GError **error)
{
  MoaSafetensors *file = NULL;
  if (!moa_file_kind_check (path, MOA_KIND_EMBEDDING, error)
      || !(file = moa_safetensors_open (path, error)))
    return NULL;
  MoaEmbedding *embedding = read_embedding (file, path, width, error);
  moa_safetensors_close (file);
  return embedding;
}

void
moa_embedding_free (MoaEmbedding *embedding)
{
  g_free (embedding->name);
  g_free (embedding->vectors);
  g_free (embedding);
}

static gboolean
joins (char c)
{
  return g_ascii_isalnum (c) || c == '_' || c == '-' || (c & 0x80);
}

const char *
moa_embedding_find (const GPtrArray *embeddings, const char *text, gsize length,
                    const MoaEmbedding **found)
{
  for (const char *at = text; embeddings && at < text + length; at++)
    for (guint i = 0; i < embeddings->len; i++)
      {
        const MoaEmbedding *embedding = embeddings->pdata[i];
        gsize n = strlen (embedding->name);
        if (n == 0 || n > (gsize) (text + length - at)
            || g_ascii_strncasecmp (at, embedding->name, n) || (at > text && joins (at[-1]))
            || (at + n < text + length && joins (at[n])))
          continue;
        *found = embedding;
        return at;
      }
  return NULL;
}
