/* Whole jobs on the card that the emulation makes, against the host: a replacement with the bundled
 * model in each type of numbers, one that is cancelled, and what the card's memory holds. */
#include <gmodule.h>
#include <math.h>
#include <string.h>

#include "device/device.h"
#include "emulation/emulation.h"
#include "moa.h"

static MoaModel *model;

static MoaImage *
picture_new (int seed)
{
  MoaImage *picture = moa_image_new (64, 64, 3);
  for (int i = 0; i < 64 * 64 * 3; i++)
    picture->data[i] = 0.5f + 0.4f * sinf (0.01f * seed * (i % 192) + 0.02f * (i / 192));
  return picture;
}

static void
swap_params_init (MoaReplaceParams *params, const MoaImage *source, const MoaSubject *subject, int steps)
{
  moa_replace_params_init (params);
  params->source = source;
  params->subjects = subject;
  params->n_subjects = 1;
  params->steps = steps;
}

static MoaReplaceResult *
replace (const char *device, GCancellable *cancellable, GError **error)
{
  MoaImage *source = picture_new (3), *photo = picture_new (7);
  const MoaImage *photos[] = { photo };
  MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  swap_params_init (&params, source, &subject, 3);
  params.guidance = 2;
  MoaRun run = { .n_threads = 1, .device = device, .cancellable = cancellable };
  MoaReplaceResult *result = moa_replace (model, &params, &run, error);
  moa_image_free (source);
  moa_image_free (photo);
  return result;
}

/* Mean and largest distance of two pictures. */
static void
compare (const MoaImage *a, const MoaImage *b, double *mean, double *most)
{
  gsize n = (gsize) a->width * a->height * a->channels;
  *mean = *most = 0;
  for (gsize i = 0; i < n; i++)
    {
      double d = fabs ((double) a->data[i] - b->data[i]);
      *mean += d / n;
      *most = MAX (*most, d);
    }
}

static void
test_replace (void)
{
  static const struct { const char *device; double mean, most; } cases[] = {
    { "cuda:f32", 5e-6, 5e-5 }, { "cuda:tf32", 2e-3, 0.02 }, { "cuda:f16", 2e-3, 0.02 }, { "cuda:bf16", 2e-2, 0.2 }
  };
  GError *error = NULL;
  MoaReplaceResult *expected = replace ("cpu", NULL, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      double mean, most;
      MoaReplaceResult *result = replace (cases[i].device, NULL, &error);
      g_assert_no_error (error);
      compare (result->variations[0].image, expected->variations[0].image, &mean, &most);
      g_test_message ("%s: mean %.2g, largest %.2g", cases[i].device, mean, most);
      g_assert_cmpfloat (mean, <=, cases[i].mean);
      g_assert_cmpfloat (most, <=, cases[i].most);
      /* 16 bits that change nothing would not be 16 bits, nor would TF32's. */
      if (i > 0)
        g_assert_cmpfloat (mean, >, 1e-5);
      moa_replace_result_free (result);
    }
  moa_replace_result_free (expected);
}

static int told_after; /* steps that were told of after the end was asked for */

static void
cancel_soon (const MoaProgress *progress, gpointer data)
{
  told_after += g_cancellable_is_cancelled (data);
  if (progress->phase == MOA_PHASE_GENERATE)
    g_cancellable_cancel (data);
}

