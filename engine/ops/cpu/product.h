/* C = A B + bias + add with A and C dense row-major and B in panels, shared by
 * the threads: what linear and 1x1 convolution both are. */
#ifndef MOA_PRODUCT_H
#define MOA_PRODUCT_H

#include "ops/cpu/gemm.h"
#include "ops/scratch.h"

typedef struct {
  const real *a, *bias, *add;
  Packed b;          /* depth: set by run_product() */
  real *c;
  gsize m, n, k;
  real *scratch;
  gboolean by_rows;  /* tasks share the rows of A, else the panels of B */
  gboolean pack;     /* A's rows fall on the same cache sets: copy blocks of them */
  int n_tasks;
} Product;

static void
product_task (gpointer data, int task, int thread)
{
  const Product *p = data;
  gsize m0 = 0, m1 = p->m, n0 = 0, n1 = p->n;
  if (p->by_rows)
    {
      gsize first, end;
      task_range ((p->m + ROWS - 1) / ROWS, task, p->n_tasks, &first, &end);
      m0 = first * ROWS;
      m1 = MIN (end * ROWS, p->m);
    }
  else
    {
      gsize first, end;
      task_range ((p->n + PANEL - 1) / PANEL, task, p->n_tasks, &first, &end);
      n0 = first * PANEL;
      n1 = MIN (end * PANEL, p->n);
    }
  real *block = p->scratch + (gsize) thread * MOA_BLOCK_ROWS * MOA_BLOCK_STRIDE;
  for (gsize i = m0; i < m1; i += MOA_BLOCK_ROWS)
    for (gsize k0 = 0; k0 < p->k; k0 += DEPTH)
      {
        gsize rows = MIN (MOA_BLOCK_ROWS, m1 - i), depth = MIN (DEPTH, p->k - k0);
        const real *a = p->a + i * p->k + k0;
        gsize lda = p->k;
        if (p->pack)
          {
            for (gsize r = 0; r < rows; r++)
              memcpy (block + r * MOA_BLOCK_STRIDE, a + r * p->k, depth * sizeof (real));
            a = block;
            lda = MOA_BLOCK_STRIDE;
          }
        real *c = p->c + i * p->n + n0;
        const real *add = k0 ? c : p->add ? p->add + i * p->n + n0 : NULL;
        gemm_packed (rows, a, lda, &p->b, n0 / PANEL, k0, depth, n1 - n0, c, p->n,
                     k0 || !p->bias ? NULL : p->bias + n0, add, p->n);
      }
}

static void
run_product (Product *p, MoaCpu *cpu)
{
  gsize row_tiles = (p->m + ROWS - 1) / ROWS, panels = (p->n + PANEL - 1) / PANEL;
  p->b.depth = p->k;
  p->by_rows = row_tiles >= panels;
  p->pack = moa_unkind_stride (p->k * sizeof (real)) && p->m > 1;
  p->n_tasks = task_count (cpu, MAX (row_tiles, panels), 2. * p->m * p->n * p->k);
  moa_cpu_parallel (cpu, p->n_tasks, product_task, p);
}

#endif
