/* What hosts use around a job: kept inversions, variations, painted maps, masks again, saved
 * subjects, persons found and kept, live maps and previews, estimates. */
#include "job-util.h"

#include "base/rng.h"

#include <utime.h>

static void
check_error (GError *error, int code, const char *text)
{
  g_assert_error (error, MOA_ERROR, code);
  if (!strstr (error->message, text))
    g_error ("\"%s\" does not say \"%s\"", error->message, text);
  g_error_free (error);
}

static void
check_same (const MoaImage *a, const MoaImage *b)
{
  g_assert_cmpmem (a->data, image_count (a) * sizeof (float), b->data,
                   image_count (b) * sizeof (float));
}

/* The only file of the folder; (transfer full). */
static char *
only_file (const char *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);
  char *path = g_build_filename (folder, g_dir_read_name (dir), NULL);
  g_assert_null (g_dir_read_name (dir));
  g_dir_close (dir);
  return path;
}

static int
remove_files (const char *folder)
{
  int n = 0;
  const char *name;
  GDir *dir = g_dir_open (folder, 0, NULL);
  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_unlink (path);
      n++;
    }
  g_dir_close (dir);
  return n;
}

/* ---- Kept inversions ---- */

static void
test_cache (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *cache = g_build_filename (folder, "a", "b", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = cache };
  Swap swap;
  swap_init (&swap, "lake", 8);
  MoaReplaceResult *plain = replace_with (model, &swap.params, NULL);
  MoaReplaceResult *first = replace_with (model, &swap.params, &run);
  MoaReplaceResult *second = replace_with (model, &swap.params, &run);
  g_assert_false (plain->cached_inversion);
  g_assert_false (first->cached_inversion);
  g_assert_true (second->cached_inversion);
  check_same (plain->variations->image, first->variations->image);
  check_same (plain->variations->image, second->variations->image);
  g_assert_cmpfloat (second->seconds[MOA_PHASE_INVERT], <, first->seconds[MOA_PHASE_INVERT] / 2);

  /* What the inversion does not depend on. */
  swap.params.guidance = 2;
  swap.params.freedom = 0.3;
  swap.params.seed = 5;
  swap.params.selection = NULL;
  swap.params.want_reconstruction = TRUE;
  MoaReplaceResult *other = replace_with (model, &swap.params, &run);
  MoaReplaceResult *other_plain = replace_with (model, &swap.params, NULL);
  g_assert_true (other->cached_inversion);
  check_same (other->variations->image, other_plain->variations->image);
  check_same (other->reconstruction, other_plain->reconstruction);

  /* What it does. */
  g_autofree char *kept = only_file (cache);
  swap.params.steps = 9;
  MoaReplaceResult *longer = replace_with (model, &swap.params, &run);
  g_assert_false (longer->cached_inversion);
  swap.params.steps = 8;
  swap.source->data[7] += 0.01f;
  MoaReplaceResult *changed = replace_with (model, &swap.params, &run);
  g_assert_false (changed->cached_inversion);
  swap.source->data[7] -= 0.01f;

  MoaReplaceResult *all[] = { plain, first, second, other, other_plain, longer, changed };
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    moa_replace_result_free (all[i]);
  g_assert_cmpint (remove_files (cache), ==, 3);
  swap_clear (&swap);
  moa_model_unref (model);
  g_rmdir (cache);
}

/* A model of other weights must not be given this one's inversion. */
static gboolean
scale_first (EditedTensor *tensor, gpointer data)
{
  if (!strcmp (tensor->name, data))
    for (guint64 i = 0; i < tensor->n; i++)
      tensor->data[i] *= 1.001f;
  return TRUE;
}

