/* Noise schedule, DDIM, its inverse and UniPC against diffusers (the fixture
 * schedulers.safetensors, tolerances of its manifest), and what must hold for
 * any network.  The fixture's network: eps(x, t) = x / (1 + |x|) + 0.05 t / 1000. */
#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "io/safetensors.h"
#include "sample/ddim.h"
#include "sample/guidance.h"
#include "sample/unipc.h"

static const MoaScheduleConfig sd15 = { 1000, 0.00085, 0.012, TRUE, 1, FALSE, MOA_PREDICT_EPSILON };

#define N 64 /* floats of the fixture's latent */

static void
toy_eps (const float *x, int t, float *eps, gsize n)
{
  for (gsize i = 0; i < n; i++)
    eps[i] = x[i] / (1 + fabsf (x[i])) + 0.05f * ((float) t / 1000);
}

/* ---- The fixture ----------------------------------------------------- */

typedef struct {
  MoaSafetensors *file;
  json_t *manifest, *tensors;
} Golden;

static const char *
fixtures (void)
{
  return g_getenv ("MOA_FIXTURES");
}

static gboolean
golden_open (Golden *golden)
{
  if (!fixtures ())
    {
      g_test_skip ("MOA_FIXTURES is not set");
      return FALSE;
    }
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (fixtures (), "golden", "schedulers.safetensors", NULL);
  g_autofree char *manifest = g_build_filename (fixtures (), "golden", "manifest.json", NULL);
  golden->file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  golden->manifest = json_load_file (manifest, 0, NULL);
  golden->tensors = json_object_get (
      json_object_get (json_object_get (golden->manifest, "files"), "schedulers"), "tensors");
  g_assert_nonnull (golden->tensors);
  return TRUE;
}

static void
golden_close (Golden *golden)
{
  moa_safetensors_close (golden->file);
  json_decref (golden->manifest);
}

static float *
golden_floats (Golden *golden, const char *name, gsize n)
{
  g_autoptr (GError) error = NULL;
  const MoaFileTensor *tensor = moa_safetensors_find (golden->file, name);
  g_assert_nonnull (tensor);
  g_assert_cmpuint (tensor->n, ==, n);
  float *data = g_new (float, n);
  moa_safetensors_read_float (golden->file, tensor, 0, n, data, &error);
  g_assert_no_error (error);
  return data;
}

static gint64 *
golden_ints (Golden *golden, const char *name, gsize n)
{
  g_autoptr (GError) error = NULL;
  const MoaFileTensor *tensor = moa_safetensors_find (golden->file, name);
  g_assert_nonnull (tensor);
  g_assert_cmpuint (tensor->n, ==, n);
  gint64 *data = g_new (gint64, n);
  moa_safetensors_read_int (golden->file, tensor, 0, n, data, &error);
  g_assert_no_error (error);
  return data;
}

/* Compares with the reference at the manifest's tolerance. */
static void
golden_check (Golden *golden, const char *name, const float *got, gsize n)
{
  g_autofree float *want = golden_floats (golden, name, n);
  double atol = json_number_value (
      json_object_get (json_object_get (golden->tensors, name), "atol"));
  g_assert_cmpfloat (atol, >, 0);
  double worst = 0;
  for (gsize i = 0; i < n; i++)
    {
      double difference = fabs ((double) got[i] - want[i]);
      worst = difference <= worst ? worst : difference; /* keeps a NaN */
    }
  g_test_message ("%s: off by %.2e, allowed %.2e", name, worst, atol);
  g_assert_true (worst <= atol);
}

/* ---- Against diffusers ----------------------------------------------- */

static void
test_schedule (void)
{
  Golden golden;
  if (!golden_open (&golden))
    return;
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  golden_check (&golden, "alphas_cumprod", schedule->abar, 1000);
  g_assert_true (schedule->final_abar == schedule->abar[0]);

  g_autofree float *clean = golden_floats (&golden, "clean", 48);
  g_autofree float *noise = golden_floats (&golden, "noise", 48);
  g_autofree gint64 *t = golden_ints (&golden, "t", 3);
  float noisy[48];
  for (int k = 0; k < 3; k++)
    moa_schedule_add_noise (schedule, t[k], clean + 16 * k, noise + 16 * k, noisy + 16 * k, 16);
  golden_check (&golden, "add_noise", noisy, 48);
  moa_schedule_free (schedule);
  golden_close (&golden);
}

