/* What every job does around its own work: see job.h. */
#include "jobs/job.h"

#include <math.h>

MoaJob *
moa_job_new (MoaModel *model, const MoaRun *run, GError **error)
{
  MoaDevice *device = moa_device_open (run ? run->device : NULL, NULL, error);
  MoaModel *there = device ? moa_model_on (model, device, error) : NULL;
  if (!there)
    {
      moa_device_unref (device);
      return NULL;
    }
  MoaJob *job = g_new0 (MoaJob, 1);
  job->model = there;
  if (run)
    job->run = *run;
  if (job->run.cancellable)
    g_object_ref (job->run.cancellable);
  job->cpu = moa_cpu_new_on (there->pinned ? there->device : device, MAX (0, job->run.n_threads));
  moa_device_unref (device);
  job->workspace = moa_workspace_new ();
  job->parts = g_ptr_array_new ();
  job->warnings = g_ptr_array_new_with_free_func (g_free);
  return job;
}

void
moa_job_free (MoaJob *job)
{
  if (!job)
    return;
  moa_workspace_free (job->workspace);
  moa_cpu_free (job->cpu);
  g_ptr_array_unref (job->parts);
  g_ptr_array_unref (job->warnings);
  g_clear_object (&job->run.cancellable);
  moa_model_unref (job->model);
  g_free (job);
}

void
moa_job_warn (MoaJob *job, const char *format, ...)
{
  va_list args;
  va_start (args, format);
  g_ptr_array_add (job->warnings, g_strdup_vprintf (g_dgettext (GETTEXT_PACKAGE, format), args));
  va_end (args);
}

char **
moa_job_take_warnings (MoaJob *job)
{
  GPtrArray *strings = job->warnings;
  job->warnings = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (strings, NULL);
  return (char **) g_ptr_array_free (strings, FALSE);
}

void
moa_job_count (MoaJob *job, const MoaGraph *graph, MoaParams *params)
{
  if (graph)
    {
      job->work_bytes = MAX (job->work_bytes, moa_graph_work_bytes (graph));
      job->held_bytes += moa_graph_held_bytes (graph);
    }
  if (params && !g_ptr_array_find (job->parts, params, NULL))
    g_ptr_array_add (job->parts, params);
}

void
moa_job_sum (MoaJob *job, guint64 *missing)
{
  guint64 own = job->work_bytes + job->held_bytes;
  *missing = job->peak_bytes = own;
  g_mutex_lock (&job->model->lock);
  for (guint i = 0; i < job->parts->len; i++)
    {
      job->peak_bytes += moa_params_bytes (job->parts->pdata[i]);
      *missing += moa_params_missing_bytes (job->parts->pdata[i]);
    }
  g_mutex_unlock (&job->model->lock);
}

guint64
moa_job_free_memory (const MoaJob *job)
{
  MoaDevice *device = moa_cpu_device (job->cpu);
  if (job->run.memory_limit > 0)
    return job->run.memory_limit;
  return device->methods->free_memory ? device->methods->free_memory (device)
                                      : moa_cpu_free_memory ();
}

gboolean
moa_job_reserve (MoaJob *job, GError **error)
{
  guint64 missing;
  moa_job_sum (job, &missing);
  /* A limit is on all that the job uses; what the machine has free need not
   * hold the weights that are in memory already. */
  gboolean limited = job->run.memory_limit > 0;
  guint64 need = limited ? job->peak_bytes : missing;
  guint64 free_bytes = moa_job_free_memory (job);
  if (need <= free_bytes)
    return TRUE;
  g_autofree char *needed = g_format_size_full (need, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *available = g_format_size_full (free_bytes, G_FORMAT_SIZE_IEC_UNITS);
  return moa_fail (error, MOA_ERROR_MEMORY,
                   limited
                       ? N_ ("This needs %s of memory, and %s are allowed; allow more, or use a "
                             "smaller model")
                       : N_ ("This needs %s of memory, and %s are free; close other programs, or "
                             "use a smaller model"),
                   needed, available);
}

gboolean
moa_job_load (MoaJob *job, GError **error)
{
  moa_meter_begin (&job->meter, MOA_PHASE_LOAD, job->parts->len);
  for (guint i = 0; i < job->parts->len; i++)
    {
      g_mutex_lock (&job->model->lock);
      gboolean ok = moa_params_load (job->parts->pdata[i], job->run.n_threads, job->run.cancellable, error);
      g_mutex_unlock (&job->model->lock);
      if (!ok)
        return FALSE;
      moa_meter_step (&job->meter, MOA_COST_LOAD / job->parts->len);
    }
  return TRUE;
}

gboolean
moa_job_check_finite (MoaJob *job, const char *net, const float *data, gsize n, GError **error)
{
  for (gsize i = 0; i < n; i++)
    if (!isfinite (data[i]))
      return moa_fail (error, MOA_ERROR_MODEL,
                       "%s: the %s gave a result that is not a number; its weights are damaged",
                       job->model->path, net);
  return TRUE;
}

gboolean
moa_job_code (MoaJob *job, MoaCoder *coder, const float *in, float *out, GError **error)
{
  moa_graph_set (coder->in, in);
  if (!moa_graph_run (coder->graph, job->run.cancellable, error))
    return FALSE;
  moa_graph_get (coder->out, out);
  gsize n = moa_shape_count (&coder->out->shape);
  return moa_job_check_finite (job, coder->name, out, n, error);
}

float *
moa_job_floats (gsize n, GError **error)
{
  float *data = g_try_malloc0_n (n, sizeof (float));
  if (!data)
    moa_fail (error, MOA_ERROR_MEMORY, "No memory for %" G_GSIZE_FORMAT " MiB of latents or pixels",
              (n >> 20) * sizeof (float));
  return data;
}
