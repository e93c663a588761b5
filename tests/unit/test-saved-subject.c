/* Saved subjects: made, written, read, blended, refused when damaged. */
#include "job-util.h"

#include "base/rng.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/saved-subject/same", test_saved_subject);
  g_test_add_func ("/saved-subject/damaged", test_saved_subject_damaged);
  g_test_add_func ("/saved-subject/blend", test_blend);
  return g_test_run ();
}
