/* The judge's questions and networks: see judge.h. */
#include "train/judge.h"

#include "base/error.h"
#include "base/half.h"
#include "base/image.h"
#include "io/file.h"
#include "nets/layers.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#define GROUPS 8
#define HIDDEN 96

static const int widths[] = { 16, 32, 64, 96, 128 }; /* at 64, 32, 16, 8, 4 pixels */
static const char *const net_names[MOA_N_JUDGES] = { "person", "scene" };

/* ---- Questions -------------------------------------------------------- */

int
moa_judge_n_questions (MoaJudgeKind kind)
{
  return kind == MOA_JUDGE_PERSON ? (int) MOA_N_ATTRIBUTES : (int) MOA_JUDGE_SCENE_QUESTIONS;
}

static MoaJudgeQuestion
scene_question (int i)
{
  static const char *const poses[MOA_WORLD_PEOPLE] = { "left pose", "right pose" };
  switch (i)
    {
    case MOA_JUDGE_PLACE: return (MoaJudgeQuestion){ "place", 0, moa_world_n_places () };
    case MOA_JUDGE_FRONT: return (MoaJudgeQuestion){ "front", 0, MOA_N_FRONTS };
    case MOA_JUDGE_PEOPLE: return (MoaJudgeQuestion){ "people", 0, MOA_WORLD_PEOPLE };
    default: return (MoaJudgeQuestion){ poses[i - MOA_JUDGE_POSE], 0, MOA_N_POSES };
    }
}

static MoaJudgeQuestion
question (MoaJudgeKind kind, int i)
{
  gboolean person = kind == MOA_JUDGE_PERSON;
  if (i == moa_judge_n_questions (kind))
    return person ? (MoaJudgeQuestion){ "measures", 0, MOA_N_MEASURES }
                  : (MoaJudgeQuestion){ "heads", 0, 3 * MOA_WORLD_PEOPLE };
  return person ? (MoaJudgeQuestion){ moa_attribute_name (i), 0, moa_attribute_n_classes (i) }
                : scene_question (i);
}

MoaJudgeQuestion
moa_judge_question (MoaJudgeKind kind, int i)
{
  MoaJudgeQuestion q = question (kind, i);
  for (int k = 0; k < i; k++)
    q.first += question (kind, k).n;
  return q;
}

int
moa_judge_n_outputs (MoaJudgeKind kind)
{
  MoaJudgeQuestion numbers = moa_judge_question (kind, moa_judge_n_questions (kind));
  return numbers.first + numbers.n;
}

json_t *
moa_judge_description (void)
{
  json_t *nets = json_object ();
  for (int kind = 0; kind < MOA_N_JUDGES; kind++)
    {
      json_t *net = json_object ();
      for (int i = 0; i <= moa_judge_n_questions (kind); i++)
        {
          MoaJudgeQuestion q = question (kind, i);
          json_object_set_new (net, q.name, json_integer (q.n));
        }
      json_object_set_new (nets, net_names[kind], net);
    }
  return json_pack ("{s:i, s:i, s:o}", "version", 1, "side", MOA_JUDGE_SIDE, "answers", nets);
}

/* ---- Numbers ---------------------------------------------------------- */

void
moa_judge_from_head (const MoaPlacement *place, float out[3])
{
  out[0] = place->x / 64 - 1;
  out[1] = place->y / 64 - 1;
  out[2] = place->r / 32;
}

void
moa_judge_to_head (const float in[3], MoaPlacement *place)
{
  place->x = CLAMP (64 * (in[0] + 1), 0, 128);
  place->y = CLAMP (64 * (in[1] + 1), 0, 128);
  place->r = CLAMP (32 * in[2], 4, 64);
}

gboolean
moa_judge_view (const MoaImage *picture, float *out)
{
  MoaImage *small = moa_image_resize (picture, MOA_JUDGE_SIDE, MOA_JUDGE_SIDE);
  for (int i = 0; small && i < MOA_JUDGE_SIDE * MOA_JUDGE_SIDE * 3; i++)
    out[i] = 2 * CLAMP (small->data[i], 0, 1) - 1;
  gboolean ok = small != NULL;
  moa_image_free (small);
  return ok;
}