static void
test_cancel (void)
{
  GError *error = NULL;
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  MoaImage *photo = picture_new (7);
  const MoaImage *photos[] = { photo };
  MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  swap_params_init (&params, photo, &subject, 20);
  MoaRun run = { .device = "cuda:f32", .cancellable = cancellable, .progress = cancel_soon,
                 .progress_data = cancellable };
  g_assert_null (moa_replace (model, &params, &run, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_cmpint (told_after, <=, 1);
  g_clear_error (&error);
  moa_image_free (photo);
}

static EmulatedUsed used;
static size_t most_used;

static void
note_used (const MoaProgress *progress, gpointer data)
{
  most_used = MAX (most_used, used ());
}

/* The card holds what the plan says while a job runs, and the weights alone when it has ended. */
static void
test_memory (void)
{
  GError *error = NULL;
  GModule *module = g_module_open (g_getenv ("MOA_CUDA_MODULE"), G_MODULE_BIND_LOCAL);
  if (!module || !g_module_symbol (module, "emulated_used", (gpointer *) &used))
    {
      g_test_skip ("no emulation");
      return;
    }
  MoaModel *fresh = moa_model_open (g_getenv ("MOA_TEST_MODEL"), &error);
  g_assert_no_error (error);
  MoaImage *photo = picture_new (7);
  const MoaImage *photos[] = { photo };
  MoaSubject subject = { photos, 1 };
  MoaReplaceParams params;
  swap_params_init (&params, photo, &subject, 2);
  MoaRun run = { .n_threads = 1, .device = "cuda:f16", .progress = note_used };
  size_t before = most_used = used ();
  MoaReplaceResult *result = moa_replace (fresh, &params, &run, &error);
  g_assert_no_error (error);
  /* cuBLAS has 32 MiB of its own, which the model keeps with the card. */
  double planned = result->peak_bytes, blas = 32 << 20;
  double held = most_used - before - blas, kept = used () - before - blas;
  g_test_message ("%.0f bytes at most, by the plan %.0f; kept as weights %.0f", held, planned, kept);
  g_assert_cmpfloat (held, <=, planned);
  g_assert_cmpfloat (held, >=, 0.9 * planned);
  g_assert_cmpfloat (kept, <=, 0.55 * planned);
  moa_replace_result_free (result);
  moa_image_free (photo);
  moa_model_unref (fresh);
  g_assert_cmpuint (used (), ==, before);
}

/* Names, and what is said about those that cannot be had. */
static void
test_names (void)
{
  static const char *const bad[] = { "gpu", "cuda:x", "cuda:0:f8", "cuda:1", "cuda:300", "cpu:1" };
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      GError *error = NULL;
      g_assert_null (moa_device_open (bad[i], NULL, &error));
      g_assert_nonnull (error);
      g_assert_cmpuint (strlen (error->message), >, 20);
      g_clear_error (&error);
    }
  g_autofree char *note = NULL, *why = NULL;
  MoaDevice *device = moa_device_open ("auto", &note, NULL);
  g_assert_cmpstr (device->name, ==, "cuda:0");
  g_assert_null (note);
  g_assert_cmpint (device->number, ==, MOA_F16);
  moa_device_unref (device);
  g_autoptr (GArray) list = moa_device_list (&why);
  g_assert_cmpuint (list->len, ==, 1);
  g_assert_null (why);
}

/* 7.0, for which the emulation's build has no code, as none by CUDA 13 has; "auto" is the host then. */
static void
test_too_old (void)
{
  if (!strstr (g_getenv ("MOA_CUDA_MODULE") ? g_getenv ("MOA_CUDA_MODULE") : "", "emulated"))
    {
      g_test_skip ("no emulation");
      return;
    }
  GError *error = NULL;
  g_autofree char *note = NULL;
  g_setenv ("MOA_EMULATED_CAPABILITY", "7.0", TRUE);
  g_assert_null (moa_device_open ("cuda", NULL, &error));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_DEVICE);
  g_assert_nonnull (strstr (error->message, "it has capability 7.0, and this build needs 7.5; use the CPU"));
  g_clear_error (&error);
  g_assert_true (moa_device_open ("auto", &note, NULL) == moa_device_host ());
  g_assert_nonnull (strstr (note, "capability 7.0"));
  g_unsetenv ("MOA_EMULATED_CAPABILITY");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  GError *error = NULL;
  model = moa_model_open (g_getenv ("MOA_TEST_MODEL"), &error);
  g_assert_no_error (error);
  g_test_add_func ("/cuda/jobs/names", test_names);
  g_test_add_func ("/cuda/jobs/too-old", test_too_old);
  g_test_add_func ("/cuda/jobs/replace", test_replace);
  g_test_add_func ("/cuda/jobs/cancel", test_cancel);
  g_test_add_func ("/cuda/jobs/memory", test_memory);
  int result = g_test_run ();
  moa_model_unref (model);
  return result;
}
