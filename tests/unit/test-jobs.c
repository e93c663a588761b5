/* Jobs: parameters that are refused, memory, progress, several jobs at once, areas, maps, and generation. */
#include "job-util.h"

#include "jobs/compose.h"

/* ---- Parameters ---- */

static void
check_refused (MoaModel *model, const MoaReplaceParams *params, const char *text)
{
  GError *error = NULL;
  g_assert_null (moa_replace (model, params, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, text);
}

static void
test_refused_numbers (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 4);
  const MoaReplaceParams good = swap.params;
  static const int past_end[] = { 4 }, negative[] = { -1 };
#define REFUSED(field, value, text)                                                                \
  G_STMT_START                                                                                     \
  {                                                                                                \
    MoaReplaceParams changed = good;                                                               \
    changed.field = value;                                                                         \
    check_refused (model, &changed, text);                                                         \
  }                                                                                                \
  G_STMT_END
  REFUSED (steps, -1, "steps");
  REFUSED (steps, 1001, "steps");
  REFUSED (guidance, NAN, "guidance");
  REFUSED (guidance, INFINITY, "guidance");
  REFUSED (freedom, 1.01, "freedom");
  REFUSED (freedom, NAN, "freedom");
  REFUSED (fixed_point, 101, "fixed_point");
  REFUSED (grow, NAN, "grow");
  REFUSED (feather, 1e9, "feather");
  REFUSED (mask_threshold, 1.5, "mask_threshold");
  REFUSED (mask_threshold, NAN, "mask_threshold");
  REFUSED (base, (MoaGuidanceBase) 7, "base");
  REFUSED (n_map_steps, 1000000, "map_steps");
  REFUSED (n_subjects, 0, "subjects");
  REFUSED (n_subjects, 9, "subjects");
  REFUSED (n_subjects, -3, "subjects");
  REFUSED (subjects, NULL, "subjects");
  REFUSED (source, NULL, "picture");
  REFUSED (prompt, "a house by the lake", "person");
  MoaReplaceParams bad = good;
  bad.map_steps = past_end;
  bad.n_map_steps = 1;
  check_refused (model, &bad, "maps");
  bad.map_steps = negative;
  check_refused (model, &bad, "maps");
  swap_clear (&swap);
  moa_model_unref (model);
}

static void
test_refused_pictures (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 4);
  const MoaReplaceParams good = swap.params;
  MoaImage *small = moa_image_new (7, 200, 3), *gray = moa_image_new (64, 64, 1);
  MoaImage *long_one = moa_image_new (300, 100, 3);
  REFUSED (source, small, "at least 8 x 8");
  REFUSED (source, gray, "1 channels");
  REFUSED (selection, gray, "64 x 64");
  REFUSED (selection, swap.source, "one channel");
  MoaReplaceParams bad = good;
  bad.source = long_one;
  bad.selection = NULL;
  check_refused (model, &bad, "twice as long");

  const MoaImage *photos[] = { small };
  MoaSubject subjects[] = { { photos, 1 }, swap.subject };
  REFUSED (subjects, subjects, "Photo 1 of subject 1 is 7 x 200");
  photos[0] = gray;
  REFUSED (subjects, subjects, "channels");
  photos[0] = NULL;
  REFUSED (subjects, subjects, "missing");
  subjects[0].n_photos = 0;
  REFUSED (subjects, subjects, "no photo");

  subjects[0] = swap.subject;
  static const int orders[][2] = { { 0, 0 }, { 1, 2 }, { -1, 0 } };
  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      bad = good;
      bad.subjects = subjects;
      bad.n_subjects = 2;
      bad.order = orders[i];
      check_refused (model, &bad, "order");
    }
  moa_image_free (small);
  moa_image_free (gray);
  moa_image_free (long_one);
  swap_clear (&swap);
  moa_model_unref (model);
}

