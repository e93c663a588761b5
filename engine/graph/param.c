/* Reads weights and packs them for the kernels. */
#include "graph/param.h"

#include "base/error.h"
#include "base/half.h"

#include <math.h>
#include <string.h>

struct _MoaParams {
  MoaWeights *weights;
  MoaIsa isa;
  MoaDevice *device;
  MoaNumber number;      /* of matrices on a device */
  MoaKeep keep;          /* on the host */
  GHashTable *by_name;   /* "name" or "name (panels)" -> MoaParam */
  GPtrArray *list;
  GPtrArray *memory;     /* what the device has given */
};

static void
param_free (gpointer data)
{
  MoaParam *param = data;
  g_free (param->name);
  g_free (param);
}

static MoaParams *
new_of (MoaWeights *weights, MoaIsa isa, MoaDevice *device)
{
  MoaParams *params = g_new0 (MoaParams, 1);
  params->weights = weights ? moa_weights_ref (weights) : NULL;
  params->isa = isa;
  params->device = moa_device_ref (device);
  params->number = device->number;
  params->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  params->list = g_ptr_array_new_with_free_func (param_free);
  params->memory = g_ptr_array_new ();
  return params;
}

MoaParams *
moa_params_new (MoaWeights *weights, MoaIsa isa)
{
  return new_of (weights, isa, moa_device_host ());
}

MoaParams *
moa_params_new_on (MoaWeights *weights, MoaDevice *device)
{
  return new_of (weights, moa_device_isa (device), device);
}

void
moa_params_free (MoaParams *params)
{
  if (!params)
    return;
  moa_params_unload (params);
  g_hash_table_unref (params->by_name);
  g_ptr_array_unref (params->list);
  g_ptr_array_unref (params->memory);
  g_clear_pointer (&params->weights, moa_weights_unref);
  moa_device_unref (params->device);
  g_free (params);
}

MoaWeights *
moa_params_weights (MoaParams *params)
{
  return params->weights;
}

MoaIsa
moa_params_isa (const MoaParams *params)
{
  return params->isa;
}

void
moa_params_set_number (MoaParams *params, MoaNumber number)
{
  g_assert (params->list->len == 0);
  params->number = number;
}

MoaNumber
moa_params_number (const MoaParams *params)
{
  return params->number;
}

MoaDevice *
moa_params_device (const MoaParams *params)
{
  return params->device;
}

void
moa_params_keep (MoaParams *params, MoaKeep keep)
{
  g_assert (params->list->len == 0);
  params->keep = keep;
}

MoaKeep
moa_params_kept (const MoaParams *params)
{
  return params->keep;
}

/* Columns of one row of output, that is taps * C. */
static gsize
row_length (const MoaParam *param)
{
  gsize n = 1;
  for (int i = 1; i < param->rank; i++)
    n *= param->dim[i];
  return n;
}

/* How the parameter's numbers are held. */
static MoaNumber
choose_number (const MoaParams *params, const MoaParam *param)
{
  MoaKeep keep = params->keep;
  if (params->isa == MOA_ISA_F64)
    return MOA_F64;
  if (params->device != moa_device_host ())
    return param->layout == MOA_PANELS ? params->number : MOA_F32;
  if (keep == MOA_KEEP_REAL || param->layout == MOA_PLAIN || !param->file)
    return MOA_F32;
  if (keep == MOA_KEEP_Q8 && param->layout == MOA_PANELS && row_length (param) >= MOA_Q8_LEAST)
    return MOA_Q8;
  /* What a LoRA changed is no longer a number of 16 bits. */
  gboolean own = !moa_weights_changed (params->weights, param->file);
  if (own && param->file->dtype == MOA_DTYPE_F16)
    return MOA_F16;
  if (own && param->file->dtype == MOA_DTYPE_BF16)
    return MOA_BF16;
  return keep == MOA_KEEP_F16 ? MOA_F16 : keep == MOA_KEEP_BF16 ? MOA_BF16 : MOA_F32;
}

/* Bytes of one panel, or of one row that is in none. */
static gsize
unit_bytes (const MoaParams *params, const MoaParam *param)
{
  gsize rows = row_length (param);
  gsize width = param->layout == MOA_PANELS ? moa_isa_panel (params->isa) : 1;
  return param->number == MOA_Q8 ? moa_q8_panel_bytes (rows, width)
                                 : rows * width * moa_number_size (param->number);
}