typedef struct {
  const char *name;
  MoaSpacing spacing;
  int steps;
} Run;

static void
check_timesteps (Golden *golden, const Run *run, const int *timesteps, gboolean rising)
{
  g_autofree char *name = g_strdup_printf ("%s.%d.timesteps", run->name, run->steps);
  g_autofree gint64 *want = golden_ints (golden, name, run->steps);
  for (int i = 0; i < run->steps; i++)
    g_assert_cmpint (timesteps[rising ? run->steps - 1 - i : i], ==, want[i]);
}

static void
check_latents (Golden *golden, const Run *run, const float *latents)
{
  g_autofree char *name = g_strdup_printf ("%s.%d.latents", run->name, run->steps);
  golden_check (golden, name, latents, (gsize) run->steps * N);
}

static void
test_ddim (gconstpointer data)
{
  const Run *run = data;
  Golden golden;
  if (!golden_open (&golden))
    return;
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  g_autofree int *timesteps = g_new (int, run->steps);
  gboolean inverse = g_str_equal (run->name, "ddim_inverse");
  moa_ddim_timesteps (schedule, run->spacing, run->steps, timesteps);
  check_timesteps (&golden, run, timesteps, inverse);

  g_autofree float *latents = g_new (float, run->steps *N);
  g_autofree float *start = golden_floats (&golden, "start", N);
  const float *z = start;
  for (int i = 0; i < run->steps; i++)
    {
      int t = timesteps[inverse ? run->steps - 1 - i : i];
      float eps[N], *out = latents + i * N;
      toy_eps (z, t, eps, N);
      if (inverse)
        moa_ddim_invert_step (schedule, run->steps, t, z, eps, out, N);
      else
        moa_ddim_step (schedule, run->steps, t, memcpy (out, z, sizeof eps), eps, N);
      z = out;
    }
  check_latents (&golden, run, latents);
  moa_schedule_free (schedule);
  golden_close (&golden);
}

static void
test_unipc (gconstpointer data)
{
  const Run *run = data;
  Golden golden;
  if (!golden_open (&golden))
    return;
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  MoaUnipc *unipc = moa_unipc_new (schedule, run->spacing, run->steps, N);

  g_autofree int *timesteps = g_new (int, run->steps);
  g_autofree float *sigmas = g_new (float, run->steps + 1);
  g_autofree float *latents = g_new (float, run->steps *N);
  g_autofree float *z = golden_floats (&golden, "start", N);
  for (int i = 0; i < run->steps; i++)
    {
      float eps[N];
      timesteps[i] = moa_unipc_timestep (unipc, i);
      toy_eps (z, timesteps[i], eps, N);
      moa_unipc_step (unipc, z, eps);
      memcpy (latents + i * N, z, sizeof eps);
    }
  for (int i = 0; i <= run->steps; i++)
    sigmas[i] = moa_unipc_sigma (unipc, i);

  check_timesteps (&golden, run, timesteps, FALSE);
  g_autofree char *name = g_strdup_printf ("%s.%d.sigmas", run->name, run->steps);
  golden_check (&golden, name, sigmas, run->steps + 1);
  check_latents (&golden, run, latents);
  moa_unipc_free (unipc);
  moa_schedule_free (schedule);
  golden_close (&golden);
}

/* ---- What holds for any network -------------------------------------- */

static void
fill (float *out, gsize n, double phase)
{
  for (gsize i = 0; i < n; i++)
    out[i] = 1.5 * sin (12.9898 * (i + 1) + phase);
}

static double
distance (const float *a, const float *b, gsize n)
{
  double worst = 0;
  for (gsize i = 0; i < n; i++)
    worst = MAX (worst, fabs ((double) a[i] - b[i]));
  return worst;
}

