/* moa replace and moa maps while they run. */
#ifndef MOA_CLI_REPLACE_H
#define MOA_CLI_REPLACE_H

#include "cli/cli.h"

typedef struct {
  MoaCli cli;
  MoaReplaceParams params;
  /* Options as they were written; NULL: not given. */
  char *output, *select, *prompt, *base, *seed, *order, *at;
  char *maps, *mask, *reconstruction, *trajectory;

  GdkPixbuf *source;
  MoaRect area; /* the part of the source that is worked on */
  MoaImage *picture, *selection;
  MoaCliSubjects subjects;
  MoaCliControl control;
  GArray *order_numbers, *at_numbers;
  MoaReplaceResult *result;
  json_t *files; /* what was written */
} CliReplace;

/* replace-input.c: files, the source first, and options -> params. */
gboolean moa_cli_replace_input (CliReplace *r, char **files, int n_files, GError **error);

/* replace-output.c */
gboolean moa_cli_replace_check_output (const CliReplace *r, GError **error);
gboolean moa_cli_replace_output (CliReplace *r, GError **error);
void moa_cli_replace_print (const CliReplace *r, const char *command);

#endif
