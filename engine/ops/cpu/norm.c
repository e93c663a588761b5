/* Group norm and layer norm.  Mean and variance in two passes, sums of many
 * pixels gathered in double. */
#include "ops/cpu/vmath.h"

typedef struct {
  const MoaTensor *t;
  gsize items, pixels, channels, groups;
  real eps;
  gboolean silu;
  int n_tasks;      /* group norm: tasks of an item; layer norm: all */
} Norm;

#define CHUNK 64    /* pixels whose sum stays in `real` */
#define COLUMNS 64  /* channels summed side by side */

/* Adds sum over pixels of (x - shift)^power per channel to sums, n <= COLUMNS channels. */
static void
sum_columns (const real *x, gsize stride, gsize pixels, gsize n, const real *shift, int power,
             double *sums)
{
  for (gsize p0 = 0; p0 < pixels; p0 += CHUNK)
    {
      real part[COLUMNS] = { 0 };
      gsize end = MIN (pixels, p0 + CHUNK);
      for (gsize p = p0; p < end; p++)
        {
          const real *row = x + p * stride;
          if (power == 1)
            for (gsize c = 0; c < n; c++)
              part[c] += row[c];
          else
            for (gsize c = 0; c < n; c++)
              part[c] += (row[c] - shift[c]) * (row[c] - shift[c]);
        }
      for (gsize c = 0; c < n; c++)
        sums[c] += part[c];
    }
}

/* One channel block's share of each group's sum. */
static void
sum_groups (const Norm *g, const real *x, gsize c0, gsize c1, const real *shift, int power,
            double *sums)
{
  gsize size = g->channels / g->groups;
  for (gsize c = c0; c < c1; c += COLUMNS)
    {
      gsize n = MIN (COLUMNS, c1 - c);
      double columns[COLUMNS] = { 0 };
      sum_columns (x + c, g->channels, g->pixels, n, shift ? shift + (c - c0) : NULL, power, columns);
      for (gsize i = 0; i < n; i++)
        sums[(c + i - c0) / size] += columns[i];
    }
}

static void
apply (const Norm *g, const real *x, real *y, gsize n, const real *scale, const real *offset)
{
  for (gsize p = 0; p < g->pixels; p++, x += g->channels, y += g->channels)
    {
      gsize c = 0;
      for (; c + VL <= n; c += VL)
        {
          vec v = load (x + c) * load (scale + c) + load (offset + c);
          save (y + c, g->silu ? vec_activate (MOA_ACT_SILU, v) : v);
        }
      if (c < n)
        {
          vec v = load_part (x + c, n - c) * load_part (scale + c, n - c) +
                  load_part (offset + c, n - c);
          save_part (y + c, g->silu ? vec_activate (MOA_ACT_SILU, v) : v, n - c);
        }
    }
}

/* Some groups of one item, at most 1024 channels at a time. */
static void
group_norm_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  gsize item = task / g->n_tasks, first, end, size = g->channels / g->groups;
  task_range (g->groups, task % g->n_tasks, g->n_tasks, &first, &end);
  const real *x = (const real *) g->t->in[0]->data + item * g->pixels * g->channels;
  real *y = (real *) g->t->data + item * g->pixels * g->channels;
  const real *gamma = g->t->in[1]->data, *beta = g->t->in[2]->data;
  gsize step = MAX (1, 1024 / size);
  for (gsize group = first; group < end; group += step)
    {
      gsize n_groups = MIN (step, end - group), c0 = group * size, n = n_groups * size;
      g_autofree double *sums = g_new0 (double, 2 * n_groups);
      g_autofree real *scale = g_new (real, 2 * n);
      real *offset = scale + n;
      sum_groups (g, x, c0, c0 + n, NULL, 1, sums);
      for (gsize c = 0; c < n; c++)
        offset[c] = sums[c / size] / ((double) size * g->pixels);
      sum_groups (g, x, c0, c0 + n, offset, 2, sums + n_groups);
      for (gsize c = 0; c < n; c++)
        {
          double variance = sums[n_groups + c / size] / ((double) size * g->pixels);
          scale[c] = gamma[c0 + c] / sqrt (variance + g->eps);
          offset[c] = beta[c0 + c] - offset[c] * scale[c];
        }
      apply (g, x + c0, y + c0, n, scale, offset);
    }
}

void
KERNEL (group_norm) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Norm g = { .t = t, .items = t->shape.dim[0], .channels = last_of (t), .groups = t->attr.i[0],
             .silu = t->attr.i[1], .eps = t->attr.f[0] };
  g.pixels = count_of (t) / g.items / g.channels;
  g.n_tasks = task_count (cpu, g.groups, 8. * count_of (t) / g.items);
  moa_cpu_parallel (cpu, g.items * g.n_tasks, group_norm_task, &g);
}

static void
layer_norm_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  const real *gamma = g->t->in[1]->data, *beta = g->t->in[2]->data;
  gsize first, end, n = g->channels, full = n / VL * VL;
  task_range (g->pixels, task, g->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *x = (const real *) g->t->in[0]->data + row * n;
      real *y = (real *) g->t->data + row * n;
      vec sum = { 0 };
      for (gsize c = 0; c < full; c += VL)
        sum += load (x + c);
      if (full < n)
        sum += load_part (x + full, n - full);
      real mean = vec_sum (sum) / n;
      sum = (vec){ 0 };
      for (gsize c = 0; c < full; c += VL)
        {
          vec d = load (x + c) - splat (mean);
          sum += d * d;
        }
      real variance = vec_sum (sum);
      for (gsize c = full; c < n; c++)
        variance += (x[c] - mean) * (x[c] - mean);
      real scale = 1 / R (sqrt) (variance / n + g->eps);
      for (gsize c = 0; c < full; c += VL)
        save (y + c, (load (x + c) - splat (mean)) * splat (scale) * load (gamma + c) + load (beta + c));
      for (gsize c = full; c < n; c++)
        y[c] = (x[c] - mean) * scale * gamma[c] + beta[c];
    }
}

void
KERNEL (layer_norm) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Norm g = { .t = t, .channels = last_of (t), .eps = t->attr.f[0] };
  g.pixels = count_of (t) / g.channels;
  g.n_tasks = task_count (cpu, g.pixels, 6. * count_of (t));
  moa_cpu_parallel (cpu, g.n_tasks, layer_norm_task, &g);
}
