/* Text to image: draws a held-out caption with the people of its picture, and
 * asks the judge how much of what the caption says is there (the paper's
 * prompt consistency), and whether the people are who they should be (its
 * identity preservation).  The same questions about the true picture stand
 * beside each number. */
#include "evaluate/evaluator.h"

#include "base/error.h"

#include <math.h>

typedef struct {
  const MoaEvaluator *e;
  const MoaCase *c;
  MoaCasePrompt prompt;
} Words;

/* What was found of what was said; NAN where nothing was said. */
typedef struct {
  double place, people, nouns, front, pose, all; /* all: of all facts */
  double subjects;      /* attributes of the people */
  double width;         /* how far off their bodies' width is judged, of 0 to 1 */
} Found;

static MoaImage *
draw (const Words *w, gboolean prior_only, GError **error)
{
  const MoaCase *c = w->c;
  MoaGenerateParams params;
  MoaSubject subjects[MOA_WORLD_PEOPLE];
  const MoaImage *photos[MOA_WORLD_PEOPLE];
  for (int k = 0; k < c->n_people; k++)
    {
      photos[k] = c->photo[k];
      subjects[k] = (MoaSubject){ &photos[k], 1 };
    }
  moa_generate_params_init (&params);
  params.prompt = w->prompt.text;
  params.subjects = subjects;
  params.n_subjects = c->n_people;
  params.prior_only = prior_only;
  params.seeds = &c->noise;
  params.n_seeds = 1;
  MoaGenerateResult *result = moa_generate (w->e->model, &params, &w->e->run, error);
  MoaImage *picture = NULL;
  if (result)
    {
      picture = result->images[0];
      result->images[0] = NULL;
    }
  moa_generate_result_free (result);
  return picture;
}

/* Adds a fact to those that were said. */
static void
count (gboolean right, int *said, int *seen)
{
  *said += 1;
  *seen += right != 0;
}

static double
share (int seen, int said)
{
  return said ? (double) seen / said : NAN;
}

/* Looks at a picture: the whole, then each person where the judge sees the head. */
static gboolean
look (const Words *w, const MoaImage *picture, Found *found, GError **error)
{
  const MoaCase *c = w->c;
  const MoaContext *context = &c->scene.context;
  MoaJudgedScene scene;
  if (!moa_judge_scene (w->e->judge, picture, &scene, error))
    return FALSE;
  int said = 0, seen = 0, nouns = 0, right_nouns = 0, poses = 0, right_poses = 0;
  *found = (Found){ .place = scene.place == context->place,
                    .people = scene.n_people == c->n_people,
                    .front = w->prompt.front ? scene.front == (int) context->front : NAN };
  count (found->place, &said, &seen);
  count (found->people, &said, &seen);
  if (w->prompt.front)
    count (found->front > 0, &said, &seen);
  for (int k = 0; k < c->n_people; k++)
    {
      MoaJudgedPerson person;
      const int *is = c->swapped.people[k].is;
      gboolean there = k < scene.n_people;
      if (!moa_judge_person (w->e->judge, picture, c->index, k, &scene.heads[k], &person, error))
        return FALSE;
      gboolean noun = there && person.classes[MOA_ATTRIBUTE_WOMAN] == is[MOA_ATTRIBUTE_WOMAN]
                      && person.classes[MOA_ATTRIBUTE_KID] == is[MOA_ATTRIBUTE_KID];
      gboolean pose = there && scene.pose[k] == (int) context->people[k].gesture.pose;
      count (noun, &nouns, &right_nouns);
      count (noun, &said, &seen);
      if (w->prompt.pose)
        {
          count (pose, &poses, &right_poses);
          count (pose, &said, &seen);
        }
      if (there)
        found->subjects += moa_judged_accuracy (&person, &c->swapped.people[k]) / c->n_people;
      found->width += fabs (person.measures[MOA_N_MEASURES - 1] - c->swapped.people[k].width)
                      / c->n_people;
    }
  found->nouns = share (right_nouns, nouns);
  found->pose = share (right_poses, poses);
  found->all = share (seen, said);
  return TRUE;
}

static void
add (MoaScores *scores, const Found *found, gboolean truth, gboolean prior_only)
{
#define ADD(name, value) moa_scores_add (scores, truth ? name "_truth" : name, value)
  ADD ("prompt_consistency", found->all);
  ADD ("place", found->place);
  ADD ("people", found->people);
  ADD ("nouns", found->nouns);
  ADD ("occlusion", found->front);
  ADD ("pose", found->pose);
  if (prior_only)
    return;
  ADD ("subject_accuracy", found->subjects);
  ADD ("body_width_error", found->width);
#undef ADD
}

gboolean
moa_evaluate_words (const MoaEvaluator *e, const MoaCase *c, gboolean prior_only,
                    MoaScores *scores, GError **error)
{
  Words w = { .e = e, .c = c };
  Found found, truth;
  moa_case_prompt (e->world, c, &w.prompt);
  MoaImage *picture = draw (&w, prior_only, error);
  gboolean ok = picture && look (&w, picture, &found, error) && look (&w, c->truth, &truth, error);
  moa_image_free (picture);
  if (!ok)
    return FALSE;
  add (scores, &found, FALSE, prior_only);
  add (scores, &truth, TRUE, prior_only);
  return TRUE;
}
