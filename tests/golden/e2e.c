/* Golden tests of whole pictures: text to image, and inversion followed by MoA. */
#include <math.h>
#include <string.h>

#include "golden.h"
#include "nets/clip.h"
#include "nets/vae.h"
#include "sample.h"

/* The parts of a model that a picture takes. */
typedef struct {
  const Golden *golden;
  MoaSchedule *schedule;
  MoaUnetConfig unet;
  MoaVaeConfig vae;
  MoaTextConfig text;
  MoaMoaConfig moa;
  MoaParams *unet_params, *vae_params, *text_params, *moa_params;
  gint64 tokens;        /* of a prompt */
} Model;

static void
model_clear (Model *m)
{
  moa_schedule_free (m->schedule);
  moa_params_free (m->unet_params);
  moa_params_free (m->vae_params);
  moa_params_free (m->text_params);
  moa_params_free (m->moa_params);
  moa_moa_config_clear (&m->moa);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Model, model_clear)

/* moa: the folder of its MoA, or NULL. */
static gboolean
model_open (Model *m, const Golden *golden, const char *moa, GError **error)
{
  g_autofree char *unet = golden_path (golden, "unet", "config.json");
  g_autofree char *vae = golden_path (golden, "vae", "config.json");
  g_autofree char *text = golden_path (golden, "text_encoder", "config.json");
  g_autofree char *moa_path = moa ? golden_path (golden, moa, "config.json") : NULL;
  m->golden = golden;
  return (m->schedule = sample_schedule (golden, error)) &&
         moa_unet_config_read (unet, &m->unet, error) &&
         moa_vae_config_read (vae, &m->vae, error) &&
         moa_text_config_read (text, &m->text, error) &&
         (!moa || moa_moa_config_read (moa_path, &m->moa, error)) &&
         (m->unet_params = golden_params (golden, "unet", error)) &&
         (m->vae_params = golden_params (golden, "vae", error)) &&
         (m->text_params = golden_params (golden, "text_encoder", error)) &&
         (!moa || (m->moa_params = golden_params (golden, moa, error)));
}

/* The states of the fixture's input_ids. */
static float *
encode_text (Model *m, const Fixture *f, GError **error)
{
  m->tokens = fixture_shape (f, "input_ids").dim[1];
  g_autoptr (MoaGraph) graph = moa_graph_new (m->golden->cpu);
  MoaTensor *ids = golden_input (graph, f, "input_ids");
  MoaTensor *states = moa_clip_text (graph, &m->text, m->text_params, ids);
  moa_graph_output (states);
  if (!golden_prepare (m->golden, graph, m->text_params, NULL, error))
    return NULL;
  golden_set (ids, f, "input_ids");
  return moa_graph_run (graph, NULL, error) ? golden_get (states) : NULL;
}

/* The latent of the fixture's image. */
static float *
encode_image (const Model *m, const Fixture *f, MoaShape *shape, GError **error)
{
  g_autoptr (MoaGraph) graph = moa_graph_new (m->golden->cpu);
  MoaTensor *image = golden_input (graph, f, "image");
  MoaTensor *moments = moa_vae_encode (graph, &m->vae, m->vae_params, image);
  moa_graph_output (moments);
  if (!golden_prepare (m->golden, graph, m->vae_params, NULL, error))
    return NULL;
  golden_set (image, f, "image");
  if (!moa_graph_run (graph, NULL, error))
    return NULL;
  g_autofree float *both = golden_get (moments);
  int c = m->vae.latent_channels;
  *shape = moments->shape;
  shape->dim[3] = c;
  gint64 n = moa_shape_count (shape);
  float *latent = g_new (float, n);
  for (gint64 i = 0; i < n; i++)
    latent[i] = m->vae.scaling_factor * (both[i / c * 2 * c + i % c] - m->vae.shift_factor);
  return latent;
}