static void
test_cache_of_other_weights (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  char *copy = link_model (mini_path ());
  edit_weights (copy, "unet/diffusion_pytorch_model.safetensors", scale_first, "conv_in.weight");
  MoaModel *model = open_model (mini_path ()), *other = open_model (copy);
  MoaRun run = { .cache = folder };
  Swap swap;
  swap_init (&swap, "lake", 2);
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  MoaReplaceResult *result = replace_with (other, &swap.params, &run);
  g_assert_false (result->cached_inversion);
  moa_replace_result_free (result);
  swap_clear (&swap);
  remove_files (folder);
  g_rmdir (folder);
  remove_model (copy);
  moa_model_unref (model);
  moa_model_unref (other);
}

/* Damage of every kind: made anew, and the result the same. */
static void
test_cache_damaged (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = folder };
  Swap swap;
  swap_init (&swap, "lake", 3);
  MoaReplaceResult *good = replace_with (model, &swap.params, &run);
  g_autofree char *path = only_file (folder);
  g_autofree char *bytes = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  for (int kind = 0; kind < 5; kind++)
    {
      g_autofree char *bad = g_memdup2 (bytes, n);
      gsize length = kind == 0 ? 0 : kind == 1 ? 5 : kind == 2 ? n - 1 : n;
      if (kind == 3)
        bad[n - 3] ^= 0x40; /* a number */
      if (kind == 4)
        bad[20] ^= 1; /* the header */
      g_assert_true (g_file_set_contents (path, bad, length, NULL));
      MoaReplaceResult *again = replace_with (model, &swap.params, &run);
      g_assert_false (again->cached_inversion);
      check_same (good->variations->image, again->variations->image);
      moa_replace_result_free (again);
      MoaReplaceResult *healed = replace_with (model, &swap.params, &run);
      g_assert_true (healed->cached_inversion);
      moa_replace_result_free (healed);
    }
  /* A folder that cannot be one is no error. */
  run.cache = path;
  MoaReplaceResult *nowhere = replace_with (model, &swap.params, &run);
  g_assert_false (nowhere->cached_inversion);
  moa_replace_result_free (nowhere);
  moa_replace_result_free (good);
  remove_files (folder);
  g_rmdir (folder);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* The longest unused go first; a stranger's file and a fresh temporary one stay. */
