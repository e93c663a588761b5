/* Stage "vae": the autoencoder (Rombach et al. 2022, section 3.1) from nothing.
 *
 * Crops are small first: it is steps that it lacks, not samples.  For the first
 * part of the training the latents' means are pulled to the best linear code of
 * 8 x 8 patches, their whitened principal components: what takes a from-scratch
 * autoencoder past its long plateau.
 *
 *   loss = l1 |d| + mse d^2 + gradient (|dx d| + |dy d|) + kl KL + pull (mean - PCA)^2,
 *
 * d the difference to the picture.  At the end the latents are whitened, which
 * is folded into quant_conv and post_quant_conv: the U-Net then sees channels
 * of unit variance without correlation. */
#include "train/trainer.h"

#include "base/error.h"
#include "nets/vae.h"
#include "ops/ops.h"
#include "train/symmetric.h"

#include <math.h>
#include <string.h>

#define PCA_PICTURES 256
#define WHITEN_PICTURES 512

typedef struct {
  MoaTrainGraph graph;
  MoaTensor *picture, *noise, *target, *pull; /* inputs */
  int crop, crops;   /* side; crops of one picture */
  int batch;         /* crops of a micro batch */
} Phase;

typedef struct {
  Phase phase[MOA_MAX_PHASES];
  int n_phases, size, factor, channels;
  MoaGraph *check;
  MoaTensor *check_in, *check_moments, *check_out; /* of one whole picture */
  double *components, *offset; /* the pull's: [channels][3 factor^2], [channels] */
} Vae;

static void
options (const MoaTrainer *t, MoaDataOptions *o)
{
  o->n_photos = 0;
  o->tokenizer = NULL;
}

/* ---- Graphs ----------------------------------------------------------- */

/* Mean of |difference of neighbours| along an axis. */
static MoaTensor *
edges (MoaGraph *g, MoaTensor *d, int axis)
{
  int n = d ? d->shape.dim[axis] : 2;
  MoaTensor *step = moa_subtract (g, moa_take (g, d, axis, 1, n - 1), moa_take (g, d, axis, 0, n - 1));
  return moa_mean (g, moa_unary (g, step, MOA_ABS));
}

/* mean (mean^2 + var - 1 - logvar) / 2 */
static MoaTensor *
divergence (MoaGraph *g, MoaTensor *mean, MoaTensor *logvar)
{
  MoaTensor *sum = moa_add (g, moa_mul (g, mean, mean), moa_unary (g, logvar, MOA_EXP));
  return moa_scale (g, moa_mean (g, moa_subtract (g, sum, logvar)), 0.5, -0.5);
}

static gboolean
build_phase (MoaTrainer *t, Phase *p, GError **error)
{
  const MoaTrainConfig *c = t->config;
  const Vae *vae = t->state;
  MoaParams *params = t->parts.params[MOA_PART_VAE];
  int n = p->batch, side = p->crop / vae->factor, channels = vae->channels;
  MoaGraph *g = p->graph.graph = moa_trainer_graph (t);
  p->picture = moa_trainer_input (g, "picture", MOA_SHAPE (n, p->crop, p->crop, 3));
  p->noise = moa_trainer_input (g, "noise", MOA_SHAPE (n, side, side, channels));
  p->target = moa_trainer_input (g, "target", MOA_SHAPE (n, side, side, channels));
  p->pull = moa_trainer_input (g, "pull", MOA_SHAPE (1));

  MoaTensor *moments = moa_vae_encode (g, &t->parts.vae, params, p->picture);
  MoaTensor *mean = moa_take (g, moments, 3, 0, channels);
  MoaTensor *logvar = moa_take (g, moments, 3, channels, channels);
  MoaTensor *deviation = moa_unary (g, moa_scale (g, logvar, 0.5, 0), MOA_EXP);
  MoaTensor *z = moa_add (g, mean, moa_mul (g, deviation, p->noise));
  MoaTensor *d = moa_subtract (g, moa_vae_decode (g, &t->parts.vae, params, z), p->picture);

  MoaTensor *l1 = moa_mean (g, moa_unary (g, d, MOA_ABS)), *mse = moa_mean (g, moa_mul (g, d, d));
  MoaTensor *edge = moa_add (g, edges (g, d, 1), edges (g, d, 2));
  MoaTensor *kl = divergence (g, mean, logvar);
  MoaTensor *off = moa_subtract (g, mean, p->target), *pull = moa_mean (g, moa_mul (g, off, off));
  MoaTensor *loss = moa_add (g, moa_scale (g, l1, c->vae.l1, 0), moa_scale (g, mse, c->vae.mse, 0));
  loss = moa_add (g, loss, moa_scale (g, edge, c->vae.gradient, 0));
  loss = moa_add (g, loss, moa_scale (g, kl, c->vae.kl, 0));
  loss = moa_add (g, loss, moa_mul (g, pull, p->pull));
  moa_train_graph_part (&p->graph, "l1", l1);
  moa_train_graph_part (&p->graph, "mse", mse);
  moa_train_graph_part (&p->graph, "gradient", edge);
  moa_train_graph_part (&p->graph, "kl", kl);
  moa_train_graph_part (&p->graph, "pull", pull);
  return moa_trainer_loss (t, &p->graph, loss, error);
}

