/* A replacement in GIMP: pixels out, the engine's work, a layer group in. */
#ifndef MOA_PLUGIN_REPLACE_H
#define MOA_PLUGIN_REPLACE_H

#include "job.h"
#include "people.h"
#include "settings.h"

#include <libgimp/gimp.h>

/* All that a replacement needs, copied out of GIMP, so that the image may change meanwhile. */
typedef struct {
  gint32 image, layer; /* the source */
  MoaRect area;        /* the work area, in the layer's coordinates */
  MoaImage *source;    /* RGB, the work area */
  MoaImage *alpha;     /* of the source; NULL: opaque */
  MoaImage *selection; /* NULL: everything */
  MoaImage *control;   /* what a ControlNet follows in the area; NULL: nothing */
  People *people;      /* owns the subjects' photos; or NULL */
  MoaSubject subjects[MOA_MAX_SUBJECTS];
  char *names[MOA_MAX_SUBJECTS];
  int n_subjects;
  ReplaceSettings *settings;
  MoaModel *model;
} ReplaceTask;

/* What a run on the layer would work on: the area, and the bounds of the selection on the layer.
 * The whole layer if nothing is selected. */
gboolean replace_find_area (gint32 image, gint32 layer, int side, MoaRect *area, MoaRect *bounds,
                            GError **error);

/* The layer that would be worked on; -1 with error set if it cannot be. */
gint32 replace_check_target (gint32 image, gint32 drawable, GError **error);

/* Checks everything and reads the pixels.  model: NULL opens the one that settings name.
 * (transfer full); NULL with error set. */
ReplaceTask *replace_task_new (gint32 image, gint32 drawable, const gint32 *subjects,
                               int n_subjects, const ReplaceSettings *settings, MoaModel *model,
                               GError **error);
/* The same, of a layer that can be worked on, and with nobody yet. */
ReplaceTask *replace_task_of_layer (gint32 image, gint32 layer, const ReplaceSettings *settings,
                                    MoaModel *model, GError **error);
void replace_task_free (ReplaceTask *task);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplaceTask, replace_task_free)

/* The model that settings name; an error says where one can be named.  (transfer full) */
MoaModel *replace_open_model (const ReplaceSettings *settings, char **path, GError **error);

/* people: (transfer full) */
void replace_task_take_people (ReplaceTask *task, People *people);

/* As the engine takes them; they point into the task. */
void replace_task_get_params (const ReplaceTask *task, MoaReplaceParams *params);

/* Starts the engine.  The task must outlive the job. */
ReplaceJob *replace_task_start (ReplaceTask *task);

/* In GIMP's own progress bar: the phase, and the time left. */
void replace_show_progress (const MoaProgress *progress);

/* Runs a task to its end, and puts the result into the image.  NULL does nothing and gives FALSE. */
gboolean replace_task_run (ReplaceTask *task, GError **error);

/* From start to end without a dialog; the settings may name the layer and the subjects. */
gboolean replace_run (gint32 image, gint32 drawable, const gint32 *subjects, int n_subjects,
                      const ReplaceSettings *settings, GError **error);

#endif
