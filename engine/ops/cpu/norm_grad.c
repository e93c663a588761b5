/* The gradients of the norms.  With h = (x - mean) / deviation, z = gamma h + beta
 * and dz = dy (through SiLU: dy times its slope at z):
 *
 *   dgamma = sum dz h    dbeta = sum dz
 *   dx = (gamma dz - mean (gamma dz) - h mean (gamma dz h)) / deviation
 *
 * means over what was normed together.  Group norm's sums come first, with the
 * statistics, for dx needs them. */
#include "ops/cpu/norm.h"

/* Statistics and coefficients of some channels of an item. */
typedef struct {
  real *mean, *inverse;   /* of the group */
  real *scale, *offset;   /* z = x scale + offset */
  real *a, *b;            /* dx = scale dz + (x - mean) a + b */
  real *all;
} Columns;

static Columns
columns_new (gsize n)
{
  real *all = g_new (real, 6 * n);
  return (Columns){ all, all + n, all + 2 * n, all + 3 * n, all + 4 * n, all + 5 * n, all };
}

static void
columns_z (const Norm *g, Columns *k, gsize c0, gsize n)
{
  const real *gamma = g->t->in[1]->data, *beta = g->t->in[2]->data;
  for (gsize c = 0; c < n; c++)
    {
      k->scale[c] = gamma[c0 + c] * k->inverse[c];
      k->offset[c] = beta[c0 + c] - k->mean[c] * k->scale[c];
    }
}

static inline vec
slope (const Norm *g, vec x, vec scale, vec offset)
{
  return g->silu ? vec_slope (MOA_ACT_SILU, x * scale + offset) : splat (1);
}

/* sum dz h and sum dz over the pixels of VL channels. */
static void
sum_channels (const Norm *g, const real *x, const real *dy, const Columns *k, gsize c, gsize width,
              double *sum_h, double *sum)
{
  vec scale = load_some (k->scale + c, width), offset = load_some (k->offset + c, width);
  vec mean = load_some (k->mean + c, width);
  for (gsize p = 0; p < g->pixels; p += CHUNK)
    {
      vec part_h = { 0 }, part = { 0 };
      for (gsize i = p; i < MIN (p + CHUNK, g->pixels); i++)
        {
          vec v = load_some (x + i * g->channels + c, width);
          vec dz = load_some (dy + i * g->channels + c, width) * slope (g, v, scale, offset);
          part_h += dz * (v - mean);
          part += dz;
        }
      for (gsize l = 0; l < width; l++)
        {
          sum_h[l] += part_h[l] * k->inverse[c + l];
          sum[l] += part[l];
        }
    }
}

/* Inputs x, gamma, beta, dy; the result [4][items][channels]: the sums, means, 1 / deviations. */
static void
group_norm_sums_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  gsize item = task / g->n_tasks, first, end, step = norm_step (g);
  norm_range (g, task, &first, &end);
  const real *x = (const real *) g->t->in[0]->data + item * g->pixels * g->channels;
  const real *dy = (const real *) g->t->in[3]->data + item * g->pixels * g->channels;
  gsize plane = g->items * g->channels;
  Columns k = columns_new (step);
  for (gsize c0 = first; c0 < end; c0 += step)
    {
      gsize n = MIN (step, end - c0);
      real *out = (real *) g->t->data + item * g->channels + c0;
      group_stats (g, x + c0, n, k.mean, k.inverse);
      columns_z (g, &k, c0, n);
      for (gsize c = 0; c < n; c += VL)
        {
          gsize width = MIN (VL, n - c);
          double sum_h[VL] = { 0 }, sum[VL] = { 0 };
          sum_channels (g, x + c0, dy + c0, &k, c, width, sum_h, sum);
          for (gsize l = 0; l < width; l++)
            {
              out[c + l] = sum_h[l];
              out[plane + c + l] = sum[l];
            }
        }
      memcpy (out + 2 * plane, k.mean, n * sizeof (real));
      memcpy (out + 3 * plane, k.inverse, n * sizeof (real));
    }
  g_free (k.all);
}

void
KERNEL (group_norm_sums) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Norm g = group_norm_of (t, cpu);
  moa_cpu_parallel (cpu, g.items * g.n_tasks, group_norm_sums_task, &g);
}

/* a and b from the channels' sums. */
static void
columns_dx (const Norm *g, Columns *k, const real *sum_h, const real *sum, gsize c0, gsize n)
{
  const real *gamma = g->t->in[1]->data;
  for (gsize c = 0; c < n; c += g->size)
    {
      double mean_h = 0, mean = 0;
      for (gsize i = c; i < c + g->size; i++)
        {
          mean_h += (double) gamma[c0 + i] * sum_h[i];
          mean += (double) gamma[c0 + i] * sum[i];
        }
      mean_h /= (double) g->size * g->pixels;
      mean /= (double) g->size * g->pixels;
      for (gsize i = c; i < c + g->size; i++)
        {
          k->a[i] = -mean_h * k->inverse[i] * k->inverse[i];
          k->b[i] = -mean * k->inverse[i];
        }
    }
}

