/* Guidance's networks: the base's and the prompt's rows at once give what each gives alone, for every kind of
 * expert, with limits and with a ControlNet; and which rows are run together. */
#include "base/rng.h"
#include "job-util.h"
#include "jobs/denoise.h"
#include "jobs/maps.h"

#include <math.h>

enum { SIDE = 16, N = SIDE * SIDE * 4, SLOTS = 2, T = 500 };

/* What a row and a latent are made of, the same for every network. */
typedef struct {
  MoaModel *opened, *model; /* from files, and on the job's device */
  MoaJob *job;
  float *z, *texts, *feats, *region;
  gint32 index[SLOTS];
  MoaCondition conditions[MOA_MAX_ROWS];
  MoaImage *hint;
  int text_rows;
} Scene;

static float *
random_floats (guint64 seed, gsize n)
{
  float *x = g_new (float, n);
  moa_rng_normal (seed, 0, 0, x, n);
  return x;
}

static MoaModel *
open_with (const char *expert, gboolean control)
{
  g_autofree char *tiny = tiny_path (), *net = g_build_filename (tiny, "controlnet", NULL);
  g_autofree char *file = expert ? g_build_filename (g_getenv ("MOA_FIXTURES"), "real", expert, NULL) : NULL;
  g_autoptr (GError) error = NULL;
  MoaModel *model = moa_model_open_files (&(MoaModelFiles){ .model = tiny, .expert = file,
                                                            .controlnet = control ? net : NULL }, &error);
  g_assert_no_error (error);
  return model;
}

static void
scene_init (Scene *s, const char *expert, gboolean control)
{
  GError *error = NULL;
  s->opened = open_with (expert, control);
  s->job = moa_job_new (s->opened, NULL, &error);
  g_assert_no_error (error);
  s->model = s->job->model;
  s->text_rows = moa_tokenizer_window (s->model->tokenizer);
  gsize n_text = (gsize) s->text_rows * s->model->unet.text_dim;
  s->z = random_floats (1, N);
  s->texts = random_floats (2, MOA_MAX_ROWS * n_text);
  s->feats = random_floats (3, SLOTS * s->model->moa.feature_dim);
  /* Part of the picture, to different degrees; at the smallest level nothing is left out. */
  s->region = g_new0 (float, SLOTS * SIDE * SIDE);
  for (int i = 0; i < SLOTS * SIDE * SIDE; i++)
    s->region[i] = i % SIDE < 7 ? 0 : (i % 5) / 4.f;
  s->index[0] = 2;
  s->index[1] = 4;
  /* The base sees nobody, but for an IP-Adapter, which then sees nothing. */
  s->conditions[0] = (MoaCondition){ s->texts };
  s->conditions[1] = (MoaCondition){ s->texts + n_text, SLOTS, s->feats, s->index };
  s->hint = moa_image_new (SIDE * moa_model_vae_factor (s->model), SIDE * moa_model_vae_factor (s->model), 3);
  for (int i = 0; i < s->hint->width * s->hint->height * 3; i++)
    s->hint->data[i] = i % 17 / 16.f;
}

static void
scene_clear (Scene *s)
{
  g_free (s->z);
  g_free (s->texts);
  g_free (s->feats);
  g_free (s->region);
  moa_image_free (s->hint);
  moa_job_free (s->job);
  moa_model_unref (s->opened);
}

/* ---- Rows ------------------------------------------------------------- */

typedef struct {
  const char *name, *expert; /* a file of tests/data/real; NULL: the tiny model's MoA */
  gboolean mixture, region, control;
} Case;

static void
load (Scene *s)
{
  MoaParams *const parts[] = { s->model->unet_params, s->model->moa_params, s->model->control_params };
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_assert_true (!parts[i] || moa_params_load (parts[i], 0, NULL, NULL));
}

