/* Golden tests of IP-Adapters: the image's tokens, and the U-Net with two subjects under masks
 * (eps.masks) and with one everywhere (eps.one), as a model of the jobs has it, so that FaceID's LoRA
 * is in. */
#include <string.h>

#include "golden.h"
#include "jobs/job.h"
#include "nets/ip_adapter.h"

static gboolean
check_tokens (MoaJob *job, Fixture *f, GError **error)
{
  MoaModel *model = job->model;
  g_autoptr (MoaGraph) graph = moa_graph_new (job->cpu);
  MoaMixture mixture = { .adapter = moa_model_adapter (model), .params = model->moa_params,
                         .feats = moa_graph_input (graph, "feats", fixture_shape (f, "feats"),
                                                   MOA_HELD) };
  int n = fixture_shape (f, "feats").dim[1];
  MoaTensor *all = NULL;
  for (int s = 0; s < n; s++)
    {
      MoaTensor *tokens = moa_ip_tokens (graph, &mixture, model->unet.text_dim, s);
      tokens = moa_graph_reshape (graph, tokens, MOA_SHAPE (1, 1, moa_shape_count (&tokens->shape)));
      all = all ? moa_concat (graph, all, tokens, 1) : tokens;
    }
  moa_graph_output (all);
  if (!moa_graph_plan (graph, error) || !moa_params_load (model->moa_params, 0, NULL, error) ||
      !moa_graph_prepare (graph, job->workspace, error))
    return FALSE;
  golden_set (mixture.feats, f, "feats");
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  golden_check (f, "tokens", all);
  return TRUE;
}

/* Each pixel of the fixture's masks is a pixel of the innermost level. */
static float *
read_masks (const Fixture *f, int height, int width)
{
  MoaShape shape = fixture_shape (f, "masks");
  int n = shape.dim[0], rows = shape.dim[1], columns = shape.dim[2];
  g_autofree float *small = fixture_read (f, "masks");
  float *masks = g_new (float, n * height * width);
  for (int i = 0; i < n * height * width; i++)
    {
      int s = i / (height * width), y = i / width % height, x = i % width;
      masks[i] = small[(s * rows + y * rows / height) * columns + x * columns / width];
    }
  return masks;
}

static gboolean
check_eps (MoaJob *job, Fixture *f, gboolean masked, GError **error)
{
  MoaModel *model = job->model;
  MoaShape sample = fixture_shape (f, "sample");
  int height = sample.dim[1], width = sample.dim[2], n = masked ? fixture_shape (f, "feats").dim[1] : 1;
  g_autofree float *masks = read_masks (f, height, width), *feats = fixture_read (f, "feats");
  g_autofree float *text = fixture_read (f, "text"), *z = fixture_read (f, "sample");
  g_autofree float *eps = g_new (float, moa_shape_count (&sample));
  const gint32 index[MOA_MAX_SUBJECTS] = { 0 };
  MoaDenoiserSpec spec = { .width = width, .height = height,
                           .text_rows = fixture_shape (f, "text").dim[1], .mixture = TRUE,
                           .n_slots = n, .limit = masked ? masks : NULL,
                           .scale = fixture_meta_number (f, "scale"), .maps = TRUE };
  MoaCondition condition = { text, n, feats, index };
  MoaDenoiser d = { NULL };
  gboolean ok = moa_denoiser_init (&d, model, job->cpu, &spec, error) &&
                moa_params_load (model->unet_params, 0, NULL, error) &&
                moa_params_load (model->moa_params, 0, NULL, error) &&
                moa_graph_prepare (d.graph, job->workspace, error) &&
                moa_denoiser_run (&d, &condition, NULL, z, 441, eps, NULL, error);
  if (ok)
    fixture_check (f, masked ? "eps.masks" : "eps.one", eps, 1, height * width, sample.dim[3]);
  /* The router maps show the masks: 1 - (1 - a) (1 - b) at the outermost level. */
  g_autofree float *router = ok ? g_new (float, height * width) : NULL;
  float far = 0;
  if (ok)
    moa_graph_get (d.router[1], router);
  for (int i = 0; ok && masked && i < height * width; i++)
    far = MAX (far, ABS (router[i] - 1 + (1 - masks[i]) * (1 - masks[height * width + i])));
  if (ok && masked)
    fixture_result (f, "router", far < 1e-6f, "%g from the masks", far);
  moa_denoiser_clear (&d);
  return ok;
}

gboolean
golden_ip_adapter (const Golden *golden, Fixture *f, GError **error)
{
  g_autofree char *path = g_build_filename (golden->fixtures, fixture_meta_string (f, "file"), NULL);
  MoaModelFiles files = { .model = golden->model, .expert = path };
  MoaModel *model = moa_model_open_files (&files, error);
  if (!model)
    return FALSE;
  MoaJob *job = moa_job_new (model, NULL, error);
  gboolean ok = job && check_tokens (job, f, error) && check_eps (job, f, TRUE, error) &&
                check_eps (job, f, FALSE, error);
  moa_job_free (job);
  moa_model_unref (model);
  return ok;
}
