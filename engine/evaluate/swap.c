/* Measuring one swap: it is made as the plug-in would make it, with the
 * selection that a user would draw, and compared with the truth. */
#include "evaluate/evaluator.h"

#include "base/error.h"
#include "jobs/frame.h"
#include "jobs/maps.h"

#include <math.h>

typedef struct {
  const MoaEvaluator *e;
  const MoaCase *c;
  MoaScores *scores;
  MoaImage *background;      /* 1 - c->region */
  MoaReplaceResult *result;
} Swap;

void
moa_sheet_row_clear (MoaSheetRow *row)
{
  moa_image_free (row->source);
  moa_image_free (row->photo);
  moa_image_free (row->result);
  moa_image_free (row->truth);
  moa_image_free (row->mask);
  moa_image_free (row->router);
}

static gboolean
no_memory (GError **error)
{
  return moa_fail (error, MOA_ERROR_MEMORY, "No memory for a picture");
}

/* ---- The job ---------------------------------------------------------- */

/* own_maps: no selection and no picture, for where the routers by themselves see the person. */
static MoaReplaceResult *
replace (const MoaEvaluator *e, const MoaCase *c, gboolean own_maps, GError **error)
{
  MoaReplaceParams params;
  MoaSubject subjects[MOA_WORLD_PEOPLE];
  const MoaImage *photos[MOA_WORLD_PEOPLE];
  moa_replace_params_init (&params);
  for (int k = 0; k < c->n_people; k++)
    {
      photos[k] = c->photo[k];
      subjects[k] = (MoaSubject){ &photos[k], 1 };
    }
  params.source = c->source;
  params.selection = own_maps ? NULL : c->selection;
  params.find = FALSE;
  params.subjects = subjects;
  params.n_subjects = c->n_people;
  params.steps = e->params->steps;
  params.guidance = e->params->guidance;
  params.guidance_rescale = e->params->guidance_rescale;
  params.guidance_max_timestep = e->params->guidance_max_timestep;
  params.freedom = e->fresh_noise ? 1 : e->params->freedom;
  params.seed = c->noise;
  params.maps_only = own_maps;
  params.want_reconstruction = !own_maps && e->vae;
  return moa_replace (e->model, &params, &e->run, error);
}

/* ---- Pixels ----------------------------------------------------------- */

static void
add_pixels (Swap *s)
{
  const MoaCase *c = s->c;
  const MoaImage *before = s->result->variations->image, *after = s->result->variations->composite;
  const MoaImage *person = c->region, *background = s->background;
  moa_scores_add (s->scores, "source_person_psnr", moa_psnr (c->source, c->truth, person));
  moa_scores_add (s->scores, "person_psnr", moa_psnr (after, c->truth, person));
  moa_scores_add (s->scores, "person_psnr_before", moa_psnr (before, c->truth, person));
  moa_scores_add (s->scores, "background_psnr", moa_psnr (before, c->source, background));
  moa_scores_add (s->scores, "background_psnr_after", moa_psnr (after, c->source, background));
  moa_scores_add (s->scores, "source_person_ssim", moa_ssim (c->source, c->truth, person));
  moa_scores_add (s->scores, "person_ssim", moa_ssim (after, c->truth, person));
  moa_scores_add (s->scores, "person_ssim_before", moa_ssim (before, c->truth, person));
  moa_scores_add (s->scores, "background_ssim", moa_ssim (before, c->source, background));
  moa_scores_add (s->scores, "background_ssim_after", moa_ssim (after, c->source, background));
  moa_scores_add (s->scores, "replaced_person_psnr", moa_psnr (after, c->source, person));
  for (int k = 0; k < c->n_people; k++)
    if (!(c->who >> k & 1))
      moa_scores_add (s->scores, "kept_person_psnr", moa_psnr (after, c->truth, c->after[k]));
}

/* What a swap without fault would give where the selection lets it. */
static MoaImage *
reachable (const MoaCase *c)
{
  MoaImage *out = moa_image_copy (c->source);
  for (gsize i = 0; out && i < (gsize) out->width * out->height * 3; i++)
    if (c->selection->data[i / 3] > 0.5f)
      out->data[i] = c->truth->data[i];
  return out;
}

