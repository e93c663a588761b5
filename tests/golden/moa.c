/* Golden tests of the U-Net with MoA, and of the prompt fuser alone. */
#include <string.h>

#include "golden.h"

/* A U-Net with its inputs; the mixture's are NULL without MoA. */
typedef struct {
  MoaGraph *graph;
  MoaUnetArgs args;
  MoaMixture mixture;
  MoaTensor *eps;
} Case;

static const char *const mixture_inputs[] = { "feats", "index", "present" };

static void
build_inputs (Case *c, const Fixture *f, gboolean limit)
{
  MoaTensor **inputs[] = { &c->mixture.feats, &c->mixture.index, &c->mixture.present };
  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    *inputs[i] = moa_graph_input (c->graph, mixture_inputs[i], fixture_shape (f, mixture_inputs[i]),
                                  MOA_HELD);
  if (limit)
    c->mixture.limit = moa_graph_input (c->graph, "limit", fixture_shape (f, "limit"), MOA_HELD);
}

/* fused_text.LAYER: the text with the subjects' rows replaced; fuser.LAYER: those rows of it. */
static void
add_fused_text (Case *c, int n_layers)
{
  for (int i = 0; i < n_layers; i++)
    {
      g_autofree char *name = g_strdup_printf ("fused.%d", i);
      MoaTensor *text = moa_put_rows (c->graph, c->args.text, moa_graph_find (c->graph, name),
                                      c->mixture.index, c->mixture.present);
      moa_graph_name (text, "fused_text.%d", i);
      moa_graph_name (moa_gather_rows (c->graph, text, c->mixture.index), "fuser.%d", i);
    }
}

/* attn_all.LAYER: the attention map; attn.LAYER: its columns at the subjects' tokens. */
static void
check_attention (Fixture *f, const char *name, const MoaTensor *map)
{
  g_autofree float *all = golden_get (map), *index = fixture_read (f, "index");
  MoaShape shape = fixture_shape (f, "index");
  gint64 b = map->shape.dim[0], l = map->shape.dim[1], t = map->shape.dim[2], s = shape.dim[1];
  if (g_str_has_prefix (name, "attn_all."))
    {
      fixture_check (f, name, all, b, l, t);
      return;
    }
  g_autofree float *columns = g_new (float, b * l * s);
  for (gint64 i = 0; i < b * l * s; i++)
    columns[i] = all[i / s * t + (gint64) index[i / (l * s) * s + i % s]];
  fixture_check (f, name, columns, b, l, s);
}

/* router.KIND.LAYER.attnN is the prior's weight, the engine's the expert's. */
static void
check_router (Fixture *f, const char *name, const MoaTensor *weight)
{
  g_autofree float *w = golden_get (weight);
  gint64 n = moa_shape_count (&weight->shape), b = weight->shape.dim[0];
  for (gint64 i = 0; i < n; i++)
    w[i] = 1 - w[i];
  fixture_check (f, name, w, b, 1, n / b);
}

/* The engine's tensor for an output of this kind of run, or NULL. */
static MoaTensor *
find_output (const Case *c, const char *kind, const char *output)
{
  if (g_str_has_prefix (output, "router."))
    {
      const char *rest = output + strlen ("router.");
      if (!g_str_has_prefix (rest, kind) || rest[strlen (kind)] != '.')
        return NULL;
      g_autofree char *name = g_strconcat ("router", rest + strlen (kind), NULL);
      return moa_graph_find (c->graph, name);
    }
  if (strcmp (kind, "full") != 0)
    return NULL;
  if (g_str_has_prefix (output, "attn"))
    {
      g_autofree char *name = g_strconcat ("attn", strchr (output, '.'), NULL);
      return moa_graph_find (c->graph, name);
    }
  return moa_graph_find (c->graph, output);
}

static void
check_output (Fixture *f, const char *output, const MoaTensor *t)
{
  if (g_str_has_prefix (output, "router."))
    check_router (f, output, t);
  else if (g_str_has_prefix (output, "attn"))
    check_attention (f, output, t);
  else
    golden_check (f, output, t);
}

static void
set_inputs (Case *c, const Fixture *f, gboolean mixture)
{
  golden_set (c->args.sample, f, "sample");
  golden_set (c->args.t, f, "t");
  golden_set (c->args.text, f, "text");
  if (!mixture)
    return;
  golden_set (c->mixture.feats, f, "feats");
  golden_set (c->mixture.index, f, "index");
  golden_set (c->mixture.present, f, "present");
  if (c->mixture.limit)
    golden_set (c->mixture.limit, f, "limit");
}

