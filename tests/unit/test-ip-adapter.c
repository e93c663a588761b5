/* IP-Adapters in jobs: what a model says of them, replacing and drawing with them, their masks, face
 * embeddings, and what is refused.  The numbers of their layers are in the golden tests. */
#include "io/safetensors.h"
#include "job-util.h"

static char *
adapter_path (const char *kind)
{
  g_autofree char *name = g_strdup_printf ("ip-adapter-%s.safetensors", kind);
  return g_build_filename (g_getenv ("MOA_FIXTURES"), "real", name, NULL);
}

static MoaModel *
open_adapter (const char *kind)
{
  g_autofree char *tiny = tiny_path (), *path = adapter_path (kind);
  GError *error = NULL;
  MoaModel *model = moa_model_open_files (&(MoaModelFiles){ .model = tiny, .expert = path }, &error);
  g_assert_no_error (error);
  return model;
}

/* A file of a face embedding. */
static char *
make_face (const char *folder, const char *name, int dim, float value)
{
  float numbers[64];
  for (int i = 0; i < dim; i++)
    numbers[i] = i % 3 ? value : -value;
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (writer, "face", MOA_DTYPE_F32, 1, (gint64[]){ dim }, numbers);
  char *path = g_build_filename (folder, name, NULL);
  g_assert_true (moa_safetensors_writer_save (writer, path, NULL));
  moa_safetensors_writer_free (writer);
  return path;
}

/* ---- What it is ---- */

static void
test_info (void)
{
  static const char *const kinds[][2] = { { "plain", "IP-Adapter" }, { "full", "IP-Adapter Full Face" },
                                          { "plus", "IP-Adapter Plus" },
                                          { "face", "IP-Adapter FaceID" },
                                          { "face-plus", "IP-Adapter FaceID Plus" },
                                          { "face-plusv2", "IP-Adapter FaceID Plus" } };
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      MoaModel *model = open_adapter (kinds[i][0]);
      const MoaModelInfo *info = moa_model_get_info (model);
      g_assert_cmpstr (info->expert, ==, kinds[i][1]);
      g_assert_null (info->missing[0]);
      g_assert_null (info->warnings[0]);
      g_assert_cmpint (info->n_layers, ==, 16);
      g_assert_cmpstr (info->parts[info->n_parts - 1].name, ==, "controlnet");
      g_assert_cmpstr (info->parts[info->n_parts - 2].name, ==, "ip_adapter");
      moa_model_unref (model);
    }
}

/* A part of a model folder, where there is no moa; and files that are refused. */
static void
test_folder (void)
{
  g_autofree char *tiny = tiny_path (), *file = adapter_path ("plain");
  char *copy = link_model (tiny);
  g_autofree char *moa = g_build_filename (copy, "moa", NULL);
  g_autofree char *folder = g_build_filename (copy, "ip_adapter", NULL);
  g_autofree char *link = g_build_filename (folder, "ip_adapter.safetensors", NULL);
  g_autofree char *here = g_get_current_dir ();
  g_autofree char *full = g_path_is_absolute (file) ? g_strdup (file)
                                                    : g_build_filename (here, file, NULL);
  g_assert_cmpint (g_mkdir (folder, 0777), ==, 0);
  g_assert_cmpint (symlink (full, link), ==, 0);
  MoaModel *model = open_model (copy);
  g_assert_cmpstr (moa_model_get_info (model)->expert, ==, "MoA"); /* which there is too */
  moa_model_unref (model);
  static const char *const files[] = { "config.json", "moa.safetensors" };
  for (int i = 0; i < 2; i++)
    {
      g_autofree char *path = g_build_filename (moa, files[i], NULL);
      g_unlink (path);
    }
  g_rmdir (moa);
  model = open_model (copy);
  MoaModel *other = open_adapter ("plain");
  Swap swap;
  swap_init (&swap, "lake", 1);
  g_assert_cmpfloat (and_free (composite_of (model, &swap.params), composite_of (other, &swap.params)),
                     ==, 0);
  swap_clear (&swap);
  moa_model_unref (model);
  moa_model_unref (other);

  g_unlink (link);
  write_text (copy, "ip_adapter/ip_adapter.bin", "\200\002}q");
  GError *error = NULL;
  g_assert_null (moa_model_open (copy, &error));
  check_fault (error, "Convert it to safetensors");
  remove_model (copy);
}

