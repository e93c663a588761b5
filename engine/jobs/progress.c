/* How far a job is and how long it will take: see progress.h. */
#include "jobs/progress.h"

void
moa_meter_init (MoaMeter *meter, double total, const MoaRun *run)
{
  *meter = (MoaMeter){ run->progress, run->progress_data, total };
}

static void
report (const MoaMeter *meter)
{
  if (!meter->func)
    return;
  double left = MAX (0, meter->total - meter->done);
  MoaProgress progress = {
    .phase = meter->phase,
    .step = meter->step,
    .n_steps = meter->n_steps,
    .fraction = meter->total > 0 ? MIN (1, meter->done / meter->total) : 0,
    .seconds_left = meter->timed_cost > 0 ? left * meter->timed_seconds / meter->timed_cost : -1,
    .picture = meter->picture,
    .maps = meter->maps,
    .preview = meter->preview,
  };
  meter->func (&progress, meter->data);
}

static void
close_phase (MoaMeter *meter, gint64 now)
{
  if (meter->phase_start)
    meter->seconds[meter->phase] += (now - meter->phase_start) * 1e-6;
}

void
moa_meter_begin (MoaMeter *meter, MoaPhase phase, int n_steps)
{
  gint64 now = g_get_monotonic_time ();
  close_phase (meter, now);
  meter->phase = phase;
  meter->step = 0;
  meter->n_steps = n_steps;
  meter->phase_start = meter->step_start = now;
  report (meter);
}

void
moa_meter_step (MoaMeter *meter, double cost)
{
  gint64 now = g_get_monotonic_time ();
  meter->step++;
  meter->done += cost;
  if (cost > 0 && (meter->phase == MOA_PHASE_INVERT || meter->phase == MOA_PHASE_GENERATE))
    {
      meter->timed_cost += cost;
      meter->timed_seconds += (now - meter->step_start) * 1e-6;
    }
  meter->step_start = now;
  report (meter);
  meter->maps = NULL;
  meter->preview = NULL;
}

void
moa_meter_set (MoaMeter *meter, double done)
{
  meter->done = MAX (meter->done, done);
  report (meter);
}

void
moa_meter_end (MoaMeter *meter, double left)
{
  close_phase (meter, g_get_monotonic_time ());
  meter->phase_start = 0;
  moa_meter_set (meter, meter->total - left);
}
