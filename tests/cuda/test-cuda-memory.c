/* What a replacement takes on a card at the size of Stable Diffusion 1.5 with MoA, by its plan: a folder
 * of the bundled configurations, with files of weights that have all names and shapes and no data. */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "moa.h"
#include "train/folder.h"

#define GIB 1073741824.

static void
copy (const char *from, const char *to)
{
  g_autoptr (GFile) source = g_file_new_for_path (from), target = g_file_new_for_path (to);
  g_autofree char *folder = g_path_get_dirname (to);
  GError *error = NULL;
  g_assert_cmpint (g_mkdir_with_parents (folder, 0700), ==, 0);
  g_file_copy (source, target, G_FILE_COPY_NONE, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
}

/* sd15/..., as a folder that a model is opened from */
static void
copy_configs (const char *folder)
{
  static const char *const files[][2] = {
    { "unet/config.json", "unet/config.json" },
    { "vae/config.json", "vae/config.json" },
    { "text_encoder/config.json", "text_encoder/config.json" },
    { "scheduler/scheduler_config.json", "scheduler/scheduler_config.json" },
    { "image_encoder-vit-l/config.json", "image_encoder/config.json" },
    { "recipe/feature_extractor/preprocessor_config.json",
      "feature_extractor/preprocessor_config.json" },
    { "recipe/moa/config.json", "moa/config.json" },
    { "tokenizer/vocab.json", "tokenizer/vocab.json" },
    { "tokenizer/merges.txt", "tokenizer/merges.txt" },
    { "tokenizer/tokenizer_config.json", "tokenizer/tokenizer_config.json" },
    { "tokenizer/special_tokens_map.json", "tokenizer/special_tokens_map.json" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *from = g_build_filename (g_getenv ("MOA_TEST_MODEL"), "..", "sd15",
                                                files[i][0], NULL);
      g_autofree char *to = g_build_filename (folder, files[i][1], NULL);
      copy (from, to);
    }
}

/* A safetensors file of float16 with a hole for its data. */
static void
write_hole (MoaParams *params, const char *path)
{
  json_t *header = json_object ();
  guint64 at = 0;
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      const MoaParam *param = moa_params_nth (params, i);
      guint64 bytes = 2 * moa_param_numbers (param);
      json_t *shape = json_array ();
      for (int k = 0; k < param->rank; k++)
        json_array_append_new (shape, json_integer (param->dim[k]));
      json_object_set_new (header, param->name,
                           json_pack ("{s:s, s:o, s:[I, I]}", "dtype", "F16", "shape", shape,
                                      "data_offsets", (json_int_t) at, (json_int_t) (at + bytes)));
      at += bytes;
    }
  char *text = json_dumps (header, JSON_COMPACT);
  guint64 length = GUINT64_TO_LE (strlen (text));
  int fd = g_open (path, O_WRONLY | O_CREAT, 0600);
  g_assert_cmpint (write (fd, &length, 8), ==, 8);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize) strlen (text));
  g_assert_cmpint (ftruncate (fd, 8 + strlen (text) + at), ==, 0);
  close (fd);
  free (text);
  json_decref (header);
}

static MoaModel *
open_model (const char *folder)
{
  GError *error = NULL;
  MoaParts parts;
  copy_configs (folder);
  moa_parts_open (&parts, folder, 0, moa_device_host (), &error);
  g_assert_no_error (error);
  for (int kind = 0; kind < MOA_PART_HEADS; kind++)
    {
      g_autofree char *path = moa_part_file (folder, kind);
      if (moa_params_count (parts.params[kind]) > 0) /* there is no ControlNet */
        write_hole (parts.params[kind], path);
    }
  moa_parts_clear (&parts);
  MoaModel *model = moa_model_open (folder, &error);
  g_assert_no_error (error);
  return model;
}

/* One person at 512 x 512: what it takes, or, estimate being NULL, the thing itself. */
static gboolean
swap (MoaModel *model, const char *device, MoaEstimate *estimate, GError **error)
{
  MoaImage *picture = moa_image_new (512, 512, 3);
  const MoaImage *photos[] = { picture };
  MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  moa_replace_params_init (&params);
  params.source = picture;
  params.subjects = &subject;
  params.n_subjects = 1;
  MoaRun run = { .n_threads = 1, .device = device };
  MoaReplaceResult *result = NULL;
  gboolean ok = estimate ? moa_replace_estimate (model, &params, &run, FALSE, estimate, error)
                         : (result = moa_replace (model, &params, &run, error)) != NULL;
  g_clear_pointer (&result, moa_replace_result_free);
  moa_image_free (picture);
  return ok;
}

static double
gib_needed (MoaModel *model, const char *device, MoaEstimate *estimate)
{
  GError *error = NULL;
  swap (model, device, estimate, &error);
  g_assert_no_error (error);
  g_test_message ("%s: %.2f GiB of weights and work, of %.2f free", device,
                  estimate->bytes_needed / GIB, estimate->bytes_free / GIB);
  return estimate->bytes_needed / GIB;
}

/* A card of 6 GiB has some 5.5 left for a program. */
static void
test_sd15 (void)
{
  g_autofree char *folder = g_dir_make_tmp ("moa-memory-XXXXXX", NULL);
  MoaModel *model = open_model (folder);
  MoaEstimate estimate;
  double half = gib_needed (model, "cuda:f16", &estimate);
  g_assert_cmpint (estimate.width, ==, 512);
  g_assert_cmpfloat (half, <=, 5.5);
  g_assert_cmpfloat (half, >, 2); /* all the weights are counted */
  /* Of the card, which the emulation gives 4 GiB, not of the machine. */
  g_assert_cmpuint (estimate.bytes_free, <=, (guint64) 4 << 30);
  g_assert_cmpfloat (gib_needed (model, "cuda:bf16", &estimate), <=, half);
  g_assert_cmpfloat (gib_needed (model, "cuda:f32", &estimate), >, half);
  /* More than there is: told before anything is loaded, with a way out. */
  GError *error = NULL;
  g_assert_false (swap (model, "cuda:f32", NULL, &error));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "close other programs, or use a smaller model"));
  g_clear_error (&error);
  moa_model_unref (model);
  g_autofree char *command = g_strdup_printf ("rm -rf '%s'", folder);
  g_assert_cmpint (system (command), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cuda/memory/sd15", test_sd15);
  return g_test_run ();
}
