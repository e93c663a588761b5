/* How far a job is and how long it will take. */
#ifndef MOA_JOB_PROGRESS_H
#define MOA_JOB_PROGRESS_H

#include "moa.h"

/* What parts of a job cost, in evaluations of the U-Net at the same size
 * (floating-point operations of Stable Diffusion 1.5: 803, 1117, 2515 and
 * 162 billion).  They only make the bar run evenly and the time left a good
 * guess: the seconds come from the evaluations as measured. */
#define MOA_COST_LOAD 0.3
#define MOA_COST_TEXT 0.02
#define MOA_COST_PHOTO 0.2
#define MOA_COST_VAE_ENCODE 1.4
#define MOA_COST_VAE_DECODE 3.1
#define MOA_COST_PRIOR 1.0
#define MOA_COST_MIXTURE 1.15

typedef struct {
  MoaProgressFunc func;
  gpointer data;
  double total, done; /* costs, of the whole job */
  MoaPhase phase;
  int step, n_steps;
  gint64 phase_start, step_start;
  double timed_cost, timed_seconds; /* of denoising */
  double seconds[MOA_N_PHASES];
  int picture;               /* of several seeds, the one being made */
  const MoaRouterMaps *maps; /* what the next step's report shows, then NULL again */
  const MoaImage *preview;
} MoaMeter;

/* total: the costs of all steps that will be reported. */
void moa_meter_init (MoaMeter *meter, double total, const MoaRun *run);
/* Ends the phase before. */
void moa_meter_begin (MoaMeter *meter, MoaPhase phase, int n_steps);
/* One step of the phase is done; it was worth cost. */
void moa_meter_step (MoaMeter *meter, double cost);
/* left: what goes on after this job costs, which another meter counts; 0: it is all done. */
void moa_meter_end (MoaMeter *meter, double left);
/* So much is done, as somebody else says. */
void moa_meter_set (MoaMeter *meter, double done);

#endif
