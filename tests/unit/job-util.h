/* Models and pictures for the tests of jobs. */
#ifndef MOA_TEST_JOB_UTIL_H
#define MOA_TEST_JOB_UTIL_H

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "jobs/model.h"
#include "moa.h"

static inline const char *
mini_path (void)
{
  const char *path = g_getenv ("MOA_TEST_MODEL");
  g_assert_nonnull (path);
  return path;
}

static inline char *
tiny_path (void)
{
  g_assert_nonnull (g_getenv ("MOA_FIXTURES"));
  return g_build_filename (g_getenv ("MOA_FIXTURES"), "tiny", NULL);
}

static inline MoaModel *
open_model (const char *path)
{
  GError *error = NULL;
  MoaModel *model = moa_model_open (path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (model);
  return model;
}

static inline MoaImage *
load_image (const char *path, int channels)
{
  GError *error = NULL;
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, &error);
  g_assert_no_error (error);
  int width = gdk_pixbuf_get_width (pixbuf), height = gdk_pixbuf_get_height (pixbuf);
  MoaImage *image = moa_image_new (width, height, channels);
  for (int y = 0; y < height; y++)
    for (int i = 0; i < width * channels; i++)
      {
        const guint8 *row = gdk_pixbuf_read_pixels (pixbuf) +
                            (gsize) y * gdk_pixbuf_get_rowstride (pixbuf);
        image->data[(gsize) y * width * channels + i] =
            row[i / channels * gdk_pixbuf_get_n_channels (pixbuf) + i % channels] / 255.0f;
      }
  return image;
}

/* One of the bundled model's pictures; channels 1 or 3. */
static inline MoaImage *
load_picture (const char *name, int channels)
{
  g_autofree char *path = g_build_filename (mini_path (), "pictures", name, NULL);
  return load_image (path, channels);
}

static inline gsize
image_count (const MoaImage *image)
{
  return (gsize) image->width * image->height * image->channels;
}

static inline double
largest_difference (const float *a, const float *b, gsize n)
{
  double largest = 0;
  for (gsize i = 0; i < n; i++)
    largest = MAX (largest, fabs ((double) a[i] - b[i]));
  return largest;
}

static inline double
image_difference (const MoaImage *a, const MoaImage *b)
{
  g_assert_cmpuint (image_count (a), ==, image_count (b));
  return largest_difference (a->data, b->data, image_count (a));
}

/* A swap on one of the bundled scenes, ready to run; few steps. */
typedef struct {
  MoaImage *source, *selection, *photo;
  const MoaImage *photos[1];
  MoaSubject subject;
  MoaReplaceParams params;
} Swap;

static inline void
swap_init (Swap *swap, const char *scene, int steps)
{
  g_autofree char *source = g_strconcat (scene, ".png", NULL);
  g_autofree char *selection = g_strconcat (scene, "-selection.png", NULL);
  g_autofree char *photo = g_strconcat (scene, "-subject.png", NULL);
  swap->source = load_picture (source, 3);
  swap->selection = load_picture (selection, 1);
  swap->photo = load_picture (photo, 3);
  swap->photos[0] = swap->photo;
  swap->subject = (MoaSubject){ swap->photos, 1 };
  moa_replace_params_init (&swap->params);
  swap->params.source = swap->source;
  swap->params.selection = swap->selection;
  swap->params.subjects = &swap->subject;
  swap->params.n_subjects = 1;
  swap->params.steps = steps;
}

static inline void
swap_clear (Swap *swap)
{
  moa_image_free (swap->source);
  moa_image_free (swap->selection);
  moa_image_free (swap->photo);
}

static inline MoaReplaceResult *
replace_with (MoaModel *model, const MoaReplaceParams *params, const MoaRun *run)
{
  GError *error = NULL;
  MoaReplaceResult *result = moa_replace (model, params, run, &error);
  g_assert_no_error (error);
  g_assert_nonnull (result);
  return result;
}

static inline MoaImage *
composite_of (MoaModel *model, const MoaReplaceParams *params)
{
  MoaReplaceResult *result = replace_with (model, params, NULL);
  MoaImage *image = moa_image_copy (result->variations[0].composite);
  moa_replace_result_free (result);
  return image;
}

/* Their largest difference; both are freed. */
static inline double
and_free (MoaImage *a, MoaImage *b)
{
  double far = image_difference (a, b);
  moa_image_free (a);
  moa_image_free (b);
  return far;
}

/* ---- Pictures ---- */

