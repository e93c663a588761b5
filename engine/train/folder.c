/* Making the folder of a training: see folder.h. */
#include "train/folder.h"

#include "base/error.h"
#include "io/file.h"
#include "io/json.h"
#include "train/world/world.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const folders[] = { "unet", "vae", "text_encoder", "image_encoder", "moa",
                                       "tokenizer", "scheduler", "feature_extractor" };

static gboolean
copy_file (const char *from, const char *to, GError **error)
{
  g_unlink (to);
  if (g_str_has_suffix (from, ".safetensors") && link (from, to) == 0)
    return TRUE;
  g_autoptr (GFile) source = g_file_new_for_path (from), target = g_file_new_for_path (to);
  return g_file_copy (source, target, G_FILE_COPY_TARGET_DEFAULT_PERMS, NULL, NULL, NULL, error);
}

/* The regular files of a folder, those that are hidden or pickles apart. */
static gboolean
copy_files (const char *from, const char *to, GError **error)
{
  GDir *dir = g_dir_open (from, 0, error);
  if (!dir)
    return FALSE;
  gboolean ok = moa_folder_make (to, error);
  const char *name;
  while (ok && (name = g_dir_read_name (dir)))
    {
      g_autofree char *source = g_build_filename (from, name, NULL);
      g_autofree char *target = g_build_filename (to, name, NULL);
      if (name[0] != '.' && !g_str_has_suffix (name, ".bin")
          && g_file_test (source, G_FILE_TEST_IS_REGULAR))
        ok = copy_file (source, target, error);
    }
  g_dir_close (dir);
  return ok;
}

gboolean
moa_folder_copy_model (const char *from, const char *to, GError **error)
{
  if (g_file_test (from, G_FILE_TEST_IS_REGULAR))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: is a file; training starts from a model's folder, which moa convert makes of a "
                     "checkpoint", from);
  if (!g_file_test (from, G_FILE_TEST_IS_DIR))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: there is no such folder of a model", from);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *source = g_build_filename (from, folders[i], NULL);
      g_autofree char *target = g_build_filename (to, folders[i], NULL);
      if (g_file_test (source, G_FILE_TEST_IS_DIR) && !copy_files (source, target, error))
        return FALSE;
    }
  g_autofree char *index = g_build_filename (from, "model_index.json", NULL);
  g_autofree char *index_to = g_build_filename (to, "model_index.json", NULL);
  if (g_file_test (index, G_FILE_TEST_EXISTS) && !copy_file (index, index_to, error))
    return FALSE;
  g_autofree char *vocabulary = g_build_filename (to, "tokenizer", "vocab.json", NULL);
  if (g_file_test (vocabulary, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree char *text_file = g_build_filename (from, "text_encoder", "config.json", NULL);
  g_autofree char *tokenizer = g_build_filename (to, "tokenizer", NULL);
  MoaTextConfig text;
  return moa_text_config_read (text_file, &text, error) && moa_folder_make (tokenizer, error)
         && moa_world_write_tokenizer (tokenizer, text.n_positions, error);
}

/* json: (transfer full) */
static gboolean
write_json (json_t *json, const char *path, GError **error)
{
  char *text = json_dumps (json, JSON_INDENT (2) | JSON_REAL_PRECISION (9));
  json_decref (json);
  gboolean ok = g_file_set_contents (path, text, -1, error);
  free (text);
  return ok;
}

/* The U-Net's configuration as a ControlNet's; the picture is embedded by as many channels as Stable
 * Diffusion's has, but for small networks. */
static gboolean
write_controlnet_config (const char *model, const char *folder, GError **error)
{
  static const int usual[] = { 16, 32, 96, 256 };
  g_autofree char *unet_file = g_build_filename (model, "unet", "config.json", NULL);
  g_autofree char *path = g_build_filename (folder, "config.json", NULL);
  MoaUnetConfig unet;
  json_t *json = moa_unet_config_read (unet_file, &unet, error) ? moa_json_read (unet_file, error) : NULL;
  if (!json)
    return FALSE;
  json_t *hint = json_array ();
  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    json_array_append_new (hint, json_integer (MIN (usual[i], unet.channels[0])));
  static const char *const way_up[] = { "up_block_types", "out_channels", "sample_size", "center_input_sample" };
  for (gsize i = 0; i < G_N_ELEMENTS (way_up); i++)
    json_object_del (json, way_up[i]);
  json_object_set_new (json, "_class_name", json_string ("ControlNetModel"));
  json_object_set_new (json, "conditioning_embedding_out_channels", hint);
  json_object_set_new (json, "controlnet_conditioning_channel_order", json_string ("rgb"));
  return write_json (json, path, error);
}

gboolean
moa_folder_add_controlnet (const char *from, const char *model, GError **error)
{
  g_autofree char *source = g_build_filename (from, "controlnet", NULL);
  g_autofree char *folder = g_build_filename (model, "controlnet", NULL);
  if (g_file_test (source, G_FILE_TEST_IS_DIR))
    return copy_files (source, folder, error);
  return moa_folder_make (folder, error) && write_controlnet_config (model, folder, error);
}

gboolean
moa_folder_set_vanilla_fuser (const char *model, GError **error)
{
  g_autofree char *path = g_build_filename (model, "moa", "config.json", NULL);
  json_t *json = moa_json_read (path, error);
  if (!json)
    return FALSE;
  json_object_set_new (json, "space_time", json_false ());
  return write_json (json, path, error);
}

int
moa_folder_take (const char *folder, GError **error)
{
  if (!moa_folder_make (folder, error))
    return -1;
  int fd = g_open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
    return fd;
  int code = errno;
  if (fd >= 0)
    close (fd);
  moa_fail (error, MOA_ERROR_FILE, "%s: %s", folder,
            code == EWOULDBLOCK ? "another process trains there" : g_strerror (code));
  return -1;
}

gboolean
moa_folder_start_parts (MoaParts *parts, const char *to, guint64 seed, GError **error)
{
  /* In this order: MoA's experts and a ControlNet are copies of the U-Net's. */
  for (int part = 0; part < MOA_PART_HEADS; part++)
    {
      gboolean copies = part == MOA_PART_MOA || part == MOA_PART_CONTROL;
      if (moa_params_weights (parts->params[part]) || moa_params_count (parts->params[part]) == 0)
        continue;
      if (!moa_parts_load (parts, 1u << part | (copies ? 1u << MOA_PART_UNET : 0), NULL, error))
        return FALSE;
      moa_parts_start (parts, part, seed);
      if (!moa_parts_write (parts, part, to, NULL, FALSE, error))
        return FALSE;
    }
  return TRUE;
}
