/* The drawn world: the same bytes from the same seed, swaps that differ only
 * within silhouettes, masks, words and their tokens, and identities as varied
 * as they should be. */
#include "io-util.h"
#include "text/prompt.h"
#include "train/world/world.h"

#include <math.h>

enum { SIZE = 128, PHOTO = 64, PIXELS = SIZE * SIZE };

/* A scene with all that is drawn of it. */
typedef struct {
  MoaScene scene;
  guint8 rgb[3 * PIXELS], visible[MOA_WORLD_PEOPLE][PIXELS], whole[MOA_WORLD_PEOPLE][PIXELS];
} Drawn;

static void
draw (const MoaWorld *world, const MoaScene *scene, Drawn *out)
{
  guint8 *visible[] = { out->visible[0], out->visible[1] };
  guint8 *whole[] = { out->whole[0], out->whole[1] };
  memset (out, 0, sizeof *out);
  out->scene = *scene;
  moa_world_draw (world, scene, out->rgb, visible, whole);
}

static guint64
hash_bytes (guint64 h, const void *data, gsize n)
{
  for (gsize i = 0; i < n; i++)
    h = (h ^ ((const guint8 *) data)[i]) * G_GUINT64_CONSTANT (0x100000001b3);
  return h;
}

/* Everything of scenes 0 .. 23, as one number. */
static gpointer
hash_world (gpointer data)
{
  guint64 h = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  MoaWorld *world = moa_world_new (7, SIZE, PHOTO);
  Drawn *drawn = g_new (Drawn, 1);
  guint8 photo[3 * PHOTO * PHOTO];
  for (guint64 i = 0; i < 24; i++)
    {
      MoaScene scene;
      MoaCaption caption;
      moa_world_scene (world, i, 0, &scene);
      draw (world, &scene, drawn);
      h = hash_bytes (h, drawn->rgb, sizeof drawn->rgb);
      h = hash_bytes (h, drawn->visible, sizeof drawn->visible);
      h = hash_bytes (h, drawn->whole, sizeof drawn->whole);
      moa_world_photo (world, &scene.people[0], i, 0, 1, photo);
      h = hash_bytes (h, photo, sizeof photo);
      moa_world_crop (world, &scene, i, 0, drawn->rgb, drawn->visible[0], photo);
      h = hash_bytes (h, photo, sizeof photo);
      moa_world_caption (world, &scene, i, 3, &caption);
      h = hash_bytes (h, caption.text, strlen (caption.text));
    }
  g_free (drawn);
  moa_world_free (world);
  *(guint64 *) data = h;
  return NULL;
}

/* Threads side by side draw the same bytes as one alone.  A model is trained
 * and judged on pictures of seeds, so that a change of the number means: train
 * it anew. */
static void
test_same_bytes (void)
{
  guint64 alone, together[3];
  GThread *threads[3];
  hash_world (&alone);
  for (int i = 0; i < 3; i++)
    threads[i] = g_thread_new ("world", hash_world, &together[i]);
  for (int i = 0; i < 3; i++)
    {
      g_thread_join (threads[i]);
      g_assert_cmphex (together[i], ==, alone);
    }
  g_assert_cmphex (alone, ==, G_GUINT64_CONSTANT (0x219d2c3db541ceb7));
}

static void
test_swap (void)
{
  g_autofree Drawn *a = g_new (Drawn, 1), *b = g_new (Drawn, 1);
  MoaWorld *world = moa_world_new (11, SIZE, PHOTO);
  for (guint64 i = 0; i < 150; i++)
    {
      MoaScene scene, swapped;
      moa_world_scene (world, i, 0, &scene);
      guint who = 1 + i % ((1 << scene.context.n_people) - 1);
      moa_world_swap (world, i, 0, who, &scene, &swapped);
      draw (world, &scene, a);
      draw (world, &swapped, b);
      int inside = 0;
      for (int p = 0; p < PIXELS; p++)
        {
          gboolean touched = FALSE;
          for (int k = 0; k < scene.context.n_people; k++)
            if (who >> k & 1)
              touched |= a->whole[k][p] || b->whole[k][p];
          if (touched)
            inside += memcmp (a->rgb + 3 * p, b->rgb + 3 * p, 3) != 0;
          else
            g_assert_cmpmem (a->rgb + 3 * p, 3, b->rgb + 3 * p, 3);
        }
      g_assert_cmpint (inside, >, PIXELS / 50);
      for (int k = 0; k < scene.context.n_people; k++)
        {
          const MoaIdentity *old = &scene.people[k], *new = &swapped.people[k];
          if (!(who >> k & 1))
            g_assert_cmpmem (old, sizeof *old, new, sizeof *new);
          else
            g_assert_cmpint (old->is[MOA_ATTRIBUTE_KID], ==, new->is[MOA_ATTRIBUTE_KID]);
        }
    }
  moa_world_free (world);
}

