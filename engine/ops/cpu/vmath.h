/* exp, erf and the activations on vectors.  In float: exp to 1.2e-7 relative,
 * erf to 2e-7.  In double they call libm, lane by lane. */
#ifndef MOA_VMATH_H
#define MOA_VMATH_H

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "ops/cpu/kernel.h"
#include "ops/ops.h"

#ifdef MOA_KERNEL_F64

static inline vec
vec_exp (vec x)
{
  for (int i = 0; i < VL; i++)
    x[i] = exp (x[i]);
  return x;
}

static inline vec
vec_exp_small (vec x)
{
  return vec_exp (x);
}

static inline vec
vec_erf (vec x)
{
  for (int i = 0; i < VL; i++)
    x[i] = erf (x[i]);
  return x;
}

#else

static inline vec
vec_select (veci mask, vec a, vec b)
{
  return (vec) ((mask & (veci) a) | (~mask & (veci) b));
}

/* exp (r), |r| <= ln 2 / 2: 1 + r + r^2 Q (r), fitted to 1e-8. */
static inline vec
exp_core (vec r)
{
  vec q = splat (1.393365033e-03f);
  q = q * r + splat (8.363181545e-03f);
  q = q * r + splat (4.166646493e-02f);
  q = q * r + splat (1.666657697e-01f);
  q = q * r + splat (5.000000013e-01f);
  q = q * r + splat (1.f);
  return q * r + splat (1.f);
}

/* x - n ln 2, in two parts */
static inline vec
exp_reduce (vec x, vec n)
{
  return x - n * splat (0.693359375f) - n * splat (-2.12194440054690583e-4f);
}

