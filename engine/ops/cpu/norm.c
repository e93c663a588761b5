/* Group norm and layer norm. */
#include "ops/cpu/norm.h"

static void
apply (const Norm *g, const real *x, real *y, gsize n, const real *scale, const real *offset)
{
  for (gsize p = 0; p < g->pixels; p++, x += g->channels, y += g->channels)
    for (gsize c = 0; c < n; c += VL)
      {
        gsize width = MIN (VL, n - c);
        vec v = load_some (x + c, width) * load_some (scale + c, width) +
                load_some (offset + c, width);
        save_some (y + c, g->silu ? vec_activate (MOA_ACT_SILU, v) : v, width);
      }
}

static void
group_norm_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  gsize item = task / g->n_tasks, first, end, step = norm_step (g);
  norm_range (g, task, &first, &end);
  const real *x = (const real *) g->t->in[0]->data + item * g->pixels * g->channels;
  real *y = (real *) g->t->data + item * g->pixels * g->channels;
  const real *gamma = g->t->in[1]->data, *beta = g->t->in[2]->data;
  g_autofree real *offset = g_new (real, 2 * step);
  real *scale = offset + step;
  for (gsize c0 = first; c0 < end; c0 += step)
    {
      gsize n = MIN (step, end - c0);
      group_stats (g, x + c0, n, offset, scale);
      for (gsize c = 0; c < n; c++)
        {
          scale[c] *= gamma[c0 + c];
          offset[c] = beta[c0 + c] - offset[c] * scale[c];
        }
      apply (g, x + c0, y + c0, n, scale, offset);
    }
}

void
KERNEL (group_norm) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Norm g = group_norm_of (t, cpu);
  moa_cpu_parallel (cpu, g.items * g.n_tasks, group_norm_task, &g);
}

static void
layer_norm_task (gpointer data, int task, int thread)
{
  const Norm *g = data;
  const real *gamma = g->t->in[1]->data, *beta = g->t->in[2]->data;
  gsize first, end, n = g->channels;
  task_range (g->pixels, task, g->n_tasks, &first, &end);
  for (gsize row = first; row < end; row++)
    {
      const real *x = (const real *) g->t->in[0]->data + row * n;
      real *y = (real *) g->t->data + row * n, mean, inverse;
      row_stats (x, n, g->eps, &mean, &inverse);
      for (gsize c = 0; c < n; c += VL)
        {
          gsize width = MIN (VL, n - c);
          vec v = (load_some (x + c, width) - splat (mean)) * splat (inverse);
          v = v * load_some (gamma + c, width) + load_some (beta + c, width);
          save_some (y + c, v, width);
        }
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
