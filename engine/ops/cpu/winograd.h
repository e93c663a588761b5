/* 3x3 convolution by Winograd's F(4x4, 3x3) (Lavin and Gray 2016): 36
 * multiplications for 16 results instead of 144.
 *
 * Interpolation points 0, +-5/8, +-3/2 and infinity; the usual +-1, +-2 lose
 * five times as much to rounding.  Row p of the data transform is the
 * polynomial product over q != p of (x - q), row p of the weight transform
 * [1, p, p^2] / product (p - q), column p of the inverse [1, p, p^2, p^3].
 *
 * The input of a run of tiles is transformed once, V[36][tiles][C], shared by
 * the threads; then each thread takes a panel of output channels and some
 * tiles, transforms that panel's weights block by block (they would be four
 * times the model if kept), multiplies, and transforms back. */
#ifndef MOA_WINOGRAD_H
#define MOA_WINOGRAD_H

#include "ops/cpu/gemm.h"
#include "ops/scratch.h"

#define WA R (0.625)
#define WB R (1.5)
#define WA2 (WA * WA)
#define WB2 (WB * WB)

typedef struct {
  const real *x, *w, *bias, *add;
  real *y;
  gsize height, width, channels, n;
  gsize tiles_x, tiles_per_item;
  gsize first_tile, n_tiles;         /* of this round */
  real *v;                           /* [36][n_tiles][stride] */
  gsize stride;
  real *own;                         /* a thread's weights and products */
  gsize own_size;
  gsize panels, parts;               /* of the second phase: tasks = panels * parts */
  int n_tasks;                       /* of the first phase */
} Winograd;

/* One dimension of B^T d: six numbers in, six out, `step` apart. */
ALWAYS_INLINE void
wino_input (const vec *d, int step, vec *e)
{
  vec d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step],
      d5 = d[5 * step];
  vec even_a = d4 - splat (WB2) * d2, odd_a = splat (WA) * (d3 - splat (WB2) * d1);
  vec even_b = d4 - splat (WA2) * d2, odd_b = splat (WB) * (d3 - splat (WA2) * d1);
  e[0] = splat (WA2 * WB2) * d0 - splat (WA2 + WB2) * d2 + d4;
  e[step] = even_a + odd_a;
  e[2 * step] = even_a - odd_a;
  e[3 * step] = even_b + odd_b;
  e[4 * step] = even_b - odd_b;
  e[5 * step] = splat (WA2 * WB2) * d1 - splat (WA2 + WB2) * d3 + d5;
}

/* One dimension of G g: three in, `from` apart; six out, `to` apart. */
ALWAYS_INLINE void
wino_weight (const vec *g, int from, vec *u, int to)
{
  const real n0 = 1 / (WA2 * WB2), na = 1 / (2 * WA2 * (WA2 - WB2)), nb = 1 / (2 * WB2 * (WB2 - WA2));
  vec g0 = g[0], g1 = g[from], g2 = g[2 * from];
  vec even_a = splat (na) * g0 + splat (na * WA2) * g2, odd_a = splat (na * WA) * g1;
  vec even_b = splat (nb) * g0 + splat (nb * WB2) * g2, odd_b = splat (nb * WB) * g1;
  u[0] = splat (n0) * g0;
  u[to] = even_a + odd_a;
  u[2 * to] = even_a - odd_a;
  u[3 * to] = even_b + odd_b;
  u[4 * to] = even_b - odd_b;
  u[5 * to] = g2;
}

/* One dimension of A^T m: six in, `from` apart; four out, `to` apart. */
ALWAYS_INLINE void
wino_output (const vec *m, int from, vec *o, int to)
{
  vec sum_a = m[from] + m[2 * from], diff_a = m[from] - m[2 * from];
  vec sum_b = m[3 * from] + m[4 * from], diff_b = m[3 * from] - m[4 * from];
  o[0] = m[0] + sum_a + sum_b;
  o[to] = splat (WA) * diff_a + splat (WB) * diff_b;
  o[2 * to] = splat (WA2) * sum_a + splat (WB2) * sum_b;
  o[3 * to] = splat (WA * WA2) * diff_a + splat (WB * WB2) * diff_b + m[5 * from];
}

