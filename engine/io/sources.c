/* The parts of a model, found: see sources.h. */
#include "io/sources.h"

#include "base/error.h"
#include "io/fastcomposer.h"
#include "io/ip_adapter.h"
#include "io/kind.h"

#include <string.h>

const MoaPartKind moa_parts[MOA_N_PARTS] = {
  { "unet", "diffusion_pytorch_model", "U-Net", MOA_NAMES_UNET, NULL },
  { "vae", "diffusion_pytorch_model", "VAE", MOA_NAMES_VAE, NULL },
  { "text_encoder", "model", "text encoder", MOA_NAMES_TEXT, NULL },
  { "image_encoder", "model", "image encoder", MOA_NAMES_PLAIN,
    "the CLIP image encoder that the MoA weights or the IP-Adapter were trained with" },
  { "moa", "moa", "MoA", MOA_NAMES_PLAIN,
    "MoA weights that were trained on this model (a folder with config.json and moa.safetensors), or "
    "an IP-Adapter for Stable Diffusion 1.5 or FastComposer (a .safetensors file)" },
};

const MoaExpertKind moa_experts[MOA_N_EXPERTS] = {
  { "moa", "MoA" }, { "ip_adapter", "IP-Adapter" }, { "fastcomposer", "FastComposer" },
};

static const MoaFileKind kind_of_part[MOA_N_PARTS] = {
  MOA_KIND_UNET, MOA_KIND_VAE, MOA_KIND_TEXT_ENCODER, MOA_KIND_IMAGE_ENCODER, MOA_KIND_MOA,
};

char *
moa_sources_sd15 (void)
{
  /* In the source tree of a build, else where it is installed. */
  g_auto (GStrv) folders = g_strsplit (MOA_SD15_DIR, G_SEARCHPATH_SEPARATOR_S, -1);
  for (char **folder = folders; *folder; folder++)
    if (g_file_test (*folder, G_FILE_TEST_IS_DIR))
      return g_strdup (*folder);
  return g_strdup (folders[0]);
}

char *
moa_weights_in (const char *folder, const char *base)
{
  static const char *const endings[] = { ".safetensors", ".fp16.safetensors",
                                         "." MOA_IP_VERSION_2 ".safetensors", ".bin" };
  for (guint i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *name = g_strconcat (base, endings[i], NULL);
      g_autofree char *path = g_build_filename (folder, name, NULL);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
  return NULL;
}

static gboolean
is_folder (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_DIR);
}

/* ---- Folders --------------------------------------------------------- */

static gboolean
fail_lacks (const char *folder, const char *file, GError **error)
{
  return moa_fail (error, MOA_ERROR_MODEL,
                   "%s: the model lacks %s. A model folder holds unet, vae, text_encoder, tokenizer "
                   "and scheduler as diffusers saves them, for persons image_encoder and "
                   "feature_extractor too, and moa",
                   folder, file);
}

/* FOLDER/FILE, which must be there.  (transfer full) */
static char *
needed (const char *folder, const char *file, GError **error)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);
  if (g_file_test (path, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&path);
  fail_lacks (folder, file, error);
  return NULL;
}

/* A part of a model folder; one that not every job needs may lack its whole folder, but no file of
 * it. */
static gboolean
find_part (MoaSources *s, MoaPart part, gboolean with_weights, GError **error)
{
  const MoaPartKind *kind = &moa_parts[part];
  MoaPartSource *source = &s->part[part];
  g_autofree char *folder = g_build_filename (s->base, kind->name, NULL);
  if (kind->get && !is_folder (folder))
    return TRUE;
  g_autofree char *config = g_strconcat (kind->name, "/config.json", NULL);
  source->config = needed (s->base, config, error);
  if (!source->config)
    return FALSE;
  source->weights = moa_weights_in (folder, kind->base);
  if (source->weights || !with_weights)
    return TRUE;
  g_autofree char *file = g_strdup_printf ("%s/%s.safetensors", kind->name, kind->base);
  return fail_lacks (s->base, file, error);
}