gsize
moa_param_packed (const MoaParam *param, MoaIsa isa)
{
  gsize rows = param->rank > 0 ? param->dim[0] : 1;
  if (param->layout == MOA_PANELS)
    {
      int panel = moa_isa_panel (isa);
      rows = (rows + panel - 1) / panel * panel;
    }
  return rows * row_length (param);
}

MoaParam *
moa_params_get (MoaParams *params, const char *name, int rank, const gint64 *dim, MoaLayout layout,
                GError **error)
{
  g_autofree char *key = g_strdup_printf ("%s%s", name, layout == MOA_PANELS ? " (panels)" : "");
  MoaParam *param = g_hash_table_lookup (params->by_name, key);
  /* Even a known name is looked up, so that its shape is checked. */
  const MoaFileTensor *file
    = params->weights ? moa_weights_find (params->weights, name, rank, dim, error) : NULL;
  if (params->weights && !file)
    return NULL;
  g_assert (!param || file || (param->rank == rank && !memcmp (param->dim, dim, rank * sizeof *dim)));
  if (param)
    return param;
  param = g_new0 (MoaParam, 1);
  param->name = g_strdup (name);
  param->rank = rank;
  memcpy (param->dim, dim, rank * sizeof (gint64));
  param->layout = layout;
  param->file = file;
  param->number = choose_number (params, param);
  gsize numbers = moa_param_packed (param, params->isa), length = row_length (param);
  gsize width = layout == MOA_PANELS ? moa_isa_panel (params->isa) : 1;
  param->bytes = numbers / MAX (1, length * width) * unit_bytes (params, param);
  g_hash_table_insert (params->by_name, g_steal_pointer (&key), param);
  g_ptr_array_add (params->list, param);
  return param;
}

guint
moa_params_count (const MoaParams *params)
{
  return params->list->len;
}

MoaParam *
moa_params_nth (const MoaParams *params, guint i)
{
  return params->list->pdata[i];
}

MoaParam *
moa_params_find (const MoaParams *params, const char *name)
{
  for (guint i = 0; i < params->list->len; i++)
    if (!strcmp (moa_params_nth (params, i)->name, name))
      return moa_params_nth (params, i);
  return NULL;
}

gsize
moa_param_numbers (const MoaParam *param)
{
  return (param->rank > 0 ? param->dim[0] : 1) * row_length (param);
}

gsize
moa_params_bytes (const MoaParams *params)
{
  gsize bytes = 0;
  for (guint i = 0; i < params->list->len; i++)
    bytes += ((MoaParam *) params->list->pdata[i])->bytes;
  return bytes;
}

gsize
moa_params_missing_bytes (const MoaParams *params)
{
  gsize bytes = 0;
  for (guint i = 0; i < params->list->len; i++)
    {
      const MoaParam *param = params->list->pdata[i];
      bytes += param->data ? 0 : param->bytes;
    }
  return bytes;
}

static void
store (void *data, MoaIsa isa, gsize i, float value)
{
  if (isa == MOA_ISA_F64)
    ((double *) data)[i] = value;
  else
    ((float *) data)[i] = value;
}

/* rows [n][C][taps] of the file -> one panel [taps][C][width].  A few channels
 * of all rows at a time, so that both sides stay in the cache. */
static void
pack_panel (const MoaParam *param, MoaIsa isa, const float *rows, int n, void *data)
{
  int width = moa_isa_panel (isa);
  gsize channels = param->rank > 1 ? param->dim[1] : 1;
  gsize taps = row_length (param) / channels;
  for (gsize c0 = 0; c0 < channels; c0 += 16)
    for (int j = 0; j < width; j++)
      for (gsize c = c0; c < MIN (c0 + 16, channels); c++)
        for (gsize tap = 0; tap < taps; tap++)
          store (data, isa, (tap * channels + c) * width + j,
                 j < n ? rows[(j * channels + c) * taps + tap] : 0);
}

/* Where number i of the file is among the packed ones. */
static gsize
packed_place (const MoaParam *param, gsize width, gsize i)
{
  if (param->layout != MOA_PANELS)
    return i;
  gsize channels = param->rank > 1 ? param->dim[1] : 1, length = row_length (param);
  gsize taps = length / channels, row = i / length, column = i % length;
  gsize place = row / width * taps + column % taps;
  return (place * channels + column / taps) * width + row % width;
}

