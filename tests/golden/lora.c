/* Golden tests of LoRA: FORMAT.weight.NAME, merged weights; FORMAT.encoder_hidden_states and
 * FORMAT.eps, what the networks make with them. */
#include <string.h>

#include "golden.h"
#include "nets/clip.h"

static MoaParams *
open_part (const Golden *golden, const char *folder, const char *base, MoaNames part,
           MoaLoraFile *lora, double weight, GError **error)
{
  g_autofree char *name = g_strconcat (base, ".safetensors", NULL);
  g_autofree char *path = golden_path (golden, folder, name);
  MoaWeights *weights = moa_weights_open (path, folder, error);
  if (!weights)
    return NULL;
  moa_weights_add_lora (weights, lora, part, weight);
  MoaParams *params = moa_params_new (weights, moa_cpu_isa (golden->cpu));
  moa_weights_unref (weights);
  return params;
}

static gboolean
check_weights (Fixture *f, const char *format, MoaParams *unet, GError **error)
{
  g_autofree char *prefix = g_strconcat (format, ".weight.", NULL);
  g_auto (GStrv) outputs = fixture_outputs (f, prefix);
  for (char **output = outputs; *output; output++)
    {
      g_autofree char *name = g_strconcat (*output + strlen (prefix), ".weight", NULL);
      MoaWeights *weights = moa_params_weights (unet);
      MoaShape shape = fixture_shape (f, *output);
      gint64 rows = shape.dim[0], columns = moa_shape_count (&shape) / rows;
      const MoaFileTensor *tensor
          = moa_weights_find (weights, name, 2, (gint64[]){ rows, columns }, error);
      g_autofree float *numbers = g_new (float, rows * columns);
      if (!tensor || !moa_weights_read (weights, tensor, 0, rows * columns, numbers, error))
        return FALSE;
      fixture_check (f, *output, numbers, rows, 1, columns);
    }
  return TRUE;
}

static gboolean
check_text (const Golden *golden, Fixture *f, const char *format, MoaParams *params, float **states,
            GError **error)
{
  MoaTextConfig config;
  g_autofree char *path = golden_path (golden, "text_encoder", "config.json");
  if (!moa_text_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *ids = golden_input (graph, f, "input_ids");
  MoaTensor *last = moa_clip_text (graph, &config, params, ids);
  moa_graph_output (last);
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  golden_set (ids, f, "input_ids");
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  g_autofree char *name = g_strconcat (format, ".encoder_hidden_states", NULL);
  golden_check (f, name, last);
  *states = golden_get (last);
  return TRUE;
}

static gboolean
check_eps (const Golden *golden, Fixture *f, const char *format, MoaParams *params,
           const float *states, GError **error)
{
  MoaUnetConfig config;
  g_autofree char *path = golden_path (golden, "unet", "config.json");
  if (!moa_unet_config_read (path, &config, error))
    return FALSE;
  g_autofree char *text_name = g_strconcat (format, ".encoder_hidden_states", NULL);
  g_autofree char *eps_name = g_strconcat (format, ".eps", NULL);
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaUnetArgs args = { golden_input (graph, f, "sample"), golden_input (graph, f, "t"),
                       moa_graph_input (graph, "text", fixture_shape (f, text_name), MOA_HELD),
                       NULL };
  MoaTensor *eps = moa_unet (graph, &config, params, &args);
  moa_graph_output (eps);
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  golden_set (args.sample, f, "sample");
  golden_set (args.t, f, "t");
  moa_graph_set (args.text, states);
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  golden_check (f, eps_name, eps);
  return TRUE;
}

static gboolean
check_format (const Golden *golden, Fixture *f, const char *format, GError **error)
{
  g_autofree char *name = g_strconcat (format, ".safetensors", NULL);
  g_autofree char *path = g_build_filename (golden->fixtures, "lora", name, NULL);
  MoaLoraFile *lora = moa_lora_open (path, error);
  if (!lora)
    return FALSE;
  double weight = fixture_meta_number (f, "multiplier");
  g_autoptr (MoaParams) unet = open_part (golden, "unet", "diffusion_pytorch_model",
                                          MOA_NAMES_UNET, lora, weight, error);
  g_autoptr (MoaParams) text = unet ? open_part (golden, "text_encoder", "model", MOA_NAMES_TEXT,
                                                 lora, weight, error)
                                    : NULL;
  g_autofree float *states = NULL;
  gboolean ok = text && check_text (golden, f, format, text, &states, error) &&
                check_eps (golden, f, format, unet, states, error) &&
                check_weights (f, format, unet, error);
  if (ok)
    fixture_result (f, format, moa_lora_used (lora) == moa_lora_count (lora), "%d of %d layers used",
                    moa_lora_used (lora), moa_lora_count (lora));
  moa_lora_unref (lora);
  return ok;
}

gboolean
golden_lora (const Golden *golden, Fixture *f, GError **error)
{
  return check_format (golden, f, "kohya", error) && check_format (golden, f, "peft", error) &&
         check_format (golden, f, "diffusers_old", error);
}