/* Inverts z with refinements and samples back; the distance to where it began. */
static double
round_trip (int steps, int refinements, gboolean zero_eps)
{
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  g_autofree int *timesteps = g_new (int, steps);
  moa_ddim_timesteps (schedule, MOA_SPACING_LEADING, steps, timesteps);
  float start[N], z[N], next[N], eps[N] = { 0 };
  fill (start, N, 0.3);
  memcpy (z, start, sizeof z);
  for (int i = steps - 1; i >= 0; i--)
    {
      memcpy (next, z, sizeof z);
      for (int k = 0; k <= refinements; k++)
        {
          if (!zero_eps)
            toy_eps (next, timesteps[i], eps, N);
          moa_ddim_invert_step (schedule, steps, timesteps[i], z, eps, next, N);
        }
      memcpy (z, next, sizeof z);
    }
  for (int i = 0; i < steps; i++)
    {
      if (!zero_eps)
        toy_eps (z, timesteps[i], eps, N);
      moa_ddim_step (schedule, steps, timesteps[i], z, eps, N);
    }
  moa_schedule_free (schedule);
  return distance (z, start, N);
}

static void
test_round_trip (void)
{
  for (int steps = 1; steps <= 100; steps += 33)
    g_assert_cmpfloat (round_trip (steps, 0, TRUE), <, 2e-7 * (steps + 2) * 1.5);
}

static void
test_fixed_point (void)
{
  double last = round_trip (20, 0, FALSE);
  for (int k = 1; k <= 3; k++)
    {
      double now = round_trip (20, k, FALSE);
      g_test_message ("%d refinements: %.3e", k, now);
      g_assert_cmpfloat (now, <, last / 3);
      last = now;
    }
}

/* A network that knows z_0 ends there, whatever the sampler: DDIM and UniPC
 * are exact for a prediction of x0 that does not change. */
static void
test_known_x0 (gconstpointer data)
{
  gboolean predict_v = GPOINTER_TO_INT (data);
  MoaScheduleConfig config = sd15;
  config.prediction = predict_v ? MOA_PREDICT_V : MOA_PREDICT_EPSILON;
  config.set_alpha_to_one = TRUE; /* so that DDIM, too, ends at sigma 0 */
  MoaSchedule *schedule = moa_schedule_new (&config);
  const int steps = 10;
  float x0[N], noise[N], out[N];
  fill (x0, N, 0.7);
  fill (noise, N, 5.1);

  for (int sampler = 0; sampler < 2; sampler++)
    {
      MoaUnipc *unipc = moa_unipc_new (schedule, MOA_SPACING_LINSPACE, steps, N);
      int timesteps[10];
      moa_ddim_timesteps (schedule, MOA_SPACING_LEADING, steps, timesteps);
      float z[N];
      int first = sampler ? moa_unipc_timestep (unipc, 0) : timesteps[0];
      moa_schedule_add_noise (schedule, first, x0, noise, z, N);
      for (int i = 0; i < steps; i++)
        {
          int t = sampler ? moa_unipc_timestep (unipc, i) : timesteps[i];
          double a = sqrt (schedule->abar[t]), b = sqrt (1 - (double) schedule->abar[t]);
          for (int k = 0; k < N; k++)
            {
              double eps = (z[k] - a * x0[k]) / b;
              out[k] = predict_v ? a * eps - b * x0[k] : eps;
            }
          moa_schedule_eps (schedule, t, z, out, N);
          if (sampler)
            moa_unipc_step (unipc, z, out);
          else
            moa_ddim_step (schedule, steps, t, z, out, N);
        }
      /* At t = 999 x0 is worth 0.07 of z: float32's 1e-7 becomes some 1e-6. */
      g_assert_cmpfloat (distance (z, x0, N), <, 1e-5);
      moa_unipc_free (unipc);
    }
  moa_schedule_free (schedule);
}

/* Grids for 10 of 1000 steps as printed by Lin et al. 2024, table 2 (there
 * counted from 1, and the leading one without offset). */
static void
test_spacing (void)
{
  static const int want[3][10] = {
    [MOA_SPACING_LEADING] = { 900, 800, 700, 600, 500, 400, 300, 200, 100, 0 },
    [MOA_SPACING_TRAILING] = { 999, 899, 799, 699, 599, 499, 399, 299, 199, 99 },
    [MOA_SPACING_LINSPACE] = { 999, 888, 777, 666, 555, 444, 333, 222, 111, 0 },
  };
  MoaScheduleConfig config = sd15;
  config.steps_offset = 0;
  MoaSchedule *schedule = moa_schedule_new (&config);
  for (int spacing = 0; spacing < 3; spacing++)
    {
      int got[10];
      moa_ddim_timesteps (schedule, spacing, 10, got);
      g_assert_cmpmem (got, sizeof got, want[spacing], sizeof want[spacing]);
    }
  MoaUnipc *unipc = moa_unipc_new (schedule, MOA_SPACING_TRAILING, 10, N);
  for (int i = 0; i < 10; i++)
    g_assert_cmpint (moa_unipc_timestep (unipc, i), ==, want[MOA_SPACING_TRAILING][i]);
  moa_unipc_free (unipc);
  moa_schedule_free (schedule);
}