static void
wino_place (const Winograd *g, gsize tile, gsize *item, gssize *y, gssize *x)
{
  tile += g->first_tile;
  *item = tile / g->tiles_per_item;
  tile %= g->tiles_per_item;
  *y = 4 * (gssize) (tile / g->tiles_x);
  *x = 4 * (gssize) (tile % g->tiles_x);
}

static void
wino_input_tile (const Winograd *g, gsize tile)
{
  gsize item;
  gssize top, left;
  wino_place (g, tile, &item, &top, &left);
  const real *from[36];
  for (int i = 0; i < 36; i++)
    {
      gssize y = top - 1 + i / 6, x = left - 1 + i % 6;
      gboolean inside = y >= 0 && y < (gssize) g->height && x >= 0 && x < (gssize) g->width;
      from[i] = inside ? g->x + ((item * g->height + y) * g->width + x) * g->channels : NULL;
    }
  gsize plane = g->n_tiles * g->stride;
  real *out = g->v + tile * g->stride;
  for (gsize c = 0; c < g->channels; c += VL)
    {
      vec d[36], e[36];
      gsize rest = g->channels - c;
      for (int i = 0; i < 36; i++)
        {
          d[i] = (vec){ 0 };
          if (from[i] && rest >= VL)
            d[i] = load (from[i] + c);
          else if (from[i])
            memcpy (&d[i], from[i] + c, rest * sizeof (real));
        }
      for (int i = 0; i < 6; i++)
        wino_input (d + i, 6, e + i);
      for (int i = 0; i < 6; i++)
        wino_input (e + 6 * i, 1, d + 6 * i);
      for (int i = 0; i < 36; i++)
        save (out + i * plane + c, d[i]);
    }
}

static void
wino_input_task (gpointer data, int task, int thread)
{
  const Winograd *g = data;
  gsize first, end;
  task_range (g->n_tiles, task, g->n_tasks, &first, &end);
  for (gsize tile = first; tile < end; tile++)
    wino_input_tile (g, tile);
}

/* Channels c0 .. c0+n-1 of one panel's weights [9][C][PANEL] -> u[36][n][PANEL] */
static void
wino_weights (const Winograd *g, gsize panel, gsize c0, gsize n, real *u)
{
  const real *w = g->w + panel * 9 * g->channels * PANEL;
  for (gsize c = 0; c < n; c++)
    for (int j = 0; j < PANEL; j += VL)
      {
        vec taps[9], rows[18], out[36];
        for (int i = 0; i < 9; i++)
          taps[i] = load (w + (i * g->channels + c0 + c) * PANEL + j);
        for (int i = 0; i < 3; i++)
          wino_weight (taps + i, 3, rows + i, 3);
        for (int i = 0; i < 6; i++)
          wino_weight (rows + 3 * i, 1, out + 6 * i, 1);
        for (int i = 0; i < 36; i++)
          save (u + (i * n + c) * PANEL + j, out[i]);
      }
}

