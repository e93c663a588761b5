/* 16-bit floats.  Each conversion does the same few steps whatever the value,
 * so that compilers can turn the array forms into vectors: a half-precision
 * checkpoint of SD 1.5 size is about 10^9 elements. */
#include "base/half.h"

#include <string.h>

static inline guint32
bits_of (float f)
{
  guint32 bits;
  memcpy (&bits, &f, sizeof bits);
  return bits;
}

static inline float
float_of (guint32 bits)
{
  float f;
  memcpy (&f, &bits, sizeof f);
  return f;
}

static inline float
half_to_float (guint16 h)
{
  guint32 sign = (guint32) (h & 0x8000) << 16;
  guint32 rest = (guint32) (h & 0x7fff) << 13;
  guint32 exponent = rest & 0x0f800000;
  gboolean small = exponent == 0;
  /* A subnormal is 2^-14 (1 + m/1024) - 2^-14: exact, and without subnormal
   * floats, which a thread that flushes those to zero would lose. */
  guint32 bias = small ? 113 << 23 : exponent == 0x0f800000 ? 224 << 23 : 112 << 23;
  float f = float_of (rest + bias) - float_of (small ? 113 << 23 : 0);
  return float_of (bits_of (f) | sign);
}

static inline guint16
half_from_float (float f)
{
  guint32 bits = bits_of (f);
  guint32 sign = bits >> 16 & 0x8000;
  guint32 rest = bits & 0x7fffffff;
  /* Adding 2^(e+13) leaves a float no more bits than a half with exponent e
   * has, and rounds to nearest even for us; -14 is a half's least exponent. */
  guint32 exponent = MIN (MAX (rest & 0x7f800000, 113 << 23), 142 << 23);
  float magic = float_of (exponent + (13 << 23));
  guint32 digits = bits_of (float_of (MIN (rest, 143 << 23)) + magic) - bits_of (magic);
  guint32 h = (exponent >> 13) - (113 << 10) + digits; /* 65520 and more: infinity */
  guint32 nan = 0x7e00 | (rest >> 13 & 0x3ff);
  return (rest > 0x7f800000 ? nan : h) | sign;
}

static inline guint16
bfloat_from_float (float f)
{
  guint32 bits = bits_of (f);
  guint32 rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  guint32 nan = bits >> 16 | 0x40;
  return (bits & 0x7fffffff) > 0x7f800000 ? nan : rounded;
}

float
moa_half_to_float (guint16 h)
{
  return half_to_float (h);
}

guint16
moa_half_from_float (float f)
{
  return half_from_float (f);
}

float
moa_bfloat_to_float (guint16 b)
{
  return float_of ((guint32) b << 16);
}

guint16
moa_bfloat_from_float (float f)
{
  return bfloat_from_float (f);
}

void
moa_half_to_floats (const guint16 *in, float *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = half_to_float (in[i]);
}

void
moa_half_from_floats (const float *in, guint16 *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = half_from_float (in[i]);
}

void
moa_bfloat_to_floats (const guint16 *in, float *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = float_of ((guint32) in[i] << 16);
}

void
moa_bfloat_from_floats (const float *in, guint16 *out, gsize n)
{
  for (gsize i = 0; i < n; i++)
    out[i] = bfloat_from_float (in[i]);
}
