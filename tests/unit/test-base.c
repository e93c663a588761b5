/* Halves, random numbers, resizing and masks.  Expected numbers come from
 * outside: Random123's known answers, Box-Muller in Python with mpmath, Pillow
 * 13.0 (resize with BICUBIC, alpha_composite), and plain formulas. */
#include "base/half.h"
#include "base/image.h"
#include "base/mask.h"
#include "base/rng.h"
#include "io/safetensors.h"
#include "io-util.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>
#include <stdlib.h>

#define FNV_START G_GUINT64_CONSTANT (0xcbf29ce484222325)
#define FNV_PRIME G_GUINT64_CONSTANT (0x100000001b3)

static guint64
hash_bytes (const guint8 *data, gsize n)
{
  guint64 h = FNV_START;
  for (gsize i = 0; i < n; i++)
    h = (h ^ data[i]) * FNV_PRIME;
  return h;
}

static guint32
bits_of (float f)
{
  guint32 bits;
  memcpy (&bits, &f, sizeof bits);
  return bits;
}

static float
float_of (guint32 bits)
{
  float f;
  memcpy (&f, &bits, sizeof f);
  return f;
}

/* ---- Halves ---------------------------------------------------------- */

static double
half_value (guint16 h)
{
  int exponent = h >> 10 & 31, m = h & 1023;
  double v = exponent == 0 ? ldexp (m, -24)
           : exponent < 31 ? ldexp (1024 + m, exponent - 25)
           : m ? NAN : INFINITY;
  return h & 0x8000 ? -v : v;
}

static void
test_half_values (void)
{
  for (int i = 0; i < 65536; i++)
    {
      double expected = half_value (i);
      float f = moa_half_to_float (i);
      if (isnan (expected))
        {
          g_assert_true (isnan (f));
          guint16 back = moa_half_from_float (f);
          g_assert_true ((back & 0x7c00) == 0x7c00 && (back & 0x3ff) != 0);
          g_assert_cmphex (back & 0x8000, ==, i & 0x8000);
          continue;
        }
      g_assert_true (f == expected && !signbit (f) == !(i & 0x8000));
      g_assert_cmphex (moa_half_from_float (f), ==, i);
    }
}

/* Between each two neighbours: below, at and above the middle. */
static void
test_half_rounding (void)
{
  for (int i = 0; i < 0x7c00; i++)
    {
      double low = half_value (i), high = i == 0x7bff ? 65536.0 : half_value (i + 1);
      float middle = (float) ((low + high) / 2); /* exact: 12 bits */
      int even = i & 1 ? i + 1 : i;
      g_assert_cmphex (moa_half_from_float (middle), ==, even);
      g_assert_cmphex (moa_half_from_float (-middle), ==, even | 0x8000);
      g_assert_cmphex (moa_half_from_float (nextafterf (middle, 0)), ==, i);
      g_assert_cmphex (moa_half_from_float (nextafterf (middle, INFINITY)), ==, i + 1);
    }
  g_assert_cmphex (moa_half_from_float (1e30f), ==, 0x7c00);
  g_assert_cmphex (moa_half_from_float (-3.4e38f), ==, 0xfc00);
  g_assert_cmphex (moa_half_from_float (float_of (1)), ==, 0);
  g_assert_cmphex (moa_half_from_float (-0.0f), ==, 0x8000);
  g_assert_true (isnan (moa_half_to_float (moa_half_from_float (float_of (0x7f800001)))));
}

static void
test_bfloat (void)
{
  for (int i = 0; i < 65536; i++)
    {
      float f = moa_bfloat_to_float (i);
      g_assert_cmphex (bits_of (f), ==, (guint32) i << 16);
      guint16 back = moa_bfloat_from_float (f);
      if (isnan (f))
        g_assert_true (isnan (moa_bfloat_to_float (back)));
      else
        {
          g_assert_cmphex (back, ==, i);
          if (isinf (f))
            continue;
          float middle = float_of (bits_of (f) | 0x8000);
          g_assert_cmphex (moa_bfloat_from_float (middle), ==, i & 1 ? i + 1 : i);
          g_assert_cmphex (moa_bfloat_from_float (float_of (bits_of (middle) - 1)), ==, i);
          g_assert_cmphex (moa_bfloat_from_float (float_of (bits_of (middle) + 1)), ==, i + 1);
        }
    }
  g_assert_true (isnan (moa_bfloat_to_float (moa_bfloat_from_float (float_of (0x7f800001)))));
}

