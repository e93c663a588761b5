/* exp, erf and the activations on vectors.  In float: exp to 1.2e-7 relative,
 * erf to 2e-7.  In double they call libm, lane by lane. */
#ifndef MOA_VMATH_H
#define MOA_VMATH_H

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

/* exp (x) = 2^n exp (r), |r| <= ln 2 / 2, Taylor to r^7; flushes to 0 below
 * -87 and stays finite above 88. */
static inline vec
vec_exp (vec x)
{
  const vec magic = splat (12582912.f); /* 1.5 * 2^23: adding it rounds to an integer */
  x = vec_select (x < splat (-87.f), splat (-87.f), x);
  x = vec_select (x > splat (88.f), splat (88.f), x);
  vec shifted = x * splat (1.44269504088896341f) + magic;
  vec n = shifted - magic;
  vec r = x - n * splat (0.693359375f);
  r = r - n * splat (-2.12194440054690583e-4f);
  vec p = splat (1.f / 5040);
  p = p * r + splat (1.f / 720);
  p = p * r + splat (1.f / 120);
  p = p * r + splat (1.f / 24);
  p = p * r + splat (1.f / 6);
  p = p * r + splat (0.5f);
  p = p * r + splat (1.f);
  p = p * r + splat (1.f);
  veci scale = ((veci) shifted - (veci) magic + 127) << 23;
  return p * (vec) scale;
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
#else
  return vec_select (a > b, a, b);
#endif
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

/* The first n < VL numbers at p, the rest 0. */
static inline vec
load_part (const real *p, gsize n)
{
  real lanes[VL] = { 0 };
  memcpy (lanes, p, n * sizeof (real));
  return load (lanes);
}

static inline void
save_part (real *p, vec v, gsize n)
{
  memcpy (p, &v, n * sizeof (real));
}

#endif
