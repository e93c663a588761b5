/* The runner: progress and live maps arrive in the main thread, in order; cancel; abandon. */
#include "runner.h"
#include "screen.h"

typedef struct {
  GThread *main;
  int n_steps;       /* that the work takes */
  gint started, freed;
  int seen, last_step, n_maps, done;
  float last_value;
  int result;
  GQuark domain;
} Work;

static gpointer
work (const MoaRun *run, gpointer data, GError **error)
{
  Work *w = data;
  MoaImage *map = moa_image_new (2, 2, 1);

  g_assert_true (g_thread_self () != w->main);
  g_atomic_int_set (&w->started, TRUE);
  for (int step = 0; step < w->n_steps; step++)
    {
      MoaRouterMaps maps = { .step = step, .timestep = 1000 - step, .layers = &map, .n_layers = 1 };
      MoaProgress progress = { .phase = MOA_PHASE_GENERATE, .step = step, .n_steps = w->n_steps,
                               .maps = run->live ? &maps : NULL };

      map->data[3] = step;
      run->progress (&progress, run->progress_data);
      if (g_cancellable_set_error_if_cancelled (run->cancellable, error))
        {
          moa_image_free (map);
          return NULL;
        }
      g_usleep (2000);
    }
  moa_image_free (map);
  return g_new0 (int, 1);
}

static void
on_progress (const MoaProgress *progress, gpointer data)
{
  Work *w = data;

  g_assert_true (g_thread_self () == w->main);
  g_assert_cmpint (progress->step, >=, w->last_step);
  w->last_step = progress->step;
  w->seen++;
  if (progress->maps)
    {
      g_assert_cmpfloat (progress->maps->layers[0]->data[3], ==, progress->step);
      w->n_maps++;
    }
}

static void
on_done (gpointer result, const GError *error, gpointer data)
{
  Work *w = data;

  g_assert_true (g_thread_self () == w->main);
  w->done++;
  w->result = result != NULL;
  w->domain = error ? error->domain : 0;
  g_free (result);
}

static void
count_free (gpointer result)
{
  g_free (result);
}

static void
wait_done (Work *w)
{
  for (int i = 0; i < 100 && !w->done; i++)
    screen_wait (50);
  g_assert_cmpint (w->done, ==, 1);
}

static void
test_live (void)
{
  Work w = { .main = g_thread_self (), .n_steps = 30 };
  RunnerJob job = { work, &w, on_progress, on_done, &w };
  MoaRun run = { .live = TRUE };

  runner_start (&job, &run);
  wait_done (&w);
  g_assert_true (w.result);
  g_assert_cmpint (w.n_maps, ==, 30); /* each step's */
  g_assert_cmpint (w.last_step, ==, 29);
}

static void
test_cancel (void)
{
  Work w = { .main = g_thread_self (), .n_steps = 100000 };
  RunnerJob job = { work, &w, on_progress, on_done, &w };
  Runner *runner = runner_start (&job, NULL);

  screen_wait (150);
  g_assert_cmpint (w.done, ==, 0);

  gint64 start = g_get_monotonic_time ();

  runner_cancel (runner);
  wait_done (&w);
  g_assert_cmpfloat ((g_get_monotonic_time () - start) * 1e-6, <, 1);
  g_assert_false (w.result);
  g_assert_cmpint (w.domain, ==, G_IO_ERROR);
}

static void
test_abandon (void)
{
  Work w = { .main = g_thread_self (), .n_steps = 5 };
  RunnerJob job = { work, &w, on_progress, on_done, &w };
  Runner *runner = runner_start (&job, NULL);

  g_usleep (100000); /* its result is there, but nobody has been told */
  runner_abandon (runner, count_free);
  runner_abandon (NULL, count_free);
  w.n_steps = 100000;
  runner_abandon (runner_start (&job, NULL), count_free);
  screen_wait (250);
  g_assert_cmpint (w.done, ==, 0);
}

int
main (int argc, char **argv)
{
  screen_init (&argc, &argv);
  g_test_add_func ("/ui/runner/live", test_live);
  g_test_add_func ("/ui/runner/cancel", test_cancel);
  g_test_add_func ("/ui/runner/abandon", test_abandon);
  return g_test_run ();
}
