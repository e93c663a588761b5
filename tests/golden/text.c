/* Golden tests of the tokenizer and of CLIP's text encoder. */
#include <string.h>

#include "golden.h"
#include "nets/clip.h"
#include "nets/layers.h"

static MoaTokenizer *
open_tokenizer (const Golden *golden, GError **error)
{
  g_autofree char *dir = g_build_filename (golden->model, "tokenizer", NULL);
  return moa_tokenizer_open (dir, error);
}

static GArray *
encode (const MoaTokenizer *tokenizer, json_t *text)
{
  const char *string = json_string_value (text);
  GArray *ids = moa_tokenizer_encode (tokenizer, string ? string : "", json_string_length (text),
                                      NULL);
  guint start = moa_tokenizer_start (tokenizer), end = moa_tokenizer_end (tokenizer);
  g_array_prepend_val (ids, start);
  g_array_append_val (ids, end);
  return ids;
}

static gboolean
same_ids (const GArray *ids, json_t *expected)
{
  if (json_array_size (expected) != ids->len)
    return FALSE;
  for (guint i = 0; i < ids->len; i++)
    if (json_integer_value (json_array_get (expected, i)) != g_array_index (ids, guint, i))
      return FALSE;
  return TRUE;
}

/* tokens.json: rows of a text and its ids. */
gboolean
golden_tokens (const Golden *golden, Fixture *f, GError **error)
{
  g_autofree char *path = g_build_filename (golden->fixtures, "tokens.json", NULL);
  json_t *root = json_load_file (path, JSON_ALLOW_NUL, NULL), *row;
  if (!json_is_array (json_object_get (root, "rows")))
    golden_bail_out ("%s has no \"rows\"", path);
  g_autoptr (MoaTokenizer) tokenizer = open_tokenizer (golden, error);
  int n = 0, wrong = 0;
  size_t i;
  json_array_foreach (json_object_get (root, "rows"), i, row)
    {
      json_t *text = json_object_get (row, "text");
      if (!tokenizer || !json_is_string (text))
        break;
      n++;
      g_autoptr (GArray) ids = encode (tokenizer, text);
      if (same_ids (ids, json_object_get (row, "ids")))
        continue;
      wrong++;
      g_autofree char *shown = json_dumps (text, JSON_ENCODE_ANY);
      printf ("# tokens: other ids for %s\n", shown);
    }
  json_decref (root);
  if (tokenizer)
    fixture_result (f, "ids", wrong == 0 && n > 0, "%d of %d strings have the reference's ids",
                    n - wrong, n);
  return tokenizer != NULL;
}

/* The prompts that the fixture's ids were made of, where it names them; a model folder without a
 * tokenizer has only the ids. */
static gboolean
check_ids (const Golden *golden, Fixture *f, GError **error)
{
  json_t *prompts = json_object_get (json_object_get (f->entry, "meta"), "prompts");
  g_autofree char *dir = g_build_filename (golden->model, "tokenizer", NULL);
  if (!json_is_array (prompts) || !g_file_test (dir, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autoptr (MoaTokenizer) tokenizer = open_tokenizer (golden, error);
  if (!tokenizer)
    return FALSE;
  gint64 n = json_array_size (prompts), window = moa_tokenizer_window (tokenizer);
  g_autofree float *values = g_new (float, n * window);
  for (gint64 i = 0; i < n; i++)
    {
      g_autoptr (GArray) ids = encode (tokenizer, json_array_get (prompts, i));
      for (gint64 k = 0; k < window; k++)
        values[i * window + k] = k < ids->len - 1 && k < window - 1
                                 ? g_array_index (ids, guint, k)
                                 : (guint) moa_tokenizer_end (tokenizer);
    }
  fixture_check_input (f, "input_ids", values, n, 1, window, 0);
  return TRUE;
}

/* pooler_output: the state at the first end token, or, with the eos_token_id 2 of published files,
 * at the largest id. */
static void
check_pooled (Fixture *f, const MoaTextConfig *config, const MoaTensor *last)
{
  if (!fixture_has (f, "pooler_output"))
    return;
  g_autofree float *ids = fixture_read (f, "input_ids");
  g_autofree float *states = golden_get (last);
  gint64 b = last->shape.dim[0], n = last->shape.dim[1], width = last->shape.dim[2];
  g_autofree float *pooled = g_new (float, b * width);
  for (gint64 i = 0; i < b; i++)
    {
      gint64 at = 0;
      for (gint64 k = n - 1; k >= 0; k--)
        if (config->eos_token_id == 2 ? ids[i * n + k] >= ids[i * n + at]
                                      : ids[i * n + k] == config->eos_token_id)
          at = k;
      memcpy (pooled + i * width, states + (i * n + at) * width, width * sizeof (float));
    }
  fixture_check (f, "pooler_output", pooled, b, 1, width);
}

gboolean
golden_text (const Golden *golden, Fixture *f, GError **error)
{
  MoaTextConfig config;
  g_autofree char *path = golden_path (golden, "text_encoder", "config.json");
  if (!check_ids (golden, f, error) || !moa_text_config_read (path, &config, error))
    return FALSE;
  g_autoptr (MoaParams) params = golden_params (golden, "text_encoder", error);
  if (!params)
    return FALSE;

  g_autoptr (MoaGraph) graph = moa_graph_new (golden->cpu);
  MoaTensor *ids = golden_input (graph, f, "input_ids");
  MoaTensor *last = moa_clip_text (graph, &config, params, ids);
  /* clip_skip_1: the last norm, one layer early. */
  g_autofree char *early = g_strdup_printf ("hidden.%d", config.n_layers - 1);
  MoaNet net = { graph, params, .eps = config.eps };
  moa_graph_name (moa_net_layer_norm (&net, moa_graph_find (graph, early),
                                      "text_model.final_layer_norm"), "clip_skip_1");
  moa_graph_output (last);
  g_autoptr (Watch) watch = watch_new (f, graph, "");
  if (!golden_prepare (golden, graph, params, NULL, error))
    return FALSE;
  golden_set (ids, f, "input_ids");
  if (!moa_graph_run (graph, NULL, error))
    return FALSE;
  watch_check (watch);
  check_pooled (f, &config, last);
  return TRUE;
}
