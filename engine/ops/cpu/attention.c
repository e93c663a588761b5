/* Attention per head, PANEL rows of q at a time in the lanes of vectors and MOA_ATTENTION_KEYS keys at
 * a time, so that scores stay in the first-level cache (Dao et al. 2022):
 *
 *   s = k q^T [keys][PANEL]    new max m' = max (m, s)    p = exp (scale (s - m'))
 *   sum = sum f + sum of p,  out^T [width][PANEL] = out^T f + v^T p,  f = exp (scale (m - m'))
 *
 * and in the end out / sum.  k and v are read where they lie: a row of theirs is what a tile's
 * broadcasts want. */
#include "ops/cpu/attention.h"
#include "ops/scratch.h"

typedef struct {
  const real *q, *k, *v;
  real *out;
  gsize rows, keys, channels, heads, width;   /* width: channels of a head */
  gboolean causal;
  real *own;          /* per thread */
  gsize own_size;
  gsize blocks;       /* of MOA_ATTENTION_PANELS panels of rows */
  int n_tasks;
} Attention;

/* A panel of rows, in a thread's memory. */
typedef struct {
  real *q, *out;      /* [width][PANEL] */
  real *max, *sum;    /* of the scores so far, [PANEL] */
} Panel;

static Panel
panel_of (const Attention *a, int thread, gsize i)
{
  Panel p = { .q = a->own + thread * a->own_size + MOA_ATTENTION_KEYS * PANEL
                   + i * 2 * (a->width + 1) * PANEL };
  p.out = p.q + a->width * PANEL;
  p.max = p.out + a->width * PANEL;
  p.sum = p.max + PANEL;
  return p;
}

static void
start_panel (const Attention *a, const Panel *p, const real *q, gsize rows)
{
  pack_rows (q, rows, a->channels, a->width, p->q);
  for (gsize i = 0; i < a->width * PANEL; i++)
    p->out[i] = 0;
  for (int i = 0; i < PANEL; i++)
    {
      p->max[i] = -G_MAXFLOAT;
      p->sum[i] = 0;
    }
}

/* Row `row` + lane sees the keys up to itself; the first row of s is key k0. */
static void
hide_keys (real *s, gsize k0, gsize n, gsize row)
{
  for (gsize j = k0 > row ? 0 : row - k0; j < n; j++)
    for (gsize lane = 0; lane < PANEL && row + lane < k0 + j; lane++)
      s[j * PANEL + lane] = -G_MAXFLOAT;
}

/* n keys of the scores of `lanes` rows, and what was found before them. */
static void
softmax_keys (real *s, gsize n, gsize lanes, real scale, const Panel *p, gsize width)
{
  for (gsize j = 0; j < lanes; j += VL)
    {
      vec before = load (p->max + j), top = columns_max (s + j, n, before);
      vec shift = splat (scale) * top, f = vec_exp_small (splat (scale) * before - shift);
      save (p->max + j, top);
      save (p->sum + j, load (p->sum + j) * f + columns_exp (s + j, n, splat (scale), shift));
      for (gsize c = 0; c < width; c++)
        save (p->out + c * PANEL + j, load (p->out + c * PANEL + j) * f);
    }
}

/* Keys k0 .. k0 + n - 1 of item and head at `keys`. */
static void
see_keys (const Attention *a, const Panel *p, real *s, gsize keys, gsize k0, gsize n, gsize row)
{
  gsize lanes = a->rows - row <= VL ? VL : PANEL;
  const real *k = a->k + keys + k0 * a->channels, *v = a->v + keys + k0 * a->channels;
  for (gsize j = 0; j < n; j += ROWS)
    gemm_tile (MIN (ROWS, n - j), k + j * a->channels, a->channels, p->q, a->width, s + j * PANEL,
               PANEL, lanes, NULL, NULL, 0);
  if (a->causal && k0 + n > row + 1)
    hide_keys (s, k0, n, row);
  softmax_keys (s, n, lanes, 1 / R (sqrt) ((real) a->width), p, a->width);
  /* Tiles of nearly the same height: 40 channels are 4 of 10. */
  gsize tiles = (a->width + ROWS - 1) / ROWS;
  for (gsize t = 0; t < tiles; t++)
    {
      gsize c = a->width * t / tiles, end = a->width * (t + 1) / tiles;
      real *out = p->out + c * PANEL;
      gemm_tile_turned (end - c, v + c, a->channels, s, n, out, PANEL, lanes, out, PANEL);
    }
}

static void
end_panel (const Attention *a, const Panel *p, real *out, gsize rows)
{
  for (gsize j = 0; j < MIN (rows, PANEL); j += VL)
    {
      vec inverse = splat (1) / load (p->sum + j);
      for (gsize c = 0; c < a->width; c++)
        save (p->out + c * PANEL + j, load (p->out + c * PANEL + j) * inverse);
    }
  unpack_rows (p->out, rows, a->channels, a->width, out);
}

static void
rows_task (gpointer data, int task, int thread)
{
  const Attention *a = data;
  gsize pair = task / a->blocks, first = task % a->blocks * MOA_ATTENTION_PANELS * PANEL;
  gsize item = pair / a->heads, column = pair % a->heads * a->width;
  gsize end = MIN (a->rows, first + MOA_ATTENTION_PANELS * PANEL);
  gsize offset = item * a->rows * a->channels + column, keys = item * a->keys * a->channels + column;
  gsize seen = a->causal ? MIN (end, a->keys) : a->keys;
  real *s = a->own + thread * a->own_size;
  Panel panel[MOA_ATTENTION_PANELS];
  for (gsize row = first, i = 0; row < end; row += PANEL, i++)
    {
      panel[i] = panel_of (a, thread, i);
      start_panel (a, &panel[i], a->q + offset + row * a->channels, MIN (PANEL, end - row));
    }
  for (gsize k0 = 0; k0 < seen; k0 += MOA_ATTENTION_KEYS)
    for (gsize row = first, i = 0; row < end; row += PANEL, i++)
      see_keys (a, &panel[i], s, keys, k0, MIN (MOA_ATTENTION_KEYS, seen - k0), row);
  for (gsize row = first, i = 0; row < end; row += PANEL, i++)
    end_panel (a, &panel[i], a->out + offset + row * a->channels, MIN (PANEL, end - row));
}

static void
all_task (gpointer data, int task, int thread)
{
  const Attention *a = data;
  for (int i = 0; i < a->n_tasks; i++)
    rows_task (data, i, thread);
}

void
KERNEL (attention) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *q = t->in[0], *k = t->in[1], *v = t->in[2];
  Attention a = {
    .q = q->data, .k = k->data, .v = v->data, .out = t->data,
    .rows = q->shape.dim[1], .keys = k->shape.dim[1], .channels = q->shape.dim[2],
    .heads = t->attr.i[0], .causal = t->attr.i[1], .own = scratch,
  };
  gsize pairs = q->shape.dim[0] * a.heads;
  a.width = a.channels / a.heads;
  a.own_size = moa_attention_own (a.width, PANEL);
  a.blocks = (a.rows + MOA_ATTENTION_PANELS * PANEL - 1) / (MOA_ATTENTION_PANELS * PANEL);
  a.n_tasks = pairs * a.blocks;
  if (task_count (cpu, a.n_tasks, 4. * pairs * a.rows * a.keys * a.width) > 1)
    moa_cpu_parallel (cpu, a.n_tasks, rows_task, &a);
  else /* too little to share */
    moa_cpu_parallel (cpu, 1, all_task, &a);
}
