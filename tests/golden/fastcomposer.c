/* Golden tests of FastComposer as the personalised expert, opened as users open it: what its fuser
 * makes of two subjects' tokens, its image encoder, and the U-Net with one subject under a mask
 * (eps.one), with two under a mask each (eps.two), and with one everywhere. */
#include "masked.h"

enum { SUBJECTS = 2 };

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

gboolean
golden_fastcomposer (const Golden *golden, Fixture *f, GError **error)
{
  const gint32 index[SUBJECTS] = { fixture_meta_number (f, "index.0"),
                                   fixture_meta_number (f, "index.1") };
  g_autofree float *masks = fixture_read (f, "masks");
  g_autoptr (MoaJob) job = NULL;
  return masked_open (golden, f, &job, error) && check_fuser (job, f, index, error)
         && check_encoder (job, f, error) && masked_check (job, f, "eps.one", 1, masks, index, 1, error)
         && masked_check (job, f, "eps.two", SUBJECTS, masks, index, 1, error)
         && masked_check (job, f, "eps.everywhere", 1, NULL, index, 1, error);
}
