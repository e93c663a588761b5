/* Reading and writing safetensors: exact values from good files, and one clear
 * error from each kind of bad one. */
#include "base/half.h"
#include "io/safetensors.h"
#include "io-util.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* length, header, then n zero bytes of data */
static char *
file_of (guint64 length, const char *header, gsize header_n, gsize data_n)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree guint8 *zeros = g_malloc0 (data_n + 1);
  g_byte_array_append (bytes, (const guint8 *) &length, 8);
  g_byte_array_append (bytes, (const guint8 *) header, header_n);
  g_byte_array_append (bytes, zeros, data_n);
  return scratch_file ("model.safetensors", bytes->data, bytes->len);
}

static void
assert_refused (const char *path, const char *fault)
{
  GError *error = NULL;
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_null (file);
  assert_fault (error, path, fault);
  g_assert_null (moa_safetensors_open (path, NULL)); /* nobody need listen */
}

/* ---- Faults ---------------------------------------------------------- */

#define T(name, dtype, shape, from, to) \
  "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

typedef struct {
  const char *name, *header;
  gsize data;
  const char *fault;
} HeaderFault;

static const HeaderFault header_faults[] = {
  /* JSON */
  { "empty-header", "", 0, "does not begin with a brace" },
  { "leading-space", " {}", 0, "does not begin with a brace" },
  { "array", "[]", 0, "does not begin with a brace" },
  { "open-brace", "{", 0, "not valid JSON" },
  { "unclosed", "{" T ("a", "F32", "[1]", "0", "4"), 4, "not valid JSON" },
  { "trailing-text", "{} x", 0, "not valid JSON" },
  { "trailing-comma", "{" T ("a", "F32", "[1]", "0", "4") ",}", 4, "not valid JSON" },
  { "two-objects", "{}{}", 0, "not valid JSON" },
  { "bad-utf8", "{\"a\xff\":1}", 0, "not valid JSON" },
  { "nul-in-name", "{\"a\\u0000b\":1}", 0, "not valid JSON" },
  { "lone-surrogate", "{\"a\\ud800\":1}", 0, "not valid JSON" },
  { "huge-number", "{\"a\":99999999999999999999999999}", 0, "not valid JSON" },
  { "nan", "{\"a\":NaN}", 0, "not valid JSON" },
  { "duplicate-tensor", "{" T ("a", "F32", "[1]", "0", "4") "," T ("a", "F32", "[1]", "4", "8") "}",
    8, "duplicate" },
  { "duplicate-escaped", "{" T ("a", "F32", "[1]", "0", "4") ","
    T ("\\u0061", "F32", "[1]", "4", "8") "}", 8, "duplicate" },
  { "duplicate-key", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F16\",\"shape\":[1],"
    "\"data_offsets\":[0,4]}}", 4, "duplicate" },
  { "deep", "{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", 0, "nested more than 16" },
  /* entries */
  { "number-entry", "{\"a\":1}", 0, "tensor \"a\" is not described" },
  { "null-entry", "{\"a\":null}", 0, "tensor \"a\" is not described" },
  { "array-entry", "{\"a\":[\"F32\",[1],[0,4]]}", 4, "tensor \"a\" is not described" },
  { "empty-entry", "{\"a\":{}}", 0, "tensor \"a\" is not described" },
  { "no-dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "is not described" },
  { "no-shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "is not described" },
  { "no-offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "is not described" },
  { "surplus-key", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
    "is not described" },
  { "empty-name", "{" T ("", "F32", "[1]", "0", "4") "}", 4, "name is empty" },
  { "control-name", "{" T ("a\\nb", "F32", "[1]", "0", "4") "}", 4, "control characters" },
  /* types */
  { "number-dtype", "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "has no dtype" },
  { "unknown-dtype", "{" T ("a", "F8_E4M3", "[4]", "0", "4") "}", 4, "is of type \"F8_E4M3\"" },
  { "lower-dtype", "{" T ("a", "f32", "[1]", "0", "4") "}", 4, "is of type \"f32\"" },
  { "empty-dtype", "{" T ("a", "", "[1]", "0", "4") "}", 4, "is of type \"\"" },
  { "odd-dtype", "{" T ("a", "\\n\\u00ff", "[1]", "0", "4") "}", 4, "is of type \"\\n" },
  /* shapes */
  { "string-shape", "{" T ("a", "F32", "\"1\"", "0", "4") "}", 4, "has no shape" },
  { "object-shape", "{" T ("a", "F32", "{}", "0", "4") "}", 4, "has no shape" },
  { "real-dim", "{" T ("a", "F32", "[1.0]", "0", "4") "}", 4, "whole numbers" },
  { "string-dim", "{" T ("a", "F32", "[\"1\"]", "0", "4") "}", 4, "whole numbers" },
  { "negative-dim", "{" T ("a", "F32", "[-1]", "0", "4") "}", 4, "whole numbers" },
  { "two-negatives", "{" T ("a", "F32", "[-1,-1]", "0", "4") "}", 4, "whole numbers" },
  { "nine-dims", "{" T ("a", "F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, "9 dimensions" },
  { "product-overflow", "{" T ("a", "U8", "[4294967296,4294967297]", "0", "4") "}", 4, "overflows" },
  { "product-wraps-to-4", "{" T ("a", "U8", "[4611686018427387905,4]", "0", "4") "}", 4,
    "overflows" },
  { "bytes-overflow", "{" T ("a", "F64", "[4611686018427387904]", "0", "0") "}", 0, "overflows" },
  { "overflow-to-nothing", "{" T ("a", "F32", "[9223372036854775807,9223372036854775807,0]", "0", "0")
    "}", 0, "overflows" },
  { "span-too-small", "{" T ("a", "F32", "[2]", "0", "4") "}", 4, "takes 8 bytes" },
  { "span-too-large", "{" T ("a", "F32", "[1]", "0", "8") "}", 8, "takes 4 bytes" },
  { "scalar-of-nothing", "{" T ("a", "F32", "[]", "0", "0") "}", 0, "takes 4 bytes" },
  /* offsets */
  { "number-offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":4}}", 4,
    "two whole numbers" },
  { "one-offset", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4]}}", 4,
    "two whole numbers" },
  { "three-offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8,
    "two whole numbers" },
  { "real-offset", "{" T ("a", "F32", "[1]", "0", "4.0") "}", 4, "two whole numbers" },
  { "negative-offset", "{" T ("a", "F32", "[1]", "-4", "0") "}", 4, "two whole numbers" },
  { "backward", "{" T ("a", "F32", "[1]", "4", "0") "}", 4, "ends before it begins" },
  { "past-the-end", "{" T ("a", "F32", "[2]", "0", "8") "}", 4, "cut short" },
  { "far-past-the-end", "{" T ("a", "U8", "[9223372036854775807]", "0", "9223372036854775807") "}", 4,
    "cut short" },
  { "no-data", "{" T ("a", "F32", "[1]", "0", "4") "}", 0, "cut short" },
  { "overlap", "{" T ("a", "F32", "[2]", "0", "8") "," T ("b", "F32", "[2]", "4", "12") "}", 12,
    "overlaps" },
  { "same-place", "{" T ("a", "F32", "[1]", "0", "4") "," T ("b", "F32", "[1]", "0", "4") "}", 4,
    "overlaps" },
  { "inside", "{" T ("a", "F32", "[3]", "0", "12") "," T ("b", "F32", "[1]", "4", "8") "}", 12,
    "overlaps" },
  { "hole", "{" T ("a", "F32", "[1]", "0", "4") "," T ("b", "F32", "[1]", "8", "12") "}", 12, "holes" },
  { "hole-before", "{" T ("a", "F32", "[1]", "4", "8") "}", 8, "holes" },
  { "empty-in-hole", "{" T ("a", "F32", "[0]", "4", "4") "}", 4, "holes" },
  { "bytes-after", "{" T ("a", "F32", "[1]", "0", "4") "}", 5, "1 bytes after its last" },
  { "data-of-none", "{}", 4, "4 bytes after its last" },
  /* metadata */
  { "metadata-string", "{\"__metadata__\":\"pt\"}", 0, "__metadata__ is not an object" },
  { "metadata-null", "{\"__metadata__\":null}", 0, "__metadata__ is not an object" },
  { "metadata-number", "{\"__metadata__\":{\"a\":1}}", 0, "no string" },
  { "metadata-nested", "{\"__metadata__\":{\"a\":{}}}", 0, "no string" },
};

static void
test_header_fault (gconstpointer data)
{
  const HeaderFault *f = data;
  gsize n = strlen (f->header);
  char *path = file_of (n, f->header, n, f->data);
  assert_refused (path, f->fault);
  scratch_free (path);
}

typedef struct {
  const char *name, *file, *bytes;
  gsize n;
  const char *fault;
} RawFault;

static const RawFault raw_faults[] = {
  { "empty", "a.safetensors", "", 0, "has 0 bytes" },
  { "seven-bytes", "a.safetensors", "\2\0\0\0\0\0\0", 7, "has 7 bytes" },
  { "no-header", "a.safetensors", "\2\0\0\0\0\0\0\0", 8, "cut short" },
  { "header-cut", "a.safetensors", "\100\0\0\0\0\0\0\0{\"a\":", 13, "cut short" },
  { "length-of-zero", "a.safetensors", "\0\0\0\0\0\0\0\0", 8, "begin with a brace" },
  { "length-over-100-mb", "a.safetensors", "\1\341\365\5\0\0\0\0{}", 10, "more than the 100000000" },
  { "length-of-all-ones", "a.safetensors", "\377\377\377\377\377\377\377\377{}", 10, "more than the" },
  { "length-that-wraps", "a.safetensors", "\370\377\377\377\377\377\377\377{}", 10, "more than the" },
  { "length-of-sign-bit", "a.safetensors", "\0\0\0\0\0\0\0\200{}", 10, "more than the" },
  { "png", "a.safetensors", "\211PNG\r\n\032\n????", 12, "not a safetensors file" },
  { "text", "a.safetensors", "Entry not found here", 20, "not a safetensors file" },
  { "lfs", "a.safetensors", "version https://git-lfs.github.com/spec/v1\n", 43, "git lfs pull" },
  { "zip", "a.safetensors", "PK\3\4\0\0\0\0\0\0\0\0", 12, "Convert it to safetensors" },
  { "protocol-2", "a.safetensors", "\200\2}q\0(X\6\0\0\0", 11, "Convert it to safetensors" },
  { "protocol-4", "a.safetensors", "\200\4\225\15\0\0\0\0\0\0\0\214", 12, "Convert it to" },
  { "ckpt", "v1-5.ckpt", "\2\0\0\0\0\0\0\0{}", 10, "Convert it to safetensors" },
  { "bin", "pytorch_model.BIN", "whatever", 8, "Convert it to safetensors" },
  { "pt", "moa.pt", "", 0, "Convert it to safetensors" },
};

static void
test_raw_fault (gconstpointer data)
{
  const RawFault *f = data;
  char *path = scratch_file (f->file, f->bytes, f->n);
  assert_refused (path, f->fault);
  scratch_free (path);
}

/* Many values make much more memory than text. */
static void
test_many_values (void)
{
  g_autoptr (GString) s = g_string_new ("{\"a\":[0");
  for (int i = 0; i < 1000000; i++)
    g_string_append (s, ",0");
  g_string_append (s, "]}");
  char *path = file_of (s->len, s->str, s->len, 0);
  assert_refused (path, "more than 1000000 values");
  scratch_free (path);

  g_autofree char *name = g_strnfill (1025, 'n');
  g_autofree char *header
    = g_strdup_printf ("{\"%s\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", name);
  path = file_of (strlen (header), header, strlen (header), 0);
  assert_refused (path, "longer than 1024");
  scratch_free (path);
}

/* A header that a sparse file of 101 MB pretends to have. */
static void
test_sparse_header (void)
{
  char *path = file_of (100000000, "{", 1, 0);
  g_assert_cmpint (truncate (path, 101000000), ==, 0);
  assert_refused (path, "not valid JSON");
  scratch_free (path);
}

static void
test_not_a_file (void)
{
  char *path = scratch_file ("a.safetensors", "", 0);
  g_autofree char *folder = g_path_get_dirname (path);
  g_unlink (path);
  assert_refused (path, "cannot be opened");
  assert_refused (folder, "is a folder");
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  assert_refused (path, "pipe"); /* and does not wait for a writer */
  g_unlink (path);
  g_assert_cmpint (symlink ("a.safetensors", path), ==, 0);
  assert_refused (path, "cannot be opened"); /* a link to itself */
  g_unlink (path);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (path);
  assert_refused ("/dev/zero", "device");
  assert_refused ("", "cannot be opened");
}

/* ---- Good files ------------------------------------------------------ */

/* All types, an empty tensor, a scalar and metadata. */
static char *
write_sample (void)
{
  static const double f64[] = { 1.5, -1e30, 0 };
  static const float f32[] = { 3.25f, -0.0f };
  static const guint16 f16[] = { 0x3c00, 0xc000, 0x0001, 0x7bff };
  static const guint16 bf16[] = { 0x3f80, 0xc040 };
  static const gint64 i64[] = { G_MININT64, G_MAXINT64, -7 };
  static const gint32 i32[] = { G_MININT32, 2147483647 };
  static const guint8 u8[] = { 0, 200, 255 };
  static const guint8 flags[] = { 0, 1 };
  const gint64 two[] = { 2 }, three[] = { 3 }, square[] = { 2, 2 }, empty[] = { 4, 0, 3 };
  GError *error = NULL;
  char *path = scratch_file ("sample.safetensors", "old", 3);
  MoaSafetensorsWriter *w = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (w, "f64", MOA_DTYPE_F64, 1, three, f64);
  moa_safetensors_writer_add (w, "flags", MOA_DTYPE_BOOL, 1, two, flags);
  moa_safetensors_writer_add (w, "f16", MOA_DTYPE_F16, 2, square, f16);
  moa_safetensors_writer_add (w, "u8", MOA_DTYPE_U8, 1, three, u8);
  moa_safetensors_writer_add (w, "empty", MOA_DTYPE_F32, 3, empty, NULL);
  moa_safetensors_writer_add (w, "bf16", MOA_DTYPE_BF16, 1, two, bf16);
  moa_safetensors_writer_add (w, "i64", MOA_DTYPE_I64, 1, three, i64);
  moa_safetensors_writer_add (w, "f32", MOA_DTYPE_F32, 1, two, f32);
  moa_safetensors_writer_add (w, "i32 \"\303\251\\", MOA_DTYPE_I32, 1, two, i32);
  moa_safetensors_writer_add (w, "scalar", MOA_DTYPE_F32, 0, NULL, f32);
  moa_safetensors_writer_metadata (w, "format", "pt");
  g_assert_true (moa_safetensors_writer_save (w, path, &error));
  g_assert_no_error (error);
  moa_safetensors_writer_free (w);
  return path;
}

static void
assert_floats (MoaSafetensors *file, const char *name, int n, const float *expected)
{
  GError *error = NULL;
  float values[8];
  const MoaFileTensor *tensor = moa_safetensors_find (file, name);
  g_assert_nonnull (tensor);
  g_assert_cmpuint (tensor->n, ==, n);
  g_assert_true (moa_safetensors_read_float (file, tensor, 0, n, values, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (values, n * sizeof (float), expected, n * sizeof (float));
}

static void
assert_ints (MoaSafetensors *file, const char *name, int n, const gint64 *expected)
{
  GError *error = NULL;
  gint64 values[8];
  const MoaFileTensor *tensor = moa_safetensors_find (file, name);
  g_assert_nonnull (tensor);
  g_assert_true (moa_safetensors_read_int (file, tensor, 0, n, values, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (values, n * sizeof (gint64), expected, n * sizeof (gint64));
}

static void
test_round_trip (void)
{
  GError *error = NULL;
  char *path = write_sample ();
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (moa_safetensors_path (file), ==, path);
  g_assert_cmpint (moa_safetensors_count (file), ==, 10);
  g_assert_cmpstr (moa_safetensors_metadata (file, "format"), ==, "pt");
  g_assert_null (moa_safetensors_metadata (file, "other"));
  g_assert_null (moa_safetensors_find (file, "other"));
  g_assert_null (moa_safetensors_find (file, "__metadata__"));
  g_assert_cmpstr (moa_safetensors_tensor (file, 0)->name, ==, "f64");
  g_assert_cmpstr (moa_safetensors_tensor (file, 4)->name, ==, "empty");
  g_assert_cmpstr (moa_safetensors_tensor (file, 9)->name, ==, "scalar");
  g_assert_cmpuint (moa_safetensors_tensor (file, 0)->offset % 8, ==, 0);
  const MoaFileTensor *empty = moa_safetensors_find (file, "empty");
  g_assert_true (empty->rank == 3 && empty->dim[0] == 4 && empty->dim[1] == 0 && empty->n == 0);
  g_assert_cmpint (moa_safetensors_find (file, "scalar")->rank, ==, 0);

  assert_floats (file, "f64", 3, (float[]) { 1.5f, -1e30f, 0 });
  assert_floats (file, "f32", 2, (float[]) { 3.25f, -0.0f });
  assert_floats (file, "f16", 4, (float[]) { 1, -2, 0x1p-24f, 65504 });
  assert_floats (file, "bf16", 2, (float[]) { 1, -3 });
  assert_floats (file, "i64", 3, (float[]) { -0x1p63f, 0x1p63f, -7 });
  assert_floats (file, "i32 \"\303\251\\", 2, (float[]) { -0x1p31f, 0x1p31f });
  assert_floats (file, "u8", 3, (float[]) { 0, 200, 255 });
  assert_floats (file, "scalar", 1, (float[]) { 3.25f });
  assert_floats (file, "empty", 0, (float[]) { 0 });
  assert_ints (file, "i64", 3, (gint64[]) { G_MININT64, G_MAXINT64, -7 });
  assert_ints (file, "i32 \"\303\251\\", 2, (gint64[]) { G_MININT32, 2147483647 });
  assert_ints (file, "u8", 3, (gint64[]) { 0, 200, 255 });
  assert_ints (file, "flags", 2, (gint64[]) { 0, 1 });
  moa_safetensors_close (file);
  scratch_free (path);
}

static void
test_wrong_reads (void)
{
  GError *error = NULL;
  float f[8];
  gint64 i[8];
  char *path = write_sample ();
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  const MoaFileTensor *flags = moa_safetensors_find (file, "flags");
  const MoaFileTensor *f16 = moa_safetensors_find (file, "f16");
  g_assert_false (moa_safetensors_read_float (file, flags, 0, 2, f, &error));
  assert_fault (g_steal_pointer (&error), path, "truth values");
  g_assert_false (moa_safetensors_read_int (file, f16, 0, 2, i, &error));
  assert_fault (g_steal_pointer (&error), path, "holds F16, not whole numbers");
  g_assert_false (moa_safetensors_read_float (file, f16, 0, 5, f, &error));
  assert_fault (g_steal_pointer (&error), path, "has 4 elements");
  g_assert_false (moa_safetensors_read_float (file, f16, 5, 0, f, &error));
  assert_fault (g_steal_pointer (&error), path, "has 4 elements");
  g_assert_false (moa_safetensors_read_float (file, f16, G_MAXUINT64, 2, f, &error));
  assert_fault (g_steal_pointer (&error), path, "has 4 elements");
  g_assert_true (moa_safetensors_read_float (file, f16, 4, 0, f, &error));

  /* cut after it was opened */
  g_assert_cmpint (truncate (path, f16->offset + 4), ==, 0);
  g_assert_true (moa_safetensors_read_float (file, f16, 0, 2, f, &error));
  g_assert_false (moa_safetensors_read_float (file, f16, 0, 4, f, &error));
  assert_fault (g_steal_pointer (&error), path, "cut short after");
  moa_safetensors_close (file);
  scratch_free (path);
}

static void
test_small_files (void)
{
  static const char *const headers[] = {
    "{}", "{}      ", "{ }\n\t\r ", "{\"__metadata__\":{}}",
    "{" T ("b", "F32", "[0]", "0", "0") "," T ("a", "F32", "[0,5]", "0", "0") "}",
    "{" T ("z", "U8", "[1]", "0", "1") "," T ("e", "U8", "[0]", "1", "1") "}",
    "{" T ("e", "U8", "[0]", "0", "0") "," T ("z", "U8", "[1]", "0", "1") "}",
  };
  for (gsize i = 0; i < G_N_ELEMENTS (headers); i++)
    {
      GError *error = NULL;
      gsize n = strlen (headers[i]);
      char *path = file_of (n, headers[i], n, i >= 5 ? 1 : 0);
      MoaSafetensors *file = moa_safetensors_open (path, &error);
      g_assert_no_error (error);
      g_assert_cmpint (moa_safetensors_count (file), ==, i < 4 ? 0 : 2);
      moa_safetensors_close (file);
      scratch_free (path);
    }
}

/* More elements than are converted at a time, from the middle on, by threads. */
typedef struct {
  MoaSafetensors *file;
  const MoaFileTensor *tensor;
} Part;

static gpointer
read_parts (gpointer data)
{
  const Part *part = data;
  g_autofree float *out = g_new (float, 200000);
  for (guint64 first = 0; first < 100000; first += 33333)
    {
      GError *error = NULL;
      g_assert_true (moa_safetensors_read_float (part->file, part->tensor, first, 150000, out, &error));
      g_assert_no_error (error);
      for (guint64 i = 0; i < 150000; i++)
        g_assert_cmpfloat (out[i], ==, (first + i) % 2048);
    }
  return NULL;
}

static void
test_large (void)
{
  GError *error = NULL;
  const gint64 dim[] = { 500, 500 };
  g_autofree guint16 *data = g_new (guint16, 250000);
  for (int i = 0; i < 250000; i++)
    data[i] = moa_half_from_float (i % 2048);
  char *path = scratch_file ("large.safetensors", "", 0);
  MoaSafetensorsWriter *w = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (w, "a", MOA_DTYPE_F16, 2, dim, data);
  g_assert_true (moa_safetensors_writer_save (w, path, &error));
  moa_safetensors_writer_free (w);
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (moa_safetensors_bytes (file), ==,
                    moa_safetensors_tensor (file, 0)->offset + 500000);
  Part part = { file, moa_safetensors_find (file, "a") };
  GThread *threads[4];
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new ("reader", read_parts, &part);
  for (int i = 0; i < 4; i++)
    g_thread_join (threads[i]);
  moa_safetensors_close (file);
  scratch_free (path);
}

static void
test_writer_faults (void)
{
  GError *error = NULL;
  const gint64 one[] = { 1 };
  const float f = 1;
  char *path = scratch_file ("a.safetensors", "kept", 4);
  g_autofree char *nowhere = g_strconcat (path, "/b.safetensors", NULL);
  g_autofree char *kept = NULL;
  MoaSafetensorsWriter *w = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (w, "a", MOA_DTYPE_F32, 1, one, &f);
  g_assert_false (moa_safetensors_writer_save (w, nowhere, &error));
  assert_fault (g_steal_pointer (&error), nowhere, "cannot be written");
  moa_safetensors_writer_add (w, "a", MOA_DTYPE_F32, 1, one, &f);
  g_assert_false (moa_safetensors_writer_save (w, path, &error));
  assert_fault (g_steal_pointer (&error), path, "two tensors are named \"a\"");
  g_assert_true (g_file_get_contents (path, &kept, NULL, NULL));
  g_assert_cmpstr (kept, ==, "kept");
  moa_safetensors_writer_free (w);
  scratch_free (path); /* and no half-written file beside it */
}

/* Each prefix of a good file, and each byte of its header set to each of
 * several values, is read or refused. */
static void
test_damage (void)
{
  static const guint8 values[] = { 0, '0', '9', '"', '{', '}', '[', ']', ',', ':', '-', '\\', 0xff };
  GError *error = NULL;
  char *path = write_sample (), *text;
  gsize n;
  g_assert_true (g_file_get_contents (path, &text, &n, NULL));
  guint64 header_n;
  memcpy (&header_n, text, 8);
  for (gsize cut = 0; cut < n; cut++)
    {
      g_assert_cmpint (truncate (path, 0), ==, 0);
      int fd = open (path, O_WRONLY);
      g_assert_cmpint (write (fd, text, cut), ==, (gssize) cut);
      close (fd);
      g_assert_null (moa_safetensors_open (path, &error));
      assert_fault (g_steal_pointer (&error), path, ":");
    }
  int fd = open (path, O_WRONLY);
  g_assert_cmpint (write (fd, text, n), ==, (gssize) n);
  int refused = 0;
  for (gsize i = 0; i < 8 + header_n; i++)
    for (gsize k = 0; k < sizeof values; k++)
      {
        g_assert_cmpint (pwrite (fd, &values[k], 1, i), ==, 1);
        MoaSafetensors *file = moa_safetensors_open (path, &error);
        if (!file)
          {
            assert_fault (g_steal_pointer (&error), path, ":");
            refused++;
          }
        moa_safetensors_close (file);
        g_assert_cmpint (pwrite (fd, &text[i], 1, i), ==, 1);
      }
  g_assert_cmpint (refused, >, 5000);
  close (fd);
  g_free (text);
  scratch_free (path);
}

/* The float16 file of the VAE under its old names holds the same numbers. */
static void
test_fixture_values (void)
{
  GError *error = NULL;
  g_autofree char *a_path = fixture ("tiny/vae/diffusion_pytorch_model.safetensors");
  g_autofree char *b_path
    = a_path ? fixture ("tiny/vae-old-names/diffusion_pytorch_model.safetensors") : NULL;
  if (!b_path)
    return;
  MoaSafetensors *a = moa_safetensors_open (a_path, &error);
  g_assert_no_error (error);
  MoaSafetensors *b = moa_safetensors_open (b_path, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moa_safetensors_count (a), ==, moa_safetensors_count (b));
  int compared = 0;
  for (int i = 0; i < moa_safetensors_count (a); i++)
    {
      const MoaFileTensor *x = moa_safetensors_tensor (a, i);
      const MoaFileTensor *y = moa_safetensors_find (b, x->name);
      if (!y)
        continue;
      g_autofree float *u = g_new (float, x->n), *v = g_new (float, x->n);
      g_assert_true (moa_safetensors_read_float (a, x, 0, x->n, u, &error));
      g_assert_true (moa_safetensors_read_float (b, y, 0, x->n, v, &error));
      g_assert_cmpmem (u, x->n * sizeof (float), v, x->n * sizeof (float));
      compared++;
    }
  g_assert_cmpint (compared, ==, moa_safetensors_count (a) - 16);
  moa_safetensors_close (a);
  moa_safetensors_close (b);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (header_faults); i++)
    {
      g_autofree char *name = g_strconcat ("/safetensors/fault/", header_faults[i].name, NULL);
      g_test_add_data_func (name, &header_faults[i], test_header_fault);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (raw_faults); i++)
    {
      g_autofree char *name = g_strconcat ("/safetensors/fault/", raw_faults[i].name, NULL);
      g_test_add_data_func (name, &raw_faults[i], test_raw_fault);
    }
  g_test_add_func ("/safetensors/fault/many-values", test_many_values);
  g_test_add_func ("/safetensors/fault/sparse-header", test_sparse_header);
  g_test_add_func ("/safetensors/fault/not-a-file", test_not_a_file);
  g_test_add_func ("/safetensors/round-trip", test_round_trip);
  g_test_add_func ("/safetensors/wrong-reads", test_wrong_reads);
  g_test_add_func ("/safetensors/small-files", test_small_files);
  g_test_add_func ("/safetensors/large", test_large);
  g_test_add_func ("/safetensors/writer-faults", test_writer_faults);
  g_test_add_func ("/safetensors/damage", test_damage);
  g_test_add_func ("/safetensors/fixture-values", test_fixture_values);
  return g_test_run ();
}
