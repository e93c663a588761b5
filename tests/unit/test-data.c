/* Training data: the same item from the same number whatever the threads,
 * both layouts written and read back, photos cut and augmented, and broken
 * pictures left out. */
#include "io-util.h"
#include "train/data-private.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Folders --------------------------------------------------------- */

static char *
new_folder (void)
{
  g_autoptr (GError) error = NULL;
  char *folder = g_dir_make_tmp ("moa-test-XXXXXX", &error);
  g_assert_no_error (error);
  return folder;
}

static void
remove_folder (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;
  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      if (g_file_test (inner, G_FILE_TEST_IS_DIR))
        remove_folder (inner);
      else
        g_unlink (inner);
    }
  g_clear_pointer (&dir, g_dir_close);
  g_assert_cmpint (g_rmdir (path), ==, 0);
}

static void
write_file (const char *folder, const char *name, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0777), ==, 0);
  g_file_set_contents (path, text, -1, &error);
  g_assert_no_error (error);
}

/* One colour left, another right of column `split`. */
static void
write_picture (const char *folder, const char *name, int w, int h, int split, guint32 left,
               guint32 right)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname (path);
  g_assert_cmpint (g_mkdir_with_parents (parent, 0777), ==, 0);
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, w, h);
  gdk_pixbuf_fill (pixbuf, left);
  if (split < w)
    {
      g_autoptr (GdkPixbuf) part = gdk_pixbuf_new_subpixbuf (pixbuf, split, 0, w - split, h);
      gdk_pixbuf_fill (part, right);
    }
  gdk_pixbuf_save (pixbuf, path, "png", &error, NULL);
  g_assert_no_error (error);
}