static gboolean
find_common (MoaSources *s, GError **error)
{
  g_autofree char *extractor = g_build_filename (s->base, "feature_extractor", NULL);
  gboolean has = is_folder (extractor);
  s->preprocessor = has ? needed (s->base, "feature_extractor/preprocessor_config.json", error)
                        : NULL;
  if (has && !s->preprocessor)
    return FALSE;
  s->scheduler = needed (s->base, "scheduler/scheduler_config.json", error);
  g_autofree char *vocabulary = s->scheduler ? needed (s->base, "tokenizer/vocab.json", error)
                                             : NULL;
  s->tokenizer = vocabulary ? g_path_get_dirname (vocabulary) : NULL;
  return s->tokenizer != NULL;
}

static void
set_weights (MoaPartSource *source, const char *path, MoaNames names)
{
  g_free (source->weights);
  source->weights = g_strdup (path);
  source->names = names;
}

/* A file alone does not tell how many heads it has; these two have, by their width.  prefix: of the
 * encoder's names in the file. */
static gboolean
guess_vision_config (MoaSources *s, const char *path, const char *prefix, GError **error)
{
  static const struct {
    gint64 width;
    const char *folder;
  } known[] = { { 1024, "image_encoder-vit-l" }, { 1280, "image_encoder-vit-h" } };
  MoaPartSource *source = &s->part[MOA_PART_VISION];
  MoaSafetensors *file = moa_safetensors_open (path, error);
  if (!file)
    return FALSE;
  g_autofree char *name = g_strconcat (prefix, "vision_model.embeddings.class_embedding", NULL);
  const MoaFileTensor *token = moa_safetensors_find (file, name);
  gint64 width = token && token->rank == 1 ? token->dim[0] : 0;
  moa_safetensors_close (file);
  g_autofree char *sd15 = moa_sources_sd15 ();
  for (gsize i = 0; i < G_N_ELEMENTS (known); i++)
    if (known[i].width == width)
      {
        g_free (source->config);
        source->config = g_build_filename (sd15, known[i].folder, "config.json", NULL);
        return TRUE;
      }
  return source->config
         || moa_fail (error, MOA_ERROR_MODEL,
                      "%s: is no CLIP image encoder of a known size; give its folder, with "
                      "config.json",
                      path);
}

/* FastComposer's own image encoder, if its file has it, was trained with its fuser: no other will
 * do. */
static gboolean
take_encoder (MoaSources *s, const char *path, GError **error)
{
  MoaNames names = MOA_NAMES_FASTCOMPOSER_ENCODER;
  MoaWeights *weights = moa_weights_open_part (path, names, "image encoder", error);
  if (!weights)
    return FALSE;
  gboolean has = moa_weights_has (weights, "vision_model.embeddings.class_embedding");
  moa_weights_unref (weights);
  if (!has)
    return TRUE;
  set_weights (&s->part[MOA_PART_VISION], path, names);
  g_clear_pointer (&s->preprocessor, g_free);
  return guess_vision_config (s, path, MOA_FASTCOMPOSER_ENCODER, error);
}

/* Instead of the MoA part: a file. */
static gboolean
set_expert (MoaSources *s, MoaExpert expert, const char *path, GError **error)
{
  MoaPartSource *source = &s->part[MOA_PART_MOA];
  gboolean fast = expert == MOA_EXPERT_FASTCOMPOSER;
  g_clear_pointer (&source->config, g_free);
  set_weights (source, path, fast ? MOA_NAMES_FASTCOMPOSER : MOA_NAMES_PLAIN);
  s->expert = expert;
  return !fast || take_encoder (s, path, error);
}

static gboolean
find_folder (MoaSources *s, const char *folder, gboolean with_weights, GError **error)
{
  s->base = g_strdup (folder);
  for (int part = 0; part < MOA_N_PARTS; part++)
    if (!find_part (s, part, with_weights, error))
      return FALSE;
  if (!find_common (s, error))
    return FALSE;
  for (int i = 0; i < MOA_N_EXPERTS && !s->part[MOA_PART_MOA].weights; i++)
    {
      g_autofree char *sub = g_build_filename (folder, moa_experts[i].part, NULL);
      g_autofree char *file = i == MOA_EXPERT_MOA ? NULL : moa_weights_in (sub, moa_experts[i].part);
      if (file && !set_expert (s, i, file, error))
        return FALSE;
    }
  return TRUE;
}

/* ---- One file -------------------------------------------------------- */

