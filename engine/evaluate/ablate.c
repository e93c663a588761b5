/* A model without one of its means, by changing its weights in memory. */
#include "evaluate/evaluate.h"

#include "jobs/model.h"

#include <string.h>

/* So far from each other that the router's softmax is 0 and 1. */
#define CERTAIN 30.0f

const char *
moa_ablation_name (MoaAblation ablation)
{
  static const char *const names[MOA_N_ABLATIONS] = { "router", "fuser", "inversion" };
  return names[ablation];
}

static gboolean
set_numbers (MoaParams *params, MoaParam *param, float (*value) (gsize i), GError **error)
{
  gsize n = moa_param_numbers (param);
  g_autofree float *numbers = g_new (float, n);
  for (gsize i = 0; i < n; i++)
    numbers[i] = value (i);
  return moa_params_set_numbers (params, param, numbers, error);
}

static float
zero (gsize i)
{
  return 0;
}

/* Logits of the prior, and of the personalised expert. */
static float
personalised (gsize i)
{
  return i == 1 ? CERTAIN : -CERTAIN;
}

/* "... .router.bias", or "... .router.2.bias" of a router with a hidden layer. */
static gboolean
is_last_of_router (const MoaParam *param, const char *what)
{
  g_autofree char *linear = g_strconcat (".router.", what, NULL);
  g_autofree char *hidden = g_strconcat (".router.2.", what, NULL);
  return g_str_has_suffix (param->name, linear) || g_str_has_suffix (param->name, hidden);
}

static gboolean
ablate (MoaParams *params, MoaParam *param, MoaAblation ablation, GError **error)
{
  if (ablation == MOA_ABLATE_ROUTER && is_last_of_router (param, "weight"))
    return set_numbers (params, param, zero, error);
  if (ablation == MOA_ABLATE_ROUTER && is_last_of_router (param, "bias"))
    return set_numbers (params, param, personalised, error);
  if (ablation == MOA_ABLATE_FUSER && !strcmp (param->name, "fuser.freq"))
    return set_numbers (params, param, zero, error);
  return TRUE;
}

MoaModel *
moa_model_open_ablated (const char *path, MoaAblation ablation, GError **error)
{
  MoaModel *model = moa_model_open (path, error);
  if (!model)
    return NULL;
  model->pinned = TRUE;
  g_mutex_lock (&model->lock);
  gboolean ok = moa_params_load (model->moa_params, 0, NULL, error);
  for (guint i = 0; ok && i < moa_params_count (model->moa_params); i++)
    ok = ablate (model->moa_params, moa_params_nth (model->moa_params, i), ablation, error);
  g_mutex_unlock (&model->lock);
  if (!ok)
    g_clear_pointer (&model, moa_model_unref);
  return model;
}
