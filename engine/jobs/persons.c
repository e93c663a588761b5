/* Persons in a picture: who is there, who goes and who stays.  A model with routers sees them
 * (persons-look.c) as pieces of a mask (persons-pieces.c); for other experts the subjects' masks tell. */
#include "jobs/persons.h"

#include "base/mask.h"
#include "jobs/encode.h"

/* The weight of a person's pixels.  At 0.5 a fiftieth of them is outside moa_persons_room(), mostly of arms
 * and hair, on the drawn world; at 0.45 a hundredth. */
#define SEEN 0.45
/* Around a person who goes, as a share of the picture's shorter side. */
#define ROOM (1 / 16.0)

/* ---- Who is there ---- */

static MoaPerson *
find (MoaJob *job, MoaPicture *picture, const MoaImage *selection, int count, int *n_persons, GError **error)
{
  MoaImage *mask = moa_persons_look (job, picture, error);
  *n_persons = 0;
  if (!mask)
    return NULL;
  for (gsize i = 0; i < (gsize) mask->width * mask->height; i++)
    mask->data[i] = mask->data[i] > SEEN && (!selection || selection->data[i] > 0.5);
  MoaPerson *persons = moa_persons_in_mask (mask, count, n_persons, error);
  moa_image_free (mask);
  return persons;
}

MoaPerson *
moa_find_persons (MoaModel *model, const MoaImage *picture, const MoaImage *selection, int count,
                  int *n_persons, const MoaRun *run, GError **error)
{
  g_return_val_if_fail (model && picture && n_persons, NULL);
  const MoaImage *photos[] = { picture };
  const MoaSubject self = { photos, 1 };
  *n_persons = 0;
  if (!moa_number_check ("the number of persons", count, 0, MOA_MAX_SUBJECTS, error) ||
      !moa_subjects_check (&self, 1, error) || !moa_model_need_expert (model, error))
    return NULL;
  if (model->moa.masks)
    {
      moa_fail (error, MOA_ERROR_MODEL, "%s does not see where persons are; select the one who "
                "goes, and give that subject alone", model->info.expert);
      return NULL;
    }
  if (selection && (selection->channels != 1 || selection->width != picture->width ||
                    selection->height != picture->height))
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "The selection must have one channel and the picture's size");
      return NULL;
    }
  g_autoptr (MoaJob) job = moa_job_new (model, run, error);
  MoaPicture work = { NULL };
  MoaPerson *persons = NULL;
  if (job && moa_picture_open (&work, job->model, picture, error)
      && (work.z = moa_job_floats (moa_picture_count (&work, job->model), error)))
    {
      moa_meter_init (&job->meter, MOA_COST_VAE_ENCODE + moa_persons_look_cost (), &job->run);
      persons = find (job, &work, selection, count, n_persons, error);
    }
  if (persons)
    moa_meter_end (&job->meter, 0);
  g_free (work.z);
  moa_picture_clear (&work);
  return persons;
}

void
moa_persons_free (MoaPerson *persons, int n_persons)
{
  for (int i = 0; persons && i < n_persons; i++)
    moa_image_free (persons[i].mask);
  g_free (persons);
}

/* ---- Who goes and who stays ---- */

MoaImage *
moa_persons_room (const MoaPerson *persons, int n_persons)
{
  g_return_val_if_fail (persons && n_persons > 0, NULL);
  MoaImage *room = moa_image_copy (persons[0].mask);
  gsize n = room ? (gsize) room->width * room->height : 0;
  for (int k = 1; k < n_persons; k++)
    for (gsize i = 0; i < n; i++)
      room->data[i] = MAX (room->data[i], persons[k].mask->data[i]);
  if (room)
    moa_mask_dilate (room, MIN (room->width, room->height) * ROOM);
  return room;
}

/* In parameters that may be wrong still. */
static gboolean
keeps_someone (const MoaReplaceParams *params)
{
  for (int k = 0; params->subjects && k < MIN (params->n_subjects, MOA_MAX_SUBJECTS); k++)
    if (params->subjects[k].keep)
      return TRUE;
  return FALSE;
}

gboolean
moa_persons_wanted (const MoaModel *model, const MoaReplaceParams *params)
{
  return keeps_someone (params) || (params->find && !params->selection && !model->moa.masks);
}

double
moa_persons_cost (const MoaModel *model, const MoaReplaceParams *params)
{
  return moa_persons_wanted (model, params) && !model->moa.masks ? moa_persons_look_cost () : 0;
}

/* Where the subjects' masks say, by the persons' numbers.  Everyone has one. */
static MoaPerson *
take_masks (const MoaReplaceParams *params, int *n_persons, GError **error)
{
  MoaPerson *persons = g_new0 (MoaPerson, params->n_subjects);
  gboolean ok = TRUE;
  *n_persons = params->n_subjects;
  for (int k = 0; k < params->n_subjects; k++)
    {
      MoaImage **mask = &persons[params->order ? params->order[k] : k].mask;
      *mask = moa_image_copy (params->subjects[k].mask);
      ok &= *mask != NULL;
    }
  if (ok)
    return persons;
  moa_fail (error, MOA_ERROR_MEMORY, "No memory for the subjects' masks; use a smaller area");
  moa_persons_free (persons, *n_persons);
  return NULL;
}

/* Everywhere, at the picture's size. */
static MoaImage *
everywhere (const MoaImage *picture, GError **error)
{
  MoaImage *all = moa_image_try (picture->width, picture->height, 1, error);
  for (gsize i = 0; all && i < (gsize) all->width * all->height; i++)
    all->data[i] = 1;
  return all;
}

/* Takes those who stay, a little widened, from where others may change. */
static void
protect (const MoaReplaceParams *params, MoaPerson *persons, MoaImage *allowed)
{
  gsize n = (gsize) allowed->width * allowed->height;
  for (int k = 0; k < params->n_subjects; k++)
    {
      MoaImage *mask = persons[params->order ? params->order[k] : k].mask;
      if (!params->subjects[k].keep)
        continue;
      moa_mask_dilate (mask, MIN (mask->width, mask->height) / 64.0);
      for (gsize i = 0; i < n; i++)
        allowed->data[i] = MIN (allowed->data[i], 1 - mask->data[i]);
    }
}

gboolean
moa_persons_allow (MoaJob *job, MoaPicture *picture, const MoaReplaceParams *params, MoaImage **allowed,
                   GError **error)
{
  gboolean keep = keeps_someone (params), found = params->find && !params->selection;
  int n_found;
  *allowed = NULL;
  MoaPerson *persons = job->model->moa.masks
                           ? take_masks (params, &n_found, error)
                           : find (job, picture, params->selection, params->n_subjects, &n_found, error);
  if (!persons)
    return FALSE;
  gboolean ok = TRUE;
  if (keep && n_found < params->n_subjects)
    ok = moa_fail (error, MOA_ERROR_ARGUMENT,
                   N_ ("The model can tell only %d of the %d persons apart, so that it does not know who "
                   "is to stay; select the person who goes, and give that subject alone"),
                   n_found, params->n_subjects);
  else if (keep || (found && n_found > 0))
    {
      *allowed = params->selection ? moa_image_copy (params->selection)
                 : found           ? moa_persons_room (persons, n_found)
                                   : everywhere (params->source, error);
      ok = *allowed || moa_fail (error, MOA_ERROR_MEMORY,
                                 "No memory for where persons may change; use a smaller area");
    }
  if (*allowed && keep)
    protect (params, persons, *allowed);
  moa_persons_free (persons, n_found);
  return ok;
}