/* eps of `rows` conditions from condition `first` on, and the last one's router maps; NULL: not wanted. */
static void
run_rows (Scene *s, const Case *c, int rows, int first, float *eps, MoaRouterMaps *maps)
{
  MoaController controller = { NULL };
  MoaDenoiser d = { NULL };
  g_autoptr (GError) error = NULL;
  const MoaCondition *conditions[MOA_MAX_ROWS];
  for (int r = 0; r < rows; r++)
    conditions[r] = &s->conditions[first + r];
  if (c->control)
    moa_controller_init (&controller, s->model, s->job->cpu, SIDE, SIDE, s->text_rows, rows, &error);
  g_assert_no_error (error);
  MoaDenoiserSpec spec = { .width = SIDE, .height = SIDE, .rows = rows, .text_rows = s->text_rows,
                           .mixture = c->mixture, .n_slots = SLOTS, .scale = 0.8, .maps = c->mixture,
                           .limit = c->region ? s->region : NULL,
                           .control = c->control ? &controller : NULL };
  moa_denoiser_init (&d, s->model, s->job->cpu, &spec, &error);
  g_assert_no_error (error);
  load (s);
  g_assert_true (moa_denoiser_prepare (&d, s->job->workspace, &error));
  if (c->control)
    {
      moa_controller_set_hint (&controller, s->hint);
      g_assert_true (moa_controller_run (&controller, conditions, s->z, T, 0.7, NULL, &error));
    }
  g_assert_true (moa_denoiser_run (&d, conditions, s->z, T, eps, NULL, &error));
  if (maps)
    {
      g_assert_true (moa_maps_init (maps, &d, 0, T, &error));
      moa_maps_take (maps, &d, 1);
    }
  moa_denoiser_clear (&d);
  moa_controller_clear (&controller);
}

static void
check_near (const char *what, const float *a, const float *b, gsize n)
{
  double most = 0, far = 0;
  for (gsize i = 0; i < n; i++)
    {
      most = MAX (most, fabs (b[i]));
      far = MAX (far, fabs ((double) a[i] - b[i]));
    }
  g_test_message ("%s: %g of %g", what, far, most);
  g_assert_cmpfloat (far, <=, 4e-6 * most);
}

static void
check_case (gconstpointer data)
{
  const Case *c = data;
  Scene s;
  MoaRouterMaps alone_maps = { 0 }, pair_maps = { 0 };
  scene_init (&s, c->expert, c->control);
  g_autofree float *alone = g_new (float, 2 * N), *pair = g_new (float, 2 * N);
  run_rows (&s, c, 1, 0, alone, NULL);
  run_rows (&s, c, 1, 1, alone + N, c->mixture ? &alone_maps : NULL);
  run_rows (&s, c, 2, 0, pair, c->mixture ? &pair_maps : NULL);
  check_near ("base", pair, alone, N);
  check_near ("prompt", pair + N, alone + N, N);
  g_assert_cmpfloat (fabs (alone[N / 2] - alone[N + N / 2]), >, 1e-3); /* they do differ */
  for (int l = 0; l < pair_maps.n_layers; l++)
    check_near ("map", pair_maps.layers[l]->data, alone_maps.layers[l]->data,
                pair_maps.layers[l]->width * pair_maps.layers[l]->height);
  moa_maps_clear (&alone_maps);
  moa_maps_clear (&pair_maps);
  scene_clear (&s);
}

/* ---- A guide ---------------------------------------------------------- */

/* eps of a guide at timestep t, after moa_guide_step (i, 10). */
static void
run_guide (Scene *s, MoaGuide *guide, int t, int i, float *eps)
{
  g_autoptr (GError) error = NULL;
  MoaDenoiserSpec prior = { .width = SIDE, .height = SIDE, .text_rows = s->text_rows }, mixture = prior;
  mixture.mixture = mixture.maps = TRUE;
  mixture.n_slots = SLOTS;
  guide->n = N;
  if (!guide->nets[0].prior.graph)
    {
      moa_guide_build (guide, s->model, s->job->cpu, &prior, &mixture, &t, 1, &error);
      g_assert_no_error (error);
      load (s);
      moa_guide_prepare (guide, s->job, s->hint, &error);
      g_assert_no_error (error);
    }
  moa_guide_step (guide, i, 10);
  moa_guide_eps (guide, s->job, s->z, t, eps, &error);
  g_assert_no_error (error);
}

/* base + guidance (prompt - base), of what each is alone. */
static void
check_guided (Scene *s, const float *eps, const Case *base, const Case *prompt, double guidance)
{
  g_autofree float *rows = g_new (float, 2 * N), *wanted = g_new (float, N);
  run_rows (s, base, 1, 0, rows, NULL);
  run_rows (s, prompt, 1, 1, rows + N, NULL);
  for (int i = 0; i < N; i++)
    wanted[i] = rows[i] + guidance * (rows[N + i] - rows[i]);
  check_near ("guided", eps, wanted, N);
}

static const Case prior_case = { "prior" }, moa_case = { "moa", NULL, TRUE },
                  controlled_case = { "moa-control", NULL, TRUE, FALSE, TRUE },
                  controlled_prior_case = { "prior-control", NULL, FALSE, FALSE, TRUE };

