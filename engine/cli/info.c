/* moa info: what a model folder or a weights file holds. */
#include "cli/cli.h"

#include "base/error.h"
#include "device/cpu.h"
#include "io/kind.h"
#include "io/safetensors.h"
#include "jobs/fingerprint.h"

typedef struct {
  MoaCli cli;
  gboolean tensors, devices, settings;
} Info;

static const char after_info[] =
    "A model is complete when every tensor that the networks need is there with the right shape;\n"
    "otherwise this says what is missing and exits with 1. What only jobs with persons need is\n"
    "listed as missing, with the files to get. Of another file this says what it is.";

static json_t *
size_json (guint64 n)
{
  return json_integer ((json_int_t) n);
}

/* ---- Models ---- */

/* Memory that a replacement at the model's own size takes, weights and all. */
static gboolean
replacement_bytes (MoaModel *model, guint64 *bytes, GError **error)
{
  int side = moa_model_get_info (model)->side;
  MoaImage *picture = moa_image_new (side, side, 3);
  if (!picture)
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory for a picture of %d x %d", side, side);
  *bytes = 0;
  if (!moa_model_need_expert (model, NULL))
    {
      moa_image_free (picture);
      return TRUE;
    }
  const MoaImage *photos[] = { picture };
  int dim = moa_model_face_dim (model);
  g_autofree float *feature = g_new0 (float, dim + 1);
  const MoaSavedSubject face = { .encoder = MOA_FACE_EMBEDDING, .n_photos = 1, .dim = dim,
                                 .features = feature };
  MoaSubject subject = { photos, moa_model_sees_photos (model), dim > 0 ? &face : NULL };
  MoaReplaceParams params;
  moa_replace_params_init (&params);
  params.source = picture;
  params.subjects = &subject;
  params.n_subjects = 1;
  MoaEstimate estimate = { 0 };
  gboolean ok = moa_replace_estimate (model, &params, NULL, FALSE, &estimate, error);
  *bytes = estimate.bytes_needed;
  moa_image_free (picture);
  return ok;
}

static json_t *
model_json (const MoaModelInfo *info, guint64 bytes)
{
  json_t *parts = json_object ();
  for (int i = 0; i < info->n_parts; i++)
    json_object_set_new (parts, info->parts[i].name,
                         json_pack ("{s:o, s:o}", "parameters",
                                    size_json (info->parts[i].n_parameters), "file_bytes",
                                    size_json (info->parts[i].file_bytes)));
  return json_pack ("{s:o, s:b, s:s?, s:o, s:i, s:i, s:o, s:o, s:o, s:o, "
                    "s:{s:i, s:f, s:f, s:f, s:i, s:i, s:i}, s:o}",
                    "path", moa_cli_json_string (info->path), "complete", !info->missing[0], "expert",
                    info->expert, "missing", moa_cli_strings_json (info->missing), "side", info->side, "feature_dim",
                    info->feature_dim, "layers", moa_cli_strings_json (info->layers), "parts",
                    parts, "weight_bytes", size_json (info->weight_bytes), "replace_bytes",
                    size_json (bytes), "defaults", "steps", info->steps, "guidance", info->guidance,
                    "guidance_rescale", info->guidance_rescale, "freedom", info->freedom, "fixed_point",
                    info->fixed_point, "max_timestep", info->max_timestep, "guidance_max_timestep",
                    info->guidance_max_timestep, "warnings", moa_cli_strings_json (info->warnings));
}

