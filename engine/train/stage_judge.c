/* Stage "judge": the networks that evaluation asks what a picture shows.
 *
 * Each item gives its whole picture to the scene network, and one of its
 * people to the person network twice: cut out of the picture and as a photo.
 * What a model draws is softer than what the world draws, so that everything
 * is blurred and made noisy by chance.
 *
 *   loss = sum over both networks of
 *          mean cross-entropy of their questions + NUMBERS * mean square error of their numbers
 *
 * The result is written to FOLDER/model/judge/. */
#include "train/trainer.h"

#include "base/error.h"
#include "base/image.h"
#include "ops/ops.h"
#include "train/judge.h"

#include <math.h>
#include <string.h>

#define NUMBERS 10.0
enum { PIXELS = MOA_JUDGE_SIDE * MOA_JUDGE_SIDE * 3, CUTS = 2 };

/* One network with its inputs, and what they are set from. */
typedef struct {
  MoaJudgeKind kind;
  int batch, n_outputs, n_classes, n_numbers;
  MoaTensor *in, *classes, *numbers, *weights, *out;
  float *pixels, *one_hot, *values, *counts;
} Net;

typedef struct {
  MoaTrainGraph graph;
  Net net[MOA_N_JUDGES];
  MoaWorld *world;
  int items;
} Judge;

static void
options (const MoaTrainer *t, MoaDataOptions *o)
{
  o->n_photos = 0;
  o->tokenizer = NULL;
}

/* ---- Graph ------------------------------------------------------------ */

static void
start_net (Net *net, MoaJudgeKind kind, int batch)
{
  MoaJudgeQuestion numbers = moa_judge_question (kind, moa_judge_n_questions (kind));
  *net = (Net){ kind, batch, moa_judge_n_outputs (kind), numbers.first, numbers.n };
  net->pixels = g_new (float, batch * PIXELS);
  net->one_hot = g_new (float, batch * net->n_classes);
  net->values = g_new (float, batch * net->n_numbers);
  net->counts = g_new (float, batch * net->n_numbers);
}

static MoaTensor *
net_loss (MoaTrainGraph *tg, MoaParams *params, Net *net, const char *class_name,
          const char *number_name)
{
  MoaGraph *g = tg->graph;
  int n = net->batch, questions = moa_judge_n_questions (net->kind);
  net->in = moa_trainer_input (g, "pixels", MOA_SHAPE (n, MOA_JUDGE_SIDE, MOA_JUDGE_SIDE, 3));
  net->classes = moa_trainer_input (g, "classes", MOA_SHAPE (n, net->n_classes));
  net->numbers = moa_trainer_input (g, "numbers", MOA_SHAPE (n, net->n_numbers));
  net->weights = moa_trainer_input (g, "weights", MOA_SHAPE (n, net->n_numbers));
  net->out = moa_judge_net (g, params, net->kind, net->in);
  MoaTensor *sum = NULL;
  for (int i = 0; i < questions; i++)
    {
      MoaJudgeQuestion q = moa_judge_question (net->kind, i);
      MoaTensor *loss
        = moa_mean (g, moa_cross_entropy (g, moa_take (g, net->out, 1, q.first, q.n),
                                          moa_take (g, net->classes, 1, q.first, q.n)));
      sum = sum ? moa_add (g, sum, loss) : loss;
    }
  sum = moa_scale (g, sum, 1.0 / questions, 0);
  MoaTensor *off = moa_subtract (g, moa_take (g, net->out, 1, net->n_classes, net->n_numbers),
                                 net->numbers);
  MoaTensor *squares = moa_mean (g, moa_mul (g, moa_mul (g, off, off), net->weights));
  if (net->out)
    moa_graph_output (net->out);
  moa_train_graph_part (tg, class_name, sum);
  moa_train_graph_part (tg, number_name, squares);
  return moa_add (g, sum, moa_scale (g, squares, NUMBERS, 0));
}

/* Declares the parameters by building both networks once. */
static gboolean
heads (MoaTrainer *t, GError **error)
{
  MoaGraph *g = moa_graph_new (t->cpu);
  MoaTensor *x = moa_trainer_input (g, "pixels", MOA_SHAPE (1, MOA_JUDGE_SIDE, MOA_JUDGE_SIDE, 3));
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    moa_judge_net (g, t->parts.params[MOA_PART_HEADS], kind, x);
  gboolean ok = moa_graph_plan (g, error);
  moa_graph_free (g);
  return ok;
}

