/* Stage "encoders": the image encoder that turns a subject's photo into a
 * feature, and the text encoder, both from nothing.
 *
 * Photos of somebody must give what the person is like (measures by squares,
 * attributes by cross-entropy, through linear heads), and two photos of one
 * person features nearer to each other than to those of others (InfoNCE, van
 * den Oord et al. 2018); a picture and its caption must find each other in the
 * same way (Radford et al. 2021).  At the end features get unit variance, so
 * that the fuser's norm (Eq. 8) sees image and text alike. */
#include "train/trainer.h"

#include "base/error.h"
#include "nets/clip.h"
#include "nets/layers.h"

#include <math.h>
#include <string.h>

enum { JOINT_DIM = 64, FEATURE_PHOTOS = 256 };

typedef struct {
  MoaTrainGraph graph;
  MoaTensor *photos, *measures, *measured, *classes, *ids, *ends; /* inputs */
  MoaTensor *features, *logits, *similar;
  int people;        /* of a micro batch; each with two photos, those of person k at k and k + n */
  int captions, size, window, n_classes;
} Encoders;

static void
options (const MoaTrainer *t, MoaDataOptions *o)
{
  o->n_photos = 2;
}

/* ---- Graph ------------------------------------------------------------ */

static MoaTensor *
normed (MoaGraph *g, MoaTensor *x)
{
  int n = moa_net_dim (x, -1);
  g_autofree double *ones = g_new (double, n), *zeros = g_new0 (double, n);
  for (int i = 0; i < n; i++)
    ones[i] = 1;
  return moa_layer_norm (g, x, moa_graph_constant (g, MOA_SHAPE (n), ones),
                         moa_graph_constant (g, MOA_SHAPE (n), zeros), 1e-5);
}

/* Scaled products of all rows of a and b, both n,d -> n,n. */
static MoaTensor *
similarities (const MoaNet *net, MoaTensor *a, MoaTensor *b, const char *name)
{
  MoaGraph *g = net->graph;
  gint64 n = moa_net_dim (a, 0), d = moa_net_dim (a, -1);
  MoaTensor *temperature = moa_graph_param (g, net->params, name, MOA_SHAPE (1), MOA_PLAIN);
  MoaTensor *x = moa_broadcast (g, moa_graph_reshape (g, a, MOA_SHAPE (n, 1, d)),
                                MOA_SHAPE (n, n, d));
  x = moa_reduce (g, moa_mul (g, x, moa_graph_reshape (g, b, MOA_SHAPE (1, n, d))),
                  MOA_SHAPE (n, n, 1));
  x = moa_mul (g, moa_graph_reshape (g, x, MOA_SHAPE (n, n)),
               moa_unary (g, moa_scale (g, temperature, 2.5, 0), MOA_EXP));
  return moa_scale (g, x, 1.0 / d, 0);
}

/* InfoNCE: row k of a belongs to row k of b, both ways. */
static MoaTensor *
contrast (const MoaNet *net, MoaTensor *a, MoaTensor *b, const char *name, MoaTensor **similar)
{
  MoaGraph *g = net->graph;
  gint64 n = moa_net_dim (a, 0);
  g_autofree double *same = g_new0 (double, n * n);
  for (gint64 i = 0; i < n; i++)
    same[i * n + i] = 1;
  MoaTensor *target = moa_graph_constant (g, MOA_SHAPE (n, n), same);
  a = normed (g, a);
  b = normed (g, b);
  MoaTensor *there = similarities (net, a, b, name), *back = similarities (net, b, a, name);
  if (similar)
    *similar = there;
  return moa_scale (g, moa_add (g, moa_mean (g, moa_cross_entropy (g, there, target)),
                                moa_mean (g, moa_cross_entropy (g, back, target))), 0.5, 0);
}

static int
count_classes (void)
{
  int n = 0;
  for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
    n += moa_attribute_n_classes (a);
  return n;
}

/* The sum over attributes of the cross-entropies, whose targets are weighted. */
static MoaTensor *
class_loss (MoaGraph *g, MoaTensor *logits, MoaTensor *targets)
{
  MoaTensor *sum = NULL;
  int first = 0;
  for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
    {
      int n = moa_attribute_n_classes (a);
      MoaTensor *loss = moa_cross_entropy (g, moa_take (g, logits, 1, first, n),
                                           moa_take (g, targets, 1, first, n));
      loss = moa_reduce (g, loss, MOA_SHAPE (1));
      sum = sum ? moa_add (g, sum, loss) : loss;
      first += n;
    }
  return moa_scale (g, sum, 1.0 / MOA_N_ATTRIBUTES, 0);
}

