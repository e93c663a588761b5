/* The drawn world as training data. */
#include "train/data-private.h"

#include <string.h>

typedef struct {
  MoaDataSource base;
  MoaWorld *world;
} WorldSource;

/* Bytes that one item is drawn into, on their way to floats. */
typedef struct {
  guint8 *rgb, *photo, *visible[MOA_WORLD_PEOPLE], *whole[MOA_WORLD_PEOPLE];
} Buffers;

static void
buffers_init (Buffers *b, const MoaDataOptions *options)
{
  gsize n = (gsize) options->size * options->size;
  b->rgb = g_new (guint8, 3 * n);
  b->photo = g_new (guint8, (gsize) 3 * options->photo_size * options->photo_size);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      b->visible[k] = g_new (guint8, n);
      b->whole[k] = g_new (guint8, n);
    }
}

static void
buffers_clear (Buffers *b)
{
  g_free (b->rgb);
  g_free (b->photo);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      g_free (b->visible[k]);
      g_free (b->whole[k]);
    }
}

static void
to_floats (const guint8 *in, gsize n, float low, float *out)
{
  for (gsize i = 0; i < n; i++)
    out[i] = low + in[i] * ((1 - low) / 255.0f);
}

/* The photos that a training run sees of scene `index` differ from one time
 * that it comes to the next; the last is the person cut from the picture. */
static void
fill_photos (const WorldSource *s, const MoaScene *scene, guint64 index, guint64 number, int k,
             Buffers *b, float **photos)
{
  const MoaDataOptions *options = &s->base.options;
  gsize n = (gsize) 3 * options->photo_size * options->photo_size;
  guint turn = options->n_scenes ? number / options->n_scenes : 0;
  for (int i = 0; i < options->n_photos; i++)
    {
      if (i && i == options->n_photos - 1)
        {
          gboolean cut = moa_data_unit (&s->base, number, MOA_DATA_CROP, k) < .7;
          moa_world_crop (s->world, scene, index, k, b->rgb, cut ? b->visible[k] : NULL, b->photo);
        }
      else
        moa_world_photo (s->world, &scene->people[k], index, k, turn * options->n_photos + i,
                         b->photo);
      to_floats (b->photo, n, 0, photos[i]);
    }
}

/* Draws a scene into picture and people. */
static void
fill_side (const WorldSource *s, const MoaScene *scene, guint64 index, guint64 number, Buffers *b,
           float *picture, MoaDataPerson *people)
{
  const MoaDataOptions *options = &s->base.options;
  gsize n = (gsize) options->size * options->size;
  moa_world_draw (s->world, scene, b->rgb, b->visible, b->whole);
  to_floats (b->rgb, 3 * n, -1, picture);
  for (int k = 0; k < MIN (scene->context.n_people, options->max_people); k++)
    {
      to_floats (b->visible[k], n, 0, people[k].mask);
      fill_photos (s, scene, index, number, k, b, people[k].photos);
      moa_identity_classes (&scene->people[k], people[k].classes);
      moa_identity_measures (&scene->people[k], people[k].measures);
    }
}

/* changed = max (changed, silhouettes of `who`). */
static void
add_changed (const Buffers *b, guint who, gsize n, float *changed)
{
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    if (who >> k & 1)
      for (gsize i = 0; i < n; i++)
        changed[i] = MAX (changed[i], b->whole[k][i] / 255.0f);
}

/* One in three swaps of a pair exchanges both. */
static guint
choose_who (const WorldSource *s, const MoaScene *scene, guint64 number)
{
  if (scene->context.n_people == 1)
    return 1;
  return 1 + (guint) (3 * moa_data_unit (&s->base, number, MOA_DATA_WHO, 0));
}

static void
fill_truth (const WorldSource *s, guint64 index, const MoaScene *swapped, Buffers *b,
            MoaDataItem *item)
{
  gsize n = (gsize) s->base.options.size * s->base.options.size;
  item->has_truth = TRUE;
  memset (item->changed, 0, n * sizeof *item->changed);
  add_changed (b, item->who, n, item->changed);
  fill_side (s, swapped, index, item->number, b, item->truth, item->truth_people);
  add_changed (b, item->who, n, item->changed);
}

static gboolean
load (MoaDataSource *source, guint64 number, MoaDataItem *item, GError **error)
{
  WorldSource *s = (WorldSource *) source;
  const MoaDataOptions *options = &source->options;
  guint64 index = options->first_scene + (options->n_scenes ? number % options->n_scenes : number);
  guint turn = options->n_scenes ? number / options->n_scenes : 0;
  Buffers b;
  MoaScene scene, swapped;
  MoaCaption caption;
  buffers_init (&b, options);
  if (options->n_scenes)
    item->index = number % options->n_scenes;
  moa_world_scene (s->world, index, options->n_people, &scene);
  item->n_people = MIN (scene.context.n_people, options->max_people);
  item->place = scene.context.place;
  fill_side (s, &scene, index, number, &b, item->picture, item->people);
  if (item->hint)
    {
      moa_world_pose (s->world, &scene, b.rgb);
      to_floats (b.rgb, (gsize) 3 * options->size * options->size, 0, item->hint);
    }
  moa_world_caption (s->world, &scene, index, turn, &caption);
  gboolean good = moa_data_set_text (source, caption.text, &item->n_people, &item->text,
                                     &item->prompt, error);
  if (good && moa_data_unit (source, number, MOA_DATA_TRUTH, 0) < options->truth)
    {
      item->who = choose_who (s, &scene, number);
      moa_world_swap (s->world, index, turn, item->who, &scene, &swapped);
      fill_truth (s, index, &swapped, &b, item);
      moa_world_caption (s->world, &swapped, index, turn, &caption);
      good = moa_data_set_text (source, caption.text, &item->n_people, &item->truth_text,
                                &item->truth_prompt, error);
    }
  buffers_clear (&b);
  return good;
}

static void
source_free (MoaDataSource *source)
{
  moa_world_free (((WorldSource *) source)->world);
  g_free (source);
}

MoaDataSource *
moa_data_world (const MoaDataOptions *options)
{
  WorldSource *s = g_new0 (WorldSource, 1);
  s->base = (MoaDataSource) { .options = *options, .load = load, .free = source_free,
                              .n = options->n_scenes, .pictures = options->n_scenes };
  s->world = moa_world_new (options->seed, options->size, options->photo_size);
  return &s->base;
}