static void
test_half_arrays (void)
{
  guint16 in[999], back[999];
  float f[999];
  for (int i = 0; i < 999; i++)
    in[i] = i * 31;
  moa_half_to_floats (in, f, 999);
  moa_half_from_floats (f, back, 999);
  g_assert_cmpmem (in, sizeof in, back, sizeof back);
  moa_bfloat_to_floats (in, f, 999);
  moa_bfloat_from_floats (f, back, 999);
  g_assert_cmpmem (in, sizeof in, back, sizeof back);
}

/* ---- Random numbers -------------------------------------------------- */

static void
test_philox (void)
{
  static const struct {
    guint64 seed, stream, block;
    guint32 out[4];
  } known[] = {
    { 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { G_MAXUINT64, G_MAXUINT64, G_MAXUINT64, { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { G_GUINT64_CONSTANT (0x299f31d0a4093822), G_GUINT64_CONSTANT (0x0370734413198a2e),
      G_GUINT64_CONSTANT (0x85a308d3243f6a88), { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    {
      guint32 out[4];
      moa_philox (known[i].seed, known[i].stream, known[i].block, out);
      g_assert_cmpmem (out, sizeof out, known[i].out, sizeof out);
    }
}

static void
test_normal_bits (void)
{
  static const guint32 expected[12]
    = { 0xbfb08ec6, 0x3dca0ae1, 0xbd5368af, 0xbfa78301, 0xbeb7723a, 0xbf82a5a7,
        0x3ee6dff5, 0x3f900299, 0xbf3bc5c9, 0x3f5e7cbe, 0x3eef1e4b, 0xbf6ae718 };
  float z[12];
  moa_rng_normal (20240402, 7, 0, z, 12);
  g_assert_cmpmem (z, sizeof z, expected, sizeof expected);

  g_autofree float *many = g_new (float, 20000);
  guint64 h = FNV_START;
  moa_rng_normal (G_GUINT64_CONSTANT (0x0123456789abcdef), 1, 0, many, 20000);
  for (int i = 0; i < 20000; i++)
    h = (h ^ bits_of (many[i])) * FNV_PRIME;
  g_assert_cmphex (h, ==, G_GUINT64_CONSTANT (0xf5efd6c80ef82d6e));
}

/* Any part of a stream is what the whole has there. */
static void
test_rng_parts (void)
{
  float all[64], part[64];
  for (int kind = 0; kind < 2; kind++)
    {
      void (*draw) (guint64, guint64, guint64, float *, gsize)
        = kind ? moa_rng_normal : moa_rng_uniform;
      draw (5, 6, 0, all, 64);
      for (int first = 0; first < 12; first++)
        for (int n = 0; n < 12; n++)
          {
            draw (5, 6, first, part, n);
            g_assert_cmpmem (part, n * sizeof (float), all + first, n * sizeof (float));
          }
      draw (5, 7, 0, part, 64);
      g_assert_true (memcmp (all, part, sizeof all) != 0);
      draw (6, 6, 0, part, 64);
      g_assert_true (memcmp (all, part, sizeof all) != 0);
    }
  /* far along: beyond 2^32 blocks */
  moa_rng_normal (1, 0, G_GUINT64_CONSTANT (1) << 40, all, 8);
  moa_rng_normal (1, 0, 0, part, 8);
  g_assert_true (memcmp (all, part, 8 * sizeof (float)) != 0);
}

static int
compare_floats (const void *a, const void *b)
{
  float x = *(const float *) a, y = *(const float *) b;
  return (x > y) - (x < y);
}

/* Five standard errors for the moments; Kolmogorov-Smirnov at 1e-6. */
static void
check_distribution (float *x, int n, double mean, double variance, double fourth, gboolean normal)
{
  double m1 = 0, m2 = 0, m4 = 0, lag = 0, distance = 0;
  for (int i = 0; i < n; i++)
    {
      double d = x[i] - mean;
      m1 += d;
      m2 += d * d;
      m4 += d * d * d * d;
      lag += i ? d * (x[i - 1] - mean) : 0;
    }
  double root = sqrt (n);
  g_assert_cmpfloat (fabs (m1 / n), <, 5 * sqrt (variance) / root);
  g_assert_cmpfloat (fabs (m2 / n - variance), <, 5 * sqrt (fourth - variance * variance) / root);
  g_assert_cmpfloat (fabs (m4 / n - fourth), <, 5 * 10 * fourth / root);
  g_assert_cmpfloat (fabs (lag / n), <, 5 * variance / root);
  qsort (x, n, sizeof (float), compare_floats);
  for (int i = 0; i < n; i++)
    {
      double p = normal ? 0.5 * erfc (-x[i] / sqrt (2.0)) : x[i];
      distance = MAX (distance, MAX (fabs (p - (double) i / n), fabs (p - (i + 1.0) / n)));
    }
  g_assert_cmpfloat (distance * root, <, 2.7);
}

static void
test_rng_distribution (void)
{
  const int n = 300000;
  g_autofree float *x = g_new (float, n);
  for (guint64 seed = 0; seed < 3; seed++)
    {
      moa_rng_normal (seed, 0, 0, x, n);
      check_distribution (x, n, 0, 1, 3, TRUE);
      moa_rng_uniform (seed, 0, 0, x, n);
      for (int i = 0; i < n; i++)
        g_assert_true (x[i] >= 0 && x[i] < 1);
      check_distribution (x, n, 0.5, 1 / 12.0, 1 / 80.0, FALSE);
    }
}

/* ---- Resizing -------------------------------------------------------- */

static guint8 *
pattern (int w, int h, int channels)
{
  guint8 *data = g_malloc ((gsize) w * h * channels), *p = data;
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      for (int i = 0; i < channels; i++)
        *p++ = x * 37 + y * 91 + i * 53 + x * y * 7 % 31 * 8;
  return data;
}

static void
test_resize_u8 (void)
{
  static const guint8 small[] = { 105, 121, 145, 96, 119, 124, 159, 153, 134, 131, 117, 94 };
  static const guint8 mixed[]
    = { 5, 68, 126, 203, 98, 28, 104, 73, 65, 144, 145, 150, 87, 87, 141, 93, 139, 95, 189, 133, 80,
        138, 168, 83, 113, 158, 105, 105, 111, 198, 92, 93, 209, 131, 83, 97, 180, 118, 111, 227,
        172, 125, 109, 123, 145, 165, 185, 206, 226, 123, 72, 184, 104, 156, 202, 136, 111, 62, 156,
        81, 119, 153, 80, 83, 95, 96, 96, 98, 83, 82, 80, 163, 126, 71, 167, 50, 106, 148, 189, 156,
        108, 160, 76, 104, 217, 189, 172, 157, 125, 114, 92 };
  static const guint8 rows[] = { 88, 122, 121, 125, 122, 115, 162, 181, 123, 113, 110,
                                 128, 111, 136, 159, 120, 96, 132, 161, 126, 100, 122 };
  static const guint8 four[]
    = { 54, 108, 122, 183, 69, 133, 162, 158, 150, 145, 200, 41, 138, 181, 98, 170,
        143, 101, 124, 122, 99, 97, 159, 104, 108, 90, 140, 102, 173, 173, 143, 55,
        110, 180, 181, 119, 114, 172, 133, 85, 87, 150, 177, 129, 181, 135, 55, 71 };
  guint8 out[128];
  g_autofree guint8 *grey = pattern (11, 9, 1);
  g_autofree guint8 *cmyk = pattern (5, 6, 4);
  moa_resize_u8 (grey, 11, 9, 1, out, 4, 3);
  g_assert_cmpmem (out, 12, small, sizeof small);
  moa_resize_u8 (grey, 11, 9, 1, out, 7, 13);
  g_assert_cmpmem (out, 91, mixed, sizeof mixed);
  moa_resize_u8 (grey, 11, 9, 1, out, 11, 2);
  g_assert_cmpmem (out, 22, rows, sizeof rows);
  moa_resize_u8 (grey, 11, 9, 1, out, 11, 9);
  g_assert_cmpmem (out, 99, grey, 99);
  moa_resize_u8 (cmyk, 5, 6, 4, out, 3, 4);
  g_assert_cmpmem (out, 48, four, sizeof four);
}

static void
test_clip_crop (void)
{
  static const struct {
    int w, h, n;
    guint64 hash;
  } cases[] = {
    { 301, 40, 24, G_GUINT64_CONSTANT (0x7b0dfa53ea1ba4eb) },
    { 33, 700, 50, G_GUINT64_CONSTANT (0xb79c05c219f8f0f7) },
    { 640, 480, 32, G_GUINT64_CONSTANT (0x2fd978903d6e832a) },
  };
  guint8 out[50 * 50 * 3];
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree guint8 *in = pattern (cases[i].w, cases[i].h, 3);
      moa_clip_crop_u8 (in, cases[i].w, cases[i].h, 3, cases[i].n, out);
      g_assert_cmphex (hash_bytes (out, cases[i].n * cases[i].n * 3), ==, cases[i].hash);
    }
  /* all values under all alphas, at the same size: Pillow's alpha_composite */
  g_autofree guint8 *rgba = g_malloc (256 * 256 * 4);
  g_autofree guint8 *rgb = g_malloc (256 * 256 * 3);
  for (int i = 0; i < 65536; i++)
    {
      memset (rgba + i * 4, i / 256, 3);
      rgba[i * 4 + 3] = i % 256;
    }
  moa_clip_crop_u8 (rgba, 256, 256, 4, 256, rgb);
  for (int i = 0; i < 65536; i++)
    rgba[i] = rgb[i * 3 + 1];
  g_assert_cmphex (hash_bytes (rgba, 65536), ==, G_GUINT64_CONSTANT (0xb134228c6f37913f));
  /* as wide as GIMP's largest image: no time or memory beyond the input's */
  g_autofree guint8 *line = pattern (524288, 1, 1);
  moa_clip_crop_u8 (line, 524288, 1, 1, 50, out);
  g_assert_cmpint (out[0], ==, out[2]);
}

static MoaImage *
image_from_u8 (const guint8 *in, int w, int h, int channels)
{
  MoaImage *image = moa_image_new (w, h, channels);
  for (gsize i = 0; i < (gsize) w * h * channels; i++)
    image->data[i] = in[i] / 255.0f;
  return image;
}

static void
test_subject_crop (void)
{
  static const struct {
    int w, h, n;
    guint64 hash;
  } cases[] = {
    { 61, 40, 24, G_GUINT64_CONSTANT (0xccf2700ef09ae6cc) },
    { 33, 97, 50, G_GUINT64_CONSTANT (0x7a1231ea8c2f2173) },
    { 20, 20, 28, G_GUINT64_CONSTANT (0x4e65c64ee9806d3f) },
  };
  guint8 out[50 * 50 * 3];
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree guint8 *in = pattern (cases[i].w, cases[i].h, 4);
      MoaImage *photo = image_from_u8 (in, cases[i].w, cases[i].h, 4);
      moa_subject_crop_u8 (photo, cases[i].n, 255, out);
      g_assert_cmphex (hash_bytes (out, cases[i].n * cases[i].n * 3), ==, cases[i].hash);
      moa_image_free (photo);
    }
  MoaImage *line = moa_image_new (1, 524288, 1); /* black, on a white square; on a black one */
  line->data[0] = NAN;
  line->data[1] = -INFINITY;
  moa_subject_crop_u8 (line, 50, 255, out);
  g_assert_cmpint (out[0], ==, 255);
  moa_subject_crop_u8 (line, 50, 0, out);
  for (int i = 0; i < 50 * 50 * 3; i++)
    g_assert_cmpint (out[i], ==, 0);
  moa_image_free (line);
}

static void
compare_vision (MoaSafetensors *file, const char *name, int n, const char *from_png)
{
  GError *error = NULL;
  g_autofree char *source_name = g_strconcat ("rgb.", name, NULL);
  g_autofree char *crop_name = g_strdup_printf ("u8.%d.%s", n, name);
  const MoaFileTensor *source = moa_safetensors_find (file, source_name);
  const MoaFileTensor *crop = moa_safetensors_find (file, crop_name);
  if (!crop)
    return;
  int w = source->dim[1], h = source->dim[0], channels = 3;
  g_autofree guint8 *in = NULL;
  if (from_png)
    {
      g_autoptr (GdkPixbuf) picture = gdk_pixbuf_new_from_file (from_png, &error);
      g_assert_no_error (error);
      channels = gdk_pixbuf_get_n_channels (picture);
      g_assert_cmpint (gdk_pixbuf_get_width (picture), ==, w);
      in = g_malloc ((gsize) w * h * channels);
      for (int y = 0; y < h; y++)
        memcpy (in + (gsize) y * w * channels,
                gdk_pixbuf_read_pixels (picture) + (gsize) y * gdk_pixbuf_get_rowstride (picture),
                (gsize) w * channels);
    }
  else
    {
      g_autofree gint64 *values = g_new (gint64, source->n);
      in = g_malloc (source->n);
      moa_safetensors_read_int (file, source, 0, source->n, values, &error);
      for (guint64 i = 0; i < source->n; i++)
        in[i] = values[i];
    }
  g_autofree guint8 *out = g_malloc (crop->n);
  g_autofree gint64 *expected = g_new (gint64, crop->n);
  g_assert_cmpuint (crop->n, ==, n * n * 3);
  moa_clip_crop_u8 (in, w, h, channels, n, out);
  moa_safetensors_read_int (file, crop, 0, crop->n, expected, &error);
  g_assert_no_error (error);
  for (guint64 i = 0; i < crop->n; i++)
    g_assert_cmpint (out[i], ==, expected[i]);
}

/* CLIP's image processor on eight pictures, to the bit. */
static void
test_golden_vision (void)
{
  GError *error = NULL;
  g_autofree char *path = fixture ("golden/vision.safetensors");
  g_autofree char *folder = path ? fixture ("golden/images") : NULL;
  if (!folder)
    return;
  MoaSafetensors *file = moa_safetensors_open (path, &error);
  g_assert_no_error (error);
  int pictures = 0;
  for (int i = 0; i < moa_safetensors_count (file); i++)
    {
      const char *name = moa_safetensors_tensor (file, i)->name;
      if (!g_str_has_prefix (name, "rgb."))
        continue;
      g_autofree char *base = g_strconcat (name + 4, ".png", NULL);
      g_autofree char *png = g_build_filename (folder, base, NULL);
      compare_vision (file, name + 4, 56, NULL);
      compare_vision (file, name + 4, 224, NULL);
      if (g_file_test (png, G_FILE_TEST_EXISTS))
        compare_vision (file, name + 4, 56, png); /* "big" has alpha */
      pictures++;
    }
  g_assert_cmpint (pictures, >=, 1);
  moa_safetensors_close (file);
}

static void
test_resize_float (void)
{
  static const float small[12]
    = { 0.41202107071876526, 0.4771296977996826, 0.5683300495147705, 0.3746486306190491,
        0.4654584228992462, 0.48614996671676636, 0.6238147020339966, 0.5994200706481934,
        0.5245071053504944, 0.5148087739944458, 0.45937907695770264, 0.36794790625572205 };
  static const float mixed[30]
    = { 0.27563053369522095, 0.3195294439792633, 0.5907037854194641, 0.6039754152297974,
        0.3377287983894348, 0.3552086055278778, 0.5252389907836914, 0.62258380651474,
        0.3269602060317993, 0.6094183921813965, 0.61553555727005, 0.3533734679222107,
        0.4350353181362152, 0.5200259685516357, 0.5384572744369507, 0.6316049098968506,
        0.7898195385932922, 0.6574757099151611, 0.352734237909317, 0.4155818521976471,
        0.43796584010124207, 0.3840877413749695, 0.4869026243686676, 0.35778799653053284,
        0.6033229231834412, 0.7272475361824036, 0.48593422770500183, 0.5561443567276001,
        0.3769298195838928, 0.3671298623085022 };
  g_autofree guint8 *bytes = pattern (11, 9, 1);
  MoaImage *in = image_from_u8 (bytes, 11, 9, 1);
  MoaImage *a = moa_image_resize (in, 4, 3), *b = moa_image_resize (in, 6, 5);
  for (int i = 0; i < 12; i++)
    g_assert_cmpfloat_with_epsilon (a->data[i], small[i], 1e-6);
  for (int i = 0; i < 30; i++)
    g_assert_cmpfloat_with_epsilon (b->data[i], mixed[i], 1e-6);
  moa_image_free (a);
  moa_image_free (b);
  moa_image_free (in);

  /* channels keep apart; a constant stays; values beyond [0,1] are not cut */
  MoaImage *flat = moa_image_new (7, 5, 4);
  for (int i = 0; i < 35 * 4; i++)
    flat->data[i] = i % 4 * 2 - 3;
  MoaImage *large = moa_image_resize (flat, 19, 3);
  for (int i = 0; i < 19 * 3 * 4; i++)
    g_assert_cmpfloat_with_epsilon (large->data[i], i % 4 * 2 - 3, 1e-6);
  moa_image_free (flat);
  moa_image_free (large);
}

static void
test_image_basics (void)
{
  g_assert_null (moa_image_new (0, 5, 3));
  g_assert_null (moa_image_new (5, -1, 3));
  g_assert_null (moa_image_new (5, 5, 0));
  g_assert_null (moa_image_new (5, 5, 5));
  g_assert_null (moa_image_new (G_MAXINT, G_MAXINT, 4));
  moa_image_free (NULL);

  MoaImage *image = moa_image_new (3, 2, 2);
  for (int i = 0; i < 12; i++)
    {
      g_assert_true (image->data[i] == 0);
      image->data[i] = i;
    }
  MoaImage *crop = moa_image_crop (image, -1, 1, 5, 3);
  static const float expected[3][10] = {
    { 6, 7, 6, 7, 8, 9, 10, 11, 10, 11 },
    { 6, 7, 6, 7, 8, 9, 10, 11, 10, 11 },
    { 6, 7, 6, 7, 8, 9, 10, 11, 10, 11 },
  };
  g_assert_cmpmem (crop->data, 30 * sizeof (float), expected, sizeof expected);
  moa_image_free (crop);
  crop = moa_image_crop (image, G_MAXINT - 1, G_MININT, 1, 1);
  g_assert_true (crop->data[0] == 4 && crop->data[1] == 5);
  moa_image_free (crop);
  MoaImage *copy = moa_image_copy (image);
  g_assert_cmpmem (copy->data, 12 * sizeof (float), image->data, 12 * sizeof (float));
  moa_image_free (copy);
  moa_image_free (image);
}

/* ---- Masks ----------------------------------------------------------- */

static gboolean
dilated (const MoaImage *mask, int x, int y, double radius)
{
  gboolean shrink = radius < 0;
  for (int v = 0; v < mask->height; v++)
    for (int u = 0; u < mask->width; u++)
      if ((mask->data[v * mask->width + u] > 0.5f) != shrink
          && (x - u) * (x - u) + (y - v) * (y - v) <= radius * radius)
        return !shrink;
  return shrink;
}

static void
test_dilate (void)
{
  static const double radii[] = { 0, 1, -1, 1.5, 2.3, -2.3, 5, 7.07, -4, 60, -60 };
  static const int sizes[][2] = { { 23, 17 }, { 1, 30 }, { 30, 1 }, { 1, 1 } };
  for (gsize s = 0; s < G_N_ELEMENTS (sizes); s++)
    for (gsize r = 0; r < G_N_ELEMENTS (radii); r++)
      for (int kind = 0; kind < 4; kind++) /* few, many, none, all inside */
        {
          int w = sizes[s][0], h = sizes[s][1];
          MoaImage *mask = moa_image_new (w, h, 1);
          moa_rng_uniform (s, r, 0, mask->data, w * h);
          for (int i = 0; i < w * h; i++)
            mask->data[i] = kind == 0 ? mask->data[i] * 0.52f : kind == 1 ? mask->data[i] + 0.47f
                          : kind == 3;
          MoaImage *result = moa_image_copy (mask);
          moa_mask_dilate (result, radii[r]);
          for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
              g_assert_cmpfloat (result->data[y * w + x], ==, dilated (mask, x, y, radii[r]));
          moa_image_free (mask);
          moa_image_free (result);
        }
}

/* The blur of a half plane is the normal distribution. */
static void
check_edge (double sigma, double tolerance)
{
  int w = (int) (12 * sigma) + 20, h = 60, edge = w / 2;
  MoaImage *mask = moa_image_new (w, h, 1), *turned = moa_image_new (h, w, 1);
  for (int y = 0; y < h; y++)
    for (int x = edge; x < w; x++)
      mask->data[y * w + x] = turned->data[x * h + y] = 1;
  moa_mask_blur (mask, sigma);
  moa_mask_blur (turned, sigma);
  for (int y = 0; y < h; y += 7)
    for (int x = 0; x < w; x++)
      {
        double expected = 0.5 * erfc (-(x + 0.5 - edge) / (sigma * sqrt (2.0)));
        g_assert_cmpfloat_with_epsilon (mask->data[y * w + x], expected, tolerance);
        g_assert_cmpfloat_with_epsilon (turned->data[x * h + y], expected, tolerance);
        if (x + 1 < edge - 4 * sigma)
          g_assert_true (mask->data[y * w + x] == 0 && turned->data[x * h + y] == 0);
      }
  moa_image_free (mask);
  moa_image_free (turned);
}

static void
test_blur (void)
{
  check_edge (1.5, 0.01); /* the pixel itself is wide */
  check_edge (4, 0.003);
  check_edge (16, 0.002);
  check_edge (17, 0.01);
  check_edge (60, 0.01);

  /* against the sum itself, with the edges repeated */
  const double sigma = 2.2;
  const int w = 37, h = 21, reach = 7;
  MoaImage *mask = moa_image_new (w, h, 1);
  moa_rng_uniform (3, 0, 0, mask->data, w * h);
  MoaImage *result = moa_image_copy (mask);
  moa_mask_blur (result, sigma);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      {
        double sum = 0, weights = 0;
        for (int v = -reach; v <= reach; v++)
          for (int u = -reach; u <= reach; u++)
            {
              double weight = exp (-(u * u + v * v) / (2 * sigma * sigma));
              sum += weight
                     * mask->data[CLAMP (y + v, 0, h - 1) * w + CLAMP (x + u, 0, w - 1)];
              weights += weight;
            }
        g_assert_cmpfloat_with_epsilon (result->data[y * w + x], sum / weights, 1e-6);
      }
  moa_mask_blur (mask, 0);
  moa_mask_blur (mask, -3);
  moa_mask_blur (mask, NAN);
  float first;
  moa_rng_uniform (3, 0, 0, &first, 1);
  g_assert_true (mask->data[0] == first);
  moa_mask_blur (mask, 1e9);
  g_assert_cmpfloat_with_epsilon (mask->data[0], mask->data[w * h - 1], 0.1);
  moa_image_free (mask);
  moa_image_free (result);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/half/values", test_half_values);
  g_test_add_func ("/half/rounding", test_half_rounding);
  g_test_add_func ("/half/bfloat", test_bfloat);
  g_test_add_func ("/half/arrays", test_half_arrays);
  g_test_add_func ("/rng/philox", test_philox);
  g_test_add_func ("/rng/normal-bits", test_normal_bits);
  g_test_add_func ("/rng/parts", test_rng_parts);
  g_test_add_func ("/rng/distribution", test_rng_distribution);
  g_test_add_func ("/image/basics", test_image_basics);
  g_test_add_func ("/image/resize-u8", test_resize_u8);
  g_test_add_func ("/image/resize-float", test_resize_float);
  g_test_add_func ("/image/clip-crop", test_clip_crop);
  g_test_add_func ("/image/subject-crop", test_subject_crop);
  g_test_add_func ("/image/golden-vision", test_golden_vision);
  g_test_add_func ("/mask/dilate", test_dilate);
  g_test_add_func ("/mask/blur", test_blur);
  return g_test_run ();
}