/* All of the loss; tg NULL: only to declare the heads. */
static MoaTensor *
build_loss (MoaTrainer *t, Encoders *e, MoaGraph *g, MoaTrainGraph *tg)
{
  const MoaTrainConfig *c = t->config;
  MoaNet net = { g, t->parts.params[MOA_PART_HEADS] };
  int n = e->people, m = e->captions, dim = t->parts.vision.projection_dim;
  e->photos = moa_trainer_input (g, "photos", MOA_SHAPE (2 * n + m, e->size, e->size, 3));
  e->measures = moa_trainer_input (g, "measures", MOA_SHAPE (2 * n, MOA_N_MEASURES));
  e->measured = moa_trainer_input (g, "measured", MOA_SHAPE (2 * n, 1));
  e->classes = moa_trainer_input (g, "classes", MOA_SHAPE (2 * n, e->n_classes));
  e->ids = moa_trainer_input (g, "ids", MOA_SHAPE (m, e->window));
  e->ends = moa_trainer_input (g, "ends", MOA_SHAPE (m, 1));

  e->features = moa_clip_vision (g, &t->parts.vision, t->parts.params[MOA_PART_VISION], e->photos);
  MoaTensor *persons = moa_take (g, e->features, 0, 0, 2 * n);
  MoaTensor *off = moa_subtract (g, moa_net_linear (&net, persons, MOA_N_MEASURES, NULL, "measures"),
                                 e->measures);
  MoaTensor *measures = moa_mean (g, moa_mul (g, moa_mul (g, off, off), e->measured));
  e->logits = moa_net_linear (&net, persons, e->n_classes, NULL, "classes");
  MoaTensor *classes = class_loss (g, e->logits, e->classes);
  MoaTensor *identity = contrast (&net, moa_take (g, persons, 0, 0, n),
                                  moa_take (g, persons, 0, n, n), "identity", &e->similar);

  MoaTensor *states = moa_clip_text (g, &t->parts.text, t->parts.params[MOA_PART_TEXT], e->ids);
  MoaTensor *pooled = moa_graph_reshape (g, moa_gather_rows (g, states, e->ends),
                                         MOA_SHAPE (m, t->parts.text.width));
  MoaTensor *scenes = moa_graph_reshape (g, moa_take (g, e->features, 0, 2 * n, m),
                                         MOA_SHAPE (m, dim));
  MoaTensor *text = contrast (&net, moa_net_linear (&net, pooled, JOINT_DIM, NULL, "text"),
                              moa_net_linear (&net, scenes, JOINT_DIM, NULL, "scene"), "words", NULL);
  if (tg)
    {
      moa_train_graph_part (tg, "measures", measures);
      moa_train_graph_part (tg, "classes", classes);
      moa_train_graph_part (tg, "identity", identity);
      moa_train_graph_part (tg, "text", text);
    }
  MoaTensor *loss = moa_add (g, moa_scale (g, measures, c->encoders.measures, 0),
                             moa_scale (g, classes, c->encoders.classes, 0));
  loss = moa_add (g, loss, moa_scale (g, identity, c->encoders.identity, 0));
  return moa_add (g, loss, moa_scale (g, text, c->encoders.text, 0));
}

static gboolean
set_sizes (MoaTrainer *t, GError **error)
{
  Encoders *e = t->state;
  *e = (Encoders){ .people = t->config->micro_batch, .captions = t->config->encoders.captions,
                   .size = t->parts.vision.image_size, .n_classes = count_classes (),
                   .window = moa_tokenizer_window (t->parts.tokenizer) };
  if (e->people < 2 || e->captions > e->people)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "\"micro_batch\" should be at least 2, and \"encoders.captions\" at most "
                     "micro_batch");
  return TRUE;
}

static gboolean
heads (MoaTrainer *t, GError **error)
{
  if (!set_sizes (t, error))
    return FALSE;
  MoaGraph *g = moa_graph_new (t->cpu);
  build_loss (t, t->state, g, NULL);
  gboolean ok = moa_graph_plan (g, error);
  moa_graph_free (g);
  return ok;
}

static gboolean
build (MoaTrainer *t, GError **error)
{
  Encoders *e = t->state;
  e->graph.graph = moa_trainer_graph (t);
  MoaTensor *loss = build_loss (t, e, e->graph.graph, &e->graph);
  moa_graph_output (e->features);
  moa_graph_output (e->logits);
  moa_graph_output (e->similar);
  return moa_trainer_loss (t, &e->graph, loss, error);
}

static MoaStepPlan
plan (MoaTrainer *t, guint64 step)
{
  Encoders *e = t->state;
  return (MoaStepPlan){ &e->graph, e->people, t->config->batch / e->people };
}

/* ---- Batches ---------------------------------------------------------- */