static gboolean
build_check (MoaTrainer *t, Vae *vae, GError **error)
{
  MoaParams *params = t->parts.params[MOA_PART_VAE];
  MoaGraph *g = vae->check = moa_trainer_graph (t);
  vae->check_in = moa_trainer_input (g, "picture", MOA_SHAPE (1, vae->size, vae->size, 3));
  vae->check_moments = moa_vae_encode (g, &t->parts.vae, params, vae->check_in);
  MoaTensor *mean = moa_take (g, vae->check_moments, 3, 0, vae->channels);
  vae->check_out = moa_vae_decode (g, &t->parts.vae, params, mean);
  moa_graph_output (vae->check_moments);
  moa_graph_output (vae->check_out);
  return moa_graph_plan (g, error);
}

static gboolean
build (MoaTrainer *t, GError **error)
{
  const MoaTrainConfig *c = t->config;
  Vae *vae = t->state;
  int ranks = moa_group_size (t->group);
  vae->factor = 1 << (t->parts.vae.n_levels - 1);
  vae->channels = t->parts.vae.latent_channels;
  vae->size = moa_data_source_options (t->source)->size;
  for (int i = 0; i < c->vae.n_phases; i++)
    {
      Phase *p = &vae->phase[i];
      p->crop = c->vae.phases[i].crop ? c->vae.phases[i].crop : vae->size;
      p->crops = MAX (1, vae->size / MAX (1, p->crop));
      p->batch = c->vae.phases[i].batch / ranks;
      if (p->crop > vae->size || p->crop % vae->factor || c->vae.phases[i].batch % ranks
          || p->batch % p->crops || p->batch == 0)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "\"vae.phases\": crops of %d pixels do not fit pictures of %d, or their "
                         "batch is no multiple of %d (crops of a picture, times ranks); crops must "
                         "be multiples of %d", p->crop, vae->size, p->crops * ranks, vae->factor);
      vae->n_phases++;
      if (!build_phase (t, p, error))
        return FALSE;
    }
  return build_check (t, vae, error);
}

static MoaStepPlan
plan (MoaTrainer *t, guint64 step)
{
  Vae *vae = t->state;
  int i = 0;
  while (i < vae->n_phases - 1
         && (double) step / t->config->steps >= t->config->vae.phases[i].until)
    i++;
  Phase *p = &vae->phase[i];
  return (MoaStepPlan){ &p->graph, p->batch / p->crops, moa_group_size (t->group) };
}

/* ---- The best linear code of patches ---------------------------------- */

/* The patch at x, y in units of patches, of a picture of that width. */
static void
read_patch (const float *picture, int width, int factor, int x, int y, double *out)
{
  for (int row = 0; row < factor; row++)
    for (int i = 0; i < 3 * factor; i++)
      *out++ = picture[((gsize) (y * factor + row) * width + x * factor) * 3 + i];
}

/* Calls func with `n` pictures of training. */
typedef gboolean (*PictureFunc) (MoaTrainer *t, const float *picture, gpointer data, GError **error);

static gboolean
for_pictures (MoaTrainer *t, int n, PictureFunc func, gpointer data, GError **error)
{
  MoaDataItem *item = moa_data_item_new (t->source);
  gboolean ok = TRUE;
  for (int i = 0; i < n && ok; i++)
    ok = moa_data_source_load (t->source, i, item, error) && func (t, item->picture, data, error);
  moa_data_item_free (t->source, item);
  return ok;
}

static gboolean
add_patches (MoaTrainer *t, const float *picture, gpointer data, GError **error)
{
  const Vae *vae = t->state;
  int side = vae->size / vae->factor;
  g_autofree double *patch = g_new (double, 3 * vae->factor * vae->factor);
  for (int i = 0; i < side * side; i++)
    {
      read_patch (picture, vae->size, vae->factor, i % side, i / side, patch);
      moa_moments_add (data, patch);
    }
  return TRUE;
}

