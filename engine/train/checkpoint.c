/* Checkpoints: see checkpoint.h.  A safetensors file with four tensors for
 * each parameter, in the order of the model's files so that another processor
 * can go on, and a checksum over all of them. */
#include "train/checkpoint.h"

#include "base/error.h"
#include "io/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "checkpoint-"
#define SUFFIX ".safetensors"
#define KEPT 2

static const char *const roles[] = { "value", "m", "v", "average" };
enum { N_ROLES = G_N_ELEMENTS (roles) }; /* as MoaTrainedRole */

static char *
tensor_name (const MoaTrained *t, int role)
{
  return g_strconcat (roles[role], "/", moa_part_name (t->part), "/", t->param->name, NULL);
}

/* ---- Files ------------------------------------------------------------ */

static int
newer_first (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) b, *(char *const *) a);
}

/* Names of the checkpoints in the folder, the newest first; with remains, also what a killed
 * process left half written. */
static GPtrArray *
list_checkpoints (const char *folder, gboolean remains)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      gboolean whole = g_str_has_suffix (name, SUFFIX);
      if (g_str_has_prefix (name, PREFIX) && whole != remains)
        g_ptr_array_add (names, g_build_filename (folder, name, NULL));
    }
  g_clear_pointer (&dir, g_dir_close);
  g_ptr_array_sort (names, newer_first);
  return names;
}

static void
remove_old (const char *folder)
{
  g_autoptr (GPtrArray) names = list_checkpoints (folder, FALSE);
  for (guint i = KEPT; i < names->len; i++)
    g_unlink (names->pdata[i]);
  g_autoptr (GPtrArray) remains = list_checkpoints (folder, TRUE);
  for (guint i = 0; i < remains->len; i++)
    g_unlink (remains->pdata[i]);
}

/* So that the new name itself survives a power failure. */
static void
sync_folder (const char *folder)
{
  int fd = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd < 0)
    return;
  fsync (fd);
  close (fd);
}

gsize
moa_checkpoint_bytes (const MoaTrainedSet *set)
{
  return N_ROLES * moa_trained_numbers (set) * sizeof (float);
}

/* ---- Writing ---------------------------------------------------------- */

gboolean
moa_checkpoint_write (const MoaTrainedSet *set, const MoaTrainConfig *config, const char *folder,
                      const MoaProgressMark *mark, GError **error)
{
  g_assert (!set->averaged);
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  for (int role = 0; role < N_ROLES; role++)
    for (int i = 0; i < set->n; i++)
      {
        const MoaTrained *t = &set->list[i];
        gsize n = moa_param_numbers (t->param);
        float *numbers = g_new (float, n);
        g_ptr_array_add (blocks, numbers);
        if (!moa_trained_get (set, i, role, numbers, error))
          {
            moa_safetensors_writer_free (writer);
            return FALSE;
          }
        g_checksum_update (sum, (const guchar *) numbers, n * sizeof (float));
        g_autofree char *name = tensor_name (t, role);
        moa_safetensors_writer_add (writer, name, MOA_DTYPE_F32, t->param->rank, t->param->dim,
                                    numbers);
      }
  g_autofree char *step = g_strdup_printf ("%" G_GUINT64_FORMAT, mark->step);
  g_autofree char *seconds = g_strdup_printf ("%.1f", mark->seconds);
  g_autofree char *loss_scale = g_strdup_printf ("%.0f", mark->loss_scale);
  g_autofree char *since = g_strdup_printf ("%d", mark->since);
  g_autofree char *path = g_strdup_printf ("%s/" PREFIX "%09" G_GUINT64_FORMAT SUFFIX, folder,
                                           mark->step);
  char *json = json_dumps (config->json, JSON_INDENT (1) | JSON_REAL_PRECISION (9));
  moa_safetensors_writer_metadata (writer, "step", step);
  moa_safetensors_writer_metadata (writer, "seconds", seconds);
  moa_safetensors_writer_metadata (writer, "loss_scale", loss_scale);
  moa_safetensors_writer_metadata (writer, "loss_scale_since", since);
  moa_safetensors_writer_metadata (writer, "config", json);
  moa_safetensors_writer_metadata (writer, "sha1", g_checksum_get_string (sum));
  gboolean ok = moa_safetensors_writer_save (writer, path, error);
  free (json);
  moa_safetensors_writer_free (writer);
  if (!ok)
    return FALSE;
  sync_folder (folder);
  remove_old (folder);
  return TRUE;
}

/* ---- Reading ---------------------------------------------------------- */

