/* Trainings of the tiny model. */
#ifndef MOA_TEST_TRAIN_UTIL_H
#define MOA_TEST_TRAIN_UTIL_H

#include <glib/gstdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/safetensors.h"
#include "moa.h"
#include "train/data.h"
#include "train/train.h"

static inline char *
tiny_model (void)
{
  const char *fixtures = g_getenv ("MOA_FIXTURES");
  g_assert_nonnull (fixtures);
  return g_build_filename (fixtures, "tiny", NULL);
}

static inline void
remove_all (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      remove_all (inner);
    }
  g_clear_pointer (&dir, g_dir_close);
  g_remove (path);
}

/* A folder in the plain layout with n pictures of the world, of 64 x 64 pixels. */
static inline void
write_pictures (const char *folder, int n)
{
  GError *error = NULL;
  MoaWorld *world = moa_world_new (3, 64, 32);
  moa_data_write_world (world, 0, n, MOA_DATA_LAYOUT_PLAIN, folder, NULL, &error);
  g_assert_no_error (error);
  moa_world_free (world);
}

/* A configuration of the tiny model: text with ' for ", without the model. */
static inline MoaTrainConfig
make_config (const char *text)
{
  g_autofree char *copy = g_strdelimit (g_strdup (text), "'", '"'), *model = tiny_model ();
  json_t *json = json_loads (copy, 0, NULL);
  g_assert_nonnull (json);
  json_object_set_new (json, "model", json_string (model));
  MoaTrainConfig config;
  GError *error = NULL;
  moa_train_config_parse (json, "test", &config, &error);
  g_assert_no_error (error);
  json_decref (json);
  return config;
}

static inline void
collect_line (const char *line, gpointer data)
{
  g_ptr_array_add (data, g_strdup (line));
}

/* Trains; the lines that it told go to lines, which may be NULL.  Samples are drawn only where the text asks for
 * them: a sheet takes longer than most of these trainings. */
static inline void
train (const char *config_text, const char *folder, gboolean resume, int stop_at, GPtrArray *lines)
{
  MoaTrainConfig config = make_config (config_text);
  if (!strstr (config_text, "'samples'"))
    config.every.samples = 0;
  MoaTrainRun run = { .n_threads = 1, .resume = resume, .stop_at = stop_at,
                      .tell = lines ? collect_line : NULL, .data = lines };
  GError *error = NULL;
  gboolean ok = moa_train (&config, folder, &run, &error);
  g_assert_no_error (error);
  g_assert_true (ok);
  moa_train_config_clear (&config);
}

static inline char *
checkpoint (const char *folder, int step)
{
  return g_strdup_printf ("%s/checkpoint-%09d.safetensors", folder, step);
}

/* All tensors of two files are the same, to the bit. */
static inline void
assert_same_tensors (const char *a, const char *b)
{
  GError *error = NULL;
  MoaSafetensors *x = moa_safetensors_open (a, &error), *y = moa_safetensors_open (b, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moa_safetensors_count (x), ==, moa_safetensors_count (y));
  g_assert_cmpint (moa_safetensors_count (x), >, 0);
  for (int i = 0; i < moa_safetensors_count (x); i++)
    {
      const MoaFileTensor *s = moa_safetensors_tensor (x, i), *t = moa_safetensors_tensor (y, i);
      g_assert_cmpstr (s->name, ==, t->name);
      g_assert_cmpint (s->n, ==, t->n);
      g_autofree float *p = g_new (float, s->n), *q = g_new (float, s->n);
      g_assert_true (moa_safetensors_read_float (x, s, 0, s->n, p, NULL));
      g_assert_true (moa_safetensors_read_float (y, t, 0, t->n, q, NULL));
      g_assert_cmpmem (p, s->n * sizeof (float), q, s->n * sizeof (float));
    }
  moa_safetensors_close (x);
  moa_safetensors_close (y);
}

static inline void
corrupt (const char *path)
{
  g_autofree char *data = NULL;
  gsize n;
  g_assert_true (g_file_get_contents (path, &data, &n, NULL));
  data[n - n / 3] ^= 0x40;
  g_assert_true (g_file_set_contents (path, data, n, NULL));
}

static inline gboolean
was_said (const GPtrArray *lines, const char *text)
{
  for (guint i = 0; i < lines->len; i++)
    if (strstr (lines->pdata[i], text))
      return TRUE;
  return FALSE;
}

/* The value after a name in the last line that has it. */
static inline double
last_value (const GPtrArray *lines, const char *name)
{
  for (guint i = lines->len; i > 0; i--)
    {
      const char *at = strstr (lines->pdata[i - 1], name);
      if (at)
        return g_ascii_strtod (at + strlen (name), NULL);
    }
  g_error ("no line has \"%s\"", name);
}

static inline char *
file_text (const char *folder, const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

/* The start of a training of the prior. */
#define PRIOR(more)                                                                                \
  "{'stage': 'prior', 'steps': 2, 'batch': 4, 'micro_batch': 2, 'train': ['unet/*'],"              \
  " 'every': {'log': 1, 'checkpoint': 1, 'validate': 2}, " more "}"

#endif
