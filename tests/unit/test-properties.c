/* What must hold whatever the weights are: of the method, and of a job. */
#include "base/rng.h"
#include "job-util.h"
#include "jobs/job.h"
#include "sample/ddim.h"

/* ---- MoA and the prior ---- */

/* Turns the MoA weights into those that training begins with: experts that
 * are the prior's copies, routers of weight 0, a fuser that adds nothing. */
static gboolean
untrain (EditedTensor *tensor, gpointer unet)
{
  if (strstr (tensor->name, ".router.") || g_str_has_prefix (tensor->name, "fuser.mlp.2."))
    memset (tensor->data, 0, tensor->n * sizeof (float));
  else if (!g_str_has_prefix (tensor->name, "fuser."))
    {
      const MoaFileTensor *prior = moa_safetensors_find (unet, tensor->name);
      g_assert_nonnull (prior);
      g_assert_cmpuint (prior->n, ==, tensor->n);
      g_assert_true (moa_safetensors_read_float (unet, prior, 0, prior->n, tensor->data, NULL));
    }
  return TRUE;
}

/* Routers that always choose the prior: logits 60 and -60, which is a weight of exactly 0. */
static gboolean
choose_prior (EditedTensor *tensor, gpointer data)
{
  if (strstr (tensor->name, ".router."))
    {
      memset (tensor->data, 0, tensor->n * sizeof (float));
      if (g_str_has_suffix (tensor->name, ".bias"))
        {
          tensor->data[0] = 60;
          tensor->data[1] = -60;
        }
    }
  return TRUE;
}

static char *
changed_model (const char *path, EditFunc edit)
{
  char *copy = link_model (path);
  g_autofree char *unet_path = g_build_filename (path, "unet/diffusion_pytorch_model.safetensors",
                                                 NULL);
  MoaSafetensors *unet = moa_safetensors_open (unet_path, NULL);
  g_assert_nonnull (unet);
  edit_weights (copy, "moa/moa.safetensors", edit, unet);
  moa_safetensors_close (unet);
  return copy;
}

/* The U-Net's output at one timestep on noise, with and without MoA. */
static void
run_both (MoaModel *model, int t, float *prior_out, float *moa_out, gsize n)
{
  enum { SIDE = 16 };
  MoaJob *job = moa_job_new (model, NULL, NULL);
  gsize n_text = (gsize) moa_tokenizer_window (model->tokenizer) * model->unet.text_dim;
  g_autofree float *z = g_new (float, n), *text = g_new (float, n_text);
  g_autofree float *feats = g_new (float, model->moa.feature_dim);
  gint32 index = 2;
  moa_rng_normal (1, 0, 0, z, n);
  moa_rng_normal (2, 0, 0, text, n_text);
  moa_rng_normal (3, 0, 0, feats, model->moa.feature_dim);
  const MoaCondition condition = { text, 1, feats, &index }, *row = &condition;
  MoaDenoiserSpec spec = { .width = SIDE, .height = SIDE, .rows = 1,
                           .text_rows = moa_tokenizer_window (model->tokenizer) };
  GError *error = NULL;
  for (int mixture = 0; mixture < 2; mixture++)
    {
      MoaDenoiser denoiser = { NULL };
      spec.mixture = mixture;
      spec.n_slots = 1;
      moa_denoiser_init (&denoiser, model, job->cpu, &spec, &error);
      g_assert_no_error (error);
      moa_params_load (model->unet_params, 0, NULL, &error);
      g_assert_no_error (error);
      moa_params_load (model->moa_params, 0, NULL, &error);
      g_assert_no_error (error);
      g_assert_true (moa_graph_prepare (denoiser.graph, job->workspace, NULL));
      moa_denoiser_run (&denoiser, &row, z, t, mixture ? moa_out : prior_out, NULL, &error);
      g_assert_no_error (error);
      moa_denoiser_clear (&denoiser);
    }
  moa_job_free (job);
}

/* Equal but for the order in which the attention's output, its bias and the
 * residual are added. */
