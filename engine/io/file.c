/* Opening and reading regular files, making folders. */
#include "io/file.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

int
moa_file_open (const char *path, guint64 *size, GError **error)
{
  /* O_NONBLOCK: opening a pipe that nobody writes to would wait for ever. */
  int fd = g_open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
  struct stat info;
  if (fd < 0 || fstat (fd, &info) != 0)
    {
      int code = errno;
      moa_fail (error, MOA_ERROR_FILE, "%s: cannot be opened: %s", path, g_strerror (code));
    }
  else if (S_ISDIR (info.st_mode))
    moa_fail (error, MOA_ERROR_FILE, "%s: is a folder; a file was expected", path);
  else if (!S_ISREG (info.st_mode))
    moa_fail (error, MOA_ERROR_FILE, "%s: is a pipe, a device or a socket; a file was expected",
              path);
  else
    {
      *size = info.st_size;
      return fd;
    }
  if (fd >= 0)
    close (fd);
  return -1;
}

gboolean
moa_file_read (int fd, const char *path, guint64 offset, void *out, gsize n, GError **error)
{
  for (gsize done = 0; done < n;)
    {
      /* The kernel reads less than 2 GiB at a time; asking for less is portable. */
      gssize got = pread (fd, (char *) out + done, MIN (n - done, 1 << 30), offset + done);
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0)
        {
          int code = errno;
          return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read: %s", path,
                           g_strerror (code));
        }
      if (got == 0)
        return moa_fail (error, MOA_ERROR_FILE,
                         "%s: ends at byte %" G_GUINT64_FORMAT ", where more should follow; it was "
                         "cut short after it had been opened", path, offset + done);
      done += got;
    }
  return TRUE;
}

gboolean
moa_folder_make (const char *path, GError **error)
{
  if (g_mkdir_with_parents (path, 0777))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be made: %s", path, g_strerror (errno));
  if (g_access (path, W_OK))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written to: %s", path, g_strerror (errno));
  return TRUE;
}
