/* What a job will take: memory from the plans, time from passes that ran. */
#include "jobs/job.h"

/* A pass of the prior on zeros: how long it takes does not depend on the numbers. */
static gboolean
time_pass (MoaJob *job, MoaDenoiser *prior, const MoaCondition *condition, double *seconds,
           GError **error)
{
  gsize n = moa_shape_count (&prior->sample->shape);
  g_autofree float *z = moa_job_floats (n, error), *eps = z ? moa_job_floats (n, error) : NULL;
  if (!eps)
    return FALSE;
  g_mutex_lock (&job->model->lock);
  gboolean ok = moa_params_load (job->model->unet_params, job->run.n_threads, job->run.cancellable, error);
  g_mutex_unlock (&job->model->lock);
  if (!ok || !moa_denoiser_prepare (prior, job->workspace, error))
    return FALSE;
  /* Twice: the first one also computes what is kept for the others. */
  for (int i = 0; i < 2; i++)
    {
      gint64 start = g_get_monotonic_time ();
      if (!moa_denoiser_run (prior, &condition, z, 1, eps, job->run.cancellable, error))
        return FALSE;
      *seconds = (g_get_monotonic_time () - start) * 1e-6;
    }
  return TRUE;
}

static double
note_rate (MoaModel *model, double rate)
{
  g_mutex_lock (&model->lock);
  model->pass_rate = rate;
  g_mutex_unlock (&model->lock);
  return rate;
}

void
moa_job_note_rate (MoaJob *job, const MoaDenoiser *prior)
{
  const MoaMeter *meter = &job->meter;
  if (meter->timed_cost > 0)
    note_rate (job->model,
               meter->timed_seconds / meter->timed_cost / ((double) prior->width * prior->height));
}

gboolean
moa_job_estimate (MoaJob *job, MoaDenoiser *prior, const MoaCondition *condition, double cost,
                  gboolean calibrate, MoaEstimate *estimate, GError **error)
{
  MoaModel *model = job->model;
  double pixels = (double) prior->width * prior->height;
  moa_job_sum (job, &estimate->bytes_needed);
  if (job->run.memory_limit > 0)
    estimate->bytes_needed = job->peak_bytes;
  estimate->bytes_free = moa_job_free_memory (job);
  g_mutex_lock (&model->lock);
  double rate = model->pass_rate;
  g_mutex_unlock (&model->lock);
  if (rate <= 0 && calibrate && estimate->bytes_needed <= estimate->bytes_free)
    {
      double seconds;
      if (!time_pass (job, prior, condition, &seconds, error))
        return FALSE;
      rate = note_rate (model, seconds / pixels);
    }
  estimate->seconds = rate > 0 ? cost * rate * pixels : -1;
  return TRUE;
}
