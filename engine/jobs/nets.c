/* The networks of a model as graphs: see nets.h. */
#include "jobs/nets.h"

#include "nets/clip.h"
#include "nets/controlnet.h"
#include "nets/unet.h"
#include "nets/vae.h"

#include <string.h>

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

/* Every row's text, to the held input: the graph keeps what depends on such inputs alone (the text's keys
 * and values) from run to run, so they are set only when they change. */
static void
set_texts (MoaTensor *input, const MoaCondition *const *conditions)
{
  int rows = input->shape.dim[0];
  gsize n = moa_shape_count (&input->shape) / rows;
  g_autofree float *texts = g_new (float, rows * n);
  for (int r = 0; r < rows; r++)
    memcpy (texts + r * n, conditions[r]->text, n * sizeof (float));
  moa_graph_set (input, texts);
}

/* ---- The ControlNet ---- */

gboolean
moa_controller_init (MoaController *c, MoaModel *model, MoaCpu *cpu, int width, int height,
                     int text_rows, int rows, GError **error)
{
  const MoaUnetConfig *unet = &model->control.unet;
  int factor = moa_model_vae_factor (model);
  MoaGraph *g = c->graph = moa_graph_new (cpu);
  c->rows = rows;
  c->n = moa_unet_skips (unet) + 1;
  c->residual = g_new0 (MoaTensor *, c->n);
  c->rests = TRUE;
  c->sample = moa_graph_input (g, "sample", MOA_SHAPE (1, height, width, unet->in_channels),
                               MOA_EACH_RUN);
  c->t = moa_graph_input (g, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  c->text = moa_graph_input (g, "text", MOA_SHAPE (rows, text_rows, unet->text_dim), MOA_HELD);
  c->scale = moa_graph_input (g, "scale", MOA_SHAPE (1), MOA_EACH_RUN);
  c->hint = moa_graph_input (g, "hint", MOA_SHAPE (1, factor * height, factor * width, 3),
                             MOA_HELD);
  MoaUnetArgs args = { c->sample, c->t, c->text, NULL };
  moa_controlnet (g, &model->control, model->control_params, &args, c->hint, c->residual);
  for (int i = 0; i < c->n; i++)
    {
      c->residual[i] = moa_mul (g, c->residual[i], c->scale);
      moa_graph_output (c->residual[i]);
    }
  if (moa_graph_plan (g, error))
    return TRUE;
  moa_controller_clear (c);
  return FALSE;
}

void
moa_controller_clear (MoaController *c)
{
  if (c->graph)
    moa_graph_free (c->graph);
  g_free (c->residual);
  *c = (MoaController){ NULL };
}

void
moa_controller_set_hint (MoaController *c, const MoaImage *hint)
{
  moa_graph_set (c->hint, hint->data);
}

gboolean
moa_controller_run (MoaController *c, const MoaCondition *const *conditions, const float *z, int t,
                    double scale, GCancellable *cancellable, GError **error)
{
  const float factor = scale;
  if (memcmp (c->held, conditions, c->rows * sizeof *conditions))
    set_texts (c->text, conditions);
  memcpy (c->held, conditions, c->rows * sizeof *conditions);
  moa_graph_set (c->sample, z);
  moa_graph_set_ints (c->t, &t);
  moa_graph_set (c->scale, &factor);
  c->rests = FALSE;
  return moa_graph_run (c->graph, cancellable, error);
}

void
moa_controller_rest (MoaController *c)
{
  for (int i = 0; i < c->n && !c->rests; i++)
    moa_graph_clear (c->residual[i]);
  c->rests = TRUE;
}

/* ---- The U-Net ---- */

/* The inputs that only an expert has. */
static void
mixture_inputs (MoaDenoiser *d, MoaModel *model)
{
  MoaGraph *g = d->graph;
  int rows = d->rows, slots = d->n_slots;
  d->feats = moa_graph_input (g, "feats", MOA_SHAPE (rows, slots, model->moa.feature_dim), MOA_HELD);
  if (!moa_model_adapter (model))
    d->index = moa_graph_input (g, "index", MOA_SHAPE (rows, slots), MOA_HELD);
  d->present = moa_graph_input (g, "present", MOA_SHAPE (rows, slots), MOA_HELD);
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

static MoaTensor *
build_unet (MoaDenoiser *d, MoaModel *model, const MoaDenoiserSpec *spec)
{
  const MoaController *control = spec->control;
  int n_control = control ? control->n : 0;
  g_autofree MoaTensor **residuals = n_control ? g_new (MoaTensor *, n_control) : NULL;
  for (int i = 0; i < n_control; i++)
    residuals[i] = moa_graph_link (d->graph, control->residual[i]);
  MoaMixture mixture = { .config = &model->moa,
                         .adapter = moa_model_adapter (model),
                         .scale = spec->scale,
                         .params = model->moa_params,
                         .feats = d->feats,
                         .index = d->index,
                         .present = d->present,
                         .region = spec->limit };
  MoaUnetArgs args = { d->sample, d->t, d->text, spec->mixture ? &mixture : NULL, residuals };
  return moa_unet (d->graph, &model->unet, model->unet_params, &args);
}

gboolean
moa_denoiser_init (MoaDenoiser *d, MoaModel *model, MoaCpu *cpu, const MoaDenoiserSpec *spec,
                   GError **error)
{
  int channels = model->unet.in_channels;
  g_assert (spec->rows >= 1 && spec->rows <= MOA_MAX_ROWS);
  g_assert (!spec->control || spec->control->rows == spec->rows);
  MoaGraph *g = d->graph = moa_graph_new (cpu);
  d->width = spec->width;
  d->height = spec->height;
  d->control = spec->control;
  d->rows = spec->rows;
  d->n_layers = model->moa.n_layers;
  d->n_slots = spec->n_slots;
  d->sample = moa_graph_input (g, "sample", MOA_SHAPE (1, d->height, d->width, channels),
                               MOA_EACH_RUN);
  d->t = moa_graph_input (g, "t", MOA_SHAPE (1), MOA_EACH_RUN);
  d->text = moa_graph_input (g, "text", MOA_SHAPE (d->rows, spec->text_rows, model->unet.text_dim),
                             MOA_HELD);
  if (spec->mixture)
    mixture_inputs (d, model);
  d->eps = build_unet (d, model, spec);
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
  *d = (MoaDenoiser){ NULL };
}

gboolean
moa_denoiser_prepare (MoaDenoiser *d, MoaWorkspace *workspace, GError **error)
{
  gboolean links = d->control && !d->control->residual[0]->data;
  return (!links || moa_graph_prepare (d->control->graph, workspace, error))
         && moa_graph_prepare (d->graph, workspace, error);
}

/* The expert's inputs of one row. */
static void
write_subjects (const MoaDenoiser *d, const MoaCondition *condition, gsize dim, float *feats,
                gint32 *index, gint32 *present)
{
  int n = condition->n_subjects;
  g_assert (n <= d->n_slots);
  if (n > 0)
    memcpy (feats, condition->feats, n * dim * sizeof (float));
  for (int s = 0; s < n; s++)
    {
      index[s] = d->index ? condition->index[s] : 0;
      present[s] = 1;
    }
}

static void
set_subjects (MoaDenoiser *d, const MoaCondition *const *conditions)
{
  int slots = d->n_slots, n = d->rows * slots;
  gsize n_feats = moa_shape_count (&d->feats->shape), dim = n_feats / n;
  g_autofree float *feats = g_new0 (float, n_feats);
  g_autofree gint32 *index = g_new0 (gint32, n), *present = g_new0 (gint32, n);
  for (int r = 0; r < d->rows; r++)
    write_subjects (d, conditions[r], dim, feats + r * slots * dim, index + r * slots, present + r * slots);
  moa_graph_set (d->feats, feats);
  if (d->index)
    moa_graph_set_ints (d->index, index);
  moa_graph_set_ints (d->present, present);
}

gboolean
moa_denoiser_run (MoaDenoiser *d, const MoaCondition *const *conditions, const float *z, int t,
                  float *out, GCancellable *cancellable, GError **error)
{
  if (memcmp (d->held, conditions, d->rows * sizeof *conditions))
    {
      set_texts (d->text, conditions);
      if (d->feats)
        set_subjects (d, conditions);
    }
  memcpy (d->held, conditions, d->rows * sizeof *conditions);
  moa_graph_set (d->sample, z);
  moa_graph_set_ints (d->t, &t);
  if (!moa_graph_run (d->graph, cancellable, error))
    return FALSE;
  moa_graph_get (d->eps, out);
  return TRUE;
}