/* ---- Replacing ---- */

/* The person of the photo comes in where the mask is, as much as the scale says. */
static void
check_replace (MoaModel *model, Swap *swap, const MoaSubject *other)
{
  const MoaSubject *subject = swap->params.subjects;
  MoaReplaceResult *result = replace_with (model, &swap->params, NULL);
  const MoaVariation *made = &result->variations[0];
  const MoaImage *map = made->maps[0].layers[0], *selection = swap->selection;
  int inside = 0, outside = 0;
  for (int y = 0; y < map->height; y++)
    for (int x = 0; x < map->width; x++)
      {
        float prior = map->data[y * map->width + x];
        g_assert_true (prior >= 0 && prior <= 1);
        inside += prior < 0.05;
        outside += prior == 1;
      }
  g_assert_cmpint (inside, >, 0);
  g_assert_cmpint (outside, >, 0);
  for (gsize i = 0; i < image_count (selection); i++)
    for (int c = 0; c < 3 && selection->data[i] == 0; c++)
      g_assert_true (made->composite->data[3 * i + c] == swap->source->data[3 * i + c]);
  MoaImage *first = moa_image_copy (made->composite);
  moa_replace_result_free (result);

  swap->params.subjects = other;
  g_assert_cmpfloat (and_free (first, composite_of (model, &swap->params)), >, 1e-4);
  swap->params.expert_scale = 0;
  MoaImage *none = composite_of (model, &swap->params);
  swap->params.subjects = subject;
  g_assert_cmpfloat (and_free (none, composite_of (model, &swap->params)), ==, 0);
  swap->params.expert_scale = 1;
}

static void
test_replace (void)
{
  static const char *const kinds[] = { "plain", "plus", "full" };
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      MoaModel *model = open_adapter (kinds[i]);
      Swap swap;
      swap_init (&swap, "lake", 1);
      swap.params.freedom = 0.8;
      swap.params.prompt = "at a lake"; /* which needs no word for a subject */
      const MoaImage *photos[] = { swap.source };
      const MoaSubject other = { photos, 1 };
      check_replace (model, &swap, &other);
      if (i == 1)
        {
          swap.params.base = MOA_BASE_MOA;
          swap.params.guidance = 2;
          check_replace (model, &swap, &other);
        }

      /* Kept as a file, and taken from it. */
      GError *error = NULL;
      MoaSavedSubject *saved = moa_saved_subject_new (model, "Ann", swap.photos, 1, NULL, &error);
      g_assert_no_error (error);
      g_autofree char *path = g_build_filename (g_get_tmp_dir (), "moa-test-ann.safetensors", NULL);
      g_assert_true (moa_saved_subject_save (saved, path, NULL));
      moa_saved_subject_free (saved);
      saved = moa_saved_subject_load (path, &error);
      g_assert_no_error (error);
      const MoaSubject kept = { .saved = saved };
      MoaImage *by_photo = composite_of (model, &swap.params);
      swap.params.subjects = &kept;
      g_assert_cmpfloat (and_free (by_photo, composite_of (model, &swap.params)), ==, 0);
      moa_saved_subject_free (saved);
      g_unlink (path);
      swap_clear (&swap);
      moa_model_unref (model);
    }
}

