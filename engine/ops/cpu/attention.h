/* What attention and its gradient share: k and v in panels, and the softmax. */
#ifndef MOA_ATTENTION_H
#define MOA_ATTENTION_H

#include "ops/cpu/gemm.h"
#include "ops/cpu/vmath.h"

/* n rows of a head, `channels` apart -> panels of rows, [width][PANEL], zeros behind the last. */
static inline void
pack_rows (const real *x, gsize n, gsize channels, gsize width, real *to)
{
  for (gsize j = 0; j < n; j += PANEL)
    for (gsize l = 0; l < PANEL; l++)
      for (gsize c = 0; c < width; c++)
        to[j * width + c * PANEL + l] = j + l < n ? x[(j + l) * channels + c] : 0;
}

/* The same -> panels of columns, [n][PANEL]. */
static inline void
pack_columns (const real *x, gsize n, gsize channels, gsize width, real *to)
{
  for (gsize c = 0; c < width; c += PANEL)
    for (gsize j = 0; j < n; j++, to += PANEL)
      {
        gsize some = MIN (PANEL, width - c);
        memcpy (to, x + j * channels + c, some * sizeof (real));
        memset (to + some, 0, (PANEL - some) * sizeof (real));
      }
}

/* exp (scale (s - max)) in place over n scores, zeros up to `padded`; returns 1 / sum. */
static inline real
softmax_row (real *s, gsize n, gsize padded, real scale)
{
  for (gsize i = n; i < padded; i++)
    s[i] = -G_MAXFLOAT;
  vec top = load (s);
  for (gsize i = VL; i < padded; i += VL)
    top = vec_max (top, load (s + i));
  real max = top[0];
  for (int l = 1; l < VL; l++)
    max = MAX (max, top[l]);
  vec sum = { 0 };
  for (gsize i = 0; i < padded; i += VL)
    {
      vec e = vec_exp (splat (scale) * (load (s + i) - splat (max)));
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