/* Every number of steps stays in the table, and falls. */
static void
test_all_steps (void)
{
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  g_autofree int *t = g_new (int, 1000);
  for (int spacing = 0; spacing < 3; spacing++)
    for (int steps = 1; steps <= 1000; steps++)
      {
        moa_ddim_timesteps (schedule, spacing, steps, t);
        for (int i = 0; i < steps; i++)
          g_assert_true (t[i] >= 0 && t[i] < 1000 && (i == 0 || t[i] < t[i - 1]));
        if (steps == 1000)
          continue;
        MoaUnipc *unipc = moa_unipc_new (schedule, spacing, steps, 1);
        for (int i = 0; i < steps; i++)
          {
            int now = moa_unipc_timestep (unipc, i);
            g_assert_true (now >= 0 && now < 1000);
            g_assert_cmpfloat (moa_unipc_sigma (unipc, i), >, moa_unipc_sigma (unipc, i + 1));
          }
        moa_unipc_free (unipc);
      }
  moa_schedule_free (schedule);
}

/* As many steps as there can be: finite numbers. */
static void
test_many_steps (void)
{
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  MoaUnipc *unipc = moa_unipc_new (schedule, MOA_SPACING_LINSPACE, 999, N);
  float z[N], eps[N];
  fill (z, N, 0.2);
  for (int i = 0; i < 999; i++)
    {
      toy_eps (z, moa_unipc_timestep (unipc, i), eps, N);
      moa_unipc_step (unipc, z, eps);
    }
  for (int k = 0; k < N; k++)
    g_assert_true (isfinite (z[k]));
  moa_unipc_free (unipc);
  moa_schedule_free (schedule);
}

/* ---- Guidance --------------------------------------------------------- */

enum { PIXELS = 40, CHANNELS = 4 };

/* Mean and deviation of a channel of the z_0 that eps points to, over weighted pixels. */
static void
channel_of_z0 (const MoaSchedule *schedule, int t, const float *z, const float *eps, int channel,
               const double *weight, double *mean, double *deviation)
{
  double abar = schedule->abar[t], sum = 0, squares = 0, all = 0;
  for (int i = 0; i < PIXELS; i++)
    {
      int at = CHANNELS * i + channel;
      double x = (z[at] - sqrt (1 - abar) * eps[at]) / sqrt (abar);
      sum += weight[i] * x;
      squares += weight[i] * x * x;
      all += weight[i];
    }
  *mean = sum / all;
  *deviation = sqrt (squares / all - *mean * *mean);
}

/* Rescaled by r, each channel of z_0 keeps guidance's mean, and has r of the prompt's deviation and
 * 1 - r of guidance's, where guidance moves anything; by 0 it is guidance alone. */
