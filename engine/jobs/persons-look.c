/* Where a model sees persons: its routers' personalised weight on the noised picture, the mean over a few
 * timesteps, with the picture itself as the subject. */
#include "jobs/persons.h"

#include "base/rng.h"
#include "jobs/encode.h"
#include "jobs/maps.h"
#include "sample/schedule.h"

/* Shares of max_timestep; between them the routers see a person best. */
static const double looks[] = { 0.15, 0.3, 0.45, 0.6 };
enum { N_LOOKS = G_N_ELEMENTS (looks), NOISE_STREAM = 2 };

typedef struct {
  MoaJob *job;
  MoaPicture *picture;
  MoaPrompt *prompt;
  MoaCoder text, vision;
  MoaDenoiser mixture;
  MoaRouterMaps maps;
  float *states, *feats;
  gint32 index[1];
} Search;

double
moa_persons_look_cost (void)
{
  return MOA_COST_LOAD + MOA_COST_TEXT + MOA_COST_PHOTO + N_LOOKS * MOA_COST_MIXTURE;
}

static gboolean
build (Search *s, GError **error)
{
  MoaJob *job = s->job;
  MoaModel *model = job->model;
  const MoaFrame *frame = &s->picture->frame;
  MoaDenoiserSpec spec = { .width = frame->latent_width, .height = frame->latent_height,
                           .text_rows = moa_tokenizer_window (model->tokenizer),
                           .rows = 1, .mixture = TRUE, .n_slots = 1, .maps = TRUE };
  s->prompt = moa_prompt_new (model->tokenizer, "a person", 1, error);
  if (!s->prompt)
    return FALSE;
  s->index[0] = s->prompt->subject[0];
  g_mutex_lock (&model->lock);
  gboolean ok = moa_coder_text (&s->text, model, job->cpu, 1, 0, error)
                && moa_coder_vision (&s->vision, model, job->cpu, error)
                && moa_picture_build (s->picture, job, error)
                && moa_denoiser_init (&s->mixture, model, job->cpu, &spec, error);
  g_mutex_unlock (&model->lock);
  if (!ok)
    return FALSE;
  moa_job_count (job, s->text.graph, model->text_params);
  moa_job_count (job, s->vision.graph, model->vision_params);
  moa_job_count (job, s->picture->encoder.graph, model->vae_params);
  moa_job_count (job, s->mixture.graph, model->unet_params);
  moa_job_count (job, NULL, model->moa_params);
  return moa_job_reserve (job, error);
}

static gboolean
encode (Search *s, GError **error)
{
  MoaJob *job = s->job;
  const MoaModel *model = job->model;
  const MoaImage *photos[] = { s->picture->source };
  const MoaSubject subject = { photos, 1 };
  const MoaPrompt *const prompts[] = { s->prompt };
  s->states = moa_job_floats ((gsize) moa_tokenizer_window (model->tokenizer) * model->unet.text_dim, error);
  s->feats = s->states ? moa_job_floats (model->moa.feature_dim, error) : NULL;
  moa_meter_begin (&job->meter, MOA_PHASE_ENCODE, 3 + N_LOOKS);
  return s->feats && moa_encode_texts (job, &s->text, prompts, 1, s->states, error)
         && moa_encode_subjects (job, &s->vision, &subject, 1, s->feats, error)
         && moa_picture_encode (s->picture, job, error);
}

static gboolean
look (Search *s, GError **error)
{
  MoaJob *job = s->job;
  const MoaModel *model = job->model;
  gsize n = moa_shape_count (&s->mixture.sample->shape);
  const MoaCondition seen = { s->states, 1, s->feats, s->index }, *condition = &seen;
  g_autofree float *noise = moa_job_floats (n, error);
  g_autofree float *z = noise ? moa_job_floats (n, error) : NULL;
  g_autofree float *out = z ? moa_job_floats (n, error) : NULL;
  if (!out || !moa_denoiser_prepare (&s->mixture, job->workspace, error) ||
      !moa_maps_init (&s->maps, &s->mixture, -1, -1, error))
    return FALSE;
  moa_rng_normal (0, NOISE_STREAM, 0, noise, n);
  for (int i = 0; i < N_LOOKS; i++)
    {
      int t = looks[i] * MIN (model->info.max_timestep, model->schedule->n - 1);
      moa_schedule_add_noise (model->schedule, t, s->picture->z, noise, z, n);
      if (!moa_denoiser_run (&s->mixture, &condition, z, t, out, job->run.cancellable, error) ||
          !moa_job_check_finite (job, "U-Net", out, n, error))
        return FALSE;
      moa_maps_take (&s->maps, &s->mixture, i + 1);
      moa_meter_step (&job->meter, MOA_COST_MIXTURE);
    }
  return TRUE;
}

MoaImage *
moa_persons_look (MoaJob *job, MoaPicture *picture, GError **error)
{
  Search s = { job, picture };
  MoaImage *work = NULL, *weight = NULL;
  if (build (&s, error) && moa_job_load (job, error) && encode (&s, error) && look (&s, error))
    work = moa_maps_weight (&s.maps, NULL, 0, picture->frame.width, picture->frame.height, error);
  if (work)
    weight = moa_frame_out (&picture->frame, work, error);
  moa_image_free (work);
  moa_coder_clear (&s.text);
  moa_coder_clear (&s.vision);
  moa_denoiser_clear (&s.mixture);
  moa_maps_clear (&s.maps);
  g_clear_pointer (&s.prompt, moa_prompt_free);
  g_free (s.states);
  g_free (s.feats);
  return weight;
}