static void
check_untrained (const char *path)
{
  enum { N = 16 * 16 * 4 };
  char *copy = changed_model (path, untrain);
  MoaModel *untrained = open_model (copy), *trained = open_model (path);
  float prior[N], moa[N];
  for (int t = 1; t < 1000; t += 333)
    {
      run_both (untrained, t, prior, moa, N);
      double scale = 0;
      for (int i = 0; i < N; i++)
        scale = MAX (scale, fabs (prior[i]));
      g_assert_cmpfloat (largest_difference (prior, moa, N), <=, 4e-6 * scale);
      /* The weights as they are do differ, so the test can fail. */
      run_both (trained, t, prior, moa, N);
      g_assert_cmpfloat (largest_difference (prior, moa, N), >, 1e-3 * scale);
    }
  moa_model_unref (untrained);
  moa_model_unref (trained);
  remove_model (copy);
}

static void
test_untrained_tiny (void)
{
  g_autofree char *path = tiny_path ();
  check_untrained (path);
}

static void
test_untrained_mini (void)
{
  check_untrained (mini_path ());
}

/* eps = eps_prior + g (eps_moa - eps_prior): where the routers choose the
 * prior, guidance changes rounding only. */
static void
test_prior_cancels_guidance (void)
{
  char *copy = changed_model (mini_path (), choose_prior);
  MoaModel *model = open_model (copy), *trained = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "mountain", 10);
  swap.params.selection = NULL;
  swap.params.base = MOA_BASE_PRIOR;
  swap.params.guidance = 1;
  MoaReplaceResult *one = replace_with (model, &swap.params, NULL);
  MoaReplaceResult *trained_one = replace_with (trained, &swap.params, NULL);
  swap.params.guidance = 7;
  MoaReplaceResult *seven = replace_with (model, &swap.params, NULL);
  MoaReplaceResult *trained_seven = replace_with (trained, &swap.params, NULL);
  g_assert_cmpfloat (image_difference (one->variations->image, seven->variations->image), <, 2e-4);
  g_assert_cmpfloat (
      image_difference (trained_one->variations->image, trained_seven->variations->image), >, 0.1);
  /* And the routers' maps say so. */
  for (int l = 0; l < one->variations->maps[0].n_layers; l++)
    for (gsize i = 0; i < image_count (one->variations->maps[0].layers[l]); i++)
      g_assert_cmpfloat (one->variations->maps[0].layers[l]->data[i], ==, 1);
  moa_replace_result_free (one);
  moa_replace_result_free (seven);
  moa_replace_result_free (trained_one);
  moa_replace_result_free (trained_seven);
  swap_clear (&swap);
  moa_model_unref (model);
  moa_model_unref (trained);
  remove_model (copy);
}

/* ---- Inversion ---- */

/* With eps = 0 each inversion step is undone by its sampling step. */
static void
test_zero_eps_round_trip (void)
{
  enum { N = 1024 };
  MoaModel *model = open_model (mini_path ());
  static const int counts[] = { 1, 10, 50, 333, 1000 };
  float start[N], z[N], next[N], zero[N] = { 0 };
  moa_rng_normal (5, 0, 0, start, N);
  for (gsize k = 0; k < G_N_ELEMENTS (counts); k++)
    {
      int steps = counts[k];
      g_autofree int *timesteps = g_new (int, steps);
      moa_ddim_timesteps (model->schedule, MOA_SPACING_LEADING, steps, timesteps);
      memcpy (z, start, sizeof (z));
      for (int i = steps - 1; i >= 0; i--)
        {
          moa_ddim_invert_step (model->schedule, steps, timesteps[i], z, zero, next, N);
          memcpy (z, next, sizeof (z));
        }
      for (int i = 0; i < steps; i++)
        moa_ddim_step (model->schedule, steps, timesteps[i], z, zero, N);
      /* Two roundings a step, half of an ulp each. */
      g_assert_cmpfloat (largest_difference (start, z, N), <, 4 * (2 * steps + 1) * 6e-8);
    }
  moa_model_unref (model);
}

/* The reconstruction comes nearer to what the autoencoder alone gives with
 * each refinement.  A selection of nothing makes the result that. */