void
moa_judge_bytes (const guint8 *rgb, float *out)
{
  for (int i = 0; i < MOA_JUDGE_SIDE * MOA_JUDGE_SIDE * 3; i++)
    out[i] = rgb[i] / 127.5f - 1;
}

/* ---- The network ------------------------------------------------------ */

static MoaTensor *
convolution (const MoaNet *net, MoaTensor *x, int n, int stride, const char *name)
{
  g_autofree char *weight = g_strconcat (name, ".weight", NULL);
  g_autofree char *bias = g_strconcat (name, ".bias", NULL);
  MoaShape shape = MOA_SHAPE (n, moa_net_dim (x, -1), 3, 3);
  return moa_conv2d (net->graph, x,
                     moa_graph_param (net->graph, net->params, weight, shape, MOA_PANELS),
                     moa_graph_param (net->graph, net->params, bias, MOA_SHAPE (n), MOA_PLAIN),
                     NULL, stride, 1, 1);
}

MoaTensor *
moa_judge_net (MoaGraph *g, MoaParams *params, MoaJudgeKind kind, MoaTensor *x)
{
  const char *name = net_names[kind];
  MoaNet net = { g, params, GROUPS, 1e-5 };
  for (gsize i = 0; i < G_N_ELEMENTS (widths); i++)
    {
      g_autofree char *layer = g_strdup_printf ("%s.conv.%d", name, (int) i);
      x = convolution (&net, x, widths[i], i == 0 ? 1 : 2, layer);
      x = moa_net_group_norm (&net, x, TRUE, "%s.norm.%d", name, (int) i);
    }
  gint64 n = moa_net_dim (x, 1) * moa_net_dim (x, 2) * moa_net_dim (x, 3);
  x = moa_graph_reshape (g, x, MOA_SHAPE (moa_net_dim (x, 0), n));
  x = moa_activation (g, moa_net_linear (&net, x, HIDDEN, NULL, "%s.hidden", name), MOA_ACT_SILU);
  return moa_net_linear (&net, x, moa_judge_n_outputs (kind), NULL, "%s.answers", name);
}

/* ---- Its files -------------------------------------------------------- */

static gboolean
write_weights (MoaParams *params, gboolean half, const char *path, GError **error)
{
  g_autoptr (GPtrArray) blocks = g_ptr_array_new_with_free_func (g_free);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  for (guint i = 0; i < moa_params_count (params); i++)
    {
      const MoaParam *param = moa_params_nth (params, i);
      gsize n = moa_param_numbers (param);
      float *numbers = g_new (float, n);
      g_ptr_array_add (blocks, numbers);
      if (!moa_params_get_numbers (params, param, numbers, error))
        {
          moa_safetensors_writer_free (writer);
          return FALSE;
        }
      if (half)
        {
          guint16 *short_numbers = g_new (guint16, n);
          moa_half_from_floats (numbers, short_numbers, n);
          g_ptr_array_add (blocks, short_numbers);
        }
      moa_safetensors_writer_add (writer, param->name, half ? MOA_DTYPE_F16 : MOA_DTYPE_F32,
                                  param->rank, param->dim, blocks->pdata[blocks->len - 1]);
    }
  gboolean ok = moa_safetensors_writer_save (writer, path, error);
  moa_safetensors_writer_free (writer);
  return ok;
}

gboolean
moa_judge_write (MoaParams *params, gboolean half, const char *folder, GError **error)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autofree char *weights = g_build_filename (folder, "judge.safetensors", NULL);
  if (!moa_folder_make (folder, error))
    return FALSE;
  json_t *description = moa_judge_description ();
  char *text = json_dumps (description, JSON_INDENT (2));
  gboolean ok = g_file_set_contents (config, text, -1, error)
                && write_weights (params, half, weights, error);
  free (text);
  json_decref (description);
  return ok;
}
