/* What attention and its gradient share: rows of a head in panels, and the softmax. */
#ifndef MOA_ATTENTION_H
#define MOA_ATTENTION_H

#include "ops/cpu/gemm.h"
#include "ops/cpu/transpose.h"
#include "ops/cpu/vmath.h"

/* n rows of a head, `channels` apart -> panels of rows, [width][PANEL], zeros behind the last. */
static inline void
pack_rows (const real *x, gsize n, gsize channels, gsize width, real *to)
{
  for (gsize j = 0; j < (n + PANEL - 1) / PANEL * PANEL; j += VL)
    {
      real *panel = to + j / PANEL * PANEL * width + j % PANEL;
      gsize some = j < n ? MIN (VL, n - j) : 0;
      /* The last square reaches back into the one before. */
      for (gsize c = 0; c < width && width >= VL; c += VL)
        {
          gsize at = MIN (c, width - VL);
          vec square[VL];
          for (gsize l = 0; l < VL; l++)
            square[l] = l < some ? load (x + (j + l) * channels + at) : (vec){ 0 };
          transpose (square);
          for (gsize l = 0; l < VL; l++)
            save (panel + (at + l) * PANEL, square[l]);
        }
      for (gsize c = 0; c < width && width < VL; c++)
        for (gsize l = 0; l < VL; l++)
          panel[c * PANEL + l] = l < some ? x[(j + l) * channels + c] : 0;
    }
}

/* One panel back into its n rows. */
static inline void
unpack_rows (const real *panel, gsize n, gsize channels, gsize width, real *to)
{
  for (gsize j = 0; j < n; j += VL)
    {
      gsize some = MIN (VL, n - j);
      for (gsize c = 0; c < width && width >= VL; c += VL)
        {
          gsize at = MIN (c, width - VL);
          vec square[VL];
          for (gsize l = 0; l < VL; l++)
            square[l] = load (panel + (at + l) * PANEL + j);
          transpose (square);
          for (gsize l = 0; l < some; l++)
            save (to + (j + l) * channels + at, square[l]);
        }
      for (gsize c = 0; c < width && width < VL; c++)
        for (gsize l = 0; l < some; l++)
          to[(j + l) * channels + c] = panel[c * PANEL + j + l];
    }
}

/* The same -> panels of columns, [n][PANEL]. */
static inline void
pack_columns (const real *x, gsize n, gsize channels, gsize width, real *to)
{
  for (gsize c = 0; c < width; c += PANEL, to += n * PANEL)
    for (gsize l = 0; l < PANEL; l += VL)
      {
        gsize some = c + l < width ? MIN (VL, width - c - l) : 0;
        for (gsize j = 0; j < n; j++)
          save (to + j * PANEL + l, load_some (x + j * channels + c + l, some));
      }
}

/* Of n rows PANEL apart the greatest in each lane, and `least`. */
static inline vec
columns_max (const real *s, gsize n, vec least)
{
  vec top[4] = { least, least, least, least };
  gsize i = 0;
  for (; i + 4 <= n; i += 4)
#pragma GCC unroll 4
    for (gsize j = 0; j < 4; j++)
      top[j] = vec_max (top[j], load (s + (i + j) * PANEL));
  for (; i < n; i++)
    top[0] = vec_max (top[0], load (s + i * PANEL));
  return vec_max (vec_max (top[0], top[1]), vec_max (top[2], top[3]));
}

/* exp (scale s - shift) of n rows in place; returns their sum. */
static inline vec
columns_exp (real *s, gsize n, vec scale, vec shift)
{
  vec sum = { 0 };
  for (gsize i = 0; i < n; i++)
    {
      vec e = vec_exp_small (scale * load (s + i * PANEL) - shift);
      save (s + i * PANEL, e);
      sum += e;
    }
  return sum;
}

/* exp (scale (s - max)) in place over n scores, zeros up to `padded`; returns 1 / sum. */
static inline real
softmax_row (real *s, gsize n, gsize padded, real scale)
{
  for (gsize i = n; i < padded; i++)
    s[i] = -G_MAXFLOAT;
  vec max = load (s), sum = { 0 };
  for (gsize i = VL; i < padded; i += VL)
    max = vec_max (max, load (s + i));
  max = splat (vec_top (max));
  for (gsize i = 0; i < padded; i += VL)
    {
      vec e = vec_exp_small (splat (scale) * (load (s + i) - max));
      save (s + i, e);
      sum += e;
    }
  real total = vec_sum (sum);
  for (gsize i = n; i < padded; i++)
    {
      total -= s[i];
      s[i] = 0;
    }
  return 1 / total;
}

#endif