static void
test_residual_falls (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 20);
  memset (swap.selection->data, 0, image_count (swap.selection) * sizeof (float));
  swap.params.want_reconstruction = TRUE;
  double first = 0, last = G_MAXDOUBLE;
  for (int k = 0; k <= 4; k++)
    {
      swap.params.fixed_point = k;
      MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
      double sum = 0;
      gsize n = image_count (result->variations->image);
      for (gsize i = 0; i < n; i++)
        {
          double d = result->variations->image->data[i] - result->reconstruction->data[i];
          sum += d * d;
        }
      double residual = sqrt (sum / n);
      g_test_message ("K = %d: %g", k, residual);
      g_assert_cmpfloat (residual, <, last);
      first = k == 0 ? residual : first;
      last = residual;
      moa_replace_result_free (result);
    }
  g_assert_cmpfloat (last, <, first / 8);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Backgrounds ---- */

static void
test_zero_mask (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "snow", 4);
  /* Numbers that no 8 bits have, and that no clamping leaves alone. */
  for (gsize i = 0; i < image_count (swap.source); i++)
    swap.source->data[i] = swap.source->data[i] * 1.3f - 0.1f + i % 7 * 1e-7f;
  memset (swap.selection->data, 0, image_count (swap.selection) * sizeof (float));
  MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
  g_assert_cmpmem (result->variations->composite->data, image_count (swap.source) * sizeof (float),
                   swap.source->data, image_count (swap.source) * sizeof (float));
  for (gsize i = 0; i < image_count (result->variations->mask); i++)
    g_assert_cmpfloat (result->variations->mask->data[i], ==, 0);
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* Outside the selection the picture's own numbers, inside not; and without the
 * composite still near, because latents there return to the inversion's. */
static void
test_background (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "mountain", 25);
  MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
  gsize n = (gsize) swap.source->width * swap.source->height, changed = 0, outside = 0;
  double background = 0;
  for (gsize i = 0; i < n; i++)
    {
      const float *old = swap.source->data + 3 * i,
                  *new = result->variations->composite->data + 3 * i;
      if (swap.selection->data[i] > 0)
        {
          changed += memcmp (old, new, 3 * sizeof (float)) != 0;
          continue;
        }
      g_assert_cmpmem (old, 3 * sizeof (float), new, 3 * sizeof (float));
      for (int c = 0; c < 3; c++)
        background += pow (result->variations->image->data[3 * i + c] - old[c], 2) / 3;
      outside++;
    }
  g_assert_cmpuint (changed, >, (n - outside) / 2);
  double decibels = -10 * log10 (background / outside);
  g_test_message ("background before compositing: %.1f dB", decibels);
  g_assert_cmpfloat (decibels, >, 20);
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* The new person is nearer to the truth, the picture drawn with that person,
 * than the old one was. */
static void
test_swap_nears_truth (void)
{
  MoaModel *model = open_model (mini_path ());
  static const char *const scenes[] = { "lavender", "mountain", "snow", "lake" };
  double gain = 0;
  for (gsize s = 0; s < G_N_ELEMENTS (scenes); s++)
    {
      Swap swap;
      swap_init (&swap, scenes[s], 20);
      g_autofree char *name = g_strconcat (scenes[s], "-truth.png", NULL);
      MoaImage *truth = load_picture (name, 3);
      MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
      double before = 0, after = 0;
      for (gsize i = 0; i < image_count (truth); i++)
        if (swap.selection->data[i / 3] > 0.5)
          {
            before += pow (swap.source->data[i] - truth->data[i], 2);
            after += pow (result->variations->composite->data[i] - truth->data[i], 2);
          }
      g_test_message ("%s: %.1f dB nearer", scenes[s], 10 * log10 (before / after));
      gain += 10 * log10 (before / after) / G_N_ELEMENTS (scenes);
      moa_replace_result_free (result);
      moa_image_free (truth);
      swap_clear (&swap);
    }
  g_assert_cmpfloat (gain, >, 3);
  moa_model_unref (model);
}