/* One tile's products, columns j .. j+n-1 of its panel -> the picture. */
static void
wino_output_tile (const Winograd *g, const real *m, gsize plane, gsize tile, gsize channel, gsize n)
{
  gsize item;
  gssize top, left;
  wino_place (g, tile, &item, &top, &left);
  for (gsize j = 0; j < n; j += VL)
    {
      vec in[36], half[24], out[16];
      for (int i = 0; i < 36; i++)
        in[i] = load (m + i * plane + j);
      for (int i = 0; i < 6; i++)
        wino_output (in + i, 6, half + i, 6);
      for (int i = 0; i < 4; i++)
        wino_output (half + 6 * i, 1, out + 4 * i, 1);
      gsize width = MIN (VL, n - j);
      for (int i = 0; i < 16; i++)
        {
          gssize y = top + i / 4, x = left + i % 4;
          if (y >= (gssize) g->height || x >= (gssize) g->width)
            continue;
          gsize at = ((item * g->height + y) * g->width + x) * g->n + channel + j;
          if (width == VL)
            {
              vec v = out[i];
              if (g->bias)
                v += load (g->bias + channel + j);
              if (g->add)
                v += load (g->add + at);
              save (g->y + at, v);
            }
          else
            for (gsize l = 0; l < width; l++)
              g->y[at + l] = out[i][l] + (g->bias ? g->bias[channel + j + l] : 0) +
                             (g->add ? g->add[at + l] : 0);
        }
    }
}

static void
wino_panel_task (gpointer data, int task, int thread)
{
  const Winograd *g = data;
  gsize panel = task / g->parts, first, end;
  task_range (g->n_tiles, task % g->parts, g->parts, &first, &end);
  real *u = g->own + thread * g->own_size;
  real *m = u + 36 * MOA_WINO_DEPTH * PANEL;
  gsize tiles = end - first;
  for (gsize c0 = 0; c0 < g->channels; c0 += MOA_WINO_DEPTH)
    {
      gsize depth = MIN (MOA_WINO_DEPTH, g->channels - c0);
      wino_weights (g, panel, c0, depth, u);
      for (int p = 0; p < 36; p++)
        {
          const real *a = g->v + (p * g->n_tiles + first) * g->stride + c0;
          real *c = m + p * tiles * PANEL;
          for (gsize i = 0; i < tiles; i += ROWS)
            gemm_tile (MIN (ROWS, tiles - i), a + i * g->stride, g->stride, u + p * depth * PANEL,
                       depth, c + i * PANEL, PANEL, PANEL, NULL, c0 ? c + i * PANEL : NULL,
                       PANEL);
        }
    }
  gsize n = MIN (PANEL, g->n - panel * PANEL);
  for (gsize i = 0; i < tiles; i++)
    wino_output_tile (g, m + i * PANEL, tiles * PANEL, first + i, panel * PANEL, n);
}

static void
run_winograd (const MoaTensor *t, MoaCpu *cpu, real *scratch)
{
  const MoaTensor *x = t->in[0];
  Winograd g = {
    .x = x->data, .w = t->in[1]->data, .bias = t->in[2] ? t->in[2]->data : NULL,
    .add = t->in[3] ? t->in[3]->data : NULL, .y = t->data,
    .height = x->shape.dim[1], .width = x->shape.dim[2], .channels = x->shape.dim[3],
    .n = t->shape.dim[3],
  };
  g.tiles_x = (g.width + 3) / 4;
  g.tiles_per_item = g.tiles_x * ((g.height + 3) / 4);
  g.stride = moa_winograd_stride (g.channels, sizeof (real));
  gsize all = g.tiles_per_item * x->shape.dim[0];
  gsize round = moa_winograd_tiles (all, g.channels, sizeof (real));
  g.v = scratch;
  g.own = scratch + 36 * round * g.stride;
  g.own_size = 36 * (MOA_WINO_DEPTH + MOA_WINO_TILES) * PANEL;
  g.panels = (g.n + PANEL - 1) / PANEL;
  for (g.first_tile = 0; g.first_tile < all; g.first_tile += round)
    {
      g.n_tiles = MIN (round, all - g.first_tile);
      g.n_tasks = task_count (cpu, g.n_tiles, 200. * g.n_tiles * g.channels);
      moa_cpu_parallel (cpu, g.n_tasks, wino_input_task, &g);
      g.parts = (g.n_tiles + MOA_WINO_TILES - 1) / MOA_WINO_TILES;
      moa_cpu_parallel (cpu, g.panels * g.parts, wino_panel_task, &g);
    }
}

#endif