/* Everybody is seen, nowhere more than their silhouette, and no pixel belongs
 * to two. */
static void
test_masks (void)
{
  g_autofree Drawn *d = g_new (Drawn, 1);
  MoaWorld *world = moa_world_new (13, SIZE, PHOTO);
  int hidden = 0;
  for (guint64 i = 0; i < 150; i++)
    {
      MoaScene scene;
      moa_world_scene (world, i, 0, &scene);
      draw (world, &scene, d);
      for (int k = 0; k < scene.context.n_people; k++)
        {
          int seen = 0, all = 0;
          for (int p = 0; p < PIXELS; p++)
            {
              g_assert_cmpint (d->visible[k][p], <=, d->whole[k][p] + 2); /* roundings */
              seen += d->visible[k][p] > 127;
              all += d->whole[k][p] > 127;
              if (scene.context.n_people == 2)
                g_assert_cmpint (d->visible[0][p] + d->visible[1][p], <=, 258);
            }
          g_assert_cmpint (seen, >, PIXELS / 16);
          hidden += seen < all;
        }
      if (scene.context.n_people == 2)
        g_assert_cmpfloat (scene.context.people[0].x, <, scene.context.people[1].x);
    }
  g_assert_cmpint (hidden, >, 60); /* things, fronts and friends do hide people */
  moa_world_free (world);
}

/* A picture of twice the size, each 2 x 2 pixels averaged, is nearly the picture. */
static void
test_scale (void)
{
  MoaWorld *small = moa_world_new (17, SIZE, PHOTO), *large = moa_world_new (17, 2 * SIZE, PHOTO);
  g_autofree guint8 *a = g_new (guint8, 3 * PIXELS), *b = g_new (guint8, 12 * PIXELS);
  for (guint64 i = 0; i < 20; i++)
    {
      MoaScene scene;
      double sum = 0;
      moa_world_scene (small, i, 0, &scene);
      moa_world_draw (small, &scene, a, NULL, NULL);
      moa_world_draw (large, &scene, b, NULL, NULL);
      for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < 3 * SIZE; x++)
          {
            const guint8 *p = b + 12 * SIZE * y + x / 3 * 6 + x % 3;
            double mean = (p[0] + p[3] + p[6 * SIZE] + p[6 * SIZE + 3]) / 4.0;
            sum += (mean - a[3 * SIZE * y + x]) * (mean - a[3 * SIZE * y + x]);
          }
      g_assert_cmpfloat (sqrt (sum / (3 * PIXELS)), <, 9);
    }
  moa_world_free (small);
  moa_world_free (large);
}

/* ---- Identities ------------------------------------------------------ */

