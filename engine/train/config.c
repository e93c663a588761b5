/* The configuration of a training: defaults, those of the stage, and what the
 * file says, merged in this order; then checked against one table. */
#include "train/config.h"

#include "base/error.h"
#include "io/values.h"

#include <string.h>

static const char *const stages[MOA_N_STAGES] = { "vae", "encoders", "prior", "moa", "judge" };
static const char *const sources[] = { "world", "fastcomposer", "plain" };
static const char *const others[] = { "noise", "gray" };

const char *
moa_stage_name (MoaStageKind kind)
{
  return stages[kind];
}

/* Where neither the stage nor the file says otherwise: what the paper's Table 1 has for Stable
 * Diffusion 1.5, and what else it takes. */
static const char base[] =
  "{'stage': 'moa', 'model': '', 'fresh': [], 'train': [], 'seed': 1, 'steps': 40000,"
  " 'batch': 128, 'micro_batch': 4, 'half': true, 'weights': 'float32',"
  " 'checkpointing': 'none',"
  " 'optimizer': {'lr': 5e-5, 'beta1': 0.9, 'beta2': 0.999, 'eps': 1e-8, 'weight_decay': 0.01,"
  "   'clip': 1.0, 'loss_scale': 65536.0, 'warmup': 500, 'schedule': 'constant', 'final': 0.0, 'ema': 0.999,"
  "   'groups': []},"
  " 'every': {'log': 50, 'checkpoint': 500, 'validate': 1000, 'samples': 2000},"
  " 'data': {'source': 'world', 'path': '', 'seed': 1, 'pictures': 65536, 'held_out': 96,"
  "   'threads': 1, 'augment': true, 'others': 'noise', 'alone': 1.0},"
  " 'vae': {'phases': [[1.0, 0, 4]], 'l1': 1.0, 'mse': 1.0, 'gradient': 0.5, 'kl': 1e-4,"
  "   'pca_pull': 1.0, 'pca_until': 0.5, 'person_crops': 0.0, 'whiten': true},"
  " 'encoders': {'measures': 1.0, 'classes': 1.0, 'identity': 0.2, 'text': 0.2, 'captions': 12},"
  " 'prior': {'caption_drop': 0.1, 'min_snr': 5.0, 'described': 0.0, 'swap': 0.0, 'lora_rank': 0,"
  "   'lora_layers': ['*.attn*.to_*'], 'controlnet': false},"
  " 'moa': {'lambda_router': 1e-4, 'lambda_object': 1e-4, 'router_from': 0.0, 'router_ramp': 0.0,"
  "   'router_loss': 'paper', 'router_blocks': 'paper', 'masked': true, 'space_time': true, 'swap': 0.0,"
  "   'condition_drop': 0.1, 'subject_drop': 0.15, 'generic': 0.0, 'min_snr': 0.0, 't_max': 800,"
  "   'swap_t_min': 250, 'swap_path': 0.0, 'swap_path_from': 600}}";

static const char *const presets[MOA_N_STAGES] = {
  "{'train': ['vae/*'], 'steps': 20000, 'batch': 16, 'micro_batch': 16,"
  " 'optimizer': {'lr': 2e-3, 'beta2': 0.99, 'weight_decay': 1e-4, 'warmup': 50,"
  "   'schedule': 'cosine', 'final': 0.02, 'ema': 0.998}}",
  "{'train': ['text_encoder/*', 'image_encoder/*', 'heads/*'], 'steps': 4000, 'batch': 32,"
  " 'micro_batch': 32, 'optimizer': {'lr': 1e-3, 'warmup': 60, 'schedule': 'cosine',"
  "   'final': 0.02}}",
  "{'train': ['unet/*', 'text_encoder/*'], 'steps': 10000, 'batch': 32, 'micro_batch': 32,"
  " 'optimizer': {'lr': 1e-3, 'beta2': 0.99, 'weight_decay': 1e-3, 'warmup': 200,"
  "   'schedule': 'cosine', 'final': 0.05, 'ema': 0.998,"
  "   'groups': [{'match': 'text_encoder/*', 'lr': 0.1}]}}",
  "{'train': ['moa/*'],"
  " 'optimizer': {'groups': [{'match': 'moa/*', 'lr': 1.0}, {'match': 'moa/fuser.*', 'lr': 1.0},"
  "   {'match': 'moa/*.router.*', 'lr': 1.0}]}}",
  "{'train': ['heads/*'], 'steps': 3000, 'batch': 32, 'micro_batch': 32,"
  " 'optimizer': {'lr': 2e-3, 'warmup': 50, 'schedule': 'cosine', 'final': 0.02, 'ema': 0.99}}",
};

