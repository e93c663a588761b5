/* Measures the peak, see peak.h: the best of some short runs on all threads. */
#include "ops/peak.h"

#include "ops/kernels.h"

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

double
moa_measure_peak (MoaCpu *cpu)
{
#ifdef MOA_HAVE_X86_KERNELS
  static const PeakFunc funcs[] = { moa_peak_base, moa_peak_avx2, moa_peak_avx512, moa_peak_f64 };
#else
  static const PeakFunc funcs[] = { moa_peak_base, NULL, NULL, moa_peak_f64 };
#endif
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
