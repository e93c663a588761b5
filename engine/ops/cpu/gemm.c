/* The register tile and the loop over tiles, see gemm.h. */
#include "ops/cpu/gemm.h"

/* What a tile is, and where it goes; see gemm.h. */
typedef struct {
  const real *a, *b;
  gsize lda, k;
  real *c;
  gsize ldc;
  const real *bias, *add;
  gsize ldadd;
} Tile;

/* c[rows x nv vectors] = a b, or a^T b if turned, + bias + add. */
ALWAYS_INLINE void
tile_fixed (const gboolean turned, const int rows, const int nv, const Tile *t)
{
  const real *a = t->a, *b = t->b;
  const gsize lda = t->lda, k = t->k;
  vec acc[ROWS][2];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 2
    for (int j = 0; j < nv; j++)
      acc[i][j] = (vec){ 0 };

  /* Three rows to a base pointer: x86 addresses base, base + lda, base + 2 lda. */
  const real *base[(ROWS + 2) / 3];
#pragma GCC unroll 8
  for (int i = 0; i < (rows + 2) / 3; i++)
    base[i] = a + 3 * i * lda;
  for (gsize p = 0; p < k; p++)
    {
      vec bv[2];
#pragma GCC unroll 2
      for (int j = 0; j < nv; j++)
        bv[j] = load (b + j * VL);
      b += PANEL;
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++)
        {
          vec av = splat (turned ? a[i] : base[i / 3][(i % 3) * lda + p]);
#pragma GCC unroll 2
          for (int j = 0; j < nv; j++)
            acc[i][j] += av * bv[j];
        }
      if (turned)
        a += lda;
    }
#define EACH(what)                  \
  _Pragma ("GCC unroll 16")         \
  for (int i = 0; i < rows; i++)    \
    _Pragma ("GCC unroll 2")        \
    for (int j = 0; j < nv; j++)    \
      what;
  if (t->bias)
    EACH (acc[i][j] += load (t->bias + j * VL))
  if (t->add)
    EACH (acc[i][j] += load (t->add + i * t->ldadd + j * VL))
  EACH (save (t->c + i * t->ldc + j * VL, acc[i][j]))
#undef EACH
}

/* nv vectors of columns. */
ALWAYS_INLINE void
tile (const gboolean turned, int rows, int nv, const Tile *t)
{
#define TILE(r)                       \
  case r:                             \
    if (nv == 2)                      \
      tile_fixed (turned, r, 2, t);   \
    else                              \
      tile_fixed (turned, r, 1, t);   \
    break;
  switch (rows)
    {
      TILE (1) TILE (2) TILE (3) TILE (4) TILE (5) TILE (6)
#if ROWS > 6
      TILE (7) TILE (8) TILE (9) TILE (10) TILE (11) TILE (12)
#endif
    default:
      break;
    }
#undef TILE
}

static void
tile_plain (int rows, int nv, const Tile *t)
{
  tile (FALSE, rows, nv, t);
}

static void
tile_turned (int rows, int nv, const Tile *t)
{
  tile (TRUE, rows, nv, t);
}

/* c = sum + bias + add, m x n. */
static void
put (int m, int n, const real *sum, real *c, gsize ldc, const real *bias, const real *add,
     gsize ldadd)
{
  for (int i = 0; i < m; i++)
    {
      int j = 0;
      for (; j + VL <= n; j += VL)
        {
          vec v = load (sum + i * PANEL + j);
          if (bias)
            v += load (bias + j);
          if (add)
            v += load (add + i * ldadd + j);
          save (c + i * ldc + j, v);
        }
      for (; j < n; j++)
        c[i * ldc + j] = sum[i * PANEL + j] + (bias ? bias[j] : 0) + (add ? add[i * ldadd + j] : 0);
    }
}

void
gemm_tile (int m, const real *a, gsize lda, const real *b, gsize k, real *c, gsize ldc, int n,
           const real *bias, const real *add, gsize ldadd)
{
  int nv = n > VL ? 2 : 1;
  if (n == nv * VL)
    {
      tile_plain (m, nv, &(Tile){ a, b, lda, k, c, ldc, bias, add, ldadd });
      return;
    }
  real sum[ROWS * PANEL];
  tile_plain (m, nv, &(Tile){ a, b, lda, k, sum, PANEL });
  put (m, n, sum, c, ldc, bias, add, ldadd);
}

void
gemm_tile_turned (int m, const real *a, gsize lda, const real *b, gsize k, real *c, gsize ldc,
                  int n, const real *add, gsize ldadd)
{
  tile_turned (m, n > VL ? 2 : 1, &(Tile){ a, b, lda, k, c, ldc, NULL, add, ldadd });
}

void
gemm_block (gsize m, const real *a, gsize lda, const real *b, gsize depth, gsize k0, gsize k,
            gsize n, real *c, gsize ldc, const real *bias, const real *add, gsize ldadd)
{
  for (gsize j = 0; j < n; j += PANEL)
    for (gsize i = 0; i < m; i += ROWS)
      gemm_tile (MIN (ROWS, m - i), a + i * lda, lda, b + j * depth + k0 * PANEL, k,
                 c + i * ldc + j, ldc, MIN (PANEL, n - j), bias ? bias + j : NULL,
                 add ? add + i * ldadd + j : NULL, ldadd);
}

void
gemm_packed (gsize m, const real *a, gsize lda, const Packed *b, gsize panel, gsize k0, gsize k,
             gsize n, real *c, gsize ldc, const real *bias, const real *add, gsize ldadd)
{
  real room[DEPTH * PANEL] __attribute__ ((aligned (64)));
  for (gsize j = 0; j < n; j += PANEL, panel++)
    gemm_block (m, a, lda, packed_rows (b, panel, k0, k, room), k, 0, k, MIN (PANEL, n - j), c + j,
                ldc, bias ? bias + j : NULL, add ? add + j : NULL, ldadd);
}
