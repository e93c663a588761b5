/* Persons in a picture: found, as the selection, and those who stay. */
#include "job-util.h"

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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/persons/found", test_persons);
  g_test_add_func ("/persons/selection", test_find);
  g_test_add_func ("/persons/keep", test_keep);
  return g_test_run ();
}