/* RGB in [0,1] as the encoder takes it. */
static void
normalise (const MoaVisionConfig *config, const float *photo, gsize n, float *out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = (photo[i] - config->mean[i % 3]) / config->std[i % 3];
}

/* The whole picture, from [-1,1], made as small as a photo. */
static void
shrink (const MoaVisionConfig *config, const float *picture, int size, int side, float *out)
{
  int k = size / side;
  for (int i = 0; i < side * side * 3; i++)
    {
      int c = i % 3, x = i / 3 % side * k, y = i / 3 / side * k;
      double sum = 0;
      for (int j = 0; j < k * k; j++)
        sum += picture[((y + j / k) * size + x + j % k) * 3 + c];
      out[i] = ((sum / (k * k) + 1) / 2 - config->mean[c]) / config->std[c];
    }
}

typedef struct {
  float *photos, *measures, *measured, *classes;
  gint32 *ids, *ends;
  int *label;        /* people x attributes, -1: unknown */
} Batch;

static void
batch_init (Batch *b, const Encoders *e)
{
  *b = (Batch){ .photos = g_new0 (float, (2 * e->people + e->captions) * 3 * e->size * e->size),
                .measures = g_new0 (float, 2 * e->people * MOA_N_MEASURES),
                .measured = g_new0 (float, 2 * e->people),
                .classes = g_new0 (float, 2 * e->people * e->n_classes),
                .ids = g_new0 (gint32, e->captions * e->window),
                .ends = g_new0 (gint32, e->captions),
                .label = g_new (int, e->people * MOA_N_ATTRIBUTES) };
}

static void
batch_clear (Batch *b)
{
  g_free (b->photos);
  g_free (b->measures);
  g_free (b->measured);
  g_free (b->classes);
  g_free (b->ids);
  g_free (b->ends);
  g_free (b->label);
}

/* Somebody of the item becomes person k of the batch. */
static void
set_person (const MoaTrainer *t, const Encoders *e, Batch *b, int k, const MoaDataItem *item)
{
  gsize n = (gsize) 3 * e->size * e->size;
  int who = moa_trainer_unit (t, item->number, MOA_USE_PHOTO, 0) * item->n_people;
  const MoaDataPerson *person = item->n_people > 0 ? &item->people[who] : NULL;
  int *label = b->label + k * MOA_N_ATTRIBUTES;
  for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
    label[a] = person ? person->classes[a] : -1;
  for (int view = 0; view < 2 && person; view++)
    {
      int row = view * e->people + k;
      normalise (&t->parts.vision, person->photos[view], n, b->photos + row * n);
      gboolean known = FALSE;
      for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
        known = known || label[a] >= 0;
      b->measured[row] = known;
      /* Of about unit variance. */
      for (int i = 0; i < MOA_N_MEASURES; i++)
        b->measures[row * MOA_N_MEASURES + i] = (person->measures[i] - 0.5) / 0.25;
    }
}

/* One target of 1 for each attribute, shared by those of whom it is known. */
static void
set_classes (const Encoders *e, Batch *b)
{
  int first = 0;
  for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
    {
      int known = 0;
      for (int k = 0; k < e->people; k++)
        known += b->label[k * MOA_N_ATTRIBUTES + a] >= 0;
      for (int row = 0; row < 2 * e->people; row++)
        {
          int label = b->label[row % e->people * MOA_N_ATTRIBUTES + a];
          if (label >= 0)
            b->classes[row * e->n_classes + first + label] = 0.5 / known;
        }
      first += moa_attribute_n_classes (a);
    }
}

static void
set_inputs (const MoaTrainer *t, const Encoders *e, Batch *b, MoaDataItem *const *items)
{
  int size = moa_data_source_options (t->source)->size, end = moa_tokenizer_end (t->parts.tokenizer);
  gsize n = (gsize) 3 * e->size * e->size;
  for (int k = 0; k < e->people; k++)
    set_person (t, e, b, k, items[k]);
  set_classes (e, b);
  for (int k = 0; k < e->captions; k++)
    {
      gint32 *ids = b->ids + k * e->window;
      shrink (&t->parts.vision, items[k]->picture, size, e->size,
              b->photos + (2 * e->people + k) * n);
      memcpy (ids, items[k]->prompt->ids, e->window * sizeof (gint32));
      while (b->ends[k] < e->window - 1 && ids[b->ends[k]] != end)
        b->ends[k]++;
    }
  moa_graph_set (e->photos, b->photos);
  moa_graph_set (e->measures, b->measures);
  moa_graph_set (e->measured, b->measured);
  moa_graph_set (e->classes, b->classes);
  moa_graph_set_ints (e->ids, b->ids);
  moa_graph_set_ints (e->ends, b->ends);
}