static void
test_refused_generation (void)
{
  MoaModel *model = open_model (mini_path ());
  const guint64 seed = 1;
  MoaGenerateParams good;
  moa_generate_params_init (&good);
  good.prompt = "a man";
  good.seeds = &seed;
  good.n_seeds = 1;
#define REFUSED_G(field, value, text)                                                              \
  G_STMT_START                                                                                     \
  {                                                                                                \
    MoaGenerateParams changed = good;                                                              \
    GError *error = NULL;                                                                          \
    changed.field = value;                                                                         \
    g_assert_null (moa_generate (model, &changed, NULL, &error));                                  \
    check_error (error, MOA_ERROR_ARGUMENT, text);                                                 \
  }                                                                                                \
  G_STMT_END
  REFUSED_G (prompt, NULL, "prompt");
  REFUSED_G (seeds, NULL, "seed");
  REFUSED_G (n_seeds, 0, "seeds");
  REFUSED_G (n_seeds, 100000, "seeds");
  REFUSED_G (width, 100, "multiples of 8");
  REFUSED_G (height, -8, "height");
  REFUSED_G (width, 1 << 20, "width");
  REFUSED_G (steps, 1000, "steps");
  REFUSED_G (guidance, NAN, "guidance");
  REFUSED_G (n_subjects, 1, "subjects");
  REFUSED_G (n_subjects, 9, "subjects");
  moa_model_unref (model);
}

/* ---- Memory and progress ---- */

static void
count_calls (const MoaProgress *progress, gpointer data)
{
  ++*(int *) data;
}

static void
test_memory (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 2);
  int calls = 0;
  MoaRun run = { .memory_limit = 1 << 20, .progress = count_calls, .progress_data = &calls };
  GError *error = NULL;
  g_assert_null (moa_replace (model, &swap.params, &run, &error));
  check_error (error, MOA_ERROR_MEMORY, "are allowed");
  g_assert_cmpint (calls, ==, 0);
  g_assert_cmpuint (moa_params_missing_bytes (model->unet_params), ==,
                    moa_params_bytes (model->unet_params));

  /* What a job says it takes is what it may have. */
  run.memory_limit = 0;
  MoaReplaceResult *result = replace_with (model, &swap.params, &run);
  run.memory_limit = result->peak_bytes;
  g_assert_cmpuint (result->peak_bytes, >, moa_model_get_info (model)->weight_bytes);
  moa_replace_result_free (result);
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  run.memory_limit--;
  error = NULL;
  g_assert_null (moa_replace (model, &swap.params, &run, &error));
  check_error (error, MOA_ERROR_MEMORY, "needs");
  swap_clear (&swap);
  moa_model_unref (model);
}

typedef struct {
  int calls, steps_done[MOA_N_PHASES], n_steps[MOA_N_PHASES];
  MoaPhase phase;
  double fraction;
  gboolean time_known;
} Seen;

static void
check_progress (const MoaProgress *progress, gpointer data)
{
  Seen *seen = data;
  g_assert_cmpint (progress->phase, >=, seen->phase);
  g_assert_cmpfloat (progress->fraction, >=, seen->fraction);
  g_assert_cmpfloat (progress->fraction, <=, 1);
  g_assert_cmpint (progress->step, <=, progress->n_steps);
  g_assert_true (!seen->time_known || progress->seconds_left >= 0);
  seen->calls++;
  seen->phase = progress->phase;
  seen->fraction = progress->fraction;
  seen->time_known = progress->seconds_left >= 0;
  seen->steps_done[progress->phase] = progress->step;
  seen->n_steps[progress->phase] = progress->n_steps;
}

static void
test_progress (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 7);
  swap.params.want_reconstruction = TRUE;
  Seen seen = { 0 };
  MoaRun run = { .progress = check_progress, .progress_data = &seen };
  MoaReplaceResult *result = replace_with (model, &swap.params, &run);
  g_assert_cmpfloat (seen.fraction, ==, 1);
  g_assert_true (seen.time_known);
  for (int p = 0; p < MOA_PHASE_FACES; p++)
    {
      g_assert_cmpint (seen.steps_done[p], ==, seen.n_steps[p]);
      g_assert_cmpint (seen.n_steps[p], >, 0);
      g_assert_cmpfloat (result->seconds[p], >, 0);
    }
  g_assert_cmpint (seen.n_steps[MOA_PHASE_INVERT], ==, 14);
  g_assert_cmpint (seen.n_steps[MOA_PHASE_GENERATE], ==, 7);
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Several jobs on one model ---- */

