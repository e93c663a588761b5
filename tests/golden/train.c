/* Golden tests of gradients: of the U-Net's plain loss, and of MoA's. */
#include <math.h>
#include <string.h>

#include "golden.h"
#include "graph/gradient.h"
#include "train/losses.h"

/* Parameters of a graph with their gradients, as outputs; one that the loss does not depend on has
 * none. */
typedef struct {
  const GPtrArray *params;
  MoaTensor **grads;
} Gradients;

static void
add_gradients (Gradients *gradients, MoaGraph *graph, MoaTensor *loss, MoaTensor *const *inputs,
               int n_inputs)
{
  gradients->params = moa_graph_params (graph);
  int n = gradients->params->len;
  g_autofree MoaTensor **wrt = g_new (MoaTensor *, n + n_inputs);
  memcpy (wrt, gradients->params->pdata, n * sizeof (*wrt));
  for (int i = 0; i < n_inputs; i++)
    wrt[n + i] = inputs[i];
  gradients->grads = g_new0 (MoaTensor *, n + n_inputs);
  moa_graph_gradients (graph, loss, wrt, n + n_inputs, gradients->grads);
  for (int i = 0; i < n + n_inputs; i++)
    moa_graph_output (gradients->grads[i]);
}

/* The gradient of a weight by its name in the file, in the order of fixtures: (transfer full).  The
 * prior's and the experts' weights have the same names; part says which. */
static float *
gradient_of (const Gradients *gradients, const MoaParams *part, MoaIsa isa, const char *name,
             MoaShape *shape)
{
  for (guint i = 0; i < gradients->params->len; i++)
    {
      const MoaTensor *t = gradients->params->pdata[i];
      gboolean ours = FALSE;
      for (guint k = 0; k < moa_params_count (part); k++)
        ours = ours || moa_params_nth (part, k) == t->param;
      if (!ours || strcmp (t->param->name, name) != 0)
        continue;
      gint64 n = moa_shape_count (&t->shape);
      float *values = g_new0 (float, n);
      *shape = t->shape;
      const MoaTensor *grad = gradients->grads[i];
      if (grad && isa == MOA_ISA_F64)
        moa_param_unpack (t->param, isa, grad->data, values);
      else if (grad)
        {
          g_autofree float *packed = golden_get (grad);
          moa_param_unpack (t->param, isa, packed, values);
        }
      return values;
    }
  return NULL;
}

/* A convolution's kernels N,C,k,k are pictures to fixtures: N,k,k,C. */
static void
check_gradient (Fixture *f, const char *name, const float *values, const MoaShape *shape)
{
  gint64 n = shape->rank > 1 ? shape->dim[0] : 1, c = shape->dim[shape->rank > 1];
  gint64 taps = shape->rank == 4 ? shape->dim[2] * shape->dim[3] : 1;
  g_autofree float *moved = g_new (float, n * c * taps);
  for (gint64 i = 0; i < n * c; i++)
    for (gint64 tap = 0; tap < taps; tap++)
      moved[(i / c * taps + tap) * c + i % c] = values[i * taps + tap];
  fixture_check (f, name, moved, n, taps, c);
}

/* Whole gradients PREFIX.NAME, and the tensor of all norms in the order of meta.grad_norm_names. */
static gboolean
check_gradients (const Golden *golden, Fixture *f, const Gradients *gradients,
                 const MoaParams *part, const char *prefix, const char *norms, GError **error)
{
  MoaIsa isa = moa_cpu_isa (golden->cpu);
  json_t *names = json_object_get (json_object_get (f->entry, "meta"), "grad_norm_names"), *item;
  g_autofree float *all = g_new (float, json_array_size (names));
  gsize i;
  json_array_foreach (names, i, item)
    {
      MoaShape shape;
      const char *name = json_string_value (item);
      g_autofree float *values = gradient_of (gradients, part, isa, name, &shape);
      g_autofree char *output = g_strconcat (prefix, name, NULL);
      if (!values)
        return moa_fail (error, MOA_ERROR_FILE, "The graph has no weight %s", name);
      double sum = 0;
      for (gint64 k = 0; k < moa_shape_count (&shape); k++)
        sum += (double) values[k] * values[k];
      all[i] = sqrt (sum);
      if (fixture_has (f, output))
        check_gradient (f, output, values, &shape);
    }
  fixture_check (f, norms, all, 1, 1, i);
  return TRUE;
}

static gboolean
run_plain (const Golden *golden, Fixture *f, MoaParams *unet, MoaGraph *graph,
           const MoaUnetArgs *args, MoaTensor *eps, GError **error)
{
  MoaTensor *noise = golden_input (graph, f, "noise");
  double mean = 1.0 / moa_shape_count (&noise->shape);
  MoaTensor *weight = moa_graph_constant (graph, MOA_SHAPE (1), &mean);
  MoaTensor *loss = moa_loss_squares (graph, eps, noise, weight);
  MoaTensor *inputs[] = { args->sample, args->text };
  Gradients gradients;
  add_gradients (&gradients, graph, loss, inputs, 2);
  g_autofree MoaTensor **grads = gradients.grads;
  moa_graph_output (loss);
  if (!golden_prepare (golden, graph, unet, NULL, error))
    return FALSE;
  golden_set (args->sample, f, "sample");
  golden_set (args->t, f, "t");
  golden_set (args->text, f, "encoder_hidden_states");
  golden_set (noise, f, "noise");
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  golden_check (f, "loss", loss);
  golden_check (f, "grad.sample", grads[gradients.params->len]);
  golden_check (f, "grad.encoder_hidden_states", grads[gradients.params->len + 1]);
  return check_gradients (golden, f, &gradients, unet, "grad.", "grad_norms", error);
}

