/* What the fuzz targets share. */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int
fuzz_file (const guint8 *data, gsize n, char path[64])
{
  int fd = memfd_create ("fuzz", MFD_CLOEXEC);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (write (fd, data, n), ==, (gssize) n);
  g_snprintf (path, 64, "/proc/self/fd/%d", fd);
  return fd;
}

void
fuzz_check_error (GError *error, const char *path)
{
  g_assert_nonnull (error);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), <, 4096);
  g_error_free (error);
}
