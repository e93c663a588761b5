/* The networks of a model as graphs: see nets.h. */
#include "jobs/nets.h"

#include "nets/clip.h"
#include "nets/controlnet.h"
#include "nets/unet.h"
#include "nets/vae.h"

static gboolean
finish (MoaCoder *coder, MoaTensor *out, GError **error)
{
  if (out)
    moa_graph_output (out);
  coder->out = out;
  if (moa_graph_plan (coder->graph, error))
    return TRUE;
  moa_coder_clear (coder);
  return FALSE;
}

static void
begin (MoaCoder *coder, const char *name, MoaCpu *cpu, const MoaParams *params, MoaShape shape)
{
  coder->name = name;
  coder->graph = moa_graph_new (cpu);
  moa_graph_set_number (coder->graph, moa_params_number (params));
  coder->in = moa_graph_input (coder->graph, "in", shape, MOA_EACH_RUN);
}

gboolean
moa_coder_text (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int n, int n_vectors, GError **error)
{
  begin (coder, "text encoder", cpu, model->text_params,
         MOA_SHAPE (n, moa_tokenizer_window (model->tokenizer)));
  MoaClipTextArgs args = { .ids = coder->in, .skip = model->clip_skip };
  if (n_vectors > 0)
    {
      MoaGraph *g = coder->graph;
      MoaShape shape = MOA_SHAPE (n, n_vectors, model->text.width);
      args.rows = coder->vectors = moa_graph_input (g, "vectors", shape, MOA_EACH_RUN);
      shape = MOA_SHAPE (n, n_vectors);
      args.index = coder->index = moa_graph_input (g, "index", shape, MOA_EACH_RUN);
      args.present = coder->present = moa_graph_input (g, "present", shape, MOA_EACH_RUN);
    }
  return finish (coder, moa_clip_text_with (coder->graph, &model->text, model->text_params, &args),
                 error);
}

gboolean
moa_coder_vision (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, GError **error)
{
  int size = model->vision.image_size;
  begin (coder, "image encoder", cpu, model->vision_params, MOA_SHAPE (1, size, size, 3));
  MoaTensor *out = moa_clip_vision (coder->graph, &model->vision, model->vision_params, coder->in);
  const MoaIpAdapterConfig *adapter = moa_model_adapter (model);
  if (out && adapter && moa_ip_adapter_takes_states (adapter->kind))
    {
      g_autofree char *name = g_strdup_printf ("hidden.%d", model->vision.n_layers - 1);
      out = moa_graph_find (coder->graph, name);
    }
  return finish (coder, out, error);
}

gboolean
moa_coder_encode (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int width, int height,
                  GError **error)
{
  begin (coder, "VAE", cpu, model->vae_params, MOA_SHAPE (1, height, width, 3));
  return finish (coder, moa_vae_encode (coder->graph, &model->vae, model->vae_params, coder->in),
                 error);
}

gboolean
moa_coder_decode (MoaCoder *coder, MoaModel *model, MoaCpu *cpu, int width, int height,
                  GError **error)
{
  int factor = moa_model_vae_factor (model);
  begin (coder, "VAE", cpu, model->vae_params,
         MOA_SHAPE (1, height / factor, width / factor, model->vae.latent_channels));
  return finish (coder, moa_vae_decode (coder->graph, &model->vae, model->vae_params, coder->in),
                 error);
}

void
moa_coder_clear (MoaCoder *coder)
{
  if (coder->graph)
    moa_graph_free (coder->graph);
  *coder = (MoaCoder){ NULL };
}

