/* moa replace and moa maps while they run. */
#ifndef MOA_CLI_REPLACE_H
#define MOA_CLI_REPLACE_H

#include "cli/job.h"

typedef struct {
  MoaCliJob job;
  MoaReplaceParams params;
  /* As they were written; NULL: not given. */
  char *select, *prompt, *base, *seed, *order, *heads, *at;
  char *maps, *mask, *reconstruction, *trajectory;
  MoaCliControl control;

  GdkPixbuf *source;
  MoaRect area; /* the part of the source that is worked on */
  MoaImage *picture, *selection;
  GArray *order_numbers, *head_numbers, *at_numbers;
  MoaReplaceResult *result;
} CliReplace;

/* replace-input.c: files -> params. */
gboolean moa_cli_replace_input (CliReplace *r, GError **error);

/* replace-output.c */
gboolean moa_cli_replace_check_output (const MoaCliJob *job, GError **error);
gboolean moa_cli_replace_output (CliReplace *r, GError **error);
void moa_cli_replace_print (const MoaCliJob *job);

#endif