void
moa_param_pack (const MoaParam *param, MoaIsa isa, const float *numbers, void *packed)
{
  memset (packed, 0, moa_param_packed (param, isa) * moa_isa_real_size (isa));
  for (gsize i = 0, n = moa_param_numbers (param); i < n; i++)
    store (packed, isa, packed_place (param, moa_isa_panel (isa), i), numbers[i]);
}

void
moa_param_unpack (const MoaParam *param, MoaIsa isa, const void *packed, float *numbers)
{
  for (gsize i = 0, n = moa_param_numbers (param); i < n; i++)
    {
      gsize place = packed_place (param, moa_isa_panel (isa), i);
      numbers[i] = isa == MOA_ISA_F64 ? ((const double *) packed)[place]
                                      : ((const float *) packed)[place];
    }
}

/* A panel of `rows` rows of `width` numbers: in blocks of rows, of which each column has a scale. */
static void
to_bytes (const float *from, gsize rows, gsize width, guint8 *to)
{
  for (gsize r0 = 0; r0 < rows; r0 += MOA_Q8_ROWS)
    {
      gsize n = MIN (MOA_Q8_ROWS, rows - r0);
      float *scale = (float *) to;
      gint8 *bytes = (gint8 *) (scale + width);
      for (gsize j = 0; j < width; j++)
        {
          float largest = 0;
          for (gsize r = 0; r < n; r++)
            largest = MAX (largest, fabsf (from[(r0 + r) * width + j]));
          scale[j] = largest / 127;
          for (gsize r = 0; r < n; r++)
            bytes[r * width + j] = largest > 0 ? lrintf (from[(r0 + r) * width + j] / scale[j]) : 0;
        }
      to += width * sizeof (float) + n * width;
    }
}

static void
from_bytes (const guint8 *from, gsize rows, gsize width, float *to)
{
  for (gsize r0 = 0; r0 < rows; r0 += MOA_Q8_ROWS)
    {
      gsize n = MIN (MOA_Q8_ROWS, rows - r0);
      const float *scale = (const float *) from;
      const gint8 *bytes = (const gint8 *) (scale + width);
      for (gsize i = 0; i < n * width; i++)
        to[r0 * width + i] = scale[i % width] * bytes[i];
      from += width * sizeof (float) + n * width;
    }
}

/* n units (panels, or rows that are in none) of packed real numbers, as the parameter holds them. */
static void
narrow (const MoaParams *params, const MoaParam *param, const void *from, gsize n, void *to)
{
  gsize width = param->layout == MOA_PANELS ? moa_isa_panel (params->isa) : 1;
  gsize rows = row_length (param), count = n * rows * width;
  if (param->number == MOA_F16)
    moa_half_from_floats (from, to, count);
  else if (param->number == MOA_BF16)
    moa_bfloat_from_floats (from, to, count);
  else if (param->number == MOA_Q8)
    for (gsize i = 0; i < n; i++)
      to_bytes ((const float *) from + i * rows * width, rows, width,
                (guint8 *) to + i * unit_bytes (params, param));
  else if (from != to)
    memcpy (to, from, count * moa_number_size (param->number));
}

static void
widen (const MoaParams *params, const MoaParam *param, const void *from, gsize n, float *to)
{
  gsize width = param->layout == MOA_PANELS ? moa_isa_panel (params->isa) : 1;
  gsize rows = row_length (param), count = n * rows * width;
  if (param->number == MOA_F16)
    moa_half_to_floats (from, to, count);
  else if (param->number == MOA_BF16)
    moa_bfloat_to_floats (from, to, count);
  else if (param->number == MOA_Q8)
    for (gsize i = 0; i < n; i++)
      from_bytes ((const guint8 *) from + i * unit_bytes (params, param), rows, width,
                  to + i * rows * width);
  else
    memcpy (to, from, count * sizeof (float));
}

static gsize
count_units (const MoaParams *params, const MoaParam *param)
{
  gsize rows = param->rank > 0 ? param->dim[0] : 1;
  gsize panel = param->layout == MOA_PANELS ? moa_isa_panel (params->isa) : 1;
  return (rows + panel - 1) / panel;
}