static void
test_identities (void)
{
  enum { N = 3000 };
  int counts[MOA_N_ATTRIBUTES][16] = { 0 };
  MoaWorld *world = moa_world_new (19, SIZE, PHOTO);
  double widths = 0, skins = 0;
  for (guint64 i = 0; i < N; i++)
    {
      MoaScene scene;
      int classes[MOA_N_ATTRIBUTES];
      float measures[MOA_N_MEASURES];
      moa_world_scene (world, i, 1, &scene);
      g_assert_cmpint (scene.context.n_people, ==, 1);
      const MoaIdentity *who = &scene.people[0];
      moa_identity_classes (who, classes);
      moa_identity_measures (who, measures);
      for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
        {
          g_assert_true (classes[a] == -1 || classes[a] == who->is[a]);
          if (classes[a] >= 0)
            counts[a][classes[a]]++;
        }
      for (int m = 0; m < MOA_N_MEASURES; m++)
        g_assert_true (measures[m] >= 0 && measures[m] <= 1);
      if (classes[MOA_ATTRIBUTE_WOMAN] == 1 || classes[MOA_ATTRIBUTE_KID] == 1)
        g_assert_cmpint (classes[MOA_ATTRIBUTE_FACIAL], ==, 0);
      if (classes[MOA_ATTRIBUTE_PATTERN] == 0) /* plain: the second colour is the first */
        g_assert_cmpmem (measures + 6, 12, measures + 9, 12);
      else
        g_assert_cmpint (classes[MOA_ATTRIBUTE_SECOND], !=, classes[MOA_ATTRIBUTE_TOP]);
      widths += who->width / N;
      skins += who->skin / N;
    }
  for (int a = 0; a < MOA_N_ATTRIBUTES; a++)
    {
      g_assert_nonnull (moa_attribute_name (a));
      for (int c = 0; c < moa_attribute_n_classes (a); c++)
        {
          g_assert_nonnull (moa_attribute_class_name (a, c));
          g_assert_cmpint (counts[a][c], >, N / 100);
        }
    }
  /* Uniform: the mean of 3000 lies within 4 standard deviations, 0.29 / sqrt (3000). */
  g_assert_cmpfloat_with_epsilon (widths, .5, .021);
  g_assert_cmpfloat_with_epsilon (skins, .5, .021);
  moa_world_free (world);
}

/* Photos of one person differ, and show the colour of the top. */
static void
test_photos (void)
{
  MoaWorld *world = moa_world_new (23, SIZE, PHOTO);
  guint8 a[3 * PHOTO * PHOTO], b[3 * PHOTO * PHOTO];
  for (guint64 i = 0; i < 60; i++)
    {
      MoaScene scene;
      moa_world_scene (world, i, 1, &scene);
      moa_world_photo (world, &scene.people[0], i, 0, 0, a);
      moa_world_photo (world, &scene.people[0], i, 0, 1, b);
      g_assert_cmpint (memcmp (a, b, sizeof a), !=, 0);
      /* plain ground: both upper corners alike */
      g_assert_cmpmem (a, 3, a + 3 * (PHOTO - 1), 3);
      const MoaColour *top = &scene.people[0].top;
      int near = 0;
      for (int p = 0; p < PHOTO * PHOTO; p++)
        near += fabs (a[3 * p] / 255.0 - top->r) < .16 && fabs (a[3 * p + 1] / 255.0 - top->g) < .16
                && fabs (a[3 * p + 2] / 255.0 - top->b) < .16;
      g_assert_cmpint (near, >, PHOTO * PHOTO / 40);
    }
  moa_world_free (world);
}

/* ---- Words ----------------------------------------------------------- */

static gboolean
is_noun (const char *start, gsize n)
{
  g_autofree char *word = g_strndup (start, n);
  return g_strv_contains (moa_subject_nouns (), word);
}

static void
test_captions (void)
{
  enum { N = 4000 };
  MoaWorld *world = moa_world_new (29, SIZE, PHOTO);
  int generic = 0, bare = 0, inversion[MOA_WORLD_PEOPLE] = { 0 };
  gboolean *places = g_new0 (gboolean, moa_world_n_places ());
  for (guint64 i = 0; i < N; i++)
    {
      MoaScene scene;
      MoaCaption caption;
      moa_world_scene (world, i, 0, &scene);
      moa_world_caption (world, &scene, i, i % 5, &caption);
      places[scene.context.place] = TRUE;
      g_assert_cmpint (caption.n_people, ==, scene.context.n_people);
      g_assert_cmpint (strlen (caption.text), <, MOA_CAPTION_BYTES - 30);
      g_auto (GStrv) words = g_strsplit_set (caption.text, " ,", -1);
      for (char **word = words; *word; word++)
        g_assert_true (!**word || g_strv_contains (moa_world_words (), *word));
      for (int k = 0; k < caption.n_people; k++)
        {
          const char *end = caption.text + caption.end[k], *start = end;
          while (start > caption.text && start[-1] != ' ')
            start--;
          g_assert_true (is_noun (start, end - start));
        }
      generic += strstr (caption.text, "person") || strstr (caption.text, "kid");
      bare += !strstr (caption.text, " on ") && !strstr (caption.text, " in ")
              && !strstr (caption.text, " at ") && !strstr (caption.text, " by ");
      for (int n = 1; n <= MOA_WORLD_PEOPLE; n++)
        {
          g_autofree char *prompt = moa_prompt_default (n);
          inversion[n - 1] += !strcmp (caption.text, prompt);
        }
    }
  for (int i = 0; i < moa_world_n_places (); i++)
    g_assert_true (places[i]);
  /* 45 and 15 in 100, within 4 standard deviations */
  g_assert_cmpfloat_with_epsilon (generic / (double) N, .45, .032);
  g_assert_cmpfloat_with_epsilon (bare / (double) N, .15, .023);
  g_assert_cmpint (inversion[0], >, N / 50);
  g_assert_cmpint (inversion[1], >, N / 50);
  g_free (places);
  moa_world_free (world);
}