/* What the selection, the autoencoder and the inversion alone cost. */
static gboolean
add_limits (Swap *s, GError **error)
{
  const MoaCase *c = s->c;
  MoaImage *selected = reachable (c);
  if (!selected)
    return no_memory (error);
  moa_scores_add (s->scores, "reachable_person_psnr", moa_psnr (selected, c->truth, c->region));
  moa_image_free (selected);
  MoaImage *source = moa_round_trip (s->e->vae, c->source, error);
  MoaImage *truth = source ? moa_round_trip (s->e->vae, c->truth, error) : NULL;
  if (truth)
    {
      moa_scores_add (s->scores, "vae_psnr", moa_psnr (source, c->source, NULL));
      moa_scores_add (s->scores, "vae_person_psnr", moa_psnr (truth, c->truth, c->region));
      moa_scores_add (s->scores, "vae_background_psnr",
                      moa_psnr (source, c->source, s->background));
      moa_scores_add (s->scores, "inversion_psnr",
                      moa_psnr (s->result->reconstruction, source, NULL));
    }
  gboolean ok = truth != NULL;
  moa_image_free (source);
  moa_image_free (truth);
  return ok;
}

/* ---- Routers ---------------------------------------------------------- */

/* The overlap, at the latent's size, of where the personalised experts have
 * more than half of the weight with where the replaced people are seen. */
static double
router_overlap (const MoaReplaceResult *result, const MoaCase *c, GError **error)
{
  int width = result->latent_width, height = result->latent_height;
  gsize n = (gsize) width * height;
  MoaImage *weight = moa_maps_weight (&result->variations->maps[0], NULL, 0, width, height, error);
  if (!weight)
    return NAN;
  g_autofree float *seen = g_new0 (float, n), *one = g_new (float, n);
  for (int k = 0; k < c->n_people; k++)
    if (c->who >> k & 1)
      {
        moa_image_pool (c->before[k], c->source->width / width, one);
        for (gsize i = 0; i < n; i++)
          seen[i] = MAX (seen[i], one[i]);
      }
  double overlap = moa_overlap (weight->data, seen, n);
  moa_image_free (weight);
  return overlap;
}

/* The overlap of the persons whom the routers find before anything is replaced with all who are there;
 * NAN for an expert that has none. */
static double
found_overlap (const Swap *s, GError **error)
{
  GError *fault = NULL;
  const MoaCase *c = s->c;
  gsize n = (gsize) c->source->width * c->source->height;
  int n_found;
  MoaPerson *persons = moa_find_persons (s->e->model, c->source, NULL, c->n_people, &n_found, &s->e->run,
                                         &fault);
  if (g_error_matches (fault, MOA_ERROR, MOA_ERROR_MODEL))
    g_clear_error (&fault);
  if (fault)
    g_propagate_error (error, fault);
  if (!persons)
    return NAN;
  g_autofree float *found = g_new0 (float, n), *seen = g_new0 (float, n);
  for (gsize i = 0; i < n; i++)
    {
      for (int k = 0; k < n_found; k++)
        found[i] = MAX (found[i], persons[k].mask->data[i]);
      for (int k = 0; k < c->n_people; k++)
        seen[i] = MAX (seen[i], c->before[k]->data[i]);
    }
  moa_persons_free (persons, n_found);
  return moa_overlap (found, seen, n);
}

/* Before the swap; in it without a selection, which would show the routers the person; and with it. */
static gboolean
add_routers (Swap *s, GError **error)
{
  GError *fault = NULL;
  moa_scores_add (s->scores, "found_iou", found_overlap (s, &fault));
  if (!fault)
    moa_scores_add (s->scores, "router_iou_selected", router_overlap (s->result, s->c, &fault));
  MoaReplaceResult *own = fault ? NULL : replace (s->e, s->c, TRUE, &fault);
  if (own)
    moa_scores_add (s->scores, "router_iou", router_overlap (own, s->c, &fault));
  moa_replace_result_free (own);
  if (fault)
    g_propagate_error (error, fault);
  return !fault;
}

