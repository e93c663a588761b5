/* The end of a replacement: latents -> pictures, router maps -> masks, both -> composites. */
#include "jobs/replace.h"

#include "base/mask.h"
#include "jobs/compose.h"
#include "jobs/fingerprint.h"

#include <math.h>
#include <string.h>

/* How much each pixel of picture, of the work picture's size, differs from the work picture: the largest of
 * its colours' differences, around it. */
static MoaImage *
find_change (const MoaReplacement *r, const MoaImage *picture, GError **error)
{
  MoaImage *change = moa_image_new (r->picture.frame.width, r->picture.frame.height, 1);
  if (!change)
    {
      moa_fail (error, MOA_ERROR_MEMORY, "No memory for the mask; close other programs");
      return NULL;
    }
  for (gsize i = 0; i < (gsize) change->width * change->height; i++)
    for (int c = 0; c < 3; c++)
      {
        double difference = CLAMP (picture->data[3 * i + c], 0, 1) - r->picture.work->data[3 * i + c];
        change->data[i] = MAX (change->data[i], fabs (difference));
      }
  moa_mask_blur (change, r->job->model->info.side / 64.0);
  return change;
}

/* The composite mask at the work picture's size.  picture: what was drawn, NULL if nothing was.  *found:
 * whether the routers saw a person. */
static MoaImage *
make_mask (const MoaReplacement *r, const MoaRouterMaps *maps, const MoaImage *picture,
           gboolean *found, GError **error)
{
  const MoaReplaceParams *params = r->params;
  double side = r->job->model->info.side;
  MoaImage *mask = NULL, *change = NULL;
  MoaImage *weight = moa_maps_weight (maps, params->mask_layers, params->n_mask_layers,
                                      r->picture.frame.width, r->picture.frame.height, error);
  if (weight && (!picture || !r->selection || (change = find_change (r, picture, error))))
    mask = moa_mask_composite (weight, change, r->selection, params->mask_threshold,
                               params->grow < 0 ? side / 64 : params->grow,
                               params->feather < 0 ? side / 42 : params->feather, found, error);
  moa_image_free (weight);
  moa_image_free (change);
  return mask;
}

/* The mask at the source's size, and nowhere above the selection. */
static MoaImage *
fit_mask (const MoaReplacement *r, const MoaImage *mask, GError **error)
{
  const MoaImage *selection = r->selected;
  MoaImage *out = moa_frame_out (&r->picture.frame, mask, error);
  if (!out || !selection)
    return out;
  MoaImage *clean = moa_image_fit (selection, selection->width, selection->height, error);
  if (clean)
    moa_mask_limit (out, clean);
  else
    g_clear_pointer (&out, moa_image_free);
  moa_image_free (clean);
  return out;
}

static gboolean
finish_variation (MoaReplacement *r, int k, GError **error)
{
  const MoaReplaceParams *params = r->params;
  MoaVariation *variation = &r->result->variations[k];
  double ring = r->job->model->info.side / 16.0;
  MoaImage *picture = NULL, *mask = NULL;
  gboolean found, ok;
  r->job->meter.picture = k;
  ok = (params->maps_only
        || (picture = moa_decode_latent (r->job, &r->decoder, r->z + k * r->n, error)))
       && (mask = make_mask (r, &variation->maps[0], picture, &found, error))
       && (variation->mask = fit_mask (r, mask, error));
  if (ok && !found && k == 0)
    moa_job_warn (r->job,
                  r->selection
                      ? N_ ("The model saw no person in the selection; all of it is replaced")
                      : N_ ("The model saw no person, so nothing is replaced; select the person"));
  if (ok && picture)
    ok = (!params->color_match || moa_match_colors (picture, r->picture.work, mask, ring, error))
         && (variation->image = moa_frame_out (&r->picture.frame, picture, error))
         && (variation->composite = moa_image_compose (params->source, variation->image,
                                                       variation->mask, error));
  moa_image_free (picture);
  moa_image_free (mask);
  return ok;
}

static gboolean
decode_way_back (MoaReplacement *r, GError **error)
{
  MoaImage *picture = moa_decode_latent (r->job, &r->decoder, r->way_back, error);
  if (picture)
    r->result->reconstruction = moa_frame_out (&r->picture.frame, picture, error);
  moa_image_free (picture);
  return r->result->reconstruction != NULL;
}

gboolean
moa_replacement_finish (MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  MoaReplaceResult *result = r->result;
  moa_meter_begin (&r->job->meter, MOA_PHASE_DECODE, moa_replacement_decodes (r));
  if (!moa_graph_prepare (r->decoder.graph, r->job->workspace, error))
    return FALSE;
  if (params->want_reconstruction && !decode_way_back (r, error))
    return FALSE;
  for (int k = 0; k < result->n_variations; k++)
    if (!finish_variation (r, k, error))
      return FALSE;
  if (g_cancellable_set_error_if_cancelled (r->job->run.cancellable, error))
    return FALSE;
  moa_meter_end (&r->job->meter, r->later);
  if (params->keep_trajectory)
    result->trajectory = g_steal_pointer (&r->trajectory);
  result->features = g_steal_pointer (&r->feats);
  result->n_features = r->n_subjects;
  result->dim = r->job->model->moa.feature_dim;
  result->encoder = moa_fingerprint_encoder (r->job->model, error);
  if (!result->encoder)
    return FALSE;
  result->latent_width = r->picture.frame.latent_width;
  result->latent_height = r->picture.frame.latent_height;
  memcpy (result->seconds, r->job->meter.seconds, sizeof (result->seconds));
  result->peak_bytes = r->job->peak_bytes;
  result->warnings = moa_job_take_warnings (r->job);
  return TRUE;
}

/* ---- Once more, of an earlier run ---- */

/* What r needs of the source and of an earlier picture; *drawn at the work picture's size, or NULL. */
static gboolean
fit_earlier (MoaReplacement *r, const MoaImage *image, MoaImage **drawn, GError **error)
{
  return moa_picture_open (&r->picture, r->job->model, r->params->source, error)
         && (!r->selected || moa_replacement_select (r, error))
         && (!image || (*drawn = moa_frame_in (&r->picture.frame, image, error)));
}

MoaImage *
moa_replace_mask (MoaModel *model, const MoaReplaceParams *params, const MoaVariation *variation,
                  GError **error)
{
  g_return_val_if_fail (model && params && variation && variation->n_maps > 0, NULL);
  const MoaRouterMaps *maps = &variation->maps[0];
  MoaReplaceResult *result = g_new0 (MoaReplaceResult, 1);
  MoaReplacement r = { .job = moa_job_new (model, NULL, error), .params = params, .result = result };
  MoaImage *mask = NULL, *fitted = NULL, *drawn = NULL;
  gboolean found;
  if (r.job && maps->n_layers != model->info.n_layers)
    moa_fail (error, MOA_ERROR_ARGUMENT, "The maps are of %d blocks, the model has %d",
              maps->n_layers, model->info.n_layers);
  else if (r.job && moa_replacement_resolve (&r, error)
           && fit_earlier (&r, variation->image, &drawn, error))
    mask = make_mask (&r, maps, drawn, &found, error);
  if (mask)
    fitted = fit_mask (&r, mask, error);
  moa_image_free (mask);
  moa_image_free (drawn);
  moa_replacement_clear (&r);
  moa_replace_result_free (result);
  return fitted;
}