static gboolean
fill (MoaTrainer *t, const MoaStepPlan *step, MoaDataItem *const *items, GError **error)
{
  Batch b;
  batch_init (&b, t->state);
  set_inputs (t, t->state, &b, items);
  batch_clear (&b);
  return TRUE;
}

/* ---- What was held out ------------------------------------------------ */

typedef struct {
  int right[MOA_N_ATTRIBUTES], known[MOA_N_ATTRIBUTES], found, people;
  double sum, squares, n;  /* of features */
} Score;

static int
largest (const float *x, int n)
{
  int best = 0;
  for (int i = 1; i < n; i++)
    if (x[i] > x[best])
      best = i;
  return best;
}

static void
score (const Encoders *e, const Batch *b, Score *s)
{
  gint64 n_features = moa_shape_count (&e->features->shape);
  g_autofree float *logits = g_new (float, 2 * e->people * e->n_classes);
  g_autofree float *similar = g_new (float, e->people * e->people);
  g_autofree float *features = g_new (float, n_features);
  moa_graph_get (e->logits, logits);
  moa_graph_get (e->similar, similar);
  moa_graph_get (e->features, features);
  for (int k = 0; k < e->people; k++)
    {
      int first = 0;
      for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
        {
          int n = moa_attribute_n_classes (a), label = b->label[k * MOA_N_ATTRIBUTES + a];
          s->known[a] += label >= 0;
          s->right[a] += label >= 0 && largest (logits + k * e->n_classes + first, n) == label;
          first += n;
        }
      s->found += largest (similar + k * e->people, e->people) == k;
      s->people++;
    }
  for (gint64 i = 0; i < n_features / (2 * e->people + e->captions) * 2 * e->people; i++)
    {
      s->sum += features[i];
      s->squares += (double) features[i] * features[i];
      s->n++;
    }
}

/* Runs the graph on items first, first + 1, ... of a source. */
static gboolean
run_on (MoaTrainer *t, MoaDataSource *source, int first, Score *s, GError **error)
{
  Encoders *e = t->state;
  g_autofree MoaDataItem **items = g_new0 (MoaDataItem *, e->people);
  Batch b;
  batch_init (&b, e);
  gboolean ok = TRUE;
  for (int k = 0; k < e->people && ok; k++)
    {
      items[k] = moa_data_item_new (source);
      ok = moa_data_source_load (source, first + k, items[k], error);
    }
  if (ok)
    {
      set_inputs (t, e, &b, items);
      ok = moa_graph_run (e->graph.graph, NULL, error);
    }
  if (ok)
    score (e, &b, s);
  for (int k = 0; k < e->people; k++)
    moa_data_item_free (source, items[k]);
  batch_clear (&b);
  return ok;
}

/* Accuracy of each attribute, and of finding a person's other photo in a batch. */
static gboolean
validate (MoaTrainer *t, json_t *out, GError **error)
{
  Encoders *e = t->state;
  Score s = { 0 };
  for (int first = 0; first < t->config->data.held_out; first += e->people)
    if (!run_on (t, t->held_out, first, &s, error))
      return FALSE;
  for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
    json_object_set_new (out, moa_attribute_name (a),
                         json_real ((double) s.right[a] / MAX (1, s.known[a])));
  json_object_set_new (out, "identity", json_real ((double) s.found / s.people));
  return TRUE;
}

static gboolean
unit_variance (MoaTrainer *t, GError **error)
{
  Encoders *e = t->state;
  MoaParams *params = t->parts.params[MOA_PART_VISION];
  Score s = { 0 };
  for (int first = 0; first < FEATURE_PHOTOS; first += e->people)
    if (!run_on (t, t->source, first, &s, error))
      return FALSE;
  double deviation = sqrt (MAX (s.squares / s.n - pow (s.sum / s.n, 2), 1e-12));
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      MoaParam *param = moa_params_nth (params, i);
      if (strcmp (param->name, "visual_projection.weight"))
        continue;
      gsize n = moa_param_numbers (param);
      g_autofree float *numbers = g_new (float, n);
      if (!moa_params_get_numbers (params, param, numbers, error))
        return FALSE;
      for (gsize k = 0; k < n; k++)
        numbers[k] /= deviation;
      if (!moa_params_set_numbers (params, param, numbers, error))
        return FALSE;
    }
  return TRUE;
}

static void
clear (MoaTrainer *t)
{
  Encoders *e = t->state;
  moa_train_graph_clear (&e->graph);
}

const MoaStage moa_stage_encoders = {
  .parts = 1u << MOA_PART_TEXT | 1u << MOA_PART_VISION | 1u << MOA_PART_HEADS,
  .state_size = sizeof (Encoders), .options = options, .declare = heads, .build = build, .plan = plan,
  .fill = fill, .validate = validate, .finish = unit_variance, .clear = clear,
};
