/* The parameters of a replacement: defaults, and what is refused. */
#include "jobs/replace.h"

#include <math.h>

enum { SMALLEST_SOURCE = 8 };

void
moa_replace_params_init (MoaReplaceParams *params)
{
  *params = (MoaReplaceParams){
    .guidance = -1,
    .base = MOA_BASE_DEFAULT,
    .fixed_point = -1,
    .max_timestep = -1,
    .guidance_max_timestep = -1,
    .guidance_rescale = -1,
    .freedom = -1,
    .variations = 1,
    .find = TRUE,
    .limit = TRUE,
    .blend = TRUE,
    .grow = -1,
    .feather = -1,
    .mask_threshold = 0.5,
    .expert_scale = 1,
    .control = { .scale = 1, .end = 1 },
  };
}

/* A mask beside the source; what is for the message. */
static gboolean
mask_ok (const MoaImage *mask, const MoaImage *source, const char *what, GError **error)
{
  if (!mask)
    return TRUE;
  if (!mask->data || mask->channels != 1)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "The %s must have one channel", what);
  if (mask->width != source->width || mask->height != source->height)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "The %s is %d x %d pixels, the picture %d x %d; they must be alike", what,
                     mask->width, mask->height, source->width, source->height);
  return TRUE;
}

static gboolean
pictures_ok (const MoaReplaceParams *params, GError **error)
{
  const MoaImage *source = params->source;
  if (!source || !source->data)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "There is no picture to work on");
  if (source->channels != 3 && source->channels != 4)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "The picture has %d channels; give RGB or RGBA",
                     source->channels);
  if (source->width < SMALLEST_SOURCE || source->height < SMALLEST_SOURCE)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "The picture is %d x %d pixels; it must be at least %d x %d", source->width,
                     source->height, SMALLEST_SOURCE, SMALLEST_SOURCE);
  return mask_ok (params->selection, source, "selection", error) &&
         mask_ok (params->paint, source, "painted map", error);
}

/* Masks are the weights themselves: nothing to paint over. */
static gboolean
paint_ok (const MoaReplacement *r, GError **error)
{
  const MoaModel *model = r->job->model;
  return !r->params->paint || !model->moa.masks ||
         moa_fail (error, MOA_ERROR_ARGUMENT, "A painted map changes what routers say, and %s has "
                   "none; paint the selection or the subject's mask", model->info.expert);
}

/* A box around a head, if one was given. */
static gboolean
head_ok (const MoaReplaceParams *params, int k, GError **error)
{
  const MoaRect *head = &params->subjects[k].head;
  const MoaImage *source = params->source;
  if (params->faces <= 0 || (!head->x && !head->y && !head->width && !head->height))
    return TRUE;
  if (head->x >= 0 && head->y >= 0 && head->width >= SMALLEST_SOURCE && head->height >= SMALLEST_SOURCE &&
      head->width <= source->width - head->x && head->height <= source->height - head->y)
    return TRUE;
  return moa_fail (error, MOA_ERROR_ARGUMENT,
                   "The box for the head of subject %d is %d x %d pixels at %d,%d; it must be at least "
                   "%d x %d and lie in the part that is worked on, %d x %d", k + 1, head->width, head->height,
                   head->x, head->y, SMALLEST_SOURCE, SMALLEST_SOURCE, source->width, source->height);
}

static gboolean
subjects_ok (const MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  int n = params->n_subjects;
  if (n < 1 || n > MOA_MAX_SUBJECTS || !params->subjects)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "Give 1 to %d subjects, not %d", MOA_MAX_SUBJECTS,
                     params->subjects ? n : 0);
  guint seen = 0;
  for (int k = 0; params->order && k < n; k++)
    {
      int person = params->order[k];
      if (person < 0 || person >= n || seen & (1u << person))
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "The order must name each person from 1 to %d once", n);
      seen |= 1u << person;
    }
  int kept = 0;
  for (int k = 0; k < n; k++)
    {
      kept += params->subjects[k].keep;
      if (!mask_ok (params->subjects[k].mask, params->source, "mask of a subject", error) ||
          !head_ok (params, k, error))
        return FALSE;
    }
  if (kept == n)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     N_ ("All persons are to stay as they are; give a photo of one who comes in"));
  return moa_subjects_check (params->subjects, n, error) &&
         moa_subjects_masks_check (r->job->model, params->subjects, n, error) &&
         moa_subjects_fit (r->job->model, params->subjects, n, error);
}

static gboolean
variations_ok (const MoaReplacement *r, GError **error)
{
  int n = r->params->variations;
  if (!moa_number_check ("the number of variations", n, 1, MOA_MAX_VARIATIONS, error))
    return FALSE;
  if (n > 1 && r->result->freedom <= 0)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     N_ ("With freedom 0 all %d variations would be the same picture; set freedom "
                     "above 0, 0.3 for example, or ask for one"),
                     n);
  return TRUE;
}

