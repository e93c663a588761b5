/* What moa replace reads: the picture, the mask, the photos. */
#include "cli/replace.h"

#include "base/error.h"

/* The bounds of what is not black; FALSE: nothing. */
static gboolean
mask_bounds (const MoaImage *mask, MoaRect *bounds)
{
  int left = mask->width, top = mask->height, right = -1, bottom = -1;
  for (int y = 0; y < mask->height; y++)
    for (int x = 0; x < mask->width; x++)
      if (mask->data[(gsize) y * mask->width + x] > 0)
        {
          left = MIN (left, x);
          right = MAX (right, x);
          top = MIN (top, y);
          bottom = MAX (bottom, y);
        }
  *bounds = (MoaRect){ left, top, right - left + 1, bottom - top + 1 };
  return right >= 0;
}

static gboolean
choose_area (CliReplace *r, int side, GError **error)
{
  int width = gdk_pixbuf_get_width (r->source), height = gdk_pixbuf_get_height (r->source);
  moa_work_area (width, height, NULL, side, &r->area);
  if (!r->select)
    return TRUE;
  MoaImage *mask = moa_cli_load_mask (r->select, error);
  if (!mask)
    return FALSE;
  MoaRect bounds;
  gboolean ok = TRUE;
  if (mask->width != width || mask->height != height)
    ok = moa_fail (error, MOA_ERROR_ARGUMENT,
                   "%s: the mask is %d x %d pixels, the picture %d x %d; they must be alike",
                   r->select, mask->width, mask->height, width, height);
  else if (!mask_bounds (mask, &bounds))
    ok = moa_fail (error, MOA_ERROR_ARGUMENT, "%s: the mask is all black; paint the person white",
                   r->select);
  if (ok)
    {
      moa_work_area (width, height, &bounds, side, &r->area);
      r->selection = moa_cli_crop_mask (mask, &r->area);
      if (!r->selection)
        ok = moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", r->select);
    }
  moa_image_free (mask);
  return ok;
}

/* From the picture to the area; a box beside it is for the job to refuse. */
static gboolean
set_heads (CliReplace *r, GError **error)
{
  int n = r->job.loaded.n_subjects;
  if (!r->head_numbers)
    return TRUE;
  if ((int) r->head_numbers->len != 4 * n)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "--heads has %u numbers, and %d subjects need 4 each",
                     r->head_numbers->len, n);
  const int *v = (const int *) r->head_numbers->data;
  for (int k = 0; k < n; k++, v += 4)
    r->job.loaded.subjects[k].head = (MoaRect){ v[0] - r->area.x, v[1] - r->area.y, v[2], v[3] };
  return TRUE;
}

gboolean
moa_cli_replace_input (CliReplace *r, GError **error)
{
  MoaCliJob *job = &r->job;
  /* Without a subject, maps shows the picture's own persons. */
  if (json_array_size (job->subjects) == 0)
    json_array_append_new (job->subjects, moa_subject_from_text (job->first, NULL));
  r->source = moa_cli_load (job->first, error);
  if (!r->source || !moa_cli_load_subjects (&job->loaded, job->subjects, job->cli, error) ||
      !choose_area (r, moa_model_get_info (job->cli->model)->side, error))
    return FALSE;
  r->picture = moa_cli_image (r->source, &r->area);
  if (!r->picture)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", job->first);
  int width = gdk_pixbuf_get_width (r->source), height = gdk_pixbuf_get_height (r->source);
  if (!moa_cli_load_subject_masks (&job->loaded, job->masks, width, height, &r->area, error) ||
      !moa_cli_control_load (&r->control, width, height, &r->area, &r->params.control, error))
    return FALSE;
  if (!set_heads (r, error))
    return FALSE;
  r->params.source = r->picture;
  r->params.selection = r->selection;
  r->params.subjects = job->loaded.subjects;
  r->params.n_subjects = job->loaded.n_subjects;
  if (r->order_numbers)
    {
      if ((int) r->order_numbers->len != job->loaded.n_subjects)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "--order names %u persons, and there are %d subjects",
                         r->order_numbers->len, job->loaded.n_subjects);
      for (guint i = 0; i < r->order_numbers->len; i++)
        g_array_index (r->order_numbers, int, i) -= 1;
      r->params.order = (const int *) r->order_numbers->data;
    }
  if (r->at_numbers)
    {
      r->params.map_steps = (const int *) r->at_numbers->data;
      r->params.n_map_steps = r->at_numbers->len;
    }
  r->params.want_reconstruction = r->reconstruction != NULL;
  r->params.keep_trajectory = r->trajectory != NULL;
  return TRUE;
}
