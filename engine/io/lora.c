/* LoRA files, see lora.h.  A network asks by its own name for a tensor; here are the names that the
 * tensor's factors may have:
 *   kohya, LoCon   lora_unet_down_blocks_0_..._to_q.lora_down.weight, .lora_up.weight, .alpha,
 *                  and .lora_mid.weight where a convolution is split in three
 *   diffusers      unet.down_blocks.0. ... .attn1.processor.to_q_lora.down.weight
 *                  unet.down_blocks.0. ... .attn1.to_q.lora.down.weight
 *   PEFT           unet.down_blocks.0. ... .attn1.to_q.lora_A.weight, lora_B
 *   IP-Adapter     ip_adapter.0.to_q_lora.down.weight, by the attention's number */
#include "io/lora.h"

#include "base/error.h"
#include "io/json.h"
#include "io/kind.h"

#include <string.h>

struct _MoaLoraFile {
  gint ref_count;
  MoaSafetensors *file;
  json_t *adapter;    /* diffusers' description of the adapter, or NULL */
  char **blocks;      /* an IP-Adapter's: the transformer blocks in its order; or NULL */
  GMutex lock;
  GHashTable *used;   /* set of "down" tensors, under lock */
};

/* The three factors of a layer; mid may be NULL. */
typedef struct {
  const MoaFileTensor *down, *up, *mid;
  double alpha;       /* or -1: the rank */
} Factors;

struct _MoaLoraDelta {
  MoaLoraFile *lora;
  Factors factors;
  double scale;
  gsize rank, rows, length; /* W is rows x length */
  float *down, *up;   /* [rank, length] and [rows, rank], when read */
};

/* ---- The file -------------------------------------------------------- */

static MoaLoraFile *
open_file (const char *path, MoaFileKind kind, GError **error)
{
  MoaSafetensors *file = NULL;
  if (!moa_file_kind_check (path, kind, error)
      || !(file = moa_safetensors_open (path, error)))
    return NULL;
  for (int i = 0; i < moa_safetensors_count (file); i++)
    {
      const char *name = moa_safetensors_tensor (file, i)->name;
      if (!g_str_has_suffix (name, ".dora_scale") && !strstr (name, "lora_magnitude_vector"))
        continue;
      moa_fail (error, MOA_ERROR_MODEL, "%s: is a DoRA, which is not supported; a LoRA is", path);
      moa_safetensors_close (file);
      return NULL;
    }
  MoaLoraFile *lora = g_new0 (MoaLoraFile, 1);
  lora->ref_count = 1;
  lora->file = file;
  const char *adapter = moa_safetensors_metadata (file, "lora_adapter_metadata");
  lora->adapter = adapter ? moa_json_parse (adapter, strlen (adapter), path, NULL) : NULL;
  g_mutex_init (&lora->lock);
  lora->used = g_hash_table_new (NULL, NULL);
  return lora;
}

MoaLoraFile *
moa_lora_open (const char *path, GError **error)
{
  return open_file (path, MOA_KIND_LORA, error);
}

MoaLoraFile *
moa_lora_open_adapter (const char *path, const char *const *blocks, GError **error)
{
  MoaLoraFile *lora = open_file (path, MOA_KIND_IP_ADAPTER, error);
  if (lora)
    lora->blocks = g_strdupv ((char **) blocks);
  return lora;
}

MoaLoraFile *
moa_lora_ref (MoaLoraFile *lora)
{
  g_atomic_int_inc (&lora->ref_count);
  return lora;
}

void
moa_lora_unref (MoaLoraFile *lora)
{
  if (!lora || !g_atomic_int_dec_and_test (&lora->ref_count))
    return;
  moa_safetensors_close (lora->file);
  json_decref (lora->adapter);
  g_strfreev (lora->blocks);
  g_hash_table_unref (lora->used);
  g_mutex_clear (&lora->lock);
  g_free (lora);
}

const char *
moa_lora_path (const MoaLoraFile *lora)
{
  return moa_safetensors_path (lora->file);
}

