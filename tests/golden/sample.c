/* Golden tests of the samplers; see sample.h. */
#include "sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sample/ddim.h"
#include "sample/unipc.h"

MoaSchedule *
sample_schedule (const Golden *golden, GError **error)
{
  MoaScheduleConfig config;
  g_autofree char *path = golden_path (golden, "scheduler", "scheduler_config.json");
  if (!moa_schedule_config_read (path, &config, error))
    return NULL;
  return moa_schedule_new (&config);
}

void
samples_clear (Samples *samples)
{
  g_free (samples->timesteps);
  g_free (samples->latents);
  g_free (samples->sigmas);
}

static gboolean
run_ddim (const SampleSpec *spec, const int *timesteps, float *z, float *eps, Samples *samples,
          GError **error)
{
  for (int i = 0; i < spec->steps; i++)
    {
      if (!spec->predict (spec->data, z, timesteps[i], eps, error))
        return FALSE;
      moa_ddim_step (spec->schedule, spec->steps, timesteps[i], z, eps, spec->n);
      samples->timesteps[i] = timesteps[i];
      memcpy (samples->latents + i * spec->n, z, spec->n * sizeof (float));
    }
  return TRUE;
}

static gboolean
run_inverse (const SampleSpec *spec, const int *timesteps, float *z, float *eps, Samples *samples,
             GError **error)
{
  for (int i = 0; i < spec->steps; i++)
    {
      int t = timesteps[spec->steps - 1 - i];
      float *next = samples->latents + i * spec->n;
      if (!spec->predict (spec->data, z, t, eps, error))
        return FALSE;
      moa_ddim_invert_step (spec->schedule, spec->steps, t, z, eps, next, spec->n);
      memcpy (z, next, spec->n * sizeof (float));
      samples->timesteps[i] = t;
    }
  return TRUE;
}

static gboolean
run_unipc (const SampleSpec *spec, MoaUnipc *unipc, float *z, float *eps, Samples *samples,
           GError **error)
{
  samples->sigmas = g_new (float, spec->steps + 1);
  for (int i = 0; i <= spec->steps; i++)
    samples->sigmas[i] = moa_unipc_sigma (unipc, i);
  for (int i = 0; i < spec->steps; i++)
    {
      int t = moa_unipc_timestep (unipc, i);
      if (!spec->predict (spec->data, z, t, eps, error))
        return FALSE;
      moa_unipc_step (unipc, z, eps);
      samples->timesteps[i] = t;
      memcpy (samples->latents + i * spec->n, z, spec->n * sizeof (float));
    }
  return TRUE;
}

gboolean
sample_run (const SampleSpec *spec, const float *start, Samples *samples, GError **error)
{
  g_autofree float *z = g_memdup2 (start, spec->n * sizeof (float));
  g_autofree float *eps = g_new (float, spec->n);
  samples->timesteps = g_new0 (float, spec->steps);
  samples->latents = g_new0 (float, spec->steps * spec->n);
  gboolean is_unipc = g_str_has_prefix (spec->method, "unipc");
  MoaSpacing spacing = is_unipc ? MOA_SPACING_LINSPACE : MOA_SPACING_LEADING;
  if (g_str_has_suffix (spec->method, "_leading"))
    spacing = MOA_SPACING_LEADING;
  else if (g_str_has_suffix (spec->method, "_trailing"))
    spacing = MOA_SPACING_TRAILING;
  if (is_unipc)
    {
      MoaUnipc *unipc = moa_unipc_new (spec->schedule, spacing, spec->steps, spec->n);
      gboolean ok = run_unipc (spec, unipc, z, eps, samples, error);
      moa_unipc_free (unipc);
      return ok;
    }
  g_autofree int *timesteps = g_new (int, spec->steps);
  moa_ddim_timesteps (spec->schedule, spacing, spec->steps, timesteps);
  gboolean inverse = g_str_has_suffix (spec->method, "_inverse");
  return (inverse ? run_inverse : run_ddim) (spec, timesteps, z, eps, samples, error);
}

/* meta.eps: eps (x, t) = x / (1 + |x|) + 0.05 * (t / 1000) */
static gboolean
synthetic_eps (gpointer data, const float *z, int t, float *eps, GError **error)
{
  gsize n = *(const gsize *) data;
  for (gsize i = 0; i < n; i++)
    eps[i] = z[i] / (1 + fabsf (z[i])) + 0.05f * (t / 1000.0f);
  return TRUE;
}

/* METHOD.STEPS.latents, .timesteps and .sigmas */
static gboolean
check_method (Fixture *f, const MoaSchedule *schedule, const char *latents, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (latents, ".", 3);
  MoaShape shape = fixture_shape (f, "start");
  gsize n = moa_shape_count (&shape);
  gint64 c = shape.dim[3];
  g_autofree float *start = fixture_read (f, "start");
  SampleSpec spec = { schedule, parts[0], atoi (parts[1]), n, synthetic_eps, &n };
  g_auto (Samples) samples = { NULL };
  if (!sample_run (&spec, start, &samples, error))
    return FALSE;
  fixture_check (f, latents, samples.latents, spec.steps, n / c, c);
  g_autofree char *times = g_strdup_printf ("%s.%s.timesteps", parts[0], parts[1]);
  fixture_check (f, times, samples.timesteps, 1, 1, spec.steps);
  g_autofree char *sigmas = g_strdup_printf ("%s.%s.sigmas", parts[0], parts[1]);
  if (samples.sigmas)
    fixture_check (f, sigmas, samples.sigmas, 1, 1, spec.steps + 1);
  return TRUE;
}

static void
check_noise (Fixture *f, const MoaSchedule *schedule)
{
  g_autofree float *clean = fixture_read (f, "clean"), *noise = fixture_read (f, "noise");
  g_autofree float *t = fixture_read (f, "t");
  MoaShape shape = fixture_shape (f, "clean");
  gint64 b = shape.dim[0], n = moa_shape_count (&shape) / b, c = shape.dim[3];
  g_autofree float *out = g_new (float, b * n);
  for (gint64 i = 0; i < b; i++)
    moa_schedule_add_noise (schedule, t[i], clean + i * n, noise + i * n, out + i * n, n);
  fixture_check (f, "add_noise", out, b, n / c, c);
}

gboolean
golden_schedulers (const Golden *golden, Fixture *f, GError **error)
{
  g_autoptr (MoaSchedule) schedule = sample_schedule (golden, error);
  if (!schedule)
    return FALSE;
  fixture_check (f, "alphas_cumprod", schedule->abar, 1, 1, schedule->n);
  fixture_skip (f, "betas", "the engine keeps only what they multiply to");
  check_noise (f, schedule);
  g_auto (GStrv) outputs = fixture_outputs (f, "");
  for (int i = 0; outputs[i]; i++)
    if (g_str_has_suffix (outputs[i], ".latents") &&
        !check_method (f, schedule, outputs[i], error))
      return FALSE;
  return TRUE;
}