static void
print_model (const MoaModelInfo *info, guint64 bytes)
{
  g_autofree char *weights = g_format_size_full (info->weight_bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *all = g_format_size_full (bytes, G_FORMAT_SIZE_IEC_UNITS);
  g_print ("%s: %s\n", info->path, info->missing[0] ? "a model for pictures without persons"
                                                       : "a complete model");
  g_print ("  pictures      %d x %d pixels\n", info->side, info->side);
  if (info->expert)
    g_print ("  persons       %s, in %d blocks\n", info->expert, info->n_layers);
  for (int i = 0; i < info->n_parts; i++)
    {
      g_autofree char *size = g_format_size_full (info->parts[i].file_bytes,
                                                  G_FORMAT_SIZE_IEC_UNITS);
      g_print ("  %-13s %.2f million parameters, file of %s\n", info->parts[i].name,
               info->parts[i].n_parameters / 1e6, size);
    }
  g_print ("  memory        %s of weights", weights);
  if (bytes > 0)
    g_print ("; %s to replace a person", all);
  g_print ("\n");
  g_print ("  defaults      %d steps, guidance %g at timesteps up to %d, rescaled by %g, freedom %g, "
           "fixed point %d, max timestep %d\n", info->steps, info->guidance, info->guidance_max_timestep,
           info->guidance_rescale, info->freedom, info->fixed_point, info->max_timestep);
  for (const char *const *missing = info->missing; *missing; missing++)
    g_print ("  missing       %s\n", *missing);
  for (const char *const *warning = info->warnings; *warning; warning++)
    g_print ("  warning       %s\n", *warning);
}

static gboolean
show_model (Info *info, const char *path, GError **error)
{
  guint64 bytes = 0;
  info->cli.model = moa_cli_files_open (&info->cli.files, path, error);
  if (!info->cli.model || !replacement_bytes (info->cli.model, &bytes, error))
    return FALSE;
  const MoaModelInfo *model = moa_model_get_info (info->cli.model);
  if (info->cli.json)
    moa_cli_print_json (model_json (model, bytes));
  else
    print_model (model, bytes);
  return TRUE;
}

/* ---- Other files ---- */

static json_t *
tensor_json (const MoaFileTensor *tensor)
{
  json_t *shape = json_array ();
  for (int i = 0; i < tensor->rank; i++)
    json_array_append_new (shape, json_integer (tensor->dim[i]));
  return json_pack ("{s:s, s:s, s:o}", "name", tensor->name, "dtype",
                    moa_dtype_name (tensor->dtype), "shape", shape);
}

static void
print_tensor (const MoaFileTensor *tensor)
{
  g_autoptr (GString) shape = g_string_new (NULL);
  for (int i = 0; i < tensor->rank; i++)
    g_string_append_printf (shape, "%s%" G_GINT64_FORMAT, i ? "x" : "", tensor->dim[i]);
  g_print ("  %-5s %-18s %s\n", moa_dtype_name (tensor->dtype), shape->str, tensor->name);
}

static gboolean
show_file (Info *info, const char *path, GError **error)
{
  MoaSafetensors *file = moa_safetensors_open (path, error);
  if (!file)
    return FALSE;
  const char *what;
  moa_file_kind (file, &what);
  int n = moa_safetensors_count (file);
  guint64 parameters = 0, bytes = 0;
  json_t *list = json_array (), *dtypes = json_object ();
  for (int i = 0; i < n; i++)
    {
      const MoaFileTensor *tensor = moa_safetensors_tensor (file, i);
      const char *dtype = moa_dtype_name (tensor->dtype);
      parameters += tensor->n;
      bytes += tensor->bytes;
      json_t *seen = json_object_get (dtypes, dtype);
      json_object_set_new (dtypes, dtype, json_integer (json_integer_value (seen) + 1));
      if (info->tensors)
        json_array_append_new (list, tensor_json (tensor));
    }
  json_t *object = json_pack ("{s:o, s:s, s:i, s:o, s:o, s:o, s:o}", "path",
                              moa_cli_json_string (path), "kind", what, "tensors", n,
                              "parameters", size_json (parameters), "bytes", size_json (bytes),
                              "dtypes", dtypes, "list", list);
  if (info->cli.json)
    moa_cli_print_json (object);
  else
    {
      const char *dtype;
      json_t *count;
      g_print ("%s: %s; %d tensors, %.2f million numbers in %" G_GUINT64_FORMAT " bytes\n", path,
               what, n, parameters / 1e6, bytes);
      json_object_foreach (dtypes, dtype, count)
        g_print ("  %-5s %d tensors\n", dtype, (int) json_integer_value (count));
      for (int i = 0; info->tensors && i < n; i++)
        print_tensor (moa_safetensors_tensor (file, i));
      json_decref (object);
    }
  moa_safetensors_close (file);
  return TRUE;
}

/* ---- Devices ---- */

static json_t *
device_json (const MoaDeviceInfo *info)
{
  g_autofree char *capability = g_strdup_printf ("%d.%d", info->major, info->minor);
  return json_pack ("{s:s, s:s, s:s, s:o, s:o, s:i, s:i, s:s}", "name", info->name, "title",
                    info->title, "capability", capability, "total_memory",
                    size_json (info->total_memory), "free_memory", size_json (info->free_memory),
                    "driver", info->driver, "runtime", info->runtime, "problem", info->problem);
}

static void
print_device (const MoaDeviceInfo *info)
{
  g_autofree char *total = g_format_size_full (info->total_memory, G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *free_bytes = g_format_size_full (info->free_memory, G_FORMAT_SIZE_IEC_UNITS);
  g_print ("%-8s %s, capability %d.%d, %s of %s free, driver for CUDA %d.%d, built with %d.%d\n",
           info->name, info->title, info->major, info->minor, free_bytes, total,
           info->driver / 1000, info->driver % 1000 / 10, info->runtime / 1000,
           info->runtime % 1000 / 10);
  if (info->problem[0])
    g_print ("         cannot be used: %s\n", info->problem);
}

static void
show_devices (Info *info)
{
  g_autofree char *why = NULL;
  g_autoptr (GArray) list = moa_device_list (&why);
  json_t *devices = json_array ();
  for (guint i = 0; i < list->len; i++)
    {
      const MoaDeviceInfo *device = &g_array_index (list, MoaDeviceInfo, i);
      json_array_append_new (devices, device_json (device));
      if (!info->cli.json)
        print_device (device);
    }
  MoaIsa isa = moa_isa_best ();
  if (info->cli.json)
    moa_cli_print_json (json_pack ("{s:s, s:o, s:s?}", "cpu", moa_isa_name (isa), "gpus", devices,
                                   "no_gpu", why));
  else
    {
      if (why)
        g_print ("no GPU   %s\n", why);
      g_print ("cpu      instruction set %s\n", moa_isa_name (isa));
      json_decref (devices);
    }
}

/* A file that is no checkpoint; or an error. */
static gboolean
is_other_file (const char *path, GError **error)
{
  MoaFileKind kind;
  return g_file_test (path, G_FILE_TEST_EXISTS) && !g_file_test (path, G_FILE_TEST_IS_DIR)
         && moa_file_kind_of (path, &kind, NULL, error) && kind != MOA_KIND_CHECKPOINT;
}

int
moa_cli_info (int argc, char **argv)
{
  Info info = { { NULL } };
  const GOptionEntry entries[] = { { "tensors", 0, 0, G_OPTION_ARG_NONE, &info.tensors,
                                     "List the tensors of a weights file", NULL },
                                   { "devices", 0, 0, G_OPTION_ARG_NONE, &info.devices,
                                     "List the GPUs instead, and why one cannot be used", NULL },
                                   { "settings", 0, 0, G_OPTION_ARG_NONE, &info.settings,
                                     "List the settings of replace and generate instead", NULL },
                                   { NULL } };
  GError *error = NULL;
  gboolean usable = moa_cli_parse (
      &info.cli, &argc, &argv, "[FOLDER|FILE]",
      "Tells what a model folder, or a safetensors file, holds. Without an argument:\n"
      "the model that the other commands use.",
      entries, after_info);
  if (usable && (info.devices || info.settings) && argc > 1)
    usable = !moa_cli_usage ("info", "--%s goes without a folder or file",
                             info.devices ? "devices" : "settings");
  if (usable && argc > 2)
    usable = !moa_cli_usage ("info", "give one folder or file");
  if (usable && info.devices)
    show_devices (&info);
  else if (usable && info.settings)
    moa_cli_print_settings ();
  else if (usable)
    {
      g_autofree char *path = argc == 2             ? g_strdup (argv[1])
                              : info.cli.model_path ? g_strdup (info.cli.model_path)
                                                    : moa_cli_default_model ();
      gboolean other = is_other_file (path, &error);
      if (!error)
        (other ? show_file : show_model) (&info, path, &error);
    }
  int code = moa_cli_finish (&info.cli, "info", error);
  return usable ? code : CLI_USAGE;
}