/* Takes the parts that a checkpoint holds from it, each told by a tensor that it must have. */
static gboolean
take_checkpoint (MoaSources *s, const char *path, GError **error)
{
  static const char *const signs[] = {
    [MOA_PART_UNET] = "conv_in.weight",
    [MOA_PART_VAE] = "decoder.conv_in.weight",
    [MOA_PART_TEXT] = "text_model.embeddings.token_embedding.weight",
  };
  for (gsize part = 0; part < G_N_ELEMENTS (signs); part++)
    {
      MoaNames names = moa_parts[part].names;
      MoaWeights *weights = moa_weights_open_part (path, names, moa_parts[part].label, error);
      if (!weights)
        return FALSE;
      if (moa_weights_has (weights, signs[part]))
        set_weights (&s->part[part], path, names);
      moa_weights_unref (weights);
    }
  return TRUE;
}

static gboolean
find_file (MoaSources *s, const MoaModelFiles *files, GError **error)
{
  const char *path = files->model, *what;
  g_autofree char *sd15 = moa_sources_sd15 ();
  MoaFileKind kind;
  if (!moa_file_kind_of (path, &kind, &what, error))
    return FALSE;
  if (kind != MOA_KIND_CHECKPOINT && kind != MOA_KIND_UNET)
    return moa_fail (error, MOA_ERROR_MODEL,
                     "%s: is %s; a model is a folder, or a Stable Diffusion 1.x checkpoint", path,
                     what);
  if (!find_folder (s, files->config ? files->config : sd15, FALSE, error))
    return FALSE;
  if (kind == MOA_KIND_CHECKPOINT)
    return take_checkpoint (s, path, error);
  set_weights (&s->part[MOA_PART_UNET], path, MOA_NAMES_PLAIN);
  return TRUE;
}

/* ---- Single parts ---------------------------------------------------- */

/* A folder with config.json and weights, or a file for the model's own configuration. */
static gboolean
replace_part (MoaSources *s, MoaPart part, const char *path, GError **error)
{
  const MoaPartKind *kind = &moa_parts[part];
  MoaPartSource *source = &s->part[part];
  if (!is_folder (path))
    {
      if (!moa_file_kind_check (path, kind_of_part[part], error))
        return FALSE;
      set_weights (source, path, kind->names);
      return TRUE;
    }
  g_autofree char *config = needed (path, "config.json", error);
  if (!config)
    return FALSE;
  g_autofree char *weights = moa_weights_in (path, kind->base);
  if (!weights)
    {
      g_autofree char *file = g_strconcat (kind->base, ".safetensors", NULL);
      return moa_fail (error, MOA_ERROR_MODEL, "%s: the folder for the %s lacks %s", path,
                       kind->label, file);
    }
  g_free (source->config);
  source->config = g_steal_pointer (&config);
  set_weights (source, weights, MOA_NAMES_PLAIN);
  return TRUE;
}

static gboolean
replace_vision (MoaSources *s, const char *path, GError **error)
{
  if (!replace_part (s, MOA_PART_VISION, path, error)
      || (!is_folder (path) && !guess_vision_config (s, path, "", error)))
    return FALSE;
  g_clear_pointer (&s->preprocessor, g_free);
  g_autofree char *inside = g_build_filename (path, "preprocessor_config.json", NULL);
  g_autofree char *beside = g_build_filename (path, "..", "feature_extractor",
                                              "preprocessor_config.json", NULL);
  if (g_file_test (inside, G_FILE_TEST_EXISTS))
    s->preprocessor = g_steal_pointer (&inside);
  else if (g_file_test (beside, G_FILE_TEST_EXISTS))
    s->preprocessor = g_steal_pointer (&beside);
  return TRUE;
}

/* A folder of MoA weights, for a file of them would not tell which layers it is for; or another
 * expert's file, or the folder of such a one in a model folder. */
