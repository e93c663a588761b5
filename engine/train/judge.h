/* The judge: two small convolutional networks that look at pictures of the
 * drawn world and say what is in them, so that pictures a model made can be
 * measured against what they should show.  Here: what they are asked, and
 * their graph; stage_judge.c trains them, evaluate/judge.c asks them.
 *
 *   person  somebody's head and shoulders: the attributes of an identity, and
 *           its measures
 *   scene   a whole picture: place, what is in front, how many people, the
 *           pose of each, and where their heads are */
#ifndef MOA_TRAIN_JUDGE_H
#define MOA_TRAIN_JUDGE_H

#include "io/json.h"
#include "moa.h"
#include "ops/ops.h"
#include "train/world/world.h"

typedef enum { MOA_JUDGE_PERSON, MOA_JUDGE_SCENE, MOA_N_JUDGES } MoaJudgeKind;

#define MOA_JUDGE_SIDE 64 /* of the pictures that both look at */

/* Questions whose answer is one of a few: the attributes; of the scene these. */
enum { MOA_JUDGE_PLACE, MOA_JUDGE_FRONT, MOA_JUDGE_PEOPLE, MOA_JUDGE_POSE,
       MOA_JUDGE_SCENE_QUESTIONS = MOA_JUDGE_POSE + MOA_WORLD_PEOPLE };
#define MOA_JUDGE_MOST_QUESTIONS MOA_N_ATTRIBUTES

/* Answers first .. first + n - 1 of a network's output are scores of classes;
 * those after the last question's are numbers: measures, or head places. */
typedef struct {
  const char *name;
  int first, n;
} MoaJudgeQuestion;

int moa_judge_n_questions (MoaJudgeKind kind);
/* i may be the number of questions: then the numbers are meant. */
MoaJudgeQuestion moa_judge_question (MoaJudgeKind kind, int i);
int moa_judge_n_outputs (MoaJudgeKind kind);

/* Where a head is as three numbers of about -1 to 1, and back. */
void moa_judge_from_head (const MoaPlacement *place, float out[3]);
void moa_judge_to_head (const float in[3], MoaPlacement *place);

/* x B,64,64,3 in [-1,1] -> B,n_outputs.  params: of judge.safetensors. */
MoaTensor *moa_judge_net (MoaGraph *g, MoaParams *params, MoaJudgeKind kind, MoaTensor *x);

/* A whole picture, RGB in [0,1], as the scene network takes it; FALSE if
 * memory is short. */
gboolean moa_judge_view (const MoaImage *picture, float *out);
/* 64 x 64 x 3 bytes as the networks take them. */
void moa_judge_bytes (const guint8 *rgb, float *out);

/* What config.json beside the weights says; a judge that was asked other
 * questions is of no use.  (transfer full) */
json_t *moa_judge_description (void);

/* Makes FOLDER with judge.safetensors, in 16 bits if half, and config.json. */
gboolean moa_judge_write (MoaParams *params, gboolean half, const char *folder,
                          GError **error);

#endif