/* Decodes a latent and checks it as TAG.image and TAG.image_u8, where the fixture has them. */
static gboolean
check_image (const Model *m, Fixture *f, const char *tag, const float *latent, MoaShape shape,
             GError **error)
{
  g_autoptr (MoaGraph) graph = moa_graph_new (m->golden->cpu);
  MoaTensor *z = moa_graph_input (graph, "z", shape, MOA_EACH_RUN);
  MoaTensor *image = moa_vae_decode (graph, &m->vae, m->vae_params, z);
  moa_graph_output (image);
  if (!golden_prepare (m->golden, graph, m->vae_params, NULL, error))
    return FALSE;
  g_autofree float *values = g_new (float, moa_shape_count (&shape));
  for (gint64 i = 0; i < moa_shape_count (&shape); i++)
    values[i] = latent[i] / m->vae.scaling_factor + m->vae.shift_factor;
  moa_graph_set (z, values);
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;

  g_autofree char *name = g_strconcat (tag, ".image", NULL);
  g_autofree char *name_u8 = g_strconcat (tag, ".image_u8", NULL);
  if (fixture_has (f, name))
    golden_check (f, name, image);
  g_autofree float *pixels = golden_get (image);
  for (gint64 i = 0; i < moa_shape_count (&image->shape); i++)
    pixels[i] = nearbyintf (255 * CLAMP (pixels[i] / 2 + 0.5f, 0, 1));
  fixture_check (f, name_u8, pixels, image->shape.dim[1], image->shape.dim[2], image->shape.dim[3]);
  return TRUE;
}

/* ---- The network with guidance --------------------------------------- */

/* eps of one latent from a U-Net of one row, or of two: negative and prompt. */
typedef struct {
  MoaGraph *graph;
  MoaTensor *sample, *t, *eps;
  const MoaSchedule *schedule;
  gint64 rows, n;       /* n: floats of a latent */
  double guidance;
} Denoiser;

typedef struct {
  const float *text;    /* rows x tokens x width */
  const float *feats;   /* NULL: the prior alone; else of the one subject set of all rows */
  const float *index;
  const float *limit;   /* or NULL */
  MoaShape feats_shape, index_shape;
} Condition;

