/* What the tests of files have in common. */
#ifndef MOA_TEST_IO_UTIL_H
#define MOA_TEST_IO_UTIL_H

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

/* A file of the fixtures (MOA_FIXTURES), or NULL with the test skipped. */
static inline char *
fixture (const char *name)
{
  const char *root = g_getenv ("MOA_FIXTURES");
  g_autofree char *path = g_build_filename (root ? root : "fixtures", name, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);
  g_test_skip ("MOA_FIXTURES is not set or lacks this file");
  return NULL;
}

/* A new file with these bytes.  (transfer full): scratch_free. */
static inline char *
scratch_file (const char *name, const void *data, gsize n)
{
  GError *error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", &error);
  g_assert_no_error (error);
  char *path = g_build_filename (folder, name, NULL);
  g_file_set_contents (path, data, n, &error);
  g_assert_no_error (error);
  return path;
}

static inline void
scratch_free (char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  g_unlink (path);
  g_assert_cmpint (g_rmdir (folder), ==, 0); /* nothing else was left there */
  g_free (path);
}

/* An error of our domain that names the file and says `fault`; frees it. */
static inline void
assert_fault (GError *error, const char *path, const char *fault)
{
  g_assert_nonnull (error);
  if (!strstr (error->message, fault))
    g_error ("\"%s\" should say \"%s\"", error->message, fault);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_error_free (error);
}

#endif
