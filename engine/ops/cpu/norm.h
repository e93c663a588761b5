/* What the norms and their gradients share.  Mean and variance in two passes,
 * sums of many pixels gathered in double. */
#ifndef MOA_NORM_H
#define MOA_NORM_H

#include "ops/cpu/vmath.h"

#define CHUNK 64  /* pixels or rows whose sum stays in `real` */

typedef struct {
  const MoaTensor *t;
  gsize items, pixels, channels;
  gsize groups, size;  /* group norm: channels of a group */
  real eps;
  gboolean silu;
  int n_tasks;         /* group norm: tasks of an item; layer norm: all */
} Norm;

static inline Norm
group_norm_of (const MoaTensor *t, MoaCpu *cpu)
{
  const MoaTensor *x = t->in[0];
  Norm g = { .t = t, .items = x->shape.dim[0], .channels = last_of (x), .groups = t->attr.i[0],
             .silu = t->attr.i[1], .eps = t->attr.f[0] };
  g.size = g.channels / g.groups;
  g.pixels = count_of (x) / g.items / g.channels;
  int n = task_count (cpu, g.groups * g.items, 8. * count_of (x));
  g.n_tasks = CLAMP ((n + (int) g.items - 1) / (int) g.items, 1, (int) g.groups);
  return g;
}

/* Channels done at a time: whole groups, 1024 or one group. */
static inline gsize
norm_step (const Norm *g)
{
  return MAX (1, 1024 / g->size) * g->size;
}

/* The channels of a task. */
static inline void
norm_range (const Norm *g, int task, gsize *first, gsize *end)
{
  task_range (g->groups, task % g->n_tasks, g->n_tasks, first, end);
  *first *= g->size;
  *end *= g->size;
}

/* Adds x, or (x - shift)^2 if square, of n pixels and VL channels to sums. */
static inline void
add_column (const real *x, gsize n, gsize stride, gsize width, vec shift, gboolean square,
            double *sums)
{
  vec part[4] = { { 0 }, { 0 }, { 0 }, { 0 } };
  for (gsize i = 0; i < n; i += 4)
#pragma GCC unroll 4
    for (gsize j = 0; j < 4; j++)
      if (i + j < n)
        {
          vec d = load_some (x + (i + j) * stride, width) - shift;
          if (square)
            d *= d;
          part[j] += d;
        }
  part[0] = (part[0] + part[1]) + (part[2] + part[3]);
  for (int l = 0; l < VL; l++)
    sums[l] += part[0][l];
}

/* Per group, the mean of x (shift NULL) or of (x - shift)^2 for n channels; each channel gets its
 * group's. */
static inline void
group_means (const Norm *g, const real *x, gsize n, const real *shift, double *means)
{
  for (gsize c = 0; c < n; c += VL)
    {
      gsize width = MIN (VL, n - c);
      vec s = { 0 };
      if (shift)
        s = load_some (shift + c, width);
      double sums[VL] = { 0 };
      for (gsize p = 0; p < g->pixels; p += CHUNK)
        add_column (x + p * g->channels + c, MIN (CHUNK, g->pixels - p), g->channels, width, s,
                    shift != NULL, sums);
      for (gsize l = 0; l < width; l++)
        means[c + l] = sums[l];
    }
  for (gsize c = 0; c < n; c += g->size)
    {
      double sum = 0;
      for (gsize i = c; i < c + g->size; i++)
        sum += means[i];
      for (gsize i = c; i < c + g->size; i++)
        means[i] = sum / ((double) g->size * g->pixels);
    }
}

/* For n channels from x on, the mean of each one's group and 1 / its deviation. */
static inline void
group_stats (const Norm *g, const real *x, gsize n, real *mean, real *inverse)
{
  g_autofree double *means = g_new (double, n);
  group_means (g, x, n, NULL, means);
  for (gsize c = 0; c < n; c++)
    mean[c] = means[c];
  group_means (g, x, n, mean, means);
  for (gsize c = 0; c < n; c++)
    inverse[c] = 1 / sqrt (means[c] + g->eps);
}

/* The same for a row of n. */
static inline void
row_stats (const real *x, gsize n, real eps, real *mean, real *inverse)
{
  gsize full = n / VL * VL;
  vec sum = { 0 };
  for (gsize c = 0; c < full; c += VL)
    sum += load (x + c);
  if (full < n)
    sum += load_part (x + full, n - full);
  *mean = vec_sum (sum) / n;
  sum = (vec){ 0 };
  for (gsize c = 0; c < full; c += VL)
    {
      vec d = load (x + c) - splat (*mean);
      sum += d * d;
    }
  real variance = vec_sum (sum);
  for (gsize c = full; c < n; c++)
    variance += (x[c] - *mean) * (x[c] - *mean);
  *inverse = 1 / R (sqrt) (variance / n + eps);
}

#endif
