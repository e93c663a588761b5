/* Experts with masks for routers (IP-Adapter, FastComposer), opened as users open them. */
#include "masked.h"

#include <string.h>

enum { TIMESTEP = 441 };

gboolean
masked_open (const Golden *golden, const Fixture *f, MoaJob **job, GError **error)
{
  g_autofree char *path = g_build_filename (golden->fixtures, fixture_meta_string (f, "file"), NULL);
  MoaModelFiles files = { .model = golden->model, .expert = path };
  MoaModel *model = moa_model_open_files (&files, error);
  *job = model ? moa_job_new (model, NULL, error) : NULL;
  if (model)
    moa_model_unref (model);
  return *job != NULL;
}

/* How far both routers' maps, where there are two, are from what the masks leave to nobody. */
static float
router_error (MoaDenoiser *d, const float *masks, int n, int pixels)
{
  g_autofree float *router = g_new (float, pixels);
  float far = 0;
  for (int attn = 0; attn < 2; attn++)
    for (int i = 0; d->router[attn] && i < pixels; i++)
      {
        float nobody = masks ? 1 : 0;
        for (int s = 0; masks && s < n; s++)
          nobody *= 1 - masks[s * pixels + i];
        if (i == 0)
          moa_graph_get (d->router[attn], router);
        far = MAX (far, ABS (router[i] - 1 + nobody));
      }
  return far;
}

gboolean
masked_check (MoaJob *job, Fixture *f, const char *name, int n, const float *masks, const gint32 *index,
              double scale, GError **error)
{
  MoaModel *model = job->model;
  MoaShape sample = fixture_shape (f, "sample");
  int height = sample.dim[1], width = sample.dim[2];
  g_autofree float *feats = fixture_read (f, "feats"), *text = fixture_read (f, "text");
  g_autofree float *z = fixture_read (f, "sample");
  g_autofree float *eps = g_new (float, moa_shape_count (&sample));
  MoaDenoiserSpec spec = { .width = width, .height = height, .rows = 1, .mixture = TRUE, .n_slots = n,
                           .text_rows = fixture_shape (f, "text").dim[1], .limit = masks,
                           .scale = scale, .maps = TRUE };
  const MoaCondition condition = { text, n, feats, index }, *row = &condition;
  MoaDenoiser d = { NULL };
  gboolean ok = moa_denoiser_init (&d, model, job->cpu, &spec, error) &&
                moa_params_load (model->unet_params, 0, NULL, error) &&
                moa_params_load (model->moa_params, 0, NULL, error) &&
                moa_graph_prepare (d.graph, job->workspace, error) &&
                moa_denoiser_run (&d, &row, z, TIMESTEP, eps, NULL, error);
  if (ok)
    {
      g_autofree char *group = g_strconcat ("router", strchr (name, '.'), NULL);
      float far = router_error (&d, masks, n, height * width);
      fixture_check (f, name, eps, 1, height * width, sample.dim[3]);
      fixture_result (f, group, far < 1e-6f, "%g from the masks", far);
    }
  moa_denoiser_clear (&d);
  return ok;
}