static void
denoiser_clear (Denoiser *d)
{
  g_clear_pointer (&d->graph, moa_graph_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Denoiser, denoiser_clear)

/* The same values in each row. */
static void
set_rows (MoaTensor *input, const float *values)
{
  gint64 rows = input->shape.dim[0], n = moa_shape_count (&input->shape) / rows;
  g_autofree float *all = g_new (float, rows * n);
  for (gint64 i = 0; i < rows; i++)
    memcpy (all + i * n, values, n * sizeof (float));
  moa_graph_set (input, all);
}

static MoaTensor *
rows_input (Denoiser *d, const char *name, MoaShape shape)
{
  shape.dim[0] = d->rows;
  return moa_graph_input (d->graph, name, shape, MOA_HELD);
}

/* The first of two rows, the negative one, has no subject present. */
static void
set_mixture (const Denoiser *d, const MoaMixture *mixture, const Condition *condition)
{
  gint64 n = moa_shape_count (&mixture->present->shape), first = d->rows > 1 ? n / d->rows : 0;
  g_autofree float *present = g_new (float, n);
  for (gint64 i = 0; i < n; i++)
    present[i] = i >= first;
  moa_graph_set (mixture->present, present);
  set_rows (mixture->feats, condition->feats);
  set_rows (mixture->index, condition->index);
  if (mixture->limit)
    set_rows (mixture->limit, condition->limit);
}

static gboolean
denoiser_init (Denoiser *d, const Model *m, MoaShape latent, int rows, double guidance,
               const Condition *condition, GError **error)
{
  d->graph = moa_graph_new (m->golden->cpu);
  d->schedule = m->schedule;
  d->rows = rows;
  d->n = moa_shape_count (&latent);
  d->guidance = guidance;
  MoaShape many = latent;
  many.dim[0] = rows;
  d->sample = moa_graph_input (d->graph, "sample", many, MOA_EACH_RUN);
  d->t = moa_graph_input (d->graph, "t", MOA_SHAPE (rows), MOA_EACH_RUN);
  MoaShape states = MOA_SHAPE (rows, m->tokens, m->text.width);
  MoaTensor *text = moa_graph_input (d->graph, "text", states, MOA_HELD);
  MoaMixture mixture = { .config = &m->moa, .params = m->moa_params };
  if (condition->feats)
    {
      mixture.feats = rows_input (d, "feats", condition->feats_shape);
      mixture.index = rows_input (d, "index", condition->index_shape);
      mixture.present = rows_input (d, "present", condition->index_shape);
    }
  if (condition->limit)
    mixture.limit = rows_input (d, "limit", MOA_SHAPE (1, latent.dim[1], latent.dim[2], 1));
  MoaUnetArgs args = { d->sample, d->t, text, condition->feats ? &mixture : NULL };
  d->eps = moa_unet (d->graph, &m->unet, m->unet_params, &args);
  moa_graph_output (d->eps);
  if (!golden_prepare (m->golden, d->graph, m->unet_params, condition->feats ? m->moa_params : NULL,
                       error))
    return FALSE;
  moa_graph_set (text, condition->text);
  if (condition->feats)
    set_mixture (d, &mixture, condition);
  return TRUE;
}

/* A SamplePredict of a Denoiser. */
static gboolean
predict (gpointer data, const float *z, int t, float *eps, GError **error)
{
  const Denoiser *d = data;
  float time = t;
  set_rows (d->sample, z);
  g_autofree float *times = g_new (float, d->rows);
  for (gint64 i = 0; i < d->rows; i++)
    times[i] = time;
  moa_graph_set (d->t, times);
  if (!moa_graph_run (d->graph, NULL, error))
    return FALSE;
  g_autofree float *rows = golden_get (d->eps);
  const float *prompt = rows + (d->rows - 1) * d->n;
  for (gint64 i = 0; i < d->n; i++)
    eps[i] = d->rows == 1 ? rows[i] : rows[i] + (float) d->guidance * (prompt[i] - rows[i]);
  moa_schedule_eps (d->schedule, t, z, eps, d->n);
  return TRUE;
}

/* Runs a method and checks its latents, timesteps (where NAME has some) and picture. */
static gboolean
check_run (const Model *m, Fixture *f, const char *tag, const char *times, const SampleSpec *spec,
           const float *start, MoaShape shape, GError **error)
{
  g_auto (Samples) samples = { NULL };
  if (!sample_run (spec, start, &samples, error))
    return FALSE;
  g_autofree char *latents = g_strconcat (tag, ".latents", NULL);
  fixture_check (f, latents, samples.latents, spec->steps, spec->n / shape.dim[3], shape.dim[3]);
  fixture_check (f, times, samples.timesteps, 1, 1, spec->steps);
  return check_image (m, f, tag, samples.latents + (spec->steps - 1) * spec->n, shape, error);
}

/* ---- The fixtures ---------------------------------------------------- */

/* noise and input_ids (negative, prompt) -> METHOD.latents, METHOD.image ... */
gboolean
golden_txt2img (const Golden *golden, Fixture *f, GError **error)
{
  g_auto (Model) m = { NULL };
  if (!model_open (&m, golden, NULL, error))
    return FALSE;
  g_autofree float *text = encode_text (&m, f, error);
  if (!text)
    return FALSE;
  g_autofree float *noise = fixture_read (f, "noise");
  MoaShape shape = fixture_shape (f, "noise");
  Condition condition = { .text = text };
  g_auto (Denoiser) net = { NULL };
  if (!denoiser_init (&net, &m, shape, 2, fixture_meta_number (f, "guidance"), &condition, error))
    return FALSE;
  int steps = fixture_meta_number (f, "steps");
  g_auto (GStrv) outputs = fixture_outputs (f, "");
  for (int i = 0; outputs[i]; i++)
    if (g_str_has_suffix (outputs[i], ".latents"))
      {
        g_autofree char *tag = g_strndup (outputs[i], strlen (outputs[i]) - strlen (".latents"));
        g_autofree char *times = g_strconcat (tag, ".timesteps", NULL);
        SampleSpec spec = { m.schedule, tag, steps, net.n, predict, &net };
        if (!check_run (&m, f, tag, times, &spec, noise, shape, error))
          return FALSE;
      }
  return TRUE;
}

/* MoA up to a timestep, the prior alone above it. */
typedef struct {
  Denoiser *moa, *prior;
  int max_timestep;
} Late;

static gboolean
predict_late (gpointer data, const float *z, int t, float *eps, GError **error)
{
  const Late *late = data;
  return predict (t > late->max_timestep ? late->prior : late->moa, z, t, eps, error);
}

/* What the regenerations of e2e_moa start from. */
typedef struct {
  const Model *m;
  Fixture *f;
  const float *text;      /* states of the inversion's prompt, the negative one, the prompt */
  const float *noise;
  MoaShape shape;
  int steps;
} Swap;

static float *
invert (const Swap *s, const float *latent, GError **error)
{
  Condition condition = { .text = s->text };
  g_auto (Denoiser) net = { NULL };
  if (!denoiser_init (&net, s->m, s->shape, 1, 1, &condition, error))
    return NULL;
  SampleSpec spec = { s->m->schedule, "ddim_inverse", s->steps, net.n, predict, &net };
  g_auto (Samples) samples = { NULL };
  if (!sample_run (&spec, latent, &samples, error))
    return NULL;
  gint64 c = s->shape.dim[3];
  fixture_check (s->f, "invert.latents", samples.latents, s->steps, net.n / c, c);
  fixture_check (s->f, "invert.timesteps", samples.timesteps, 1, 1, s->steps);
  return g_memdup2 (samples.latents + (s->steps - 1) * net.n, net.n * sizeof (float));
}

/* "g5_limit.latents": guidance 5, the router limited; "_late": the prior alone at first.
 * Guidance 1 needs the prompt's row alone. */
static gboolean
regenerate (const Swap *s, const char *output, GError **error)
{
  const Model *m = s->m;
  g_autofree char *tag = g_strndup (output, strlen (output) - strlen (".latents"));
  double guidance = g_ascii_strtod (tag + 1, NULL);
  int rows = guidance == 1 ? 1 : 2;
  gint64 states = m->tokens * m->text.width;
  g_autofree float *feats = fixture_read (s->f, "feats"), *index = fixture_read (s->f, "index");
  g_autofree float *limit = fixture_read (s->f, "limit");
  Condition condition = { s->text + (3 - rows) * states, feats, index,
                          g_str_has_suffix (tag, "_limit") ? limit : NULL,
                          fixture_shape (s->f, "feats"), fixture_shape (s->f, "index") };
  Condition prior_condition = { .text = condition.text };
  g_auto (Denoiser) moa = { NULL }, prior = { NULL };
  if (!denoiser_init (&moa, m, s->shape, rows, guidance, &condition, error) ||
      !denoiser_init (&prior, m, s->shape, rows, guidance, &prior_condition, error))
    return FALSE;
  Late late = { &moa, &prior, G_MAXINT };
  if (g_str_has_suffix (tag, "_late"))
    late.max_timestep = fixture_meta_number (s->f, "late_max_timestep");
  SampleSpec spec = { m->schedule, "ddim", s->steps, moa.n, predict_late, &late };
  return check_run (m, s->f, tag, "timesteps", &spec, s->noise, s->shape, error);
}

gboolean
golden_replace (const Golden *golden, Fixture *f, GError **error)
{
  g_auto (Model) m = { NULL };
  if (!model_open (&m, golden, fixture_meta_string (f, "moa"), error))
    return FALSE;
  Swap s = { .m = &m, .f = f, .steps = fixture_meta_number (f, "steps") };
  g_autofree float *text = encode_text (&m, f, error);
  if (!text)
    return FALSE;
  g_autofree float *latent = encode_image (&m, f, &s.shape, error);
  if (!latent)
    return FALSE;
  s.text = text;
  gint64 c = s.shape.dim[3];
  fixture_check (f, "latent", latent, 1, moa_shape_count (&s.shape) / c, c);
  g_autofree float *noise = invert (&s, latent, error);
  if (!noise)
    return FALSE;
  s.noise = noise;
  g_auto (GStrv) outputs = fixture_outputs (f, "g");
  for (int i = 0; outputs[i]; i++)
    if (g_str_has_suffix (outputs[i], ".latents") && !regenerate (&s, outputs[i], error))
      return FALSE;
  return TRUE;
}
