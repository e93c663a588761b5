/* Models that are opened, and that are refused: missing or foreign parts, bad tensors, damaged weights. */
#include "job-util.h"

static void
check_refused_model (const char *path, int code, const char *text)
{
  GError *error = NULL;
  g_assert_null (moa_model_open (path, &error));
  check_error (error, code, text);
}

static void
test_open (void)
{
  gint64 start = g_get_monotonic_time ();
  MoaModel *model = open_model (mini_path ());
  g_assert_cmpfloat ((g_get_monotonic_time () - start) * 1e-6, <, 0.5);
  const MoaModelInfo *info = moa_model_get_info (model);
  g_assert_cmpint (info->side, ==, 128);
  g_assert_cmpint (info->feature_dim, ==, 128);
  g_assert_cmpint (info->n_layers, ==, 16);
  g_assert_cmpstr (info->layers[6], ==, "mid_block.attentions.0.transformer_blocks.0");
  g_assert_cmpint (info->steps, ==, 50);
  g_assert_cmpfloat (info->guidance, ==, 2);
  g_assert_cmpint (info->guidance_max_timestep, ==, 500);
  g_assert_cmpfloat (info->guidance_rescale, ==, 1);
  g_assert_cmpint (info->max_timestep, ==, 1000);
  g_assert_true (info->controlnet);
  g_assert_null (info->warnings[0]);
  guint64 parameters = 0;
  for (int i = 0; i < info->n_parts; i++)
    parameters += info->parts[i].n_parameters;
  g_assert_cmpuint (parameters, >, 9000000);
  g_assert_cmpuint (info->weight_bytes, >=, 2 * parameters * 95 / 100); /* files of 16 bits */
  moa_model_unref (moa_model_ref (model));
  moa_model_unref (model);
}

static void
test_missing (void)
{
  check_refused_model ("/nowhere/model", MOA_ERROR_MODEL, "/nowhere/model");
  g_autofree char *file = g_build_filename (mini_path (), "model_index.json", NULL);
  check_refused_model (file, MOA_ERROR_FILE, "is not a safetensors file");
  static const char *const files[] = { "unet/config.json",
                                       "vae/config.json",
                                       "text_encoder/config.json",
                                       "image_encoder/config.json",
                                       "feature_extractor/preprocessor_config.json",
                                       "scheduler/scheduler_config.json",
                                       "tokenizer/vocab.json",
                                       "moa/config.json",
                                       "unet/diffusion_pytorch_model.safetensors",
                                       "vae/diffusion_pytorch_model.safetensors",
                                       "text_encoder/model.safetensors",
                                       "image_encoder/model.safetensors",
                                       "moa/moa.safetensors" };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      char *copy = link_model (mini_path ());
      g_autofree char *path = g_build_filename (copy, files[i], NULL);
      g_assert_cmpint (g_unlink (path), ==, 0);
      check_refused_model (copy, MOA_ERROR_MODEL, files[i]);
      remove_model (copy);
    }
}

/* A pickle beside where the weights should be: how to convert it. */
static void
test_pickle (void)
{
  char *copy = link_model (mini_path ());
  g_autofree char *path = g_build_filename (copy, "text_encoder/model.safetensors", NULL);
  g_unlink (path);
  write_text (copy, "text_encoder/model.bin", "\200\002}q");
  check_refused_model (copy, MOA_ERROR_FILE, "safetensors");
  remove_model (copy);
}

static gboolean
drop_named (EditedTensor *tensor, gpointer name)
{
  return strcmp (tensor->name, name) != 0;
}

static gboolean
flatten_named (EditedTensor *tensor, gpointer name)
{
  if (!strcmp (tensor->name, name))
    {
      tensor->rank = 1;
      tensor->dim[0] = tensor->n;
    }
  return TRUE;
}

static gboolean
rename_named (EditedTensor *tensor, gpointer name)
{
  if (!strcmp (tensor->name, name))
    {
      char *other = g_strconcat ("extra.", tensor->name, NULL);
      g_free (tensor->name);
      tensor->name = other;
    }
  return TRUE;
}

static void
test_bad_tensors (void)
{
  static const struct {
    const char *file, *name;
  } cases[] = {
    { "unet/diffusion_pytorch_model.safetensors", "conv_in.weight" },
    { "vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.weight" },
    { "moa/moa.safetensors", "fuser.mlp.0.weight" },
    { "moa/moa.safetensors", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight" },
  };
  static const EditFunc edits[] = { drop_named, flatten_named, rename_named };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize k = 0; k < G_N_ELEMENTS (edits); k++)
      {
        char *copy = link_model (mini_path ());
        edit_weights (copy, cases[i].file, edits[k], (gpointer) cases[i].name);
        GError *error = NULL;
        g_assert_null (moa_model_open (copy, &error));
        g_assert_nonnull (strstr (error->message, cases[i].file));
        g_assert_nonnull (strstr (error->message, cases[i].name));
        g_error_free (error);
        remove_model (copy);
      }
}