static gboolean
replace_expert (MoaSources *s, const char *path, GError **error)
{
  if (is_folder (path))
    {
      for (int i = MOA_EXPERT_MOA + 1; i < MOA_N_EXPERTS; i++)
        {
          g_autofree char *file = moa_weights_in (path, moa_experts[i].part);
          if (file)
            return replace_expert (s, file, error);
        }
      s->expert = MOA_EXPERT_MOA;
      return replace_part (s, MOA_PART_MOA, path, error);
    }
  MoaFileKind kind;
  const char *what;
  if (!moa_file_kind_of (path, &kind, &what, error))
    return FALSE;
  if (kind == MOA_KIND_IP_ADAPTER)
    return set_expert (s, MOA_EXPERT_IP_ADAPTER, path, error);
  if (kind == MOA_KIND_FASTCOMPOSER)
    return set_expert (s, MOA_EXPERT_FASTCOMPOSER, path, error);
  return moa_fail (error, MOA_ERROR_MODEL,
                   "%s: is %s; an expert is a folder of MoA weights, with config.json and "
                   "moa.safetensors, or the file of an IP-Adapter or of FastComposer", path, what);
}

/* A ControlNet's file tells no heads and groups: the configuration beside it, or the model's, or
 * Stable Diffusion 1.5's. */
static gboolean
find_control (MoaSources *s, const char *path, GError **error)
{
  static const char base[] = "diffusion_pytorch_model";
  g_autofree char *sd15 = moa_sources_sd15 ();
  if (is_folder (path))
    {
      s->control.config = needed (path, "config.json", error);
      s->control.weights = s->control.config ? moa_weights_in (path, base) : NULL;
      return s->control.weights
             || (s->control.config
                 && moa_fail (error, MOA_ERROR_MODEL, "%s: the folder for the ControlNet lacks "
                              "%s.safetensors", path, base));
    }
  if (!moa_file_kind_check (path, MOA_KIND_CONTROLNET, error))
    return FALSE;
  set_weights (&s->control, path, MOA_NAMES_CONTROLNET);
  s->control.config = g_build_filename (s->base, "controlnet", "config.json", NULL);
  if (g_file_test (s->control.config, G_FILE_TEST_EXISTS))
    return TRUE;
  g_free (s->control.config);
  s->control.config = g_build_filename (sd15, "controlnet", "config.json", NULL);
  return TRUE;
}

/* What was given, or else a model folder's own. */
static gboolean
find_any_control (MoaSources *s, const MoaModelFiles *files, GError **error)
{
  g_autofree char *own = g_build_filename (files->model, "controlnet", NULL);
  g_autofree char *weights = moa_weights_in (own, "diffusion_pytorch_model");
  if (files->controlnet)
    return find_control (s, files->controlnet, error);
  return !weights || !g_str_has_suffix (weights, ".safetensors") || find_control (s, own, error);
}

/* Every part that jobs cannot do without must have weights by now. */
static gboolean
check_complete (const MoaSources *s, const MoaModelFiles *files, GError **error)
{
  for (int part = 0; part < MOA_N_PARTS; part++)
    if (!s->part[part].weights && !moa_parts[part].get)
      return moa_fail (error, MOA_ERROR_MODEL,
                       "%s: holds no %s, and none was given; give a file for it", files->model,
                       moa_parts[part].label);
  return TRUE;
}

gboolean
moa_sources_find (MoaSources *s, const MoaModelFiles *files, GError **error)
{
  *s = (MoaSources){ NULL };
  const char *model = files->model;
  gboolean ok;
  if (!g_file_test (model, G_FILE_TEST_EXISTS))
    ok = moa_fail (error, MOA_ERROR_MODEL, N_ ("%s: there is no such model"), model);
  else if (is_folder (model))
    ok = find_folder (s, model, TRUE, error);
  else
    ok = find_file (s, files, error);
  ok = ok && (!files->vae || replace_part (s, MOA_PART_VAE, files->vae, error))
       && (!files->text_encoder || replace_part (s, MOA_PART_TEXT, files->text_encoder, error))
       && (!files->image_encoder || replace_vision (s, files->image_encoder, error))
       && (!files->expert || replace_expert (s, files->expert, error))
       && find_any_control (s, files, error)
       && check_complete (s, files, error);
  if (!ok)
    moa_sources_clear (s);
  return ok;
}

void
moa_sources_clear (MoaSources *s)
{
  for (int part = 0; part < MOA_N_PARTS; part++)
    {
      g_free (s->part[part].config);
      g_free (s->part[part].weights);
    }
  char *const paths[] = { s->base, s->control.config, s->control.weights, s->preprocessor, s->scheduler, s->tokenizer };
  for (gsize i = 0; i < G_N_ELEMENTS (paths); i++)
    g_free (paths[i]);
  *s = (MoaSources){ NULL };
}