/* kind: full, limit or prior; region: the limit is known when the graph is built. */
static gboolean
run_kind (const Golden *golden, Fixture *f, const char *kind, gboolean region,
          const MoaUnetConfig *config, const MoaMoaConfig *moa, MoaParams *unet, MoaParams *experts,
          GError **error)
{
  gboolean mixture = strcmp (kind, "prior") != 0;
  g_autofree float *values = region ? fixture_read (f, "limit") : NULL;
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  Case c = { .graph = graph, .mixture = { .config = moa, .params = experts } };
  c.args = (MoaUnetArgs){ golden_input (graph, f, "sample"), golden_input (graph, f, "t"),
                          moa_graph_input (graph, "text", fixture_shape (f, "text"), MOA_HELD),
                          mixture ? &c.mixture : NULL };
  if (mixture)
    build_inputs (&c, f, strcmp (kind, "limit") == 0 && !region);
  c.mixture.region = values;
  c.mixture.attention_maps = strcmp (kind, "full") == 0;
  c.eps = moa_unet (graph, config, unet, &c.args);
  if (mixture)
    add_fused_text (&c, moa->n_layers);
  moa_graph_output (c.eps);

  g_auto (GStrv) outputs = fixture_outputs (f, "");
  for (int i = 0; outputs[i]; i++)
    moa_graph_output (find_output (&c, kind, outputs[i]));
  if (!golden_prepare (golden, graph, unet, mixture ? experts : NULL, error))
    return FALSE;
  set_inputs (&c, f, mixture);
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  g_autofree char *eps = g_strdup_printf ("eps.%s", kind);
  golden_check (f, eps, c.eps);
  for (int i = 0; outputs[i]; i++)
    {
      MoaTensor *t = find_output (&c, kind, outputs[i]);
      if (t)
        check_output (f, outputs[i], t);
    }
  return TRUE;
}

static gboolean
read_moa_config (const Golden *golden, const Fixture *f, MoaMoaConfig *config, GError **error)
{
  g_autofree char *path = golden_path (golden, fixture_meta_string (f, "moa"), "config.json");
  return moa_moa_config_read (path, config, error);
}

gboolean
golden_moa (const Golden *golden, Fixture *f, GError **error)
{
  MoaUnetConfig config;
  g_auto (MoaMoaConfig) moa = { 0 };
  g_autofree char *path = golden_path (golden, "unet", "config.json");
  if (!moa_unet_config_read (path, &config, error) || !read_moa_config (golden, f, &moa, error))
    return FALSE;
  g_autoptr (MoaParams) unet = golden_params (golden, "unet", error);
  if (!unet)
    return FALSE;
  g_autoptr (MoaParams) experts = golden_params (golden, fixture_meta_string (f, "moa"), error);
  if (!experts)
    return FALSE;
  g_auto (GStrv) kinds = fixture_outputs (f, "eps.");
  for (int i = 0; kinds[i]; i++)
    {
      const char *kind = kinds[i] + strlen ("eps.");
      gboolean one = strcmp (kind, "limit") == 0 && fixture_shape (f, "sample").dim[0] == 1;
      if (!run_kind (golden, f, kind, FALSE, &config, &moa, unet, experts, error) ||
          (one && !run_kind (golden, f, kind, TRUE, &config, &moa, unet, experts, error)))
        return FALSE;
    }
  return TRUE;
}

/* fused [timesteps, layers, subjects, D], of one text. */
gboolean
golden_fuser (const Golden *golden, Fixture *f, GError **error)
{
  g_auto (MoaMoaConfig) moa = { 0 };
  if (!read_moa_config (golden, f, &moa, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, fixture_meta_string (f, "moa"), error);
  if (!params)
    return FALSE;

  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  Case c = { .graph = graph, .mixture = { .config = &moa, .params = params } };
  c.args.text = moa_graph_input (graph, "text", fixture_shape (f, "text"), MOA_HELD);
  c.args.t = moa_graph_input (graph, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  build_inputs (&c, f, FALSE);
  g_autofree MoaTensor **rows = g_new0 (MoaTensor *, moa.n_layers);
  for (int i = 0; i < moa.n_layers; i++)
    {
      rows[i] = moa_fuse_prompt (graph, &c.mixture, c.args.text, c.args.t, i);
      moa_graph_output (rows[i]);
    }
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;

  golden_set (c.args.text, f, "text");
  golden_set (c.mixture.feats, f, "feats");
  golden_set (c.mixture.index, f, "index");
  golden_set (c.mixture.present, f, "present");
  g_autofree float *times = fixture_read (f, "timesteps");
  MoaShape shape = fixture_shape (f, "timesteps");
  gint64 n = moa_shape_count (&rows[0]->shape);
  gint64 n_times = moa_shape_count (&shape), n_layers = moa.n_layers;
  g_autofree float *fused = g_new (float, n_times * n_layers * n);
  for (gint64 i = 0; i < n_times; i++)
    {
      moa_graph_set (c.args.t, times + i);
      if (!moa_graph_run (graph, NULL, error))
        return FALSE;
      /* To the fixture, four dimensions are B,C,H,W: here times, layers, subjects, D. */
      for (gint64 k = 0; k < n_layers; k++)
        {
          g_autofree float *row = golden_get (rows[k]);
          for (gint64 p = 0; p < n; p++)
            fused[(i * n + p) * n_layers + k] = row[p];
        }
    }
  fixture_check (f, "fused", fused, n_times, n, n_layers);
  return TRUE;
}