/* Which networks there are, and what comes out, where both rows are the mixture's, where the base is the
 * prior's, above max_timestep, and with a guidance of 1. */
static void
test_pairs (void)
{
  const struct {
    gboolean base_is_mixture;
    int max_timestep;
    double guidance;
    gboolean prior_pair, mixture_pair;
    const Case *base, *prompt;
  } cases[] = {
    { TRUE, 999, 3, FALSE, TRUE, &moa_case, &moa_case },
    { FALSE, 999, 3, FALSE, FALSE, &prior_case, &moa_case },
    { TRUE, T - 1, 3, TRUE, FALSE, &prior_case, &prior_case },
    { FALSE, T - 1, 3, TRUE, FALSE, &prior_case, &prior_case },
    { TRUE, 999, 1, FALSE, FALSE, &moa_case, &moa_case },
  };
  const MoaControl none = { .scale = 1, .end = 1 };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Scene s;
      scene_init (&s, NULL, FALSE);
      MoaGuide guide = { .mixes = TRUE, .prompt = s.conditions[1], .base = s.conditions[0],
                         .base_is_mixture = cases[i].base_is_mixture, .control = &none,
                         .guidance = cases[i].guidance, .max_timestep = cases[i].max_timestep,
                         .guidance_max_timestep = 1000 };
      g_autofree float *eps = g_new (float, N);
      run_guide (&s, &guide, T, 0, eps);
      g_assert_cmpint (guide.nets[1].prior.graph != NULL, ==, cases[i].prior_pair);
      g_assert_cmpint (guide.nets[1].mixture.graph != NULL, ==, cases[i].mixture_pair);
      check_guided (&s, eps, cases[i].base, cases[i].prompt, cases[i].guidance);
      g_assert_true (moa_guide_routed (&guide) == &guide.nets[cases[i].mixture_pair].mixture);
      moa_guide_clear (&guide);
      scene_clear (&s);
    }
}

/* A ControlNet acts in its steps alone: what it left is not added later.  With both rows at once, one after
 * the other, and the prompt's alone. */
static void
test_control_rests (void)
{
  const struct { gboolean base_is_mixture; double guidance; } cases[] = { { TRUE, 3 }, { FALSE, 3 },
                                                                          { TRUE, 1 } };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Scene s;
      scene_init (&s, NULL, TRUE);
      const MoaControl control = { .image = s.hint, .scale = 0.7, .start = 0, .end = 0.5 };
      const double guidance = cases[i].guidance;
      MoaGuide guide = { .mixes = TRUE, .prompt = s.conditions[1], .base = s.conditions[0],
                         .base_is_mixture = cases[i].base_is_mixture, .control = &control,
                         .guidance = guidance, .max_timestep = 999, .guidance_max_timestep = 1000 };
      const Case *controlled = guide.base_is_mixture ? &controlled_case : &controlled_prior_case;
      const Case *plain = guide.base_is_mixture ? &moa_case : &prior_case;
      g_autofree float *eps = g_new (float, N);
      run_guide (&s, &guide, T, 0, eps);
      check_guided (&s, eps, controlled, &controlled_case, guidance);
      run_guide (&s, &guide, T, 8, eps);
      check_guided (&s, eps, plain, &moa_case, guidance);
      run_guide (&s, &guide, T, 1, eps);
      check_guided (&s, eps, controlled, &controlled_case, guidance);
      moa_guide_clear (&guide);
      scene_clear (&s);
    }
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { "prior" },
    { "prior-control", NULL, FALSE, FALSE, TRUE },
    { "moa", NULL, TRUE },
    { "moa-region", NULL, TRUE, TRUE },
    { "moa-control", NULL, TRUE, TRUE, TRUE },
    { "ip-adapter", "ip-adapter-plus.safetensors", TRUE },
    { "ip-adapter-region", "ip-adapter-plain.safetensors", TRUE, TRUE },
    { "fastcomposer", "fastcomposer-model.safetensors", TRUE },
    { "fastcomposer-region", "fastcomposer-model.safetensors", TRUE, TRUE },
  };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/guide/rows/", cases[i].name, NULL);
      g_test_add_data_func (path, &cases[i], check_case);
    }
  g_test_add_func ("/guide/pairs", test_pairs);
  g_test_add_func ("/guide/control-rests", test_control_rests);
  return g_test_run ();
}
