/* PSNR, SSIM, overlap, means with their intervals: see metrics.h. */
#include "evaluate/metrics.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 11, REACH = WINDOW / 2, DRAWS = 2000 };
#define SIGMA 1.5
#define HIGHEST_PSNR 100.0
#define BOOTSTRAP_SEED 0x626f6f74

static float
weight_at (const MoaImage *mask, gsize i)
{
  return mask ? mask->data[i] : 1;
}

double
moa_psnr (const MoaImage *a, const MoaImage *b, const MoaImage *mask)
{
  gsize n = (gsize) a->width * a->height;
  int channels = MIN (a->channels, b->channels);
  double sum = 0, weight = 0;
  for (gsize i = 0; i < n; i++)
    {
      double squares = 0, w = weight_at (mask, i);
      for (int c = 0; c < channels; c++)
        {
          double d = (double) a->data[i * a->channels + c] - b->data[i * b->channels + c];
          squares += d * d;
        }
      sum += w * squares;
      weight += w * channels;
    }
  if (weight <= 0)
    return NAN;
  return sum > 0 ? MIN (HIGHEST_PSNR, -10 * log10 (sum / weight)) : HIGHEST_PSNR;
}

/* ---- Structural similarity -------------------------------------------- */

static void
make_window (double window[WINDOW])
{
  double sum = 0;
  for (int i = 0; i < WINDOW; i++)
    sum += window[i] = exp (-pow (i - REACH, 2) / (2 * SIGMA * SIGMA));
  for (int i = 0; i < WINDOW; i++)
    window[i] /= sum;
}

/* What a window needs to know of two channels. */
enum { MEAN_A, MEAN_B, SQUARE_A, SQUARE_B, PRODUCT, N_MOMENTS };

static double
similarity (const double m[N_MOMENTS])
{
  const double c1 = 0.01 * 0.01, c2 = 0.03 * 0.03;
  double aa = m[MEAN_A] * m[MEAN_A], bb = m[MEAN_B] * m[MEAN_B], ab = m[MEAN_A] * m[MEAN_B];
  double variances = m[SQUARE_A] - aa + m[SQUARE_B] - bb, covariance = m[PRODUCT] - ab;
  return (2 * ab + c1) * (2 * covariance + c2) / ((aa + bb + c1) * (variances + c2));
}

/* rows: moments of each pixel, smoothed along x, [height][width][N_MOMENTS]. */
static void
smooth_rows (const MoaImage *a, const MoaImage *b, int channel, const double window[WINDOW],
             double *rows)
{
  for (int y = 0; y < a->height; y++)
    for (int x = REACH; x < a->width - REACH; x++)
      {
        double *m = rows + ((gsize) y * a->width + x) * N_MOMENTS;
        memset (m, 0, N_MOMENTS * sizeof *m);
        for (int k = 0; k < WINDOW; k++)
          {
            gsize i = (gsize) y * a->width + x + k - REACH;
            double p = a->data[i * a->channels + channel], q = b->data[i * b->channels + channel];
            m[MEAN_A] += window[k] * p;
            m[MEAN_B] += window[k] * q;
            m[SQUARE_A] += window[k] * p * p;
            m[SQUARE_B] += window[k] * q * q;
            m[PRODUCT] += window[k] * p * q;
          }
      }
}

double
moa_ssim (const MoaImage *a, const MoaImage *b, const MoaImage *mask)
{
  int width = a->width, height = a->height, channels = MIN (a->channels, b->channels);
  if (width < WINDOW || height < WINDOW)
    return NAN;
  double window[WINDOW], sum = 0, weight = 0;
  make_window (window);
  g_autofree double *rows = g_new (double, (gsize) width * height * N_MOMENTS);
  for (int c = 0; c < channels; c++)
    {
      smooth_rows (a, b, c, window, rows);
      for (int y = REACH; y < height - REACH; y++)
        for (int x = REACH; x < width - REACH; x++)
          {
            double w = weight_at (mask, (gsize) y * width + x), m[N_MOMENTS] = { 0 };
            if (w <= 0)
              continue;
            for (int k = 0; k < WINDOW; k++)
              for (int i = 0; i < N_MOMENTS; i++)
                m[i] += window[k] * rows[((gsize) (y + k - REACH) * width + x) * N_MOMENTS + i];
            sum += w * similarity (m);
            weight += w;
          }
    }
  return weight > 0 ? sum / weight : NAN;
}