/* Of the stage "prior" where it trains a LoRA: as diffusers' script for Stable Diffusion 1.5. */
static const char lora_preset[] =
  "{'train': ['lora/*'],"
  " 'optimizer': {'lr': 1e-4, 'beta2': 0.999, 'weight_decay': 0.01, 'groups': []}}";

/* And where it trains a ControlNet: as its paper and diffusers' script. */
static const char controlnet_preset[] =
  "{'train': ['controlnet/*'], 'prior': {'caption_drop': 0.5},"
  " 'optimizer': {'lr': 1e-5, 'beta2': 0.999, 'weight_decay': 0.01, 'groups': []}}";

typedef enum { INT, REAL, FLAG, TEXT, LIST, CHOICE } Type;

/* i of a CHOICE is an index into names. */
typedef struct {
  const char *section, *key; /* section NULL: at the top */
  Type type;
  gsize offset;
  double low, high;
  const char *const *names;
} Row;

static const char *const schedules[] = { "constant", "cosine" };
static const char *const weights[] = { "float32", "bfloat16", "float16" };
static const char *const keeps[] = { "none", "block", "layer" };
static const char *const router_losses[] = { "paper", "balanced" };
static const char *const router_blocks[] = { "paper", "all" };

#define AT(field) G_STRUCT_OFFSET (MoaTrainConfig, field)
static const Row rows[] = {
  { NULL, "stage", CHOICE, AT (stage), 0, MOA_N_STAGES, stages },
  { NULL, "model", TEXT, AT (model) },
  { NULL, "fresh", LIST, AT (fresh) },
  { NULL, "train", LIST, AT (train) },
  { NULL, "steps", INT, AT (steps), 1, 1e9 },
  { NULL, "batch", INT, AT (batch), 1, 1e6 },
  { NULL, "micro_batch", INT, AT (micro_batch), 1, 4096 },
  { NULL, "half", FLAG, AT (half) },
  { NULL, "weights", CHOICE, AT (weights), 0, G_N_ELEMENTS (weights), weights },
  { NULL, "checkpointing", CHOICE, AT (checkpointing), 0, G_N_ELEMENTS (keeps), keeps },
  { "optimizer", "lr", REAL, AT (optimizer.lr), 0, 10 },
  { "optimizer", "beta1", REAL, AT (optimizer.beta1), 0, 0.99999 },
  { "optimizer", "beta2", REAL, AT (optimizer.beta2), 0, 0.999999 },
  { "optimizer", "eps", REAL, AT (optimizer.eps), 1e-20, 1 },
  { "optimizer", "weight_decay", REAL, AT (optimizer.decay), 0, 10 },
  { "optimizer", "clip", REAL, AT (optimizer.clip), 0, 1e9 },
  { "optimizer", "loss_scale", REAL, AT (optimizer.loss_scale), 1, 16777216 },
  { "optimizer", "warmup", INT, AT (optimizer.warmup), 0, 1e9 },
  { "optimizer", "schedule", CHOICE, AT (optimizer.cosine), 0, 2, schedules },
  { "optimizer", "final", REAL, AT (optimizer.final), 0, 1 },
  { "optimizer", "ema", REAL, AT (optimizer.average), 0, 0.999999 },
  { "every", "log", INT, AT (every.log), 1, 1e9 },
  { "every", "checkpoint", INT, AT (every.checkpoint), 1, 1e9 },
  { "every", "validate", INT, AT (every.validate), 1, 1e9 },
  { "every", "samples", INT, AT (every.samples), 0, 1e9 },
  { "data", "source", CHOICE, AT (data.source), 0, G_N_ELEMENTS (sources), sources },
  { "data", "path", TEXT, AT (data.path) },
  { "data", "pictures", INT, AT (data.pictures), 1, 1e9 },
  { "data", "held_out", INT, AT (data.held_out), 1, 1e5 },
  { "data", "threads", INT, AT (data.threads), 1, 256 },
  { "data", "augment", FLAG, AT (data.augment) },
  { "data", "others", CHOICE, AT (data.others), 0, G_N_ELEMENTS (others), others },
  { "data", "alone", REAL, AT (data.alone), 0, 1 },
  { "vae", "l1", REAL, AT (vae.l1), 0, 1e3 },
  { "vae", "mse", REAL, AT (vae.mse), 0, 1e3 },
  { "vae", "gradient", REAL, AT (vae.gradient), 0, 1e3 },
  { "vae", "kl", REAL, AT (vae.kl), 0, 1e3 },
  { "vae", "pca_pull", REAL, AT (vae.pull), 0, 1e3 },
  { "vae", "pca_until", REAL, AT (vae.pull_until), 0, 1 },
  { "vae", "person_crops", REAL, AT (vae.person_crops), 0, 1 },
  { "vae", "whiten", FLAG, AT (vae.whiten) },
  { "encoders", "measures", REAL, AT (encoders.measures), 0, 1e3 },
  { "encoders", "classes", REAL, AT (encoders.classes), 0, 1e3 },
  { "encoders", "identity", REAL, AT (encoders.identity), 0, 1e3 },
  { "encoders", "text", REAL, AT (encoders.text), 0, 1e3 },
  { "encoders", "captions", INT, AT (encoders.captions), 2, 4096 },
  { "prior", "caption_drop", REAL, AT (prior.caption_drop), 0, 1 },
  { "prior", "min_snr", REAL, AT (prior.min_snr), 0, 1e6 },
  { "prior", "described", REAL, AT (prior.described), 0, 1 },
  { "prior", "swap", REAL, AT (prior.swap), 0, 1 },
  { "prior", "lora_rank", INT, AT (prior.lora_rank), 0, 1024 },
  { "prior", "lora_layers", LIST, AT (prior.lora_layers) },
  { "prior", "controlnet", FLAG, AT (prior.controlnet) },
  { "moa", "lambda_router", REAL, AT (moa.lambda_router), 0, 1e6 },
  { "moa", "lambda_object", REAL, AT (moa.lambda_object), 0, 1e6 },
  { "moa", "router_from", REAL, AT (moa.router_from), 0, 1 },
  { "moa", "router_ramp", REAL, AT (moa.router_ramp), 0, 1 },
  { "moa", "router_loss", CHOICE, AT (moa.balanced), 0, 2, router_losses },
  { "moa", "router_blocks", CHOICE, AT (moa.all_blocks), 0, 2, router_blocks },
  { "moa", "masked", FLAG, AT (moa.masked) },
  { "moa", "space_time", FLAG, AT (moa.space_time) },
  { "moa", "swap", REAL, AT (moa.swap), 0, 1 },
  { "moa", "condition_drop", REAL, AT (moa.condition_drop), 0, 1 },
  { "moa", "subject_drop", REAL, AT (moa.subject_drop), 0, 1 },
  { "moa", "generic", REAL, AT (moa.generic), 0, 1 },
  { "moa", "min_snr", REAL, AT (moa.min_snr), 0, 1e6 },
  { "moa", "t_max", INT, AT (moa.t_max), 1, 1e6 },
  { "moa", "swap_t_min", INT, AT (moa.swap_t_min), 0, 1e6 },
  { "moa", "swap_path", REAL, AT (moa.swap_path), 0, 1 },
  { "moa", "swap_path_from", INT, AT (moa.swap_path_from), 0, 1e6 },
};
#undef AT