/* Mean square distance where selection is above 1/2 and left, if not NULL, is on the side asked for. */
static double
distance (const MoaImage *a, const MoaImage *b, const MoaImage *selection, const MoaImage *left,
          gboolean in_left)
{
  double sum = 0, n = 0;
  for (gsize i = 0; i < image_count (a); i++)
    if (selection->data[i / 3] > 0.5 && (left->data[i / 3] > 0.5) == in_left)
      {
        sum += pow (a->data[i] - b->data[i], 2);
        n++;
      }
  return sum / n;
}

typedef struct {
  const char *subjects[2], *truth;
  int order[2];
  gboolean swapped[2]; /* the left and the right person */
} PairCase;

/* Of two persons each gets the subject that is meant for them, and one whose own crop is the
 * subject stays. */
static void
test_pair (void)
{
  static const PairCase cases[] = {
    { { "pair-subject-left.png", "pair-kept-right.png" }, "pair-truth-left.png", { 0, 1 },
      { TRUE, FALSE } },
    { { "pair-kept-right.png", "pair-subject-left.png" }, "pair-truth-left.png", { 1, 0 },
      { TRUE, FALSE } },
    { { "pair-subject-left.png", "pair-subject-right.png" }, "pair-truth.png", { 0, 1 },
      { TRUE, TRUE } },
  };
  MoaModel *model = open_model (mini_path ());
  MoaImage *source = load_picture ("pair.png", 3);
  MoaImage *selection = load_picture ("pair-selection.png", 1);
  MoaImage *left = load_picture ("pair-selection-left.png", 1);
  for (gsize c = 0; c < G_N_ELEMENTS (cases); c++)
    {
      const PairCase *pair = &cases[c];
      MoaImage *photos[2] = { load_picture (pair->subjects[0], 3),
                              load_picture (pair->subjects[1], 3) };
      MoaSubject subjects[2] = { { (const MoaImage *const *) &photos[0], 1 },
                                 { (const MoaImage *const *) &photos[1], 1 } };
      MoaImage *truth = load_picture (pair->truth, 3);
      MoaReplaceParams params;
      moa_replace_params_init (&params);
      params.source = source;
      params.selection = selection;
      params.subjects = subjects;
      params.n_subjects = 2;
      params.order = pair->order;
      params.steps = 20;
      MoaReplaceResult *result = replace_with (model, &params, NULL);
      double gain = 0;
      double another = distance (source, truth, selection, left, TRUE); /* from one person to another */
      for (int right = 0; right < 2; right++)
        {
          double before = distance (source, truth, selection, left, !right);
          double after = distance (result->variations->composite, truth, selection, left, !right);
          g_test_message ("case %d, %s: %.1f dB before, %.1f after", (int) c,
                          right ? "right" : "left", -10 * log10 (before), -10 * log10 (after));
          if (pair->swapped[right])
            gain += 10 * log10 (before / after) / (pair->swapped[0] + pair->swapped[1]);
          else
            g_assert_cmpfloat (10 * log10 (another / after), >, 5);
        }
      g_assert_cmpfloat (gain, >, 2);
      moa_replace_result_free (result);
      moa_image_free (truth);
      moa_image_free (photos[0]);
      moa_image_free (photos[1]);
    }
  moa_image_free (source);
  moa_image_free (selection);
  moa_image_free (left);
  moa_model_unref (model);
}

/* ---- Repeating ---- */

static void
check_same_bytes (const MoaImage *a, const MoaImage *b)
{
  g_assert_cmpmem (a->data, image_count (a) * sizeof (float), b->data,
                   image_count (b) * sizeof (float));
}

static void
test_seeds (void)
{
  MoaModel *model = open_model (mini_path ()), *again = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 6);
  swap.params.freedom = 0.7;
  swap.params.seed = 12345678901234567890u;
  MoaReplaceResult *a = replace_with (model, &swap.params, NULL);
  MoaReplaceResult *b = replace_with (again, &swap.params, NULL);
  swap.params.seed++;
  MoaReplaceResult *c = replace_with (model, &swap.params, NULL);
  check_same_bytes (a->variations->image, b->variations->image);
  check_same_bytes (a->variations->mask, b->variations->mask);
  g_assert_cmpfloat (image_difference (a->variations->image, c->variations->image), >, 0.01);
  moa_replace_result_free (a);
  moa_replace_result_free (b);
  moa_replace_result_free (c);
  swap_clear (&swap);
  moa_model_unref (model);
  moa_model_unref (again);
}