static void
test_tokenizer (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("moa-test-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_true (moa_world_write_tokenizer (folder, 32, &error));
  g_assert_no_error (error);
  MoaTokenizer *tokenizer = moa_tokenizer_open (folder, &error);
  g_assert_no_error (error);
  g_assert_cmpint (moa_tokenizer_window (tokenizer), ==, 32);

  g_autoptr (GHashTable) ids = g_hash_table_new (NULL, NULL);
  const char *const *words = moa_world_words ();
  for (int i = 0; words[i]; i++)
    {
      g_autoptr (GArray) tokens = moa_tokenizer_encode (tokenizer, words[i], -1, NULL);
      g_assert_cmpint (tokens->len, ==, 1);
      g_assert_true (
          g_hash_table_add (ids, GUINT_TO_POINTER (g_array_index (tokens, guint, 0) + 1)));
    }
  /* The row of each noun, found by the prompt's own rules, is the caption's. */
  MoaWorld *world = moa_world_new (31, SIZE, PHOTO);
  for (guint64 i = 0; i < 300; i++)
    {
      MoaScene scene;
      MoaCaption caption;
      moa_world_scene (world, i, 0, &scene);
      moa_world_caption (world, &scene, i, 0, &caption);
      MoaPrompt *prompt = moa_prompt_new (tokenizer, caption.text, caption.n_people, &error);
      g_assert_no_error (error);
      g_assert_null (prompt->warning);
      for (int k = 0; k < caption.n_people; k++)
        g_assert_cmpint (prompt->subject[k], ==, caption.token[k]);
      moa_prompt_free (prompt);
    }
  moa_world_free (world);
  moa_tokenizer_free (tokenizer);
  static const char *const files[] = { "vocab.json", "merges.txt", "tokenizer_config.json",
                                       "special_tokens_map.json" };
  for (gsize i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autofree char *path = g_build_filename (folder, files[i], NULL);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/* Pixels that belong to both silhouettes. */
static int
shared_pixels (const Drawn *d)
{
  int n = 0;
  for (int p = 0; p < PIXELS; p++)
    n += d->whole[0][p] > 127 && d->whole[1][p] > 127;
  return n;
}

/* Pairs stand apart, overlap and hug, each often enough to learn from; who hugs turns to the other
 * and reaches over them. */
static void
test_pairs (void)
{
  enum { N = 240 };
  g_autofree Drawn *d = g_new (Drawn, 1);
  MoaWorld *world = moa_world_new (31, SIZE, PHOTO);
  int hugs = 0, overlaps = 0, apart = 0;
  for (guint64 i = 0; i < N; i++)
    {
      MoaScene scene;
      moa_world_scene (world, i, 2, &scene);
      const MoaGesture *left = &scene.context.people[0].gesture;
      const MoaGesture *right = &scene.context.people[1].gesture;
      draw (world, &scene, d);
      int shared = shared_pixels (d);
      g_assert_true ((left->pose == MOA_POSE_HUG) == (right->pose == MOA_POSE_HUG));
      if (left->pose == MOA_POSE_HUG)
        {
          hugs++;
          g_assert_cmpint (left->side, ==, 1);
          g_assert_cmpint (right->side, ==, -1);
          g_assert_cmpint (shared, >, PIXELS / 100);
        }
      else if (shared > PIXELS / 100)
        overlaps++;
      else
        apart++;
    }
  g_test_message ("%d hug, %d overlap, %d stand apart, of %d", hugs, overlaps, apart, N);
  g_assert_cmpint (hugs, >, N * 15 / 100);
  g_assert_cmpint (overlaps, >, N * 15 / 100);
  g_assert_cmpint (apart, >, N * 10 / 100);
  moa_world_free (world);
}

/* ---- Poses ------------------------------------------------------------ */

/* The middle of all pixels of a colour in a pose picture; FALSE: there are none. */
static gboolean
find_colour (const guint8 *rgb, int r, int g, int b, double *x, double *y)
{
  int n = 0;
  *x = *y = 0;
  for (int i = 0; i < PIXELS; i++)
    if (rgb[3 * i] == r && rgb[3 * i + 1] == g && rgb[3 * i + 2] == b)
      {
        *x += i % SIZE;
        *y += i / SIZE;
        n++;
      }
  *x /= MAX (n, 1);
  *y /= MAX (n, 1);
  return n > 0;
}

/* Joints lie within their person, within two pixels; an arm that waves is up. */
static void
test_poses (void)
{
  /* Shoulder, elbow and hand of the left arm, then of the right one; below the eyes. */
  static const int colours[][3] = { { 255, 76, 0 }, { 255, 179, 0 }, { 153, 255, 0 }, { 0, 255, 76 },
                                    { 0, 255, 179 }, { 0, 153, 255 }, { 255, 0, 0 } };
  MoaWorld *world = moa_world_new (7, SIZE, PHOTO);
  Drawn *drawn = g_new (Drawn, 1);
  guint8 *pose = g_new (guint8, 3 * PIXELS), *again = g_new (guint8, 3 * PIXELS);
  int found = 0, waved = 0;
  for (guint64 i = 0; i < 80; i++)
    {
      MoaScene scene;
      double x[7], y[7];
      gboolean there[7];
      moa_world_scene (world, i, 1, &scene);
      draw (world, &scene, drawn);
      moa_world_pose (world, &scene, pose);
      for (int k = 0; k < 7; k++)
        {
          there[k] = find_colour (pose, colours[k][0], colours[k][1], colours[k][2], &x[k], &y[k]);
          gboolean within = !there[k];
          for (int v = -2; v <= 2 && there[k]; v++)
            for (int u = -2; u <= 2; u++)
              {
                int px = CLAMP ((int) (x[k] + .5) + u, 0, SIZE - 1), py = CLAMP ((int) (y[k] + .5) + v, 0, SIZE - 1);
                within |= drawn->whole[0][py * SIZE + px] > 127;
              }
          g_assert_true (within);
          found += there[k];
        }
      int arm = scene.context.people[0].gesture.side > 0 ? 3 : 0;
      if (scene.context.people[0].gesture.pose == MOA_POSE_WAVE && there[arm] && there[arm + 2])
        {
          g_assert_cmpfloat (y[arm + 2], <, y[arm]);
          waved++;
        }

      /* Who it is changes only the body's measures, and what stands before them nothing. */
      scene.context.front = MOA_FRONT_FENCE;
      scene.context.place = 0;
      moa_world_pose (world, &scene, again);
      g_assert_cmpmem (pose, 3 * PIXELS, again, 3 * PIXELS);
    }
  g_assert_cmpint (found, >, 450); /* others are outside the picture */
  g_assert_cmpint (waved, >, 3);
  g_free (drawn);
  g_free (pose);
  g_free (again);
  moa_world_free (world);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/world/same-bytes", test_same_bytes);
  g_test_add_func ("/world/swap", test_swap);
  g_test_add_func ("/world/masks", test_masks);
  g_test_add_func ("/world/scale", test_scale);
  g_test_add_func ("/world/identities", test_identities);
  g_test_add_func ("/world/photos", test_photos);
  g_test_add_func ("/world/captions", test_captions);
  g_test_add_func ("/world/tokenizer", test_tokenizer);
  g_test_add_func ("/world/pairs", test_pairs);
  g_test_add_func ("/world/poses", test_poses);
  return g_test_run ();
}
