/* The JSON header of safetensors: NAME -> {"dtype", "shape", "data_offsets":
 * [begin, end]} with offsets from the header's end, and "__metadata__" ->
 * strings.  Whatever is not exactly that is refused. */
#include "io/safetensors_header.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define MAX_NAME 1024

static gboolean
check_metadata (const char *path, json_t *metadata, GError **error)
{
  const char *key;
  json_t *value;
  if (!json_is_object (metadata))
    return moa_fail (error, MOA_ERROR_FILE, "%s: __metadata__ is not an object", path);
  json_object_foreach (metadata, key, value)
    if (!json_is_string (value))
      return moa_fail (error, MOA_ERROR_FILE, "%s: __metadata__ holds something that is no string",
                       path);
  return TRUE;
}

static gboolean
check_name (const char *path, const char *name, GError **error)
{
  gboolean printable = TRUE;
  for (const char *p = name; *p; p++)
    printable = printable && (guchar) *p >= 0x20 && *p != 0x7f;
  if (!*name || !printable || strlen (name) > MAX_NAME)
    return moa_fail (error, MOA_ERROR_FILE, "%s: a tensor's name is empty, longer than %d bytes or "
                     "holds control characters", path, MAX_NAME);
  return TRUE;
}

static gboolean G_GNUC_PRINTF (4, 5)
fail_tensor (const char *path, const char *name, GError **error, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_autofree char *fault = g_strdup_vprintf (format, args);
  va_end (args);
  return moa_fail (error, MOA_ERROR_FILE, "%s: tensor \"%s\" %s", path, name, fault);
}

static gboolean
parse_dtype (const char *path, json_t *json, MoaFileTensor *tensor, GError **error)
{
  const char *name = json_string_value (json);
  if (!name)
    return fail_tensor (path, tensor->name, error, "has no dtype");
  for (int i = 0; i < MOA_N_DTYPES; i++)
    if (strcmp (name, moa_dtype_name (i)) == 0)
      {
        tensor->dtype = i;
        return TRUE;
      }
  g_autofree char *shown = g_strescape (name, NULL);
  return fail_tensor (path, tensor->name, error, "is of type \"%.40s\"; F64, F32, F16, BF16, I64, "
                      "I32, U8 and BOOL can be read", shown);
}

static gboolean
parse_shape (const char *path, json_t *json, MoaFileTensor *tensor, GError **error)
{
  if (!json_is_array (json))
    return fail_tensor (path, tensor->name, error, "has no shape");
  if (json_array_size (json) > MOA_MAX_RANK)
    return fail_tensor (path, tensor->name, error, "has %" G_GSIZE_FORMAT " dimensions; at most %d "
                        "can be read", json_array_size (json), MOA_MAX_RANK);
  tensor->rank = json_array_size (json);
  tensor->n = 1;
  gboolean too_large = FALSE;
  for (int i = 0; i < tensor->rank; i++)
    {
      json_t *dim = json_array_get (json, i);
      if (!json_is_integer (dim) || json_integer_value (dim) < 0)
        return fail_tensor (path, tensor->name, error, "has a shape that is not made of whole "
                            "numbers from 0 on");
      tensor->dim[i] = json_integer_value (dim);
      too_large |= __builtin_mul_overflow (tensor->n, (guint64) tensor->dim[i], &tensor->n);
    }
  too_large |= __builtin_mul_overflow (tensor->n, (guint64) moa_dtype_size (tensor->dtype),
                                       &tensor->bytes);
  if (too_large)
    return fail_tensor (path, tensor->name, error, "has a shape whose size overflows 64 bits");
  return TRUE;
}