static gboolean
fail_memory (const MoaParam *param, GError **error)
{
  return moa_fail (error, MOA_ERROR_MEMORY,
                   "No memory for %" G_GSIZE_FORMAT " bytes of %s; close other programs, or use a "
                   "smaller model", param->bytes, param->name);
}

/* The file's numbers, packed and narrowed; rows are read by whole panels. */
static gboolean
read_packed (MoaParams *params, const MoaParam *param, void *data, GError **error)
{
  gsize length = row_length (param), rows = param->rank > 0 ? param->dim[0] : 1;
  gsize panel = param->layout == MOA_PANELS ? (gsize) moa_isa_panel (params->isa) : 1;
  gsize chunk = MAX (1, 65536 / MAX (length * panel, 1)) * panel;
  gsize real_size = moa_isa_real_size (params->isa), unit = length * panel * real_size;
  g_autofree float *buffer = g_try_malloc_n (chunk * length, sizeof (float));
  g_autofree guint8 *packed = g_try_malloc_n (chunk / panel, unit);
  if (!buffer || !packed)
    return fail_memory (param, error);
  for (gsize row = 0; row < rows; row += chunk)
    {
      gsize n = MIN (chunk, rows - row), units = (n + panel - 1) / panel;
      if (!moa_weights_read (params->weights, param->file, row * length, n * length, buffer, error))
        return FALSE;
      if (param->layout == MOA_PANELS)
        for (gsize i = 0; i < units; i++)
          pack_panel (param, params->isa, buffer + i * panel * length, MIN (panel, n - i * panel),
                      packed + i * unit);
      else
        for (gsize i = 0; i < n * length; i++)
          store (packed, params->isa, i, buffer[i]);
      narrow (params, param, packed, units,
              (guint8 *) data + row / panel * unit_bytes (params, param));
    }
  return TRUE;
}

/* Fills the device's memory `to`; through the host's if that is another. */
static gboolean
fill_param (MoaParams *params, const MoaParam *param, void *to, GError **error)
{
  MoaDevice *device = params->device, *host = moa_device_host ();
  void *data = device == host ? to : host->methods->allocate (host, param->bytes);
  gboolean ok = TRUE;
  if (!data)
    return fail_memory (param, error);
  if (param->file)
    ok = read_packed (params, param, data, error);
  else
    memset (data, 0, param->bytes);
  if (data == to)
    return ok;
  if (ok)
    device->methods->upload (device, to, data, param->bytes);
  host->methods->release (host, data);
  return ok;
}

/* Whether the data is the host's, and packed real numbers. */
static gboolean
is_plain (const MoaParams *params, const MoaParam *param)
{
  return params->device == moa_device_host ()
         && (param->number == MOA_F32 || param->number == MOA_F64);
}

gboolean
moa_params_get_numbers (MoaParams *params, const MoaParam *param, float *numbers, GError **error)
{
  MoaDevice *device = params->device;
  if (is_plain (params, param))
    {
      moa_param_unpack (param, params->isa, param->data, numbers);
      return TRUE;
    }
  g_autofree float *packed = g_try_new (float, moa_param_packed (param, params->isa));
  g_autofree guint8 *held = g_try_malloc (param->bytes);
  if (!packed || !held)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", param->name);
  device->methods->download (device, held, param->data, param->bytes);
  gboolean ok = device->methods->finish (device, error);
  widen (params, param, held, count_units (params, param), packed);
  moa_param_unpack (param, params->isa, packed, numbers);
  return ok;
}

gboolean
moa_params_set_numbers (MoaParams *params, MoaParam *param, const float *numbers, GError **error)
{
  MoaDevice *device = params->device;
  if (is_plain (params, param))
    {
      moa_param_pack (param, params->isa, numbers, param->data);
      return TRUE;
    }
  g_autofree float *packed = g_try_new (float, moa_param_packed (param, params->isa));
  g_autofree guint8 *held = g_try_malloc (param->bytes);
  if (!packed || !held)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", param->name);
  moa_param_pack (param, params->isa, numbers, packed);
  narrow (params, param, packed, count_units (params, param), held);
  device->methods->upload (device, param->data, held, param->bytes);
  return device->methods->finish (device, error);
}

/* ---- Loading ----------------------------------------------------------- */

/* A part of so many bytes gets one piece of memory: a card rounds each piece up to 2 MiB, and the host has
 * large pages for it.  Smaller ones go parameter by parameter: there a sanitizer sees where each ends. */
