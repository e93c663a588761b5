/* The gradient of a weight in panels: dW[k x n] = X^T dY, with X's rows as they
 * lie in memory or gathered (convolution), dY copied panel by panel into the
 * first-level cache with its last panel filled up with zeros.
 *
 * Whatever the threads' timing, each number is summed in the same order. */
#ifndef MOA_WEIGHT_GRAD_H
#define MOA_WEIGHT_GRAD_H

#include "ops/cpu/gemm.h"
#include "ops/scratch.h"

typedef struct {
  const real *x, *dy;  /* rows of k and of n numbers; x NULL: gather them */
  /* Columns k0 .. k0+k-1 of X's row. */
  void (*gather) (gconstpointer from, gsize row, gsize k0, gsize k, real *out);
  gconstpointer from;
  real *dw;
  gsize m, n, k;
  real *scratch;
  MoaWeightParts parts;
  gsize size;          /* of dw */
  real *partial;       /* sums of the row parts but the first: [m_parts - 1][size] */
  int n_tasks;         /* that add them up */
} WeightGrad;

/* rows x n numbers of dY, ldy apart -> [rows][PANEL], zeros behind n. */
static inline void
pack_panel (const real *dy, gsize ldy, gsize rows, gsize n, real *to)
{
  if (n >= PANEL)
    for (gsize r = 0; r < rows; r++)
      {
        save (to + r * PANEL, load (dy + r * ldy));
        save (to + r * PANEL + VL, load (dy + r * ldy + VL));
      }
  else
    for (gsize r = 0; r < rows; r++)
      {
        memcpy (to + r * PANEL, dy + r * ldy, n * sizeof (real));
        memset (to + r * PANEL + n, 0, (PANEL - n) * sizeof (real));
      }
}

/* The block of X's rows: where it lies, or a copy. */
static const real *
weight_grad_rows (const WeightGrad *g, gsize row, gsize rows, gsize k0, gsize k, real *copy,
                  gsize *lda)
{
  *lda = g->k;
  if (g->x && !moa_unkind_stride (g->k * sizeof (real)))
    return g->x + row * g->k + k0;
  *lda = MOA_BLOCK_STRIDE;
  for (gsize r = 0; r < rows; r++)
    if (g->x)
      memcpy (copy + r * MOA_BLOCK_STRIDE, g->x + (row + r) * g->k + k0, k * sizeof (real));
    else
      g->gather (g->from, row + r, k0, k, copy + r * MOA_BLOCK_STRIDE);
  return copy;
}

static void
weight_grad_task (gpointer data, int task, int thread)
{
  const WeightGrad *g = data;
  gsize part = task / (g->parts.k_parts * g->parts.n_parts);
  gsize k_part = task / g->parts.n_parts % g->parts.k_parts, n_part = task % g->parts.n_parts;
  gsize m0, m1, k0, k1, p0, p1;
  task_range (g->m, part, g->parts.m_parts, &m0, &m1);
  task_range ((g->k + ROWS - 1) / ROWS, k_part, g->parts.k_parts, &k0, &k1);
  task_range ((g->n + PANEL - 1) / PANEL, n_part, g->parts.n_parts, &p0, &p1);
  k0 *= ROWS;
  k1 = MIN (k1 * ROWS, g->k);

  real *copy = g->scratch + (gsize) thread * MOA_BLOCK_ROWS * (MOA_BLOCK_STRIDE + PANEL);
  real *panel = copy + MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE;
  real *dw = part == 0 ? g->dw : g->partial + (part - 1) * g->size;
  for (gsize row = m0; row < m1; row += MOA_BLOCK_ROWS)
    {
      gsize rows = MIN (MOA_BLOCK_ROWS, m1 - row), lda;
      const real *a = weight_grad_rows (g, row, rows, k0, k1 - k0, copy, &lda);
      for (gsize p = p0; p < p1; p++)
        {
          gsize rest = g->n - p * PANEL;
          pack_panel (g->dy + row * g->n + p * PANEL, g->n, rows, rest, panel);
          /* A last panel that is half empty is half the work. */
          if (rest <= VL && row == m0)
            memset (dw + (p * g->k + k0) * PANEL, 0, (k1 - k0) * PANEL * sizeof (real));
          for (gsize k = k0; k < k1; k += ROWS)
            {
              real *c = dw + (p * g->k + k) * PANEL;
              gemm_tile_turned (MIN (ROWS, k1 - k), a + k - k0, lda, panel, rows, c, PANEL,
                                rest <= VL ? VL : PANEL, row > m0 ? c : NULL, PANEL);
            }
        }
    }
}

static void
weight_grad_sum_task (gpointer data, int task, int thread)
{
  const WeightGrad *g = data;
  gsize first, end;
  task_range (g->size / PANEL, task, g->n_tasks, &first, &end);
  for (gsize part = 0; part + 1 < g->parts.m_parts; part++)
    for (gsize i = first * PANEL; i < end * PANEL; i++)
      g->dw[i] += g->partial[part * g->size + i];
}

static void
run_weight_grad (WeightGrad *g, MoaCpu *cpu)
{
  g->parts = moa_weight_parts (g->m, g->n, g->k, cpu);
  g->size = moa_panels_count (g->n, g->k, cpu);
  g->partial = g->scratch +
               (gsize) moa_cpu_threads (cpu) * MOA_BLOCK_ROWS * (MOA_BLOCK_STRIDE + PANEL);
  moa_cpu_parallel (cpu, g->parts.k_parts * g->parts.n_parts * g->parts.m_parts, weight_grad_task,
                    g);
  if (g->parts.m_parts == 1)
    return;
  g->n_tasks = task_count (cpu, g->size / PANEL, 1. * g->size * g->parts.m_parts);
  moa_cpu_parallel (cpu, g->n_tasks, weight_grad_sum_task, g);
}

#endif
