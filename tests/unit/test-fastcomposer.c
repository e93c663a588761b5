/* FastComposer in jobs: what a model says of it, replacing and drawing with it, masks, its image
 * encoder, and files that are refused.  The numbers of its layers are in the golden tests. */
#include "job-util.h"

static char *folder;

static char *
weights_path (void)
{
  return g_build_filename (g_getenv ("MOA_FIXTURES"), "real", "fastcomposer-model.safetensors", NULL);
}

static MoaModel *
try_open (const char *expert, const char *encoder, GError **error)
{
  g_autofree char *tiny = tiny_path ();
  return moa_model_open_files (
      &(MoaModelFiles){ .model = tiny, .expert = expert, .image_encoder = encoder }, error);
}

static MoaModel *
open_with (const char *expert, const char *encoder)
{
  GError *error = NULL;
  MoaModel *model = try_open (expert, encoder, &error);
  g_assert_no_error (error);
  return model;
}

static MoaModel *
open_fastcomposer (void)
{
  g_autofree char *path = weights_path ();
  return open_with (path, NULL);
}

/* The published file with a change: a tensor of that name left out, of another shape, or renamed. */
typedef struct {
  const char *prefix; /* of the tensors that are meant */
  const char *rename; /* or NULL */
  gboolean reshape;
} Change;

static gboolean
edit (EditedTensor *tensor, gpointer data)
{
  const Change *change = data;
  if (!g_str_has_prefix (tensor->name, change->prefix))
    return TRUE;
  if (change->reshape)
    tensor->dim[tensor->rank - 1] -= 2; /* the numbers that are left over are not written */
  if (change->rename)
    {
      g_free (tensor->name);
      tensor->name = g_strdup (change->rename);
    }
  return change->reshape || change->rename;
}

static char *
changed (const char *name, Change change)
{
  g_autofree char *from = weights_path ();
  char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GFile) a = g_file_new_for_path (from);
  g_autoptr (GFile) b = g_file_new_for_path (path);
  g_assert_true (g_file_copy (a, b, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, NULL));
  edit_weights (folder, name, edit, &change);
  return path;
}

/* ---- What it is ---- */

static void
test_info (void)
{
  MoaModel *model = open_fastcomposer ();
  const MoaModelInfo *info = moa_model_get_info (model);
  g_assert_cmpstr (info->expert, ==, "FastComposer");
  g_assert_null (info->missing[0]);
  g_assert_null (info->warnings[0]); /* the parts that are not used are expected */
  g_assert_cmpint (info->n_layers, ==, 16);
  g_assert_cmpint (info->feature_dim, ==, 24);
  g_assert_cmpint (info->max_timestep, ==, 700);
  g_assert_cmpstr (info->parts[info->n_parts - 1].name, ==, "controlnet");
  g_assert_cmpstr (info->parts[info->n_parts - 2].name, ==, "fastcomposer");
  /* 16 blocks' attentions, and the fuser. */
  g_assert_cmpint (info->parts[info->n_parts - 2].n_parameters, ==, 184512 + 5232);
  moa_model_unref (model);
}

#define BLOCK "down_blocks.0.attentions.0.transformer_blocks.0."

