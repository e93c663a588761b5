/* Reading safetensors files: what kind of file it is, its tensors by name, and
 * their elements as floats or integers. */
#include "io/safetensors.h"

#include "base/error.h"
#include "base/half.h"
#include "io/file.h"
#include "io/safetensors_header.h"

#include <string.h>
#include <unistd.h>

#if G_BYTE_ORDER != G_LITTLE_ENDIAN
#error "safetensors are little endian; this reader does not swap bytes"
#endif

#define MAX_HEADER 100000000

static const struct {
  const char *name;
  gsize size;
} dtypes[MOA_N_DTYPES] = {
  [MOA_DTYPE_F64] = { "F64", 8 }, [MOA_DTYPE_F32] = { "F32", 4 }, [MOA_DTYPE_F16] = { "F16", 2 },
  [MOA_DTYPE_BF16] = { "BF16", 2 }, [MOA_DTYPE_I64] = { "I64", 8 }, [MOA_DTYPE_I32] = { "I32", 4 },
  [MOA_DTYPE_U8] = { "U8", 1 }, [MOA_DTYPE_BOOL] = { "BOOL", 1 },
};

struct _MoaSafetensors {
  int fd;
  char *path;
  guint64 bytes;
  MoaSafetensorsHeader header; /* its offsets counted from the file's beginning */
  GHashTable *by_name;
};

const char *
moa_dtype_name (MoaDtype dtype)
{
  return dtypes[dtype].name;
}

gsize
moa_dtype_size (MoaDtype dtype)
{
  return dtypes[dtype].size;
}

/* ---- The header ------------------------------------------------------ */

static gboolean
refuse_pickle (const char *path, GError **error)
{
  return moa_fail (error, MOA_ERROR_FILE,
    "%s: is a Python pickle, which may run any program when it is loaded, and is never opened. "
    "Convert it to safetensors: python3 -c \"import sys, torch, safetensors.torch as s; "
    "d = torch.load (sys.argv[1], 'cpu', weights_only=True); d = d.get ('state_dict', d); "
    "f = lambda d, p: {p + k: v.clone ().contiguous () for k, v in d.items () if torch.is_tensor (v)} "
    "| {n: t for k, v in d.items () if isinstance (v, dict) for n, t in f (v, p + k + '.').items ()}; "
    "s.save_file (f (d, ''), sys.argv[2])\" OLD NEW.safetensors", path);
}

static gboolean
has_pickle_name (const char *path)
{
  static const char *const suffixes[] = { ".ckpt", ".bin", ".pt", ".pth", ".pkl" };
  g_autofree char *lower = g_ascii_strdown (path, -1);
  for (gsize i = 0; i < G_N_ELEMENTS (suffixes); i++)
    if (g_str_has_suffix (lower, suffixes[i]))
      return TRUE;
  return FALSE;
}

/* What people mistake for safetensors, by the first bytes; a safetensors file
 * has a brace after 8 of them. */
static gboolean
check_magic (const guint8 head[9], const char *path, GError **error)
{
  gboolean zip = memcmp (head, "PK\3\4", 4) == 0;
  gboolean pickle = head[0] == 0x80 && head[1] >= 2 && head[1] <= 5;
  if (((zip || pickle) && head[8] != '{') || has_pickle_name (path))
    return refuse_pickle (path, error);
  if (memcmp (head, "version ", 8) == 0)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is not the file itself but Git LFS's note of it; "
                     "fetch it with: git lfs pull", path);
  return TRUE;
}

static gboolean
read_header (MoaSafetensors *file, GError **error)
{
  guint8 head[9] = { 0 };
  if (!moa_file_read (file->fd, file->path, 0, head, MIN (file->bytes, sizeof head), error)
      || !check_magic (head, file->path, error))
    return FALSE;
  if (file->bytes < 8)
    return moa_fail (error, MOA_ERROR_FILE, "%s: has %" G_GUINT64_FORMAT " bytes; a safetensors "
                     "file begins with 8 bytes of header length", file->path, file->bytes);
  guint64 length;
  memcpy (&length, head, 8);
  if (length > MAX_HEADER)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is not a safetensors file: its header would have "
                     "%" G_GUINT64_FORMAT " bytes, more than the %d permitted", file->path, length,
                     MAX_HEADER);
  if (length > file->bytes - 8)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is cut short: its header has %" G_GUINT64_FORMAT
                     " bytes, the file only %" G_GUINT64_FORMAT " after the first 8", file->path,
                     length, file->bytes - 8);
  g_autofree char *text = g_try_malloc (length + 1);
  if (!text)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for a header of %" G_GUINT64_FORMAT
                     " bytes", file->path, length);
  if (!moa_file_read (file->fd, file->path, 8, text, length, error))
    return FALSE;
  guint64 data_start = 8 + length;
  if (!moa_safetensors_header_parse (&file->header, file->path, text, length,
                                     file->bytes - data_start, error))
    return FALSE;
  for (int i = 0; i < file->header.n; i++)
    {
      MoaFileTensor *tensor = &file->header.tensors[i];
      tensor->offset += data_start;
      g_hash_table_insert (file->by_name, tensor->name, tensor);
    }
  return TRUE;
}

