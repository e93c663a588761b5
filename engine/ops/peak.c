/* Measures the peak, see peak.h: the best of some short runs on all threads; on a card, of a product
 * large enough to fill it. */
#include "ops/peak.h"

#include "ops/kernels.h"
#include "ops/ops.h"

typedef double (*PeakFunc) (gsize rounds, double *sink);

#define ROUNDS 2000000

typedef struct {
  PeakFunc func;
  double *operations, *sink;  /* of each task */
} Peak;

static void
peak_task (gpointer data, int task, int thread)
{
  const Peak *peak = data;
  peak->operations[task] = peak->func (ROUNDS, &peak->sink[task]);
}

/* Seconds of y = x W^T with all sides n, the best of three; below 0: it could not be run. */
static double
product_seconds (MoaCpu *cpu, gint64 n)
{
  MoaParams *params = moa_params_new_on (NULL, moa_cpu_device (cpu));
  MoaWorkspace *workspace = moa_workspace_new ();
  MoaGraph *g = moa_graph_new (cpu);
  MoaTensor *x = moa_graph_input (g, "x", MOA_SHAPE (n, n), MOA_EACH_RUN);
  /* Once more, so that the product is of the card's own type. */
  x = moa_scale (g, x, 1, 0);
  MoaTensor *y = moa_linear (g, x, moa_graph_param (g, params, "w", MOA_SHAPE (n, n), MOA_PANELS),
                             NULL, NULL);
  moa_graph_output (y);
  double best = -1, seconds = 0;
  if (moa_graph_plan (g, NULL) && moa_params_load (params, 0, NULL, NULL)
      && moa_graph_prepare (g, workspace, NULL))
    for (int run = 0; run < 4 && seconds >= 0; run++)
      {
        gint64 start = g_get_monotonic_time ();
        seconds = moa_graph_run (g, NULL, NULL) ? (g_get_monotonic_time () - start) * 1e-6 : -1;
        if (run > 0 && seconds > 0 && (best < 0 || seconds < best))
          best = seconds;
      }
  moa_graph_free (g);
  moa_workspace_free (workspace);
  moa_params_free (params);
  return best;
}

static double
measure_card (MoaCpu *cpu)
{
  double best = 0, seconds = 0;
  for (gint64 n = 256; n <= 8192 && seconds >= 0 && seconds < 0.01; n *= 2)
    {
      seconds = product_seconds (cpu, n);
      if (seconds > 0)
        best = MAX (best, 2. * n * n * n / seconds);
    }
  return MAX (best, 1);
}

double
moa_measure_peak (MoaCpu *cpu)
{
#ifdef MOA_HAVE_X86_KERNELS
  static const PeakFunc funcs[] = { moa_peak_base, moa_peak_avx2, moa_peak_avx512, moa_peak_f64 };
#else
  static const PeakFunc funcs[] = { moa_peak_base, NULL, NULL, moa_peak_f64 };
#endif
  if (moa_cpu_isa (cpu) == MOA_ISA_CUDA)
    return measure_card (cpu);
  int n = moa_cpu_threads (cpu);
  g_autofree double *operations = g_new0 (double, n), *sink = g_new0 (double, n);
  Peak peak = { funcs[moa_cpu_isa (cpu)], operations, sink };
  double best = 0;
  for (int run = 0; run < 5; run++)
    {
      gint64 start = g_get_monotonic_time ();
      moa_cpu_parallel (cpu, n, peak_task, &peak);
      double seconds = (g_get_monotonic_time () - start) * 1e-6, sum = 0;
      for (int i = 0; i < n; i++)
        sum += operations[i];
      best = MAX (best, sum / seconds);
    }
  return best;
}
