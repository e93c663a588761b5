/* Asking the judge (train/judge.h) what a picture shows. */
#ifndef MOA_EVALUATE_JUDGE_H
#define MOA_EVALUATE_JUDGE_H

#include "moa.h"
#include "train/judge.h"

typedef struct _MoaJudge MoaJudge;

/* FOLDER/config.json and FOLDER/judge.safetensors.  run may be NULL. */
MoaJudge *moa_judge_open (const char *folder, const MoaRun *run, GError **error);
void moa_judge_free (MoaJudge *judge);

/* What somebody is like, as far as it is seen. */
typedef struct {
  int classes[MOA_N_ATTRIBUTES];
  float measures[MOA_N_MEASURES];
} MoaJudgedPerson;

/* What a picture shows.  heads: where each person's is, left to right. */
typedef struct {
  int place, front, n_people, pose[MOA_WORLD_PEOPLE];
  MoaPlacement heads[MOA_WORLD_PEOPLE];
} MoaJudgedScene;

gboolean moa_judge_scene (MoaJudge *judge, const MoaImage *picture, MoaJudgedScene *out,
                          GError **error);
/* The person whose head is there in a picture of the world's kind.  index: of
 * the scene, which decides how widely is cut. */
gboolean moa_judge_person (MoaJudge *judge, const MoaImage *picture, guint64 index, int person,
                           const MoaPlacement *head, MoaJudgedPerson *out, GError **error);

/* The share of the attributes that show in `who` which the judge saw. */
double moa_judged_accuracy (const MoaJudgedPerson *judged, const MoaIdentity *who);
/* Of the attributes in which `now` differs from `before`, the share in which
 * the judge still saw `before`; NAN if there are none. */
double moa_judged_left (const MoaJudgedPerson *judged, const MoaIdentity *before,
                        const MoaIdentity *now);

#endif
