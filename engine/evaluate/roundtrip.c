/* The autoencoder alone: there and back with the latents' means. */
#include "evaluate/evaluator.h"
#include "jobs/job.h"
#include "nets/vae.h"

struct _MoaRoundTrip {
  MoaJob *job;
  MoaCoder coder; /* picture [1,side,side,3] in [-1,1] -> the same */
};

/* The latent's scale and shift cancel. */
static gboolean
build (MoaRoundTrip *trip, int side, GError **error)
{
  MoaModel *model = trip->job->model;
  MoaCoder *coder = &trip->coder;
  coder->name = "VAE";
  MoaGraph *g = coder->graph = moa_graph_new (trip->job->cpu);
  moa_graph_set_number (g, moa_params_number (model->vae_params));
  coder->in = moa_graph_input (g, "picture", MOA_SHAPE (1, side, side, 3), MOA_EACH_RUN);
  g_mutex_lock (&model->lock);
  MoaTensor *moments = moa_vae_encode (g, &model->vae, model->vae_params, coder->in);
  coder->out = moa_vae_decode (g, &model->vae, model->vae_params,
                               moa_take (g, moments, 3, 0, model->vae.latent_channels));
  g_mutex_unlock (&model->lock);
  if (coder->out)
    moa_graph_output (coder->out);
  return moa_graph_plan (g, error);
}

MoaRoundTrip *
moa_round_trip_new (MoaModel *model, int side, const MoaRun *run, GError **error)
{
  MoaRoundTrip *trip = g_new0 (MoaRoundTrip, 1);
  trip->job = moa_job_new (model, run, error);
  if (!trip->job)
    {
      moa_round_trip_free (trip);
      return NULL;
    }
  model = trip->job->model;
  moa_meter_init (&trip->job->meter, MOA_COST_LOAD, &trip->job->run);
  if (build (trip, side, error))
    {
      moa_job_count (trip->job, trip->coder.graph, model->vae_params);
      if (moa_job_reserve (trip->job, error) && moa_job_load (trip->job, error)
          && moa_graph_prepare (trip->coder.graph, trip->job->workspace, error))
        return trip;
    }
  moa_round_trip_free (trip);
  return NULL;
}

void
moa_round_trip_free (MoaRoundTrip *trip)
{
  if (!trip)
    return;
  moa_coder_clear (&trip->coder);
  moa_job_free (trip->job);
  g_free (trip);
}

MoaImage *
moa_round_trip (MoaRoundTrip *trip, const MoaImage *picture, GError **error)
{
  gsize n = (gsize) picture->width * picture->height * 3;
  g_autofree float *values = moa_job_floats (n, error);
  MoaImage *out = values ? moa_image_new (picture->width, picture->height, 3) : NULL;
  if (!out)
    {
      if (values)
        moa_fail (error, MOA_ERROR_MEMORY, "No memory for a picture");
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    values[i] = 2 * picture->data[i] - 1;
  if (!moa_job_code (trip->job, &trip->coder, values, out->data, error))
    g_clear_pointer (&out, moa_image_free);
  for (gsize i = 0; out && i < n; i++)
    out->data[i] = CLAMP (out->data[i] / 2 + 0.5f, 0, 1);
  return out;
}
