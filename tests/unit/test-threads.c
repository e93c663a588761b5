/* The threads that run kernels: every task once, each by a thread that nobody else is. */
#include <stdatomic.h>
#include <string.h>

#include "device/cpu.h"

typedef struct {
  atomic_int *done;
  atomic_int busy[8];
  int threads;
} Job;

static void
job_task (gpointer data, int task, int thread)
{
  Job *job = data;
  g_assert_cmpint (thread, >=, 0);
  g_assert_cmpint (thread, <, job->threads);
  /* Nobody else may be using this thread's scratch memory. */
  g_assert_cmpint (atomic_exchange (&job->busy[thread], 1), ==, 0);
  atomic_fetch_add (&job->done[task], 1);
  for (volatile int i = 0; i < task % 50; i++)
    ;
  atomic_store (&job->busy[thread], 0);
}

static void
test_threads (gconstpointer data)
{
  enum { MOST = 300, ROUNDS = 3000 };
  Job job = { .threads = GPOINTER_TO_INT (data) };
  MoaCpu *cpu = moa_cpu_new (MOA_ISA_BASE, job.threads);
  g_assert_cmpint (moa_cpu_threads (cpu), ==, job.threads);
  g_autofree atomic_int *done = g_new0 (atomic_int, MOST);
  g_autoptr (GRand) rand = g_rand_new_with_seed (job.threads);
  job.done = done;
  for (int round = 0; round < ROUNDS; round++)
    {
      int n = g_rand_int_range (rand, 0, round % 10 ? 12 : MOST);
      memset (done, 0, MOST * sizeof (*done));
      moa_cpu_parallel (cpu, n, job_task, &job);
      for (int i = 0; i < MOST; i++)
        g_assert_cmpint (done[i], ==, i < n);
      if (round % 500 == 0)
        g_usleep (2000); /* long enough for the others to fall asleep */
    }
  moa_cpu_free (cpu);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int n = 1; n <= 8; n++)
    {
      g_autofree char *path = g_strdup_printf ("/threads/%d", n);
      g_test_add_data_func (path, GINT_TO_POINTER (n), test_threads);
    }
  return g_test_run ();
}