/* ---- Masks ------------------------------------------------------------ */

double
moa_overlap (const float *a, const float *b, gsize n)
{
  gsize both = 0, either = 0;
  for (gsize i = 0; i < n; i++)
    {
      both += a[i] > 0.5f && b[i] > 0.5f;
      either += a[i] > 0.5f || b[i] > 0.5f;
    }
  return either ? (double) both / either : NAN;
}

MoaImage *
moa_mask_rest (const MoaImage *mask)
{
  MoaImage *rest = moa_image_copy (mask);
  for (gsize i = 0; rest && i < (gsize) rest->width * rest->height; i++)
    rest->data[i] = 1 - rest->data[i];
  return rest;
}

/* ---- Many numbers ----------------------------------------------------- */

typedef struct {
  const char *name;
  GArray *values; /* of double */
} Column;

struct _MoaScores {
  GPtrArray *columns;
};

static void
column_free (gpointer data)
{
  Column *column = data;
  g_array_unref (column->values);
  g_free (column);
}

MoaScores *
moa_scores_new (void)
{
  MoaScores *scores = g_new (MoaScores, 1);
  scores->columns = g_ptr_array_new_with_free_func (column_free);
  return scores;
}

void
moa_scores_free (MoaScores *scores)
{
  if (!scores)
    return;
  g_ptr_array_unref (scores->columns);
  g_free (scores);
}

static Column *
find (const MoaScores *scores, const char *name)
{
  for (guint i = 0; i < scores->columns->len; i++)
    {
      Column *column = scores->columns->pdata[i];
      if (!strcmp (column->name, name))
        return column;
    }
  return NULL;
}

void
moa_scores_add (MoaScores *scores, const char *name, double value)
{
  Column *column = find (scores, name);
  if (!column)
    {
      column = g_new (Column, 1);
      *column = (Column){ name, g_array_new (FALSE, FALSE, sizeof (double)) };
      g_ptr_array_add (scores->columns, column);
    }
  if (!isnan (value))
    g_array_append_val (column->values, value);
}

int
moa_scores_n (const MoaScores *scores)
{
  return scores->columns->len;
}

const char *
moa_scores_name (const MoaScores *scores, int i)
{
  return ((Column *) scores->columns->pdata[i])->name;
}

const double *
moa_scores_values (const MoaScores *scores, const char *name, int *n)
{
  Column *column = find (scores, name);
  *n = column ? column->values->len : 0;
  return *n ? (const double *) column->values->data : NULL;
}

static double
mean_of (const double *values, int n)
{
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += values[i];
  return n ? sum / n : NAN;
}

double
moa_scores_mean (const MoaScores *scores, const char *name)
{
  int n;
  const double *values = moa_scores_values (scores, name, &n);
  return mean_of (values, n);
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;
  return (x > y) - (x < y);
}

void
moa_bootstrap (const double *values, int n, double *low, double *high)
{
  *low = *high = NAN;
  if (n == 0)
    return;
  g_autofree double *means = g_new (double, DRAWS);
  g_autofree float *units = g_new (float, n);
  for (int draw = 0; draw < DRAWS; draw++)
    {
      double sum = 0;
      moa_rng_uniform (BOOTSTRAP_SEED, draw, 0, units, n);
      for (int i = 0; i < n; i++)
        sum += values[MIN ((int) (units[i] * n), n - 1)];
      means[draw] = sum / n;
    }
  qsort (means, DRAWS, sizeof *means, compare_doubles);
  *low = means[DRAWS / 40];
  *high = means[DRAWS - 1 - DRAWS / 40];
}
