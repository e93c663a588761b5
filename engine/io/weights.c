/* Tensors by the name a network uses, under the spellings of published files. */
#include "io/weights.h"

#include "base/error.h"

#include <string.h>

struct _MoaWeights {
  gint ref_count;
  MoaSafetensors *file;
  MoaNames names;
  char *label;
  GMutex lock;
  GHashTable *asked; /* MoaFileTensor -> the name it was asked by, under lock */
  GArray *loras;     /* of Added */
  GHashTable *deltas; /* MoaFileTensor -> (element-type MoaLoraDelta) GPtrArray, under lock */
};

typedef struct {
  MoaLoraFile *lora;
  MoaNames part;
  double weight;
} Added;

static void
added_clear (gpointer data)
{
  moa_lora_unref (((Added *) data)->lora);
}

MoaWeights *
moa_weights_open (const char *path, const char *label, GError **error)
{
  return moa_weights_open_part (path, MOA_NAMES_PLAIN, label, error);
}

MoaWeights *
moa_weights_open_part (const char *path, MoaNames names, const char *label, GError **error)
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
  weights->names = names;
  weights->label = g_strdup (label);
  g_mutex_init (&weights->lock);
  weights->asked = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  weights->loras = g_array_new (FALSE, FALSE, sizeof (Added));
  g_array_set_clear_func (weights->loras, added_clear);
  weights->deltas = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_ptr_array_unref);
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
  g_hash_table_unref (weights->deltas);
  g_array_unref (weights->loras);
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

static gboolean
is_float (const MoaFileTensor *tensor)
{
  return tensor->dtype <= MOA_DTYPE_BF16;
}

/* Sums over the tensors that are the part's. */
static void
sum (const MoaWeights *weights, guint64 *elements, guint64 *bytes)
{
  *elements = *bytes = 0;
  for (int i = 0; i < moa_safetensors_count (weights->file); i++)
    {
      const MoaFileTensor *tensor = moa_safetensors_tensor (weights->file, i);
      if (weights->names != MOA_NAMES_PLAIN && !g_hash_table_contains (weights->asked, tensor))
        continue;
      *bytes += tensor->bytes;
      if (is_float (tensor))
        *elements += tensor->n;
    }
}

guint64
moa_weights_count_elements (const MoaWeights *weights)
{
  guint64 elements, bytes;
  sum (weights, &elements, &bytes);
  return elements;
}

guint64
moa_weights_file_bytes (const MoaWeights *weights)
{
  guint64 elements, bytes;
  sum (weights, &elements, &bytes);
  return weights->names == MOA_NAMES_PLAIN ? moa_safetensors_bytes (weights->file) : bytes;
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

/* Under the names of the original files. */
static const MoaFileTensor *
find_ldm (const MoaWeights *weights, const char *name)
{
  const MoaFileTensor *tensor = NULL;
  g_autofree char *ldm = moa_ldm_name (weights->names, name);
  const char *const *prefix = moa_ldm_prefixes (weights->names);
  for (; ldm && *prefix && !tensor; prefix++)
    {
      g_autofree char *full = g_strconcat (*prefix, ldm, NULL);
      tensor = moa_safetensors_find (weights->file, full);
      /* Some text encoders are saved without their tower's name. */
      if (!tensor && g_str_has_prefix (ldm, "text_model."))
        {
          g_autofree char *bare = g_strconcat (*prefix, ldm + strlen ("text_model."), NULL);
          tensor = moa_safetensors_find (weights->file, bare);
        }
    }
  return tensor;
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
  return tensor ? tensor : find_ldm (weights, name);
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

void
moa_weights_add_lora (MoaWeights *weights, MoaLoraFile *lora, MoaNames part, double weight)
{
  Added added = { moa_lora_ref (lora), part, weight };
  g_array_append_val (weights->loras, added);
}

/* What the LoRAs add to a tensor that was just found. */
static gboolean
find_deltas (MoaWeights *weights, const MoaFileTensor *tensor, const char *name, int rank,
             const gint64 *dim, GError **error)
{
  g_autoptr (GPtrArray) deltas
      = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_lora_delta_free);
  for (guint i = 0; i < weights->loras->len; i++)
    {
      const Added *added = &g_array_index (weights->loras, Added, i);
      MoaLoraDelta *delta;
      if (!moa_lora_find (added->lora, added->part, name, rank, dim, added->weight, &delta, error))
        return FALSE;
      if (delta)
        g_ptr_array_add (deltas, delta);
    }
  if (deltas->len > 0)
    g_hash_table_insert (weights->deltas, (gpointer) tensor, g_steal_pointer (&deltas));
  return TRUE;
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
  gboolean known = !g_hash_table_insert (weights->asked, (gpointer) tensor, g_strdup (name));
  gboolean ok = known || find_deltas (weights, tensor, name, rank, dim, error);
  g_mutex_unlock (&weights->lock);
  return ok ? tensor : NULL;
}

gboolean
moa_weights_changed (MoaWeights *weights, const MoaFileTensor *tensor)
{
  g_mutex_lock (&weights->lock);
  gboolean changed = g_hash_table_contains (weights->deltas, tensor);
  g_mutex_unlock (&weights->lock);
  return changed;
}

gboolean
moa_weights_read (MoaWeights *weights, const MoaFileTensor *tensor, guint64 first, guint64 n,
                  float *out, GError **error)
{
  if (!moa_safetensors_read_float (weights->file, tensor, first, n, out, error))
    return FALSE;
  g_mutex_lock (&weights->lock);
  GPtrArray *deltas = g_hash_table_lookup (weights->deltas, tensor);
  g_mutex_unlock (&weights->lock);
  for (guint i = 0; deltas && i < deltas->len; i++)
    if (!moa_lora_add (deltas->pdata[i], first, n, out, error))
      return FALSE;
  return TRUE;
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
          && !moa_names_leave (weights->names, tensor->name)
          && !g_str_has_suffix (tensor->name, "position_ids")
          && !strstr (tensor->name, "_lora.")) /* an IP-Adapter's, see lora.h */
        g_ptr_array_add (names, g_strdup (tensor->name));
    }
  g_mutex_unlock (&weights->lock);
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

gboolean
moa_weights_save (MoaWeights *weights, const char *path, GError **error)
{
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  g_mutex_lock (&weights->lock);
  for (int i = 0; i < moa_safetensors_count (weights->file); i++)
    {
      const MoaFileTensor *tensor = moa_safetensors_tensor (weights->file, i);
      const char *name = g_hash_table_lookup (weights->asked, tensor);
      gboolean matrix = weights->names == MOA_NAMES_VAE && name && strstr (name, ".attentions.");
      if (name)
        moa_safetensors_writer_copy (writer, name,
                                     matrix ? rank_of_matrix (tensor->rank, tensor->dim)
                                            : tensor->rank,
                                     weights->file, tensor);
    }
  g_mutex_unlock (&weights->lock);
  moa_safetensors_writer_metadata (writer, "format", "pt");
  gboolean ok = moa_safetensors_writer_save (writer, path, error);
  moa_safetensors_writer_free (writer);
  return ok;
}
