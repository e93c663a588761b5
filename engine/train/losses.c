/* MoA's loss; see losses.h. */
#include "train/losses.h"

#include <math.h>

#define ONE MOA_SHAPE (1)

MoaTensor *
moa_loss_squares (MoaGraph *g, MoaTensor *x, MoaTensor *target, MoaTensor *weight)
{
  if (target)
    x = moa_add (g, x, moa_scale (g, target, -1, 0));
  return moa_reduce (g, moa_mul (g, moa_mul (g, x, x), weight), ONE);
}

double
moa_loss_snr_weight (const MoaSchedule *schedule, int t, double gamma)
{
  double abar = schedule->abar[t], snr = abar / (1 - abar);
  if (gamma <= 0)
    return 1;
  return MIN (snr, gamma) / (schedule->prediction == MOA_PREDICT_V ? snr + 1 : snr);
}

static MoaTensor *
find (MoaGraph *g, const char *format, int layer)
{
  g_autofree char *name = g_strdup_printf (format, layer);
  MoaTensor *t = moa_graph_find (g, name);
  if (!t)
    moa_graph_fail (g, MOA_ERROR_ARGUMENT, "The loss needs \"%s\", which this U-Net does not make.",
                    name);
  return t;
}

/* How many times a map of n pixels is smaller than the latent, in each direction. */
static gint64
shrink (gint64 height, gint64 width, gint64 n)
{
  return lround (sqrt ((double) height * width / n));
}

MoaTensor *
moa_loss_router_map (MoaGraph *g, int first, int end, gint64 height, gint64 width)
{
  MoaTensor *sum = NULL;
  for (int i = first; i < end; i++)
    {
      MoaTensor *self = find (g, "router.%d.attn1", i), *cross = find (g, "router.%d.attn2", i);
      MoaTensor *map = moa_add (g, self, cross);
      if (!map)
        return NULL;
      gint64 b = map->shape.dim[0], k = shrink (height, width, map->shape.dim[1]);
      map = moa_graph_reshape (g, map, MOA_SHAPE (b, height / k, width / k, 1));
      map = k > 1 ? moa_resize (g, map, height, width) : map;
      sum = sum ? moa_add (g, sum, map) : map;
    }
  return moa_scale (g, sum, 0.5 / (end - first), 0);
}

/* The input that holds the weights for maps of this one's shape. */
static MoaTensor *
object_weight (MoaLoss *loss, MoaGraph *g, const MoaTensor *map)
{
  for (int i = 0; i < loss->n_sizes; i++)
    if (moa_shape_equal (&loss->object_weight[i]->shape, &map->shape))
      return loss->object_weight[i];
  g_assert (loss->n_sizes < MOA_MAX_LEVELS);
  MoaTensor *weight = moa_graph_input (g, "loss.object_weight", map->shape, MOA_EACH_RUN);
  if (weight)
    loss->object_weight[loss->n_sizes++] = weight;
  return weight;
}

/* Eq. 12, balanced as in FastComposer: the mean of a subject's attention map outside its mask,
 * minus that inside. */
static MoaTensor *
object_loss (MoaLoss *loss, MoaGraph *g)
{
  MoaTensor *sum = NULL;
  for (int i = loss->first; i < loss->end; i++)
    {
      MoaTensor *map = find (g, "attn.%d", i);
      if (!map)
        return NULL;
      MoaTensor *part = moa_reduce (g, moa_mul (g, map, object_weight (loss, g, map)), ONE);
      sum = sum ? moa_add (g, sum, part) : part;
    }
  return moa_scale (g, sum, 1.0 / (loss->end - loss->first), 0);
}

static MoaTensor *
times (MoaGraph *g, MoaTensor *part, MoaTensor *factors, int i)
{
  return moa_mul (g, part, moa_graph_slice (g, factors, i, ONE));
}

void
moa_loss_build (MoaLoss *loss, MoaGraph *g, MoaTensor *eps, int first, int end)
{
  *loss = (MoaLoss){ .first = first, .end = end };
  if (!eps)
    return;
  gint64 b = loss->batch = eps->shape.dim[0], h = loss->height = eps->shape.dim[1];
  gint64 w = loss->width = eps->shape.dim[2];
  loss->channels = eps->shape.dim[3];
  loss->noise = moa_graph_input (g, "loss.noise", eps->shape, MOA_EACH_RUN);
  loss->masked_weight = moa_graph_input (g, "loss.masked_weight", MOA_SHAPE (b, h, w, 1),
                                         MOA_EACH_RUN);
  loss->router_weight = moa_graph_input (g, "loss.router_weight", MOA_SHAPE (b, h, w, 1),
                                         MOA_EACH_RUN);
  loss->inside_weight = moa_graph_input (g, "loss.inside_weight", MOA_SHAPE (b, h, w, 1),
                                         MOA_EACH_RUN);
  loss->factors = moa_graph_input (g, "loss.factors", MOA_SHAPE (3), MOA_EACH_RUN);

  loss->masked = moa_loss_squares (g, eps, loss->noise, loss->masked_weight);
  loss->map = moa_loss_router_map (g, first, end, h, w);
  if (loss->map)
    loss->router = moa_add (g, moa_loss_squares (g, loss->map, NULL, loss->router_weight),
                            moa_loss_squares (g, moa_scale (g, loss->map, -1, 1), NULL,
                                              loss->inside_weight));
  loss->object = object_loss (loss, g);
  loss->total = moa_add (g, times (g, loss->masked, loss->factors, 0),
                         moa_add (g, times (g, loss->router, loss->factors, 1),
                                  times (g, loss->object, loss->factors, 2)));
}

