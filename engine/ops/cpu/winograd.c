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
 * times the model if kept), multiplies, and transforms back.
 *
 * The weight's gradient is the same algorithm turned around: every transform
 * gives way to its transpose, dW = G^T (V^T (A dy A^T)) G, summed over tiles. */
#include "ops/cpu/conv.h"

#define WA R (0.625)
#define WB R (1.5)
#define WA2 (WA * WA)
#define WB2 (WB * WB)
/* 1 / product (p - q) for 0, +-a, +-b. */
#define WN0 (1 / (WA2 * WB2))
#define WNA (1 / (2 * WA2 * (WA2 - WB2)))
#define WNB (1 / (2 * WB2 * (WB2 - WA2)))

typedef struct {
  const real *x, *bias, *add;
  Packed w;
  real *y;
  gsize height, width, channels, n;
  gsize tiles_x, tiles_per_item;
  gsize first_tile, n_tiles;         /* of this round */
  real *v;                           /* [36][n_tiles][stride] */
  gsize stride;
  real *own;                         /* a thread's weights and products */
  gsize own_size;
  const real *dy;                    /* of the weight's gradient: */
  real *dv;                          /* dy's tiles, [panels][36][n_tiles][PANEL] */
  real *dw;
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
  vec g0 = g[0], g1 = g[from], g2 = g[2 * from];
  vec even_a = splat (WNA) * g0 + splat (WNA * WA2) * g2, odd_a = splat (WNA * WA) * g1;
  vec even_b = splat (WNB) * g0 + splat (WNB * WB2) * g2, odd_b = splat (WNB * WB) * g1;
  u[0] = splat (WN0) * g0;
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

/* One channel of a panel's weights, nine rows of PANEL numbers, -> 36 rows, n rows apart. */
static void
wino_weight_rows (const real *const w[9], gsize c, gsize n, real *u)
{
  for (int j = 0; j < PANEL; j += VL)
    {
      vec taps[9], rows[18], out[36];
      for (int i = 0; i < 9; i++)
        taps[i] = load (w[i] + c * PANEL + j);
      for (int i = 0; i < 3; i++)
        wino_weight (taps + i, 3, rows + i, 3);
      for (int i = 0; i < 6; i++)
        wino_weight (rows + 3 * i, 1, out + 6 * i, 1);
      for (int i = 0; i < 36; i++)
        save (u + i * n * PANEL + j, out[i]);
    }
}

/* Channels c0 .. c0+n-1 of one panel's weights [9][C][PANEL] -> u[36][n][PANEL] */
static void
wino_weights (const Winograd *g, gsize panel, gsize c0, gsize n, real *u)
{
  enum { AT_ONCE = 16 };
  real room[9][AT_ONCE * PANEL] __attribute__ ((aligned (64)));
  for (gsize first = 0; first < n; first += AT_ONCE)
    {
      gsize count = MIN (AT_ONCE, n - first);
      const real *w[9];
      for (int i = 0; i < 9; i++)
        w[i] = packed_rows (&g->w, panel, i * g->channels + c0 + first, count, room[i]);
      for (gsize c = 0; c < count; c++)
        wino_weight_rows (w, c, n, u + (first + c) * PANEL);
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

static Winograd
wino_of (const Conv *conv)
{
  Winograd g = {
    .x = conv->x, .w = conv->w, .bias = conv->bias, .add = conv->add, .y = conv->y,
    .height = conv->s.height, .width = conv->s.width, .channels = conv->s.channels, .n = conv->s.n,
    .panels = (conv->s.n + PANEL - 1) / PANEL, .v = conv->scratch,
  };
  g.tiles_x = (g.width + 3) / 4;
  g.tiles_per_item = g.tiles_x * ((g.height + 3) / 4);
  g.stride = moa_winograd_stride (g.channels, sizeof (real));
  return g;
}

void
run_winograd (const Conv *conv, MoaCpu *cpu)
{
  Winograd g = wino_of (conv);
  gsize all = g.tiles_per_item * conv->s.items;
  gsize round = moa_winograd_tiles (all, g.stride, sizeof (real));
  g.own = g.v + 36 * round * g.stride;
  g.own_size = 36 * (MOA_WINO_DEPTH + MOA_WINO_TILES) * PANEL;
  for (g.first_tile = 0; g.first_tile < all; g.first_tile += round)
    {
      g.n_tiles = MIN (round, all - g.first_tile);
      g.n_tasks = task_count (cpu, g.n_tiles, 200. * g.n_tiles * g.channels);
      moa_cpu_parallel (cpu, g.n_tasks, wino_input_task, &g);
      g.parts = (g.n_tiles + MOA_WINO_TILES - 1) / MOA_WINO_TILES;
      moa_cpu_parallel (cpu, g.panels * g.parts, wino_panel_task, &g);
    }
}

/* The transpose of wino_output: four in, `from` apart; six out, `to` apart. */
ALWAYS_INLINE void
wino_output_back (const vec *o, int from, vec *m, int to)
{
  vec o0 = o[0], o1 = o[from], o2 = o[2 * from], o3 = o[3 * from];
  vec even_a = o0 + splat (WA2) * o2, odd_a = splat (WA) * (o1 + splat (WA2) * o3);
  vec even_b = o0 + splat (WB2) * o2, odd_b = splat (WB) * (o1 + splat (WB2) * o3);
  m[0] = o0;
  m[to] = even_a + odd_a;
  m[2 * to] = even_a - odd_a;
  m[3 * to] = even_b + odd_b;
  m[4 * to] = even_b - odd_b;
  m[5 * to] = o3;
}

/* The transpose of wino_weight: six in, `from` apart; three out, `to` apart. */
ALWAYS_INLINE void
wino_weight_back (const vec *u, int from, vec *g, int to)
{
  vec sum_a = splat (WNA) * (u[from] + u[2 * from]), diff_a = splat (WNA) * (u[from] - u[2 * from]);
  vec sum_b = splat (WNB) * (u[3 * from] + u[4 * from]);
  vec diff_b = splat (WNB) * (u[3 * from] - u[4 * from]);
  g[0] = splat (WN0) * u[0] + sum_a + sum_b;
  g[to] = splat (WA) * diff_a + splat (WB) * diff_b;
  g[2 * to] = splat (WA2) * sum_a + splat (WB2) * sum_b + u[5 * from];
}

/* dy's tile, zeros outside and behind its last channel. */
static void
wino_dy_tile (const Winograd *g, gsize tile)
{
  gsize item;
  gssize top, left;
  wino_place (g, tile, &item, &top, &left);
  for (gsize c = 0; c < g->panels * PANEL; c += VL)
    {
      vec in[16], half[24], out[36];
      gsize rest = c < g->n ? MIN (VL, g->n - c) : 0;
      for (int i = 0; i < 16; i++)
        {
          gssize y = top + i / 4, x = left + i % 4;
          gboolean inside = y < (gssize) g->height && x < (gssize) g->width && rest > 0;
          in[i] = (vec){ 0 };
          if (inside)
            memcpy (&in[i], g->dy + ((item * g->height + y) * g->width + x) * g->n + c,
                    rest * sizeof (real));
        }
      for (int i = 0; i < 4; i++)
        wino_output_back (in + 4 * i, 1, half + 6 * i, 1);
      for (int i = 0; i < 6; i++)
        wino_output_back (half + i, 6, out + i, 6);
      real *to = g->dv + (c / PANEL * 36 * g->n_tiles + tile) * PANEL + c % PANEL;
      for (int i = 0; i < 36; i++)
        save (to + i * g->n_tiles * PANEL, out[i]);
    }
}

static void
wino_both_task (gpointer data, int task, int thread)
{
  const Winograd *g = data;
  gsize first, end;
  task_range (g->n_tiles, task, g->n_tasks, &first, &end);
  for (gsize tile = first; tile < end; tile++)
    {
      wino_input_tile (g, tile);
      wino_dy_tile (g, tile);
    }
}

/* u[36][n][PANEL] -> channels c0 .. c0+n-1 of one panel's gradient [9][C][PANEL], added to it after
 * the first round. */
static void
wino_weights_back (const Winograd *g, gsize panel, gsize c0, gsize n, const real *u)
{
  real *w = g->dw + panel * 9 * g->channels * PANEL;
  for (gsize c = 0; c < n; c++)
    for (int j = 0; j < PANEL; j += VL)
      {
        vec in[36], rows[18], taps[9];
        for (int i = 0; i < 36; i++)
          in[i] = load (u + (i * n + c) * PANEL + j);
        for (int i = 0; i < 6; i++)
          wino_weight_back (in + 6 * i, 1, rows + 3 * i, 1);
        for (int i = 0; i < 3; i++)
          wino_weight_back (rows + i, 3, taps + i, 3);
        for (int i = 0; i < 9; i++)
          {
            real *to = w + (i * g->channels + c0 + c) * PANEL + j;
            if (g->first_tile > 0)
              taps[i] += load (to);
            save (to, taps[i]);
          }
      }
}

/* One panel of output channels, MOA_WINO_CHANNELS of the input. */
static void
wino_grad_task (gpointer data, int task, int thread)
{
  const Winograd *g = data;
  gsize panel = task % g->panels, c0 = task / g->panels * MOA_WINO_CHANNELS;
  gsize n = MIN (MOA_WINO_CHANNELS, g->channels - c0);
  real *u = g->own + thread * g->own_size;
  for (int p = 0; p < 36; p++)
    for (gsize tile = 0; tile < g->n_tiles; tile += MOA_WINO_TILES)
      {
        const real *a = g->v + (p * g->n_tiles + tile) * g->stride + c0;
        const real *b = g->dv + ((panel * 36 + p) * g->n_tiles + tile) * PANEL;
        real *c = u + p * n * PANEL;
        for (gsize i = 0; i < n; i += ROWS)
          gemm_tile_turned (MIN (ROWS, n - i), a + i, g->stride, b,
                            MIN (MOA_WINO_TILES, g->n_tiles - tile), c + i * PANEL, PANEL, PANEL,
                            tile ? c + i * PANEL : NULL, PANEL);
      }
  wino_weights_back (g, panel, c0, n, u);
}

void
run_winograd_grad_w (const Conv *conv, const real *dy, real *dw, MoaCpu *cpu)
{
  Winograd g = wino_of (conv);
  gsize all = g.tiles_per_item * conv->s.items;
  gsize round = moa_winograd_tiles (all, g.stride + g.panels * PANEL, sizeof (real));
  g.dy = dy;
  g.dw = dw;
  g.dv = g.v + 36 * round * g.stride;
  g.own = g.dv + 36 * round * g.panels * PANEL;
  g.own_size = 36 * MOA_WINO_CHANNELS * PANEL;
  gsize blocks = (g.channels + MOA_WINO_CHANNELS - 1) / MOA_WINO_CHANNELS;
  for (g.first_tile = 0; g.first_tile < all; g.first_tile += round)
    {
      g.n_tiles = MIN (round, all - g.first_tile);
      g.n_tasks = task_count (cpu, g.n_tiles, 200. * g.n_tiles * (g.channels + g.n));
      moa_cpu_parallel (cpu, g.n_tasks, wino_both_task, &g);
      moa_cpu_parallel (cpu, g.panels * blocks, wino_grad_task, &g);
    }
}