/* What the names of factors end with, down before up. */
static const char *const endings[][2] = {
  { ".lora_down.weight", ".lora_up.weight" },
  { ".lora_A.weight", ".lora_B.weight" },
  { ".lora_A.default.weight", ".lora_B.default.weight" },
  { ".lora.down.weight", ".lora.up.weight" },
  { ".lora_linear_layer.down.weight", ".lora_linear_layer.up.weight" },
  { "_lora.down.weight", "_lora.up.weight" },
};

int
moa_lora_count (const MoaLoraFile *lora)
{
  int n = 0;
  for (int i = 0; i < moa_safetensors_count (lora->file); i++)
    for (gsize e = 0; e < G_N_ELEMENTS (endings); e++)
      if (g_str_has_suffix (moa_safetensors_tensor (lora->file, i)->name, endings[e][0]))
        {
          n++;
          break;
        }
  return n;
}

int
moa_lora_used (const MoaLoraFile *lora)
{
  return g_hash_table_size (lora->used);
}

/* ---- Names ----------------------------------------------------------- */

/* The numbers alpha and r of diffusers' description, whose keys begin with the part. */
static double
adapter_alpha (const MoaLoraFile *lora, const char *part, double rank)
{
  g_autofree char *alpha_key = g_strconcat (part, ".lora_alpha", NULL);
  g_autofree char *rank_key = g_strconcat (part, ".r", NULL);
  json_t *alpha = json_object_get (lora->adapter, alpha_key);
  json_t *r = json_object_get (lora->adapter, rank_key);
  if (!json_is_number (alpha) || !json_is_number (r) || json_number_value (r) <= 0)
    return -1;
  return json_number_value (alpha) / json_number_value (r) * rank;
}

/* The factors whose names begin with stem. */
static gboolean
find_stem (const MoaLoraFile *lora, const char *stem, Factors *found, GError **error)
{
  for (gsize e = 0; e < G_N_ELEMENTS (endings); e++)
    {
      g_autofree char *down = g_strconcat (stem, endings[e][0], NULL);
      g_autofree char *up = g_strconcat (stem, endings[e][1], NULL);
      g_autofree char *mid = g_strconcat (stem, ".lora_mid.weight", NULL);
      g_autofree char *alpha = g_strconcat (stem, ".alpha", NULL);
      *found = (Factors){ moa_safetensors_find (lora->file, down),
                          moa_safetensors_find (lora->file, up),
                          moa_safetensors_find (lora->file, mid), -1 };
      if (!found->down || !found->up)
        continue;
      const MoaFileTensor *scalar = moa_safetensors_find (lora->file, alpha);
      float value;
      if (!scalar || scalar->n != 1)
        return TRUE;
      if (!moa_safetensors_read_float (lora->file, scalar, 0, 1, &value, error))
        return FALSE;
      found->alpha = value;
      return TRUE;
    }
  found->down = NULL;
  return TRUE;
}

static char *
underscored (const char *prefix, const char *name)
{
  g_autofree char *copy = g_strdup (name);
  return g_strconcat (prefix, g_strdelimit (copy, ".", '_'), NULL);
}