static void
test_face (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *ann = make_face (folder, "ann.safetensors", 16, 0.25);
  g_autofree char *bob = make_face (folder, "bob.safetensors", 16, 1);
  g_autofree char *odd = make_face (folder, "odd.safetensors", 20, 1);
  MoaModel *model = open_adapter ("face");
  Swap swap;
  swap_init (&swap, "lake", 1);
  swap.params.freedom = 0.8;
  check_replace_refused (model, &swap.params, "face embedding");
  MoaSavedSubject *faces[3];
  char *const paths[] = { ann, bob, odd };
  for (int i = 0; i < 3; i++)
    {
      GError *error = NULL;
      faces[i] = moa_saved_subject_load (paths[i], &error);
      g_assert_no_error (error);
      g_unlink (paths[i]);
    }
  g_assert_cmpstr (faces[0]->name, ==, "ann");
  g_assert_true (moa_saved_subject_fits (faces[0], model));
  const MoaSubject subject = { .saved = faces[0] }, other = { .saved = faces[1] };
  const MoaSubject wrong = { .saved = faces[2] };
  swap.params.subjects = &subject;
  check_replace (model, &swap, &other);
  swap.params.subjects = &wrong;
  check_replace_refused (model, &swap.params, "another image encoder");
  for (int i = 0; i < 3; i++)
    moa_saved_subject_free (faces[i]);
  swap_clear (&swap);
  moa_model_unref (model);
  g_rmdir (folder);
}