MoaSafetensors *
moa_safetensors_open (const char *path, GError **error)
{
  guint64 bytes;
  int fd = moa_file_open (path, &bytes, error);
  if (fd < 0)
    return NULL;
  MoaSafetensors *file = g_new0 (MoaSafetensors, 1);
  file->fd = fd;
  file->path = g_strdup (path);
  file->bytes = bytes;
  file->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  if (!read_header (file, error))
    g_clear_pointer (&file, moa_safetensors_close);
  return file;
}

void
moa_safetensors_close (MoaSafetensors *file)
{
  if (!file)
    return;
  close (file->fd);
  g_hash_table_unref (file->by_name);
  moa_safetensors_header_clear (&file->header);
  g_free (file->path);
  g_free (file);
}

const char *
moa_safetensors_path (const MoaSafetensors *file)
{
  return file->path;
}

guint64
moa_safetensors_bytes (const MoaSafetensors *file)
{
  return file->bytes;
}

int
moa_safetensors_count (const MoaSafetensors *file)
{
  return file->header.n;
}

const MoaFileTensor *
moa_safetensors_tensor (const MoaSafetensors *file, int i)
{
  return &file->header.tensors[i];
}

const MoaFileTensor *
moa_safetensors_find (const MoaSafetensors *file, const char *name)
{
  return g_hash_table_lookup (file->by_name, name);
}

const char *
moa_safetensors_metadata (const MoaSafetensors *file, const char *key)
{
  json_t *metadata = json_object_get (file->header.json, "__metadata__");
  return json_string_value (json_object_get (metadata, key));
}

/* ---- The data -------------------------------------------------------- */

#define CHUNK 65536 /* elements converted at a time */

static void
to_floats (MoaDtype dtype, const void *raw, float *out, gsize n)
{
  switch (dtype)
    {
    case MOA_DTYPE_F64:
      for (gsize i = 0; i < n; i++)
        out[i] = (float) ((const double *) raw)[i];
      break;
    case MOA_DTYPE_F16:
      moa_half_to_floats (raw, out, n);
      break;
    case MOA_DTYPE_BF16:
      moa_bfloat_to_floats (raw, out, n);
      break;
    case MOA_DTYPE_I64:
      for (gsize i = 0; i < n; i++)
        out[i] = (float) ((const gint64 *) raw)[i];
      break;
    case MOA_DTYPE_I32:
      for (gsize i = 0; i < n; i++)
        out[i] = (float) ((const gint32 *) raw)[i];
      break;
    default:
      for (gsize i = 0; i < n; i++)
        out[i] = ((const guint8 *) raw)[i];
    }
}

static void
to_ints (MoaDtype dtype, const void *raw, gint64 *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = dtype == MOA_DTYPE_I64 ? ((const gint64 *) raw)[i]
           : dtype == MOA_DTYPE_I32 ? ((const gint32 *) raw)[i]
           : dtype == MOA_DTYPE_BOOL ? ((const guint8 *) raw)[i] != 0
           : ((const guint8 *) raw)[i];
}

/* Into floats or ints, whichever is not NULL. */
static gboolean
read_elements (MoaSafetensors *file, const MoaFileTensor *tensor, guint64 first, guint64 n,
               float *floats, gint64 *ints, GError **error)
{
  if (first > tensor->n || n > tensor->n - first)
    return moa_fail (error, MOA_ERROR_FILE, "%s: tensor \"%s\" has %" G_GUINT64_FORMAT " elements; "
                     "%" G_GUINT64_FORMAT " from %" G_GUINT64_FORMAT " on were asked for",
                     file->path, tensor->name, tensor->n, n, first);
  gsize size = dtypes[tensor->dtype].size;
  guint64 offset = tensor->offset + first * size;
  if (tensor->dtype == MOA_DTYPE_F32)
    return moa_file_read (file->fd, file->path, offset, floats, n * size, error);
  g_autofree void *raw = g_malloc (MIN (n, CHUNK) * size);
  for (guint64 done = 0; done < n; done += CHUNK)
    {
      gsize now = MIN (n - done, CHUNK);
      if (!moa_file_read (file->fd, file->path, offset + done * size, raw, now * size, error))
        return FALSE;
      if (floats)
        to_floats (tensor->dtype, raw, floats + done, now);
      else
        to_ints (tensor->dtype, raw, ints + done, now);
    }
  return TRUE;
}

gboolean
moa_safetensors_read_float (MoaSafetensors *file, const MoaFileTensor *tensor, guint64 first,
                            guint64 n, float *out, GError **error)
{
  if (tensor->dtype == MOA_DTYPE_BOOL)
    return moa_fail (error, MOA_ERROR_FILE, "%s: tensor \"%s\" holds truth values, not numbers",
                     file->path, tensor->name);
  return read_elements (file, tensor, first, n, out, NULL, error);
}

gboolean
moa_safetensors_read_int (MoaSafetensors *file, const MoaFileTensor *tensor, guint64 first,
                          guint64 n, gint64 *out, GError **error)
{
  if (tensor->dtype < MOA_DTYPE_I64)
    return moa_fail (error, MOA_ERROR_FILE, "%s: tensor \"%s\" holds %s, not whole numbers",
                     file->path, tensor->name, dtypes[tensor->dtype].name);
  return read_elements (file, tensor, first, n, NULL, out, error);
}

gboolean
moa_safetensors_read_raw (MoaSafetensors *file, const MoaFileTensor *tensor, guint64 first,
                          gsize n, void *out, GError **error)
{
  g_assert (first <= tensor->bytes && n <= tensor->bytes - first);
  return moa_file_read (file->fd, file->path, tensor->offset + first, out, n, error);
}
