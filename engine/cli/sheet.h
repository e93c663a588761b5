/* Contact sheets and pages: pictures in rows, with captions. */
#ifndef MOA_CLI_SHEET_H
#define MOA_CLI_SHEET_H

#include "cli/cli.h"

/* n pictures with their captions (either may be NULL: an empty place, no words) in rows of columns, under
 * a title (NULL: none), as PNG.  Small pictures are enlarged, pixels kept square; large ones scaled down. */
gboolean moa_cli_sheet (const char *title, char *const *paths, char *const *captions, int n, int columns,
                        const char *to, GError **error);

#endif