/* A photo and a face embedding for one person, neither without the other; and both in one saved subject. */
static void
test_face_plus (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_autofree char *ann = make_face (folder, "ann.safetensors", 16, 0.25);
  g_autofree char *bob = make_face (folder, "bob.safetensors", 16, 1);
  g_autofree char *named = g_build_filename (folder, "other-PlusV2_sd15.safetensors", NULL);
  g_autofree char *file = adapter_path ("face-plus"), *tiny = tiny_path (), *bytes = NULL;
  gsize n;
  GError *error = NULL;
  MoaSavedSubject *faces[] = { moa_saved_subject_load (ann, NULL), moa_saved_subject_load (bob, NULL) };
  MoaModel *model = open_adapter ("face-plus");
  Swap swap;
  swap_init (&swap, "lake", 1);
  swap.params.freedom = 0.8;
  check_replace_refused (model, &swap.params, "needs a photo of the face and a face embedding");
  const MoaSubject face = { .saved = faces[0] }, both = { swap.photos, 1, faces[0] };
  const MoaSubject other = { swap.photos, 1, faces[1] };
  const MoaImage *photos[] = { swap.source };
  const MoaSubject elsewhere = { photos, 1, faces[0] };
  swap.params.subjects = &face;
  check_replace_refused (model, &swap.params, "needs a photo of the face and a face embedding");
  swap.params.subjects = &both;
  check_replace (model, &swap, &other);
  check_replace (model, &swap, &elsewhere);
  swap.params.base = MOA_BASE_MOA;
  swap.params.guidance = 2;
  check_replace (model, &swap, &other);

  MoaImage *first = composite_of (model, &swap.params);
  MoaSavedSubject *saved = moa_saved_subject_of (model, &both, NULL, &error);
  g_assert_no_error (error);
  const MoaSubject kept = { .saved = saved };
  swap.params.subjects = &kept;
  MoaImage *again = composite_of (model, &swap.params);
  g_assert_cmpfloat (image_difference (first, again), ==, 0);
  moa_image_free (again);
  moa_saved_subject_free (saved);

  /* The second version is told by its name. */
  swap.params.subjects = &both;
  g_assert_true (g_file_get_contents (file, &bytes, &n, NULL) && g_file_set_contents (named, bytes, n, NULL));
  MoaModel *second = moa_model_open_files (&(MoaModelFiles){ .model = tiny, .expert = named }, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (and_free (first, composite_of (second, &swap.params)), >, 1e-4);
  char *const paths[] = { ann, bob, named };
  for (int i = 0; i < 3; i++)
    g_unlink (paths[i]);
  g_rmdir (folder);
  moa_saved_subject_free (faces[0]);
  moa_saved_subject_free (faces[1]);
  swap_clear (&swap);
  moa_model_unref (model);
  moa_model_unref (second);
}

/* Two persons, each where its mask is. */
static void
test_masks (void)
{
  MoaModel *model = open_adapter ("plain");
  Swap swap;
  swap_init (&swap, "lake", 1);
  swap.params.feather = 0;
  int width = swap.source->width, height = swap.source->height;
  MoaImage *half[2];
  MoaSubject two[2];
  check_two_masks (model, &swap, "give each of the 2 subjects a mask", half, two);
  MoaImage *wrong = moa_image_new (width / 2, height, 1);
  two[0].mask = wrong;
  check_replace_refused (model, &swap.params, "they must be alike");
  check_kept_mask (model, &swap, half, two);
  swap.params.n_subjects = 1;
  swap.params.paint = half[0];
  check_replace_refused (model, &swap.params, "painted map");
  swap.params.paint = NULL;
  MoaModel *trained = open_model (mini_path ());
  check_replace_refused (trained, &swap.params, "routers find the places");
  moa_model_unref (trained);
  moa_image_free (wrong);
  moa_image_free (half[0]);
  moa_image_free (half[1]);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Drawing ---- */

static MoaImage *
draw (MoaModel *model, const MoaSubject *subject, double scale, MoaGuidanceBase base)
{
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = "at a lake";
  params.base = base;
  params.expert_scale = scale;
  return draw_small (model, subject, params);
}

static void
test_generate (void)
{
  static const char *const kinds[] = { "plain", "plus" };
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      MoaModel *model = open_adapter (kinds[i]);
      MoaImage *photo = load_picture ("lake-subject.png", 3), *mask = moa_image_new (32, 64, 1);
      const MoaImage *photos[] = { photo };
      MoaSubject subject = { photos, 1 };
#define DRAW(scale, base) draw (model, &subject, scale, base)
      MoaImage *plain = draw (model, NULL, 1, MOA_BASE_PRIOR);
      g_assert_cmpfloat (and_free (plain, DRAW (0, MOA_BASE_PRIOR)), <, 1e-5);
      g_assert_cmpfloat (and_free (DRAW (0, MOA_BASE_MOA), DRAW (0, MOA_BASE_PRIOR)), <, 1e-5);
      g_assert_cmpfloat (and_free (DRAW (1, MOA_BASE_PRIOR), DRAW (0, MOA_BASE_PRIOR)), >, 1e-4);
      /* The base looks at what stands for no photo. */
      g_assert_cmpfloat (and_free (DRAW (1, MOA_BASE_MOA), DRAW (1, MOA_BASE_PRIOR)), >, 1e-4);
      MoaImage *everywhere = DRAW (1, MOA_BASE_PRIOR), *nowhere;
      subject.mask = mask;
      nowhere = DRAW (1, MOA_BASE_PRIOR);
      g_assert_cmpfloat (and_free (nowhere, draw (model, NULL, 1, MOA_BASE_PRIOR)), <, 1e-5);
      for (int k = 0; k < 32 * 64; k++)
        mask->data[k] = 1;
      g_assert_cmpfloat (and_free (everywhere, DRAW (1, MOA_BASE_PRIOR)), <, 1e-5);
#undef DRAW
      moa_image_free (photo);
      moa_image_free (mask);
      moa_model_unref (model);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ip-adapter/info", test_info);
  g_test_add_func ("/ip-adapter/folder", test_folder);
  g_test_add_func ("/ip-adapter/replace", test_replace);
  g_test_add_func ("/ip-adapter/face", test_face);
  g_test_add_func ("/ip-adapter/face-plus", test_face_plus);
  g_test_add_func ("/ip-adapter/masks", test_masks);
  g_test_add_func ("/ip-adapter/generate", test_generate);
  return g_test_run ();
}
