/* Comparing photographs: see encoder.h. */
#include "evaluate/encoder.h"

#include "base/error.h"
#include "base/image.h"
#include "io/file.h"
#include "io/json.h"
#include "nets/clip.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

struct _MoaEncoder {
  MoaVisionConfig config;
  MoaCpu *cpu;
  MoaParams *params;
  MoaWorkspace *workspace;
  MoaGraph *graph;
  MoaTensor *in, *out;
};

/* ---- The encoder ------------------------------------------------------ */

static gboolean
read_config (MoaEncoder *encoder, const char *folder, GError **error)
{
  g_autofree char *config = g_build_filename (folder, "config.json", NULL);
  g_autofree char *own = g_build_filename (folder, "preprocessor_config.json", NULL);
  g_autofree char *beside = g_build_filename (folder, "..", "feature_extractor",
                                              "preprocessor_config.json", NULL);
  return moa_vision_config_read (config, g_file_test (own, G_FILE_TEST_EXISTS) ? own : beside,
                                 &encoder->config, error);
}

static gboolean
build (MoaEncoder *encoder, GError **error)
{
  int size = encoder->config.image_size;
  MoaGraph *g = encoder->graph = moa_graph_new (encoder->cpu);
  encoder->in = moa_graph_input (g, "pixels", MOA_SHAPE (1, size, size, 3), MOA_EACH_RUN);
  encoder->out = moa_clip_vision (g, &encoder->config, encoder->params, encoder->in);
  if (encoder->out)
    moa_graph_output (encoder->out);
  if (!moa_graph_plan (g, error))
    return FALSE;
  guint64 need = moa_graph_work_bytes (g) + moa_graph_held_bytes (g)
                 + moa_params_bytes (encoder->params);
  if (need > moa_cpu_free_memory ())
    return moa_fail (error, MOA_ERROR_MEMORY,
                     "The image encoder needs %.1f GiB of memory, and %.1f are free",
                     need / 1073741824., moa_cpu_free_memory () / 1073741824.);
  return moa_params_load (encoder->params, moa_cpu_threads (encoder->cpu), NULL, error)
         && moa_graph_prepare (g, encoder->workspace, error);
}

MoaEncoder *
moa_encoder_open (const char *folder, const MoaRun *run, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "model.safetensors", NULL);
  MoaEncoder *encoder = g_new0 (MoaEncoder, 1);
  MoaWeights *weights = NULL;
  if (read_config (encoder, folder, error)
      && (weights = moa_weights_open (path, "image encoder", error)))
    {
      encoder->cpu = moa_cpu_new (moa_isa_best (), run ? run->n_threads : 0);
      encoder->params = moa_params_new (weights, moa_isa_best ());
      encoder->workspace = moa_workspace_new ();
      moa_weights_unref (weights);
      if (build (encoder, error))
        return encoder;
    }
  moa_encoder_free (encoder);
  return NULL;
}

void
moa_encoder_free (MoaEncoder *encoder)
{
  if (!encoder)
    return;
  if (encoder->graph)
    moa_graph_free (encoder->graph);
  moa_workspace_free (encoder->workspace);
  moa_params_free (encoder->params);
  if (encoder->cpu)
    moa_cpu_free (encoder->cpu);
  g_free (encoder);
}

int
moa_encoder_dim (const MoaEncoder *encoder)
{
  return encoder->config.projection_dim;
}

gboolean
moa_encoder_embed (MoaEncoder *encoder, const MoaImage *picture, float *feature, GError **error)
{
  const MoaVisionConfig *config = &encoder->config;
  int side = config->image_size, dim = config->projection_dim;
  gsize n = (gsize) picture->width * picture->height * picture->channels;
  gsize n_seen = (gsize) side * side * 3;
  g_autofree guint8 *bytes = g_try_malloc (n), *seen = g_try_malloc (n_seen);
  g_autofree float *pixels = g_try_new (float, n_seen);
  if (!bytes || !seen || !pixels)
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory for a picture");
  for (gsize i = 0; i < n; i++)
    bytes[i] = CLAMP (picture->data[i], 0, 1) * 255 + 0.5f;
  moa_clip_crop_u8 (bytes, picture->width, picture->height, picture->channels, side, seen);
  for (gsize i = 0; i < n_seen; i++)
    pixels[i] = (seen[i] / 255.0f - (float) config->mean[i % 3]) / (float) config->std[i % 3];
  moa_graph_set (encoder->in, pixels);
  if (!moa_graph_run (encoder->graph, NULL, error))
    return FALSE;
  moa_graph_get (encoder->out, feature);
  double squares = 0;
  for (int i = 0; i < dim; i++)
    squares += (double) feature[i] * feature[i];
  if (!(squares > 0) || !isfinite (squares))
    return moa_fail (error, MOA_ERROR_MODEL,
                     "The image encoder gave a feature without a direction; its weights are "
                     "damaged");
  for (int i = 0; i < dim; i++)
    feature[i] /= sqrt (squares);
  return TRUE;
}

