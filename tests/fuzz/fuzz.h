/* Fuzz targets: with clang -fsanitize=fuzzer they search, with regress.c they
 * are a test that runs files and mutations of the seeds. */
#ifndef MOA_FUZZ_H
#define MOA_FUZZ_H

#include <glib.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize n);

/* Well-formed inputs, in memory of their own. */
extern const int fuzz_n_seeds;
GBytes *fuzz_seed (int i);

/* A file with these bytes that exists only while it is open; writes its path.
 * Returns the descriptor to close. */
int fuzz_file (const guint8 *data, gsize n, char path[64]);

/* A failure must have a readable message that names the file, and frees it. */
void fuzz_check_error (GError *error, const char *path);

#endif
