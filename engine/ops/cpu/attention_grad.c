/* The gradients of attention.  For some rows of q at a time the probabilities p
 * are found again, then with dp = dy v^T and the scale s:
 *
 *   dv += p^T dy    ds = s p (dp - sum p dp)    dq = ds k    dk += ds^T q
 *
 * A task is one head of one item, or a part of its rows; the whole score matrix
 * never exists. */
#include "ops/cpu/attention.h"
#include "ops/scratch.h"

typedef struct {
  const real *q, *k, *v, *dy;
  real *dq, *dk, *dv;
  gsize rows, keys, channels, heads, width;   /* width: channels of a head */
  gsize padded, columns;                      /* keys and width, up to whole panels */
  gsize key_numbers;                          /* of all of k */
  gboolean causal;
  MoaAttentionPlan plan;
  real *own;                                  /* per thread */
  real *sums;                                 /* dk and dv of the parts but the first */
  int n_tasks;                                /* that add them up */
} Grad;

/* A thread's memory. */
typedef struct {
  real *rows_k, *rows_v;      /* panels of keys */
  real *columns_k;            /* panels of channels, as the following */
  real *columns_q, *columns_dy;
  real *dk, *dv;
  real *p, *ds;               /* [block][stride] */
} Own;

static Own
own_of (const Grad *g, int thread)
{
  Own o = { .rows_k = g->own + thread * g->plan.own };
  o.rows_v = o.rows_k + g->padded * g->width;
  o.columns_k = o.rows_v + g->padded * g->width;
  o.dk = o.columns_k + g->columns * g->keys;
  o.dv = o.dk + g->columns * g->keys;
  o.columns_q = o.dv + g->columns * g->keys;
  o.columns_dy = o.columns_q + g->columns * g->plan.block;
  o.p = o.columns_dy + g->columns * g->plan.block;
  o.ds = o.p + g->plan.block * g->plan.stride;
  return o;
}

/* Scores -> probabilities in p; ds holds dp -> the scores' gradient. */
static void
score_gradient (const Grad *g, real *p, real *ds, gsize n)
{
  gsize padded = (g->keys + VL - 1) / VL * VL;
  real scale = 1 / R (sqrt) ((real) g->width), inverse = softmax_row (p, n, padded, scale);
  memset (ds + g->keys, 0, (padded - g->keys) * sizeof (real));
  vec dot = { 0 };
  for (gsize j = 0; j < padded; j += VL)
    dot += load (p + j) * load (ds + j);
  real mean = vec_sum (dot) * inverse;
  for (gsize j = 0; j < padded; j += VL)
    {
      vec e = load (p + j) * splat (inverse);
      save (p + j, e);
      save (ds + j, e * (load (ds + j) - splat (mean)) * splat (scale));
    }
}

/* sum (+)= a^T b: a [rows][keys], b in panels of columns, sum [columns / PANEL][keys][PANEL]. */
static void
add_product (const Grad *g, const real *a, const real *b, gsize rows, real *sum, gboolean first)
{
  for (gsize c = 0; c < g->width; c += PANEL)
    for (gsize j = 0; j < g->keys; j += ROWS)
      {
        real *to = sum + c * g->keys + j * PANEL;
        gemm_tile_turned (MIN (ROWS, g->keys - j), a + j, g->plan.stride, b + c * rows, rows, to,
                          PANEL, g->width - c <= VL ? VL : PANEL, first ? NULL : to, PANEL);
      }
}

static void
unpack (const Grad *g, const real *sum, real *to)
{
  for (gsize c = 0; c < g->width; c += VL)
    {
      const real *from = sum + c / PANEL * PANEL * g->keys + c % PANEL;
      gsize some = MIN (VL, g->width - c);
      for (gsize j = 0; j < g->keys; j++)
        save_some (to + j * g->channels + c, load (from + j * PANEL), some);
    }
}

