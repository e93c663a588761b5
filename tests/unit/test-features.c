/* What hosts use around a job: variations, painted maps, masks again, layouts, live maps and previews,
 * estimates, settings. */
#include "job-util.h"

/* ---- Variations ---- */

static void
test_variations (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  GError *error = NULL;
  swap_init (&swap, "lake", 4);
  swap.params.freedom = 0;
  swap.params.variations = 2;
  g_assert_null (moa_replace (model, &swap.params, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "freedom");
  swap.params.freedom = 0.4;
  swap.params.seed = 10;
  swap.params.variations = 3;
  MoaReplaceResult *three = replace_with (model, &swap.params, NULL);
  g_assert_cmpint (three->n_variations, ==, 3);
  swap.params.variations = 1;
  for (int k = 0; k < 3; k++)
    {
      swap.params.seed = 10 + k;
      MoaReplaceResult *one = replace_with (model, &swap.params, NULL);
      g_assert_cmpuint (three->variations[k].seed, ==, swap.params.seed);
      check_same (three->variations[k].composite, one->variations->composite);
      check_same (three->variations[k].mask, one->variations->mask);
      moa_replace_result_free (one);
    }
  g_assert_cmpfloat (image_difference (three->variations[0].image, three->variations[1].image), >,
                     0.01);
  moa_replace_result_free (three);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Painted maps, masks ---- */

static double
mean_weight (const MoaRouterMaps *maps)
{
  double sum = 0;
  for (int l = 0; l < maps->n_layers; l++)
    for (gsize i = 0; i < image_count (maps->layers[l]); i++)
      sum += (1 - maps->layers[l]->data[i]) / image_count (maps->layers[l]) / maps->n_layers;
  return sum;
}

static void
test_paint (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 4);
  swap.params.selection = NULL;
  int w = swap.source->width, h = swap.source->height;
  MoaReplaceResult *plain = replace_with (model, &swap.params, NULL);
  MoaImage *ones = filled (w, h, 1), *none = filled (w, h, 0), *much = filled (w, h, 4);
  swap.params.paint = ones;
  MoaReplaceResult *same = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (image_difference (plain->variations->image, same->variations->image), <, 1e-4);
  swap.params.paint = none;
  MoaReplaceResult *prior = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (mean_weight (&prior->variations->maps[0]), ==, 0);
  swap.params.paint = much;
  MoaReplaceResult *more = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (mean_weight (&more->variations->maps[0]), >,
                     mean_weight (&plain->variations->maps[0]));
  for (int l = 0; l < more->variations->maps[0].n_layers; l++)
    for (gsize i = 0; i < image_count (more->variations->maps[0].layers[l]); i++)
      g_assert_cmpfloat (more->variations->maps[0].layers[l]->data[i], >=, -1e-6);

  /* With a selection both count. */
  swap.params.selection = swap.selection;
  swap.params.paint = none;
  MoaReplaceResult *nothing = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (mean_weight (&nothing->variations->maps[0]), ==, 0);

  GError *error = NULL;
  MoaImage *small = filled (w / 2, h, 1);
  swap.params.paint = small;
  g_assert_null (moa_replace (model, &swap.params, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "painted map");
  MoaImage *images[] = { ones, none, much, small };
  for (gsize i = 0; i < G_N_ELEMENTS (images); i++)
    moa_image_free (images[i]);
  MoaReplaceResult *results[] = { plain, same, prior, more, nothing };
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    moa_replace_result_free (results[i]);
  swap_clear (&swap);
  moa_model_unref (model);
}

static void
test_mask_again (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  GError *error = NULL;
  const int some[] = { 3, 9, 12 }, wrong[] = { 16 };
  swap_init (&swap, "lake", 4);
  MoaReplaceResult *all = replace_with (model, &swap.params, NULL);
  MoaImage *again = moa_replace_mask (model, &swap.params, all->variations, &error);
  g_assert_no_error (error);
  check_same (all->variations->mask, again);
  moa_image_free (again);
  swap.params.mask_layers = some;
  swap.params.n_mask_layers = 3;
  swap.params.grow = 4;
  MoaReplaceResult *few = replace_with (model, &swap.params, NULL);
  again = moa_replace_mask (model, &swap.params, all->variations, &error);
  g_assert_no_error (error);
  check_same (few->variations->mask, again);
  g_assert_cmpfloat (image_difference (all->variations->mask, again), >, 0.1);
  moa_image_free (again);
  swap.params.mask_layers = wrong;
  swap.params.n_mask_layers = 1;
  g_assert_null (moa_replace_mask (model, &swap.params, all->variations, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "block");
  moa_replace_result_free (all);
  moa_replace_result_free (few);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Layouts ---- */

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return x < y ? -1 : x > y;
}

/* The routers' mean weight of the person at a pixel of a picture of side n. */
static double
person_weight (const MoaRouterMaps *maps, int n, int x, int y)
{
  double sum = 0;
  for (int l = 0; l < maps->n_layers; l++)
    {
      const MoaImage *map = maps->layers[l];
      sum += 1 - map->data[(gsize) (y * map->height / n) * map->width + x * map->width / n];
    }
  return sum / maps->n_layers;
}

/* The mean square of what two pictures differ in, where the person's weight is in the upper and in the
 * lower third. */
static void
differences (const MoaImage *a, const MoaImage *b, const MoaRouterMaps *maps, double *inside,
             double *outside)
{
  int n = a->width, count = n * n;
  g_autofree double *weights = g_new (double, count), *sorted = NULL;
  for (int i = 0; i < count; i++)
    weights[i] = person_weight (maps, n, i % n, i / n);
  sorted = g_memdup2 (weights, count * sizeof (double));
  qsort (sorted, count, sizeof (double), compare_doubles);
  double low = sorted[count / 3], high = sorted[count - count / 3], n_in = 0, n_out = 0;
  *inside = *outside = 0;
  for (int i = 0; i < count; i++)
    {
      double square = 0;
      for (int c = 0; c < 3; c++)
        square += pow (a->data[3 * i + c] - b->data[3 * i + c], 2);
      *inside += weights[i] >= high ? square : 0;
      n_in += weights[i] >= high;
      *outside += weights[i] <= low ? square : 0;
      n_out += weights[i] <= low;
    }
  *inside /= n_in;
  *outside /= n_out;
}

/* Disentangled control: with the seed of a layout, the subject changes the person and little else. */
static void
test_layout (void)
{
  enum { N = 4 };
  MoaModel *model = open_model (mini_path ());
  GError *error = NULL;
  MoaImage *photo = load_picture ("lake-subject.png", 3);
  const MoaImage *photos[] = { photo };
  MoaSubject subject = { photos, 1 };
  const guint64 seeds[N] = { 0, 1, 2, 3 };
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = "a woman on a beach";
  params.subjects = &subject;
  params.n_subjects = 1;
  params.seeds = seeds;
  params.n_seeds = N;
  params.guidance = 1;
  params.max_timestep = 500;
  params.prior_only = TRUE;
  MoaGenerateResult *layout = moa_generate (model, &params, NULL, &error);
  g_assert_no_error (error);
  params.prior_only = FALSE;
  params.want_maps = TRUE;
  MoaGenerateResult *picked = moa_generate (model, &params, NULL, &error);
  g_assert_no_error (error);
  double all_in = 0, all_out = 0, other_out = 0;
  for (int i = 0; i < N; i++)
    {
      double in, out, other_in, other;
      differences (layout->images[i], picked->images[i], &picked->maps[i], &in, &out);
      differences (layout->images[(i + 1) % N], picked->images[i], &picked->maps[i], &other_in, &other);
      g_test_message ("seed %d: inside %.4f, outside %.4f; from another seed's %.4f", i, in, out, other);
      all_in += in / N;
      all_out += out / N;
      other_out += other / N;
    }
  g_test_message ("all: inside %.4f, outside %.4f; from another seed's %.4f", all_in, all_out, other_out);
  g_assert_cmpfloat (all_in, >, 4 * all_out);
  g_assert_cmpfloat (other_out, >, 3 * all_out);
  moa_generate_result_free (layout);
  moa_generate_result_free (picked);
  moa_image_free (photo);
  moa_model_unref (model);
}

/* ---- Live ---- */

typedef struct {
  int n_maps, n_previews, last_step, pictures;
  MoaImage *last;
} Watch;

static void
watch (const MoaProgress *progress, gpointer data)
{
  Watch *seen = data;
  if (progress->maps)
    {
      g_assert_cmpint (progress->maps->n_layers, ==, 16);
      g_assert_cmpint (progress->maps->step, >=, 0);
      seen->last_step = progress->maps->step;
      seen->n_maps++;
    }
  if (progress->preview)
    {
      moa_image_free (seen->last);
      seen->last = moa_image_copy (progress->preview);
      seen->n_previews++;
    }
  seen->pictures = MAX (seen->pictures, progress->picture + 1);
}

static double
rms (const MoaImage *a, const MoaImage *b)
{
  double sum = 0;
  for (gsize i = 0; i < image_count (a); i++)
    sum += pow (a->data[i] - b->data[i], 2) / image_count (a);
  return sqrt (sum);
}

static MoaImage *
shrink (const MoaImage *image, int width, int height)
{
  MoaImage *small = moa_image_new (width, height, image->channels);
  int f = image->width / width;
  for (int y = 0; y < image->height; y++)
    for (int x = 0; x < image->width; x++)
      for (int c = 0; c < image->channels; c++)
        small->data[((gsize) (y / f) * width + x / f) * image->channels + c] +=
            image->data[((gsize) y * image->width + x) * image->channels + c] / (f * f);
  return small;
}

static void
test_live (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  Watch seen = { 0 };
  MoaRun run = { .progress = watch, .progress_data = &seen, .live = TRUE };
  swap_init (&swap, "lake", 10);
  swap.params.freedom = 0.2;
  swap.params.variations = 2;
  MoaReplaceResult *result = replace_with (model, &swap.params, &run);
  g_assert_cmpint (seen.pictures, ==, 2);
  g_assert_cmpint (seen.n_maps, >=, 2 * 7);
  g_assert_cmpint (seen.last_step, ==, 9);
  g_assert_cmpint (seen.n_previews, >=, seen.n_maps);
  /* The last preview is the last picture, coarsely. */
  MoaImage *small = shrink (result->variations[1].image, seen.last->width, seen.last->height);
  MoaImage *other = shrink (swap.photo, seen.last->width, seen.last->height);
  g_test_message ("preview: rms %.3f to the picture", rms (small, seen.last));
  g_assert_cmpfloat (rms (small, seen.last), <, 0.12);
  moa_image_free (small);
  moa_image_free (seen.last);
  moa_image_free (other);

  /* Watching changes nothing. */
  MoaReplaceResult *alone = replace_with (model, &swap.params, NULL);
  check_same (alone->variations[1].image, result->variations[1].image);
  moa_replace_result_free (alone);
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
}

static void
test_live_generate (void)
{
  MoaModel *model = open_model (mini_path ());
  Watch seen = { 0 };
  MoaRun run = { .progress = watch, .progress_data = &seen, .live = TRUE };
  MoaImage *photo = load_picture ("lake-subject.png", 3);
  const MoaImage *photos[] = { photo };
  const MoaSubject subject = { photos, 1 };
  const guint64 seeds[] = { 1, 2 };
  GError *error = NULL;
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = "a person on a beach";
  params.subjects = &subject;
  params.n_subjects = 1;
  params.seeds = seeds;
  params.n_seeds = 2;
  params.steps = 12;
  MoaGenerateResult *result = moa_generate (model, &params, &run, &error);
  g_assert_no_error (error);
  g_assert_cmpint (seen.pictures, ==, 2);
  g_assert_cmpint (seen.n_previews, ==, 24);
  g_assert_cmpint (seen.n_maps, >=, 16);
  MoaImage *small = shrink (result->images[1], seen.last->width, seen.last->height);
  g_test_message ("preview: rms %.3f to the picture", rms (small, seen.last));
  g_assert_cmpfloat (rms (small, seen.last), <, 0.15);
  moa_image_free (small);
  moa_generate_result_free (result);
  moa_image_free (seen.last);
  moa_image_free (photo);
  moa_model_unref (model);
}

/* ---- Estimates ---- */

static void
test_estimate (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = folder };
  MoaEstimate estimate, again;
  GError *error = NULL;
  Swap swap;
  swap_init (&swap, "lake", 10);
  swap.params.freedom = 0;
  swap.params.guidance = 1;
  swap.params.max_timestep = 800;
  g_assert_true (moa_replace_estimate (model, &swap.params, &run, FALSE, &estimate, &error));
  g_assert_cmpfloat (estimate.seconds, <, 0);
  g_assert_false (estimate.cached_inversion);
  /* Ten steps back with one refinement each; t 901 and 801 are above max_timestep and retraced. */
  g_assert_cmpint (estimate.prior_passes, ==, 20);
  g_assert_cmpint (estimate.mixture_passes, ==, 8);
  /* With guidance a second pass, the prior's, at the five timesteps up to 401, and way back from 901 is made. */
  swap.params.guidance = 2;
  swap.params.guidance_max_timestep = 401;
  g_assert_true (moa_replace_estimate (model, &swap.params, &run, FALSE, &estimate, &error));
  g_assert_cmpint (estimate.prior_passes, ==, 20 + 5);
  g_assert_cmpint (estimate.mixture_passes, ==, 8);
  swap.params.guidance = 1;
  g_assert_cmpuint (estimate.bytes_needed, >, moa_model_get_info (model)->weight_bytes);
  g_assert_cmpuint (estimate.bytes_free, >, 0);
  guint64 cold = estimate.bytes_needed; /* no weights loaded yet */
  g_assert_true (moa_replace_estimate (model, &swap.params, &run, TRUE, &estimate, &error));
  g_assert_cmpfloat (estimate.seconds, >, 0);
  /* Not of the first run, which also loads the weights. */
  moa_replace_result_free (replace_with (model, &swap.params, NULL));
  g_assert_true (moa_replace_estimate (model, &swap.params, &run, FALSE, &estimate, &error));
  MoaReplaceResult *result = replace_with (model, &swap.params, &run);
  double seconds = 0;
  for (int p = 0; p < MOA_N_PHASES; p++)
    seconds += result->seconds[p];
  g_test_message ("estimated %.3f s, took %.3f s", estimate.seconds, seconds);
  g_assert_cmpfloat (estimate.seconds, <, 10 * seconds);
  g_assert_cmpfloat (seconds, <, 10 * estimate.seconds);
  g_assert_true (moa_replace_estimate (model, &swap.params, &run, FALSE, &again, &error));
  g_assert_true (again.cached_inversion);
  g_assert_cmpint (again.prior_passes, ==, 0);
  g_assert_cmpfloat (again.seconds, >, 0);
  g_assert_cmpuint (again.bytes_needed, <, cold);
  run.memory_limit = 1 << 20;
  g_assert_true (moa_replace_estimate (model, &swap.params, &run, TRUE, &again, &error));
  g_assert_cmpuint (again.bytes_needed, >, again.bytes_free);
  swap.params.steps = -1;
  g_assert_false (moa_replace_estimate (model, &swap.params, &run, FALSE, &again, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "steps");
  error = NULL;

  const guint64 seeds[] = { 1, 2, 3 };
  MoaGenerateParams generate;
  moa_generate_params_init (&generate);
  generate.prompt = "a person";
  generate.seeds = seeds;
  generate.n_seeds = 3;
  g_assert_true (moa_generate_estimate (model, &generate, NULL, FALSE, &again, &error));
  g_assert_cmpint (again.prior_passes, ==, 3 * 30 * 2);
  g_assert_cmpint (again.mixture_passes, ==, 0);
  g_assert_cmpfloat (again.seconds, >, 0);
  moa_replace_result_free (result);
  remove_files (folder);
  g_rmdir (folder);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Settings ---- */

/* Each row's default is the parameters' own, its bounds hold, and it changes its own field alone. */
static void
check_settings (const MoaSetting *settings, int n, gpointer params, gpointer other, gsize size)
{
  for (int i = 0; i < n; i++)
    {
      const MoaSetting *s = &settings[i];
      GError *error = NULL;
      memcpy (other, params, size);
      g_test_message ("%s", s->name);
      g_assert_true (moa_setting_find (settings, n, s->name) == s);
      g_assert_cmpfloat (moa_setting_get (s, params), ==, s->fallback);
      g_assert_true (moa_setting_set (s, other, s->upper, &error));
      g_assert_cmpfloat (moa_setting_get (s, other), ==, s->upper);
      for (int k = 0; k < n; k++)
        if (k != i)
          g_assert_cmpfloat (moa_setting_get (&settings[k], other), ==, settings[k].fallback);
      g_assert_false (moa_setting_set (s, other, s->upper + 1, &error));
      check_error (error, MOA_ERROR_ARGUMENT, s->name);
      error = NULL;
      g_assert_false (moa_setting_set (s, other, NAN, &error));
      check_error (error, MOA_ERROR_ARGUMENT, s->name);
      error = NULL;
      g_assert_false (moa_setting_set (s, other, -2, &error));
      check_error (error, MOA_ERROR_ARGUMENT, s->name);
      error = NULL;
      g_assert_cmpfloat (moa_setting_get (s, other), ==, s->upper);
      g_assert_true (moa_setting_set (s, other, s->fallback, &error));
      g_assert_cmpmem (other, size, params, size);
    }
  g_assert_null (moa_setting_find (settings, n, "fredom"));
}

static void
test_settings (void)
{
  MoaReplaceParams replace, other_replace;
  MoaGenerateParams generate, other_generate;
  MoaSequenceParams sequence, other_sequence;
  int n;
  const MoaSetting *settings = moa_replace_settings (&n);
  moa_replace_params_init (&replace);
  check_settings (settings, n, &replace, &other_replace, sizeof (replace));
  settings = moa_generate_settings (&n);
  moa_generate_params_init (&generate);
  check_settings (settings, n, &generate, &other_generate, sizeof (generate));
  settings = moa_sequence_settings (&n);
  moa_sequence_params_init (&sequence);
  check_settings (settings, n, &sequence, &other_sequence, sizeof (sequence));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/features/variations", test_variations);
  g_test_add_func ("/features/paint", test_paint);
  g_test_add_func ("/features/mask-again", test_mask_again);
  g_test_add_func ("/features/layout", test_layout);
  g_test_add_func ("/features/live", test_live);
  g_test_add_func ("/features/live/generate", test_live_generate);
  g_test_add_func ("/features/estimate", test_estimate);
  g_test_add_func ("/features/settings", test_settings);
  return g_test_run ();
}
