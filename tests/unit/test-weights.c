/* Tensors by name: the spellings of published files, shapes, what is missing
 * and what is left over. */
#include "io/weights.h"
#include "moa.h"
#include "io-util.h"

#include <stdlib.h>

typedef struct {
  const char *name;
  MoaDtype dtype;
  int rank;
  gint64 dim[4];
} Entry;

static const Entry entries[] = {
  { "text_model.embeddings.position_ids", MOA_DTYPE_I64, 2, { 1, 2 } },
  { "text_model.final_layer_norm.weight", MOA_DTYPE_F32, 1, { 4 } },
  { "visual_projection.weight", MOA_DTYPE_F16, 2, { 2, 3 } },
  { "encoder.layers.0.mlp.fc1.weight", MOA_DTYPE_BF16, 2, { 2, 3 } },
  { "decoder.mid_block.attentions.0.query.weight", MOA_DTYPE_F32, 2, { 4, 4 } },
  { "decoder.mid_block.attentions.0.key.bias", MOA_DTYPE_F32, 1, { 4 } },
  { "decoder.mid_block.attentions.0.value.weight", MOA_DTYPE_F32, 4, { 4, 4, 1, 1 } },
  { "decoder.mid_block.attentions.0.proj_attn.weight", MOA_DTYPE_F32, 2, { 4, 4 } },
  { "encoder.mid_block.attentions.0.to_q.weight", MOA_DTYPE_F32, 2, { 4, 4 } },
  { "proj_in.weight", MOA_DTYPE_F32, 4, { 4, 3, 1, 1 } },
  { "conv_in.weight", MOA_DTYPE_F32, 4, { 4, 3, 3, 3 } },
  { "flags", MOA_DTYPE_BOOL, 1, { 2 } },
  { "key.weight", MOA_DTYPE_F32, 1, { 1 } },
};

static MoaWeights *
open_sample (char **path)
{
  GError *error = NULL;
  float data[256];
  for (int i = 0; i < 256; i++)
    data[i] = i;
  *path = scratch_file ("part.safetensors", "", 0);
  MoaSafetensorsWriter *w = moa_safetensors_writer_new ();
  for (gsize i = 0; i < G_N_ELEMENTS (entries); i++)
    moa_safetensors_writer_add (w, entries[i].name, entries[i].dtype, entries[i].rank,
                                entries[i].dim, data);
  g_assert_true (moa_safetensors_writer_save (w, *path, &error));
  moa_safetensors_writer_free (w);
  MoaWeights *weights = moa_weights_open (*path, "U-Net", &error);
  g_assert_no_error (error);
  return weights;
}

static void
assert_found (MoaWeights *weights, const char *name, int rank, gint64 a, gint64 b, gint64 c,
              const char *stored)
{
  GError *error = NULL;
  const MoaFileTensor *tensor
    = moa_weights_find (weights, name, rank, (gint64[]) { a, b, c, c }, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (tensor->name, ==, stored);
  g_assert_true (moa_weights_has (weights, name));
}

static void
test_spellings (void)
{
  char *path;
  MoaWeights *w = open_sample (&path);
  assert_found (w, "text_model.final_layer_norm.weight", 1, 4, 0, 0,
                "text_model.final_layer_norm.weight");
  assert_found (w, "final_layer_norm.weight", 1, 4, 0, 0, "text_model.final_layer_norm.weight");
  assert_found (w, "vision_model.encoder.layers.0.mlp.fc1.weight", 2, 2, 3, 0,
                "encoder.layers.0.mlp.fc1.weight");
  assert_found (w, "visual_projection.weight", 2, 2, 3, 0, "visual_projection.weight");
  assert_found (w, "decoder.mid_block.attentions.0.to_q.weight", 2, 4, 4, 0,
                "decoder.mid_block.attentions.0.query.weight");
  assert_found (w, "decoder.mid_block.attentions.0.to_k.bias", 1, 4, 0, 0,
                "decoder.mid_block.attentions.0.key.bias");
  assert_found (w, "decoder.mid_block.attentions.0.to_v.weight", 2, 4, 4, 0,
                "decoder.mid_block.attentions.0.value.weight");
  assert_found (w, "decoder.mid_block.attentions.0.to_out.0.weight", 2, 4, 4, 0,
                "decoder.mid_block.attentions.0.proj_attn.weight");
  assert_found (w, "encoder.mid_block.attentions.0.to_q.weight", 4, 4, 4, 1,
                "encoder.mid_block.attentions.0.to_q.weight");
  assert_found (w, "proj_in.weight", 2, 4, 3, 0, "proj_in.weight");
  assert_found (w, "proj_in.weight", 4, 4, 3, 1, "proj_in.weight");
  assert_found (w, "conv_in.weight", 4, 4, 3, 3, "conv_in.weight");
  g_assert_false (moa_weights_has (w, "encoder.mid_block.attentions.0.to_k.weight"));
  g_assert_false (moa_weights_has (w, "text_model.visual_projection.weights"));
  g_assert_false (moa_weights_has (w, "to_k.weight"));
  g_assert_false (moa_weights_has (w, ""));

  g_auto (GStrv) surplus = moa_weights_surplus (w); /* position_ids apart */
  g_assert_cmpuint (g_strv_length (surplus), ==, 2);
  g_assert_cmpstr (surplus[0], ==, "flags");
  g_assert_cmpstr (surplus[1], ==, "key.weight");
  moa_weights_unref (w);
  scratch_free (path);
}

static void
assert_not_found (MoaWeights *weights, const char *name, int rank, gint64 a, gint64 b, gint64 c,
                  const char *fault)
{
  GError *error = NULL;
  g_assert_null (moa_weights_find (weights, name, rank, (gint64[]) { a, b, c, c }, &error));
  g_assert_nonnull (strstr (error->message, "U-Net"));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_MODEL);
  assert_fault (error, moa_weights_path (weights), fault);
}

