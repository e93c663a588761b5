/* Golden tests of CLIP's preprocessing and of its vision encoder. */
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "golden.h"
#include "nets/clip.h"

/* The 8-bit pixels of a picture of the fixture. */
static guint8 *
read_pixels (const Fixture *f, const char *name)
{
  MoaShape shape = fixture_shape (f, name);
  gint64 n = moa_shape_count (&shape);
  g_autofree float *values = fixture_read (f, name);
  guint8 *pixels = g_new (guint8, n);
  for (gint64 i = 0; i < n; i++)
    pixels[i] = values[i];
  return pixels;
}

/* u8.N.NAME from rgb.NAME, to the bit where the fixture has it; the picture is returned. */
static guint8 *
crop (Fixture *f, const char *name, int n)
{
  g_autofree char *source = g_strdup_printf ("rgb.%s", name);
  g_autofree char *wanted = g_strdup_printf ("u8.%d.%s", n, name);
  MoaShape shape = fixture_shape (f, source);
  g_autofree guint8 *pixels = read_pixels (f, source);
  guint8 *out = g_new (guint8, n * n * 3);
  moa_clip_crop_u8 (pixels, shape.dim[1], shape.dim[0], shape.dim[2], n, out);
  if (fixture_has (f, wanted))
    {
      g_autofree float *values = g_new (float, n * n * 3);
      for (int i = 0; i < n * n * 3; i++)
        values[i] = out[i];
      fixture_check_input (f, wanted, values, n, n, 3, 0);
    }
  return out;
}

/* All sizes of all pictures.  Names with a further part are of other programs' choices. */
static void
check_crops (Fixture *f)
{
  const char *name;
  json_t *tensor;
  json_object_foreach (json_object_get (f->entry, "tensors"), name, tensor)
    {
      g_auto (GStrv) parts = g_strsplit (name, ".", -1);
      if (g_strv_length (parts) == 3 && strcmp (parts[0], "u8") == 0)
        g_free (crop (f, parts[2], atoi (parts[1])));
    }
}

static void
normalise (const MoaVisionConfig *config, const guint8 *pixels, gint64 n, float *out)
{
  for (gint64 i = 0; i < n; i++)
    out[i] = (pixels[i] / 255.0 - config->mean[i % 3]) / config->std[i % 3];
}

/* The batch: the pictures of meta.order, or the one of a fixture without it. */
static float *
make_batch (Fixture *f, const MoaVisionConfig *config, gint64 *batch)
{
  gint64 size = config->image_size, n = size * size * 3;
  json_t *order = json_object_get (json_object_get (f->entry, "meta"), "order");
  *batch = json_is_array (order) ? json_array_size (order) : 1;
  float *pixels = g_new (float, *batch * n);
  for (gint64 i = 0; i < *batch; i++)
    {
      const char *name = json_string_value (json_array_get (order, i));
      g_autofree guint8 *u8 = name ? crop (f, name, size) : read_pixels (f, "rgb_u8");
      normalise (config, u8, n, pixels + i * n);
    }
  if (fixture_has (f, "pixel_values")) /* numbers to 2.7, whose last float bit is worth 2.4e-7 */
    fixture_check_input (f, "pixel_values", pixels, *batch, size * size, 3, 1e-6);
  return pixels;
}

gboolean
golden_vision (const Golden *golden, Fixture *f, GError **error)
{
  MoaVisionConfig config;
  g_autofree char *path = golden_path (golden, "image_encoder", "config.json");
  g_autofree char *other = golden_path (golden, "feature_extractor", "preprocessor_config.json");
  if (!moa_vision_config_read (path, other, &config, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, "image_encoder", error);
  if (!params)
    return FALSE;
  check_crops (f);
  gint64 batch;
  g_autofree float *values = make_batch (f, &config, &batch);

  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaShape shape = MOA_SHAPE (batch, config.image_size, config.image_size, 3);
  MoaTensor *pixels = moa_graph_input (graph, "pixels", shape, MOA_EACH_RUN);
  moa_clip_vision (graph, &config, params, pixels);
  g_autoptr (Watch) watch = watch_new (f, graph, "");
  /* cls.N: the class token, which is the first, of hidden.N */
  g_auto (GStrv) tokens = fixture_outputs (f, "cls.");
  for (int i = 0; tokens[i]; i++)
    {
      g_autofree char *hidden = g_strdup_printf ("hidden.%s", tokens[i] + strlen ("cls."));
      moa_graph_output (moa_graph_find (graph, hidden));
    }
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  moa_graph_set (pixels, values);
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  watch_check (watch);
  for (int i = 0; tokens[i]; i++)
    {
      g_autofree char *hidden = g_strdup_printf ("hidden.%s", tokens[i] + strlen ("cls."));
      MoaTensor *t = moa_graph_find (graph, hidden);
      if (t)
        golden_check (f, tokens[i], t);
    }
  return TRUE;
}
