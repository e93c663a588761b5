/* Sums over some dimensions.  Each result is one task's, in a fixed order; 64 numbers are added in
 * `real`, those sums in double. */
#include "ops/cpu/kernel.h"

#define CHUNK 64
#define COLUMNS 64

/* Neighbouring dimensions that are both kept or both summed count as one. */
typedef struct {
  gsize size, step;
} Axis;

typedef struct {
  const real *x;
  real *y;
  Axis kept[MOA_MAX_DIMS], summed[MOA_MAX_DIMS];
  int n_kept, n_summed;
  gsize runs, terms;     /* results, or runs of them; what is summed for each */
  gsize width;           /* the last dimension's size */
  gboolean last_kept;    /* a run of results is `width` numbers, else a term is */
  gsize blocks;
  int n_tasks;
} Reduce;

static gsize
offset_of (const Axis *axes, int n, gsize i)
{
  gsize offset = 0;
  for (int k = n - 1; k >= 0; k--)
    {
      offset += i % axes[k].size * axes[k].step;
      i /= axes[k].size;
    }
  return offset;
}

static gsize
axes_count (const Axis *axes, int n)
{
  gsize count = 1;
  for (int k = 0; k < n; k++)
    count *= axes[k].size;
  return count;
}

static void
sum_columns (const Reduce *r, const real *x, gsize n, real *y)
{
  double sum[COLUMNS] = { 0 };
  for (gsize first = 0; first < r->terms; first += CHUNK)
    {
      real part[COLUMNS] = { 0 };
      for (gsize i = first; i < MIN (first + CHUNK, r->terms); i++)
        {
          const real *row = x + offset_of (r->summed, r->n_summed, i);
          for (gsize c = 0; c < n; c++)
            part[c] += row[c];
        }
      for (gsize c = 0; c < n; c++)
        sum[c] += part[c];
    }
  for (gsize c = 0; c < n; c++)
    y[c] = sum[c];
}

static double
sum_run (const real *x, gsize n)
{
  double sum = 0;
  gsize i = 0;
  while (i + VL <= n)
    {
      vec part = { 0 };
      for (gsize end = MIN (i + CHUNK * VL, n); i + VL <= end; i += VL)
        part += load (x + i);
      for (int l = 0; l < VL; l++)
        sum += part[l];
    }
  for (; i < n; i++)
    sum += x[i];
  return sum;
}

static void
reduce_task (gpointer data, int task, int thread)
{
  const Reduce *r = data;
  gsize first, end;
  task_range (r->runs * r->blocks, task, r->n_tasks, &first, &end);
  for (gsize i = first; i < end; i++)
    {
      gsize run = i / r->blocks, c = i % r->blocks * COLUMNS;
      const real *x = r->x + offset_of (r->kept, r->n_kept, run);
      if (r->last_kept)
        {
          sum_columns (r, x + c, MIN (COLUMNS, r->width - c), r->y + run * r->width + c);
          continue;
        }
      double sum = 0;
      for (gsize k = 0; k < r->terms; k++)
        sum += sum_run (x + offset_of (r->summed, r->n_summed, k), r->width);
      r->y[run] = sum;
    }
}

void
KERNEL (reduce) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaShape *x = &t->in[0]->shape, *y = &t->shape;
  Reduce r = { .x = t->in[0]->data, .y = t->data };
  gsize step = 1;
  int shift = x->rank - y->rank;
  gboolean kept = FALSE, any = FALSE;
  Axis axes[MOA_MAX_DIMS];
  gboolean axis_kept[MOA_MAX_DIMS];
  int n = 0;
  /* From the last dimension to the first, dimensions of 1 left out. */
  for (int i = x->rank - 1; i >= 0; step *= x->dim[i], i--)
    {
      if (x->dim[i] == 1)
        continue;
      gboolean keep = i >= shift && y->dim[i - shift] > 1;
      if (any && keep == kept)
        axes[n - 1].size *= x->dim[i];
      else
        {
          axis_kept[n] = keep;
          axes[n++] = (Axis){ x->dim[i], step };
        }
      kept = keep;
      any = TRUE;
    }
  r.last_kept = n == 0 || axis_kept[0];
  r.width = n == 0 ? 1 : axes[0].size;
  for (int k = n - 1; k > 0; k--)
    if (axis_kept[k])
      r.kept[r.n_kept++] = axes[k];
    else
      r.summed[r.n_summed++] = axes[k];
  r.runs = axes_count (r.kept, r.n_kept);
  r.terms = axes_count (r.summed, r.n_summed);
  r.blocks = r.last_kept ? (r.width + COLUMNS - 1) / COLUMNS : 1;
  r.n_tasks = task_count (cpu, r.runs * r.blocks, count_of (t->in[0]));
  moa_cpu_parallel (cpu, r.n_tasks, reduce_task, &r);
}
