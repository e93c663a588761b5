/* Trained parameters: see trained.h.  Work on all of them is cut into chunks
 * of equal size, so that sums come out the same with any number of threads. */
#include "train/trained.h"

#include "base/half.h"
#include "graph/gradient.h"
#include "train/adamw.h"

#include <math.h>
#include <string.h>

#define CHUNK 8192 /* whose gradients, moments and averages fit a second-level cache */

/* "vae/encoder.conv_in.weight" */
static char *
full_name (int part, const MoaParam *param)
{
  return g_strconcat (moa_part_name (part), "/", param->name, NULL);
}

static gboolean
matches (char **patterns, gboolean *used, const char *name)
{
  gboolean any = FALSE;
  for (int i = 0; patterns[i]; i++)
    if (g_pattern_match_simple (patterns[i], name))
      any = used[i] = TRUE;
  return any;
}

/* Zeros where the set computes. */
static float *
numbers_new (const MoaTrainedSet *set, gsize n)
{
  MoaDevice *device = moa_cpu_device (set->cpu);
  float *numbers = device->methods->allocate (device, n * sizeof (float));
  if (numbers)
    device->methods->clear (device, numbers, n * sizeof (float));
  return numbers;
}

static void
numbers_free (const MoaTrainedSet *set, float *numbers)
{
  if (!numbers)
    return;
  MoaDevice *device = moa_cpu_device (set->cpu);
  device->methods->release (device, numbers);
}

static void
add (MoaTrainedSet *set, int part, guint index, const char *name,
     const MoaTrainConfig *config)
{
  MoaParam *param = moa_params_nth (set->parts->params[part], index);
  gsize n = moa_param_packed (param, moa_cpu_isa (set->cpu));
  MoaTrained t = { .part = part, .index = index, .param = param, .n = n, .lr = 1, .decay = 1,
                   .held = param->number };
  t.rounded = t.held != MOA_F32                     ? t.held
              : config->weights == MOA_WEIGHTS_BF16 ? MOA_BF16
              : config->weights == MOA_WEIGHTS_F16  ? MOA_F16
                                                    : MOA_F32;
  for (int i = 0; i < config->optimizer.n_groups; i++)
    if (g_pattern_match_simple (config->optimizer.groups[i].match, name))
      {
        t.lr = config->optimizer.groups[i].lr;
        t.decay = config->optimizer.groups[i].decay;
      }
  set->list = g_renew (MoaTrained, set->list, set->n + 1);
  set->list[set->n++] = t;
  set->n_slab += n;
  set->which |= 1u << part;
}

float *
moa_trained_value (const MoaTrained *trained)
{
  return trained->master ? trained->master : trained->param->data;
}

/* Numbers first .. first + n - 1, at most CHUNK, of the parameter's data from its master. */
static void
round_numbers (MoaTrained *t, gsize first, gsize n)
{
  guint16 half[CHUNK];
  float *data = (float *) t->param->data + first;
  const float *master = t->master + first;
  if (t->rounded == MOA_BF16)
    {
      moa_bfloat_from_floats (master, half, n);
      moa_bfloat_to_floats (half, data, n);
    }
  else
    {
      moa_half_from_floats (master, half, n);
      moa_half_to_floats (half, data, n);
    }
}

static void
round_on_device (const MoaTrainedSet *set, MoaTrained *t)
{
  set->vectors->round (moa_cpu_device (set->cpu), t->param->data, t->held, t->master, t->rounded,
                       t->n);
}

void
moa_trained_round (MoaTrainedSet *set)
{
  for (int i = 0; i < set->n; i++)
    {
      MoaTrained *t = &set->list[i];
      if (t->master && set->vectors)
        round_on_device (set, t);
      for (gsize first = 0; first < t->n && t->master && !set->vectors; first += CHUNK)
        round_numbers (t, first, MIN (CHUNK, t->n - first));
    }
}

/* The values that training starts from: what the parameter has, but of its file where that says
 * more than 16 bits hold. */
static gboolean
start_values (MoaTrainedSet *set, int k, GError **error)
{
  const MoaTrained *t = &set->list[k];
  MoaParams *params = set->parts->params[t->part];
  gsize n = moa_param_numbers (t->param);
  g_autofree float *numbers = g_try_new (float, n);
  if (!numbers)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", t->param->name);
  gboolean read = t->held != MOA_F32 && t->param->file;
  return (read ? moa_weights_read (moa_params_weights (params), t->param->file, 0, n, numbers, error)
               : moa_params_get_numbers (params, t->param, numbers, error))
         && moa_trained_put (set, k, MOA_TRAINED_AVERAGE, numbers, error)
         && (!t->master || moa_trained_put (set, k, MOA_TRAINED_VALUE, numbers, error));
}

