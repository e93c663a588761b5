/* Golden tests of FastComposer as the personalised expert, opened as users open it: what its fuser
 * makes of two subjects' tokens, its image encoder, and the U-Net with one subject under a mask
 * (eps.one), with two under a mask each (eps.two), and with one everywhere. */
#include <string.h>

#include "golden.h"
#include "jobs/job.h"

enum { SUBJECTS = 2, TIMESTEP = 441 };

static gboolean
check_fuser (MoaJob *job, Fixture *f, const gint32 *index, GError **error)
{
  const gint32 present[SUBJECTS] = { 1, 1 };
  MoaModel *model = job->model;
  g_autoptr (MoaGraph) graph = moa_graph_new (job->cpu);
  MoaTensor *text = moa_graph_input (graph, "text", fixture_shape (f, "text"), MOA_HELD);
  MoaMixture mixture = {
    .config = &model->moa,
    .params = model->moa_params,
    .feats = moa_graph_input (graph, "feats", fixture_shape (f, "feats"), MOA_HELD),
    .index = moa_graph_input (graph, "index", MOA_SHAPE (1, SUBJECTS), MOA_HELD),
    .present = moa_graph_input (graph, "present", MOA_SHAPE (1, SUBJECTS), MOA_HELD),
  };
  MoaTensor *fused = moa_fuse_prompt (graph, &mixture, text, NULL, 0);
  moa_graph_output (fused);
  if (!moa_graph_plan (graph, error) || !moa_params_load (model->moa_params, 0, NULL, error) ||
      !moa_graph_prepare (graph, job->workspace, error))
    return FALSE;
  golden_set (text, f, "text");
  golden_set (mixture.feats, f, "feats");
  moa_graph_set_ints (mixture.index, index);
  moa_graph_set_ints (mixture.present, present);
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  golden_check (f, "fused", fused);
  return TRUE;
}

static gboolean
check_encoder (MoaJob *job, Fixture *f, GError **error)
{
  MoaModel *model = job->model;
  MoaCoder coder = { NULL };
  g_autofree float *pixels = fixture_read (f, "pixels");
  g_autofree float *feature = g_new (float, model->moa.feature_dim);
  gboolean ok = moa_coder_vision (&coder, model, job->cpu, error) &&
                moa_params_load (model->vision_params, 0, NULL, error) &&
                moa_graph_prepare (coder.graph, job->workspace, error) &&
                moa_job_code (job, &coder, pixels, feature, error);
  if (ok)
    fixture_check (f, "feature", feature, 1, 1, model->moa.feature_dim);
  moa_coder_clear (&coder);
  return ok;
}

/* masks [n, h, w], or NULL: everywhere */
static gboolean
check_eps (MoaJob *job, Fixture *f, const char *name, int n, const float *masks, const gint32 *index,
           GError **error)
{
  MoaModel *model = job->model;
  MoaShape sample = fixture_shape (f, "sample");
  int height = sample.dim[1], width = sample.dim[2];
  g_autofree float *feats = fixture_read (f, "feats"), *text = fixture_read (f, "text");
  g_autofree float *z = fixture_read (f, "sample");
  g_autofree float *eps = g_new (float, moa_shape_count (&sample));
  g_autofree float *router = g_new (float, height * width);
  MoaDenoiserSpec spec = { .width = width, .height = height, .mixture = TRUE, .n_slots = n,
                           .text_rows = fixture_shape (f, "text").dim[1], .limit = masks,
                           .maps = TRUE };
  MoaCondition condition = { text, n, feats, index };
  MoaDenoiser d = { NULL };
  gboolean ok = moa_denoiser_init (&d, model, job->cpu, &spec, error) &&
                moa_params_load (model->unet_params, 0, NULL, error) &&
                moa_params_load (model->moa_params, 0, NULL, error) &&
                moa_graph_prepare (d.graph, job->workspace, error) &&
                moa_denoiser_run (&d, &condition, NULL, z, TIMESTEP, eps, NULL, error);
  if (ok)
    fixture_check (f, name, eps, 1, height * width, sample.dim[3]);
  /* The router maps show the masks, in self- and in cross-attention. */
  float far = 0;
  for (int attn = 0; ok && attn < 2; attn++)
    {
      moa_graph_get (d.router[attn], router);
      for (int i = 0; i < height * width; i++)
        {
          float nobody = masks ? 1 : 0;
          for (int s = 0; masks && s < n; s++)
            nobody *= 1 - masks[s * height * width + i];
          far = MAX (far, ABS (router[i] - 1 + nobody));
        }
    }
  g_autofree char *group = g_strconcat ("router", strchr (name, '.'), NULL);
  if (ok)
    fixture_result (f, group, far < 1e-6f, "%g from the masks", far);
  moa_denoiser_clear (&d);
  return ok;
}

gboolean
golden_fastcomposer (const Golden *golden, Fixture *f, GError **error)
{
  const gint32 index[SUBJECTS] = { fixture_meta_number (f, "index.0"),
                                   fixture_meta_number (f, "index.1") };
  g_autofree float *masks = fixture_read (f, "masks");
  g_autofree char *path = g_build_filename (golden->fixtures, fixture_meta_string (f, "file"), NULL);
  MoaModelFiles files = { .model = golden->model, .expert = path };
  MoaModel *model = moa_model_open_files (&files, error);
  if (!model)
    return FALSE;
  MoaJob *job = moa_job_new (model, NULL, error);
  gboolean ok = job && check_fuser (job, f, index, error) && check_encoder (job, f, error) &&
                check_eps (job, f, "eps.one", 1, masks, index, error) &&
                check_eps (job, f, "eps.two", SUBJECTS, masks, index, error) &&
                check_eps (job, f, "eps.everywhere", 1, NULL, index, error);
  moa_job_free (job);
  moa_model_unref (model);
  return ok;
}
