/* Random numbers: Philox4x32-10, uniforms of 24 bits, normals by Box-Muller. */
#include "base/exact.h"
#include "base/rng.h"

#include <math.h>

void
moa_philox (guint64 seed, guint64 stream, guint64 block, guint32 out[4])
{
  guint32 k0 = (guint32) seed, k1 = seed >> 32;
  guint32 c0 = (guint32) block, c1 = block >> 32, c2 = (guint32) stream, c3 = stream >> 32;
  for (int round = 0; round < 10; round++)
    {
      guint64 p0 = (guint64) 0xd2511f53 * c0;
      guint64 p1 = (guint64) 0xcd9e8d57 * c2;
      c0 = (guint32) (p1 >> 32) ^ c1 ^ k0;
      c1 = (guint32) p1;
      c2 = (guint32) (p0 >> 32) ^ c3 ^ k1;
      c3 = (guint32) p0;
      k0 += 0x9e3779b9; /* the golden ratio */
      k1 += 0xbb67ae85; /* sqrt (3) - 1 */
    }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/* ln ((w + 1/2) / 2^32): with m in [sqrt (1/2), sqrt (2)) and f = (m-1)/(m+1),
 * ln m = 2 (f + f^3/3 + f^5/5 + ...), |f| < 0.172. */
static double
log_of_word (guint32 w)
{
  guint64 x = 2 * (guint64) w + 1; /* over 2^33 */
  int e = g_bit_nth_msf (x, -1);
  double m = (double) x / (double) (G_GUINT64_CONSTANT (1) << e);
  if (m >= 1.4142135623730951)
    {
      m *= 0.5;
      e++;
    }
  double f = (m - 1.0) / (m + 1.0), s = f * f, sum = 0.0;
  for (int k = 19; k >= 1; k -= 2)
    sum = sum * s + 1.0 / k;
  return (e - 33) * 0.69314718055994531 + 2.0 * f * sum;
}

/* cos and sin of 2 pi w / 2^32: the nearest quarter turn exactly, and Taylor
 * series for what is left, at most pi/4. */
static void
turn_of_word (guint32 w, double *c, double *s)
{
  guint32 quarter = (w + 0x20000000u) >> 30;
  gint32 rest = (gint32) (w - (quarter << 30));
  double y = rest * (3.14159265358979324 / 2147483648.0), y2 = y * y;
  double cosine = 1.0, sine = 1.0;
  for (int k = 18; k >= 2; k -= 2)
    {
      cosine = 1.0 - cosine * y2 / (k * (k - 1));
      sine = 1.0 - sine * y2 / (k * (k + 1));
    }
  sine *= y;
  *c = quarter == 0 ? cosine : quarter == 1 ? -sine : quarter == 2 ? -cosine : sine;
  *s = quarter == 0 ? sine : quarter == 1 ? cosine : quarter == 2 ? -sine : -cosine;
}

static void
normal_pair (guint32 a, guint32 b, float out[2])
{
  double c, s, r = sqrt (-2.0 * log_of_word (a));
  turn_of_word (b, &c, &s);
  out[0] = (float) (r * c);
  out[1] = (float) (r * s);
}

static void
normal_block (const guint32 words[4], float out[4])
{
  normal_pair (words[0], words[1], out);
  normal_pair (words[2], words[3], out + 2);
}

static void
uniform_block (const guint32 words[4], float out[4])
{
  for (int i = 0; i < 4; i++)
    out[i] = (float) (words[i] >> 8) * 0x1p-24f;
}

/* Element i of a stream is number i % 4 of block i / 4. */
static void
draw (guint64 seed, guint64 stream, guint64 first, float *out, gsize n,
      void (*make) (const guint32 words[4], float out[4]))
{
  for (gsize i = 0; i < n;)
    {
      guint32 words[4];
      float values[4];
      moa_philox (seed, stream, (first + i) / 4, words);
      make (words, values);
      for (guint lane = (first + i) % 4; lane < 4 && i < n; lane++, i++)
        out[i] = values[lane];
    }
}

void
moa_rng_normal (guint64 seed, guint64 stream, guint64 first, float *out, gsize n)
{
  draw (seed, stream, first, out, n, normal_block);
}

void
moa_rng_uniform (guint64 seed, guint64 stream, guint64 first, float *out, gsize n)
{
  draw (seed, stream, first, out, n, uniform_block);
}
