/* The probabilities of attention, mean over heads, and what their gradient is to q and k.  Some
 * rows of q at a time: scores = q k^T of one head, softmax, added to the map. */
#include "ops/cpu/gemm.h"
#include "ops/cpu/vmath.h"
#include "ops/scratch.h"

typedef struct {
  const MoaTensor *t;
  const real *q, *k;
  gsize items, rows, keys, channels, heads, width;   /* width: channels of a head */
  gsize padded, columns;   /* keys and width, up to whole panels */
  gsize blocks;            /* of rows of an item */
  real *scratch;
  gsize own;               /* a thread's part of it */
} Map;

static Map
map_of (const MoaTensor *t, real *scratch)
{
  const MoaShape *q = &t->in[0]->shape, *k = &t->in[1]->shape;
  Map m = { .t = t, .q = t->in[0]->data, .k = t->in[1]->data, .items = q->dim[0],
            .rows = q->dim[1], .keys = k->dim[1], .channels = q->dim[2], .heads = t->attr.i[0],
            .scratch = scratch };
  m.width = m.channels / m.heads;
  m.padded = (m.keys + PANEL - 1) / PANEL * PANEL;
  m.columns = (m.width + PANEL - 1) / PANEL * PANEL;
  m.blocks = (m.rows + MOA_MAP_ROWS - 1) / MOA_MAP_ROWS;
  return m;
}

/* A head of k -> panels of keys, [width][PANEL]. */
static void
pack_keys (const Map *m, const real *k, real *out)
{
  for (gsize j = 0; j < m->padded; j++)
    for (gsize c = 0; c < m->width; c++)
      out[j / PANEL * PANEL * m->width + c * PANEL + j % PANEL] =
          j < m->keys ? k[j * m->channels + c] : 0;
}

/* n rows of a head -> panels of channels, [n][PANEL]. */
static void
pack_channels (const Map *m, const real *x, gsize n, real *out)
{
  for (gsize c = 0; c < m->columns; c += PANEL)
    for (gsize j = 0; j < n; j++)
      for (gsize l = 0; l < PANEL; l++)
        *out++ = c + l < m->width ? x[j * m->channels + c + l] : 0;
}

/* softmax (scale s) over the keys, in place; zeros behind. */
static void
softmax (const Map *m, real *s, real scale)
{
  real max = s[0];
  for (gsize j = 1; j < m->keys; j++)
    max = MAX (max, s[j]);
  for (gsize j = m->keys; j < m->padded; j++)
    s[j] = max;
  for (gsize j = 0; j < m->padded; j += VL)
    save (s + j, vec_exp (splat (scale) * (load (s + j) - splat (max))));
  memset (s + m->keys, 0, (m->padded - m->keys) * sizeof (real));
  vec sum = { 0 };
  for (gsize j = 0; j < m->padded; j += VL)
    sum += load (s + j);
  vec inverse = splat (1 / vec_sum (sum));
  for (gsize j = 0; j < m->padded; j += VL)
    save (s + j, load (s + j) * inverse);
}

/* The probabilities of n rows of q in a head whose keys are packed. */
static void
probabilities (const Map *m, const real *q, gsize n, const real *packed, real *s)
{
  gemm_block (n, q, m->channels, packed, m->width, 0, m->width, m->keys, s, m->padded, NULL, NULL,
              0);
  for (gsize i = 0; i < n; i++)
    softmax (m, s + i * m->padded, 1 / R (sqrt) ((real) m->width));
}

static void
map_task (gpointer data, int task, int thread)
{
  const Map *m = data;
  gsize item = task / m->blocks, first = task % m->blocks * MOA_MAP_ROWS;
  gsize n = MIN (MOA_MAP_ROWS, m->rows - first);
  real *packed = m->scratch + thread * m->own, *s = packed + m->padded * m->width;
  real *y = (real *) m->t->data + (item * m->rows + first) * m->keys;
  memset (y, 0, n * m->keys * sizeof (real));
  for (gsize h = 0; h < m->heads; h++)
    {
      pack_keys (m, m->k + item * m->keys * m->channels + h * m->width, packed);
      probabilities (m, m->q + (item * m->rows + first) * m->channels + h * m->width, n, packed, s);
      for (gsize i = 0; i < n; i++)
        for (gsize j = 0; j < m->keys; j++)
          y[i * m->keys + j] += s[i * m->padded + j] / m->heads;
    }
}

void
KERNEL (attention_map) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Map m = map_of (t, scratch);
  m.own = m.padded * (m.width + MOA_MAP_ROWS);
  moa_cpu_parallel (cpu, m.items * m.blocks, map_task, &m);
}

/* p -> the gradient of the scores before scaling: p (dp - sum p dp) scale, with dp = dy / heads. */
static void
score_gradient (const Map *m, real *p, const real *dy, real factor)
{
  gsize full = m->keys / VL * VL, rest = m->keys - full;
  vec sum = { 0 }, part = rest ? load_part (dy + full, rest) : sum;
  for (gsize j = 0; j < full; j += VL)
    sum += load (p + j) * load (dy + j);
  if (rest)
    sum += load (p + full) * part;
  vec dot = splat (vec_sum (sum)), scale = splat (factor);
  for (gsize j = 0; j < full; j += VL)
    save (p + j, load (p + j) * (load (dy + j) - dot) * scale);
  if (rest)
    save (p + full, load (p + full) * (part - dot) * scale);
}

/* One head of one item:  dq = ds k,  dk = ds^T q */
static void
map_grad_task (gpointer data, int task, int thread)
{
  const Map *m = data;
  gsize item = task / m->heads, head = task % m->heads * m->width;
  const real *k = m->k + item * m->keys * m->channels + head;
  real *for_q = m->scratch + thread * m->own, *for_dq = for_q + m->padded * m->width;
  real *for_dk = for_dq + m->padded * m->columns, *s = for_dk + MOA_MAP_ROWS * m->columns;
  real *transposed = s + MOA_MAP_ROWS * m->padded;
  real *dk = (real *) m->t->data + m->items * m->rows * m->channels +
             item * m->keys * m->channels + head;
  real factor = 1 / (R (sqrt) ((real) m->width) * m->heads);
  pack_keys (m, k, for_q);
  pack_channels (m, k, m->keys, for_dq);
  for (gsize first = 0; first < m->rows; first += MOA_MAP_ROWS)
    {
      gsize n = MIN (MOA_MAP_ROWS, m->rows - first), row = item * m->rows + first;
      const real *q = m->q + row * m->channels + head;
      const real *dy = (const real *) m->t->in[2]->data + row * m->keys;
      probabilities (m, q, n, for_q, s);
      for (gsize i = 0; i < n; i++)
        {
          score_gradient (m, s + i * m->padded, dy + i * m->keys, factor);
          for (gsize j = 0; j < m->keys; j++)
            transposed[j * MOA_MAP_ROWS + i] = s[i * m->padded + j];
        }
      gemm_block (n, s, m->padded, for_dq, m->keys, 0, m->keys, m->width,
                  (real *) m->t->data + row * m->channels + head, m->channels, NULL, NULL, 0);
      pack_channels (m, q, n, for_dk);
      gemm_block (m->keys, transposed, MOA_MAP_ROWS, for_dk, n, 0, n, m->width, dk, m->channels,
                  NULL, first ? dk : NULL, m->channels);
    }
}

void
KERNEL (attention_map_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Map m = map_of (t, scratch);
  m.own = m.padded * (m.width + m.columns) + MOA_MAP_ROWS * (m.columns + 2 * m.padded);
  moa_cpu_parallel (cpu, m.items * m.heads, map_grad_task, &m);
}
