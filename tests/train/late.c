/* Preloaded into the ranks of a training: all but the first look for FOLDER/config.json a second
 * late, when the first rank has long written it. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__ ((visibility ("default"))) int
access (const char *path, int mode)
{
  const char *rank = getenv ("OMPI_COMM_WORLD_RANK"), *folder = getenv ("LATE_FOLDER");
  size_t n = folder ? strlen (folder) : 0;
  if (rank && strcmp (rank, "0") && folder && !strncmp (path, folder, n)
      && !strcmp (path + n, "/config.json"))
    sleep (1);
  int (*next) (const char *, int) = (int (*) (const char *, int)) dlsym (RTLD_NEXT, "access");
  return next (path, mode);
}