/* "....attn1.to_out.0" -> "....attn1.processor.to_out"; NULL if it is no projection. */
static char *
processor_name (const char *name)
{
  static const char *const projections[][2] = {
    { ".to_q", ".processor.to_q" }, { ".to_k", ".processor.to_k" }, { ".to_v", ".processor.to_v" },
    { ".to_out.0", ".processor.to_out" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (projections); i++)
    if (g_str_has_suffix (name, projections[i][0]))
      {
        int stem = strlen (name) - strlen (projections[i][0]);
        return g_strdup_printf ("%.*s%s", stem, name, projections[i][1]);
      }
  return NULL;
}

/* "BLOCK.attn2.to_out.0" -> "ip_adapter.7.to_out" for the block of number 3. */
static char *
numbered_name (const MoaLoraFile *lora, const char *layer)
{
  for (int i = 0; lora->blocks && lora->blocks[i]; i++)
    {
      gsize n = strlen (lora->blocks[i]);
      const char *rest = layer + n; /* ".attn2.to_out.0" */
      if (!g_str_has_prefix (layer, lora->blocks[i]) || !g_str_has_prefix (rest, ".attn")
          || (rest[5] != '1' && rest[5] != '2') || !g_str_has_prefix (rest + 6, ".to_"))
        continue;
      int length = strcspn (rest + 7, ".");
      return g_strdup_printf ("ip_adapter.%d.%.*s", 2 * i + rest[5] - '1', length, rest + 7);
    }
  return NULL;
}

/* All stems that the layer may have; layer is the network's name without ".weight". */
static GPtrArray *
stems_of (const MoaLoraFile *lora, MoaNames part, const char *layer)
{
  GPtrArray *stems = g_ptr_array_new_with_free_func (g_free);
  gboolean text = part == MOA_NAMES_TEXT;
  const char *kohya = text ? "lora_te_" : "lora_unet_", *dotted = text ? "text_encoder." : "unet.";
  g_ptr_array_add (stems, underscored (kohya, layer));
  g_ptr_array_add (stems, g_strconcat (dotted, layer, NULL));
  g_ptr_array_add (stems, g_strconcat ("base_model.model.", layer, NULL));
  if (text)
    return stems;
  g_autofree char *processor = processor_name (layer);
  if (processor)
    {
      g_ptr_array_add (stems, g_strconcat (dotted, processor, NULL));
      g_ptr_array_add (stems, g_strdup (processor));
    }
  g_ptr_array_add (stems, g_strdup (layer));
  char *numbered = numbered_name (lora, layer);
  if (numbered)
    g_ptr_array_add (stems, numbered);
  /* Some trainers keep the original U-Net's names. */
  g_autofree char *dotted_layer = g_strconcat (layer, ".", NULL);
  g_autofree char *ldm = moa_ldm_name (part, dotted_layer);
  if (ldm)
    {
      ldm[strlen (ldm) - 1] = 0;
      g_ptr_array_add (stems, underscored (kohya, ldm));
    }
  return stems;
}

/* ---- Shapes ---------------------------------------------------------- */

static gsize
count_after_first (const MoaFileTensor *tensor)
{
  gsize n = 1;
  for (int i = 1; i < tensor->rank; i++)
    n *= tensor->dim[i];
  return n;
}

/* Fills the delta's sizes from the factors, which must fit the weight. */
static gboolean
fits (MoaLoraDelta *delta)
{
  const Factors *f = &delta->factors;
  if (f->down->rank < 2 || f->up->rank < 2 || f->down->dim[0] < 1)
    return FALSE;
  delta->rank = f->down->dim[0];
  if ((gsize) f->up->dim[0] != delta->rows || f->up->n != delta->rows * delta->rank)
    return FALSE;
  if (!f->mid)
    return count_after_first (f->down) == delta->length;
  /* [rank, rank, k, k] between [rank, C] and [N, rank] */
  return f->mid->rank == 4 && (gsize) f->mid->dim[0] == delta->rank
         && (gsize) f->mid->dim[1] == delta->rank
         && count_after_first (f->down) * count_after_first (f->mid)
                == delta->length * delta->rank;
}

gboolean
moa_lora_find (MoaLoraFile *lora, MoaNames part, const char *name, int rank, const gint64 *dim,
               double weight, MoaLoraDelta **out, GError **error)
{
  *out = NULL;
  if (!g_str_has_suffix (name, ".weight") || rank < 2)
    return TRUE;
  g_autofree char *layer = g_strndup (name, strlen (name) - strlen (".weight"));
  g_autoptr (GPtrArray) stems = stems_of (lora, part, layer);
  MoaLoraDelta delta = { .rows = dim[0], .length = 1 };
  for (int i = 1; i < rank; i++)
    delta.length *= dim[i];
  for (guint i = 0; i < stems->len && !delta.factors.down; i++)
    if (!find_stem (lora, stems->pdata[i], &delta.factors, error))
      return FALSE;
  if (!delta.factors.down)
    return TRUE;
  if (!fits (&delta))
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: \"%s\" does not fit \"%s\" of this model (%" G_GSIZE_FORMAT
                     " x %" G_GSIZE_FORMAT "); the LoRA was made for another one",
                     moa_lora_path (lora), delta.factors.down->name, name, delta.rows,
                     delta.length);
  double alpha = delta.factors.alpha;
  if (alpha < 0)
    alpha = adapter_alpha (lora, part == MOA_NAMES_TEXT ? "text_encoder" : "unet", delta.rank);
  delta.scale = weight * (alpha < 0 ? 1 : alpha / delta.rank);
  delta.lora = moa_lora_ref (lora);
  g_mutex_lock (&lora->lock);
  g_hash_table_add (lora->used, (gpointer) delta.factors.down);
  g_mutex_unlock (&lora->lock);
  *out = g_memdup2 (&delta, sizeof delta);
  return TRUE;
}

