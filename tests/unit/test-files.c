/* Models of several files: checkpoints in one file under the original names, parts of their own,
 * what other files are. */
#include "io/kind.h"
#include "io/sources.h"
#include "job-util.h"

#include <jansson.h>

static char *folder; /* of this program's files */

static char *
made (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static char *
data_file (const char *name)
{
  return g_build_filename (g_getenv ("MOA_FIXTURES"), name, NULL);
}

/* ---- Making checkpoints ---------------------------------------------- */

/* Which parts a checkpoint gets, and what else. */
typedef struct {
  gboolean vae, text, surplus;
} Checkpoint;

/* The tiny model in one file: its numbers under the names that the reference's checkpoint has. */
static char *
make_checkpoint (const char *name, const Checkpoint *what)
{
  static const char *const bases[][2] = { { "unet", "diffusion_pytorch_model" },
                                          { "vae", "diffusion_pytorch_model" },
                                          { "text_encoder", "model" } };
  g_autofree char *table_path = data_file ("ldm-names.json");
  json_t *table = json_load_file (table_path, 0, NULL);
  g_assert_nonnull (table);
  const gboolean wanted[] = { TRUE, what->vae, what->text };
  g_autoptr (GPtrArray) buffers = g_ptr_array_new_with_free_func (g_free);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  for (int p = 0; p < 3; p++)
    {
      const char *ours;
      json_t *row;
      g_autofree char *weights = g_strdup_printf ("tiny/%s/%s.safetensors", bases[p][0],
                                                  bases[p][1]);
      g_autofree char *path = data_file (weights);
      MoaSafetensors *file = moa_safetensors_open (path, NULL);
      g_assert_nonnull (file);
      json_object_foreach (json_object_get (table, bases[p][0]), ours, row)
        {
          const MoaFileTensor *t = moa_safetensors_find (file, ours);
          g_assert_nonnull (t);
          gint64 dim[] = { t->dim[0], t->rank > 1 ? t->dim[1] : 1, t->rank > 2 ? t->dim[2] : 1,
                           t->rank > 3 ? t->dim[3] : 1 };
          void *raw = g_malloc (t->bytes);
          g_ptr_array_add (buffers, raw);
          g_assert_true (moa_safetensors_read_raw (file, t, 0, t->bytes, raw, NULL));
          if (wanted[p])
            moa_safetensors_writer_add (writer, json_string_value (json_array_get (row, 0)),
                                        t->dtype, json_integer_value (json_array_get (row, 1)),
                                        dim, raw);
        }
      moa_safetensors_close (file);
    }
  static const float numbers[3] = { 1, 2, 3 };
  if (what->surplus)
    {
      moa_safetensors_writer_add (writer, "betas", MOA_DTYPE_F32, 1, (gint64[]){ 3 }, numbers);
      moa_safetensors_writer_add (writer, "model_ema.diffusion_modelinput_blocks00weight",
                                  MOA_DTYPE_F32, 1, (gint64[]){ 3 }, numbers);
    }
  char *path = made (name);
  GError *error = NULL;
  moa_safetensors_writer_save (writer, path, &error);
  g_assert_no_error (error);
  moa_safetensors_writer_free (writer);
  json_decref (table);
  return path;
}

/* A file of one tensor. */
static char *
make_file (const char *name, const char *tensor, int rank, gint64 a, gint64 b)
{
  g_autofree float *numbers = g_new0 (float, a * b);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  moa_safetensors_writer_add (writer, tensor, MOA_DTYPE_F32, rank, (gint64[]){ a, b, 1, 1 },
                              numbers);
  char *path = made (name);
  g_assert_true (moa_safetensors_writer_save (writer, path, NULL));
  moa_safetensors_writer_free (writer);
  return path;
}

/* ---- Checkpoints ----------------------------------------------------- */

static MoaModel *
open_with (const MoaModelFiles *files)
{
  GError *error = NULL;
  MoaModel *model = moa_model_open_files (files, &error);
  g_assert_no_error (error);
  return model;
}

static void
refused (const MoaModelFiles *files, const char *text)
{
  GError *error = NULL;
  g_assert_null (moa_model_open_files (files, &error));
  check_fault (error, text);
}

/* A picture of a few steps, without persons. */
static MoaImage *
draw_with (MoaModel *model, const char *prompt, GError **error)
{
  const guint64 seed = 3;
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = prompt;
  params.steps = 2;
  params.width = params.height = 64;
  params.seeds = &seed;
  params.n_seeds = 1;
  MoaGenerateResult *result = moa_generate (model, &params, NULL, error);
  if (!result)
    return NULL;
  MoaImage *image = moa_image_copy (result->images[0]);
  moa_generate_result_free (result);
  return image;
}

static MoaImage *
draw (const MoaModelFiles *files, const char *prompt)
{
  GError *error = NULL;
  MoaModel *model = open_with (files);
  MoaImage *image = draw_with (model, prompt, &error);
  g_assert_no_error (error);
  moa_model_unref (model);
  return image;
}

static void
assert_same_picture (const MoaModelFiles *a, const MoaModelFiles *b)
{
  MoaImage *x = draw (a, "a man"), *y = draw (b, "a man");
  g_assert_cmpmem (x->data, image_count (x) * sizeof (float), y->data,
                   image_count (y) * sizeof (float));
  moa_image_free (x);
  moa_image_free (y);
}

/* The checkpoint, opened as it is, holds the folder's numbers. */
static void
test_checkpoint (void)
{
  g_autofree char *tiny = tiny_path ();
  g_autofree char *path
      = make_checkpoint ("whole.safetensors", &(Checkpoint){ TRUE, TRUE, TRUE });
  MoaModelFiles file = { .model = path, .config = tiny }, dir = { .model = tiny };
  assert_same_picture (&file, &dir);
  MoaModel *model = open_with (&file);
  const MoaModelInfo *info = moa_model_get_info (model);
  g_assert_cmpstr (info->parts[0].name, ==, "unet");
  g_assert_cmpuint (info->parts[0].n_parameters, >, 1600000);
  g_assert_cmpuint (info->parts[0].n_parameters, <, 1700000);
  g_assert_null (info->warnings[0]); /* surplus tensors are usual there */
  g_assert_cmpint (model->schedule->prediction, ==, MOA_PREDICT_EPSILON);
  moa_model_unref (model);
  file.v_prediction = TRUE;
  model = open_with (&file);
  g_assert_cmpint (model->schedule->prediction, ==, MOA_PREDICT_V);
  moa_model_unref (model);
}

/* Every part that a checkpoint lacks is the configuration folder's, or given, or asked for. */
static void
test_parts (void)
{
  g_autofree char *tiny = tiny_path ();
  g_autofree char *unet_only
      = make_checkpoint ("unet.safetensors", &(Checkpoint){ FALSE, FALSE, FALSE });
  g_autofree char *vae = data_file ("tiny/vae-old-names/diffusion_pytorch_model.safetensors");
  g_autofree char *text = data_file ("tiny/text_encoder");
  g_autofree char *vae_folder = data_file ("tiny/vae");
  MoaModelFiles dir = { .model = tiny }, file = { .model = unet_only, .config = tiny };
  assert_same_picture (&file, &dir);
  file.vae = vae;
  file.text_encoder = text;
  assert_same_picture (&file, &dir);
  dir.vae = vae_folder;
  assert_same_picture (&file, &dir);

  char *bare = link_model (tiny);
  static const char *const weights[] = { "vae/diffusion_pytorch_model.safetensors",
                                         "text_encoder/model.safetensors" };
  for (gsize i = 0; i < G_N_ELEMENTS (weights); i++)
    {
      g_autofree char *gone = g_build_filename (bare, weights[i], NULL);
      g_unlink (gone);
    }
  file = (MoaModelFiles){ .model = unet_only, .config = bare };
  refused (&file, "holds no VAE");
  file.vae = vae;
  refused (&file, "holds no text encoder");
  file.text_encoder = text;
  assert_same_picture (&file, &dir);
  file.vae = text;
  refused (&file, "lacks diffusion_pytorch_model.safetensors");
  g_autofree char *lora = data_file ("golden/lora/kohya.safetensors");
  file.vae = lora;
  refused (&file, "is a LoRA; a VAE was expected");
  g_autofree char *adapter = make_file ("adapter.safetensors", "ip_adapter.1.to_k_ip.weight", 2, 4, 8);
  refused (&(MoaModelFiles){ .model = tiny, .expert = adapter },
           "its image projection is none of a known IP-Adapter");
  refused (&(MoaModelFiles){ .model = tiny, .expert = lora },
           "is a LoRA; an expert is a folder of MoA weights");
  remove_model (bare);
}

/* Saved as a part of its own: the same tensors, under diffusers' names and shapes. */
static void
test_save (void)
{
  g_autofree char *path
      = make_checkpoint ("saved.safetensors", &(Checkpoint){ TRUE, FALSE, TRUE });
  g_autofree char *tiny = tiny_path (), *out = made ("vae.safetensors");
  g_autofree char *reference = data_file ("tiny/vae/diffusion_pytorch_model.safetensors");
  MoaModel *model = open_with (&(MoaModelFiles){ .model = path, .config = tiny });
  GError *error = NULL;
  g_assert_true (moa_weights_save (moa_params_weights (model->vae_params), out, &error));
  MoaSafetensors *a = moa_safetensors_open (reference, NULL), *b = moa_safetensors_open (out, NULL);
  g_assert_cmpint (moa_safetensors_count (a), ==, moa_safetensors_count (b));
  for (int i = 0; i < moa_safetensors_count (a); i++)
    {
      const MoaFileTensor *x = moa_safetensors_tensor (a, i);
      const MoaFileTensor *y = moa_safetensors_find (b, x->name);
      g_assert_nonnull (y);
      g_assert_cmpint (x->rank, ==, y->rank);
      g_assert_cmpmem (x->dim, x->rank * sizeof (gint64), y->dim, y->rank * sizeof (gint64));
      g_autofree void *u = g_malloc (x->bytes), *v = g_malloc (y->bytes);
      g_assert_true (moa_safetensors_read_raw (a, x, 0, x->bytes, u, NULL));
      g_assert_true (moa_safetensors_read_raw (b, y, 0, y->bytes, v, NULL));
      g_assert_cmpmem (u, x->bytes, v, y->bytes);
    }
  moa_safetensors_close (a);
  moa_safetensors_close (b);
  moa_model_unref (model);
}

/* A folder without what only persons need: draws, and says what persons need. */
static void
test_prior_alone (void)
{
  char *copy = link_model (mini_path ());
  static const char *const gone[] = { "moa", "image_encoder" };
  for (int left = 0; left < 2; left++)
    {
      g_autofree char *sub = g_build_filename (copy, gone[left], NULL);
      g_autoptr (GDir) dir = g_dir_open (sub, 0, NULL);
      const char *name;
      while ((name = g_dir_read_name (dir)))
        {
          g_autofree char *file = g_build_filename (sub, name, NULL);
          g_unlink (file);
        }
      g_rmdir (sub);
      MoaModel *model = open_with (&(MoaModelFiles){ .model = copy });
      const MoaModelInfo *info = moa_model_get_info (model);
      g_assert_null (info->expert);
      g_assert_cmpint (info->n_layers, ==, 16);
      g_assert_cmpuint (g_strv_length ((char **) info->missing), ==, left + 1);
      GError *error = NULL;
      MoaImage *image = draw_with (model, "a man", &error);
      g_assert_no_error (error);
      moa_image_free (image);
      Swap swap;
      swap_init (&swap, "lake", 1);
      g_assert_null (moa_replace (model, &swap.params, NULL, &error));
      check_fault (error, "MoA weights");
      swap_clear (&swap);
      moa_model_unref (model);
    }
  remove_model (copy);
}

/* ---- ControlNet ------------------------------------------------------ */

/* The tiny ControlNet in one file: its numbers under the names that diffusers' converter takes. */
static char *
make_controlnet (void)
{
  g_autofree char *table_path = data_file ("real/controlnet-names.json");
  g_autofree char *path = data_file ("tiny/controlnet/diffusion_pytorch_model.safetensors");
  json_t *table = json_load_file (table_path, 0, NULL), *theirs;
  MoaSafetensors *file = moa_safetensors_open (path, NULL);
  MoaSafetensorsWriter *writer = moa_safetensors_writer_new ();
  const char *ours;
  g_assert_true (table && file);
  json_object_foreach (table, ours, theirs)
    {
      const MoaFileTensor *t = moa_safetensors_find (file, ours);
      g_assert_nonnull (t);
      moa_safetensors_writer_copy (writer, json_string_value (theirs), t->rank, file, t);
    }
  char *out = made ("control.safetensors");
  g_assert_true (moa_safetensors_writer_save (writer, out, NULL));
  moa_safetensors_writer_free (writer);
  moa_safetensors_close (file);
  json_decref (table);
  return out;
}

static MoaImage *
draw_controlled (const MoaModelFiles *files, double scale, double start, double end)
{
  const guint64 seed = 3;
  MoaImage *picture = load_picture ("lake.png", 3);
  MoaModel *model = open_with (files);
  MoaGenerateParams params;
  moa_generate_params_init (&params);
  params.prompt = "a man";
  params.steps = 2;
  params.width = params.height = 64;
  params.seeds = &seed;
  params.n_seeds = 1;
  params.control.image = picture;
  params.control.scale = scale;
  params.control.start = start;
  params.control.end = end;
  GError *error = NULL;
  MoaGenerateResult *result = moa_generate (model, &params, NULL, &error);
  g_assert_no_error (error);
  MoaImage *image = moa_image_copy (result->images[0]);
  moa_generate_result_free (result);
  moa_model_unref (model);
  moa_image_free (picture);
  return image;
}

static void
test_controlnet (void)
{
  g_autofree char *tiny = tiny_path (), *dir = data_file ("tiny/controlnet"),
                  *file = make_controlnet ();
  /* One file has no configuration: the folder's is the model's own here. */
  MoaModelFiles a = { .model = tiny, .controlnet = dir };
  MoaModelFiles b = { .model = tiny, .controlnet = file };
  MoaImage *plain = draw (&(MoaModelFiles){ .model = tiny }, "a man");
  MoaImage *full = draw_controlled (&a, 1, 0, 1), *same = draw_controlled (&b, 1, 0, 1);
  MoaImage *none = draw_controlled (&a, 0, 0, 1), *never = draw_controlled (&a, 1, 0.9, 1);
  MoaImage *half = draw_controlled (&a, 1, 0, 0.5);
  MoaImage *own = draw_controlled (&(MoaModelFiles){ .model = tiny }, 1, 0, 1); /* the folder's */
  g_assert_cmpfloat (image_difference (full, same), ==, 0);
  g_assert_cmpfloat (image_difference (full, own), ==, 0);
  g_assert_cmpfloat (image_difference (plain, none), ==, 0);
  g_assert_cmpfloat (image_difference (plain, never), ==, 0);
  g_assert_cmpfloat (image_difference (plain, full), >, 1e-4);
  g_assert_cmpfloat (image_difference (half, full), >, 1e-5);
  g_assert_cmpfloat (image_difference (half, plain), >, 1e-5);
  MoaImage *const images[] = { plain, full, same, none, never, half, own };
  for (gsize i = 0; i < G_N_ELEMENTS (images); i++)
    moa_image_free (images[i]);

  refused (&(MoaModelFiles){ .model = mini_path (), .controlnet = dir }, "another U-Net");
  a.controlnet = tiny;
  refused (&a, "lacks config.json");
  char *bare = link_model (mini_path ()); /* without one */
  MoaModel *model = open_with (&(MoaModelFiles){ .model = bare });
  Swap swap;
  swap_init (&swap, "lake", 1);
  swap.params.control.image = swap.source;
  GError *error = NULL;
  g_assert_null (moa_replace (model, &swap.params, NULL, &error));
  check_fault (error, "without a ControlNet");
  swap_clear (&swap);
  moa_model_unref (model);
  remove_model (bare);
}

/* ---- Kinds ----------------------------------------------------------- */

static void
test_kinds (void)
{
  static const struct {
    const char *tensor;
    int rank;
    gint64 a, b;
    MoaFileKind kind;
    const char *what;
  } files[] = {
#define CHECKPOINT "model.diffusion_model.input_blocks."
#define CROSS "1.1.transformer_blocks.0.attn2.to_k.weight"
    { CHECKPOINT "0.0.weight", 4, 8, 4, MOA_KIND_CHECKPOINT, "a Stable Diffusion 1.x checkpoint" },
    { CHECKPOINT CROSS, 2, 320, 768, MOA_KIND_CHECKPOINT, "a Stable Diffusion 1.x checkpoint" },
    { CHECKPOINT CROSS, 2, 320, 1024, MOA_KIND_FOREIGN, "a Stable Diffusion 2.x checkpoint" },
    { CHECKPOINT "0.0.weight", 4, 8, 9, MOA_KIND_FOREIGN, "inpainting" },
    { CHECKPOINT "0.0.weight", 4, 8, 8, MOA_KIND_FOREIGN, "InstructPix2Pix" },
    { "cond_stage_model.model.ln_final.weight", 1, 4, 1, MOA_KIND_FOREIGN, "Diffusion 2.x" },
    { "conditioner.embedders.0.transformer.text_model.x", 1, 4, 1, MOA_KIND_FOREIGN, "XL" },
    { "model.diffusion_model.label_emb.0.0.weight", 2, 4, 4, MOA_KIND_FOREIGN, "XL" },
    { "model.diffusion_model.joint_blocks.0.x", 1, 4, 1, MOA_KIND_FOREIGN, "Diffusion 3" },
    { "double_blocks.0.img_attn.qkv.weight", 2, 4, 4, MOA_KIND_FOREIGN, "Flux" },
    { "lora_te2_text_model_x.lora_down.weight", 2, 4, 4, MOA_KIND_FOREIGN, "LoRA for Stable Diffusion XL" },
    { "lora_unet_x_attn2_to_k.lora_down.weight", 2, 4, 2048, MOA_KIND_FOREIGN, "XL" },
    { "lora_unet_x_attn2_to_k.lora_down.weight", 2, 4, 768, MOA_KIND_LORA, "a LoRA" },
    { "unet.x.lora_A.weight", 2, 4, 4, MOA_KIND_LORA, "a LoRA" },
    { "ip_adapter.1.to_k_ip.weight", 2, 4, 768, MOA_KIND_IP_ADAPTER, "an IP-Adapter" },
    { "ip_adapter.1.to_k_ip.weight", 2, 4, 2048, MOA_KIND_FOREIGN, "XL" },
    { "postfuse_module.mlp1.fc1.weight", 2, 4, 8, MOA_KIND_FASTCOMPOSER, "a FastComposer model" },
    { "control_model.input_hint_block.0.weight", 4, 4, 3, MOA_KIND_CONTROLNET, "a ControlNet" },
    { "controlnet_cond_embedding.conv_in.weight", 4, 4, 3, MOA_KIND_CONTROLNET, "a ControlNet" },
    { "emb_params", 2, 2, 768, MOA_KIND_EMBEDDING, "a textual inversion" },
    { "<cat>", 1, 768, 1, MOA_KIND_EMBEDDING, "a textual inversion" },
    { "clip_g", 2, 2, 1280, MOA_KIND_FOREIGN, "Stable Diffusion XL" },
    { "something", 3, 2, 2, MOA_KIND_UNKNOWN, "nothing known" },
#undef CHECKPOINT
#undef CROSS
  };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = make_file ("kind.safetensors", files[i].tensor, files[i].rank,
                                         files[i].a, files[i].b);
      MoaFileKind kind;
      const char *what;
      g_assert_true (moa_file_kind_of (path, &kind, &what, NULL));
      g_test_message ("%s: %s", files[i].tensor, what);
      g_assert_cmpint (kind, ==, files[i].kind);
      g_assert_nonnull (strstr (what, files[i].what));
      if (kind != MOA_KIND_CHECKPOINT)
        refused (&(MoaModelFiles){ .model = path }, what);
    }
  static const struct {
    const char *file;
    MoaFileKind kind;
  } real[] = {
    { "tiny/unet/diffusion_pytorch_model.safetensors", MOA_KIND_UNET },
    { "tiny/vae/diffusion_pytorch_model.safetensors", MOA_KIND_VAE },
    { "tiny/text_encoder/model.safetensors", MOA_KIND_TEXT_ENCODER },
    { "tiny/image_encoder/model.safetensors", MOA_KIND_IMAGE_ENCODER },
    { "tiny/moa/moa.safetensors", MOA_KIND_MOA },
    { "tiny/controlnet/diffusion_pytorch_model.safetensors", MOA_KIND_CONTROLNET },
    { "golden/lora/diffusers_old.safetensors", MOA_KIND_LORA },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (real); i++)
    {
      g_autofree char *path = data_file (real[i].file);
      g_assert_true (moa_file_kind_check (path, real[i].kind, NULL));
    }
  g_autofree char *pickle = made ("model.ckpt");
  g_assert_true (g_file_set_contents (pickle, "\200\002}q", -1, NULL));
  refused (&(MoaModelFiles){ .model = pickle }, "Python pickle");
  refused (&(MoaModelFiles){ .model = "/nowhere.safetensors" }, "there is no such model");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("moa-test-XXXXXX", NULL);
  g_test_add_func ("/files/checkpoint", test_checkpoint);
  g_test_add_func ("/files/parts", test_parts);
  g_test_add_func ("/files/save", test_save);
  g_test_add_func ("/files/prior-alone", test_prior_alone);
  g_test_add_func ("/files/controlnet", test_controlnet);
  g_test_add_func ("/files/kinds", test_kinds);
  int status = g_test_run ();
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (dir)))
    {
      g_autofree char *path = made (name);
      g_unlink (path);
    }
  g_dir_close (dir);
  g_rmdir (folder);
  g_free (folder);
  return status;
}
