/* Lists of jobs, which `moa batch` reads and the other commands make: done once each, by all processes
 * that work on the list, with one model each. */
#ifndef MOA_CLI_BATCH_H
#define MOA_CLI_BATCH_H

#include "cli/job.h"

typedef struct {
  MoaCli *cli;
  json_t *jobs;       /* of objects, see moa_cli_job_from_json() */
  char **places;      /* "jobs.jsonl, line 3", one for each job; NULL ended */
  char *folder;       /* from which relative paths are seen; NULL: the current one */
  char *journal;      /* a path */
  gboolean retry;     /* what failed in an earlier run */
  gboolean list_only; /* tells what is done and what not, and does nothing */
  double begin;       /* part of the list where this process begins, so that ranks start apart */
  gboolean quiet;     /* no line for each job */
} MoaCliBatch;

typedef struct {
  int done, before, failed, left; /* by this process; earlier or by others; ; with list_only */
} MoaCliTally;

/* Whether all jobs can be understood and no two write the same file; says what is wrong with each on
 * stderr. */
gboolean moa_cli_batch_check (const MoaCliBatch *batch, const char *command);
/* Does the jobs, after moa_cli_start(); prints a line for each.  Returns when all are done or have failed,
 * also those that others began.  FALSE: interrupted, or the journal cannot be used. */
gboolean moa_cli_batch_run (const MoaCliBatch *batch, MoaCliTally *tally, GError **error);
void moa_cli_batch_clear (MoaCliBatch *batch);

#endif