static void
test_cache_limit (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *strange = g_build_filename (folder, "notes.txt", NULL);
  g_autofree char *fresh = g_build_filename (folder, "x.moa-inversion.ABCDEF", NULL);
  g_autofree char *stale = g_build_filename (folder, "y.moa-inversion.ABCDEF", NULL);
  MoaModel *model = open_model (mini_path ());
  MoaRun run = { .cache = folder, .cache_limit = 60000 };
  Swap swap;
  swap_init (&swap, "lake", 2);
  g_file_set_contents (strange, "x", 1, NULL);
  g_file_set_contents (fresh, "x", 1, NULL);
  g_file_set_contents (stale, "x", 1, NULL);
  utime (stale, &(struct utimbuf){ 1000, 1000 });
  /* 3 latents of 32 x 32 x 4 floats are 48 KiB and a header. */
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  g_assert_true (g_file_test (strange, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (fresh, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (stale, G_FILE_TEST_EXISTS));
  swap.source->data[0] += 0.5f;
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  MoaReplaceResult *newest = replace_with (model, &swap.params, &run);
  g_assert_true (newest->cached_inversion);
  moa_replace_result_free (newest);
  swap.source->data[0] -= 0.5f;
  MoaReplaceResult *oldest = replace_with (model, &swap.params, &run);
  g_assert_false (oldest->cached_inversion);
  moa_replace_result_free (oldest);
  /* One that is above the limit is not kept at all. */
  remove_files (folder);
  run.cache_limit = 1000;
  moa_replace_result_free (replace_with (model, &swap.params, &run));
  g_assert_cmpint (remove_files (folder), ==, 0);
  g_rmdir (folder);
  swap_clear (&swap);
  moa_model_unref (model);
}

static gpointer
run_shared (gpointer data)
{
  const Swap *swap = data;
  MoaModel *model = open_model (mini_path ());
  g_autofree char *folder = g_build_filename (g_get_tmp_dir (), "moa-test-shared", NULL);
  MoaRun run = { .n_threads = 1, .cache = folder, .cache_limit = 60000 };
  MoaReplaceResult *last = NULL;
  for (int i = 0; i < 4; i++)
    {
      moa_replace_result_free (last);
      last = replace_with (model, &swap->params, &run);
    }
  moa_model_unref (model);
  return last;
}

/* Several at once in one folder that holds only one of their two inversions. */
static void
test_cache_shared (void)
{
  Swap swap[2];
  GThread *threads[4];
  MoaReplaceResult *results[4];
  swap_init (&swap[0], "lake", 2);
  swap_init (&swap[1], "snow", 2);
  for (int i = 0; i < 4; i++)
    threads[i] = g_thread_new ("job", run_shared, &swap[i % 2]);
  for (int i = 0; i < 4; i++)
    results[i] = g_thread_join (threads[i]);
  check_same (results[0]->variations->image, results[2]->variations->image);
  check_same (results[1]->variations->image, results[3]->variations->image);
  for (int i = 0; i < 4; i++)
    moa_replace_result_free (results[i]);
  g_autofree char *folder = g_build_filename (g_get_tmp_dir (), "moa-test-shared", NULL);
  remove_files (folder);
  g_rmdir (folder);
  swap_clear (&swap[0]);
  swap_clear (&swap[1]);
}

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

static MoaImage *
filled (int width, int height, float value)
{
  MoaImage *image = moa_image_new (width, height, 1);
  for (gsize i = 0; i < image_count (image); i++)
    image->data[i] = value;
  return image;
}

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

/* ---- Saved subjects ---- */

static void
test_saved_subject (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "ann.safetensors", NULL);
  MoaModel *model = open_model (mini_path ());
  GError *error = NULL;
  Swap swap;
  swap_init (&swap, "lake", 4);
  MoaImage *side = load_picture ("snow-subject.png", 3);
  const MoaImage *both[] = { swap.photo, side };
  MoaSavedSubject *made = moa_saved_subject_new (model, "Änn", both, 2, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (moa_saved_subject_save (made, path, &error));
  MoaSavedSubject *read = moa_saved_subject_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (read->name, ==, "Änn");
  g_assert_cmpint (read->n_photos, ==, 2);
  g_assert_cmpmem (made->features, 2 * made->dim * sizeof (float), read->features,
                   2 * read->dim * sizeof (float));
  g_assert_cmpfloat (image_difference (made->thumbnail, read->thumbnail), <=, 0.5 / 255 + 1e-6);
  g_assert_true (moa_saved_subject_fits (read, model));

  /* The same picture as from the photos. */
  MoaSubject by_photos = { both, 2 }, by_feature = { .saved = read };
  swap.params.subjects = &by_photos;
  MoaReplaceResult *a = replace_with (model, &swap.params, NULL);
  swap.params.subjects = &by_feature;
  MoaReplaceResult *b = replace_with (model, &swap.params, NULL);
  MoaSavedSubject *one = moa_saved_subject_new (model, "", both, 1, NULL, &error);
  MoaSubject mixed = { both + 1, 1, one };
  swap.params.subjects = &mixed;
  MoaReplaceResult *c = replace_with (model, &swap.params, NULL);
  check_same (a->variations->image, b->variations->image);
  g_assert_cmpfloat (image_difference (a->variations->image, c->variations->image), <, 1e-4);

  /* One to keep of a subject, however it is told; not of what is two. */
  MoaSavedSubject *of_photos = moa_saved_subject_of (model, &by_photos, NULL, &error);
  MoaSavedSubject *of_saved = moa_saved_subject_of (model, &by_feature, NULL, &error);
  gsize n_bytes = 2 * made->dim * sizeof (float);
  g_assert_no_error (error);
  g_assert_cmpmem (of_photos->features, n_bytes, made->features, n_bytes);
  g_assert_cmpmem (of_saved->features, n_bytes, made->features, n_bytes);
  g_assert_cmpstr (of_saved->name, ==, "Änn");
  g_assert_true (moa_saved_subject_fits (of_saved, model));
  g_assert_null (moa_saved_subject_of (model, &mixed, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "not both");
  error = NULL;
  moa_saved_subject_free (of_photos);
  moa_saved_subject_free (of_saved);

  /* Another encoder's is refused. */
  char *copy = link_model (mini_path ());
  edit_weights (copy, "image_encoder/model.safetensors", scale_first,
                "vision_model.embeddings.class_embedding");
  MoaModel *other = open_model (copy);
  swap.params.subjects = &by_feature;
  g_assert_null (moa_replace (other, &swap.params, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "Änn");
  moa_model_unref (other);
  remove_model (copy);

  moa_replace_result_free (a);
  moa_replace_result_free (b);
  moa_replace_result_free (c);
  moa_saved_subject_free (made);
  moa_saved_subject_free (read);
  moa_saved_subject_free (one);
  moa_image_free (side);
  swap_clear (&swap);
  g_unlink (path);
  g_rmdir (folder);
  moa_model_unref (model);
}

/* A subject of made-up features, for what needs no network. */
static MoaSavedSubject *
made_up (const char *name, int n_photos, int dim, const float *features)
{
  MoaSavedSubject *saved = g_new0 (MoaSavedSubject, 1);
  saved->name = g_strdup (name);
  saved->encoder = g_strdup ("some encoder");
  saved->n_photos = n_photos;
  saved->dim = dim;
  saved->features = g_memdup2 (features, n_photos * dim * sizeof (float));
  saved->thumbnail = moa_image_new (4, 3, 3);
  for (int i = 0; i < 36; i++)
    saved->thumbnail->data[i] = *name == 'A' ? 0 : 1;
  return saved;
}

/* Against the formula with acos, in double; features of two photos and of one. */
static void
test_blend (void)
{
  enum { DIM = 96 };
  float features[2 * DIM], others[DIM];
  double a[DIM], b[DIM], na = 0, nb = 0, dot = 0;
  moa_rng_normal (3, 0, 0, features, 2 * DIM);
  moa_rng_normal (4, 0, 0, others, DIM);
  for (int i = 0; i < DIM; i++)
    {
      a[i] = ((double) features[i] + features[DIM + i]) / 2;
      b[i] = others[i] *= 3;
      na += a[i] * a[i];
      nb += b[i] * b[i];
      dot += a[i] * b[i];
    }
  na = sqrt (na);
  nb = sqrt (nb);
  double angle = acos (dot / (na * nb));
  MoaSavedSubject *first = made_up ("Ann", 2, DIM, features), *second = made_up ("Ben", 1, DIM, others);
  GError *error = NULL;
  for (double share = 0; share <= 1; share += 0.125)
    {
      MoaSavedSubject *blend = moa_saved_subject_blend (first, second, share, &error);
      g_assert_no_error (error);
      g_assert_cmpint (blend->n_photos, ==, 1);
      g_assert_cmpint (blend->dim, ==, DIM);
      g_assert_cmpstr (blend->encoder, ==, first->encoder);
      double length = 0, expected = na + share * (nb - na);
      for (int i = 0; i < DIM; i++)
        {
          double value = expected *
                         (sin ((1 - share) * angle) * a[i] / na + sin (share * angle) * b[i] / nb) /
                         sin (angle);
          g_assert_cmpfloat (fabs (blend->features[i] - value), <, 1e-6 * nb);
          length += (double) blend->features[i] * blend->features[i];
        }
      g_assert_cmpfloat (fabs (sqrt (length) - expected), <, 1e-6 * nb);
      g_assert_cmpfloat (fabs (blend->thumbnail->data[5] - share), <, 1e-6);
      moa_saved_subject_free (blend);
    }

  /* The ends are the subjects themselves; a subject and itself, nothing but itself. */
  MoaSavedSubject *end = moa_saved_subject_blend (first, second, 1, NULL);
  g_assert_cmpmem (end->features, sizeof (others), others, sizeof (others));
  MoaSavedSubject *same = moa_saved_subject_blend (second, second, 0.3, NULL);
  g_assert_cmpfloat (largest_difference (same->features, others, DIM), <, 1e-6 * nb);

  /* What can't be blended. */
  MoaSavedSubject *opposite = made_up ("Opposite", 1, DIM, others);
  for (int i = 0; i < DIM; i++)
    opposite->features[i] *= -2;
  g_assert_null (moa_saved_subject_blend (second, opposite, 0.5, &error));
  check_error (g_steal_pointer (&error), MOA_ERROR_ARGUMENT, "opposite");
  memset (opposite->features, 0, sizeof (others));
  g_assert_null (moa_saved_subject_blend (second, opposite, 0.5, &error));
  check_error (g_steal_pointer (&error), MOA_ERROR_ARGUMENT, "feature is 0");
  g_assert_null (moa_saved_subject_blend (first, second, 1.01, &error));
  check_error (g_steal_pointer (&error), MOA_ERROR_ARGUMENT, "share");
  g_assert_null (moa_saved_subject_blend (first, second, NAN, &error));
  check_error (g_steal_pointer (&error), MOA_ERROR_ARGUMENT, "share");
  second->encoder[0] = 'X';
  g_assert_null (moa_saved_subject_blend (first, second, 0.5, &error));
  check_error (g_steal_pointer (&error), MOA_ERROR_ARGUMENT, "encoders");
  MoaSavedSubject *all[] = { first, second, end, same, opposite };
  for (gsize i = 0; i < G_N_ELEMENTS (all); i++)
    moa_saved_subject_free (all[i]);
}

/* Every byte of the header damaged, and the file cut anywhere: an error or a sound subject. */
static void
test_saved_subject_damaged (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "s.safetensors", NULL);
  g_autofree char *bytes = NULL;
  MoaModel *model = open_model (mini_path ());
  MoaImage *photo = load_picture ("lake-subject.png", 3);
  const MoaImage *photos[] = { photo };
  MoaSavedSubject *saved = moa_saved_subject_new (model, "x", photos, 1, NULL, NULL);
  gsize n, sound = 0;
  g_assert_true (moa_saved_subject_save (saved, path, NULL));
  g_assert_true (g_file_get_contents (path, &bytes, &n, NULL));
  guint64 header = 8 + *(guint64 *) bytes;
  for (gsize i = 0; i < header + 8; i++)
    {
      g_autofree char *bad = g_memdup2 (bytes, n);
      g_autoptr (GError) error = NULL;
      bad[i] ^= 1 << i % 7;
      g_assert_true (g_file_set_contents (path, bad, i % 5 ? n : MIN (n, i * n / header), NULL));
      MoaSavedSubject *read = moa_saved_subject_load (path, &error);
      g_assert_true ((read == NULL) == (error != NULL));
      sound += read != NULL;
      moa_saved_subject_free (read);
    }
  g_assert_cmpuint (sound, <, header / 2);

  g_autoptr (GError) error = NULL;
  saved->features[1] = NAN;
  g_assert_true (moa_saved_subject_save (saved, path, NULL));
  g_assert_null (moa_saved_subject_load (path, &error));
  g_assert_nonnull (strstr (error->message, "features"));
  g_clear_error (&error);
  g_autofree char *vae = g_build_filename (mini_path (), "moa/moa.safetensors", NULL);
  g_assert_null (moa_saved_subject_load (vae, &error));
  g_assert_nonnull (strstr (error->message, "not a saved subject"));
  moa_saved_subject_free (saved);
  moa_image_free (photo);
  g_unlink (path);
  g_rmdir (folder);
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

/* ---- Persons ---- */

/* Two scenes side by side, cut so that the person of each is in it. */
static MoaImage *
side_by_side (const MoaImage *a, const MoaImage *b)
{
  MoaImage *both = moa_image_new (a->width + b->width, a->height, a->channels);
  int n = a->width * a->channels, m = b->width * b->channels;
  for (int y = 0; y < a->height; y++)
    {
      memcpy (both->data + (gsize) y * (n + m), a->data + (gsize) y * n, n * sizeof (float));
      memcpy (both->data + (gsize) y * (n + m) + n, b->data + (gsize) y * m, m * sizeof (float));
    }
  return both;
}

static void
test_persons (void)
{
  MoaModel *model = open_model (mini_path ());
  GError *error = NULL;
  int n;
  MoaImage *lake = load_picture ("lake.png", 3), *snow = load_picture ("snow.png", 3);
  MoaImage *truth = load_picture ("lake-selection.png", 1);
  MoaPerson *persons = moa_find_persons (model, lake, NULL, 0, &n, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < n; i++)
    g_test_message ("person %d: %d,%d %d x %d, share %.3f", i, persons[i].bounds.x,
                    persons[i].bounds.y, persons[i].bounds.width, persons[i].bounds.height,
                    persons[i].share);
  g_assert_cmpint (n, >=, 1);
  int x = persons[0].x, y = persons[0].y;
  g_assert_cmpfloat (truth->data[y * truth->width + x], >, 0.5);
  moa_persons_free (persons, n);

  MoaImage *pair = side_by_side (lake, snow);
  persons = moa_find_persons (model, pair, NULL, 2, &n, NULL, &error);
  g_assert_no_error (error);
  for (int i = 0; i < n; i++)
    g_test_message ("of the pair, %d: %d,%d %d x %d, share %.3f", i, persons[i].bounds.x,
                    persons[i].bounds.y, persons[i].bounds.width, persons[i].bounds.height,
                    persons[i].share);
  g_assert_cmpint (n, ==, 2);
  g_assert_cmpfloat (persons[0].x, <, lake->width);
  g_assert_cmpfloat (persons[1].x, >, lake->width);
  moa_persons_free (persons, n);

  /* Nobody where nothing is selected, and that is no error. */
  MoaImage *nowhere = filled (pair->width, pair->height, 0);
  persons = moa_find_persons (model, pair, nowhere, 2, &n, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (persons);
  g_assert_cmpint (n, ==, 0);
  moa_persons_free (persons, n);
  moa_image_free (nowhere);
  moa_image_free (pair);
  moa_image_free (lake);
  moa_image_free (snow);
  moa_image_free (truth);
  moa_model_unref (model);
}

/* Without a selection the persons who are found are the selection, with a little room. */
static void
test_find (void)
{
  MoaModel *model = open_model (mini_path ());
  GError *error = NULL;
  MoaImage *lake = load_picture ("lake.png", 3), *photo = load_picture ("lake-subject.png", 3);
  MoaImage *selection = load_picture ("lake-selection.png", 1);
  const MoaImage *photos[] = { photo };
  const MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  moa_replace_params_init (&params);
  params.source = lake;
  params.subjects = &subject;
  params.n_subjects = 1;
  params.steps = 4;
  MoaReplaceResult *found = replace_with (model, &params, NULL);
  params.find = FALSE;
  MoaReplaceResult *everywhere = replace_with (model, &params, NULL);

  int n;
  MoaPerson *persons = moa_find_persons (model, lake, NULL, 1, &n, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpint (n, ==, 1);
  MoaImage *room = moa_persons_room (persons, n);
  double both = 0, either = 0;
  for (gsize i = 0; i < image_count (room); i++)
    {
      gboolean a = room->data[i] > 0.5, b = selection->data[i] > 0.5;
      both += a && b;
      either += a || b;
      g_assert_cmpfloat (room->data[i], >=, persons[0].mask->data[i]);
    }
  g_test_message ("overlap of the room with the selection: %.2f", both / either);
  g_assert_cmpfloat (both / either, >, 0.6);
  params.selection = room;
  MoaReplaceResult *selected = replace_with (model, &params, NULL);
  gsize bytes = image_count (lake) * sizeof (float);
  const MoaImage *composite = found->variations->composite;
  g_assert_true (!memcmp (composite->data, selected->variations->composite->data, bytes));
  g_assert_true (memcmp (composite->data, everywhere->variations->composite->data, bytes));

  moa_image_free (room);
  moa_persons_free (persons, n);
  moa_replace_result_free (found);
  moa_replace_result_free (everywhere);
  moa_replace_result_free (selected);
  moa_image_free (lake);
  moa_image_free (photo);
  moa_image_free (selection);
  moa_model_unref (model);
}

static void
test_keep (void)
{
  MoaModel *model = open_model (mini_path ());
  GError *error = NULL;
  MoaImage *lake = load_picture ("lake.png", 3), *snow = load_picture ("snow.png", 3);
  MoaImage *photo = load_picture ("lavender-subject.png", 3), *pair = side_by_side (lake, snow);
  const MoaImage *photos[] = { photo };
  MoaSubject subjects[] = { { .keep = TRUE }, { photos, 1 } };
  MoaReplaceParams params;
  moa_replace_params_init (&params);
  params.source = pair;
  params.subjects = subjects;
  params.n_subjects = 2;
  params.steps = 6;
  int n;
  MoaPerson *persons = moa_find_persons (model, pair, NULL, 2, &n, NULL, NULL);
  g_assert_cmpint (n, ==, 2);
  for (int kept = 0; kept < 2; kept++)
    {
      const int order[] = { kept, 1 - kept };
      params.order = order;
      MoaReplaceResult *result = replace_with (model, &params, NULL);
      const MoaImage *out = result->variations->composite;
      double changed[2] = { 0 };
      for (int p = 0; p < 2; p++)
        for (gsize i = 0; i < image_count (persons[p].mask); i++)
          for (int c = 0; c < 3; c++)
            changed[p] += persons[p].mask->data[i] > 0 &&
                          out->data[3 * i + c] != pair->data[3 * i + c];
      g_assert_cmpfloat (changed[kept], ==, 0);
      g_assert_cmpfloat (changed[1 - kept], >, 100);
      moa_replace_result_free (result);
    }
  moa_persons_free (persons, n);

  params.order = NULL;
  subjects[1] = (MoaSubject){ .keep = TRUE };
  g_assert_null (moa_replace (model, &params, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "All persons are to stay");
  error = NULL;
  subjects[1] = (MoaSubject){ photos, 1 };
  subjects[0] = (MoaSubject){ photos, 1, NULL, TRUE };
  g_assert_null (moa_replace (model, &params, NULL, &error));
  check_error (error, MOA_ERROR_ARGUMENT, "one or the other");
  moa_image_free (pair);
  moa_image_free (lake);
  moa_image_free (snow);
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
  g_test_add_func ("/features/cache", test_cache);
  g_test_add_func ("/features/cache/other-weights", test_cache_of_other_weights);
  g_test_add_func ("/features/cache/damaged", test_cache_damaged);
  g_test_add_func ("/features/cache/limit", test_cache_limit);
  g_test_add_func ("/features/cache/shared", test_cache_shared);
  g_test_add_func ("/features/variations", test_variations);
  g_test_add_func ("/features/paint", test_paint);
  g_test_add_func ("/features/mask-again", test_mask_again);
  g_test_add_func ("/features/saved-subject", test_saved_subject);
  g_test_add_func ("/features/saved-subject/damaged", test_saved_subject_damaged);
  g_test_add_func ("/features/blend", test_blend);
  g_test_add_func ("/features/layout", test_layout);
  g_test_add_func ("/features/persons", test_persons);
  g_test_add_func ("/features/find", test_find);
  g_test_add_func ("/features/keep", test_keep);
  g_test_add_func ("/features/live", test_live);
  g_test_add_func ("/features/live/generate", test_live_generate);
  g_test_add_func ("/features/estimate", test_estimate);
  g_test_add_func ("/features/settings", test_settings);
  return g_test_run ();
}
