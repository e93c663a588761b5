/* What every job does around its own work: it plans its networks, makes sure
 * of the memory, loads weights, reports progress and can be cancelled. */
#ifndef MOA_JOB_H
#define MOA_JOB_H

#include "jobs/nets.h"
#include "jobs/progress.h"

typedef struct {
  MoaModel *model; /* on the job's device */
  MoaRun run;
  MoaCpu *cpu;
  MoaWorkspace *workspace;
  GPtrArray *parts;   /* MoaParams that are needed */
  gsize work_bytes;   /* the largest graph's */
  guint64 held_bytes; /* of all graphs, and the job's own pictures and latents */
  guint64 peak_bytes; /* all that, and the weights */
  MoaMeter meter;
  GPtrArray *warnings; /* strings */
} MoaJob;

/* run may be NULL.  Fails where the device that it wants cannot be used.  All graphs must be freed
 * before the job. */
MoaJob *moa_job_new (MoaModel *model, const MoaRun *run, GError **error);
void moa_job_free (MoaJob *job); /* NULL: nothing */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaJob, moa_job_free)

void moa_job_warn (MoaJob *job, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* The warnings, NULL ended, (transfer full). */
char **moa_job_take_warnings (MoaJob *job);

/* Counts a planned graph's memory, and the weights of its part.  Either may be NULL. */
void moa_job_count (MoaJob *job, const MoaGraph *graph, MoaParams *params);

/* Sets peak_bytes from what was counted; *missing: without the weights that are loaded. */
void moa_job_sum (MoaJob *job, guint64 *missing);
/* What the job may take: its limit, or what is free where it computes. */
guint64 moa_job_free_memory (const MoaJob *job);
/* Whether all that was counted fits; if not, says how much is needed and what
 * to do.  Must be asked before anything is allocated. */
gboolean moa_job_reserve (MoaJob *job, GError **error);

/* Fills in bytes_needed, bytes_free and seconds of a job whose networks are
 * counted; cost is as for moa_meter_init(), condition any for the prior. */
gboolean moa_job_estimate (MoaJob *job, MoaDenoiser *prior, const MoaCondition *condition,
                           double cost, gboolean calibrate, MoaEstimate *estimate, GError **error);
/* After a job's steps: how fast they were, for later estimates. */
void moa_job_note_rate (MoaJob *job, const MoaDenoiser *prior);

/* Loads the counted parts' weights; phase LOAD. */
gboolean moa_job_load (MoaJob *job, GError **error);

/* Sets the input of a prepared network, runs it, and gets the output. */
gboolean moa_job_code (MoaJob *job, MoaCoder *coder, const float *in, float *out, GError **error);

/* Fails if there is an infinity or no number among a network's results, which
 * damaged weights make; net is for the message. */
gboolean moa_job_check_finite (MoaJob *job, const char *net, const float *data, gsize n,
                               GError **error);

/* n floats, zero; NULL with an error if there is no memory. */
float *moa_job_floats (gsize n, GError **error);

#endif
