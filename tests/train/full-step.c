/* One real training step of the MoA stage at the size of Stable Diffusion 1.5, batch 1: frozen text and
 * photo encoders and prior, 96 M numbers trained, 512 x 512 pictures of the drawn world through the
 * VAE.  Weights are drawn.  Needs 10 GiB and some minutes.  Prints TAP.
 *
 *   full-step FOLDER    as tests/bench/sd15_shapes.sh makes it */
#include "train/timing.h"

#include <math.h>
#include <sys/resource.h>

#define GIB 1073741824.0

static void
test_full_step (gconstpointer folder)
{
  json_t *json = json_pack ("{s:s, s:i, s:i}", "stage", "moa", "batch", 1, "micro_batch", 1);
  MoaTrainConfig config;
  g_autoptr (GError) error = NULL;
  g_assert_true (moa_train_config_parse (json, "the defaults", &config, &error));
  MoaStepTiming t;
  moa_train_time (&config, folder, moa_cpu_new (moa_isa_best (), 0), 1, NULL, NULL, &t, &error);
  g_assert_no_error (error);
  struct rusage usage;
  getrusage (RUSAGE_SELF, &usage);
  double gib = (t.work_bytes + t.weight_bytes + t.moment_bytes) / GIB;
  double peak = usage.ru_maxrss * 1024.0 / GIB;
  g_test_message ("%.1f M numbers trained; %.1f s a step, %.1f of them the update; %.1f s of processor "
                  "time; %.1f s for the picture and its latent", t.trained * 1e-6,
                  t.gradients + t.update, t.update, t.processor, t.data);
  g_test_message ("%.2f GiB of results and gradients, %.2f of weights, %.2f of moments; %.2f in all, "
                  "%.2f at most in the process", t.work_bytes / GIB, t.weight_bytes / GIB,
                  t.moment_bytes / GIB, gib, peak);
  g_test_message ("loss %.6f, %.6f after one step; norm of the gradients %.4g", t.loss[0], t.loss[1],
                  t.norm);
  g_assert_cmpint (t.trained, >, 90000000); /* all attention of the 16 blocks is 93.5 M */
  g_assert_cmpfloat (gib, <, 24);
  g_assert_cmpfloat (peak, <, 24);
  g_assert_true (isfinite (t.norm) && t.norm > 0);
  g_assert_cmpfloat (t.loss[1], <, t.loss[0]);
  moa_train_config_clear (&config);
  json_decref (json);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (argc != 2)
    return 2;
  g_test_add_data_func ("/train/full-step", argv[1], test_full_step);
  return g_test_run ();
}