/* In the order of the file: parameters may be declared in another one by now. */
static gboolean
check_sum (MoaSafetensors *file, GError **error)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA1);
  for (int i = 0; i < moa_safetensors_count (file); i++)
    {
      const MoaFileTensor *tensor = moa_safetensors_tensor (file, i);
      g_autofree float *numbers = g_try_new (float, tensor->n);
      if (!numbers)
        return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to read %s",
                         moa_safetensors_path (file), tensor->name);
      if (!moa_safetensors_read_float (file, tensor, 0, tensor->n, numbers, error))
        return FALSE;
      g_checksum_update (sum, (const guchar *) numbers, tensor->n * sizeof (float));
    }
  return !g_strcmp0 (g_checksum_get_string (sum), moa_safetensors_metadata (file, "sha1"))
         || moa_fail (error, MOA_ERROR_FILE, "%s: is damaged: its checksum does not fit",
                      moa_safetensors_path (file));
}

/* One tensor of a checkpoint, checked in name and shape; (transfer full). */
static float *
read_tensor (MoaSafetensors *file, const MoaTrained *t, int role, GError **error)
{
  g_autofree char *name = tensor_name (t, role);
  const MoaFileTensor *tensor = moa_safetensors_find (file, name);
  gsize n = moa_param_numbers (t->param);
  if (!tensor || tensor->dtype != MOA_DTYPE_F32 || tensor->n != n)
    {
      moa_fail (error, MOA_ERROR_MODEL, "%s: has no %s of %" G_GSIZE_FORMAT " numbers; it belongs to "
                "another training", moa_safetensors_path (file), name, n);
      return NULL;
    }
  float *numbers = g_new (float, n);
  if (!moa_safetensors_read_float (file, tensor, 0, n, numbers, error))
    g_clear_pointer (&numbers, g_free);
  return numbers;
}

/* All or nothing: the set changes only if every tensor came through. */
static gboolean
restore (MoaTrainedSet *set, MoaSafetensors *file, GError **error)
{
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (g_free);
  if (!check_sum (file, error))
    return FALSE;
  if (moa_safetensors_count (file) != N_ROLES * set->n)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: has the state of %d parameters, and %d are trained; \"train\" should be as "
                     "it was", moa_safetensors_path (file), moa_safetensors_count (file) / N_ROLES,
                     set->n);
  for (int role = 0; role < N_ROLES; role++)
    for (int i = 0; i < set->n; i++)
      {
        float *numbers = read_tensor (file, &set->list[i], role, error);
        if (!numbers)
          return FALSE;
        g_ptr_array_add (blocks, numbers);
      }
  for (int role = 0; role < N_ROLES; role++)
    for (int i = 0; i < set->n; i++)
      if (!moa_trained_put (set, i, role, blocks->pdata[role * set->n + i], error))
        return FALSE;
  moa_trained_round (set);
  return TRUE;
}

/* What it says beside its tensors. */
static void
read_metadata (MoaSafetensors *file, MoaProgressMark *mark, json_t **config)
{
  const char *step = moa_safetensors_metadata (file, "step");
  const char *seconds = moa_safetensors_metadata (file, "seconds");
  const char *scale = moa_safetensors_metadata (file, "loss_scale");
  const char *since = moa_safetensors_metadata (file, "loss_scale_since");
  const char *text = moa_safetensors_metadata (file, "config");
  *mark = (MoaProgressMark){ step ? g_ascii_strtoull (step, NULL, 10) : 0,
                             seconds ? g_ascii_strtod (seconds, NULL) : 0,
                             scale ? g_ascii_strtod (scale, NULL) : 0,
                             since ? (int) g_ascii_strtoll (since, NULL, 10) : 0 };
  *config = text ? moa_json_parse (text, strlen (text), moa_safetensors_path (file), NULL) : NULL;
}

gboolean
moa_checkpoint_read (MoaTrainedSet *set, const char *folder, MoaProgressMark *mark, json_t **config,
                     char **warning, GError **error)
{
  g_autoptr (GPtrArray) names = list_checkpoints (folder, FALSE);
  GError *fault = NULL;
  *warning = NULL;
  *config = NULL;
  for (guint i = 0; i < names->len; i++)
    {
      g_clear_error (&fault);
      MoaSafetensors *file = moa_safetensors_open (names->pdata[i], &fault);
      gboolean ok = file && restore (set, file, &fault);
      if (ok)
        read_metadata (file, mark, config);
      g_clear_pointer (&file, moa_safetensors_close);
      if (ok)
        return TRUE;
      if (!*warning)
        *warning = g_strdup (fault->message);
    }
  if (fault)
    g_propagate_error (error, fault);
  return FALSE;
}