/* One channel of that value. */
static inline MoaImage *
filled (int width, int height, float value)
{
  MoaImage *image = moa_image_new (width, height, 1);
  for (gsize i = 0; i < image_count (image); i++)
    image->data[i] = value;
  return image;
}

static inline void
check_same (const MoaImage *a, const MoaImage *b)
{
  g_assert_cmpmem (a->data, image_count (a) * sizeof (float), b->data,
                   image_count (b) * sizeof (float));
}

/* ---- Refusals ---- */

/* Fails unless error has the code and its message the text; frees it. */
static inline void
check_error (GError *error, int code, const char *text)
{
  g_assert_error (error, MOA_ERROR, code);
  g_test_message ("%s", error->message);
  if (!strstr (error->message, text))
    g_error ("\"%s\" does not say \"%s\"", error->message, text);
  g_error_free (error);
}

/* Takes error. */
static inline void
check_fault (GError *error, const char *text)
{
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  if (!strstr (error->message, text))
    g_error ("\"%s\" does not say \"%s\"", error->message, text);
  g_error_free (error);
}

static inline void
check_replace_refused (MoaModel *model, const MoaReplaceParams *params, const char *text)
{
  GError *error = NULL;
  g_assert_null (moa_replace (model, params, NULL, &error));
  check_fault (error, text);
}

/* ---- Experts whose routers are masks ---- */

/* Two persons, the photo's and the source's, each where its mask is; without masks it is refused with
 * that text.  half: the left and the right mask, (transfer full) each.  The swap is left with both
 * subjects, the first one on the right. */
static inline void
check_two_masks (MoaModel *model, Swap *swap, const char *text, MoaImage *half[2], MoaSubject two[2])
{
  int width = swap->source->width, height = swap->source->height;
  for (int k = 0; k < 2; k++)
    {
      half[k] = moa_image_new (width, height, 1);
      for (int i = 0; i < width * height; i++)
        half[k]->data[i] = (i % width < width / 2) == (k == 0);
    }
  two[0] = swap->subject;
  two[1] = (MoaSubject){ (const MoaImage *const *) &swap->source, 1 };
  swap->params.selection = NULL;
  swap->params.subjects = two;
  swap->params.n_subjects = 2;
  check_replace_refused (model, &swap->params, text);
  two[0].mask = half[0];
  two[1].mask = half[1];
  MoaImage *both = composite_of (model, &swap->params);
  two[0].mask = half[1];
  two[1].mask = half[0];
  g_assert_cmpfloat (and_free (both, composite_of (model, &swap->params)), >, 1e-4);
}

/* After that: the second person stays, where its mask is, bit for bit, and the first one is drawn beside. */
static inline void
check_kept_mask (MoaModel *model, Swap *swap, MoaImage *const half[2], MoaSubject two[2])
{
  const int width = swap->source->width, n = width * swap->source->height;
  MoaImage *all = moa_image_copy (half[0]);
  for (int i = 0; i < n; i++)
    all->data[i] = 1;
  two[0].mask = half[1];
  two[1] = (MoaSubject){ .keep = TRUE, .mask = half[0] };
  for (int how = 0; how < 3; how++) /* where the others are, everywhere, where it is selected */
    {
      swap->params.find = how == 0;
      swap->params.selection = how == 2 ? all : NULL;
      MoaImage *out = composite_of (model, &swap->params);
      int kept = 0, changed = 0;
      for (int i = 0; i < n; i++)
        *(i % width < width / 2 ? &kept : &changed)
            += memcmp (out->data + 3 * i, swap->source->data + 3 * i, 3 * sizeof (float)) != 0;
      g_assert_cmpint (kept, ==, 0);
      g_assert_cmpint (changed, >, n / 4);
      moa_image_free (out);
    }
  swap->params.selection = NULL;
  moa_image_free (all);
  two[1].mask = NULL;
  check_replace_refused (model, &swap->params, "give each of the 2 subjects a mask");
}

/* A small picture in two steps, with the subject or without any (NULL); of params count prompt, base,
 * expert_scale and max_timestep. */
static inline MoaImage *
draw_small (MoaModel *model, const MoaSubject *subject, MoaGenerateParams params)
{
  const guint64 seed = 3;
  GError *error = NULL;
  params.subjects = subject;
  params.n_subjects = subject ? 1 : 0;
  params.steps = 2;
  params.width = 64;
  params.height = 128;
  params.seeds = &seed;
  params.n_seeds = 1;
  MoaGenerateResult *result = moa_generate (model, &params, NULL, &error);
  g_assert_no_error (error);
  MoaImage *image = moa_image_copy (result->images[0]);
  moa_generate_result_free (result);
  return image;
}