static gboolean
begin (MoaTrainer *t, GError **error)
{
  Vae *vae = t->state;
  int n = 3 * vae->factor * vae->factor;
  vae->components = g_new0 (double, vae->channels * n);
  vae->offset = g_new0 (double, vae->channels);
  if (t->config->vae.pull <= 0 || t->config->vae.pull_until <= 0)
    return TRUE;
  g_autofree double *mean = g_new (double, n), *covariance = g_new (double, n * n);
  g_autofree double *values = g_new (double, n), *vectors = g_new (double, n * n);
  MoaMoments *moments = moa_moments_new (n);
  gboolean ok = for_pictures (t, PCA_PICTURES, add_patches, moments, error);
  if (ok)
    {
      moa_moments_get (moments, mean, covariance);
      moa_symmetric_eigen (covariance, n, values, vectors);
    }
  for (int k = 0; k < vae->channels && ok; k++)
    for (int i = 0; i < n; i++)
      {
        vae->components[k * n + i] = vectors[k * n + i] / sqrt (MAX (values[k], 1e-12));
        vae->offset[k] -= mean[i] * vae->components[k * n + i];
      }
  moa_moments_free (moments);
  return ok;
}

/* crop: p->crop^2 * 3 -> target: side^2 * channels */
static void
linear_code (const Vae *vae, const Phase *p, const float *crop, float *target)
{
  int side = p->crop / vae->factor, n = 3 * vae->factor * vae->factor;
  g_autofree double *patch = g_new (double, n);
  for (int i = 0; i < side * side; i++)
    {
      read_patch (crop, p->crop, vae->factor, i % side, i / side, patch);
      for (int k = 0; k < vae->channels; k++)
        {
          double sum = vae->offset[k];
          for (int j = 0; j < n; j++)
            sum += vae->components[k * n + j] * patch[j];
          *target++ = sum;
        }
    }
}

/* ---- Batches ---------------------------------------------------------- */

/* A pixel to be in the crop's middle: somebody's, where there is anybody. */
static void
find_person (const MoaTrainer *t, const MoaDataItem *item, guint first, int size, int *x, int *y)
{
  enum { TRIES = 24 };
  for (guint i = 0; i < TRIES; i++)
    {
      int px = moa_trainer_unit (t, item->number, MOA_USE_CROP, first + 2 * i) * size;
      int py = moa_trainer_unit (t, item->number, MOA_USE_CROP, first + 2 * i + 1) * size;
      for (int k = 0; k < item->n_people; k++)
        if (item->people[k].mask[py * size + px] > 0.5f)
          {
            *x = px;
            *y = py;
            return;
          }
    }
}

/* Crop number `index` of an item, turned over half of the time. */
static void
cut (const MoaTrainer *t, const MoaDataItem *item, guint index, int size, int crop, float *out)
{
  guint first = index * 64;
#define UNIT(k) moa_trainer_unit (t, item->number, MOA_USE_CROP, first + (k))
  int room = size - crop, x = UNIT (0) * (room + 1), y = UNIT (1) * (room + 1);
  if (room > 0 && UNIT (2) < t->config->vae.person_crops)
    {
      int px = x + crop / 2, py = y + crop / 2;
      find_person (t, item, first + 8, size, &px, &py);
      x = CLAMP (px - crop / 2, 0, room);
      y = CLAMP (py - crop / 2, 0, room);
    }
  gboolean flip = UNIT (3) < 0.5;
#undef UNIT
  for (int row = 0; row < crop; row++)
    for (int i = 0; i < crop; i++)
      memcpy (out + ((gsize) row * crop + i) * 3,
              item->picture + ((gsize) (y + row) * size + x + (flip ? crop - 1 - i : i)) * 3,
              3 * sizeof (float));
}

static gboolean
fill (MoaTrainer *t, const MoaStepPlan *step, MoaDataItem *const *items, GError **error)
{
  const Vae *vae = t->state;
  const Phase *p = (const Phase *) step->graph;
  gsize side = p->crop / vae->factor, n_pixels = (gsize) p->crop * p->crop * 3;
  gsize n_latents = side * side * vae->channels;
  g_autofree float *pictures = g_new (float, p->batch * n_pixels);
  g_autofree float *noise = g_new (float, p->batch * n_latents);
  g_autofree float *target = g_new0 (float, p->batch * n_latents);
  for (int i = 0; i < step->items; i++)
    {
      moa_trainer_normal (t, items[i]->number, MOA_USE_NOISE, noise + i * p->crops * n_latents,
                          p->crops * n_latents);
      for (int k = i * p->crops; k < (i + 1) * p->crops; k++)
        {
          cut (t, items[i], k % p->crops, vae->size, p->crop, pictures + k * n_pixels);
          linear_code (vae, p, pictures + k * n_pixels, target + k * n_latents);
        }
    }
  double until = t->config->vae.pull_until;
  double pull = until > 0 ? MAX (0, 1 - moa_trainer_progress (t) / until) : 0;
  moa_graph_set (p->picture, pictures);
  moa_graph_set (p->noise, noise);
  moa_graph_set (p->target, target);
  moa_graph_set (p->pull, (float[]){ t->config->vae.pull * pull });
  return TRUE;
}

