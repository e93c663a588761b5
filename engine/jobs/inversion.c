/* Inversions kept on disk: see inversion.h. */
#include "jobs/inversion.h"

#include "jobs/fingerprint.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <utime.h>

#define ENDING ".moa-inversion"
#define DEFAULT_LIMIT ((guint64) 1 << 30)
/* A file of a killed process: nobody writes for so many seconds. */
enum { STALE_SECONDS = 3600 };

/* ---- The key ---- */

static void
add_int (GChecksum *sum, gint64 value)
{
  g_checksum_update (sum, (const guchar *) &value, sizeof (value));
}

static gsize
picture_bytes (const MoaImage *picture)
{
  return (gsize) picture->width * picture->height * picture->channels * sizeof (float);
}

char *
moa_inversion_path (const MoaReplacement *r)
{
  MoaModel *model = r->job->model;
  const MoaReplaceResult *used = r->result;
  if (!r->job->run.cache)
    return NULL;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  add_int (sum, 1); /* what a trajectory is; to be raised when the steps are computed otherwise */
  add_int (sum, used->steps);
  add_int (sum, used->fixed_point);
  add_int (sum, moa_cpu_isa (r->job->cpu));
  add_int (sum, moa_cpu_device (r->job->cpu)->number);
  add_int (sum, moa_cpu_threads (r->job->cpu));
  add_int (sum, model->clip_skip);
  add_int (sum, model->keep == MOA_KEEP_FILE ? MOA_KEEP_REAL : model->keep); /* which are the same */
  add_int (sum, r->picture.work->width);
  add_int (sum, r->picture.work->height);
  g_checksum_update (sum, (const guchar *) r->picture.work->data, picture_bytes (r->picture.work));
  g_checksum_update (sum, (const guchar *) r->source_prompt->ids,
                     r->source_prompt->n_ids * sizeof (gint32));
  g_checksum_update (sum, (const guchar *) model->schedule->abar,
                     model->schedule->n * sizeof (float));
  add_int (sum, model->schedule->steps_offset);
  add_int (sum, model->schedule->prediction);
  if (!moa_fingerprint_add (sum, model, model->unet_params, NULL) ||
      !moa_fingerprint_add (sum, model, model->vae_params, NULL) ||
      !moa_fingerprint_add (sum, model, model->text_params, NULL))
    return NULL;
  g_autofree char *name = g_strconcat (g_checksum_get_string (sum), ENDING, NULL);
  return g_build_filename (r->job->run.cache, name, NULL);
}

/* ---- Reading ---- */

static char *
check_sum (const MoaReplacement *r)
{
  return g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *) r->trajectory,
                                      (gsize) (r->result->steps + 1) * r->n * sizeof (float));
}

/* The file's tensor if it is the trajectory wanted; NULL if not. */
static const MoaFileTensor *
find_trajectory (const MoaReplacement *r, MoaSafetensors *file, const char *path)
{
  const MoaFileTensor *t = moa_safetensors_find (file, "trajectory");
  const char *key = moa_safetensors_metadata (file, "key");
  g_autofree char *name = g_path_get_basename (path);
  gboolean fits = t && t->dtype == MOA_DTYPE_F32 && t->rank == 4 &&
                  t->dim[0] == r->result->steps + 1 && t->dim[1] == r->picture.frame.latent_height &&
                  t->dim[2] == r->picture.frame.latent_width && t->n == (r->result->steps + 1) * r->n;
  return fits && key && g_str_has_prefix (name, key) ? t : NULL;
}

gboolean
moa_inversion_ready (const MoaReplacement *r, const char *path)
{
  MoaSafetensors *file = path ? moa_safetensors_open (path, NULL) : NULL;
  gboolean ready = file && find_trajectory (r, file, path);
  if (file)
    moa_safetensors_close (file);
  return ready;
}

gboolean
moa_inversion_load (MoaReplacement *r, const char *path)
{
  if (!path || !g_file_test (path, G_FILE_TEST_EXISTS))
    return FALSE;
  MoaSafetensors *file = moa_safetensors_open (path, NULL);
  const MoaFileTensor *t = file ? find_trajectory (r, file, path) : NULL;
  gboolean ok = t && moa_safetensors_read_float (file, t, 0, t->n, r->trajectory, NULL);
  if (ok)
    {
      g_autofree char *check = check_sum (r);
      ok = !g_strcmp0 (check, moa_safetensors_metadata (file, "check"));
    }
  if (file)
    moa_safetensors_close (file);
  if (ok)
    g_utime (path, NULL); /* it was used now */
  else
    g_unlink (path);
  return ok;
}

/* ---- Writing ---- */

typedef struct {
  char *path;
  gint64 bytes, used;
} Kept;

static void
free_kept (gpointer data)
{
  Kept *kept = data;
  g_free (kept->path);
  g_free (kept);
}

static int
compare_age (gconstpointer a, gconstpointer b)
{
  const Kept *x = *(Kept *const *) a, *y = *(Kept *const *) b;
  return x->used < y->used ? 1 : x->used > y->used ? -1 : g_strcmp0 (x->path, y->path);
}

/* Our files in the folder, those used last first; what killed processes left goes. */
static GPtrArray *
list_kept (const char *folder)
{
  GPtrArray *list = g_ptr_array_new_with_free_func (free_kept);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  while (dir && (name = g_dir_read_name (dir)))
    {
      GStatBuf info;
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (!strstr (name, ENDING) || g_lstat (path, &info) || !S_ISREG (info.st_mode))
        continue;
      if (g_str_has_suffix (name, ENDING))
        {
          Kept *kept = g_new (Kept, 1);
          *kept = (Kept){ g_steal_pointer (&path), info.st_size, info.st_mtime };
          g_ptr_array_add (list, kept);
        }
      else if (now - info.st_mtime > STALE_SECONDS)
        g_unlink (path);
    }
  g_ptr_array_sort (list, compare_age);
  return list;
}

/* own is kept whatever the limit. */
static void
limit_size (const char *folder, const char *own, guint64 limit)
{
  g_autoptr (GPtrArray) list = list_kept (folder);
  guint64 bytes = 0;
  for (guint i = 0; i < list->len; i++)
    {
      const Kept *kept = list->pdata[i];
      bytes += kept->bytes;
      if (bytes > limit && g_strcmp0 (kept->path, own))
        g_unlink (kept->path);
    }
}

void
moa_inversion_save (const MoaReplacement *r, const char *path)
{
  const MoaRun *run = &r->job->run;
  guint64 limit = run->cache_limit ? run->cache_limit : DEFAULT_LIMIT;
  const gint64 dim[] = { r->result->steps + 1, r->picture.frame.latent_height, r->picture.frame.latent_width,
                         r->job->model->vae.latent_channels };
  if (!path || (r->result->steps + 1) * r->n * sizeof (float) > limit ||
      g_mkdir_with_parents (run->cache, 0700))
    return;
  g_autofree char *check = check_sum (r), *name = g_path_get_basename (path);
  name[strlen (name) - strlen (ENDING)] = 0;
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (writer, "trajectory", MOA_DTYPE_F32, 4, dim, r->trajectory);
  moa_safetensors_writer_metadata (writer, "key", name);
  moa_safetensors_writer_metadata (writer, "check", check);
  if (moa_safetensors_writer_save (writer, path, NULL))
    limit_size (run->cache, path, limit);
  moa_safetensors_writer_free (writer);
}