static void
test_refusals (void)
{
  static const struct {
    Change change;
    const char *says;
  } faults[] = {
    { { "postfuse_module.mlp2.fc2.bias" }, "has no tensor \"postfuse_module.mlp2.fc2.bias\"" },
    { { "unet." BLOCK "attn1.to_q" }, "has no tensor \"" BLOCK "attn1.to_q.weight\"" },
    { { "unet." BLOCK "attn2.to_k", .reshape = TRUE },
      "\"unet." BLOCK "attn2.to_k.weight\" has the shape [32, 30]" },
    { { "image_encoder.visual_projection" }, "has no tensor \"visual_projection.weight\"" },
    { { "postfuse_module.mlp1.fc1.weight" }, "its fuser is none for this model" },
    { { "postfuse_module.mlp1.fc1.weight", .reshape = TRUE }, "FastComposer's feature_dim 22" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (faults); i++)
    {
      GError *error = NULL;
      g_autofree char *path = changed ("fault.safetensors", faults[i].change);
      g_assert_null (try_open (path, NULL, &error));
      check_fault (error, faults[i].says);
      g_unlink (path);
    }
  /* A tensor that belongs to nothing is named, and no harm. */
  g_autofree char *path = changed ("more.safetensors",
                                   (Change){ "vae.quant_conv.bias", "postfuse_module.mlp3.fc1.bias" });
  MoaModel *model = open_with (path, NULL);
  const char *const *warnings = moa_model_get_info (model)->warnings;
  g_assert_nonnull (warnings[0]);
  g_assert_null (warnings[1]);
  g_assert_nonnull (strstr (warnings[0], "1 tensor is not used: postfuse_module.mlp3.fc1.bias"));
  moa_model_unref (model);
  g_unlink (path);

  write_text (folder, "pytorch_model.bin", "\200\002}q");
  g_autofree char *pickle = g_build_filename (folder, "pytorch_model.bin", NULL);
  GError *error = NULL;
  g_assert_null (try_open (pickle, NULL, &error));
  check_fault (error, "Convert it to safetensors");
  g_unlink (pickle);
  g_autofree char *own = weights_path ();
  error = NULL;
  g_assert_null (moa_model_open (own, &error));
  check_fault (error, "is a FastComposer model; a model is a folder");
}

/* Its own image encoder is the one that its fuser was trained with; without it, that which is given. */
static void
test_encoder (void)
{
  g_autofree char *tiny = tiny_path (), *own = weights_path ();
  g_autofree char *encoder = g_build_filename (tiny, "image_encoder", NULL);
  g_autofree char *bare = changed ("bare.safetensors", (Change){ "image_encoder." });
  MoaModel *models[] = { open_with (own, NULL), open_with (own, encoder), open_with (bare, NULL),
                         open_with (bare, encoder) };
  MoaImage *made[4];
  Swap swap;
  swap_init (&swap, "lake", 1);
  swap.params.max_timestep = 1000;
  for (int i = 0; i < 4; i++)
    made[i] = composite_of (models[i], &swap.params);
  g_assert_cmpfloat (image_difference (made[0], made[1]), ==, 0);
  g_assert_cmpfloat (image_difference (made[2], made[3]), ==, 0);
  g_assert_cmpfloat (image_difference (made[0], made[2]), >, 1e-4);
  for (int i = 0; i < 4; i++)
    {
      moa_image_free (made[i]);
      moa_model_unref (models[i]);
    }
  swap_clear (&swap);
  g_unlink (bare);
}

/* A photo is seen on a black square. */
static void
test_border (void)
{
  MoaModel *model = open_fastcomposer ();
  MoaImage *square = load_picture ("lake-subject.png", 3);
  int side = MIN (square->width, square->height), left = side / 4, width = side / 2;
  MoaImage *photo = moa_image_new (width, side, 3), *padded = moa_image_new (side, side, 3);
  for (int y = 0; y < side; y++)
    for (int i = 0; i < 3 * width; i++)
      photo->data[y * 3 * width + i] = padded->data[3 * (y * side + left) + i]
          = square->data[(gsize) y * 3 * square->width + i];
  const MoaImage *photos[] = { photo, padded };
  GError *error = NULL;
  MoaSavedSubject *saved = moa_saved_subject_new (model, "Ann", photos, 2, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (largest_difference (saved->features, saved->features + saved->dim, saved->dim), ==,
                     0);
  moa_saved_subject_free (saved);
  moa_image_free (square);
  moa_image_free (photo);
  moa_image_free (padded);
  moa_model_unref (model);
}

/* ---- Replacing ---- */

static void
test_replace (void)
{
  MoaModel *model = open_fastcomposer ();
  Swap swap;
  swap_init (&swap, "lake", 2);
  swap.params.freedom = 0.8;
  const MoaImage *photos[] = { swap.source };
  const MoaSubject other = { photos, 1 };
  for (int base = MOA_BASE_PRIOR; base <= MOA_BASE_MOA; base++)
    {
      swap.params.base = base;
      swap.params.guidance = 2;
      swap.params.max_timestep = 1000;
      swap.params.subjects = &swap.subject;
      MoaReplaceResult *result = replace_with (model, &swap.params, NULL);
      const MoaVariation *made = &result->variations[0];
      for (gsize i = 0; i < image_count (swap.selection); i++)
        for (int c = 0; c < 3 && swap.selection->data[i] == 0; c++)
          g_assert_true (made->composite->data[3 * i + c] == swap.source->data[3 * i + c]);
      const MoaImage *map = made->maps[0].layers[0];
      int inside = 0, outside = 0;
      for (int i = 0; i < map->width * map->height; i++)
        {
          inside += map->data[i] < 0.05;
          outside += map->data[i] == 1;
        }
      g_assert_cmpint (inside, >, 0);
      g_assert_cmpint (outside, >, 0);
      MoaImage *first = moa_image_copy (made->composite);
      moa_replace_result_free (result);
      swap.params.subjects = &other;
      g_assert_cmpfloat (and_free (first, composite_of (model, &swap.params)), >, 1e-4);
    }
  /* Delayed subject conditioning: where the prior runs alone, nobody is seen. */
  swap.params.max_timestep = 0;
  MoaImage *alone = composite_of (model, &swap.params);
  swap.params.subjects = &swap.subject;
  g_assert_cmpfloat (and_free (alone, composite_of (model, &swap.params)), ==, 0);
  /* Its subjects are words of the prompt. */
  swap.params.prompt = "at a lake";
  check_replace_refused (model, &swap.params, "names 0 of 1 subjects");
  swap_clear (&swap);
  moa_model_unref (model);
}

/* Two persons, each where its mask is. */
static void
test_masks (void)
{
  MoaModel *model = open_fastcomposer ();
  Swap swap;
  swap_init (&swap, "lake", 1);
  swap.params.feather = 0;
  swap.params.max_timestep = 1000;
  MoaImage *half[2];
  MoaSubject two[2];
  check_two_masks (model, &swap, "FastComposer does not find persons by itself; give each of the 2", half,
                   two);
  check_kept_mask (model, &swap, half, two);
  swap.params.n_subjects = 1;
  swap.params.paint = half[0];
  check_replace_refused (model, &swap.params, "FastComposer has none; paint the selection");
  moa_image_free (half[0]);
  moa_image_free (half[1]);
  swap_clear (&swap);
  moa_model_unref (model);
}

/* ---- Drawing ---- */

static MoaImage *
draw (MoaModel *model, const MoaSubject *subject, MoaGuidanceBase base)
{
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = "a man at a lake";
  params.base = base;
  params.max_timestep = 1000;
  return draw_small (model, subject, params);
}

static void
test_generate (void)
{
  MoaModel *model = open_fastcomposer ();
  MoaImage *photo = load_picture ("lake-subject.png", 3), *mask = moa_image_new (32, 64, 1);
  const MoaImage *photos[] = { photo };
  MoaSubject subject = { photos, 1 };
  MoaImage *plain = draw (model, NULL, MOA_BASE_PRIOR), *everywhere = draw (model, &subject, MOA_BASE_PRIOR);
  g_assert_cmpfloat (image_difference (plain, everywhere), >, 1e-4);
  subject.mask = mask; /* which is nowhere */
  g_assert_cmpfloat (and_free (plain, draw (model, &subject, MOA_BASE_PRIOR)), <, 1e-5);
  for (int k = 0; k < 32 * 64; k++)
    mask->data[k] = 1;
  g_assert_cmpfloat (and_free (moa_image_copy (everywhere), draw (model, &subject, MOA_BASE_PRIOR)), <, 1e-5);
  g_assert_cmpfloat (and_free (everywhere, draw (model, &subject, MOA_BASE_MOA)), >, 1e-4);
  moa_image_free (photo);
  moa_image_free (mask);
  moa_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_test_add_func ("/fastcomposer/info", test_info);
  g_test_add_func ("/fastcomposer/refusals", test_refusals);
  g_test_add_func ("/fastcomposer/encoder", test_encoder);
  g_test_add_func ("/fastcomposer/border", test_border);
  g_test_add_func ("/fastcomposer/replace", test_replace);
  g_test_add_func ("/fastcomposer/masks", test_masks);
  g_test_add_func ("/fastcomposer/generate", test_generate);
  int status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