/* Moments, averages and sums lie in one piece each, so that pages of memory may be large. */
gboolean
moa_trained_allocate (MoaTrainedSet *set, GError **error)
{
  set->moments = numbers_new (set, 3 * set->n_slab);
  set->slab = numbers_new (set, set->n_slab);
  if (set->vectors)
    set->norm_parts = numbers_new (set, MOA_VECTOR_PARTS);
  if (!set->moments || !set->slab || (set->vectors && !set->norm_parts))
    return moa_fail (error, MOA_ERROR_MEMORY,
                     "no memory for the moments and gradients of %" G_GSIZE_FORMAT " numbers; train fewer",
                     set->n_slab);
  gsize first = 0;
  for (int i = 0; i < set->n; first += set->list[i++].n)
    {
      MoaTrained *t = &set->list[i];
      t->sum = set->slab + first;
      t->m = set->moments + first;
      t->v = t->m + set->n_slab;
      t->average = t->v + set->n_slab;
      if (t->rounded != MOA_F32)
        t->master = numbers_new (set, t->n);
      if (t->rounded != MOA_F32 && !t->master)
        return moa_fail (error, MOA_ERROR_MEMORY,
                         "no memory for the numbers of %s; train fewer parameters", t->param->name);
      if (!start_values (set, i, error))
        return FALSE;
    }
  moa_trained_round (set);
  return TRUE;
}

gboolean
moa_trained_init (MoaTrainedSet *set, MoaParts *parts, const MoaTrainConfig *config, MoaCpu *cpu,
                  GError **error)
{
  *set = (MoaTrainedSet){ .cpu = cpu, .parts = parts };
  g_assert (moa_cpu_isa (cpu) != MOA_ISA_F64);
  MoaDevice *device = moa_cpu_device (cpu);
  if (device->methods->find)
    set->vectors = device->methods->find (device, MOA_DEVICE_VECTORS);
  if (device->methods->find && !set->vectors)
    return moa_fail (error, MOA_ERROR_DEVICE, "%s cannot train; use the CPU", device->name);
  g_autofree gboolean *used = g_new0 (gboolean, g_strv_length (config->train) + 1);
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    for (guint i = 0; i < moa_params_count (parts->params[part]); i++)
      {
        g_autofree char *name = full_name (part, moa_params_nth (parts->params[part], i));
        if (matches (config->train, used, name))
          add (set, part, i, name, config);
      }
  for (int i = 0; config->train[i]; i++)
    if (!used[i])
      return moa_fail (error, MOA_ERROR_ARGUMENT,
                       "\"train\": no parameter is named like \"%s\"; names are as \"unet/"
                       "conv_in.weight\", \"moa/fuser.freq\" (moa info --tensors lists them)",
                       config->train[i]);
  if (set->n == 0)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "\"train\": nothing is to be trained");
  return TRUE;
}

void
moa_trained_clear (MoaTrainedSet *set)
{
  for (int i = 0; i < set->n; i++)
    numbers_free (set, set->list[i].master);
  numbers_free (set, set->moments);
  numbers_free (set, set->slab);
  numbers_free (set, set->norm_parts);
  g_free (set->list);
  *set = (MoaTrainedSet){ .cpu = NULL };
}

gsize
moa_trained_numbers (const MoaTrainedSet *set)
{
  gsize n = 0;
  for (int i = 0; i < set->n; i++)
    n += moa_param_numbers (set->list[i].param);
  return n;
}

gsize
moa_trained_bytes (const MoaTrainedSet *set)
{
  gsize n = set->vectors ? MOA_VECTOR_PARTS * sizeof (float) : 0;
  for (int i = 0; i < set->n; i++)
    n += (set->list[i].rounded == MOA_F32 ? 4 : 5) * set->list[i].n * sizeof (float);
  return n;
}

/* ---- Gradients -------------------------------------------------------- */

gboolean
moa_trained_gradients (const MoaTrainedSet *set, MoaGraph *graph, MoaTensor *loss, MoaTensor **out)
{
  const GPtrArray *params = moa_graph_params (graph);
  g_autofree MoaTensor **wrt = g_new (MoaTensor *, set->n);
  g_autofree MoaTensor **found = g_new (MoaTensor *, set->n);
  g_autofree int *place = g_new (int, set->n);
  int n = 0;
  for (int i = 0; i < set->n; i++)
    {
      out[i] = NULL;
      for (guint k = 0; k < params->len; k++)
        if (((MoaTensor *) params->pdata[k])->param == set->list[i].param)
          {
            place[n] = i;
            wrt[n++] = params->pdata[k];
          }
    }
  if (!moa_graph_gradients (graph, loss, wrt, n, found))
    return FALSE;
  for (int k = 0; k < n; k++)
    {
      out[place[k]] = found[k];
      moa_graph_output (found[k]);
      g_assert (!found[k] || moa_shape_count (&found[k]->shape) == (gint64) set->list[place[k]].n);
    }
  return TRUE;
}

