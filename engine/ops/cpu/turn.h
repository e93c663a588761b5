/* Weights turned for the way back: panels of [taps][C][PANEL], the panels over
 * N, become panels of [taps][N][PANEL] over C, with the taps wanted in the
 * order wanted. */
#ifndef MOA_TURN_H
#define MOA_TURN_H

#include "ops/cpu/transpose.h"

typedef struct {
  const real *from;
  real *to;
  gsize n, channels, taps;    /* of from */
  gsize n_taps, tap_width;    /* of to: tap i is from's last_tap - i / tap_width * step_y */
  gsize last_tap, step_y, step_x;  /* - i % tap_width * step_x */
} Turn;

static void
turn_task (gpointer data, int task, int thread)
{
  const Turn *t = data;
  gsize c0 = task / t->n_taps * PANEL, i = task % t->n_taps;
  gsize tap = t->last_tap - i / t->tap_width * t->step_y - i % t->tap_width * t->step_x;
  real *to = t->to + task * t->n * PANEL;
  for (gsize n = 0; n < t->n; n += VL)
    {
      const real *from = t->from + (n / PANEL * t->taps + tap) * t->channels * PANEL + n % PANEL;
      for (gsize j = 0; j < PANEL; j += VL)
        {
          vec square[VL];
          for (gsize l = 0; l < VL; l++)
            square[l] = c0 + j + l < t->channels ? load (from + (c0 + j + l) * PANEL) : (vec){ 0 };
          transpose (square);
          for (gsize l = 0; l < MIN (VL, t->n - n); l++)
            save (to + (n + l) * PANEL + j, square[l]);
        }
    }
}

static void
run_turn (Turn *t, MoaCpu *cpu)
{
  gsize n_tasks = (t->channels + PANEL - 1) / PANEL * t->n_taps;
  if (task_count (cpu, n_tasks, 0.5 * t->n * t->channels * t->n_taps) > 1)
    moa_cpu_parallel (cpu, n_tasks, turn_task, t);
  else
    for (gsize i = 0; i < n_tasks; i++)
      turn_task (t, i, 0);
}

#endif