/* ---- What was held out ------------------------------------------------ */

static double
decibels (double squares, double n)
{
  return -10 * log10 (MAX (squares / n, 1e-12) / 4);
}

/* Mean PSNR, of all pixels and of people. */
static gboolean
validate (MoaTrainer *t, json_t *out, GError **error)
{
  const Vae *vae = t->state;
  int n = t->config->data.held_out, pixels = vae->size * vae->size, with_people = 0;
  double all = 0, people = 0;
  MoaDataItem *item = moa_data_item_new (t->held_out);
  g_autofree float *y = g_new (float, 3 * pixels);
  gboolean ok = TRUE;
  for (int i = 0; i < n && ok; i++)
    {
      ok = moa_data_source_load (t->held_out, i, item, error);
      if (!ok)
        break;
      moa_graph_set (vae->check_in, item->picture);
      ok = moa_graph_run (vae->check, NULL, error);
      moa_graph_get (vae->check_out, y);
      double sum = 0, inside = 0, weight = 0;
      for (int k = 0; k < pixels; k++)
        {
          double squares = 0, mask = 0;
          for (int c = 0; c < 3; c++)
            squares += pow (CLAMP (y[3 * k + c], -1, 1) - item->picture[3 * k + c], 2);
          for (int p = 0; p < item->n_people; p++)
            mask = MAX (mask, item->people[p].mask[k]);
          sum += squares;
          inside += mask * squares;
          weight += 3 * mask;
        }
      all += decibels (sum, 3 * pixels);
      if (weight > 0)
        people += decibels (inside, weight);
      with_people += weight > 0;
    }
  moa_data_item_free (t->held_out, item);
  json_object_set_new (out, "psnr", json_real (all / n));
  json_object_set_new (out, "psnr_people", json_real (people / MAX (1, with_people)));
  return ok;
}

/* Pictures, and below each what comes back of it. */
static gboolean
sample (MoaTrainer *t, const char *path, GError **error)
{
  enum { COLUMNS = 8 };
  const Vae *vae = t->state;
  MoaSheet *sheet = moa_sheet_new (COLUMNS, 2, vae->size);
  MoaDataItem *item = moa_data_item_new (t->held_out);
  g_autofree float *y = g_new (float, (gsize) 3 * vae->size * vae->size);
  gboolean ok = TRUE;
  for (int i = 0; i < COLUMNS && ok; i++)
    {
      ok = moa_data_source_load (t->held_out, i % t->config->data.held_out, item, error);
      if (!ok)
        break;
      moa_graph_set (vae->check_in, item->picture);
      ok = moa_graph_run (vae->check, NULL, error);
      moa_graph_get (vae->check_out, y);
      moa_sheet_put (sheet, i, 0, item->picture, vae->size, -1);
      moa_sheet_put (sheet, i, 1, y, vae->size, -1);
    }
  moa_data_item_free (t->held_out, item);
  return moa_sheet_save (sheet, path, ok ? error : NULL) && ok;
}

/* ---- Whitening -------------------------------------------------------- */

static gboolean
add_latents (MoaTrainer *t, const float *picture, gpointer data, GError **error)
{
  const Vae *vae = t->state;
  int side = vae->size / vae->factor, c = vae->channels;
  g_autofree float *moments = g_new (float, side * side * 2 * c);
  g_autofree double *row = g_new (double, c);
  moa_graph_set (vae->check_in, picture);
  if (!moa_graph_run (vae->check, NULL, error))
    return FALSE;
  moa_graph_get (vae->check_moments, moments);
  for (int i = 0; i < side * side; i++)
    {
      for (int k = 0; k < c; k++)
        row[k] = moments[i * 2 * c + k];
      moa_moments_add (data, row);
    }
  return TRUE;
}

/* A parameter's numbers to change in place, and back; (transfer full). */
static float *
unpack (const MoaTrainer *t, const MoaParam *param)
{
  float *numbers = g_new0 (float, moa_param_numbers (param));
  /* A card that failed tells at the next run. */
  moa_params_get_numbers (t->parts.params[MOA_PART_VAE], param, numbers, NULL);
  return numbers;
}