static gboolean
parse_offsets (const char *path, json_t *json, guint64 data_bytes, MoaFileTensor *tensor,
               GError **error)
{
  json_t *from = json_array_get (json, 0), *to = json_array_get (json, 1);
  if (json_array_size (json) != 2 || !json_is_integer (from) || !json_is_integer (to)
      || json_integer_value (from) < 0 || json_integer_value (to) < 0)
    return fail_tensor (path, tensor->name, error, "has data_offsets that are not two whole "
                        "numbers from 0 on");
  guint64 begin = json_integer_value (from), end = json_integer_value (to);
  if (begin > end)
    return fail_tensor (path, tensor->name, error, "ends before it begins (data_offsets)");
  if (end > data_bytes)
    return fail_tensor (path, tensor->name, error, "ends at byte %" G_GUINT64_FORMAT " of the "
                        "data, which have %" G_GUINT64_FORMAT "; the file is cut short or damaged",
                        end, data_bytes);
  if (end - begin != tensor->bytes)
    return fail_tensor (path, tensor->name, error, "takes %" G_GUINT64_FORMAT " bytes by its shape "
                        "and type, but %" G_GUINT64_FORMAT " by its data_offsets", tensor->bytes,
                        end - begin);
  tensor->offset = begin;
  return TRUE;
}

static gboolean
parse_tensor (const char *path, const char *name, json_t *json, guint64 data_bytes,
              MoaFileTensor *tensor, GError **error)
{
  if (!check_name (path, name, error))
    return FALSE;
  tensor->name = (char *) name;
  json_t *dtype = json_object_get (json, "dtype");
  json_t *shape = json_object_get (json, "shape");
  json_t *offsets = json_object_get (json, "data_offsets");
  if (!dtype || !shape || !offsets || json_object_size (json) != 3)
    return fail_tensor (path, name, error,
                        "is not described by just dtype, shape and data_offsets");
  return parse_dtype (path, dtype, tensor, error)
         && parse_shape (path, shape, tensor, error)
         && parse_offsets (path, offsets, data_bytes, tensor, error);
}

/* Empty tensors come before the one that begins where they do. */
static int
compare_offsets (const void *a, const void *b)
{
  const MoaFileTensor *x = a, *y = b;
  if (x->offset != y->offset)
    return x->offset < y->offset ? -1 : 1;
  if (x->bytes != y->bytes)
    return x->bytes < y->bytes ? -1 : 1;
  return strcmp (x->name, y->name);
}

static gboolean
check_cover (const MoaSafetensorsHeader *header, const char *path, guint64 data_bytes,
             GError **error)
{
  guint64 reached = 0;
  for (int i = 0; i < header->n; i++)
    {
      const MoaFileTensor *tensor = &header->tensors[i];
      if (tensor->offset < reached)
        return fail_tensor (path, tensor->name, error, "overlaps \"%s\"",
                            header->tensors[i - 1].name);
      if (tensor->offset > reached)
        return fail_tensor (path, tensor->name, error, "begins %" G_GUINT64_FORMAT " bytes after "
                            "the tensor before it ends; there may be no holes",
                            tensor->offset - reached);
      reached += tensor->bytes;
    }
  if (reached != data_bytes)
    return moa_fail (error, MOA_ERROR_FILE, "%s: has %" G_GUINT64_FORMAT " bytes after its last "
                     "tensor that belong to none", path, data_bytes - reached);
  return TRUE;
}

gboolean
moa_safetensors_header_parse (MoaSafetensorsHeader *header, const char *path, const char *text,
                              gsize length, guint64 data_bytes, GError **error)
{
  if (length == 0 || text[0] != '{')
    return moa_fail (error, MOA_ERROR_FILE, "%s: is not a safetensors file: its header does not "
                     "begin with a brace", path);
  g_autofree char *where = g_strdup_printf ("%s: the header", path);
  header->json = moa_json_parse (text, length, where, error);
  if (!header->json)
    return FALSE;

  const char *name;
  json_t *value;
  header->tensors = g_new0 (MoaFileTensor, json_object_size (header->json));
  json_object_foreach (header->json, name, value)
    {
      if (strcmp (name, "__metadata__") == 0)
        {
          if (!check_metadata (path, value, error))
            return FALSE;
        }
      else if (!parse_tensor (path, name, value, data_bytes, &header->tensors[header->n++], error))
        return FALSE;
    }
  if (header->n > 0)
    qsort (header->tensors, header->n, sizeof (MoaFileTensor), compare_offsets);
  return check_cover (header, path, data_bytes, error);
}

void
moa_safetensors_header_clear (MoaSafetensorsHeader *header)
{
  g_free (header->tensors);
  json_decref (header->json);
}