typedef struct {
  MoaModel *model;
  Swap swap;
  MoaReplaceResult *result;
} Job;

static gpointer
run_job (gpointer data)
{
  Job *job = data;
  MoaRun run = { .n_threads = 1 };
  job->result = moa_replace (job->model, &job->swap.params, &run, NULL);
  return NULL;
}

static void
test_jobs_at_once (void)
{
  static const char *const scenes[] = { "lake", "snow", "mountain" };
  enum { N = G_N_ELEMENTS (scenes) };
  MoaModel *shared = open_model (mini_path ());
  Job jobs[N];
  GThread *threads[N];
  for (int i = 0; i < N; i++)
    {
      jobs[i].model = shared;
      swap_init (&jobs[i].swap, scenes[i], 5);
      threads[i] = g_thread_new ("job", run_job, &jobs[i]);
    }
  for (int i = 0; i < N; i++)
    g_thread_join (threads[i]);
  MoaModel *own = open_model (mini_path ());
  MoaRun run = { .n_threads = 1 };
  for (int i = 0; i < N; i++)
    {
      g_assert_nonnull (jobs[i].result);
      MoaReplaceResult *alone = replace_with (own, &jobs[i].swap.params, &run);
      g_assert_cmpmem (alone->variations->image->data,
                       image_count (alone->variations->image) * sizeof (float),
                       jobs[i].result->variations->image->data,
                       image_count (alone->variations->image) * sizeof (float));
      moa_replace_result_free (alone);
      moa_replace_result_free (jobs[i].result);
      swap_clear (&jobs[i].swap);
    }
  moa_model_unref (own);
  moa_model_unref (shared);
}

/* ---- Areas, masks ---- */

static void
check_area (int width, int height, MoaRect bounds, int side, MoaRect expected)
{
  MoaRect area;
  moa_work_area (width, height, &bounds, side, &area);
  g_assert_cmpint (area.x, ==, expected.x);
  g_assert_cmpint (area.y, ==, expected.y);
  g_assert_cmpint (area.width, ==, expected.width);
  g_assert_cmpint (area.height, ==, expected.height);
}

static void
test_work_area (void)
{
  MoaRect area;
  moa_work_area (640, 480, NULL, 512, &area);
  g_assert_cmpint (area.width, ==, 640);
  g_assert_cmpint (area.height, ==, 480);
  /* Small in a large picture: the model's side. */
  check_area (4000, 3000, (MoaRect){ 1000, 1000, 100, 60 }, 512, (MoaRect){ 794, 774, 512, 512 });
  /* Large: half its size on each side, square. */
  check_area (4000, 3000, (MoaRect){ 1000, 1000, 600, 400 }, 512,
              (MoaRect){ 700, 600, 1200, 1200 });
  /* At the picture's corner, shifted inside. */
  check_area (1000, 1000, (MoaRect){ 950, 0, 50, 40 }, 512, (MoaRect){ 488, 0, 512, 512 });
  /* Partly outside: what is inside counts. */
  check_area (1000, 1000, (MoaRect){ -100, -100, 300, 300 }, 128, (MoaRect){ 0, 0, 400, 400 });
  /* Smaller than the model: all of it. */
  check_area (100, 80, (MoaRect){ 10, 10, 20, 20 }, 512, (MoaRect){ 0, 0, 100, 80 });
  /* A narrow picture: no longer than twice its width ... */
  check_area (4000, 200, (MoaRect){ 1900, 50, 190, 100 }, 512, (MoaRect){ 1795, 0, 400, 200 });
  /* ... unless the selection is. */
  check_area (4000, 200, (MoaRect){ 1000, 50, 900, 100 }, 512, (MoaRect){ 1000, 0, 900, 200 });
  /* Nothing inside: all. */
  check_area (300, 200, (MoaRect){ 400, 10, 20, 20 }, 128, (MoaRect){ 0, 0, 300, 200 });
  /* Always inside the picture, around the bounds. */
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  for (int i = 0; i < 20000; i++)
    {
      int width = g_rand_int_range (rand, 1, 700), height = g_rand_int_range (rand, 1, 700);
      MoaRect b = { g_rand_int_range (rand, 0, width), g_rand_int_range (rand, 0, height) };
      b.width = g_rand_int_range (rand, 1, width - b.x + 1);
      b.height = g_rand_int_range (rand, 1, height - b.y + 1);
      moa_work_area (width, height, &b, 128, &area);
      g_assert_true (area.x >= 0 && area.y >= 0 && area.x + area.width <= width &&
                     area.y + area.height <= height);
      g_assert_true (area.x <= b.x && area.y <= b.y && area.x + area.width >= b.x + b.width &&
                     area.y + area.height >= b.y + b.height);
      g_assert_true (area.width <= MAX (2 * area.height, b.width) &&
                     area.height <= MAX (2 * area.width, b.height));
    }
}