static void
pack (const MoaTrainer *t, MoaParam *param, float *numbers)
{
  moa_params_set_numbers (t->parts.params[MOA_PART_VAE], param, numbers, NULL);
  g_free (numbers);
}

/* mean -> W (mean - mu): the means' rows of quant_conv, and logvar by W's diagonal. */
static void
fold_encoder (const MoaTrainer *t, int c, const double *w, const double *mu)
{
  const MoaParams *vae = t->parts.params[MOA_PART_VAE];
  MoaParam *weight = moa_params_find (vae, "quant_conv.weight"), *bias = moa_params_find (vae, "quant_conv.bias");
  float *a = unpack (t, weight), *b = unpack (t, bias);
  g_autofree float *old = g_memdup2 (a, c * 2 * c * sizeof (float));
  g_autofree float *old_bias = g_memdup2 (b, c * sizeof (float));
  for (int i = 0; i < c; i++)
    {
      double sum = 0;
      for (int k = 0; k < c; k++)
        sum += w[i * c + k] * (old_bias[k] - mu[k]);
      b[i] = sum;
      b[c + i] += 2 * log (fabs (w[i * c + i]));
      for (int j = 0; j < 2 * c; j++)
        {
          sum = 0;
          for (int k = 0; k < c; k++)
            sum += w[i * c + k] * old[k * 2 * c + j];
          a[i * 2 * c + j] = sum;
        }
    }
  pack (t, weight, a);
  pack (t, bias, b);
}

/* z -> inverse of W z + mu, before post_quant_conv. */
static void
fold_decoder (const MoaTrainer *t, int c, const double *inverse, const double *mu)
{
  const MoaParams *vae = t->parts.params[MOA_PART_VAE];
  MoaParam *weight = moa_params_find (vae, "post_quant_conv.weight");
  MoaParam *bias = moa_params_find (vae, "post_quant_conv.bias");
  float *a = unpack (t, weight), *b = unpack (t, bias);
  g_autofree float *old = g_memdup2 (a, c * c * sizeof (float));
  for (int i = 0; i < c; i++)
    for (int j = 0; j < c; j++)
      {
        double sum = 0;
        for (int k = 0; k < c; k++)
          sum += old[i * c + k] * inverse[k * c + j];
        a[i * c + j] = sum;
        b[i] += old[i * c + j] * mu[j];
      }
  pack (t, weight, a);
  pack (t, bias, b);
}

static gboolean
whiten (MoaTrainer *t, GError **error)
{
  const Vae *vae = t->state;
  const MoaVaeConfig *config = &t->parts.vae;
  int c = vae->channels;
  if (!t->config->vae.whiten)
    return TRUE;
  if (!config->quant_conv || !config->post_quant_conv || config->shift_factor != 0)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "\"vae.whiten\" needs a VAE with quant_conv and post_quant_conv and without "
                     "shift_factor");
  g_autofree double *mean = g_new (double, c), *covariance = g_new (double, c * c);
  g_autofree double *values = g_new (double, c), *vectors = g_new (double, c * c);
  MoaMoments *moments = moa_moments_new (c);
  gboolean ok = for_pictures (t, WHITEN_PICTURES, add_latents, moments, error);
  if (ok)
    {
      moa_moments_get (moments, mean, covariance);
      moa_symmetric_eigen (covariance, c, values, vectors);
      g_autofree double *w = g_new0 (double, c * c), *inverse = g_new0 (double, c * c);
      for (int i = 0; i < c * c; i++)
        for (int k = 0; k < c; k++)
          {
            double root = sqrt (MAX (values[k], 1e-12));
            double outer = vectors[k * c + i / c] * vectors[k * c + i % c];
            w[i] += outer / root / config->scaling_factor;
            inverse[i] += outer * root * config->scaling_factor;
          }
      fold_encoder (t, c, w, mean);
      fold_decoder (t, c, inverse, mean);
    }
  moa_moments_free (moments);
  return ok;
}

static void
clear (MoaTrainer *t)
{
  Vae *vae = t->state;
  for (int i = 0; i < vae->n_phases; i++)
    moa_train_graph_clear (&vae->phase[i].graph);
  g_free (vae->components);
  g_free (vae->offset);
}

const MoaStage moa_stage_vae = {
  .parts = 1u << MOA_PART_VAE, .state_size = sizeof (Vae), .options = options, .build = build,
  .begin = begin, .plan = plan, .fill = fill, .validate = validate, .sample = sample, .finish = whiten, .clear = clear,
};