static guint64
hash_floats (guint64 h, const float *data, gsize n)
{
  const guint8 *bytes = (const guint8 *) data;
  for (gsize i = 0; i < n * sizeof *data; i++)
    h = (h ^ bytes[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return h;
}

static guint64
hash_people (guint64 h, const MoaDataOptions *o, const MoaDataPerson *people, int n)
{
  for (int k = 0; k < n; k++)
    {
      h = hash_floats (h, people[k].mask, (gsize) o->size * o->size);
      for (int i = 0; i < o->n_photos; i++)
        h = hash_floats (h, people[k].photos[i], (gsize) 3 * o->photo_size * o->photo_size);
      h = hash_floats (h, people[k].measures, MOA_N_MEASURES);
    }
  return h;
}

/* All of an item as one number. */
static guint64
hash_item (const MoaDataOptions *o, const MoaDataItem *item)
{
  guint64 h = hash_floats (item->number + 1, item->picture, (gsize) 3 * o->size * o->size);
  h = hash_people (h, o, item->people, item->n_people);
  if (item->has_truth)
    {
      h = hash_floats (h, item->truth, (gsize) 3 * o->size * o->size);
      h = hash_floats (h, item->changed, (gsize) o->size * o->size);
      h = hash_people (h, o, item->truth_people, item->n_people);
      h ^= g_str_hash (item->truth_text);
    }
  return h ^ g_str_hash (item->text);
}

/* ---- The world ------------------------------------------------------- */

static void
world_options (MoaDataOptions *options)
{
  moa_data_options_init (options);
  options->size = 64;
  options->photo_size = 32;
  options->seed = 5;
  options->n_scenes = 20;
  options->truth = TRUE;
}

static void
test_world_items (void)
{
  MoaDataOptions options;
  world_options (&options);
  g_autofree char *folder = new_folder ();
  g_autoptr (GError) error = NULL;
  g_assert_true (moa_world_write_tokenizer (folder, 32, &error));
  MoaTokenizer *tokenizer = moa_tokenizer_open (folder, &error);
  g_assert_no_error (error);
  options.tokenizer = tokenizer;
  MoaDataSource *source = moa_data_world (&options);
  MoaDataItem *item = moa_data_item_new (source), *again = moa_data_item_new (source);
  int swaps[4] = { 0 };
  for (guint64 i = 0; i < 60; i++)
    {
      g_assert_true (moa_data_source_load (source, i, item, &error));
      g_assert_true (item->has_truth && item->prompt && item->truth_prompt);
      g_assert_cmpint (item->prompt->n_subjects, ==, item->n_people);
      g_assert_cmpint (item->who, <, 1 << item->n_people);
      swaps[item->who]++;
      for (int p = 0; p < 64 * 64; p++)
        if (item->changed[p] == 0)
          g_assert_cmpmem (item->picture + 3 * p, 12, item->truth + 3 * p, 12);
      /* The same scene comes again with other photos, and perhaps other words. */
      g_assert_true (moa_data_source_load (source, i + 20, again, &error));
      g_assert_cmpmem (item->picture, 64 * 64 * 12, again->picture, 64 * 64 * 12);
      g_assert_cmpint (memcmp (item->people[0].photos[0], again->people[0].photos[0],
                               32 * 32 * 12), !=, 0);
      /* And item i is item i. */
      guint64 h = hash_item (&options, item);
      g_assert_true (moa_data_source_load (source, i, again, &error));
      g_assert_cmphex (hash_item (&options, again), ==, h);
    }
  g_assert_true (swaps[0] == 0 && swaps[1] > 3 && swaps[2] > 3 && swaps[3] > 3);
  moa_data_item_free (source, item);
  moa_data_item_free (source, again);
  moa_data_source_free (source);
  moa_tokenizer_free (tokenizer);
  remove_folder (folder);
}

/* A picture's index tells it apart from all others, turned and not, for as long as one asks. */
static void
test_index (gconstpointer data)
{
  enum { N = 8, SIZE = 32 };
  gboolean world = GPOINTER_TO_INT (data);
  g_autofree char *folder = new_folder ();
  g_autoptr (GError) error = NULL;
  MoaDataOptions options;
  world_options (&options);
  options.size = SIZE;
  options.n_photos = 0;
  options.n_scenes = N;
  MoaWorld *drawn = moa_world_new (3, SIZE, 32);
  if (!world)
    g_assert_true (moa_data_write_world (drawn, 0, N + 1, MOA_DATA_LAYOUT_PLAIN, folder, NULL,
                                         &error)); /* of nine one is held out */
  moa_world_free (drawn);
  MoaDataSource *source = world ? moa_data_world (&options)
                                : moa_data_plain (folder, &options, &error);
  g_assert_no_error (error);
  guint64 n = moa_data_source_pictures (source);
  g_assert_cmpuint (n, ==, world ? N : 2 * N);
  float *seen[2 * N] = { NULL };
  MoaDataItem *item = moa_data_item_new (source);
  for (guint64 number = 0; number < 12 * N; number++)
    {
      g_assert_true (moa_data_source_load (source, number, item, &error));
      g_assert_cmpuint (item->index, <, n);
      if (!seen[item->index])
        seen[item->index] = g_memdup2 (item->picture, SIZE * SIZE * 3 * sizeof (float));
      for (guint64 i = 0; i < n; i++)
        if (seen[i])
          g_assert_true ((i == item->index)
                         == !memcmp (seen[i], item->picture, SIZE * SIZE * 3 * sizeof (float)));
    }
  for (guint64 i = 0; i < n; i++)
    {
      g_assert_nonnull (seen[i]);
      g_free (seen[i]);
    }
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  remove_folder (folder);
}

/* Any number of threads, and any start, give the same items in the same order. */
static void
test_queue (void)
{
  MoaDataOptions options;
  world_options (&options);
  MoaDataSource *source = moa_data_world (&options);
  guint64 hashes[30];
  g_autoptr (GError) error = NULL;
  for (int threads = 1; threads <= 4; threads += 3)
    {
      MoaDataQueue *queue = moa_data_queue_new (source, 3, 2, threads, 5);
      for (int i = 0; i < 30; i++)
        {
          g_assert_cmpuint (moa_data_queue_next (queue), ==, 3 + 2 * i);
          MoaDataItem *item = moa_data_queue_take (queue, &error);
          g_assert_no_error (error);
          g_assert_cmpuint (item->number, ==, 3 + 2 * i);
          guint64 h = hash_item (&options, item);
          if (threads == 1)
            hashes[i] = h;
          g_assert_cmphex (h, ==, hashes[i]);
          moa_data_queue_give_back (queue, item);
        }
      guint64 next = moa_data_queue_next (queue);
      moa_data_queue_free (queue);
      g_assert_cmpuint (next, ==, 63);
    }
  MoaDataQueue *queue = moa_data_queue_new (source, 3 + 2 * 17, 2, 2, 3);
  MoaDataItem *item = moa_data_queue_take (queue, &error);
  g_assert_cmphex (hash_item (&options, item), ==, hashes[17]);
  moa_data_queue_give_back (queue, item);
  moa_data_queue_free (queue);
  moa_data_source_free (source);
}

/* ---- Layouts --------------------------------------------------------- */

static MoaDataSource *
open_layout (MoaDataLayout layout, const char *folder, const MoaDataOptions *options)
{
  g_autoptr (GError) error = NULL;
  MoaDataSource *source = layout == MOA_DATA_LAYOUT_PLAIN
                              ? moa_data_plain (folder, options, &error)
                              : moa_data_fastcomposer (folder, options, &error);
  g_assert_no_error (error);
  return source;
}

/* Written and read: each picture once, pixels (JPEG's apart), masks and words as drawn. */
static void
test_round_trip (gconstpointer data)
{
  MoaDataLayout layout = GPOINTER_TO_INT (data);
  enum { N = 10, SIZE = 64 };
  g_autofree char *folder = new_folder ();
  g_autoptr (GError) error = NULL;
  MoaWorld *world = moa_world_new (3, SIZE, 32);
  g_assert_true (moa_data_write_world (world, 40, N, layout, folder, NULL, &error));
  g_assert_no_error (error);

  MoaDataOptions options;
  moa_data_options_init (&options);
  options.size = SIZE;
  options.photo_size = 32;
  options.augment = FALSE;
  MoaDataSource *source = open_layout (layout, folder, &options);
  int n = N - 1; /* one in ten is for tests */
  g_assert_cmpuint (moa_data_source_n (source), ==, n);
  MoaDataItem *item = moa_data_item_new (source);
  int found = 0;
  guint8 rgb[3 * SIZE * SIZE], masks[2][SIZE * SIZE], *visible[2] = { masks[0], masks[1] };
  for (int i = 0; i < n; i++)
    for (guint64 number = 0; number < (guint64) n; number++)
      {
        MoaScene scene;
        MoaCaption caption;
        moa_world_scene (world, 40 + i, 0, &scene);
        moa_world_caption (world, &scene, 40 + i, 0, &caption);
        moa_world_draw (world, &scene, rgb, visible, NULL);
        g_assert_true (moa_data_source_load (source, number, item, &error));
        double sum = 0;
        for (int p = 0; p < 3 * SIZE * SIZE; p++)
          sum += pow ((item->picture[p] + 1) * 127.5 - rgb[p], 2);
        double noise = sqrt (sum / (3 * SIZE * SIZE));
        if (noise > 12)
          continue;
        found++;
        g_assert_cmpfloat (noise, <, layout == MOA_DATA_LAYOUT_PLAIN ? .01 : 8);
        g_assert_cmpint (item->n_people, ==, scene.context.n_people);
        for (int k = 0; k < item->n_people; k++)
          {
            int wrong = 0;
            for (int p = 0; p < SIZE * SIZE; p++)
              if (abs (masks[k][p] - 127) > 20) /* the instance map has no halves */
                wrong += (item->people[k].mask[p] > .5f) != (masks[k][p] > 127);
            g_assert_cmpint (wrong, ==, 0);
          }
        g_autofree char *first_noun = g_strndup (caption.text, caption.end[0]);
        g_assert_true (g_str_has_prefix (item->text, first_noun));
        if (layout == MOA_DATA_LAYOUT_FASTCOMPOSER)
          g_assert_true (g_str_has_prefix (item->text + caption.end[0], "<1>"));
      }
  g_assert_cmpint (found, ==, n);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  moa_world_free (world);
  remove_folder (folder);
}

/* A description by hand: "end" counts characters, not bytes; two segments at
 * one word are one; other things than persons do not count. */
static void
test_fastcomposer_words (void)
{
  g_autofree char *folder = new_folder ();
  g_autoptr (GError) error = NULL;
  write_picture (folder, "ab/ab.png", 6, 4, 3, 0xff0000ff, 0x0000ffff);
  write_file (folder, "image_ids_train.txt", "ab\n\n");
  write_file (folder, "ab/ab.json",
              "{\"caption\": \"Zoë, a girl, and a boy on a bench\", \"segments\": ["
              "{\"id\": 2, \"bbox\": [3, 0, 6, 4], \"end\": 22, \"coco_label\": \"person\"},"
              "{\"id\": 2, \"bbox\": [3, 0, 6, 4], \"end\": 22, \"coco_label\": \"person\"},"
              "{\"id\": 7, \"bbox\": [0, 0, 6, 4], \"end\": 33, \"coco_label\": \"bench\"},"
              "{\"id\": 1, \"bbox\": [0, 0, 3, 4], \"end\": 11, \"coco_label\": \"person\"}]}");
  g_autofree char *npy = g_build_filename (folder, "ab", "ab.npy", NULL);
  static const guint8 map[24] = { 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                  7, 7, 7, 7, 7, 7 };
  g_assert_true (moa_npy_write (npy, map, 6, 4, &error));
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.size = 16;
  options.photo_size = 16;
  options.augment = FALSE;
  options.others = MOA_OTHERS_GRAY;
  MoaDataSource *source = moa_data_fastcomposer (folder, &options, &error);
  g_assert_no_error (error);
  MoaDataItem *item = moa_data_item_new (source);
  g_assert_true (moa_data_source_load (source, 0, item, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (item->text, ==, "Zoë, a girl<1>, and a boy<2> on a bench");
  g_assert_cmpint (item->n_people, ==, 2);
  /* Red is at the left of the middle square, blue at the right, in the photos all over. */
  g_assert_cmpfloat (item->picture[0], >, .9f);
  g_assert_cmpfloat (item->picture[2], <, -.9f);
  const float *red = item->people[0].photos[0] + 3 * (16 * 8 + 8);
  const float *blue = item->people[1].photos[0] + 3 * (16 * 8 + 8);
  g_assert_true (red[0] > .95f && red[1] < .05f && red[2] < .05f);
  g_assert_true (blue[0] < .05f && blue[1] < .05f && blue[2] > .95f);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  remove_folder (folder);
}

/* A red person, 20 x 40, beside a blue one on green ground: hidden is what should be. */
static void
test_photo (void)
{
  g_autofree char *folder = new_folder ();
  g_autoptr (GError) error = NULL;
  write_picture (folder, "images/p.png", 60, 40, 30, 0xff0000ff, 0x0000ffff);
  /* The first is left of column 20; the second right of 40; between there is ground. */
  write_picture (folder, "masks/p-1.png", 60, 40, 20, 0xffffffff, 0x000000ff);
  write_picture (folder, "masks/p-2.png", 60, 40, 40, 0x000000ff, 0xffffffff);
  write_file (folder, "captions.txt", "p\ta man and a woman");
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.size = 16;
  options.photo_size = 40;
  options.n_photos = 1;
  options.augment = FALSE;
  MoaDataSource *source = open_layout (MOA_DATA_LAYOUT_PLAIN, folder, &options);
  MoaDataItem *item = moa_data_item_new (source);
  g_assert_true (moa_data_source_load (source, 0, item, &error));
  g_assert_no_error (error);
  const float *photo = item->people[0].photos[0];
  /* White, red from 10 to 30, white: padded to a square of 40. */
  static const float white[3] = { 1, 1, 1 }, red[3] = { 1, 0, 0 };
  for (int y = 0; y < 40; y++)
    for (int x = 0; x < 40; x++)
      g_assert_cmpmem (photo + 3 * (40 * y + x), 12, x < 10 || x >= 30 ? white : red, 12);
  /* The square of the picture is its middle, columns 10 to 50. */
  for (int x = 0; x < 16; x++)
    {
      g_assert_true ((item->people[0].mask[x] > .5f) == (x < 4));
      g_assert_true ((item->picture[3 * x] > 0) == (x < 8));
    }
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  remove_folder (folder);
}

/* What stands in for a person's surroundings, with a mask that is no rectangle. */
static void
test_hidden (void)
{
  enum { N = 8 };
  guint8 *rgb = g_malloc (3 * N * N), *mask = g_malloc0 (N * N), *people = g_malloc0 (N * N);
  memset (rgb, 200, 3 * N * N);
  for (int i = 0; i < N; i++)
    mask[i * N + i] = people[i * N + i] = 255; /* a person on the diagonal, */
  people[7] = 255;                             /* another in the corner */
  MoaRecord record = { .width = N, .height = N, .rgb = rgb, .n_people = 1, .mask = { mask },
                       .people = people };
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.augment = FALSE;
  options.photo_size = N;
  float photo[3 * N * N];
  for (int alone = 0; alone < 2; alone++)
    for (int noise = 0; noise < 2; noise++)
      {
        double mean = 0;
        int changed = 0;
        options.alone = alone;
        options.others = noise ? MOA_OTHERS_NOISE : MOA_OTHERS_GRAY;
        g_assert_true (moa_data_cut_photo (&record, 0, &options, 9, photo, NULL));
        for (int p = 0; p < N * N; p++)
          {
            gboolean own = p % (N + 1) == 0, hidden = !own && (alone || p == 7);
            gboolean same = photo[3 * p] == 200 / 255.0f && photo[3 * p + 1] == 200 / 255.0f;
            if (!hidden)
              g_assert_true (same);
            else if (!noise)
              g_assert_true (photo[3 * p] == 127 / 255.0f);
            changed += !same;
            mean += photo[3 * p];
          }
        g_assert_cmpint (changed, ==, alone ? N * N - N : 1);
        if (noise && alone) /* 56 numbers around a half */
          g_assert_cmpfloat_with_epsilon ((mean - N * 200 / 255.0) / (N * N - N), .5, .16);
      }
  GError *error = NULL;
  memset (mask, 0, N * N);
  g_assert_false (moa_data_cut_photo (&record, 0, &options, 9, photo, &error));
  assert_fault (error, "person 1", "mask is empty");
  moa_record_clear (&record);
}

/* Augmented photos keep their range, differ from stream to stream, are the
 * same for the same stream, and as often gray as FastComposer's. */
static void
test_augment (void)
{
  enum { W = 40, H = 60, N = 32, TIMES = 400 };
  guint8 *rgb = g_malloc (3 * W * H), *mask = g_malloc (W * H), *people = g_malloc (W * H);
  for (int i = 0; i < W * H; i++)
    {
      rgb[3 * i] = 220;
      rgb[3 * i + 1] = i % W * 4;
      rgb[3 * i + 2] = 30;
    }
  memset (mask, 255, W * H);
  memset (people, 255, W * H);
  MoaRecord record = { .width = W, .height = H, .rgb = rgb, .n_people = 1, .mask = { mask },
                       .people = people };
  MoaDataOptions options;
  moa_data_options_init (&options);
  options.photo_size = N;
  float photo[3 * N * N], again[3 * N * N], before[3 * N * N] = { 0 };
  int gray = 0, mirrored = 0;
  for (int t = 0; t < TIMES; t++)
    {
      g_assert_true (moa_data_cut_photo (&record, 0, &options, t, photo, NULL));
      g_assert_true (moa_data_cut_photo (&record, 0, &options, t, again, NULL));
      g_assert_cmpmem (photo, sizeof photo, again, sizeof again);
      g_assert_cmpint (memcmp (photo, before, sizeof photo), !=, 0);
      memcpy (before, photo, sizeof photo);
      gboolean is_gray = TRUE;
      for (int i = 0; i < N * N; i++)
        {
          for (int c = 0; c < 3; c++)
            g_assert_true (photo[3 * i + c] >= -1e-5f && photo[3 * i + c] <= 1 + 1e-5f);
          is_gray &= photo[3 * i] == photo[3 * i + 1];
        }
      gray += is_gray;
      const float *left = photo + 3 * (N * N / 2 + 2 * N / 5), *right = left + 3 * (N / 5);
      mirrored += left[1] > right[1];
    }
  /* 1 in 10 and 1 in 2, within 4 standard deviations */
  g_assert_cmpfloat_with_epsilon (gray / (double) TIMES, .1, .06);
  g_assert_cmpfloat_with_epsilon (mirrored / (double) TIMES, .5, .1);
  moa_record_clear (&record);
}

/* ---- Order, and what cannot be used ---------------------------------- */

/* n pictures that are told apart by their captions, the last n_broken missing. */
static char *
numbered_folder (int n, int n_broken)
{
  char *folder = new_folder ();
  g_autoptr (GString) list = g_string_new (NULL);
  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = g_strdup_printf ("images/p%d.png", i);
      if (i < n - n_broken)
        write_picture (folder, name, 4, 4, 4, 0x808080ff, 0);
      g_string_append_printf (list, "p%d\t%d\n", i, i);
    }
  write_file (folder, "captions.txt", list->str);
  return folder;
}

static void
tiny_options (MoaDataOptions *options)
{
  moa_data_options_init (options);
  options->size = 4;
  options->photo_size = 4;
}

static void
test_order (void)
{
  enum { N = 34 };
  g_autofree char *folder = numbered_folder (N + 3, 0); /* three are held out */
  g_autoptr (GError) error = NULL;
  MoaDataOptions options;
  tiny_options (&options);
  MoaDataSource *source = open_layout (MOA_DATA_LAYOUT_PLAIN, folder, &options);
  MoaDataItem *item = moa_data_item_new (source);
  int order[3][N], moved = 0;
  for (int turn = 0; turn < 3; turn++)
    {
      gboolean seen[N + 3] = { FALSE };
      for (int i = 0; i < N; i++)
        {
          g_assert_true (moa_data_source_load (source, turn * N + i, item, &error));
          int which = order[turn][i] = atoi (item->text);
          g_assert_false (seen[which]);
          seen[which] = TRUE;
          moved += turn && order[turn][i] != order[turn - 1][i];
        }
    }
  g_assert_cmpint (moved, >, N);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  remove_folder (folder);
}

static void
test_broken (void)
{
  g_autofree char *folder = numbered_folder (222, 2); /* 22 are held out */
  g_autoptr (GError) error = NULL;
  MoaDataOptions options;
  tiny_options (&options);
  MoaDataSource *source = open_layout (MOA_DATA_LAYOUT_PLAIN, folder, &options);
  MoaDataItem *item = moa_data_item_new (source);
  for (guint64 i = 0; i < 400; i++)
    {
      g_assert_true (moa_data_source_load (source, i, item, &error));
      g_assert_no_error (error);
    }
  g_auto (GStrv) broken = moa_data_source_broken (source);
  g_assert_cmpint (g_strv_length (broken), ==, 2);
  for (int i = 0; i < 2; i++)
    g_assert_true (g_str_has_prefix (broken[i], "p220: ")
                   || g_str_has_prefix (broken[i], "p221: "));

  /* A third of 200 is too many, in the queue too, which says so every time. */
  g_autofree char *gone = g_build_filename (folder, "images", "p7.png", NULL);
  write_file (folder, "images/p7.png", "no picture");
  MoaDataQueue *queue = moa_data_queue_new (source, 0, 1, 3, 8);
  MoaDataItem *taken = NULL;
  int n = 0;
  while ((taken = moa_data_queue_take (queue, &error)))
    {
      moa_data_queue_give_back (queue, taken);
      g_assert_cmpint (n++, <, 200);
    }
  g_assert_error (error, MOA_ERROR, MOA_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, "3 of 200"));
  g_assert_nonnull (strstr (error->message, "p7"));
  g_clear_error (&error);
  g_assert_null (moa_data_queue_take (queue, &error));
  g_assert_error (error, MOA_ERROR, MOA_ERROR_FILE);
  moa_data_queue_free (queue);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  remove_folder (folder);
}

/* Names of a source in one turn, in the order of the list. */
static char *
names_of (const char *folder, gboolean test)
{
  MoaDataOptions options;
  tiny_options (&options);
  options.test_split = test;
  MoaDataSource *source = open_layout (MOA_DATA_LAYOUT_PLAIN, folder, &options);
  MoaDataItem *item = moa_data_item_new (source);
  gboolean seen[64] = { FALSE };
  GString *names = g_string_new (NULL);
  for (guint64 i = 0; i < moa_data_source_n (source); i++)
    {
      g_assert_true (moa_data_source_load (source, i, item, NULL));
      seen[atoi (item->text)] = TRUE;
    }
  for (int i = 0; i < 64; i++)
    if (seen[i])
      g_string_append_printf (names, "%d ", i);
  moa_data_item_free (source, item);
  moa_data_source_free (source);
  return g_string_free (names, FALSE);
}

/* What is held out is never trained on. */
static void
test_split (void)
{
  static const struct {
    int n;
    const char *test_list, *train, *held_out;
  } cases[] = {
    { 21, NULL, "0 1 2 3 4 5 6 7 8 10 11 12 13 14 15 16 17 18 20 ", "9 19 " },
    { 4, NULL, "0 1 2 ", "3 " },
    { 1, NULL, "0 ", "0 " },
    { 4, "p2\t2\np1\t1\n", "0 1 2 3 ", "1 2 " },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *folder = numbered_folder (cases[i].n, 0);
      if (cases[i].test_list)
        write_file (folder, "captions_test.txt", cases[i].test_list);
      g_autofree char *train = names_of (folder, FALSE), *held_out = names_of (folder, TRUE);
      g_assert_cmpstr (train, ==, cases[i].train);
      g_assert_cmpstr (held_out, ==, cases[i].held_out);
      remove_folder (folder);
    }
}

/* Of however few pictures one may be broken. */
static void
test_one_broken (void)
{
  for (int n_broken = 1; n_broken <= 2; n_broken++)
    {
      g_autofree char *folder = numbered_folder (9, n_broken);
      g_autoptr (GError) error = NULL;
      MoaDataOptions options;
      tiny_options (&options);
      write_file (folder, "captions_test.txt", "p7\t7\np8\t8\np1\t1\np2\t2\n");
      options.test_split = TRUE;
      MoaDataSource *source = open_layout (MOA_DATA_LAYOUT_PLAIN, folder, &options);
      MoaDataItem *item = moa_data_item_new (source);
      gboolean good = TRUE;
      for (guint64 i = 0; i < 8 && good; i++)
        good = moa_data_source_load (source, i, item, &error);
      g_assert_true (good == (n_broken == 1));
      moa_data_item_free (source, item);
      moa_data_source_free (source);
      remove_folder (folder);
    }
}

static void
test_lists (void)
{
  static const struct {
    const char *list, *fault;
  } lists[] = {
    { "", "names no picture" },
    { "p\n", "line 1" },
    { "p\ta man\n../p\ta man\n", "line 2" },
    { ".\ta man\n", "line 1" },
    { "\xff\xfe\ta man\n", "line 1" },
  };
  MoaDataOptions options;
  tiny_options (&options);
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      GError *error = NULL;
      g_autofree char *folder = new_folder ();
      write_file (folder, "captions.txt", lists[i].list);
      g_assert_null (moa_data_plain (folder, &options, &error));
      assert_fault (error, folder, lists[i].fault);
      remove_folder (folder);
    }
  GError *error = NULL;
  g_assert_null (moa_data_fastcomposer ("/nowhere", &options, &error));
  assert_fault (error, "/nowhere/image_ids_train.txt", "cannot be read");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/data/world", test_world_items);
  g_test_add_data_func ("/data/index/world", GINT_TO_POINTER (TRUE), test_index);
  g_test_add_data_func ("/data/index/folder", GINT_TO_POINTER (FALSE), test_index);
  g_test_add_func ("/data/queue", test_queue);
  g_test_add_data_func ("/data/round-trip/plain", GINT_TO_POINTER (MOA_DATA_LAYOUT_PLAIN),
                        test_round_trip);
  g_test_add_data_func ("/data/round-trip/fastcomposer",
                        GINT_TO_POINTER (MOA_DATA_LAYOUT_FASTCOMPOSER), test_round_trip);
  g_test_add_func ("/data/fastcomposer-words", test_fastcomposer_words);
  g_test_add_func ("/data/photo", test_photo);
  g_test_add_func ("/data/hidden", test_hidden);
  g_test_add_func ("/data/augment", test_augment);
  g_test_add_func ("/data/order", test_order);
  g_test_add_func ("/data/broken", test_broken);
  g_test_add_func ("/data/one-broken", test_one_broken);
  g_test_add_func ("/data/split", test_split);
  g_test_add_func ("/data/lists", test_lists);
  return g_test_run ();
}