static void
test_mask (void)
{
  enum { SIDE = 64 };
  MoaImage *weight = moa_image_new (SIDE, SIDE, 1), *selection = moa_image_new (SIDE, SIDE, 1);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      {
        weight->data[y * SIDE + x] = x >= 20 && x < 44 && y >= 20 ? 0.9f : 0.1f;
        selection->data[y * SIDE + x] = x >= 8 && x < 32;
      }
  gboolean found;
  MoaImage *mask = moa_mask_composite (weight, NULL, NULL, 0.5, 2, 3, &found, NULL);
  g_assert_true (found);
  g_assert_cmpfloat (mask->data[50 * SIDE + 32], ==, 1);
  /* The bottom touches the picture's edge, which is no edge of the person. */
  g_assert_cmpfloat (mask->data[63 * SIDE + 32], ==, 1);
  /* Grown by 2 and softened over 3 on each side. */
  g_assert_cmpfloat (mask->data[50 * SIDE + 18], >, 0.5);
  g_assert_cmpfloat (mask->data[50 * SIDE + 17], <, 0.5);
  g_assert_cmpfloat (mask->data[50 * SIDE + 12], ==, 0);
  g_assert_cmpfloat (mask->data[5 * SIDE + 32], ==, 0);
  moa_image_free (mask);

  mask = moa_mask_composite (weight, NULL, selection, 0.5, 2, 3, &found, NULL);
  g_assert_true (found);
  g_assert_cmpfloat (mask->data[50 * SIDE + 23], ==, 1);
  for (int i = 0; i < SIDE * SIDE; i++)
    g_assert_true (mask->data[i] == 0 || selection->data[i] > 0);
  /* Soft toward the selection's edge. */
  g_assert_cmpfloat (mask->data[50 * SIDE + 31], <, 0.2);
  moa_image_free (mask);

  /* What has changed in the selection is the new picture's, the old person's sleeve for one. */
  MoaImage *change = moa_image_new (SIDE, SIDE, 1);
  for (int i = 0; i < SIDE * SIDE; i++)
    change->data[i] = i / SIDE < 30 ? 0.2f : 0.02f;
  mask = moa_mask_composite (weight, change, selection, 0.5, 0, 0, &found, NULL);
  for (int y = 0; y < SIDE; y++)
    for (int x = 0; x < SIDE; x++)
      g_assert_true (mask->data[y * SIDE + x] == (x >= 8 && x < 32 && (y < 30 || x >= 20)));
  moa_image_free (mask);
  moa_image_free (change);

  /* The routers see nobody in the selection: all of it. */
  memset (weight->data, 0, SIDE * SIDE * sizeof (float));
  mask = moa_mask_composite (weight, NULL, selection, 0.5, 0, 0, &found, NULL);
  g_assert_false (found);
  g_assert_cmpmem (mask->data, SIDE * SIDE * sizeof (float), selection->data,
                   SIDE * SIDE * sizeof (float));
  moa_image_free (mask);
  moa_image_free (weight);
  moa_image_free (selection);
}

