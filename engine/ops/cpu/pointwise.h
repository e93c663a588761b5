/* What ops that look at each row by itself share. */
#ifndef MOA_POINTWISE_H
#define MOA_POINTWISE_H

#include "ops/cpu/kernel.h"

/* n rows of `width` numbers, in n_tasks parts. */
typedef struct {
  const MoaTensor *t;
  gsize n, width;
  int n_tasks;
} Rows;

static void
run_rows (const MoaTensor *t, MoaCpu *cpu, gsize n, gsize width, double cost, MoaTaskFunc func)
{
  Rows rows = { t, n, width, task_count (cpu, n, cost * n * width) };
  moa_cpu_parallel (cpu, rows.n_tasks, func, &rows);
}

#endif