static gboolean
build (MoaTrainer *t, GError **error)
{
  Judge *j = t->state;
  const MoaDataOptions *o = moa_data_source_options (t->source);
  MoaParams *params = t->parts.params[MOA_PART_HEADS];
  if (t->config->data.source != MOA_SOURCE_WORLD)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"data.source\": the judge learns what the drawn world shows; only \"world\" "
                     "tells it what that is");
  j->items = t->config->micro_batch;
  j->world = moa_world_new (o->seed, o->size, MOA_JUDGE_SIDE);
  start_net (&j->net[MOA_JUDGE_PERSON], MOA_JUDGE_PERSON, CUTS * j->items);
  start_net (&j->net[MOA_JUDGE_SCENE], MOA_JUDGE_SCENE, j->items);
  j->graph.graph = moa_trainer_graph (t);
  MoaTensor *person = net_loss (&j->graph, params, &j->net[MOA_JUDGE_PERSON], "person",
                                "measures");
  MoaTensor *scene = net_loss (&j->graph, params, &j->net[MOA_JUDGE_SCENE], "scene", "heads");
  return moa_trainer_loss (t, &j->graph, moa_add (j->graph.graph, person, scene), error);
}

static MoaStepPlan
plan (MoaTrainer *t, guint64 step)
{
  Judge *j = t->state;
  return (MoaStepPlan){ &j->graph, j->items, t->config->batch / j->items };
}

/* ---- Batches ---------------------------------------------------------- */

/* class < 0: the picture does not show it, and it costs nothing. */
static void
set_class (Net *net, int row, int i, int class)
{
  if (class >= 0)
    net->one_hot[row * net->n_classes + moa_judge_question (net->kind, i).first + class] = 1;
}

static void
clear_rows (Net *net)
{
  memset (net->one_hot, 0, net->batch * net->n_classes * sizeof (float));
  memset (net->values, 0, net->batch * net->n_numbers * sizeof (float));
  memset (net->counts, 0, net->batch * net->n_numbers * sizeof (float));
}

/* What a row of the person network should answer. */
static void
set_person (Net *net, int row, const MoaIdentity *who)
{
  int classes[MOA_N_ATTRIBUTES];
  moa_identity_classes (who, classes);
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    set_class (net, row, i, classes[i]);
  moa_identity_measures (who, net->values + row * MOA_N_MEASURES);
  for (int i = 0; i < MOA_N_MEASURES; i++)
    net->counts[row * MOA_N_MEASURES + i] = 1;
}

static void
set_scene (Net *net, int row, const MoaContext *context)
{
  set_class (net, row, MOA_JUDGE_PLACE, context->place);
  set_class (net, row, MOA_JUDGE_FRONT, context->front);
  set_class (net, row, MOA_JUDGE_PEOPLE, context->n_people - 1);
  for (int k = 0; k < context->n_people; k++)
    {
      set_class (net, row, MOA_JUDGE_POSE + k, context->people[k].gesture.pose);
      moa_judge_from_head (&context->people[k], net->values + row * net->n_numbers + 3 * k);
      for (int i = 0; i < 3; i++)
        net->counts[row * net->n_numbers + 3 * k + i] = 1;
    }
}

/* What is drawn by chance for a row. */
typedef struct {
  const MoaTrainer *t;
  guint64 item;
  guint first;
} Chance;

static double
unit (const Chance *chance, guint i)
{
  return moa_trainer_unit (chance->t, chance->item, MOA_USE_CROP, 64 * chance->first + i);
}