/* exp (x) = 2^n exp (r) */
static inline vec
vec_exp (vec x)
{
#ifdef __AVX512F__
  x = (vec) _mm512_max_ps (_mm512_min_ps ((__m512) x, _mm512_set1_ps (104)), _mm512_set1_ps (-104));
  vec n = (vec) _mm512_roundscale_ps ((__m512) (x * splat (1.44269504088896341f)),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return (vec) _mm512_scalef_ps ((__m512) exp_core (exp_reduce (x, n)), (__m512) n);
#else
  /* 0 below -87, finite above 88; adding 1.5 * 2^23 rounds to an integer. */
  const vec magic = splat (12582912.f);
  x = vec_select (x < splat (-87.f), splat (-87.f), x);
  x = vec_select (x > splat (88.f), splat (88.f), x);
  vec shifted = x * splat (1.44269504088896341f) + magic;
  veci scale = ((veci) shifted - (veci) magic + 127) << 23;
  return exp_core (exp_reduce (x, shifted - magic)) * (vec) scale;
#endif
}

/* The same where x is not much above 0, as behind a softmax's largest; what is nearly 0 anyway loses some
 * of its accuracy.  0 or nearly 0 far below. */
static inline vec
vec_exp_small (vec x)
{
#ifdef __AVX512F__
  x = (vec) _mm512_max_ps ((__m512) x, _mm512_set1_ps (-104));
  vec n = (vec) _mm512_roundscale_ps ((__m512) (x * splat (1.44269504088896341f)),
                                      _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return (vec) _mm512_scalef_ps ((__m512) exp_core (x - n * splat (0.69314718055994531f)), (__m512) n);
#else
  return vec_exp (x);
#endif
}

/* |x| < 1: x P (x^2).  Else 1 - exp (-x^2) Q (1 / (1 + |x| / 2)), fitted on [1, 4]. */
static inline vec
vec_erf (vec x)
{
  static const float small[] = { 7.8824975e-05f, -8.0188555e-04f, 5.1893122e-03f, -2.6854329e-02f,
                                 1.1283597e-01f, -3.7612626e-01f, 1.12837911f };
  static const float large[] = { 1.2005975e-01f, -4.7374974e-01f, 5.6713872e-01f, -1.0683246e-01f,
                                 3.4938941e-01f, 2.5922518e-01f, 2.8498638e-01f, -1.5916726e-04f };
  const veci sign_bit = (veci) splat (-0.f);
  vec ax = (vec) ((veci) x & ~sign_bit);
  ax = vec_select (ax > splat (4.f), splat (4.f), ax);
  vec s = ax * ax;
  vec p = splat (small[0]);
  for (int i = 1; i < 7; i++)
    p = p * s + splat (small[i]);
  p = p * ax;
  vec u = splat (1.f) / (splat (1.f) + splat (0.5f) * ax);
  vec q = splat (large[0]);
  for (int i = 1; i < 8; i++)
    q = q * u + splat (large[i]);
  q = splat (1.f) - vec_exp (-s) * q;
  vec y = vec_select (ax < splat (1.f), p, q);
  return (vec) ((veci) y | ((veci) x & sign_bit));
}

#endif

static inline vec
vec_max (vec a, vec b)
{
#ifdef MOA_KERNEL_F64
  for (int i = 0; i < VL; i++)
    a[i] = a[i] > b[i] ? a[i] : b[i];
  return a;
#elif VL == 16
  return (vec) _mm512_max_ps ((__m512) a, (__m512) b);
#elif VL == 8
  return (vec) _mm256_max_ps ((__m256) a, (__m256) b);
#elif defined(__SSE2__)
  return (vec) _mm_max_ps ((__m128) a, (__m128) b);
#else
  return vec_select (a > b, a, b);
#endif
}

/* The greatest of v's numbers. */
static inline real
vec_top (vec v)
{
#if VL == 16
  v = vec_max (v, __builtin_shuffle (v, LANES (LANE_ACROSS, 8)));
#endif
#if VL >= 8
  v = vec_max (v, __builtin_shuffle (v, LANES (LANE_ACROSS, 4)));
#endif
  v = vec_max (v, __builtin_shuffle (v, LANES (LANE_ACROSS, 2)));
  return vec_max (v, __builtin_shuffle (v, LANES (LANE_ACROSS, 1)))[0];
}

static inline vec
vec_sigmoid (vec x)
{
  return splat (1) / (splat (1) + vec_exp (-x));
}

static inline vec
vec_gelu (vec x)
{
  return splat (0.5) * x * (splat (1) + vec_erf (x * splat (R (0.70710678118654752440))));
}

static inline vec
vec_activate (MoaAct act, vec x)
{
  switch (act)
    {
    case MOA_ACT_SILU:
      return x * vec_sigmoid (x);
    case MOA_ACT_QUICK_GELU:
      return x * vec_sigmoid (splat (R (1.702)) * x);
    default:
      return vec_gelu (x);
    }
}

/* d act / dx */
static inline vec
vec_slope (MoaAct act, vec x)
{
  const vec one = splat (1);
  if (act == MOA_ACT_GELU)
    {
      vec phi = splat (R (0.39894228040143267794)) * vec_exp (splat (R (-0.5)) * x * x);
      return splat (R (0.5)) * (one + vec_erf (x * splat (R (0.70710678118654752440)))) + x * phi;
    }
  vec a = splat (act == MOA_ACT_SILU ? R (1.0) : R (1.702));
  vec s = vec_sigmoid (a * x);
  return s * (one + a * x * (one - s));
}

/* The first n < VL numbers at p, the rest 0. */
static inline vec
load_part (const real *p, gsize n)
{
#if VL == 16
  return (vec) _mm512_maskz_loadu_ps ((1u << n) - 1, p);
#else
  real lanes[VL] = { 0 };
  memcpy (lanes, p, n * sizeof (real));
  return load (lanes);
#endif
}

static inline void
save_part (real *p, vec v, gsize n)
{
#if VL == 16
  _mm512_mask_storeu_ps (p, (1u << n) - 1, (__m512) v);
#else
  memcpy (p, &v, n * sizeof (real));
#endif
}

/* The first n numbers, at most VL. */
static inline vec
load_some (const real *p, gsize n)
{
  return n >= VL ? load (p) : load_part (p, n);
}

static inline void
save_some (real *p, vec v, gsize n)
{
  if (n >= VL)
    save (p, v);
  else
    save_part (p, v, n);
}

#endif
