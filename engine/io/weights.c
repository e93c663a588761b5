/* Tensors by the name a network uses, under the spellings of published files. */
#include "io/weights.h"

#include "base/error.h"

#include <string.h>

struct _MoaWeights {
  gint ref_count;
  MoaSafetensors *file;
  char *label;
  GMutex lock;
  GHashTable *asked; /* set of MoaFileTensor, under lock */
};

MoaWeights *
moa_weights_open (const char *path, const char *label, GError **error)
{
  MoaSafetensors *file = moa_safetensors_open (path, error);
  if (!file)
    {
      g_prefix_error (error, "%s: ", label);
      return NULL;
    }
  MoaWeights *weights = g_new0 (MoaWeights, 1);
  weights->ref_count = 1;
  weights->file = file;
  weights->label = g_strdup (label);
  g_mutex_init (&weights->lock);
  weights->asked = g_hash_table_new (NULL, NULL);
  return weights;
}

MoaWeights *
moa_weights_ref (MoaWeights *weights)
{
  g_atomic_int_inc (&weights->ref_count);
  return weights;
}

void
moa_weights_unref (MoaWeights *weights)
{
  if (!weights || !g_atomic_int_dec_and_test (&weights->ref_count))
    return;
  moa_safetensors_close (weights->file);
  g_hash_table_unref (weights->asked);
  g_mutex_clear (&weights->lock);
  g_free (weights->label);
  g_free (weights);
}

const char *
moa_weights_path (const MoaWeights *weights)
{
  return moa_safetensors_path (weights->file);
}

const char *
moa_weights_label (const MoaWeights *weights)
{
  return weights->label;
}

guint64
moa_weights_file_bytes (const MoaWeights *weights)
{
  return moa_safetensors_bytes (weights->file);
}

static gboolean
is_float (const MoaFileTensor *tensor)
{
  return tensor->dtype <= MOA_DTYPE_BF16;
}

guint64
moa_weights_count_elements (const MoaWeights *weights)
{
  guint64 n = 0;
  for (int i = 0; i < moa_safetensors_count (weights->file); i++)
    {
      const MoaFileTensor *tensor = moa_safetensors_tensor (weights->file, i);
      if (is_float (tensor))
        n += tensor->n;
    }
  return n;
}

/* ---- Names ----------------------------------------------------------- */

/* name under its own spelling, without, and with the prefix of a tower. */
static const MoaFileTensor *
find_prefixed (const MoaWeights *weights, const char *name)
{
  static const char *const prefixes[] = { "text_model.", "vision_model." };
  const MoaFileTensor *tensor = moa_safetensors_find (weights->file, name);
  for (gsize i = 0; !tensor && i < G_N_ELEMENTS (prefixes); i++)
    {
      if (g_str_has_prefix (name, prefixes[i]))
        return moa_safetensors_find (weights->file, name + strlen (prefixes[i]));
      g_autofree char *prefixed = g_strconcat (prefixes[i], name, NULL);
      tensor = moa_safetensors_find (weights->file, prefixed);
    }
  return tensor;
}

/* "encoder.mid_block.attentions.0.to_q.weight" -> "... .query.weight", the
 * spelling of the published SD 1.x autoencoders; NULL where there is none. */
static char *
old_attention_name (const char *name)
{
  static const char *const spellings[][2] = {
    { ".to_q.", ".query." }, { ".to_k.", ".key." }, { ".to_v.", ".value." },
    { ".to_out.0.", ".proj_attn." },
  };
  if (!strstr (name, ".attentions."))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (spellings); i++)
    {
      const char *at = strstr (name, spellings[i][0]);
      if (at)
        return g_strdup_printf ("%.*s%s%s", (int) (at - name), name, spellings[i][1],
                                at + strlen (spellings[i][0]));
    }
  return NULL;
}

static const MoaFileTensor *
find (const MoaWeights *weights, const char *name)
{
  const MoaFileTensor *tensor = find_prefixed (weights, name);
  if (!tensor)
    {
      g_autofree char *old = old_attention_name (name);
      tensor = old ? moa_safetensors_find (weights->file, old) : NULL;
    }
  return tensor;
}

gboolean
moa_weights_has (const MoaWeights *weights, const char *name)
{
  return find (weights, name) != NULL;
}

/* ---- Shapes ---------------------------------------------------------- */

static int
rank_of_matrix (int rank, const gint64 *dim)
{
  return rank == 4 && dim[2] == 1 && dim[3] == 1 ? 2 : rank;
}

static char *
shape_string (int rank, const gint64 *dim)
{
  GString *s = g_string_new ("[");
  for (int i = 0; i < rank; i++)
    g_string_append_printf (s, "%s%" G_GINT64_FORMAT, i ? ", " : "", dim[i]);
  return g_string_free (g_string_append (s, "]"), FALSE);
}

const MoaFileTensor *
moa_weights_find (MoaWeights *weights, const char *name, int rank, const gint64 *dim,
                  GError **error)
{
  const char *path = moa_weights_path (weights), *label = weights->label;
  g_autofree char *wanted = shape_string (rank, dim);
  const MoaFileTensor *tensor = find (weights, name);
  if (!tensor)
    {
      moa_fail (error, MOA_ERROR_MODEL, "%s: %s: has no tensor \"%s\" of shape %s", label, path,
                name, wanted);
      return NULL;
    }
  int short_rank = rank_of_matrix (rank, dim);
  if (rank_of_matrix (tensor->rank, tensor->dim) != short_rank
      || memcmp (tensor->dim, dim, short_rank * sizeof *dim) != 0)
    {
      g_autofree char *found = shape_string (tensor->rank, tensor->dim);
      moa_fail (error, MOA_ERROR_MODEL, "%s: %s: tensor \"%s\" has the shape %s; its configuration "
                "asks for %s", label, path, tensor->name, found, wanted);
      return NULL;
    }
  if (!is_float (tensor))
    {
      moa_fail (error, MOA_ERROR_MODEL, "%s: %s: tensor \"%s\" is of type %s, not floats", label,
                path, tensor->name, moa_dtype_name (tensor->dtype));
      return NULL;
    }
  g_mutex_lock (&weights->lock);
  g_hash_table_add (weights->asked, (gpointer) tensor);
  g_mutex_unlock (&weights->lock);
  return tensor;
}

gboolean
moa_weights_read (MoaWeights *weights, const MoaFileTensor *tensor, guint64 first, guint64 n,
                  float *out, GError **error)
{
  return moa_safetensors_read_float (weights->file, tensor, first, n, out, error);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

char **
moa_weights_surplus (MoaWeights *weights)
{
  GPtrArray *names = g_ptr_array_new ();
  g_mutex_lock (&weights->lock);
  for (int i = 0; i < moa_safetensors_count (weights->file); i++)
    {
      const MoaFileTensor *tensor = moa_safetensors_tensor (weights->file, i);
      if (!g_hash_table_contains (weights->asked, tensor)
          && !g_str_has_suffix (tensor->name, "position_ids"))
        g_ptr_array_add (names, g_strdup (tensor->name));
    }
  g_mutex_unlock (&weights->lock);
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}