static void
rows_back (const Grad *g, const Own *o, gsize item, gsize head, gsize row, gsize rows,
           gboolean first)
{
  gsize offset = (item * g->rows + row) * g->channels + head * g->width;
  gemm_block (rows, g->q + offset, g->channels, o->rows_k, g->width, 0, g->width, g->keys, o->p,
              g->plan.stride, NULL, NULL, 0);
  gemm_block (rows, g->dy + offset, g->channels, o->rows_v, g->width, 0, g->width, g->keys, o->ds,
              g->plan.stride, NULL, NULL, 0);
  for (gsize i = 0; i < rows; i++)
    score_gradient (g, o->p + i * g->plan.stride, o->ds + i * g->plan.stride,
                    g->causal ? MIN (g->keys, row + i + 1) : g->keys);
  gemm_block (rows, o->ds, g->plan.stride, o->columns_k, g->keys, 0, g->keys, g->width,
              g->dq + offset, g->channels, NULL, NULL, 0);
  pack_columns (g->q + offset, rows, g->channels, g->width, o->columns_q);
  pack_columns (g->dy + offset, rows, g->channels, g->width, o->columns_dy);
  add_product (g, o->ds, o->columns_q, rows, o->dk, first);
  add_product (g, o->p, o->columns_dy, rows, o->dv, first);
}

static void
grad_task (gpointer data, int task, int thread)
{
  const Grad *g = data;
  gsize part = task % g->plan.parts, pair = task / g->plan.parts, first, end;
  gsize item = pair / g->heads, head = pair % g->heads;
  gsize offset = item * g->keys * g->channels + head * g->width;
  Own o = own_of (g, thread);
  pack_rows (g->k + offset, g->keys, g->channels, g->width, o.rows_k);
  pack_rows (g->v + offset, g->keys, g->channels, g->width, o.rows_v);
  pack_columns (g->k + offset, g->keys, g->channels, g->width, o.columns_k);
  task_range (g->rows, part, g->plan.parts, &first, &end);
  for (gsize row = first; row < end; row += g->plan.block)
    rows_back (g, &o, item, head, row, MIN (g->plan.block, end - row), row == first);
  real *sums = g->sums + (part - 1) * 2 * g->key_numbers;
  unpack (g, o.dk, (part == 0 ? g->dk : sums) + offset);
  unpack (g, o.dv, (part == 0 ? g->dv : sums + g->key_numbers) + offset);
}

/* dk and dv lie one behind the other, as in the parts' sums. */
static void
sum_task (gpointer data, int task, int thread)
{
  const Grad *g = data;
  gsize first, end;
  task_range (2 * g->key_numbers, task, g->n_tasks, &first, &end);
  for (gsize part = 0; part + 1 < g->plan.parts; part++)
    for (gsize i = first; i < end; i++)
      g->dk[i] += g->sums[part * 2 * g->key_numbers + i];
}

void
KERNEL (attention_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *q = t->in[0], *k = t->in[1];
  Grad g = {
    .q = q->data, .k = k->data, .v = t->in[2]->data, .dy = t->in[3]->data, .dq = t->data,
    .rows = q->shape.dim[1], .keys = k->shape.dim[1], .channels = q->shape.dim[2],
    .heads = t->attr.i[0], .causal = t->attr.i[1], .key_numbers = count_of (k),
    .plan = moa_attention_grad_plan (t, cpu), .own = scratch,
  };
  gsize pairs = q->shape.dim[0] * g.heads;
  g.width = g.channels / g.heads;
  g.padded = (g.keys + PANEL - 1) / PANEL * PANEL;
  g.columns = (g.width + PANEL - 1) / PANEL * PANEL;
  g.dk = g.dq + count_of (q);
  g.dv = g.dk + g.key_numbers;
  g.sums = g.own + moa_cpu_threads (cpu) * g.plan.own;
  moa_cpu_parallel (cpu, pairs * g.plan.parts, grad_task, &g);
  if (g.plan.parts == 1)
    return;
  g.n_tasks = task_count (cpu, 2 * g.key_numbers, 2. * g.key_numbers * g.plan.parts);
  moa_cpu_parallel (cpu, g.n_tasks, sum_task, &g);
}