static void
test_guidance (void)
{
  MoaSchedule *schedule = moa_schedule_new (&sd15);
  static const int timesteps[] = { 200, 500, 981 }; /* less noise leaves guidance little to say */
  float z[PIXELS * CHANNELS], base[PIXELS * CHANNELS], prompt[PIXELS * CHANNELS];
  float plain[PIXELS * CHANNELS], out[PIXELS * CHANNELS];
  double weight[PIXELS];
  moa_rng_normal (1, 0, 0, z, PIXELS * CHANNELS);
  moa_rng_normal (1, 1, 0, base, PIXELS * CHANNELS);
  moa_rng_normal (1, 2, 0, prompt, PIXELS * CHANNELS);
  for (int i = 0; i < PIXELS; i++)
    {
      double squares = 0;
      for (int k = CHANNELS * i; k < CHANNELS * (i + 1); k++)
        {
          if (i % 3 == 0) /* left alone, and far from the others */
            {
              z[k] = 30;
              prompt[k] = base[k];
            }
          squares += pow ((double) prompt[k] - base[k], 2);
        }
      weight[i] = sqrt (squares);
    }
  for (guint n = 0; n < G_N_ELEMENTS (timesteps); n++)
    for (double r = 0; r <= 1; r += 0.25)
      {
        int t = timesteps[n];
        memcpy (plain, prompt, sizeof (plain));
        memcpy (out, prompt, sizeof (out));
        moa_guidance (schedule, t, 3, 0, z, base, plain, PIXELS, CHANNELS);
        moa_guidance (schedule, t, 3, r, z, base, out, PIXELS, CHANNELS);
        for (int i = 0; i < PIXELS * CHANNELS; i++)
          {
            g_assert_cmpfloat_with_epsilon (plain[i], base[i] + 3 * (prompt[i] - base[i]), 1e-5);
            g_assert_true (r > 0 || out[i] == plain[i]);
          }
        for (int c = 0; c < CHANNELS; c++)
          {
            double mean, guided_mean, prompt_mean, deviation, guided, wanted;
            channel_of_z0 (schedule, t, z, out, c, weight, &mean, &deviation);
            channel_of_z0 (schedule, t, z, plain, c, weight, &guided_mean, &guided);
            channel_of_z0 (schedule, t, z, prompt, c, weight, &prompt_mean, &wanted);
            g_assert_cmpfloat (guided, >, 1.01 * wanted);
            g_assert_cmpfloat_with_epsilon (mean, guided_mean, 1e-4 * guided);
            g_assert_cmpfloat_with_epsilon (deviation, r * wanted + (1 - r) * guided, 1e-4 * guided);
          }
      }
  memcpy (out, base, sizeof (out)); /* nothing to be moved */
  moa_guidance (schedule, 500, 3, 1, z, base, out, PIXELS, CHANNELS);
  g_assert_cmpmem (out, sizeof (out), base, sizeof (base));
  moa_schedule_free (schedule);
}

int
main (int argc, char **argv)
{
  static const Run ddim[] = {
    { "ddim", MOA_SPACING_LEADING, 10 },         { "ddim", MOA_SPACING_LEADING, 20 },
    { "ddim", MOA_SPACING_LEADING, 50 },         { "ddim_trailing", MOA_SPACING_TRAILING, 10 },
    { "ddim_inverse", MOA_SPACING_LEADING, 10 }, { "ddim_inverse", MOA_SPACING_LEADING, 20 },
    { "ddim_inverse", MOA_SPACING_LEADING, 50 },
  };
  static const Run unipc[] = {
    { "unipc", MOA_SPACING_LINSPACE, 5 },         { "unipc", MOA_SPACING_LINSPACE, 10 },
    { "unipc", MOA_SPACING_LINSPACE, 20 },        { "unipc", MOA_SPACING_LINSPACE, 50 },
    { "unipc_leading", MOA_SPACING_LEADING, 10 }, { "unipc_leading", MOA_SPACING_LEADING, 20 },
  };
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sample/schedule", test_schedule);
  for (gsize i = 0; i < G_N_ELEMENTS (ddim); i++)
    {
      g_autofree char *path = g_strdup_printf ("/sample/%s/%d", ddim[i].name, ddim[i].steps);
      g_test_add_data_func (path, &ddim[i], test_ddim);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (unipc); i++)
    {
      g_autofree char *path = g_strdup_printf ("/sample/%s/%d", unipc[i].name, unipc[i].steps);
      g_test_add_data_func (path, &unipc[i], test_unipc);
    }
  g_test_add_func ("/sample/round-trip", test_round_trip);
  g_test_add_func ("/sample/fixed-point", test_fixed_point);
  g_test_add_data_func ("/sample/known-x0/epsilon", GINT_TO_POINTER (FALSE), test_known_x0);
  g_test_add_data_func ("/sample/known-x0/v", GINT_TO_POINTER (TRUE), test_known_x0);
  g_test_add_func ("/sample/spacing", test_spacing);
  g_test_add_func ("/sample/all-steps", test_all_steps);
  g_test_add_func ("/sample/many-steps", test_many_steps);
  g_test_add_func ("/sample/guidance", test_guidance);
  return g_test_run ();
}
