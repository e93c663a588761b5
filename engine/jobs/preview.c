/* Cheap previews of latents: see preview.h. */
#include "jobs/preview.h"

#include "base/rng.h"
#include "jobs/encode.h"
#include "jobs/frame.h"

#include <math.h>
#include <string.h>

enum { MOST = MOA_PREVIEW_CHANNELS + 1 };

/* Mean of a square of the picture, of colour c. */
static double
patch (const MoaImage *picture, int factor, int x, int y, int c)
{
  double sum = 0;
  for (int i = 0; i < factor; i++)
    for (int j = 0; j < factor; j++)
      sum += picture->data[(((gsize) y * factor + i) * picture->width + x * factor + j) * 3 + c];
  return sum / (factor * factor);
}

/* Gauss-Jordan with pivots on n x (n + 3); what is singular gets weight 0. */
static void
solve (double a[MOST][MOST + 3], int n)
{
  for (int k = 0; k < n; k++)
    {
      int best = k;
      for (int i = k + 1; i < n; i++)
        if (fabs (a[i][k]) > fabs (a[best][k]))
          best = i;
      double row[MOST + 3];
      memcpy (row, a[k], sizeof (row));
      memcpy (a[k], a[best], sizeof (row));
      memcpy (a[best], row, sizeof (row));
      double pivot = a[k][k];
      for (int j = 0; j < n + 3; j++)
        a[k][j] = fabs (pivot) > 1e-12 ? a[k][j] / pivot : 0;
      for (int i = 0; i < n; i++)
        if (i != k)
          for (int j = n + 2; j >= k; j--)
            a[i][j] -= a[i][k] * a[k][j];
    }
}

void
moa_preview_fit (MoaPreview *preview, const MoaImage *picture, int factor, const float *z,
                 int channels)
{
  int width = picture->width / factor, height = picture->height / factor;
  int used = MIN (channels, MOA_PREVIEW_CHANNELS), n = used + 1;
  double a[MOST][MOST + 3] = { { 0 } };
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        const float *latent = z + ((gsize) y * width + x) * channels;
        double in[MOST];
        for (int i = 0; i < used; i++)
          in[i] = latent[i];
        in[used] = 1;
        for (int i = 0; i < n; i++)
          {
            for (int j = 0; j < n; j++)
              a[i][j] += in[i] * in[j];
            for (int c = 0; c < 3; c++)
              a[i][n + c] += in[i] * patch (picture, factor, x, y, c);
          }
      }
  /* A little toward 0, so that a picture of one colour has a solution too. */
  for (int i = 0; i < used; i++)
    a[i][i] += 1e-4 * width * height;
  solve (a, n);
  preview->channels = channels;
  for (int c = 0; c < 3; c++)
    {
      for (int i = 0; i < used; i++)
        preview->weight[c][i] = a[i][n + c];
      preview->weight[c][MOA_PREVIEW_CHANNELS] = a[used][n + c];
    }
}

gboolean
moa_preview_learn (MoaPreview *preview, MoaJob *job, MoaCoder *coder, GError **error)
{
  enum { PATCH = 2, N = MOA_PREVIEW_SIDE / PATCH }; /* latent pixels of a patch, patches a side */
  int factor = moa_model_vae_factor (job->model), side = MOA_PREVIEW_SIDE * factor;
  int channels = job->model->vae.latent_channels;
  MoaImage *picture = moa_image_try (side, side, 3, error);
  g_autofree float *z = picture ? moa_job_floats (
                                      (gsize) MOA_PREVIEW_SIDE * MOA_PREVIEW_SIDE * channels, error)
                                : NULL;
  if (!z)
    {
      moa_image_free (picture);
      return FALSE;
    }
  float colours[N * N * 3];
  moa_rng_uniform (1, 0, 0, colours, G_N_ELEMENTS (colours));
  for (int y = 0; y < side; y++)
    for (int x = 0; x < side; x++)
      memcpy (picture->data + ((gsize) y * side + x) * 3,
              colours + 3 * (y / (PATCH * factor) * N + x / (PATCH * factor)), 3 * sizeof (float));
  gboolean ok = moa_encode_picture (job, coder, picture, z, error);
  if (ok)
    moa_preview_fit (preview, picture, factor, z, channels);
  moa_image_free (picture);
  return ok;
}

void
moa_preview_draw (const MoaPreview *preview, const MoaSchedule *schedule, int t, const float *z,
                  const float *eps, const gboolean *edit, MoaImage *image)
{
  int channels = preview->channels, used = MIN (channels, MOA_PREVIEW_CHANNELS);
  double keep = sqrt (schedule->abar[t]), noise = sqrt (1 - schedule->abar[t]);
  for (gsize i = 0; i < (gsize) image->width * image->height; i++)
    {
      if (edit && !edit[i])
        continue;
      for (int c = 0; c < 3; c++)
        {
          double v = preview->weight[c][MOA_PREVIEW_CHANNELS];
          for (int k = 0; k < used; k++)
            v += preview->weight[c][k] * (z[i * channels + k] - noise * eps[i * channels + k]) /
                 keep;
          image->data[3 * i + c] = CLAMP (v, 0, 1);
        }
    }
}