/* Smaller and back, and noise, in [-1,1]. */
static gboolean
soften (const Chance *chance, float *pixels, GError **error)
{
  static const int sides[] = { MOA_JUDGE_SIDE, MOA_JUDGE_SIDE, 48, 32, 24 };
  int side = sides[(int) (unit (chance, 0) * G_N_ELEMENTS (sides))];
  float noise = 0.06f * (float) unit (chance, 1);
  MoaImage whole = { MOA_JUDGE_SIDE, MOA_JUDGE_SIDE, 3, pixels };
  MoaImage *small = side < MOA_JUDGE_SIDE ? moa_image_resize (&whole, side, side) : NULL;
  MoaImage *back = small ? moa_image_resize (small, MOA_JUDGE_SIDE, MOA_JUDGE_SIDE) : NULL;
  gboolean ok = side == MOA_JUDGE_SIDE || back;
  if (back)
    memcpy (pixels, back->data, PIXELS * sizeof (float));
  moa_image_free (small);
  moa_image_free (back);
  if (!ok)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory to blur a picture");
  g_autofree float *normal = g_new (float, PIXELS);
  moa_trainer_normal (chance->t, chance->item << 4 | chance->first, MOA_USE_NOISE, normal, PIXELS);
  for (int i = 0; i < PIXELS; i++)
    pixels[i] = CLAMP (pixels[i] + noise * normal[i], -1, 1);
  return TRUE;
}

/* The head a little off where it is, as the scene network will find it. */
static void
jitter (const Chance *chance, MoaPlacement *place)
{
  place->x += (unit (chance, 2) - .5) * .3 * place->r;
  place->y += (unit (chance, 3) - .5) * .3 * place->r;
  place->r *= .9 + .2 * unit (chance, 4);
}

/* Rows of one item: a scene, and CUTS of a person.  Held out: nothing is softened. */
static gboolean
set_item (MoaTrainer *t, int row, const MoaDataItem *item, const MoaDataOptions *o,
          gboolean held_out, GError **error)
{
  Judge *j = t->state;
  Net *person = &j->net[MOA_JUDGE_PERSON], *scene_net = &j->net[MOA_JUDGE_SCENE];
  guint64 index = o->first_scene + (o->n_scenes ? item->number % o->n_scenes : item->number);
  guint turn = o->n_scenes ? item->number / o->n_scenes : 0;
  int n = o->size * o->size * 3;
  Chance chance = { t, item->number, 0 };
  g_autofree guint8 *rgb = g_new (guint8, n), *small = g_new (guint8, PIXELS);
  MoaImage *picture = moa_image_new (o->size, o->size, 3);
  MoaScene scene;
  if (!picture)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for a picture");
  for (int i = 0; i < n; i++)
    {
      rgb[i] = (item->picture[i] + 1) * 127.5f + .5f;
      picture->data[i] = rgb[i] / 255.0f;
    }
  moa_world_scene (j->world, index, o->n_people, &scene);
  set_scene (scene_net, row, &scene.context);
  gboolean ok = moa_judge_view (picture, scene_net->pixels + row * PIXELS)
                || moa_fail (error, MOA_ERROR_MEMORY, "no memory for a picture");
  moa_image_free (picture);

  int k = unit (&chance, 5) * scene.context.n_people;
  for (int i = 0; i < CUTS; i++)
    set_person (person, CUTS * row + i, &scene.people[k]);
  float *cut = person->pixels + CUTS * row * PIXELS, *photo = cut + PIXELS;
  if (!held_out)
    jitter (&chance, &scene.context.people[k]);
  moa_world_crop (j->world, &scene, index, k, rgb, NULL, small);
  moa_judge_bytes (small, cut);
  moa_world_photo (j->world, &scene.people[k], index, k, turn, small);
  moa_judge_bytes (small, photo);
  if (held_out)
    return ok;
  Chance second = { t, item->number, 1 }, third = { t, item->number, 2 };
  return ok && soften (&chance, scene_net->pixels + row * PIXELS, error)
         && soften (&second, cut, error) && soften (&third, photo, error);
}

static void
set_inputs (const Judge *j)
{
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    {
      const Net *net = &j->net[kind];
      moa_graph_set (net->in, net->pixels);
      moa_graph_set (net->classes, net->one_hot);
      moa_graph_set (net->numbers, net->values);
      moa_graph_set (net->weights, net->counts);
    }
}

static gboolean
fill (MoaTrainer *t, const MoaStepPlan *step, MoaDataItem *const *items, GError **error)
{
  Judge *j = t->state;
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    clear_rows (&j->net[kind]);
  for (int i = 0; i < step->items; i++)
    if (!set_item (t, i, items[i], moa_data_source_options (t->source), FALSE, error))
      return FALSE;
  set_inputs (j);
  return TRUE;
}

/* ---- What was held out ------------------------------------------------ */