static void
test_color_match (void)
{
  enum { SIDE = 48, N = SIDE * SIDE };
  MoaImage *source = moa_image_new (SIDE, SIDE, 3), *result = moa_image_new (SIDE, SIDE, 3);
  MoaImage *mask = moa_image_new (SIDE, SIDE, 1);
  for (int i = 0; i < N; i++)
    {
      mask->data[i] = i / SIDE >= 16 && i / SIDE < 32 && i % SIDE >= 16 && i % SIDE < 32;
      for (int c = 0; c < 3; c++)
        {
          source->data[3 * i + c] = 0.3f + 0.1f * c + 0.02f * ((i * 7 + c) % 5);
          /* Another exposure and contrast. */
          result->data[3 * i + c] = 0.9f * source->data[3 * i + c] + 0.1f;
        }
    }
  g_assert_true (moa_match_colors (result, source, mask, 6, NULL));
  g_assert_cmpfloat (image_difference (result, source), <, 1e-4);
  moa_image_free (source);
  moa_image_free (result);
  moa_image_free (mask);
}

/* ---- Replacing ---- */

/* A source of another size and shape, and with alpha. */
static void
test_other_sizes (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 3);
  static const int sizes[][2] = { { 200, 131 }, { 70, 139 }, { 8, 16 } };
  for (gsize k = 0; k < G_N_ELEMENTS (sizes); k++)
    {
      int width = sizes[k][0], height = sizes[k][1];
      MoaImage *source = moa_image_new (width, height, 4);
      MoaImage *selection = moa_image_new (width, height, 1);
      for (int i = 0; i < width * height; i++)
        {
          for (int c = 0; c < 4; c++)
            source->data[4 * i + c] = (i % width + c * 10) % 97 / 96.0f;
          selection->data[i] = i % width < width / 2;
        }
      swap.params.source = source;
      swap.params.selection = selection;
      swap.params.want_reconstruction = TRUE;
      MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
      const MoaImage *images[] = { result->variations->image, result->variations->composite,
                                   result->reconstruction };
      for (int i = 0; i < 3; i++)
        {
          g_assert_cmpint (images[i]->width, ==, width);
          g_assert_cmpint (images[i]->height, ==, height);
          g_assert_cmpint (images[i]->channels, ==, 3);
        }
      for (int i = 0; i < width * height; i++)
        if (i % width >= width / 2)
          for (int c = 0; c < 3; c++)
            g_assert_cmpfloat (result->variations->composite->data[3 * i + c], ==,
                               source->data[4 * i + c]);
      moa_replace_result_free (result);
      moa_image_free (source);
      moa_image_free (selection);
    }
  swap_clear (&swap);
  moa_model_unref (model);
}

/* order says which person from the left a subject takes, as the prompt's marks do. */
static void
test_order (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 4);
  MoaImage *other = load_picture ("snow-subject.png", 3);
  const MoaImage *photos[] = { other };
  MoaSubject subjects[] = { swap.subject, { photos, 1 } }, turned[] = { subjects[1], subjects[0] };
  swap.params.selection = NULL;
  swap.params.n_subjects = 2;
  swap.params.subjects = subjects;
  MoaReplaceResult *plain = replace_with (model, &swap.params, NULL);
  g_assert_cmpstr (plain->prompt, ==, "a person and a person");
  swap.params.order = (const int[]){ 1, 0 };
  MoaReplaceResult *exchanged = replace_with (model, &swap.params, NULL);
  swap.params.subjects = turned;
  MoaReplaceResult *both = replace_with (model, &swap.params, NULL);
  swap.params.order = NULL;
  swap.params.prompt = "a person <2> and a person <1>";
  MoaReplaceResult *marked = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (image_difference (plain->variations->image, exchanged->variations->image), >,
                     0.01);
  g_assert_cmpfloat (image_difference (plain->variations->image, both->variations->image), <, 1e-4);
  g_assert_cmpfloat (image_difference (plain->variations->image, marked->variations->image), <,
                     1e-4);
  moa_replace_result_free (plain);
  moa_replace_result_free (exchanged);
  moa_replace_result_free (both);
  moa_replace_result_free (marked);
  moa_image_free (other);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* The mean of a photo with itself is that photo. */
