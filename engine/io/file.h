/* Files that may be anything: opened without hanging, read without a map; and folders to write into. */
#ifndef MOA_FILE_H
#define MOA_FILE_H

#include <glib.h>

/* Opens a regular file for reading; what is missing, a folder, a pipe or a
 * device is an error, at once.  Returns the descriptor, -1 with an error. */
int moa_file_open (const char *path, guint64 *size, GError **error);

/* Reads n bytes from offset on; fewer are an error.  path is for messages. */
gboolean moa_file_read (int fd, const char *path, guint64 offset, void *out, gsize n,
                        GError **error);

/* Makes the folder, and those above it, if it is missing, and asks whether files can be made in it. */
gboolean moa_folder_make (const char *path, GError **error);

#endif