typedef struct {
  int asked[MOA_JUDGE_MOST_QUESTIONS], right[MOA_JUDGE_MOST_QUESTIONS];
  double squares, counts; /* of the numbers */
} Score;

/* Counts the first rows of the batch that was run. */
static void
score_net (const Net *net, int rows, Score *score)
{
  g_autofree float *out = g_new (float, net->batch * net->n_outputs);
  moa_graph_get (net->out, out);
  for (int row = 0; row < rows; row++)
    {
      const float *answers = out + row * net->n_outputs;
      const float *truth = net->one_hot + row * net->n_classes;
      for (int i = 0; i < moa_judge_n_questions (net->kind); i++)
        {
          MoaJudgeQuestion q = moa_judge_question (net->kind, i);
          int best = q.first, class = -1;
          for (int k = q.first; k < q.first + q.n; k++)
            {
              best = answers[k] > answers[best] ? k : best;
              class = truth[k] > 0 ? k : class;
            }
          score->asked[i] += class >= 0;
          score->right[i] += class >= 0 && best == class;
        }
      for (int i = 0; i < net->n_numbers; i++)
        {
          float weight = net->counts[row * net->n_numbers + i];
          score->counts += weight;
          score->squares += weight * pow (answers[net->n_classes + i]
                                          - net->values[row * net->n_numbers + i], 2);
        }
    }
}

static void
report (json_t *out, MoaJudgeKind kind, const Score *score)
{
  int n = moa_judge_n_questions (kind);
  double sum = 0;
  for (int i = 0; i < n; i++)
    {
      double share = score->right[i] / MAX (1.0, score->asked[i]);
      json_object_set_new (out, moa_judge_question (kind, i).name, json_real (share));
      sum += share / n;
    }
  json_object_set_new (out, kind == MOA_JUDGE_PERSON ? "person" : "scene", json_real (sum));
  json_object_set_new (out, moa_judge_question (kind, n).name,
                       json_real (sqrt (score->squares / MAX (1, score->counts))));
}

/* The share of right answers to each question, and their mean; of numbers the
 * root of the mean square error. */
static gboolean
validate (MoaTrainer *t, json_t *out, GError **error)
{
  Judge *j = t->state;
  const MoaDataOptions *o = moa_data_source_options (t->held_out);
  int n = t->config->data.held_out;
  Score score[MOA_N_JUDGES] = { { .squares = 0 } };
  MoaDataItem *item = moa_data_item_new (t->held_out);
  gboolean ok = TRUE;
  for (int first = 0; first < n && ok; first += j->items)
    {
      int rows = MIN (j->items, n - first);
      for (int kind = 0; kind < MOA_N_JUDGES; kind++)
        clear_rows (&j->net[kind]);
      for (int i = 0; i < j->items && ok; i++)
        ok = moa_data_source_load (t->held_out, (first + i) % n, item, error)
             && set_item (t, i, item, o, TRUE, error);
      set_inputs (j);
      ok = ok && moa_graph_run (j->graph.graph, NULL, error);
      if (!ok)
        break;
      score_net (&j->net[MOA_JUDGE_PERSON], CUTS * rows, &score[MOA_JUDGE_PERSON]);
      score_net (&j->net[MOA_JUDGE_SCENE], rows, &score[MOA_JUDGE_SCENE]);
    }
  moa_data_item_free (t->held_out, item);
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    report (out, kind, &score[kind]);
  return ok;
}

/* ---- The result ------------------------------------------------------- */

static gboolean
finish (MoaTrainer *t, GError **error)
{
  g_autofree char *folder = g_build_filename (t->model, "judge", NULL);
  return moa_judge_write (t->parts.params[MOA_PART_HEADS], t->config->half, folder, error);
}

static void
clear (MoaTrainer *t)
{
  Judge *j = t->state;
  moa_train_graph_clear (&j->graph);
  moa_world_free (j->world);
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    {
      g_free (j->net[kind].pixels);
      g_free (j->net[kind].one_hot);
      g_free (j->net[kind].values);
      g_free (j->net[kind].counts);
    }
}

const MoaStage moa_stage_judge = {
  .parts = 1u << MOA_PART_HEADS, .state_size = sizeof (Judge), .options = options, .declare = heads,
  .build = build, .plan = plan, .fill = fill, .validate = validate, .finish = finish,
  .clear = clear,
};
