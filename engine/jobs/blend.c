/* Between two subjects (the paper's morphing): their image features, [dim] each, turn into one another
 * on the arc between their directions, while their lengths go over in a straight line:
 *
 *   f(s) = |f|(s) (sin ((1 - s) w) a / |a| + sin (s w) b / |b|) / sin w,   cos w = a.b / (|a| |b|),
 *   |f|(s) = (1 - s) |a| + s |b|
 *
 * CLIP's features lie near a sphere; their mean would be too short. */
#include "base/error.h"
#include "jobs/encode.h"
#include "jobs/frame.h"

#include <math.h>
#include <string.h>

/* The mean over the photos, and its length. */
static double
mean_feature (const MoaSavedSubject *saved, double *mean)
{
  double length = 0;
  for (int i = 0; i < saved->dim; i++)
    {
      mean[i] = 0;
      for (int p = 0; p < saved->n_photos; p++)
        mean[i] += saved->features[(gsize) p * saved->dim + i];
      mean[i] /= saved->n_photos;
      length += mean[i] * mean[i];
    }
  return sqrt (length);
}

static gboolean
blend_features (const MoaSavedSubject *a, const MoaSavedSubject *b, double share, float *out,
                GError **error)
{
  int dim = a->dim;
  g_autofree double *from = g_new (double, dim), *to = g_new (double, dim);
  double from_length = mean_feature (a, from), to_length = mean_feature (b, to), dot = 0, cross = 0;
  if (from_length == 0 || to_length == 0)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "A subject whose feature is 0 has no direction to blend with; make it anew "
                     "from the person's photos");
  for (int i = 0; i < dim; i++)
    {
      from[i] /= from_length;
      to[i] /= to_length;
      dot += from[i] * to[i];
    }
  for (int i = 0; i < dim; i++)
    cross += (to[i] - dot * from[i]) * (to[i] - dot * from[i]);
  /* atan2 is exact for small angles too, where acos has lost half its digits. */
  double angle = atan2 (sqrt (cross), dot), sine = sin (angle);
  if (dot < 0 && sine < 1e-6)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "The two subjects' features are opposite; there is no way between them that is "
                     "shorter than others");
  double from_part = sine < 1e-6 ? 1 - share : sin ((1 - share) * angle) / sine;
  double to_part = sine < 1e-6 ? share : sin (share * angle) / sine;
  double length = (1 - share) * from_length + share * to_length;
  for (int i = 0; i < dim; i++)
    out[i] = length * (from_part * from[i] + to_part * to[i]);
  return TRUE;
}

/* One fades into the other, at the first one's size. */
static MoaImage *
blend_thumbnails (const MoaImage *a, const MoaImage *b, double share, GError **error)
{
  MoaImage *out = moa_image_fit (b, a->width, a->height, error);
  for (gsize i = 0; out && i < (gsize) a->width * a->height * 3; i++)
    out->data[i] = (1 - share) * a->data[i] + share * out->data[i];
  return out;
}

MoaSavedSubject *
moa_saved_subject_blend (const MoaSavedSubject *a, const MoaSavedSubject *b, double share,
                         GError **error)
{
  g_return_val_if_fail (a && b, NULL);
  if (!moa_number_check ("the share of the second subject", share, 0, 1, error))
    return NULL;
  if (a->dim != b->dim || g_strcmp0 (a->encoder, b->encoder))
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "The subjects \"%s\" and \"%s\" were made with different image encoders; make one of "
                "them anew from the person's photos",
                a->name, b->name);
      return NULL;
    }
  MoaSavedSubject *blend = g_new0 (MoaSavedSubject, 1);
  blend->name = g_strdup_printf ("%s - %s, %.0f %%", a->name, b->name, 100 * share);
  blend->encoder = g_strdup (a->encoder);
  blend->n_photos = 1;
  blend->dim = a->dim;
  blend->features = moa_job_floats (a->dim, error);
  if (!blend->features || !blend_features (a, b, share, blend->features, error) ||
      !(blend->thumbnail = blend_thumbnails (a->thumbnail, b->thumbnail, share, error)))
    g_clear_pointer (&blend, moa_saved_subject_free);
  return blend;
}