/* A surplus tensor is only worth a warning. */
static void
test_surplus (void)
{
  char *copy = link_model (mini_path ());
  g_autofree char *moa = g_build_filename (mini_path (), "moa/moa.safetensors", NULL);
  g_autofree char *path = g_build_filename (copy, "moa/moa.safetensors", NULL);
  g_unlink (path);
  MoaSafetensors *in = moa_safetensors_open (moa, NULL);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  g_autoptr (GPtrArray) buffers = g_ptr_array_new_with_free_func (g_free);
  for (int i = 0; i < moa_safetensors_count (in); i++)
    {
      const MoaFileTensor *t = moa_safetensors_tensor (in, i);
      float *data = g_new (float, t->n);
      g_ptr_array_add (buffers, data);
      g_assert_true (moa_safetensors_read_float (in, t, 0, t->n, data, NULL));
      moa_safetensors_writer_add (writer, t->name, MOA_DTYPE_F32, t->rank, t->dim, data);
    }
  static const float left_over[2];
  moa_safetensors_writer_add (writer, "left.over", MOA_DTYPE_F32, 1, (gint64[]){ 2 }, left_over);
  g_assert_true (moa_safetensors_writer_save (writer, path, NULL));
  moa_safetensors_writer_free (writer);
  moa_safetensors_close (in);
  MoaModel *model = open_model (copy);
  const char *const *warnings = moa_model_get_info (model)->warnings;
  g_assert_nonnull (warnings[0]);
  g_assert_nonnull (strstr (warnings[0], "left.over"));
  g_assert_null (warnings[1]);
  moa_model_unref (model);
  remove_model (copy);
}

/* Links all files of a folder of another model into the copy. */
static void
take_folder (const char *copy, const char *other, const char *folder)
{
  g_autofree char *to = g_build_filename (copy, folder, NULL);
  g_autofree char *from = g_build_filename (other, folder, NULL);
  GDir *dir = g_dir_open (from, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *file = g_build_filename (from, name, NULL);
      g_autofree char *link = g_build_filename (to, name, NULL);
      g_autofree char *absolute = g_canonicalize_filename (file, NULL);
      g_unlink (link);
      g_assert_cmpint (symlink (absolute, link), ==, 0);
    }
  g_dir_close (dir);
}

/* Parts of two models that each are sound. */
static void
test_parts_that_do_not_fit (void)
{
  g_autofree char *tiny = tiny_path ();
  static const struct {
    const char *folders[2], *text;
  } cases[] = {
    { { "text_encoder" },
      "the text encoder's width is 32, and the U-Net's cross_attention_dim 96" },
    { { "image_encoder", "feature_extractor" }, "projection_dim is 24, and MoA's feature_dim 128" },
    { { "tokenizer" }, "the tokenizer's size is 49408" },
    { { "moa" }, "projection_dim is 128, and MoA's feature_dim 24" },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char *copy = link_model (mini_path ());
      for (int k = 0; k < 2 && cases[i].folders[k]; k++)
        take_folder (copy, tiny, cases[i].folders[k]);
      check_refused_model (copy, MOA_ERROR_MODEL, cases[i].text);
      remove_model (copy);
    }
}

static void
test_foreign_layers (void)
{
  char *copy = link_model (mini_path ());
  g_autofree char *path = g_build_filename (mini_path (), "moa/config.json", NULL);
  g_autofree char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  char *at = strstr (text, "mid_block.attentions.0");
  memcpy (at, "mid_block.attentions.1", strlen ("mid_block.attentions.1"));
  write_text (copy, "moa/config.json", text);
  check_refused_model (copy, MOA_ERROR_MODEL, "mid_block.attentions.1");
  remove_model (copy);
}

/* ---- Damaged weights ---- */

static gboolean
spoil_named (EditedTensor *tensor, gpointer name)
{
  if (g_str_has_suffix (tensor->name, name))
    tensor->data[0] = NAN;
  return TRUE;
}

/* A file whose table is sound and whose numbers are not is found out when they are used. */
static void
test_not_finite (void)
{
  static const struct {
    const char *file, *name, *text;
  } cases[] = {
    { "unet/diffusion_pytorch_model.safetensors", "conv_in.bias", "U-Net" },
    { "moa/moa.safetensors", "fuser.norm.weight", "U-Net" },
    { "vae/diffusion_pytorch_model.safetensors", "encoder.conv_in.weight", "VAE" },
    { "vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias", "VAE" },
    { "image_encoder/model.safetensors", "pre_layrnorm.weight", "image encoder" },
    { "text_encoder/model.safetensors", "final_layer_norm.bias", "text encoder" },
  };
  Swap swap;
  swap_init (&swap, "lake", 2);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      char *copy = link_model (mini_path ());
      edit_weights (copy, cases[i].file, spoil_named, (gpointer) cases[i].name);
      MoaModel *model = open_model (copy);
      GError *error = NULL;
      g_assert_null (moa_replace (model, &swap.params, NULL, &error));
      check_error (error, MOA_ERROR_MODEL, cases[i].text);
      moa_model_unref (model);
      remove_model (copy);
    }
  swap_clear (&swap);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/models/open", test_open);
  g_test_add_func ("/models/missing", test_missing);
  g_test_add_func ("/models/pickle", test_pickle);
  g_test_add_func ("/models/bad-tensors", test_bad_tensors);
  g_test_add_func ("/models/surplus", test_surplus);
  g_test_add_func ("/models/parts-that-do-not-fit", test_parts_that_do_not_fit);
  g_test_add_func ("/models/foreign-layers", test_foreign_layers);
  g_test_add_func ("/models/not-finite", test_not_finite);
  return g_test_run ();
}