/* ---- Attributes ------------------------------------------------------- */

static void
add_each_attribute (MoaScores *scores, const char *kind, const MoaJudgedPerson *judged,
                    const MoaIdentity *who)
{
  int is[MOA_N_ATTRIBUTES];
  moa_identity_classes (who, is);
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s/%s", kind, moa_attribute_name (i));
      if (is[i] >= 0)
        moa_scores_add (scores, g_intern_string (name), judged->classes[i] == is[i]);
    }
}

/* What the judge sees of person k in the result, in the truth and before. */
static gboolean
add_person (Swap *s, int k, GError **error)
{
  const MoaCase *c = s->c;
  const MoaPlacement *head = &c->scene.context.people[k];
  const MoaIdentity *was = &c->scene.people[k], *now = &c->swapped.people[k];
  MoaJudge *judge = s->e->judge;
  MoaJudgedPerson result, truth, source;
  if (!moa_judge_person (judge, s->result->variations->composite, c->index, k, head, &result,
                         error) ||
      !moa_judge_person (judge, c->truth, c->index, k, head, &truth, error) ||
      !moa_judge_person (judge, c->source, c->index, k, head, &source, error))
    return FALSE;
  if (!(c->who >> k & 1))
    {
      moa_scores_add (s->scores, "kept_attribute_accuracy", moa_judged_accuracy (&result, now));
      moa_scores_add (s->scores, "kept_attribute_accuracy_truth",
                      moa_judged_accuracy (&truth, now));
      return TRUE;
    }
  moa_scores_add (s->scores, "attribute_accuracy", moa_judged_accuracy (&result, now));
  moa_scores_add (s->scores, "attribute_accuracy_truth", moa_judged_accuracy (&truth, now));
  moa_scores_add (s->scores, "attribute_accuracy_source", moa_judged_accuracy (&source, now));
  moa_scores_add (s->scores, "replaced_attributes_left", moa_judged_left (&result, was, now));
  moa_scores_add (s->scores, "replaced_attributes_left_truth", moa_judged_left (&truth, was, now));
  add_each_attribute (s->scores, "result", &result, now);
  add_each_attribute (s->scores, "truth", &truth, now);
  return TRUE;
}

/* ---- All -------------------------------------------------------------- */

static gboolean
fill_row (const Swap *s, MoaSheetRow *row, GError **error)
{
  const MoaCase *c = s->c;
  int first = 0;
  while (!(c->who >> first & 1))
    first++;
  row->source = moa_image_copy (c->source);
  row->photo = moa_image_copy (c->photo[first]);
  row->result = moa_image_copy (s->result->variations->composite);
  row->truth = moa_image_copy (c->truth);
  row->mask = moa_image_copy (s->result->variations->mask);
  row->router = moa_maps_weight (&s->result->variations->maps[0], NULL, 0, c->source->width,
                                 c->source->height, error);
  if (!row->router)
    return FALSE;
  return (row->source && row->photo && row->result && row->truth && row->mask)
         || no_memory (error);
}

gboolean
moa_evaluate_swap (const MoaEvaluator *e, const MoaCase *c, MoaScores *scores, MoaSheetRow *row,
                   MoaUsedSettings *used, GError **error)
{
  Swap s = { e, c, scores, moa_mask_rest (c->region), NULL };
  if (!s.background)
    return no_memory (error);
  s.result = replace (e, c, FALSE, error);
  gboolean ok = s.result != NULL;
  if (ok)
    add_pixels (&s);
  ok = ok && (!e->vae || (add_limits (&s, error) && add_routers (&s, error)));
  for (int k = 0; ok && e->judge && k < c->n_people; k++)
    ok = add_person (&s, k, error);
  ok = ok && (!row || fill_row (&s, row, error));
  if (ok && used)
    *used = (MoaUsedSettings){ s.result->steps, s.result->fixed_point, s.result->max_timestep,
                               s.result->guidance_max_timestep, s.result->guidance,
                               s.result->guidance_rescale, s.result->freedom };
  moa_replace_result_free (s.result);
  moa_image_free (s.background);
  return ok;
}