/* ---- Work in chunks --------------------------------------------------- */

typedef struct {
  MoaTrained *t;
  gsize first, n;
} Chunk;

typedef struct {
  GArray *chunks;      /* of Chunk */
  double *sums;
  MoaAdamW adamw;
  double keep;         /* of the averages */
} Work;

static void
work_start (Work *work, const MoaTrainedSet *set)
{
  *work = (Work){ .chunks = g_array_new (FALSE, FALSE, sizeof (Chunk)) };
  for (int i = 0; i < set->n; i++)
    for (gsize first = 0; first < set->list[i].n; first += CHUNK)
      {
        Chunk chunk = { &set->list[i], first, MIN (CHUNK, set->list[i].n - first) };
        g_array_append_val (work->chunks, chunk);
      }
}

static void
work_run (Work *work, const MoaTrainedSet *set, MoaTaskFunc func)
{
  moa_cpu_parallel (set->cpu, work->chunks->len, func, work);
  g_array_unref (work->chunks);
}

void
moa_trained_zero (MoaTrainedSet *set)
{
  MoaDevice *device = moa_cpu_device (set->cpu);
  device->methods->clear (device, set->slab, set->n_slab * sizeof (float));
}

void
moa_trained_collect (MoaTrainedSet *set, int k, const MoaTensor *gradient)
{
  if (set->vectors)
    {
      set->vectors->add (moa_cpu_device (set->cpu), set->list[k].sum, gradient->data,
                         gradient->number, set->list[k].n);
      return;
    }
  const float *from = gradient->data;
  float *sum = set->list[k].sum;
  for (gsize i = 0; i < set->list[k].n; i++)
    sum[i] += from[i];
}