gboolean
golden_unet_grads (const Golden *golden, Fixture *f, GError **error)
{
  MoaUnetConfig config;
  g_autofree char *path = golden_path (golden, "unet", "config.json");
  if (!moa_unet_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaParams) unet = golden_params (golden, "unet", error);
  if (!unet)
    return FALSE;
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaUnetArgs args = { golden_input (graph, f, "sample"), golden_input (graph, f, "t"),
                       golden_input (graph, f, "encoder_hidden_states"), NULL };
  MoaTensor *eps = moa_unet (graph, &config, unet, &args);
  return run_plain (golden, f, unet, graph, &args, eps, error);
}

/* ---- MoA's loss ------------------------------------------------------ */

static const char *const lambdas[] = { "0.0001", "0.5" };

static gint32 *
read_ints (const Fixture *f, const char *name)
{
  MoaShape shape = fixture_shape (f, name);
  gint64 n = moa_shape_count (&shape);
  g_autofree float *values = fixture_read (f, name);
  gint32 *ints = g_new (gint32, n);
  for (gint64 i = 0; i < n; i++)
    ints[i] = values[i];
  return ints;
}

static gboolean
run_losses (const Golden *golden, Fixture *f, MoaGraph *graph, const MoaLoss *loss,
            const Gradients *gradients, const MoaParams *experts, MoaTensor *eps, GError **error)
{
  g_autofree float *noise = fixture_read (f, "noise"), *mask = fixture_read (f, "mask");
  g_autofree float *subject_masks = fixture_read (f, "subject_masks");
  g_autofree gint32 *index = read_ints (f, "index"), *present = read_ints (f, "present");
  for (guint i = 0; i < G_N_ELEMENTS (lambdas); i++)
    {
      double lambda = g_ascii_strtod (lambdas[i], NULL);
      MoaLossBatch batch = { noise, mask, subject_masks, index, present,
                             fixture_shape (f, "present").dim[1], lambda, lambda };
      moa_loss_set (loss, &batch);
      if (!moa_graph_run (graph, NULL, error))
        return FALSE;
      g_autofree char *total = g_strconcat ("total.", lambdas[i], NULL);
      g_autofree char *norms = g_strconcat ("grad_norms.", lambdas[i], NULL);
      g_autofree char *prefix = g_strdup_printf ("grad.%s.", lambdas[i]);
      golden_check (f, total, loss->total);
      if (!check_gradients (golden, f, gradients, experts, prefix, norms, error))
        return FALSE;
    }
  golden_check (f, "eps", eps);
  golden_check (f, "masked", loss->masked);
  golden_check (f, "router", loss->router);
  /* The difference of two means 20 times its size: the reference's own rounding is worth 7e-9 in
   * loss_linear, and in loss_mlp 3e-10 by luck, which made the manifest's tolerance. */
  g_autofree float *object = golden_get (loss->object);
  fixture_check_rounding (f, "object", object, 1, 1, 1, 4e-5);
  return TRUE;
}

static gboolean
build_and_run (const Golden *golden, Fixture *f, const MoaUnetConfig *config,
               const MoaMoaConfig *moa, MoaParams *unet, MoaParams *experts, GError **error)
{
  static const char *const names[] = { "sample", "t", "text", "feats", "index", "present" };
  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *in[G_N_ELEMENTS (names)];
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    in[i] = golden_input (graph, f, names[i]);
  MoaMixture mixture = { .config = moa, .params = experts, .feats = in[3], .index = in[4],
                         .present = in[5], .attention_maps = TRUE };
  MoaUnetArgs args = { in[0], in[1], in[2], &mixture };
  MoaTensor *eps = moa_unet (graph, config, unet, &args);
  MoaLoss loss;
  moa_loss_build (&loss, graph, eps, 2, moa->n_layers - 3);
  Gradients gradients;
  add_gradients (&gradients, graph, loss.total, NULL, 0);
  g_autofree MoaTensor **grads = gradients.grads;
  MoaTensor *outputs[] = { eps, loss.masked, loss.router, loss.object, loss.total };
  for (guint i = 0; i < G_N_ELEMENTS (outputs); i++)
    moa_graph_output (outputs[i]);
  if (!golden_prepare (golden, graph, unet, experts, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    golden_set (in[i], f, names[i]);
  return run_losses (golden, f, graph, &loss, &gradients, experts, eps, error);
}

gboolean
golden_losses (const Golden *golden, Fixture *f, GError **error)
{
  MoaUnetConfig config;
  g_auto (MoaMoaConfig) moa = { 0 };
  const char *folder = fixture_meta_string (f, "moa");
  g_autofree char *path = golden_path (golden, "unet", "config.json");
  g_autofree char *moa_path = golden_path (golden, folder, "config.json");
  if (!moa_unet_config_read (path, &config, error) ||
      !moa_moa_config_read (moa_path, &moa, error))
    return FALSE;
  g_autoptr (MoaParams) unet = golden_params (golden, "unet", error);
  if (!unet)
    return FALSE;
  g_autoptr (MoaParams) experts = golden_params (golden, folder, error);
  if (!experts)
    return FALSE;
  return build_and_run (golden, f, &config, &moa, unet, experts, error);
}