double
moa_encoder_cosine (const MoaEncoder *encoder, const float *a, const float *b)
{
  double sum = 0;
  for (int i = 0; i < moa_encoder_dim (encoder); i++)
    sum += (double) a[i] * b[i];
  return sum;
}

/* ---- The list --------------------------------------------------------- */

enum { MOST_LIST_BYTES = 1 << 24 };

static void
pair_free (gpointer data)
{
  MoaPhotoPair *pair = data;
  g_free (pair->result);
  g_free (pair->subject);
  g_free (pair->replaced);
  g_free (pair);
}

static void
add_pair (GPtrArray *pairs, const char *result, const char *subject, const char *replaced)
{
  MoaPhotoPair *pair = g_new (MoaPhotoPair, 1);
  *pair = (MoaPhotoPair){ g_strdup (result), g_strdup (subject),
                          replaced && *replaced ? g_strdup (replaced) : NULL };
  g_ptr_array_add (pairs, pair);
}

static gboolean
read_json (const char *path, const char *text, GPtrArray *pairs, GError **error)
{
  /* The reader of objects is the one that is safe with anything. */
  g_autofree char *object = g_strdup_printf ("{\"pairs\": %s\n}", text);
  json_t *json = moa_json_parse (object, strlen (object), path, error);
  if (!json)
    return FALSE;
  json_t *list = json_object_get (json, "pairs");
  gboolean ok = json_is_array (list);
  for (gsize i = 0; ok && i < json_array_size (list); i++)
    {
      json_t *item = json_array_get (list, i);
      const char *result = json_string_value (json_object_get (item, "result"));
      const char *subject = json_string_value (json_object_get (item, "subject"));
      if ((ok = result && subject))
        add_pair (pairs, result, subject, json_string_value (json_object_get (item, "replaced")));
    }
  json_decref (json);
  return ok || moa_fail (error, MOA_ERROR_FILE,
                         "%s: should be an array of objects with \"result\" and \"subject\", names "
                         "of files", path);
}

static gboolean
read_csv (const char *path, const char *text, GPtrArray *pairs, GError **error)
{
  g_auto (GStrv) lines = g_strsplit_set (text, "\r\n", -1);
  for (int i = 0; lines[i]; i++)
    {
      g_auto (GStrv) fields = g_strsplit (g_strstrip (lines[i]), ",", -1);
      int n = g_strv_length (fields);
      for (int k = 0; k < n; k++)
        g_strstrip (fields[k]);
      if (n == 0 || (n == 1 && !*fields[0]) || (n > 1 && !strcmp (fields[0], "result")))
        continue;
      if (n < 2 || n > 3 || !*fields[0] || !*fields[1])
        return moa_fail (error, MOA_ERROR_FILE,
                         "%s: \"%s\" is not RESULT,SUBJECT or RESULT,SUBJECT,REPLACED; for names "
                         "with commas write the list as JSON", path, lines[i]);
      add_pair (pairs, fields[0], fields[1], fields[2]);
    }
  return TRUE;
}

GPtrArray *
moa_photo_pairs_read (const char *path, GError **error)
{
  guint64 size;
  int fd = moa_file_open (path, &size, error);
  if (fd < 0)
    return NULL;
  g_autofree char *text = size <= MOST_LIST_BYTES ? g_malloc0 (size + 1) : NULL;
  gboolean ok = text ? moa_file_read (fd, path, 0, text, size, error)
                     : moa_fail (error, MOA_ERROR_FILE, "%s: is too long for such a list", path);
  close (fd);
  ok = ok && (g_utf8_validate (text, size, NULL)
              || moa_fail (error, MOA_ERROR_FILE, "%s: is not UTF-8 text", path));
  GPtrArray *pairs = g_ptr_array_new_with_free_func (pair_free);
  if (ok)
    {
      const char *start = text + strspn (text, " \t\r\n");
      ok = *start == '[' ? read_json (path, start, pairs, error)
                         : read_csv (path, start, pairs, error);
    }
  if (ok && pairs->len == 0)
    ok = moa_fail (error, MOA_ERROR_FILE, "%s: lists no pictures", path);
  if (!ok)
    g_clear_pointer (&pairs, g_ptr_array_unref);
  return pairs;
}