static void
test_photos (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 3);
  MoaReplaceResult *one = replace_with (model, &swap.params, NULL);
  const MoaImage *photos[] = { swap.photo, swap.photo };
  MoaSubject twice = { photos, 2 };
  swap.params.subjects = &twice;
  MoaReplaceResult *two = replace_with (model, &swap.params, NULL);
  g_assert_cmpfloat (image_difference (one->variations->image, two->variations->image), <, 1e-5);
  moa_replace_result_free (one);
  moa_replace_result_free (two);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* Above guidance_max_timestep guidance is 1: below the first timestep it is so everywhere, at the last one nowhere,
 * and in between it is neither. */
static void
test_guidance_interval (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 5);
  static const struct { double guidance; int most; } runs[]
    = { { 1, -1 }, { 3, 0 }, { 3, 1000 }, { 3, 801 }, { 3, 401 } };
  MoaReplaceResult *results[G_N_ELEMENTS (runs)];
  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      swap.params.guidance = runs[i].guidance;
      swap.params.guidance_max_timestep = runs[i].most;
      results[i] = replace_with (model, &swap.params, NULL);
      g_assert_cmpint (results[i]->guidance_max_timestep, ==,
                       runs[i].most < 0 ? moa_model_get_info (model)->guidance_max_timestep : runs[i].most);
    }
  /* The timesteps are 801, 601 ... 1. */
  const MoaImage *images[G_N_ELEMENTS (runs)];
  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    images[i] = results[i]->variations->image;
  g_assert_cmpfloat (image_difference (images[0], images[1]), ==, 0);
  g_assert_cmpfloat (image_difference (images[2], images[3]), ==, 0);
  g_assert_cmpfloat (image_difference (images[2], images[4]), >, 0.02);
  g_assert_cmpfloat (image_difference (images[1], images[4]), >, 0.02);
  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    moa_replace_result_free (results[i]);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* Rescaled, guidance gives another picture, but none where there is no guidance. */
static void
test_guidance_rescale (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 5);
  static const struct { double guidance, rescale; } runs[]
    = { { 1, 0 }, { 1, 1 }, { 6, 0 }, { 6, 0.5 }, { 6, 1 }, { 6, -1 } };
  const MoaImage *images[G_N_ELEMENTS (runs)];
  MoaReplaceResult *results[G_N_ELEMENTS (runs)];
  double own = moa_model_get_info (model)->guidance_rescale;
  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    {
      swap.params.guidance = runs[i].guidance;
      swap.params.guidance_rescale = runs[i].rescale;
      swap.params.guidance_max_timestep = 1000;
      results[i] = replace_with (model, &swap.params, NULL);
      g_assert_cmpfloat (results[i]->guidance_rescale, ==, runs[i].rescale < 0 ? own : runs[i].rescale);
      images[i] = results[i]->variations->image;
    }
  g_assert_cmpfloat (image_difference (images[0], images[1]), ==, 0);
  double half = image_difference (images[2], images[3]), whole = image_difference (images[2], images[4]);
  g_assert_cmpfloat (half, >, 0.02);
  g_assert_cmpfloat (whole, >, half);
  g_assert_true (own == 0 || own == 1);
  g_assert_cmpfloat (image_difference (images[own == 1 ? 4 : 2], images[5]), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (runs); i++)
    moa_replace_result_free (results[i]);
  swap_clear (&swap);
  moa_model_unref (model);
}

