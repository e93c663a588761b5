/* Asking the judge: see judge.h. */
#include "evaluate/judge.h"

#include "base/error.h"
#include "evaluate/case.h"

#include <math.h>
#include <string.h>

enum { PIXELS = MOA_JUDGE_SIDE * MOA_JUDGE_SIDE * 3 };

typedef struct {
  MoaGraph *graph;
  MoaTensor *in, *out;
  float *answers;
} Net;

struct _MoaJudge {
  MoaCpu *cpu;
  MoaParams *params;
  MoaWorkspace *workspace;
  Net net[MOA_N_JUDGES];
};

/* ---- Opening ---------------------------------------------------------- */

static gboolean
check_description (const char *folder, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  json_t *found = moa_json_read (path, error);
  if (!found)
    return FALSE;
  json_t *wanted = moa_judge_description ();
  gboolean same = json_equal (found, wanted);
  json_decref (found);
  json_decref (wanted);
  return same || moa_fail (error, MOA_ERROR_MODEL,
                           "%s: this judge answers other questions than this program asks; train "
                           "one anew (moa train, \"stage\": \"judge\")", path);
}

static gboolean
build (MoaJudge *judge, MoaJudgeKind kind, GError **error)
{
  Net *net = &judge->net[kind];
  net->graph = moa_graph_new (judge->cpu);
  net->in = moa_graph_input (net->graph, "pixels", MOA_SHAPE (1, MOA_JUDGE_SIDE, MOA_JUDGE_SIDE, 3),
                             MOA_EACH_RUN);
  net->out = moa_judge_net (net->graph, judge->params, kind, net->in);
  if (net->out)
    moa_graph_output (net->out);
  net->answers = g_new (float, moa_judge_n_outputs (kind));
  return moa_graph_plan (net->graph, error);
}

MoaJudge *
moa_judge_open (const char *folder, const MoaRun *run, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "judge.safetensors", NULL);
  if (!check_description (folder, error))
    return NULL;
  MoaWeights *weights = moa_weights_open (path, "judge", error);
  if (!weights)
    return NULL;
  MoaJudge *judge = g_new0 (MoaJudge, 1);
  judge->cpu = moa_cpu_new (moa_isa_best (), run ? run->n_threads : 0);
  judge->params = moa_params_new (weights, moa_isa_best ());
  judge->workspace = moa_workspace_new ();
  moa_weights_unref (weights);
  gboolean ok = TRUE;
  for (int kind = 0; kind < MOA_N_JUDGES && ok; kind++)
    ok = build (judge, kind, error);
  ok = ok && moa_params_load (judge->params, moa_cpu_threads (judge->cpu), NULL, error);
  for (int kind = 0; kind < MOA_N_JUDGES && ok; kind++)
    ok = moa_graph_prepare (judge->net[kind].graph, judge->workspace, error);
  if (ok)
    return judge;
  moa_judge_free (judge);
  return NULL;
}

void
moa_judge_free (MoaJudge *judge)
{
  if (!judge)
    return;
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    {
      if (judge->net[kind].graph)
        moa_graph_free (judge->net[kind].graph);
      g_free (judge->net[kind].answers);
    }
  moa_workspace_free (judge->workspace);
  moa_params_free (judge->params);
  moa_cpu_free (judge->cpu);
  g_free (judge);
}

/* ---- Asking ----------------------------------------------------------- */

static gboolean
ask (MoaJudge *judge, MoaJudgeKind kind, const float *pixels, GError **error)
{
  Net *net = &judge->net[kind];
  moa_graph_set (net->in, pixels);
  if (!moa_graph_run (net->graph, NULL, error))
    return FALSE;
  moa_graph_get (net->out, net->answers);
  return TRUE;
}

/* The class with the highest score. */
static int
answer (const MoaJudge *judge, MoaJudgeKind kind, int question)
{
  MoaJudgeQuestion q = moa_judge_question (kind, question);
  const float *scores = judge->net[kind].answers + q.first;
  int best = 0;
  for (int i = 1; i < q.n; i++)
    best = scores[i] > scores[best] ? i : best;
  return best;
}

static const float *
numbers (const MoaJudge *judge, MoaJudgeKind kind)
{
  return judge->net[kind].answers + moa_judge_question (kind, moa_judge_n_questions (kind)).first;
}

gboolean
moa_judge_scene (MoaJudge *judge, const MoaImage *picture, MoaJudgedScene *out, GError **error)
{
  g_autofree float *pixels = g_new (float, PIXELS);
  if (!moa_judge_view (picture, pixels))
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory to look at a picture");
  if (!ask (judge, MOA_JUDGE_SCENE, pixels, error))
    return FALSE;
  *out = (MoaJudgedScene){ answer (judge, MOA_JUDGE_SCENE, MOA_JUDGE_PLACE),
                           answer (judge, MOA_JUDGE_SCENE, MOA_JUDGE_FRONT),
                           1 + answer (judge, MOA_JUDGE_SCENE, MOA_JUDGE_PEOPLE) };
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      out->pose[k] = answer (judge, MOA_JUDGE_SCENE, MOA_JUDGE_POSE + k);
      moa_judge_to_head (numbers (judge, MOA_JUDGE_SCENE) + 3 * k, &out->heads[k]);
    }
  return TRUE;
}

gboolean
moa_judge_person (MoaJudge *judge, const MoaImage *picture, guint64 index, int person,
                  const MoaPlacement *head, MoaJudgedPerson *out, GError **error)
{
  if (picture->width != picture->height || picture->channels != 3)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "The judge looks at square pictures of three channels, not %d x %d of %d",
                     picture->width, picture->height, picture->channels);
  MoaWorld *world = moa_world_new (0, picture->width, MOA_JUDGE_SIDE);
  MoaScene scene = { .context.n_people = person + 1 };
  scene.context.people[person] = *head;
  g_autofree guint8 *rgb = moa_case_bytes (picture), *cut = g_new (guint8, PIXELS);
  g_autofree float *pixels = g_new (float, PIXELS);
  moa_world_crop (world, &scene, index, person, rgb, NULL, cut);
  moa_world_free (world);
  moa_judge_bytes (cut, pixels);
  if (!ask (judge, MOA_JUDGE_PERSON, pixels, error))
    return FALSE;
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    out->classes[i] = answer (judge, MOA_JUDGE_PERSON, i);
  memcpy (out->measures, numbers (judge, MOA_JUDGE_PERSON), sizeof (out->measures));
  return TRUE;
}

/* ---- Answers ---------------------------------------------------------- */

double
moa_judged_accuracy (const MoaJudgedPerson *judged, const MoaIdentity *who)
{
  int is[MOA_N_ATTRIBUTES], asked = 0, right = 0;
  moa_identity_classes (who, is);
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    {
      asked += is[i] >= 0;
      right += is[i] >= 0 && judged->classes[i] == is[i];
    }
  return (double) right / asked;
}

double
moa_judged_left (const MoaJudgedPerson *judged, const MoaIdentity *before, const MoaIdentity *now)
{
  int was[MOA_N_ATTRIBUTES], is[MOA_N_ATTRIBUTES], asked = 0, left = 0;
  moa_identity_classes (before, was);
  moa_identity_classes (now, is);
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    if (was[i] >= 0 && is[i] >= 0 && was[i] != is[i])
      {
        asked++;
        left += judged->classes[i] == was[i];
      }
  return asked ? (double) left / asked : NAN;
}