static void
group_norm_grad_x_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  gsize item = task / g->n_tasks, first, end, step = norm_step (g);
  norm_range (g, task, &first, &end);
  const real *x = (const real *) g->t->in[0]->data + item * g->pixels * g->channels;
  const real *dy = (const real *) g->t->in[3]->data + item * g->pixels * g->channels;
  const real *sums = (const real *) g->t->in[4]->data + item * g->channels;
  real *dx = (real *) g->t->data + item * g->pixels * g->channels;
  gsize plane = g->items * g->channels;
  Columns k = columns_new (step);
  for (gsize c0 = first; c0 < end; c0 += step)
    {
      gsize n = MIN (step, end - c0);
      memcpy (k.mean, sums + 2 * plane + c0, n * sizeof (real));
      memcpy (k.inverse, sums + 3 * plane + c0, n * sizeof (real));
      columns_z (g, &k, c0, n);
      columns_dx (g, &k, sums + c0, sums + plane + c0, c0, n);
      for (gsize p = 0; p < g->pixels; p++)
        for (gsize c = 0; c < n; c += VL)
          {
            gsize width = MIN (VL, n - c), at = p * g->channels + c0 + c;
            vec v = load_some (x + at, width), scale = load_some (k.scale + c, width);
            vec dz = load_some (dy + at, width) *
                     slope (g, v, scale, load_some (k.offset + c, width));
            vec d = scale * dz + (v - load_some (k.mean + c, width)) * load_some (k.a + c, width) +
                    load_some (k.b + c, width);
            save_some (dx + at, d, width);
          }
    }
  g_free (k.all);
}

void
KERNEL (group_norm_grad_x) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Norm g = group_norm_of (t, cpu);
  moa_cpu_parallel (cpu, g.items * g.n_tasks, group_norm_grad_x_task, &g);
}

/* Inputs x, gamma, dy. */
static void
layer_norm_grad_x_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  const real *gamma = g->t->in[1]->data;
  gsize first, end, n = g->channels;
  task_range (g->pixels, task, g->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *x = (const real *) g->t->in[0]->data + row * n;
      const real *dy = (const real *) g->t->in[2]->data + row * n;
      real *dx = (real *) g->t->data + row * n, mean, inverse;
      row_stats (x, n, g->eps, &mean, &inverse);
      vec sum_h = { 0 }, sum = { 0 };
      for (gsize c = 0; c < n; c += VL)
        {
          gsize width = MIN (VL, n - c);
          vec dz = load_some (dy + c, width) * load_some (gamma + c, width);
          sum += dz;
          sum_h += dz * (load_some (x + c, width) - splat (mean));
        }
      vec a = splat (-vec_sum (sum_h) / n * inverse * inverse * inverse);
      vec b = splat (-vec_sum (sum) / n * inverse);
      for (gsize c = 0; c < n; c += VL)
        {
          gsize width = MIN (VL, n - c);
          vec dz = load_some (dy + c, width) * load_some (gamma + c, width);
          save_some (dx + c, splat (inverse) * dz +
                             (load_some (x + c, width) - splat (mean)) * a + b, width);
        }
    }
}

void
KERNEL (layer_norm_grad_x) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Norm g = { .t = t, .channels = last_of (t), .eps = t->attr.f[0] };
  g.pixels = count_of (t) / g.channels;
  g.n_tasks = task_count (cpu, g.pixels, 10. * count_of (t));
  moa_cpu_parallel (cpu, g.n_tasks, layer_norm_grad_x_task, &g);
}

typedef struct {
  Norm norm;
  double *sums;  /* per task: [2][channels] */
} Affine;

/* Inputs x, dy; the result dgamma | dbeta. */
static void
layer_norm_grad_affine_task (gpointer data, int task, int thread)
{
  const Affine *affine = data;
  const Norm *g = &affine->norm;
  gsize first, end, n = g->channels;
  task_range (g->pixels, task, g->n_tasks, &first, &end);
  double *sums = affine->sums + (gsize) task * 2 * n;
  memset (sums, 0, 2 * n * sizeof (double));
  real mean[CHUNK], inverse[CHUNK];
  for (gsize row = first; row < end; row += CHUNK)
    {
      gsize rows = MIN (CHUNK, end - row);
      const real *x = (const real *) g->t->in[0]->data + row * n;
      const real *dy = (const real *) g->t->in[1]->data + row * n;
      for (gsize i = 0; i < rows; i++)
        row_stats (x + i * n, n, g->eps, &mean[i], &inverse[i]);
      for (gsize c = 0; c < n; c += VL)
        {
          gsize width = MIN (VL, n - c);
          vec part_h = { 0 }, part = { 0 };
          for (gsize i = 0; i < rows; i++)
            {
              vec dz = load_some (dy + i * n + c, width);
              vec h = (load_some (x + i * n + c, width) - splat (mean[i])) * splat (inverse[i]);
              part_h += dz * h;
              part += dz;
            }
          for (gsize l = 0; l < width; l++)
            {
              sums[c + l] += part_h[l];
              sums[n + c + l] += part[l];
            }
        }
    }
}

void
KERNEL (layer_norm_grad_affine) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *x = t->in[0];
  Affine a = { { .t = t, .channels = last_of (x), .eps = t->attr.f[0] }, scratch };
  gsize n = 2 * a.norm.channels;
  a.norm.pixels = count_of (x) / a.norm.channels;
  a.norm.n_tasks = task_count (cpu, a.norm.pixels, 10. * count_of (x));
  moa_cpu_parallel (cpu, a.norm.n_tasks, layer_norm_grad_affine_task, &a);
  for (gsize i = 0; i < n; i++)
    {
      double sum = 0;
      for (int task = 0; task < a.norm.n_tasks; task++)
        sum += a.sums[task * n + i];
      ((real *) t->data)[i] = sum;
    }
}