static void
test_maps (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 10);
  static const int steps[] = { 0, 9, 4 };
  swap.params.selection = NULL;
  swap.params.find = FALSE; /* the routers by themselves */
  swap.params.map_steps = steps;
  swap.params.n_map_steps = G_N_ELEMENTS (steps);
  swap.params.maps_only = TRUE;
  swap.params.keep_trajectory = TRUE;
  swap.params.max_timestep = 800;
  MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
  g_assert_null (result->variations->image);
  g_assert_null (result->variations->composite);
  g_assert_nonnull (result->variations->mask);
  g_assert_nonnull (result->trajectory);
  g_assert_cmpint (result->latent_width, ==, 16);
  g_assert_cmpint (result->variations->n_maps, ==, 4);
  g_assert_cmpint (result->variations->maps[0].step, ==, -1);
  /* The sizes of Stable Diffusion's blocks, of a latent of 16 x 16. */
  static const int widths[] = { 16, 16, 8, 8, 4, 4, 2, 4, 4, 4, 8, 8, 8, 16, 16, 16 };
  for (int m = 0; m < result->variations->n_maps; m++)
    for (int l = 0; l < 16; l++)
      {
        const MoaImage *map = result->variations->maps[m].layers[l];
        g_assert_cmpint (map->width, ==, widths[l]);
        g_assert_cmpint (map->height, ==, widths[l]);
        for (gsize i = 0; i < image_count (map); i++)
          g_assert_true (map->data[i] >= 0 && map->data[i] <= 1);
      }
  /* Step 0 is timestep 901: the prior alone. */
  g_assert_cmpint (result->variations->maps[1].timestep, ==, 901);
  g_assert_cmpfloat (result->variations->maps[1].layers[0]->data[0], ==, 1);
  g_assert_cmpint (result->variations->maps[2].timestep, ==, 1);
  g_assert_cmpfloat (result->variations->maps[2].layers[4]->data[0], <, 1);
  moa_replace_result_free (result);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* golden/e2e_moa: a picture's latent and its inversion in 10 steps by the
 * reference, with "a person" and without refinements.  The manifest's atol. */