/* ---- A batch --------------------------------------------------------- */

/* Eq. 9: the mean over the numbers inside the mask, of the whole batch or of each item. */
static void
set_masked (const MoaLoss *loss, const MoaLossBatch *batch)
{
  gint64 n = loss->height * loss->width;
  g_autofree float *weight = g_new (float, loss->batch * n);
  double all = 0;
  for (gint64 i = 0; i < loss->batch * n; i++)
    all += weight[i] = batch->full ? 1 : batch->mask[i];
  for (gint64 b = 0; b < loss->batch; b++)
    {
      double sum = 0, of_item = batch->item_weight ? batch->item_weight[b] : 1;
      for (gint64 i = b * n; i < (b + 1) * n; i++)
        sum += weight[i];
      double numbers = batch->by_item ? MAX (1, sum * loss->channels) * loss->batch
                                      : MAX (1, all * loss->channels);
      for (gint64 i = b * n; i < (b + 1) * n; i++)
        weight[i] *= of_item / numbers;
    }
  moa_graph_set (loss->masked_weight, weight);
}

/* Eq. 11: the sum over the background, mean over the batch.  Balanced: the mean over each item's
 * background plus that over its foreground. */
static void
set_router (const MoaLoss *loss, const MoaLossBatch *batch)
{
  gint64 n = loss->height * loss->width;
  g_autofree float *outside = g_new (float, loss->batch * n);
  g_autofree float *inside = g_new0 (float, loss->batch * n);
  for (gint64 b = 0; b < loss->batch; b++)
    {
      double sum = 0;
      for (gint64 i = b * n; i < (b + 1) * n; i++)
        sum += batch->mask[i];
      double out = batch->balanced ? MAX (1, n - sum) : 1, in = MAX (1, sum);
      for (gint64 i = b * n; i < (b + 1) * n; i++)
        {
          double mask = batch->mask[i];
          outside[i] = (batch->balanced ? 1 - mask : (1 - mask) * (1 - mask)) / (out * loss->batch);
          inside[i] = batch->balanced ? mask / (in * loss->batch) : 0;
        }
    }
  moa_graph_set (loss->router_weight, outside);
  moa_graph_set (loss->inside_weight, inside);
}

/* One item's mask of subject s, mean over k x k pixels -> small. */
static void
pool (const MoaLoss *loss, const MoaLossBatch *batch, gint64 item, int s, gint64 k, double *small)
{
  gint64 h = loss->height / k, w = loss->width / k;
  const float *mask = batch->subject_masks + item * loss->height * loss->width * batch->n_subjects;
  for (gint64 i = 0; i < h * w; i++)
    {
      double sum = 0;
      for (gint64 y = i / w * k; y < (i / w + 1) * k; y++)
        for (gint64 x = i % w * k; x < (i % w + 1) * k; x++)
          sum += mask[(y * loss->width + x) * batch->n_subjects + s];
      small[i] = sum / (k * k);
    }
}

/* Adds a subject's part to its token's column of weight L,T. */
static void
add_subject (const double *mask, gint64 n, gint64 tokens, int token, double factor, float *weight)
{
  double inside = 0, outside = 0;
  for (gint64 i = 0; i < n; i++)
    {
      inside += mask[i];
      outside += 1 - mask[i];
    }
  inside = MAX (inside, 1e-6);
  outside = MAX (outside, 1e-6);
  for (gint64 i = 0; i < n; i++)
    weight[i * tokens + token] += factor * ((1 - mask[i]) / outside - mask[i] / inside);
}

static int
count_present (const MoaLossBatch *batch, int first, int n)
{
  int present = 0;
  for (int i = first; i < first + n; i++)
    present += batch->present[i] != 0;
  return present;
}

static void
set_object (const MoaLoss *loss, const MoaLossBatch *batch, MoaTensor *input)
{
  gint64 n = input->shape.dim[1], tokens = input->shape.dim[2];
  gint64 k = shrink (loss->height, loss->width, n);
  g_autofree float *weight = g_new0 (float, moa_shape_count (&input->shape));
  g_autofree double *mask = g_new (double, n);
  int subjects = loss->batch * batch->n_subjects;
  for (int i = 0; i < subjects; i++)
    {
      gint64 item = i / batch->n_subjects;
      int token = batch->index[i];
      if (!batch->present[i] || token < 0 || token >= tokens)
        continue;
      double share = batch->by_item
                         ? 1.0 / (loss->batch * count_present (batch, item * batch->n_subjects,
                                                               batch->n_subjects))
                         : 1.0 / count_present (batch, 0, subjects);
      pool (loss, batch, item, i % batch->n_subjects, k, mask);
      add_subject (mask, n, tokens, token, share, weight + item * n * tokens);
    }
  moa_graph_set (input, weight);
}

void
moa_loss_set (const MoaLoss *loss, const MoaLossBatch *batch)
{
  moa_graph_set (loss->noise, batch->noise);
  set_masked (loss, batch);
  set_router (loss, batch);
  for (int i = 0; i < loss->n_sizes; i++)
    set_object (loss, batch, loss->object_weight[i]);
  moa_graph_set (loss->factors, (float[]){ 1, batch->lambda_router, batch->lambda_object });
}
