/* What an IP-Adapter's shapes tell of it; see ip_adapter.h. */
#include "io/ip_adapter.h"

#include "base/error.h"
#include "io/kind.h"

#include <string.h>

enum { HEAD_WIDTH = 64, MOST_LAYERS = 64, LARGEST = 65536 };

const char *
moa_ip_adapter_name (MoaIpKind kind)
{
  static const char *const names[] = { "IP-Adapter", "IP-Adapter Full Face", "IP-Adapter Plus",
                                       "IP-Adapter FaceID", "IP-Adapter FaceID Plus" };
  return names[kind];
}

gboolean
moa_ip_adapter_takes_states (MoaIpKind kind)
{
  return kind == MOA_IP_FULL || kind == MOA_IP_PLUS || kind == MOA_IP_FACE_ID_PLUS;
}

/* The size of a tensor's axis, from 1 to LARGEST; 0: there is none. */
static int
axis (const MoaSafetensors *file, const char *name, int i)
{
  g_autofree char *full = g_strconcat ("image_proj.", name, NULL);
  const MoaFileTensor *t = moa_safetensors_find (file, full);
  return t && i < t->rank && t->dim[i] >= 1 && t->dim[i] <= LARGEST ? (int) t->dim[i] : 0;
}

static int
count_layers (const MoaSafetensors *file, const char *resampler)
{
  int n = 0;
  for (; n < MOST_LAYERS; n++)
    {
      g_autofree char *name = g_strdup_printf ("%slayers.%d.0.to_q.weight", resampler, n);
      if (axis (file, name, 0) == 0)
        break;
    }
  return n;
}

/* All zero where the file is of no known kind. */
static MoaIpAdapterConfig
recognise (const MoaSafetensors *file, int text_dim)
{
  if (axis (file, "proj.weight", 0))
    return (MoaIpAdapterConfig){ MOA_IP_PLAIN, axis (file, "proj.weight", 1), 1,
                                 axis (file, "proj.weight", 0) / text_dim };
  if (axis (file, "proj.3.weight", 0))
    return (MoaIpAdapterConfig){ .kind = MOA_IP_FULL, .in_dim = axis (file, "proj.0.weight", 1),
                                 .hidden = axis (file, "proj.0.weight", 0) };
  if (axis (file, "latents", 0))
    return (MoaIpAdapterConfig){ .kind = MOA_IP_PLUS, .in_dim = axis (file, "proj_in.weight", 1),
                                 .n_tokens = axis (file, "latents", 1),
                                 .hidden = axis (file, "latents", 2),
                                 .depth = count_layers (file, ""),
                                 .heads = axis (file, "layers.0.0.to_q.weight", 0) / HEAD_WIDTH };
  if (axis (file, "perceiver_resampler.proj_in.weight", 0))
    return (MoaIpAdapterConfig){ .kind = MOA_IP_FACE_ID_PLUS,
                                 .in_dim = axis (file, "perceiver_resampler.proj_in.weight", 1),
                                 .n_tokens = axis (file, "proj.2.weight", 0) / text_dim,
                                 .hidden = axis (file, "proj.0.weight", 0),
                                 .depth = count_layers (file, "perceiver_resampler."),
                                 .heads = axis (file, "perceiver_resampler.layers.0.0.to_q.weight", 0)
                                          / HEAD_WIDTH,
                                 .face_dim = axis (file, "proj.0.weight", 1) };
  return (MoaIpAdapterConfig){ MOA_IP_FACE_ID, axis (file, "proj.0.weight", 1), 1,
                               axis (file, "proj.2.weight", 0) / text_dim,
                               axis (file, "proj.0.weight", 0) };
}

static gboolean
makes_sense (const MoaIpAdapterConfig *c)
{
  gboolean tokens = c->kind == MOA_IP_FULL || c->n_tokens > 0;
  gboolean width = c->kind == MOA_IP_PLAIN || c->hidden > 0;
  gboolean resampler = c->kind == MOA_IP_PLUS || c->kind == MOA_IP_FACE_ID_PLUS;
  gboolean face = c->kind != MOA_IP_FACE_ID_PLUS || c->face_dim > 0;
  return c->in_dim > 0 && tokens && width && face && (!resampler || (c->depth && c->heads));
}

gboolean
moa_ip_adapter_read (const char *path, int text_dim, MoaIpAdapterConfig *config, GError **error)
{
  MoaSafetensors *file = NULL;
  if (!moa_file_kind_check (path, MOA_KIND_IP_ADAPTER, error)
      || !(file = moa_safetensors_open (path, error)))
    return FALSE;
  *config = recognise (file, text_dim);
  moa_safetensors_close (file);
  g_autofree char *name = g_path_get_basename (path), *lower = g_ascii_strdown (name, -1);
  config->shortcut = config->kind == MOA_IP_FACE_ID_PLUS && strstr (lower, MOA_IP_VERSION_2);
  return makes_sense (config)
         || moa_fail (error, MOA_ERROR_MODEL, "%s: its image projection is none of a known "
                      "IP-Adapter; IP-Adapter, Plus, Full Face, FaceID and FaceID Plus are known", path);
}