void
moa_lora_delta_free (MoaLoraDelta *delta)
{
  moa_lora_unref (delta->lora);
  g_free (delta->down);
  g_free (delta->up);
  g_free (delta);
}

/* ---- Numbers --------------------------------------------------------- */

static float *
read_all (MoaSafetensors *file, const MoaFileTensor *tensor, GError **error)
{
  g_autofree float *numbers = g_try_malloc_n (MAX (tensor->n, 1), sizeof (float));
  if (!numbers)
    {
      moa_fail (error, MOA_ERROR_MEMORY, "no memory for \"%s\"", tensor->name);
      return NULL;
    }
  return moa_safetensors_read_float (file, tensor, 0, tensor->n, numbers, error)
             ? g_steal_pointer (&numbers)
             : NULL;
}

/* down [rank, C] through mid [rank, rank, taps] -> [rank, C, taps] */
static float *
through_mid (const MoaLoraDelta *delta, const float *mid, const float *down)
{
  gsize rank = delta->rank, channels = count_after_first (delta->factors.down);
  gsize taps = delta->length / channels;
  float *out = g_new0 (float, rank * delta->length);
  for (gsize a = 0; a < rank; a++)
    for (gsize b = 0; b < rank; b++)
      for (gsize c = 0; c < channels; c++)
        for (gsize t = 0; t < taps; t++)
          out[(a * channels + c) * taps + t]
              += mid[(a * rank + b) * taps + t] * down[b * channels + c];
  return out;
}

static gboolean
read_factors (MoaLoraDelta *delta, GError **error)
{
  const Factors *f = &delta->factors;
  MoaSafetensors *file = delta->lora->file;
  g_autofree float *down = read_all (file, f->down, error);
  g_autofree float *mid = down && f->mid ? read_all (file, f->mid, error) : NULL;
  delta->up = down && (mid || !f->mid) ? read_all (file, f->up, error) : NULL;
  if (!delta->up)
    return FALSE;
  delta->down = mid ? through_mid (delta, mid, down) : g_steal_pointer (&down);
  return TRUE;
}

gboolean
moa_lora_add (MoaLoraDelta *delta, guint64 first, guint64 n, float *numbers, GError **error)
{
  if (!delta->down && !read_factors (delta, error))
    return FALSE;
  guint64 end = first + n;
  for (guint64 i = first; i < end;)
    {
      gsize row = i / delta->length, column = i % delta->length;
      gsize count = MIN (delta->length - column, end - i);
      float *to = numbers + (i - first);
      for (gsize r = 0; r < delta->rank; r++)
        {
          float factor = delta->scale * delta->up[row * delta->rank + r];
          const float *from = delta->down + r * delta->length + column;
          for (gsize c = 0; c < count; c++)
            to[c] += factor * from[c];
        }
      i += count;
    }
  if (end == (guint64) delta->rows * delta->length)
    {
      g_clear_pointer (&delta->down, g_free);
      g_clear_pointer (&delta->up, g_free);
    }
  return TRUE;
}
