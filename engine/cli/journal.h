/* The journal of a list of jobs, which several processes on several machines may share: a file of JSON
 * lines that says what was done and what failed, and whose bytes far behind its end are locked by who
 * works on what.  Locks (fcntl) go with the process that holds them, however it ends, on NFS too: nothing
 * has to be cleaned up and no process guesses whether another is alive. */
#ifndef MOA_CLI_JOURNAL_H
#define MOA_CLI_JOURNAL_H

#include <glib.h>

typedef struct _MoaCliJournal MoaCliJournal;

typedef enum {
  MOA_CLI_UNKNOWN,       /* no line since this journal was opened, and no failure before */
  MOA_CLI_FAILED_BEFORE, /* before it was opened */
  MOA_CLI_FAILED,        /* since */
  MOA_CLI_DONE           /* since */
} MoaCliState;

/* Made if it is missing.  (transfer full) */
MoaCliJournal *moa_cli_journal_open (const char *path, GError **error);
/* Lets go of what is claimed. */
void moa_cli_journal_close (MoaCliJournal *journal);

/* Whether this process now has the job; FALSE without an error: another one works on it.  name: the job's
 * output as the list has it, the same for all. */
gboolean moa_cli_journal_claim (MoaCliJournal *journal, const char *name, GError **error);
void moa_cli_journal_release (MoaCliJournal *journal, const char *name);

/* What the newest line says of the job with that key (moa_cli_job_key()), and why it failed (transfer
 * none). */
MoaCliState moa_cli_journal_state (MoaCliJournal *journal, const char *key, const char **why);
/* Adds a line; why NULL: done. */
gboolean moa_cli_journal_add (MoaCliJournal *journal, const char *key, const char *name,
                              double seconds, const char *why, GError **error);

#endif