static void
test_faults (void)
{
  char *path;
  MoaWeights *w = open_sample (&path);
  assert_not_found (w, "conv_out.weight", 4, 4, 3, 3,
                    "has no tensor \"conv_out.weight\" of shape [4, 3, 3, 3]");
  assert_not_found (w, "conv_in.weight", 4, 4, 3, 1,
                    "\"conv_in.weight\" has the shape [4, 3, 3, 3]; its configuration asks for "
                    "[4, 3, 1, 1]");
  assert_not_found (w, "conv_in.weight", 4, 5, 3, 3, "asks for [5, 3, 3, 3]");
  assert_not_found (w, "conv_in.weight", 2, 4, 3, 0, "asks for [4, 3]");
  assert_not_found (w, "proj_in.weight", 2, 3, 4, 0, "asks for [3, 4]");
  assert_not_found (w, "proj_in.weight", 1, 4, 0, 0, "asks for [4]");
  assert_not_found (w, "final_layer_norm.weight", 0, 0, 0, 0, "asks for []");
  assert_not_found (w, "embeddings.position_ids", 2, 1, 2, 0, "is of type I64, not floats");
  assert_not_found (w, "flags", 1, 2, 0, 0, "is of type BOOL, not floats");
  g_auto (GStrv) surplus = moa_weights_surplus (w); /* nothing was found */
  g_assert_cmpuint (g_strv_length (surplus), ==, G_N_ELEMENTS (entries) - 1);
  moa_weights_unref (w);

  GError *error = NULL;
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_null (moa_weights_open (path, "U-Net", &error));
  g_assert_nonnull (strstr (error->message, "U-Net"));
  assert_fault (error, path, "cannot be opened");
  scratch_free (path);
}

static void
test_read (void)
{
  GError *error = NULL;
  float out[4];
  char *path;
  MoaWeights *w = open_sample (&path);
  MoaWeights *again = moa_weights_ref (w);
  moa_weights_unref (w);
  g_assert_cmpstr (moa_weights_path (again), ==, path);
  g_assert_cmpstr (moa_weights_label (again), ==, "U-Net");
  g_assert_cmpuint (moa_weights_count_elements (again), ==,
                    4 + 6 + 6 + 16 + 4 + 16 + 16 + 16 + 12 + 108 + 1);
  GStatBuf info;
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpuint (moa_weights_file_bytes (again), ==, (guint64) info.st_size);
  const MoaFileTensor *tensor
    = moa_weights_find (again, "conv_in.weight", 4, (gint64[]) { 4, 3, 3, 3 }, &error);
  g_assert_true (moa_weights_read (again, tensor, 104, 4, out, &error));
  g_assert_no_error (error);
  g_assert_true (out[0] == 104 && out[3] == 107);
  g_assert_false (moa_weights_read (again, tensor, 105, 4, out, &error));
  assert_fault (error, path, "conv_in.weight");
  moa_weights_unref (again);
  moa_weights_unref (NULL);
  scratch_free (path);
}

/* ---- Fixtures -------------------------------------------------------- */

static MoaWeights *
open_fixture (const char *name)
{
  GError *error = NULL;
  g_autofree char *path = fixture (name);
  if (!path)
    return NULL;
  MoaWeights *weights = moa_weights_open (path, "model", &error);
  g_assert_no_error (error);
  return weights;
}

