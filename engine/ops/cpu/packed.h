/* Weights in panels, [panels][depth][PANEL], that memory may hold narrower than they are computed
 * with: rows of a panel are widened in front of the products that read them many times. */
#ifndef MOA_PACKED_H
#define MOA_PACKED_H

#include "ops/cpu/kernel.h"

#ifdef __F16C__
#include <immintrin.h>
#endif

typedef struct {
  const void *data;
  MoaNumber number;  /* MOA_F32, MOA_F64: real */
  gsize depth;
} Packed;

#ifndef MOA_KERNEL_F64
typedef guint16 vec_half __attribute__ ((vector_size (VL * 2), aligned (2), may_alias));
typedef guint32 vec_bits __attribute__ ((vector_size (VL * 4)));
typedef gint8 vec_byte __attribute__ ((vector_size (VL), aligned (1), may_alias));

static inline vec
vec_of_bfloat (const guint16 *p)
{
  vec_bits wide = __builtin_convertvector (*(const vec_half *) p, vec_bits) << 16;
  return (vec) wide;
}

static inline vec
vec_of_half (const guint16 *p)
{
#if VL == 16
  return (vec) _mm512_cvtph_ps (_mm256_loadu_si256 ((const __m256i_u *) p));
#elif defined(__F16C__) && VL == 8
  return (vec) _mm256_cvtph_ps (_mm_loadu_si128 ((const __m128i_u *) p));
#else
  /* Exponents are 112 apart; a product carries subnormals over too. */
  vec_bits h = __builtin_convertvector (*(const vec_half *) p, vec_bits);
  vec_bits rest = (h & 0x7fff) << 13, huge = (vec_bits) ((h & 0x7c00) == 0x7c00);
  vec_bits f = (vec_bits) ((vec) rest * splat (0x1p112f));
  return (vec) (f | (huge & 0x7f800000) | (h & 0x8000) << 16);
#endif
}

/* n rows of PANEL numbers that lie one behind the other. */
static inline void
widen_halves (const guint16 *from, gboolean brain, gsize n, real *to)
{
  if (brain)
    for (gsize i = 0; i < n * PANEL; i += VL)
      save (to + i, vec_of_bfloat (from + i));
  else
    for (gsize i = 0; i < n * PANEL; i += VL)
      save (to + i, vec_of_half (from + i));
}

/* Rows first .. first + n - 1 of a panel of bytes with scales, see graph/param.h. */
static inline void
widen_bytes (const guint8 *panel, gsize first, gsize n, real *to)
{
  const gsize block = MOA_Q8_ROWS * PANEL + PANEL * sizeof (float);
  for (gsize p = first; p < first + n; p++)
    {
      const guint8 *at = panel + p / MOA_Q8_ROWS * block;
      const gint8 *row = (const gint8 *) at + PANEL * sizeof (float) + p % MOA_Q8_ROWS * PANEL;
      for (int j = 0; j < PANEL; j += VL, to += VL)
        save (to, __builtin_convertvector (*(const vec_byte *) (row + j), vec) *
                      load ((const float *) at + j));
    }
}
#endif

/* Rows first .. first + n - 1 of a panel: in place, or widened into room for n x PANEL numbers. */
static inline const real *
packed_rows (const Packed *w, gsize panel, gsize first, gsize n, real *room)
{
#ifndef MOA_KERNEL_F64
  gsize at = (panel * w->depth + first) * PANEL;
  if (w->number == MOA_Q8)
    {
      widen_bytes ((const guint8 *) w->data + panel * moa_q8_panel_bytes (w->depth, PANEL), first, n,
                   room);
      return room;
    }
  if (w->number == MOA_F16 || w->number == MOA_BF16)
    {
      widen_halves ((const guint16 *) w->data + at, w->number == MOA_BF16, n, room);
      return room;
    }
#endif
  return (const real *) w->data + (panel * w->depth + first) * PANEL;
}

#endif
