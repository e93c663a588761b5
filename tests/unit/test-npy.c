/* .npy files: those of NumPy 2 (their bytes are below), faults, hostile ones. */
#include "io-util.h"
#include "train/data-private.h"

/* A file as NumPy writes it: version, header, data in hexadecimal. */
static char *
npy_file (int version, const char *header, const char *hex)
{
  GString *bytes = g_string_new (NULL);
  gsize start = version == 1 ? 10 : 12, length = 128 - start;
  g_string_append_len (bytes, "\x93NUMPY", 6);
  g_string_append_c (bytes, version);
  g_string_append_c (bytes, 0);
  g_string_append_c (bytes, length);
  for (gsize i = 1; i < start - 8; i++)
    g_string_append_c (bytes, 0);
  g_string_append_printf (bytes, "%-*s\n", (int) length - 1, header);
  for (; *hex; hex += 2)
    g_string_append_c (bytes, g_ascii_xdigit_value (hex[0]) << 4 | g_ascii_xdigit_value (hex[1]));
  char *path = scratch_file ("map.npy", bytes->str, bytes->len);
  g_string_free (bytes, TRUE);
  return path;
}

static void
test_npy_read (void)
{
  static const struct {
    int version;
    const char *header, *hex;
    gint32 values[6];
  } files[] = {
    { 1, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
      "00000000010000000200000003000000fcffffff70110100", { 0, 1, 2, 3, -4, 70000 } },
    { 2, "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
      "00000000010000000200000003000000fcffffff70110100", { 0, 1, 2, 3, -4, 70000 } },
    { 1, "{'descr': '>i2', 'fortran_order': False, 'shape': (2, 3), }",
      "0000000100020003fffc01f4", { 0, 1, 2, 3, -4, 500 } },
    { 1, "{'descr': '<i8', 'fortran_order': True, 'shape': (2, 3), }",
      "000000000000000003000000000000000100000000000000fcffffffffffffff0200000000000000"
      "7011010000000000", { 0, 1, 2, 3, -4, 70000 } },
    { 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", "00010203c8ff",
      { 0, 1, 2, 3, 200, 255 } },
    { 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2, 3), }", "000100010100",
      { 0, 1, 0, 1, 1, 0 } },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GError) error = NULL;
      int width, height;
      char *path = npy_file (files[i].version, files[i].header, files[i].hex);
      g_autofree gint32 *map = moa_npy_read (path, &width, &height, &error);
      g_assert_no_error (error);
      g_assert_cmpint (width, ==, 3);
      g_assert_cmpint (height, ==, 2);
      g_assert_cmpmem (map, 24, files[i].values, 24);
      scratch_free (path);
    }
}

static void
test_npy_faults (void)
{
  static const struct {
    const char *header, *hex, *fault;
  } files[] = {
    { "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }", "00000000", "whole numbers" },
    { "{'descr': '<i3', 'fortran_order': False, 'shape': (1, 1), }", "000000", "whole numbers" },
    { "{'descr': '|O', 'fortran_order': False, 'shape': (1, 1), }", "00", "whole numbers" },
    { "{'fortran_order': False, 'shape': (1, 1), }", "00", "whole numbers" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", "00000000", "height x width" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 1), }", "00000000",
      "height x width" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3), }", "00", "height x width" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 3), }", "00", "height x width" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 1), }", "00",
      "height x width" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (65536, 65536), }", "00",
      "height x width" },
    { "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2), }", "000000", "cut short" },
    { "{'descr': '<u4', 'fortran_order': False, 'shape': (1, 1), }", "ffffffff", "2^31" },
    { "{'descr': '<i8', 'fortran_order': False, 'shape': (1, 1), }", "0000000001000000", "2^31" },
  };
  int width, height;
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      GError *error = NULL;
      char *path = npy_file (1, files[i].header, files[i].hex);
      g_assert_null (moa_npy_read (path, &width, &height, &error));
      assert_fault (error, path, files[i].fault);
      scratch_free (path);
    }
  static const char *const beginnings[] = { "", "\x93NUMPY", "not a NumPy file at all",
                                            "\x93NUMPY\x01\x01\xff\xff{'descr" };
  for (gsize i = 0; i < G_N_ELEMENTS (beginnings); i++)
    {
      GError *error = NULL;
      char *path = scratch_file ("map.npy", beginnings[i], strlen (beginnings[i]));
      g_assert_null (moa_npy_read (path, &width, &height, &error));
      assert_fault (error, path, "");
      scratch_free (path);
    }
}

/* Changed bytes give a map that the file has bytes for, or an error. */
static void
test_npy_hostile (void)
{
  static const char header[] = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }";
  char *good = npy_file (1, header, "000102030405");
  g_autofree char *bytes = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (good, &bytes, &n, NULL));
  int read = 0;
  for (int i = 0; i < 3000; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *changed = g_memdup2 (bytes, n);
      for (int j = g_test_rand_int_range (1, 4); j > 0; j--)
        changed[g_test_rand_int_range (0, 80)] = g_test_rand_int_range (0, 256);
      int width = 0, height = 0;
      /* without g_file_set_contents()'s wait for the disk */
      FILE *file = fopen (good, "wb");
      g_assert_nonnull (file);
      int written = g_test_rand_int_range (0, n + 1);
      fwrite (changed, 1, written, file);
      fclose (file);
      g_autofree gint32 *map = moa_npy_read (good, &width, &height, &error);
      g_assert_true (!map == !!error);
      /* A shorter header that still parses leaves more of the file for numbers. */
      g_assert_true (!map || (width > 0 && height > 0 && width * height <= written));
      read += map != NULL;
    }
  g_test_message ("%d of 3000 were still maps", read);
  scratch_free (good);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/npy/read", test_npy_read);
  g_test_add_func ("/npy/faults", test_npy_faults);
  g_test_add_func ("/npy/hostile", test_npy_hostile);
  return g_test_run ();
}
