/* Reads weights and packs them for the kernels. */
#include "graph/param.h"

#include "base/error.h"
#include "base/half.h"

#include <string.h>

struct _MoaParams {
  MoaWeights *weights;
  MoaIsa isa;
  MoaDevice *device;
  MoaNumber number;      /* of matrices on a device */
  GHashTable *by_name;   /* "name" or "name (panels)" -> MoaParam */
  GPtrArray *list;
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

MoaNumber
moa_param_number (const MoaParams *params, const MoaParam *param)
{
  if (params->isa == MOA_ISA_F64)
    return MOA_F64;
  return param->layout == MOA_PANELS ? params->number : MOA_F32;
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
  param->bytes = moa_param_packed (param, params->isa) *
                 moa_number_size (moa_param_number (params, param));
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
pack_panel (const MoaParam *param, MoaIsa isa, const float *rows, int n, gsize panel, void *data)
{
  int width = moa_isa_panel (isa);
  gsize channels = param->rank > 1 ? param->dim[1] : 1;
  gsize taps = row_length (param) / channels;
  gsize base = panel * taps * channels * width;
  for (gsize c0 = 0; c0 < channels; c0 += 16)
    for (int j = 0; j < width; j++)
      for (gsize c = c0; c < MIN (c0 + 16, channels); c++)
        for (gsize tap = 0; tap < taps; tap++)
          store (data, isa, base + (tap * channels + c) * width + j,
                 j < n ? rows[(j * channels + c) * taps + tap] : 0);
}

/* Where number i of the file is among the packed ones. */
static gsize
packed_place (const MoaParam *param, gsize width, gsize i)
{
  if (param->layout == MOA_PLAIN)
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

/* Packed numbers on the host, float or double, as the parameter holds them: in place. */
static void
narrow (const MoaParams *params, const MoaParam *param, void *packed)
{
  MoaNumber number = moa_param_number (params, param);
  if (moa_number_size (number) != 2)
    return;
  const float *from = packed;
  guint16 *to = packed;
  for (gsize i = 0, n = moa_param_packed (param, params->isa); i < n; i++)
    to[i] = (number == MOA_F16 ? moa_half_from_float : moa_bfloat_from_float) (from[i]);
}

/* The file's numbers, packed; rows are read by whole panels. */
static gboolean
read_packed (MoaParams *params, const MoaParam *param, void *data, GError **error)
{
  gsize length = row_length (param), rows = param->rank > 0 ? param->dim[0] : 1;
  gsize panel = param->layout == MOA_PANELS ? (gsize) moa_isa_panel (params->isa) : 1;
  gsize chunk = MAX (1, 65536 / MAX (length * panel, 1)) * panel;
  g_autofree float *buffer = g_try_malloc_n (chunk * length, sizeof (float));
  if (!buffer)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes of %s",
                     param->bytes, param->name);
  for (gsize row = 0; row < rows; row += chunk)
    {
      gsize n = MIN (chunk, rows - row);
      if (!moa_weights_read (params->weights, param->file, row * length, n * length, buffer, error))
        return FALSE;
      if (param->layout == MOA_PANELS)
        for (gsize i = 0; i < n; i += panel)
          pack_panel (param, params->isa, buffer + i * length, MIN (panel, n - i),
                      (row + i) / panel, data);
      else
        for (gsize i = 0; i < n * length; i++)
          store (data, params->isa, row * length + i, buffer[i]);
    }
  return TRUE;
}

static gboolean
load_param (MoaParams *params, MoaParam *param, GError **error)
{
  MoaDevice *device = params->device, *host = moa_device_host ();
  gsize bytes = moa_param_packed (param, params->isa) * moa_isa_real_size (params->isa);
  void *data = host->methods->allocate (host, bytes), *kept = data;
  if (data && device != host)
    kept = device->methods->allocate (device, param->bytes);
  gboolean ok = kept != NULL;
  if (!ok)
    moa_fail (error, MOA_ERROR_MEMORY, "no memory for %" G_GSIZE_FORMAT " bytes of %s",
              param->bytes, param->name);
  else if (param->file)
    ok = read_packed (params, param, data, error);
  else
    memset (data, 0, bytes);
  if (ok && kept != data)
    {
      narrow (params, param, data);
      device->methods->upload (device, kept, data, param->bytes);
    }
  if (kept != data)
    host->methods->release (host, data);
  if (ok)
    param->data = kept;
  else if (kept)
    device->methods->release (device, kept);
  return ok;
}

gboolean
moa_params_get_numbers (MoaParams *params, const MoaParam *param, float *numbers, GError **error)
{
  MoaDevice *device = params->device;
  if (device == moa_device_host ())
    {
      moa_param_unpack (param, params->isa, param->data, numbers);
      return TRUE;
    }
  gsize n = moa_param_packed (param, params->isa);
  g_autofree float *packed = g_try_new (float, n);
  if (!packed)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", param->name);
  MoaNumber number = moa_param_number (params, param);
  guint16 *narrow_numbers = (guint16 *) packed + n; /* spread out from the front */
  device->methods->download (device, number == MOA_F32 ? (void *) packed : narrow_numbers,
                             param->data, param->bytes);
  for (gsize i = 0; number != MOA_F32 && i < n; i++)
    packed[i] = (number == MOA_F16 ? moa_half_to_float : moa_bfloat_to_float) (narrow_numbers[i]);
  moa_param_unpack (param, params->isa, packed, numbers);
  return device->methods->finish (device, error);
}

gboolean
moa_params_set_numbers (MoaParams *params, MoaParam *param, const float *numbers, GError **error)
{
  MoaDevice *device = params->device;
  if (device == moa_device_host ())
    {
      moa_param_pack (param, params->isa, numbers, param->data);
      return TRUE;
    }
  g_autofree float *packed = g_try_new (float, moa_param_packed (param, params->isa));
  if (!packed)
    return moa_fail (error, MOA_ERROR_MEMORY, "no memory for the numbers of %s", param->name);
  moa_param_pack (param, params->isa, numbers, packed);
  narrow (params, param, packed);
  device->methods->upload (device, param->data, packed, param->bytes);
  return device->methods->finish (device, error);
}

typedef struct {
  MoaParams *params;
  GPtrArray *missing;
  GCancellable *cancellable;
  GMutex lock;
  GError *error;   /* the first */
} Loading;

static void
load_task (gpointer data, int task, int thread)
{
  Loading *loading = data;
  g_mutex_lock (&loading->lock);
  gboolean go_on = !loading->error;
  g_mutex_unlock (&loading->lock);
  GError *error = NULL;
  if (!go_on || (!g_cancellable_set_error_if_cancelled (loading->cancellable, &error) &&
                 load_param (loading->params, loading->missing->pdata[task], &error)))
    return;
  g_mutex_lock (&loading->lock);
  if (!loading->error)
    loading->error = g_steal_pointer (&error);
  g_mutex_unlock (&loading->lock);
  g_clear_error (&error);
}

gboolean
moa_params_load (MoaParams *params, GCancellable *cancellable, GError **error)
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
      MoaCpu *cpu = moa_cpu_new (params->isa, 0);
      moa_cpu_parallel (cpu, loading.missing->len, load_task, &loading);
      moa_cpu_free (cpu);
      g_mutex_clear (&loading.lock);
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
    {
      MoaParam *param = params->list->pdata[i];
      if (param->data)
        params->device->methods->release (params->device, param->data);
      param->data = NULL;
    }
}
