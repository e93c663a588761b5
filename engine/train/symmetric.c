/* Eigenvalues by Jacobi's rotations: slow for large matrices, sure for all. */
#include "train/symmetric.h"

#include <glib.h>
#include <math.h>
#include <string.h>

/* Turns rows and columns p and q so that a[p][q] becomes 0. */
static void
rotate (double *a, double *vectors, int n, int p, int q)
{
  double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
  double t = (theta >= 0 ? 1 : -1) / (fabs (theta) + sqrt (theta * theta + 1));
  double c = 1 / sqrt (t * t + 1), s = t * c;
  for (int k = 0; k < n; k++)
    {
      double x = a[k * n + p], y = a[k * n + q];
      a[k * n + p] = c * x - s * y;
      a[k * n + q] = s * x + c * y;
    }
  for (int k = 0; k < n; k++)
    {
      double x = a[p * n + k], y = a[q * n + k];
      a[p * n + k] = c * x - s * y;
      a[q * n + k] = s * x + c * y;
      x = vectors[p * n + k];
      y = vectors[q * n + k];
      vectors[p * n + k] = c * x - s * y;
      vectors[q * n + k] = s * x + c * y;
    }
}

static double
off_diagonal (const double *a, int n)
{
  double sum = 0;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++)
      sum += a[i * n + k] * a[i * n + k];
  return sum;
}

static void
sort (double *values, double *vectors, int n)
{
  g_autofree double *row = g_new (double, n);
  for (int i = 0; i < n; i++)
    {
      int best = i;
      for (int k = i + 1; k < n; k++)
        if (values[k] > values[best])
          best = k;
      double value = values[i];
      values[i] = values[best];
      values[best] = value;
      memcpy (row, vectors + i * n, n * sizeof (double));
      memmove (vectors + i * n, vectors + best * n, n * sizeof (double));
      memcpy (vectors + best * n, row, n * sizeof (double));
    }
}

void
moa_symmetric_eigen (double *a, int n, double *values, double *vectors)
{
  double trace = 0;
  memset (vectors, 0, (gsize) n * n * sizeof (double));
  for (int i = 0; i < n; i++)
    {
      vectors[i * n + i] = 1;
      trace += fabs (a[i * n + i]);
    }
  for (int sweep = 0; sweep < 60 && off_diagonal (a, n) > 1e-24 * trace * trace; sweep++)
    for (int p = 0; p < n; p++)
      for (int q = p + 1; q < n; q++)
        if (fabs (a[p * n + q]) > 1e-300)
          rotate (a, vectors, n, p, q);
  for (int i = 0; i < n; i++)
    values[i] = a[i * n + i];
  sort (values, vectors, n);
}

MoaMoments *
moa_moments_new (int n)
{
  MoaMoments *m = g_new0 (MoaMoments, 1);
  m->n = n;
  m->sum = g_new0 (double, n);
  m->products = g_new0 (double, (gsize) n * n);
  return m;
}

void
moa_moments_add (MoaMoments *m, const double *row)
{
  m->count++;
  for (int i = 0; i < m->n; i++)
    {
      m->sum[i] += row[i];
      for (int k = 0; k <= i; k++)
        m->products[i * m->n + k] += row[i] * row[k];
    }
}

void
moa_moments_get (const MoaMoments *m, double *mean, double *covariance)
{
  int n = m->n;
  for (int i = 0; i < n; i++)
    mean[i] = m->sum[i] / m->count;
  for (int i = 0; i < n; i++)
    for (int k = 0; k <= i; k++)
      covariance[i * n + k] = covariance[k * n + i]
        = m->products[i * n + k] / m->count - mean[i] * mean[k];
}

void
moa_moments_free (MoaMoments *m)
{
  g_free (m->sum);
  g_free (m->products);
  g_free (m);
}