gboolean
moa_controller_init (MoaController *c, MoaModel *model, MoaCpu *cpu, int width, int height,
                     int text_rows, GError **error)
{
  const MoaUnetConfig *unet = &model->control.unet;
  int factor = moa_model_vae_factor (model);
  MoaGraph *g = c->graph = moa_graph_new (cpu);
  c->n = moa_unet_skips (unet) + 1;
  c->residual = g_new0 (MoaTensor *, c->n);
  c->values = g_new0 (float *, c->n);
  c->sample = moa_graph_input (g, "sample", MOA_SHAPE (1, height, width, unet->in_channels),
                               MOA_EACH_RUN);
  c->t = moa_graph_input (g, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  c->text = moa_graph_input (g, "text", MOA_SHAPE (1, text_rows, unet->text_dim), MOA_HELD);
  c->hint = moa_graph_input (g, "hint", MOA_SHAPE (1, factor * height, factor * width, 3),
                             MOA_HELD);
  MoaUnetArgs args = { c->sample, c->t, c->text, NULL };
  moa_controlnet (g, &model->control, model->control_params, &args, c->hint, c->residual);
  for (int i = 0; i < c->n && c->residual[i]; i++)
    moa_graph_output (c->residual[i]);
  if (!moa_graph_plan (g, error))
    {
      moa_controller_clear (c);
      return FALSE;
    }
  for (int i = 0; i < c->n; i++)
    c->values[i] = g_new0 (float, moa_shape_count (&c->residual[i]->shape));
  return TRUE;
}

void
moa_controller_clear (MoaController *c)
{
  if (c->graph)
    moa_graph_free (c->graph);
  for (int i = 0; i < c->n; i++)
    g_free (c->values[i]);
  g_free (c->values);
  g_free (c->residual);
  *c = (MoaController){ NULL };
}

void
moa_controller_set_hint (MoaController *c, const MoaImage *hint)
{
  moa_graph_set (c->hint, hint->data);
}

gboolean
moa_controller_run (MoaController *c, const float *text, const float *z, int t, double scale,
                    GCancellable *cancellable, GError **error)
{
  if (c->held != text)
    moa_graph_set (c->text, text);
  c->held = text;
  moa_graph_set (c->sample, z);
  moa_graph_set_ints (c->t, &t);
  if (!moa_graph_run (c->graph, cancellable, error))
    return FALSE;
  for (int i = 0; i < c->n; i++)
    {
      moa_graph_get (c->residual[i], c->values[i]);
      for (gint64 k = 0, n = moa_shape_count (&c->residual[i]->shape); k < n; k++)
        c->values[i][k] *= (float) scale;
    }
  return TRUE;
}

static void
control_inputs (MoaDenoiser *d, const MoaUnetConfig *unet)
{
  int n = moa_unet_skips (unet) + 1;
  g_autofree MoaShape *shape = g_new0 (MoaShape, n);
  moa_unet_residuals (unet, d->height, d->width, shape);
  d->control = g_new0 (MoaTensor *, n);
  for (int i = 0; i < n; i++)
    d->control[i] = moa_graph_input (d->graph, "control", shape[i], MOA_EACH_RUN);
  d->n_control = n;
}

/* The inputs that only an expert has. */
static void
mixture_inputs (MoaDenoiser *d, MoaModel *model)
{
  MoaGraph *g = d->graph;
  int slots = d->n_slots;
  d->feats = moa_graph_input (g, "feats", MOA_SHAPE (1, slots, model->moa.feature_dim), MOA_HELD);
  if (!moa_model_adapter (model))
    d->index = moa_graph_input (g, "index", MOA_SHAPE (1, slots), MOA_HELD);
  d->present = moa_graph_input (g, "present", MOA_SHAPE (1, slots), MOA_HELD);
}

static void
keep_routers (MoaDenoiser *d)
{
  d->router = g_new0 (MoaTensor *, 2 * d->n_layers);
  for (int i = 0; i < 2 * d->n_layers; i++)
    {
      g_autofree char *name = g_strdup_printf ("router.%d.attn%d", i / 2, i % 2 + 1);
      d->router[i] = moa_graph_find (d->graph, name);
      g_assert (d->router[i] || i % 2 == 0);
      if (d->router[i])
        moa_graph_output (d->router[i]);
    }
}

gboolean
moa_denoiser_init (MoaDenoiser *d, MoaModel *model, MoaCpu *cpu, const MoaDenoiserSpec *spec,
                   GError **error)
{
  int channels = model->unet.in_channels;
  MoaGraph *g = d->graph = moa_graph_new (cpu);
  d->width = spec->width;
  d->height = spec->height;
  d->n_layers = model->moa.n_layers;
  d->n_slots = spec->n_slots;
  d->sample = moa_graph_input (g, "sample", MOA_SHAPE (1, d->height, d->width, channels),
                               MOA_EACH_RUN);
  d->t = moa_graph_input (g, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  d->text = moa_graph_input (g, "text", MOA_SHAPE (1, spec->text_rows, model->unet.text_dim), MOA_HELD);
  if (spec->mixture)
    mixture_inputs (d, model);
  if (spec->control)
    control_inputs (d, &model->unet);
  MoaMixture mixture = { .config = &model->moa,
                         .adapter = moa_model_adapter (model),
                         .scale = spec->scale,
                         .params = model->moa_params,
                         .feats = d->feats,
                         .index = d->index,
                         .present = d->present,
                         .region = spec->limit };
  MoaUnetArgs args = { d->sample, d->t, d->text, spec->mixture ? &mixture : NULL, d->control };
  d->eps = moa_unet (g, &model->unet, model->unet_params, &args);
  if (d->eps)
    moa_graph_output (d->eps);
  if (d->eps && spec->mixture && spec->maps)
    keep_routers (d);
  if (moa_graph_plan (g, error))
    return TRUE;
  moa_denoiser_clear (d);
  return FALSE;
}

void
moa_denoiser_clear (MoaDenoiser *d)
{
  if (d->graph)
    moa_graph_free (d->graph);
  g_free (d->router);
  g_free (d->control);
  *d = (MoaDenoiser){ NULL };
}

/* Held inputs are set only when they change: the graph keeps what depends on
 * them alone (the text's keys and values) from run to run. */
static void
set_condition (MoaDenoiser *d, const MoaCondition *condition)
{
  if (d->condition == condition)
    return;
  d->condition = condition;
  moa_graph_set (d->text, condition->text);
  if (!d->feats)
    return;
  int n = condition->n_subjects, slots = d->n_slots;
  gsize dim = moa_shape_count (&d->feats->shape) / slots;
  g_assert (n <= slots);
  gsize n_feats = dim * slots;
  g_autofree float *feats = g_new0 (float, n_feats);
  g_autofree gint32 *index = g_new0 (gint32, slots), *present = g_new0 (gint32, slots);
  if (n > 0)
    memcpy (feats, condition->feats, n * dim * sizeof (float));
  for (int s = 0; s < n; s++)
    {
      index[s] = d->index ? condition->index[s] : 0;
      present[s] = 1;
    }
  moa_graph_set (d->feats, feats);
  if (d->index)
    moa_graph_set_ints (d->index, index);
  moa_graph_set_ints (d->present, present);
}

gboolean
moa_denoiser_run (MoaDenoiser *d, const MoaCondition *condition, float *const *control,
                  const float *z, int t, float *out, GCancellable *cancellable, GError **error)
{
  set_condition (d, condition);
  for (int i = 0; i < d->n_control; i++)
    {
      g_autofree float *zeros
          = control ? NULL : g_new0 (float, moa_shape_count (&d->control[i]->shape));
      moa_graph_set (d->control[i], control ? control[i] : zeros);
    }
  moa_graph_set (d->sample, z);
  moa_graph_set_ints (d->t, &t);
  if (!moa_graph_run (d->graph, cancellable, error))
    return FALSE;
  moa_graph_get (d->eps, out);
  return TRUE;
}