/* ---- Merging ---------------------------------------------------------- */

/* JSON in a C string, with ' for ". */
static json_t *
parse_literal (const char *text)
{
  g_autofree char *copy = g_strdelimit (g_strdup (text), "'", '"');
  json_t *json = json_loads (copy, 0, NULL);
  g_assert (json);
  return json;
}

/* Puts the values of `from` over those of `to`; sections are merged. */
static void
merge (json_t *to, json_t *from)
{
  const char *key;
  json_t *value;
  json_object_foreach (from, key, value)
    {
      json_t *section = json_object_get (to, key);
      if (json_is_object (section) && json_is_object (value))
        json_object_update (section, value);
      else
        json_object_set_new (to, key, json_deep_copy (value));
    }
}

static void
merge_literal (json_t *to, const char *text)
{
  json_t *from = parse_literal (text);
  merge (to, from);
  json_decref (from);
}

/* Keys are known that have a default. */
static gboolean
check_keys (json_t *given, json_t *known, const char *where, const char *prefix, GError **error)
{
  const char *key;
  json_t *value;
  json_object_foreach (given, key, value)
    {
      json_t *at = json_object_get (known, key);
      if (!at && key[0] != '_')
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "%s: \"%s%s\" is not a key that this program knows", where, prefix, key);
      if (!json_is_object (at))
        continue;
      g_autofree char *inner = g_strconcat (key, ".", NULL);
      if (!json_is_object (value))
        return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: \"%s\" should be an object in braces",
                         where, key);
      if (!check_keys (value, at, where, inner, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- Reading ---------------------------------------------------------- */

static gboolean
read_list (const MoaValues *v, const char *key, char ***out)
{
  json_t *list = json_object_get (v->json, key);
  g_autoptr (GPtrArray) strings = g_ptr_array_new_with_free_func (g_free);
  for (gsize i = 0; i < json_array_size (list); i++)
    {
      const char *text = json_string_value (json_array_get (list, i));
      if (!text)
        return moa_values_fail (v, key, "an array of strings");
      g_ptr_array_add (strings, g_strdup (text));
    }
  if (!json_is_array (list))
    return moa_values_fail (v, key, "an array of strings");
  g_ptr_array_add (strings, NULL);
  *out = (char **) g_ptr_array_steal (strings, NULL);
  return TRUE;
}

static gboolean
read_row (const MoaValues *v, const Row *row, MoaTrainConfig *config)
{
  gpointer out = G_STRUCT_MEMBER_P (config, row->offset);
  switch (row->type)
    {
    case INT: return moa_values_int (v, row->key, row->low, row->high, out);
    case REAL: return moa_values_double (v, row->key, row->low, row->high, out);
    case FLAG: return moa_values_optional_flag (v, row->key, out);
    case LIST: return read_list (v, row->key, out);
    case CHOICE: return moa_values_choice (v, row->key, row->high, row->names, out);
    case TEXT:
      {
        const char *text = json_string_value (json_object_get (v->json, row->key));
        *(char **) out = g_strdup (text);
        return text || moa_values_fail (v, row->key, "a string");
      }
    }
  return FALSE;
}

/* Philox takes any 64 bits; JSON's integers are signed. */
static gboolean
read_seed (const MoaValues *v, guint64 *out)
{
  json_t *seed = json_object_get (v->json, "seed");
  if (!json_is_integer (seed) || json_integer_value (seed) < 0)
    return moa_values_fail (v, "seed", "a whole number from 0 on");
  *out = json_integer_value (seed);
  return TRUE;
}

/* [[until, crop, batch], ...]; crop 0: the whole picture */
static gboolean
read_phases (const MoaValues *v, MoaTrainConfig *config)
{
  json_t *list = json_object_get (v->json, "phases");
  int n = json_array_size (list);
  double last = 0;
  for (int i = 0; i < n && n <= MOA_MAX_PHASES; i++)
    {
      json_t *row = json_array_get (list, i);
      MoaVaePhase *p = &config->vae.phases[i];
      p->until = json_number_value (json_array_get (row, 0));
      p->crop = json_integer_value (json_array_get (row, 1));
      p->batch = json_integer_value (json_array_get (row, 2));
      if (p->until <= last || p->crop < 0 || p->crop > 4096 || p->batch < 1 || p->batch > 4096)
        break;
      last = p->until;
    }
  config->vae.n_phases = n;
  return last == 1 || moa_values_fail (v, "phases",
                                       "1 to 8 arrays [until, crop, batch], until rising to 1");
}

static gboolean
read_groups (const MoaValues *v, MoaTrainConfig *config)
{
  json_t *list = json_object_get (v->json, "groups");
  int n = json_array_size (list);
  config->optimizer.groups = g_new0 (MoaTrainGroup, n + 1);
  for (int i = 0; i < n; i++)
    {
      MoaTrainGroup *group = &config->optimizer.groups[i];
      MoaValues row = { v->path, "optimizer.groups.", json_array_get (list, i), v->error };
      const char *match = json_string_value (json_object_get (row.json, "match"));
      group->lr = group->decay = 1;
      if (!match)
        return moa_values_fail (&row, "match", "a pattern of names, as \"moa/*.router.*\"");
      group->match = g_strdup (match);
      config->optimizer.n_groups++;
      if (!moa_values_optional_double (&row, "lr", 0, 1e6, &group->lr)
          || !moa_values_optional_double (&row, "weight_decay", 0, 1e6, &group->decay)
          || !moa_values_known (&row, 3, (const char *const[]){ "match", "lr", "weight_decay" }))
        return FALSE;
    }
  return json_is_array (list) || moa_values_fail (v, "groups", "an array of objects");
}

static gboolean
read_values (json_t *json, const char *where, MoaTrainConfig *config, GError **error)
{
  MoaValues top = { where, "", json, error };
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *prefix = rows[i].section ? g_strconcat (rows[i].section, ".", NULL) : NULL;
      MoaValues section = { where, prefix, prefix ? json_object_get (json, rows[i].section) : NULL,
                            error };
      if (!read_row (prefix ? &section : &top, &rows[i], config))
        return FALSE;
    }
  MoaValues data = { where, "data.", json_object_get (json, "data"), error };
  MoaValues vae = { where, "vae.", json_object_get (json, "vae"), error };
  MoaValues optimizer = { where, "optimizer.", json_object_get (json, "optimizer"), error };
  if (!read_seed (&top, &config->seed) || !read_seed (&data, &config->data.seed)
      || !read_phases (&vae, config) || !read_groups (&optimizer, config))
    return FALSE;
  if (config->batch % config->micro_batch != 0)
    return moa_values_fail (&top, "batch", "a multiple of micro_batch");
  return TRUE;
}

gboolean
moa_train_config_parse (json_t *json, const char *where, MoaTrainConfig *config, GError **error)
{
  *config = (MoaTrainConfig){ .json = parse_literal (base) };
  MoaValues top = { where, "", json, error };
  int stage;
  if (check_keys (json, config->json, where, "", error)
      && moa_values_choice (&top, "stage", MOA_N_STAGES, stages, &stage))
    {
      json_t *prior = json_object_get (json, "prior"), *rank = json_object_get (prior, "lora_rank");
      merge_literal (config->json, presets[stage]);
      if (stage == MOA_STAGE_PRIOR && json_number_value (rank) > 0)
        merge_literal (config->json, lora_preset);
      if (stage == MOA_STAGE_PRIOR && json_is_true (json_object_get (prior, "controlnet")))
        merge_literal (config->json, controlnet_preset);
      merge (config->json, json);
      if (read_values (config->json, where, config, error))
        return TRUE;
    }
  moa_train_config_clear (config);
  return FALSE;
}

/* Makes a folder of the file's own seen from the file. */
static void
resolve (json_t *object, const char *key, const char *folder)
{
  const char *path = json_string_value (json_object_get (object, key));
  if (!path || !*path || g_path_is_absolute (path))
    return;
  g_autofree char *joined = g_build_filename (folder, path, NULL);
  g_autofree char *full = g_canonicalize_filename (joined, NULL);
  json_object_set_new (object, key, json_string (full));
}

gboolean
moa_train_config_read (const char *path, MoaTrainConfig *config, GError **error)
{
  json_t *json = moa_json_read (path, error);
  if (!json)
    return FALSE;
  g_autofree char *folder = g_path_get_dirname (path);
  resolve (json, "model", folder);
  resolve (json_object_get (json, "data"), "path", folder);
  gboolean ok = moa_train_config_parse (json, path, config, error);
  json_decref (json);
  return ok;
}

void
moa_train_config_clear (MoaTrainConfig *config)
{
  json_decref (config->json);
  g_free (config->model);
  g_free (config->data.path);
  g_strfreev (config->fresh);
  g_strfreev (config->train);
  g_strfreev (config->prior.lora_layers);
  for (int i = 0; i < config->optimizer.n_groups; i++)
    g_free (config->optimizer.groups[i].match);
  g_free (config->optimizer.groups);
  *config = (MoaTrainConfig){ .json = NULL };
}