static void
test_threads (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 10);
  MoaRun run = { .n_threads = 1 };
  MoaReplaceResult *one = replace_with (model, &swap.params, &run);
  run.n_threads = 2;
  MoaReplaceResult *two = replace_with (model, &swap.params, &run);
  g_assert_cmpfloat (image_difference (one->variations->image, two->variations->image), <, 2e-4);
  moa_replace_result_free (one);
  moa_replace_result_free (two);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Cancelling ---- */

typedef struct {
  GCancellable *cancellable;
  MoaPhase phase;
  GThread *thread; /* that cancels; NULL: not yet */
  gint64 when;     /* it was cancelled */
} Cancelling;

/* In the middle of an operation, as a user does: from another thread, a little after the report. */
static gpointer
cancel_soon (gpointer data)
{
  Cancelling *c = data;
  g_usleep (1000);
  c->when = g_get_monotonic_time ();
  g_cancellable_cancel (c->cancellable);
  return NULL;
}

static void
cancel_in_phase (const MoaProgress *progress, gpointer data)
{
  Cancelling *c = data;
  if (progress->phase == c->phase && progress->step == MIN (1, progress->n_steps - 1) && !c->thread)
    c->thread = g_thread_new ("cancel", cancel_soon, c);
}

static void
test_cancel (void)
{
  static const MoaPhase phases[] = { MOA_PHASE_INVERT, MOA_PHASE_GENERATE, MOA_PHASE_DECODE };
  enum { TRIES = 5 }; /* the machine may be busy with other things */
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "snow", 50);
  swap.params.want_reconstruction = TRUE;
  MoaReplaceResult *whole = replace_with (model, &swap.params, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (phases); i++)
    {
      double best = G_MAXDOUBLE;
      for (int try = 0; try < TRIES && best > 0.1; try++)
        {
          g_autoptr (GCancellable) cancellable = g_cancellable_new ();
          Cancelling cancelling = { cancellable, phases[i] };
          MoaRun run = { .cancellable = cancellable,
                         .progress = cancel_in_phase,
                         .progress_data = &cancelling };
          GError *error = NULL;
          g_assert_null (moa_replace (model, &swap.params, &run, &error));
          g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
          g_error_free (error);
          gint64 now = g_get_monotonic_time ();
          g_thread_join (cancelling.thread);
          best = MIN (best, (now - cancelling.when) * 1e-6);
        }
      g_test_message ("phase %d: %.0f ms", phases[i], 1000 * best);
      g_assert_cmpfloat (best, <=, 0.1);
    }
  /* The model is as good as before. */
  MoaReplaceResult *after = replace_with (model, &swap.params, NULL);
  check_same_bytes (whole->variations->image, after->variations->image);
  moa_replace_result_free (whole);
  moa_replace_result_free (after);
  swap_clear (&swap);
  moa_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/properties/untrained-moa-is-the-prior/tiny", test_untrained_tiny);
  g_test_add_func ("/properties/untrained-moa-is-the-prior/mini", test_untrained_mini);
  g_test_add_func ("/properties/prior-cancels-guidance", test_prior_cancels_guidance);
  g_test_add_func ("/properties/zero-eps-round-trip", test_zero_eps_round_trip);
  g_test_add_func ("/properties/residual-falls-with-fixed-points", test_residual_falls);
  g_test_add_func ("/properties/zero-mask-keeps-pixels", test_zero_mask);
  g_test_add_func ("/properties/background", test_background);
  g_test_add_func ("/properties/swap-nears-truth", test_swap_nears_truth);
  g_test_add_func ("/properties/pair", test_pair);
  g_test_add_func ("/properties/seeds", test_seeds);
  g_test_add_func ("/properties/threads", test_threads);
  g_test_add_func ("/properties/cancel", test_cancel);
  return g_test_run ();
}