static void
test_golden_inversion (void)
{
  enum { STEPS = 10, SIDE = 16, N = SIDE * SIDE };
  const char *fixtures = g_getenv ("MOA_FIXTURES");
  g_autofree char *tiny = tiny_path ();
  g_autofree char *picture = g_build_filename (fixtures, "golden/images/vae.png", NULL);
  g_autofree char *golden = g_build_filename (fixtures, "golden/e2e_moa.safetensors", NULL);
  MoaModel *model = open_model (tiny);
  Swap swap;
  swap_init (&swap, "lake", STEPS);
  MoaImage *source = load_image (picture, 3);
  swap.params.source = source;
  swap.params.selection = NULL;
  swap.params.fixed_point = 0;
  swap.params.keep_trajectory = TRUE;
  swap.params.maps_only = TRUE;
  MoaReplaceResult *result = replace_with (model, &swap.params, NULL);

  MoaSafetensors *file = moa_safetensors_open (golden, NULL);
  g_assert_nonnull (file);
  float expected[(STEPS + 1) * N * 4];
  g_assert_true (moa_safetensors_read_float (file, moa_safetensors_find (file, "latent"), 0, N * 4,
                                             expected, NULL));
  g_assert_true (moa_safetensors_read_float (file, moa_safetensors_find (file, "invert.latents"), 0,
                                             STEPS * N * 4, expected + N * 4, NULL));
  moa_safetensors_close (file);
  double first = 0, others = 0;
  for (int s = 0; s <= STEPS; s++)
    for (int c = 0; c < 4; c++)
      for (int i = 0; i < N; i++)
        {
          double d = fabs (result->trajectory[(s * N + i) * 4 + c] - expected[(s * 4 + c) * N + i]);
          first = s == 0 ? MAX (first, d) : first;
          others = s > 0 ? MAX (others, d) : others;
        }
  g_test_message ("latent off by %g, inversion by %g", first, others);
  g_assert_cmpfloat (first, <, 5e-5);
  g_assert_cmpfloat (others, <, 9e-5);
  moa_replace_result_free (result);
  moa_image_free (source);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Generating ---- */

static MoaGenerateResult *
generate_with (MoaModel *model, const MoaGenerateParams *params)
{
  GError *error = NULL;
  MoaGenerateResult *result = moa_generate (model, params, NULL, &error);
  g_assert_no_error (error);
  return result;
}

static void
check_same_picture (const MoaImage *a, const MoaImage *b)
{
  g_assert_cmpmem (a->data, image_count (a) * sizeof (float), b->data,
                   image_count (b) * sizeof (float));
}

static void
test_generate (void)
{
  MoaModel *model = open_model (mini_path ());
  Swap swap;
  swap_init (&swap, "lake", 3);
  static const guint64 seeds[] = { 3, 4, 3 };
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = "a man on a beach";
  params.subjects = &swap.subject;
  params.n_subjects = 1;
  params.steps = 5;
  params.seeds = seeds;
  params.n_seeds = G_N_ELEMENTS (seeds);
  params.want_maps = TRUE;
  params.width = 136; /* a latent of 17 x 12 */
  params.height = 96;
  MoaGenerateResult *three = generate_with (model, &params);
  g_assert_cmpint (three->n_images, ==, 3);
  g_assert_cmpint (three->images[0]->width, ==, 136);
  g_assert_cmpint (three->images[0]->height, ==, 96);
  g_assert_cmpint (three->maps[0].n_layers, ==, 16);
  g_assert_cmpint (three->maps[0].layers[2]->width, ==, 9);
  g_assert_cmpint (three->maps[0].layers[2]->height, ==, 6);
  check_same_picture (three->images[0], three->images[2]);
  g_assert_cmpfloat (image_difference (three->images[0], three->images[1]), >, 0.01);

  params.n_seeds = 1;
  MoaGenerateResult *one = generate_with (model, &params);
  check_same_picture (one->images[0], three->images[0]);
  params.base = MOA_BASE_PRIOR;
  MoaGenerateResult *prior_base = generate_with (model, &params);
  g_assert_cmpfloat (image_difference (one->images[0], prior_base->images[0]), >, 0.001);

  /* Without the subjects, or with the prior alone at every timestep: the same picture. */
  params.prior_only = TRUE;
  MoaGenerateResult *preview = generate_with (model, &params);
  g_assert_null (preview->maps);
  params.n_subjects = 0;
  params.prior_only = FALSE;
  MoaGenerateResult *plain = generate_with (model, &params);
  check_same_picture (preview->images[0], plain->images[0]);
  g_assert_cmpfloat (image_difference (one->images[0], plain->images[0]), >, 0.01);
  MoaGenerateResult *all[] = { three, one, prior_base, preview, plain };
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    moa_generate_result_free (all[i]);
  swap_clear (&swap);
  moa_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jobs/refused/numbers", test_refused_numbers);
  g_test_add_func ("/jobs/refused/pictures", test_refused_pictures);
  g_test_add_func ("/jobs/refused/generation", test_refused_generation);
  g_test_add_func ("/jobs/memory", test_memory);
  g_test_add_func ("/jobs/progress", test_progress);
  g_test_add_func ("/jobs/at-once", test_jobs_at_once);
  g_test_add_func ("/jobs/work-area", test_work_area);
  g_test_add_func ("/jobs/mask", test_mask);
  g_test_add_func ("/jobs/color-match", test_color_match);
  g_test_add_func ("/jobs/other-sizes", test_other_sizes);
  g_test_add_func ("/jobs/order", test_order);
  g_test_add_func ("/jobs/photos", test_photos);
  g_test_add_func ("/jobs/guidance-interval", test_guidance_interval);
  g_test_add_func ("/jobs/guidance-rescale", test_guidance_rescale);
  g_test_add_func ("/jobs/maps", test_maps);
  g_test_add_func ("/jobs/golden-inversion", test_golden_inversion);
  g_test_add_func ("/jobs/generate", test_generate);
  return g_test_run ();
}
