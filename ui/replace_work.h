/* A piece of work for the engine as the dialog of Replace Person asks for it: pixels read, painted
 * masks applied, persons gathered. */
#ifndef MOA_UI_REPLACE_WORK_H
#define MOA_UI_REPLACE_WORK_H

#include "replace_area.h"
#include "subject_set.h"

#include "plugin/replace.h"

typedef struct {
  ReplaceTask *task;
  SubjectSet *set;
  MoaImage *factor; /* painted on the router maps, of the source's size; NULL: nothing */
  MoaImage *masks[MOA_MAX_SUBJECTS]; /* the subjects', where the model needs them */
  int mask_layers[64], n_mask_layers;
  MoaReplaceParams params;
} ReplaceWork;

typedef struct {
  MoaPerson *persons;
  int n_persons;
} FoundPersons;

/* painted: on the preview; factor: on the maps; either may be NULL.  chosen: bit i for block i that
 * makes the mask.  (transfer full); NULL with error set. */
ReplaceWork *replace_work_new (gint32 image, const ReplaceArea *area, SubjectList *subjects,
                               const ReplaceSettings *settings, MoaModel *model, const MoaImage *painted,
                               const MoaImage *factor, guint64 chosen, GError **error);
void replace_work_free (ReplaceWork *work);

/* Whether the model has no routers that find the persons' places.  Then each of several subjects needs an
 * area of its own: a part of limit, which is where persons may be drawn at all (NULL: everywhere). */
gboolean replace_work_needs_areas (MoaModel *model);
gboolean replace_work_check_areas (MoaModel *model, const MoaImage *limit, int n_subjects, GError **error);

/* For a RunnerJob, with the work as data: a FoundPersons, a MoaEstimate, a MoaReplaceResult. */
gpointer replace_work_find (const MoaRun *run, gpointer work, GError **error);
gpointer replace_work_estimate (const MoaRun *run, gpointer work, GError **error);
gpointer replace_work_replace (const MoaRun *run, gpointer work, GError **error);

void found_persons_free (gpointer found);

#endif
