/* Golden tests of IP-Adapters: the image's tokens, and the U-Net with two subjects under masks
 * (eps.masks) and with one everywhere (eps.one), as a model of the jobs has it, so that FaceID's LoRA
 * is in. */
#include "masked.h"
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

gboolean
golden_ip_adapter (const Golden *golden, Fixture *f, GError **error)
{
  const gint32 index[MOA_MAX_SUBJECTS] = { 0 };
  MoaShape sample = fixture_shape (f, "sample");
  g_autofree float *masks = read_masks (f, sample.dim[1], sample.dim[2]);
  double scale = fixture_meta_number (f, "scale");
  g_autoptr (MoaJob) job = NULL;
  return masked_open (golden, f, &job, error) && check_tokens (job, f, error)
         && masked_check (job, f, "eps.masks", fixture_shape (f, "feats").dim[1], masks, index, scale, error)
         && masked_check (job, f, "eps.one", 1, NULL, index, scale, error);
}