/* ---- Folders ---- */

/* Deletes the files of a folder; how many they were. */
static inline int
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

/* ---- Changed models ---- */

/* A folder whose files are links to those of the model, to be changed one by
 * one; remove_model() deletes it.  (transfer full) */
static inline char *
link_model (const char *model)
{
  static const char *const folders[] = {
    "unet",      "vae",       "text_encoder",      "image_encoder",
    "tokenizer", "scheduler", "feature_extractor", "moa"
  };
  GError *error = NULL;
  char *copy = g_dir_make_tmp ("moa-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_autofree char *here = g_get_current_dir ();
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *from = g_path_is_absolute (model)
                                  ? g_build_filename (model, folders[i], NULL)
                                  : g_build_filename (here, model, folders[i], NULL);
      g_autofree char *to = g_build_filename (copy, folders[i], NULL);
      g_assert_cmpint (g_mkdir (to, 0777), ==, 0);
      GDir *dir = g_dir_open (from, 0, &error);
      g_assert_no_error (error);
      const char *name;
      while ((name = g_dir_read_name (dir)))
        {
          g_autofree char *file = g_build_filename (from, name, NULL);
          g_autofree char *link = g_build_filename (to, name, NULL);
          g_assert_cmpint (symlink (file, link), ==, 0);
        }
      g_dir_close (dir);
    }
  return copy;
}

static inline void
remove_model (char *copy)
{
  GDir *dir = g_dir_open (copy, 0, NULL);
  const char *folder, *name;
  while ((folder = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (copy, folder, NULL);
      GDir *files = g_dir_open (path, 0, NULL);
      while ((name = g_dir_read_name (files)))
        {
          g_autofree char *file = g_build_filename (path, name, NULL);
          g_unlink (file);
        }
      g_dir_close (files);
      g_rmdir (path);
    }
  g_dir_close (dir);
  g_rmdir (copy);
  g_free (copy);
}

/* Replaces file of the linked model by text. */
static inline void
write_text (const char *copy, const char *file, const char *text)
{
  g_autofree char *path = g_build_filename (copy, file, NULL);
  g_unlink (path);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* Rewrites a weights file of the linked model.  edit may change the numbers,
 * the name and the shape of each tensor, or return FALSE to leave it out. */
typedef struct {
  char *name;
  int rank;
  gint64 dim[MOA_MAX_RANK];
  guint64 n;
  float *data;
} EditedTensor;
typedef gboolean (*EditFunc) (EditedTensor *tensor, gpointer data);

static inline void
edit_weights (const char *copy, const char *file, EditFunc edit, gpointer data)
{
  g_autofree char *path = g_build_filename (copy, file, NULL);
  MoaSafetensors *in = moa_safetensors_open (path, NULL);
  g_assert_nonnull (in);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  g_autoptr (GPtrArray) buffers = g_ptr_array_new_with_free_func (g_free);
  for (int i = 0; i < moa_safetensors_count (in); i++)
    {
      const MoaFileTensor *t = moa_safetensors_tensor (in, i);
      if (t->dtype == MOA_DTYPE_I64)
        continue; /* position_ids */
      EditedTensor edited = { g_strdup (t->name), t->rank, { 0 }, t->n, g_new (float, t->n) };
      memcpy (edited.dim, t->dim, sizeof (edited.dim));
      g_assert_true (moa_safetensors_read_float (in, t, 0, t->n, edited.data, NULL));
      g_ptr_array_add (buffers, edited.data);
      if (edit (&edited, data))
        moa_safetensors_writer_add (writer, edited.name, MOA_DTYPE_F32, edited.rank, edited.dim,
                                    edited.data);
      g_ptr_array_add (buffers, edited.name);
    }
  moa_safetensors_close (in);
  g_unlink (path);
  GError *error = NULL;
  moa_safetensors_writer_save (writer, path, &error);
  g_assert_no_error (error);
  moa_safetensors_writer_free (writer);
}

/* For edit_weights(): all numbers of the tensor that data names, a thousandth larger. */
static inline gboolean
scale_first (EditedTensor *tensor, gpointer data)
{
  if (!strcmp (tensor->name, data))
    for (guint64 i = 0; i < tensor->n; i++)
      tensor->data[i] *= 1.001f;
  return TRUE;
}

#endif