static float *
read_all (MoaWeights *weights, const char *name, int rank, const gint64 *dim, gsize *n)
{
  GError *error = NULL;
  const MoaFileTensor *tensor = moa_weights_find (weights, name, rank, dim, &error);
  g_assert_no_error (error);
  *n = tensor->n;
  float *data = g_new (float, tensor->n);
  g_assert_true (moa_weights_read (weights, tensor, 0, tensor->n, data, &error));
  return data;
}

/* The VAE under old and new names holds the same matrices, also when asked for
 * as 1x1 convolutions. */
static void
test_vae_names (void)
{
  static const char *const parts[] = { "to_q", "to_k", "to_v", "to_out.0" };
  static const char *const sides[] = { "encoder", "decoder" };
  MoaWeights *a = open_fixture ("tiny/vae/diffusion_pytorch_model.safetensors");
  MoaWeights *b = a ? open_fixture ("tiny/vae-old-names/diffusion_pytorch_model.safetensors") : NULL;
  for (int i = 0; b && i < 8; i++)
    for (int bias = 0; bias < 2; bias++)
      {
        g_autofree char *name = g_strdup_printf ("%s.mid_block.attentions.0.%s.%s", sides[i / 4],
                                                 parts[i % 4], bias ? "bias" : "weight");
        const gint64 dim[] = { 16, 16, 1, 1 };
        gsize n, m;
        g_autofree float *u = read_all (a, name, bias ? 1 : 2, dim, &n);
        g_autofree float *v = read_all (b, name, bias ? 1 : 4, dim, &m);
        g_assert_cmpmem (u, n * sizeof (float), v, m * sizeof (float));
      }
  g_auto (GStrv) surplus = b ? moa_weights_surplus (b) : NULL;
  if (surplus)
    g_assert_cmpuint (g_strv_length (surplus), ==, 244 - 16);
  moa_weights_unref (a);
  moa_weights_unref (b);
}

static void
test_towers (void)
{
  gsize n;
  MoaWeights *text = open_fixture ("tiny/text_encoder/model.safetensors");
  MoaWeights *vision = text ? open_fixture ("tiny/image_encoder/model.safetensors") : NULL;
  if (vision)
    {
      const gint64 vocab[] = { 49408, 32 }, patch[] = { 48, 3, 14, 14 }, projection[] = { 24, 48 };
      g_autofree float *a = read_all (text, "text_model.embeddings.token_embedding.weight", 2, vocab,
                                      &n);
      g_autofree float *b = read_all (text, "embeddings.token_embedding.weight", 2, vocab, &n);
      g_assert_cmpmem (a, n * sizeof (float), b, n * sizeof (float));
      g_free (read_all (vision, "embeddings.patch_embedding.weight", 4, patch, &n));
      g_free (read_all (vision, "vision_model.embeddings.patch_embedding.weight", 4, patch, &n));
      g_free (read_all (vision, "visual_projection.weight", 2, projection, &n));
      g_auto (GStrv) surplus = moa_weights_surplus (text);
      g_assert_false (g_strv_contains ((const char *const *) surplus,
                                       "text_model.embeddings.position_ids"));
    }
  moa_weights_unref (text);
  moa_weights_unref (vision);
}

/* The bundled model, whose text encoder has no prefix. */
static void
test_bundled (void)
{
  static const char *const files[]
    = { "unet/diffusion_pytorch_model.safetensors", "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors", "image_encoder/model.safetensors", "moa/moa.safetensors" };
  const char *root = g_getenv ("MOA_TEST_MODEL");
  if (!root)
    {
      g_test_skip ("MOA_TEST_MODEL is not set");
      return;
    }
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      GError *error = NULL;
      gsize n;
      g_autofree char *path = g_build_filename (root, files[i], NULL);
      MoaWeights *weights = moa_weights_open (path, "bundled", &error);
      g_assert_no_error (error);
      g_assert_cmpuint (moa_weights_count_elements (weights), >, 100000);
      if (g_str_has_prefix (files[i], "text"))
        g_free (read_all (weights, "text_model.final_layer_norm.weight", 1, (gint64[]) { 96 }, &n));
      if (g_str_has_prefix (files[i], "unet"))
        g_free (read_all (weights, "down_blocks.0.attentions.0.proj_in.weight", 2,
                          (gint64[]) { 32, 32 }, &n));
      moa_weights_unref (weights);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/weights/spellings", test_spellings);
  g_test_add_func ("/weights/faults", test_faults);
  g_test_add_func ("/weights/read", test_read);
  g_test_add_func ("/weights/vae-names", test_vae_names);
  g_test_add_func ("/weights/towers", test_towers);
  g_test_add_func ("/weights/bundled", test_bundled);
  return g_test_run ();
}
