/* Between the files of `moa world`. */
#ifndef MOA_CLI_WORLD_H
#define MOA_CLI_WORLD_H

#include "cli/cli.h"
#include "train/world/world.h"

/* Held-out scenes first, first + 1, ... of one person and of two, as FOLDER/one-NUMBER.png and
 * two-NUMBER.png with -subject, -selection, -truth; for two -subject-left, -subject-right,
 * -selection-left, -kept-right, -truth-left too. */
gboolean moa_cli_write_cases (const MoaWorld *world, int first, int count, const char *folder,
                              GError **error);

#endif
