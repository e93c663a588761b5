/* The options that say what files a model is made of; all commands that use a model have them. */
#include "cli/cli.h"

#include "base/error.h"

#include <string.h>

GOptionGroup *
moa_cli_files_group (MoaCliFiles *files)
{
  const GOptionEntry entries[] = {
    { "config", 0, 0, G_OPTION_ARG_FILENAME, &files->config,
      "Configurations for a checkpoint in one file; otherwise Stable Diffusion 1.5's", "FOLDER" },
    { "vae", 0, 0, G_OPTION_ARG_FILENAME, &files->vae, "Another autoencoder", "FILE|FOLDER" },
    { "text-encoder", 0, 0, G_OPTION_ARG_FILENAME, &files->text_encoder,
      "Another text encoder", "FILE|FOLDER" },
    { "image-encoder", 0, 0, G_OPTION_ARG_FILENAME, &files->image_encoder,
      "The CLIP image encoder that subjects are seen with", "FILE|FOLDER" },
    { "expert", 0, 0, G_OPTION_ARG_FILENAME, &files->expert,
      "What puts subjects into pictures: a folder of MoA weights, an IP-Adapter or FastComposer",
      "FOLDER|FILE" },
    { "controlnet", 0, 0, G_OPTION_ARG_FILENAME, &files->controlnet,
      "A ControlNet, see --control", "FILE|FOLDER" },
    { "lora", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files->loras,
      "A LoRA, with a weight other than 1 as FILE:0.8; may be given several times",
      "FILE[:WEIGHT]" },
    { "lora-on-experts", 0, 0, G_OPTION_ARG_NONE, &files->loras_on_experts,
      "Add the LoRAs to the personalised experts too, not only to the prior", NULL },
    { "embedding", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &files->embeddings,
      "A textual inversion; prompts use it by its file's name; may be given several times",
      "FILE" },
    { "v-prediction", 0, 0, G_OPTION_ARG_NONE, &files->v_prediction,
      "The checkpoint was trained to predict v", NULL },
    { "weights", 0, 0, G_OPTION_ARG_FILENAME, &files->weights,
      "In memory: auto (16 bits where the file has 16), f32, f16, bf16, or q8 (bytes)", "KIND" },
    { "clip-skip", 0, 0, G_OPTION_ARG_INT, &files->clip_skip,
      "Leave out the text encoder's last N layers, 0", "N" },
    { NULL }
  };
  GOptionGroup *group = g_option_group_new ("files", "Files that the model is made of:",
                                            "Show the options for a model's files", NULL, NULL);
  g_option_group_add_entries (group, entries);
  return group;
}

/* "FILE:0.8", where what follows the last colon is a number, else "FILE". */
static MoaLora
parse_lora (char *text, gboolean on_experts)
{
  MoaLora lora = { text, 1, on_experts };
  char *colon = strrchr (text, ':'), *end = NULL;
  double weight = colon ? g_ascii_strtod (colon + 1, &end) : 0;
  if (colon && end > colon + 1 && !*end)
    {
      *colon = 0;
      lora.weight = weight;
    }
  return lora;
}

MoaModel *
moa_cli_files_open (const MoaCliFiles *files, const char *path, GError **error)
{
  int n = files->loras ? g_strv_length (files->loras) : 0;
  g_autofree MoaLora *loras = g_new0 (MoaLora, n + 1);
  for (int i = 0; i < n; i++)
    loras[i] = parse_lora (files->loras[i], files->loras_on_experts);
  MoaModelFiles all = {
    .model = path,
    .config = files->config,
    .vae = files->vae,
    .text_encoder = files->text_encoder,
    .image_encoder = files->image_encoder,
    .expert = files->expert,
    .controlnet = files->controlnet,
    .loras = loras,
    .n_loras = n,
    .embeddings = (const char *const *) files->embeddings,
    .weights = files->weights,
    .v_prediction = files->v_prediction,
    .clip_skip = files->clip_skip,
  };
  return moa_model_open_files (&all, error);
}

void
moa_cli_files_clear (MoaCliFiles *files)
{
  char *const strings[] = { files->config, files->vae, files->text_encoder, files->image_encoder,
                            files->expert, files->controlnet, files->weights };
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_strfreev (files->loras);
  g_strfreev (files->embeddings);
  *files = (MoaCliFiles){ NULL };
}

/* ---- A ControlNet's picture ---- */

gboolean
moa_cli_control_load (MoaCliControl *control, int width, int height, const MoaRect *area,
                      MoaControl *to, GError **error)
{
  to->scale = control->scale;
  to->start = control->start;
  to->end = control->end;
  if (!control->path)
    return TRUE;
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_load (control->path, error);
  if (!pixbuf)
    return FALSE;
  int w = gdk_pixbuf_get_width (pixbuf), h = gdk_pixbuf_get_height (pixbuf);
  if (area && (w != width || h != height))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: is %d x %d pixels, the picture %d x %d; they must be alike",
                     control->path, w, h, width, height);
  to->image = control->image = moa_cli_image (pixbuf, area);
  return control->image || moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture",
                                     control->path);
}
