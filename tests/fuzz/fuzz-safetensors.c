/* Any bytes as a safetensors file: refused with an error, or all that it says
 * it holds can be read. */
#include "fuzz.h"
#include "io/safetensors.h"

#include <string.h>
#include <unistd.h>

static void
read_tensor (MoaSafetensors *file, const MoaFileTensor *tensor, const char *path, gsize bytes)
{
  GError *error = NULL;
  g_assert_cmpuint (tensor->offset + tensor->bytes, <=, bytes);
  g_assert_cmpuint (tensor->n * moa_dtype_size (tensor->dtype), ==, tensor->bytes);
  g_assert_true (moa_safetensors_find (file, tensor->name) == tensor);
  g_autofree float *floats = g_new (float, tensor->n);
  g_autofree gint64 *ints = g_new (gint64, tensor->n);
  gboolean ok = moa_safetensors_read_float (file, tensor, 0, tensor->n, floats, &error);
  g_assert_cmpint (ok, ==, tensor->dtype != MOA_DTYPE_BOOL);
  if (!ok)
    fuzz_check_error (g_steal_pointer (&error), path);
  ok = moa_safetensors_read_int (file, tensor, 0, tensor->n, ints, &error);
  g_assert_cmpint (ok, ==, tensor->dtype >= MOA_DTYPE_I64);
  if (!ok)
    fuzz_check_error (error, path);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize n)
{
  GError *error = NULL;
  char path[64];
  int fd = fuzz_file (data, n, path);
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  if (file)
    for (int i = 0; i < moa_safetensors_count (file); i++)
      read_tensor (file, moa_safetensors_tensor (file, i), path, n);
  else
    fuzz_check_error (error, path);
  moa_safetensors_close (file);
  close (fd);
  return 0;
}

static const char *const seeds[] = {
  "{}",
  "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],"
  "\"data_offsets\":[0,24]}}",
  "{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"I64\","
  "\"shape\":[],\"data_offsets\":[4,12]},\"c\":{\"dtype\":\"BOOL\",\"shape\":[0,5],"
  "\"data_offsets\":[12,12]}}   ",
  "{\"x.y\":{\"data_offsets\":[3,11],\"dtype\":\"F64\",\"shape\":[1]},\"\\u00e9\":{\"dtype\":\"U8\","
  "\"shape\":[3],\"data_offsets\":[0,3]},\"z\":{\"dtype\":\"BF16\",\"shape\":[1,1,1,1,1,1,1,2],"
  "\"data_offsets\":[11,15]},\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[15,19]}}",
};
static const gsize seed_data[] = { 0, 24, 12, 19 };
const int fuzz_n_seeds = G_N_ELEMENTS (seeds);

GBytes *
fuzz_seed (int i)
{
  GByteArray *bytes = g_byte_array_new ();
  guint64 length = strlen (seeds[i]);
  g_byte_array_append (bytes, (const guint8 *) &length, 8);
  g_byte_array_append (bytes, (const guint8 *) seeds[i], length);
  for (gsize k = 0; k < seed_data[i]; k++)
    g_byte_array_append (bytes, &(guint8) { k * 37 }, 1);
  return g_byte_array_free_to_bytes (bytes);
}
