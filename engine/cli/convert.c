/* moa convert: a model folder in diffusers' layout of a checkpoint in one file.  The folder's
 * tensors are the file's, byte for byte, under diffusers' names. */
#include "cli/cli.h"

#include "base/error.h"
#include "io/file.h"
#include "jobs/model.h"

static const char after_convert[] =
    "FILE can be opened as it is, too: moa replace --model FILE. Parts given by --vae,\n"
    "--text-encoder, --image-encoder and --expert are taken into the folder. LoRAs are not\n"
    "merged: give them when the folder is used.";

static gboolean
copy_file (const char *from, const char *folder, const char *name, GError **error)
{
  g_autofree char *to = g_build_filename (folder, name, NULL);
  g_autoptr (GFile) a = g_file_new_for_path (from);
  g_autoptr (GFile) b = g_file_new_for_path (to);
  return g_file_copy (a, b, G_FILE_COPY_OVERWRITE | G_FILE_COPY_TARGET_DEFAULT_PERMS, NULL, NULL,
                      NULL, error);
}

/* Every file of a folder: the tokenizer's. */
static gboolean
copy_folder (const char *from, const char *to, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (from, 0, error);
  if (!dir || !moa_folder_make (to, error))
    return FALSE;
  const char *name;
  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (from, name, NULL);
      if (g_file_test (path, G_FILE_TEST_IS_REGULAR) && !copy_file (path, to, name, error))
        return FALSE;
    }
  return TRUE;
}

/* An expert that is told by its tensors: an IP-Adapter's file as it is, of FastComposer's what is used
 * of it. */
static gboolean
write_expert (const MoaModel *model, const char *folder, GError **error)
{
  const char *part = moa_experts[model->sources.expert].part;
  g_autofree char *sub = g_build_filename (folder, part, NULL);
  const char *version = model->adapter.shortcut ? "." MOA_IP_VERSION_2 : "";
  g_autofree char *name = g_strconcat (part, version, ".safetensors", NULL);
  g_autofree char *path = g_build_filename (sub, name, NULL);
  if (!moa_folder_make (sub, error))
    return FALSE;
  return model->sources.expert == MOA_EXPERT_IP_ADAPTER
             ? copy_file (model->sources.part[MOA_PART_MOA].weights, sub, name, error)
             : moa_weights_save (moa_params_weights (model->moa_params), path, error);
}

static gboolean
write_part (const MoaModel *model, MoaPart part, MoaParams *params, const char *folder,
            GError **error)
{
  if (!params)
    return TRUE;
  if (part == MOA_PART_MOA && model->sources.expert != MOA_EXPERT_MOA)
    return write_expert (model, folder, error);
  g_autofree char *name = g_strconcat (moa_parts[part].base, ".safetensors", NULL);
  g_autofree char *sub = g_build_filename (folder, moa_parts[part].name, NULL);
  g_autofree char *path = g_build_filename (sub, name, NULL);
  return moa_folder_make (sub, error) &&
         copy_file (model->sources.part[part].config, sub, "config.json", error) &&
         moa_weights_save (moa_params_weights (params), path, error);
}

/* v-prediction is an option for a file, and part of the folder. */
static gboolean
write_scheduler (const MoaModel *model, const char *folder, GError **error)
{
  g_autofree char *sub = g_build_filename (folder, "scheduler", NULL);
  json_t *config = moa_folder_make (sub, error) ? moa_json_read (model->sources.scheduler, error)
                                            : NULL;
  if (!config)
    return FALSE;
  if (model->scheduler.prediction == MOA_PREDICT_V)
    json_object_set_new (config, "prediction_type", json_string ("v_prediction"));
  char *text = json_dumps (config, JSON_INDENT (2));
  g_autofree char *path = g_build_filename (sub, "scheduler_config.json", NULL);
  gboolean ok = g_file_set_contents (path, text, -1, error);
  free (text);
  json_decref (config);
  return ok;
}

static gboolean
write_model (MoaModel *model, const char *folder, GError **error)
{
  const MoaSources *s = &model->sources;
  g_autofree char *tokenizer = g_build_filename (folder, "tokenizer", NULL);
  g_autofree char *pixels = g_build_filename (folder, "feature_extractor", NULL);
  if (g_file_test (folder, G_FILE_TEST_EXISTS))
    return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: is there already; name a new folder", folder);
  if (!moa_folder_make (folder, error))
    return FALSE;
  for (int part = 0; part < MOA_N_PARTS; part++)
    if (!write_part (model, part, *moa_model_params (model, part), folder, error))
      return FALSE;
  return write_scheduler (model, folder, error) && copy_folder (s->tokenizer, tokenizer, error) &&
         (!s->preprocessor || (moa_folder_make (pixels, error) &&
                               copy_file (s->preprocessor, pixels, "preprocessor_config.json",
                                          error)));
}

int
moa_cli_convert (int argc, char **argv)
{
  MoaCli cli = { NULL };
  GError *error = NULL;
  const GOptionEntry none[] = { { NULL } };
  gboolean usable = moa_cli_parse (
      &cli, &argc, &argv, "FILE FOLDER",
      "Makes FOLDER, a model in diffusers' layout, of a Stable Diffusion 1.x checkpoint in one FILE.",
      none, after_convert);
  if (usable && argc != 3)
    usable = !moa_cli_usage ("convert", "give a checkpoint and the folder to make");
  if (usable)
    {
      cli.model = moa_cli_files_open (&cli.files, argv[1], &error);
      if (cli.model && write_model (cli.model, argv[2], &error))
        g_print ("%s\n", argv[2]);
    }
  int code = moa_cli_finish (&cli, "convert", error);
  return usable ? code : CLI_USAGE;
}
