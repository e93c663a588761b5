/* The larger ops in plain C, straight from their definitions, for op-cases.c. */
#include <math.h>
#include <string.h>

#include "op-cases.h"

#define EPS 1e-5

void
naive_linear (const int *p, double *const *in, double *out)
{
  int rows = p[0] * p[1], k = p[2], n = p[3];
  const double *x = in[0], *w = in[1], *bias = p[4] ? in[2] : NULL;
  const double *residual = p[5] ? in[p[4] ? 3 : 2] : NULL;
  for (int r = 0; r < rows; r++)
    for (int j = 0; j < n; j++)
      {
        double sum = (bias ? bias[j] : 0) + (residual ? residual[r * n + j] : 0);
        for (int i = 0; i < k; i++)
          sum += x[r * k + i] * w[j * k + i];
        out[r * n + j] = sum;
      }
}

void
naive_conv2d (const int *p, double *const *in, double *out)
{
  int h = p[1], w = p[2], c = p[3], n = p[4], k = MAX (p[5], 1), stride = p[6], before = p[7];
  int oh = (h + before + p[8] - k) / stride + 1, ow = (w + before + p[8] - k) / stride + 1;
  for (int item = 0; item < p[0]; item++)
    for (int y = 0; y < oh; y++)
      for (int x = 0; x < ow; x++)
        for (int j = 0; j < n; j++)
          {
            gsize at = ((gsize) (item * oh + y) * ow + x) * n + j;
            double sum = p[9] ? in[2][j] + in[3][at] : 0;
            for (int dy = 0; dy < k; dy++)
              for (int dx = 0; dx < k; dx++)
                {
                  int iy = y * stride + dy - before, ix = x * stride + dx - before;
                  if (iy < 0 || iy >= h || ix < 0 || ix >= w)
                    continue;
                  for (int i = 0; i < c; i++)
                    sum += in[0][((item * h + iy) * w + ix) * c + i] *
                           in[1][((j * c + i) * k + dy) * k + dx];
                }
            out[at] = sum;
          }
}

/* prob[keys] of row i of q, k item-wise at q and k. */
static void
probabilities (const double *q, const double *k, int keys, int seen, int c, int width, double *prob)
{
  double max = -INFINITY, sum = 0;
  for (int j = 0; j < seen; j++)
    {
      double s = 0;
      for (int i = 0; i < width; i++)
        s += q[i] * k[j * c + i];
      prob[j] = s / sqrt (width);
      max = MAX (max, prob[j]);
    }
  for (int j = 0; j < seen; j++)
    sum += prob[j] = exp (prob[j] - max);
  for (int j = 0; j < keys; j++)
    prob[j] = j < seen ? prob[j] / sum : 0;
}

void
naive_attention (const int *p, double *const *in, double *out)
{
  int rows = p[1], keys = p[2] ? p[2] : rows, c = p[3], width = c / p[4];
  const double *k = in[p[2] ? 1 : 0], *v = in[p[2] ? 2 : 0];
  g_autofree double *prob = g_new (double, keys);
  memset (out, 0, sizeof (double) * p[0] * rows * c);
  for (int item = 0; item < p[0]; item++)
    for (int head = 0; head < c; head += width)
      for (int r = 0; r < rows; r++)
        {
          double *y = out + (item * rows + r) * c + head;
          probabilities (in[0] + (item * rows + r) * c + head, k + item * keys * c + head, keys,
                         p[5] ? r + 1 : keys, c, width, prob);
          for (int j = 0; j < keys; j++)
            for (int i = 0; i < width; i++)
              y[i] += prob[j] * v[(item * keys + j) * c + head + i];
        }
}

void
naive_attention_map (const int *p, double *const *in, double *out)
{
  int rows = p[1], keys = p[2], c = p[3], width = c / p[4];
  g_autofree double *prob = g_new (double, keys);
  memset (out, 0, sizeof (double) * p[0] * rows * keys);
  for (int item = 0; item < p[0]; item++)
    for (int head = 0; head < c; head += width)
      for (int r = 0; r < rows; r++)
        {
          probabilities (in[0] + (item * rows + r) * c + head, in[1] + item * keys * c + head, keys,
                         keys, c, width, prob);
          for (int j = 0; j < keys; j++)
            out[(item * rows + r) * keys + j] += prob[j] / p[4];
        }
}

void
naive_group_norm (const int *p, double *const *in, double *out)
{
  int pixels = p[1] * p[2], c = p[3], size = c / p[4];
  for (int item = 0; item < p[0]; item++)
    for (int first = 0; first < c; first += size)
      {
        const double *x = in[0] + item * pixels * c;
        double mean = 0, variance = 0;
        for (int i = 0; i < pixels * size; i++)
          mean += x[i / size * c + first + i % size] / (pixels * size);
        for (int i = 0; i < pixels * size; i++)
          variance += pow (x[i / size * c + first + i % size] - mean, 2) / (pixels * size);
        for (int i = 0; i < pixels * size; i++)
          {
            int channel = first + i % size;
            double v = (x[i / size * c + channel] - mean) / sqrt (variance + EPS) * in[1][channel] +
                       in[2][channel];
            out[(item * pixels + i / size) * c + channel] = p[5] ? v / (1 + exp (-v)) : v;
          }
      }
}

void
naive_layer_norm (const int *p, double *const *in, double *out)
{
  /* Each row is an item of one pixel and one group. */
  naive_group_norm ((int[10]){ p[0] * p[1], 1, 1, p[2], 1, 0 }, in, out);
}

void
naive_resize (const int *p, double *const *in, double *out)
{
  int h = p[1], w = p[2], c = p[3], oh = p[4], ow = p[5];
  for (int item = 0; item < p[0]; item++)
    for (int y = 0; y < oh; y++)
      for (int x = 0; x < ow; x++)
        for (int i = 0; i < c; i++)
          {
            double v = CLAMP ((y + 0.5) * h / oh - 0.5, 0, h - 1);
            double u = CLAMP ((x + 0.5) * w / ow - 0.5, 0, w - 1), sum = 0;
            for (int sy = 0; sy < h; sy++)
              for (int sx = 0; sx < w; sx++)
                sum += MAX (1 - fabs (v - sy), 0) * MAX (1 - fabs (u - sx), 0) *
                       in[0][((item * h + sy) * w + sx) * c + i];
            out[((item * oh + y) * ow + x) * c + i] = sum;
          }
}