static gboolean
mask_layers_ok (const MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  int n_layers = r->job->model->info.n_layers;
  if (!params->mask_layers)
    return TRUE;
  if (!moa_number_check ("the number of blocks that make the mask", params->n_mask_layers, 1,
                         n_layers, error))
    return FALSE;
  for (int i = 0; i < params->n_mask_layers; i++)
    if (!moa_number_check ("a block that makes the mask", params->mask_layers[i], 0, n_layers - 1,
                           error))
      return FALSE;
  return TRUE;
}

static gboolean
settings_ok (const MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  const MoaReplaceResult *used = r->result;
  double side = r->job->model->info.side;
  if (!moa_number_check ("steps", used->steps, 1, r->job->model->schedule->n, error) ||
      !moa_number_check ("guidance", used->guidance, 0, 100, error) ||
      !moa_number_check ("guidance_rescale", used->guidance_rescale, 0, 1, error) ||
      !moa_number_check ("fixed_point", used->fixed_point, 0, 100, error) ||
      !moa_number_check ("freedom", used->freedom, 0, 1, error) ||
      !moa_number_check ("grow", params->grow, -HUGE_VAL, side, error) ||
      !moa_number_check ("feather", params->feather, -HUGE_VAL, side, error) ||
      !moa_number_check ("expert_scale", params->expert_scale, 0, MOA_MAX_EXPERT_SCALE, error) ||
      !moa_number_check ("mask_threshold", params->mask_threshold, 0, 1, error) ||
      !moa_number_check ("faces", params->faces, 0, 1, error) ||
      !moa_number_check ("base", params->base, MOA_BASE_DEFAULT, MOA_BASE_MOA, error) ||
      !moa_number_check ("the number of map_steps", params->n_map_steps, 0, used->steps, error))
    return FALSE;
  for (int i = 0; i < params->n_map_steps; i++)
    if (!moa_number_check ("a step whose maps are wanted", params->map_steps[i], 0, used->steps - 1,
                           error))
      return FALSE;
  return variations_ok (r, error) && mask_layers_ok (r, error);
}

gboolean
moa_replacement_resolve (MoaReplacement *r, GError **error)
{
  const MoaReplaceParams *params = r->params;
  const MoaModelInfo *info = &r->job->model->info;
  MoaReplaceResult *used = r->result;
  if (!pictures_ok (params, error) || !moa_model_need_expert (r->job->model, error) ||
      !subjects_ok (r, error) || !paint_ok (r, error))
    return FALSE;
  r->selected = params->selection;
  gboolean has_prompt = params->prompt && *params->prompt;
  used->prompt = has_prompt ? g_strdup (params->prompt) : moa_prompt_default (params->n_subjects);
  used->steps = params->steps == 0 ? info->steps : params->steps;
  used->guidance = params->guidance < 0 ? info->guidance : params->guidance;
  used->guidance_rescale
    = params->guidance_rescale < 0 ? info->guidance_rescale : params->guidance_rescale;
  used->freedom = params->freedom < 0 ? info->freedom : params->freedom;
  used->base = params->base == MOA_BASE_DEFAULT ? MOA_BASE_PRIOR : params->base;
  used->fixed_point = params->fixed_point < 0 ? info->fixed_point : params->fixed_point;
  used->max_timestep = params->max_timestep < 0 ? info->max_timestep : params->max_timestep;
  used->guidance_max_timestep
    = params->guidance_max_timestep < 0 ? info->guidance_max_timestep : params->guidance_max_timestep;
  if (!settings_ok (r, error) || !moa_control_check (r->job->model, &params->control, error))
    return FALSE;
  used->n_variations = params->variations;
  used->variations = g_new0 (MoaVariation, used->n_variations);
  for (int k = 0; k < used->n_variations; k++)
    used->variations[k].seed = params->seed + k;
  return TRUE;
}

static void
clear_variation (MoaVariation *variation)
{
  moa_image_free (variation->image);
  moa_image_free (variation->composite);
  moa_image_free (variation->mask);
  for (int i = 0; i < variation->n_maps; i++)
    moa_maps_clear (&variation->maps[i]);
  g_free (variation->maps);
}

void
moa_replace_result_free (MoaReplaceResult *result)
{
  if (!result)
    return;
  for (int k = 0; k < result->n_variations; k++)
    clear_variation (&result->variations[k]);
  g_free (result->variations);
  moa_image_free (result->reconstruction);
  g_free (result->prompt);
  g_free (result->features);
  g_free (result->encoder);
  g_free (result->trajectory);
  g_strfreev (result->warnings);
  g_free (result);
}