#define TOGETHER_LEAST (8u << 20)
#define APART 256 /* where parameters in a piece begin, in bytes */

typedef struct {
  MoaParams *params;
  GPtrArray *missing;
  guint8 *piece;   /* for all that is missing; NULL: none */
  gsize *place;    /* in it */
  GCancellable *cancellable;
  GMutex lock;
  GError *error;   /* the first */
} Loading;

/* Memory that has no room for it in one piece may have it in many. */
static void
get_piece (Loading *loading)
{
  MoaDevice *device = loading->params->device;
  gsize bytes = 0;
  loading->place = g_new (gsize, loading->missing->len);
  for (guint i = 0; i < loading->missing->len; i++)
    {
      const MoaParam *param = loading->missing->pdata[i];
      loading->place[i] = bytes;
      bytes += (param->bytes + APART - 1) / APART * APART;
    }
  if (bytes >= TOGETHER_LEAST)
    loading->piece = device->methods->allocate (device, bytes);
  if (loading->piece)
    g_ptr_array_add (loading->params->memory, loading->piece);
}

/* A piece that was not filled is given back whole. */
static void
drop_piece (Loading *loading)
{
  MoaDevice *device = loading->params->device;
  for (guint i = 0; i < loading->missing->len; i++)
    ((MoaParam *) loading->missing->pdata[i])->data = NULL;
  g_ptr_array_remove (loading->params->memory, loading->piece);
  device->methods->release (device, loading->piece);
}

static gboolean
load_param (Loading *loading, int i, GError **error)
{
  MoaParams *params = loading->params;
  MoaDevice *device = params->device;
  MoaParam *param = loading->missing->pdata[i];
  void *own = loading->piece ? NULL : device->methods->allocate (device, param->bytes);
  void *data = loading->piece ? loading->piece + loading->place[i] : own;
  if (!data) /* a card that failed gives no memory either, and tells why */
    return device->methods->finish (device, error) && fail_memory (param, error);
  if (!fill_param (params, param, data, error))
    {
      if (own)
        device->methods->release (device, own);
      return FALSE;
    }
  g_mutex_lock (&loading->lock);
  if (own)
    g_ptr_array_add (params->memory, own);
  g_mutex_unlock (&loading->lock);
  param->data = data;
  return TRUE;
}

static void
load_task (gpointer data, int task, int thread)
{
  Loading *loading = data;
  g_mutex_lock (&loading->lock);
  gboolean go_on = !loading->error;
  g_mutex_unlock (&loading->lock);
  GError *error = NULL;
  if (!go_on || (!g_cancellable_set_error_if_cancelled (loading->cancellable, &error) &&
                 load_param (loading, task, &error)))
    return;
  g_mutex_lock (&loading->lock);
  if (!loading->error)
    loading->error = g_steal_pointer (&error);
  g_mutex_unlock (&loading->lock);
  g_clear_error (&error);
}

gboolean
moa_params_load (MoaParams *params, int n_threads, GCancellable *cancellable, GError **error)
{
  Loading loading = { .params = params, .missing = g_ptr_array_new (), .cancellable = cancellable };
  for (guint i = 0; i < params->list->len; i++)
    {
      MoaParam *param = params->list->pdata[i];
      if (!param->data)
        g_ptr_array_add (loading.missing, param);
    }
  if (loading.missing->len > 0)
    {
      g_mutex_init (&loading.lock);
      get_piece (&loading);
      MoaCpu *cpu = moa_cpu_new (params->isa, n_threads);
      moa_cpu_parallel (cpu, loading.missing->len, load_task, &loading);
      moa_cpu_free (cpu);
      g_mutex_clear (&loading.lock);
      if (loading.error && loading.piece)
        drop_piece (&loading);
      g_free (loading.place);
    }
  g_ptr_array_unref (loading.missing);
  if (loading.error)
    g_propagate_error (error, loading.error);
  return !loading.error && params->device->methods->finish (params->device, error);
}

void
moa_params_unload (MoaParams *params)
{
  for (guint i = 0; i < params->list->len; i++)
    ((MoaParam *) params->list->pdata[i])->data = NULL;
  for (guint i = 0; i < params->memory->len; i++)
    params->device->methods->release (params->device, params->memory->pdata[i]);
  g_ptr_array_set_size (params->memory, 0);
}