static void
norm_task (gpointer data, int task, int thread)
{
  Work *work = data;
  const Chunk *c = &g_array_index (work->chunks, Chunk, task);
  const float *g = c->t->sum + c->first;
  double sum[8] = { 0 }; /* which need not wait for one another */
  gsize i = 0;
  for (; i + 8 <= c->n; i += 8)
    for (int k = 0; k < 8; k++)
      sum[k] += (double) g[i + k] * g[i + k];
  for (; i < c->n; i++)
    sum[0] += (double) g[i] * g[i];
  work->sums[task] = (sum[0] + sum[1]) + (sum[2] + sum[3]) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

double
moa_trained_norm (const MoaTrainedSet *set, double scale)
{
  if (set->vectors)
    return scale * sqrt (set->vectors->squares (moa_cpu_device (set->cpu), set->slab, set->n_slab,
                                                set->norm_parts));
  Work work;
  work_start (&work, set);
  guint n = work.chunks->len;
  g_autofree double *sums = work.sums = g_new (double, n);
  work_run (&work, set, norm_task);
  double sum = 0;
  for (guint i = 0; i < n; i++)
    sum += sums[i];
  return sqrt (sum) * scale;
}

static void
step_task (gpointer data, int task, int thread)
{
  Work *work = data;
  const Chunk *c = &g_array_index (work->chunks, Chunk, task);
  MoaTrained *t = c->t;
  MoaAdamW adamw = work->adamw;
  adamw.lr *= t->lr;
  adamw.decay *= t->decay;
  float *value = moa_trained_value (t) + c->first, *average = t->average + c->first;
  moa_adamw (&adamw, value, t->sum + c->first, t->m + c->first, t->v + c->first, c->n);
  const float move = 1 - work->keep;
  for (gsize i = 0; i < c->n; i++)
    average[i] += (value[i] - average[i]) * move;
  if (t->master)
    round_numbers (t, c->first, c->n);
}

static void
step_on_device (MoaTrainedSet *set, const MoaAdamW *a, double average)
{
  double correction1 = 1 - pow (a->beta1, a->step), correction2 = 1 - pow (a->beta2, a->step);
  for (int i = 0; i < set->n; i++)
    {
      MoaTrained *t = &set->list[i];
      double lr = a->lr * t->lr;
      MoaVectorStep step = { .keep = 1 - lr * a->decay * t->decay, .rate = lr / correction1,
                             .root = 1 / sqrt (correction2), .eps = a->eps,
                             .scale = a->gradient_scale, .beta1 = a->beta1, .beta2 = a->beta2,
                             .move = 1 - average };
      set->vectors->step (moa_cpu_device (set->cpu), &step, moa_trained_value (t), t->sum, t->m,
                          t->v, t->average, t->n);
      if (t->master)
        round_on_device (set, t);
    }
}

void
moa_trained_step (MoaTrainedSet *set, const MoaTrainConfig *config, guint64 step, double lr,
                  double scale, double average)
{
  g_assert (!set->averaged);
  MoaAdamW adamw = { lr, config->optimizer.beta1, config->optimizer.beta2, config->optimizer.eps,
                     config->optimizer.decay, step, scale };
  if (set->vectors)
    {
      step_on_device (set, &adamw, average);
      return;
    }
  Work work;
  work_start (&work, set);
  work.adamw = adamw;
  work.keep = average;
  work_run (&work, set, step_task);
}

/* ---- Numbers ---------------------------------------------------------- */

static float *
numbers_of (const MoaTrained *t, MoaTrainedRole role)
{
  return role == MOA_TRAINED_VALUE ? moa_trained_value (t)
         : role == MOA_TRAINED_M   ? t->m
         : role == MOA_TRAINED_V   ? t->v
                                   : t->average;
}

gboolean
moa_trained_get (const MoaTrainedSet *set, int k, MoaTrainedRole role, float *numbers, GError **error)
{
  const MoaTrained *t = &set->list[k];
  MoaDevice *device = moa_cpu_device (set->cpu);
  g_autofree float *packed = g_try_new (float, t->n);
  if (!packed)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", t->param->name);
  device->methods->download (device, packed, numbers_of (t, role), t->n * sizeof (float));
  moa_param_unpack (t->param, moa_cpu_isa (set->cpu), packed, numbers);
  return device->methods->finish (device, error);
}

gboolean
moa_trained_put (MoaTrainedSet *set, int k, MoaTrainedRole role, const float *numbers,
                 GError **error)
{
  const MoaTrained *t = &set->list[k];
  MoaDevice *device = moa_cpu_device (set->cpu);
  g_autofree float *packed = g_try_new (float, t->n);
  if (!packed)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", t->param->name);
  moa_param_pack (t->param, moa_cpu_isa (set->cpu), numbers, packed);
  device->methods->upload (device, numbers_of (t, role), packed, t->n * sizeof (float));
  return device->methods->finish (device, error);
}

/* ---- Averages --------------------------------------------------------- */

void
moa_trained_exchange (MoaTrainedSet *set)
{
  for (int i = 0; i < set->n; i++)
    {
      MoaTrained *t = &set->list[i];
      float *value = t->held == MOA_F32 ? t->param->data : t->master, *average = t->average;
      if (set->vectors)
        {
          set->vectors->exchange (moa_cpu_device (set->cpu), value, average, t->n);
          if (t->held != MOA_F32)
            round_on_device (set, t);
          continue;
        }
      for (gsize k = 0; k < set->list[i].n; k++)
        {
          float kept = value[k];
          value[k] = average[k];
          average[k] = kept;
        }
    }
  set->averaged = !set->averaged;
}

/* The averages of a part's parameters by index, on the host and packed; own keeps what was fetched. */
static gboolean
averages_of (const MoaTrainedSet *set, int part, const float **values, GPtrArray *own, GError **error)
{
  MoaDevice *device = moa_cpu_device (set->cpu);
  for (int i = 0; i < set->n; i++)
    {
      const MoaTrained *t = &set->list[i];
      if (t->part != part)
        continue;
      values[t->index] = t->average;
      if (!set->vectors)
        continue;
      float *packed = g_try_new (float, t->n);
      if (!packed)
        return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", t->param->name);
      g_ptr_array_add (own, packed);
      device->methods->download (device, packed, t->average, t->n * sizeof (float));
      values[t->index] = packed;
    }
  return device->methods->finish (device, error);
}

gboolean
moa_trained_write (MoaTrainedSet *set, const char *path, gboolean half, GError **error)
{
  g_assert (!set->averaged);
  for (int part = 0; part < MOA_N_TRAIN_PARTS; part++)
    {
      if (part == MOA_PART_HEADS || !(set->which >> part & 1))
        continue;
      g_autofree const float **values
        = g_new0 (const float *, moa_params_count (set->parts->params[part]));
      g_autoptr (GPtrArray) own = g_ptr_array_new_with_free_func (g_free);
      if (!averages_of (set, part, values, own, error)
          || !moa_parts_write (set->parts, part, path, values, half, error))
        return FALSE;
    }
  return TRUE;
}
