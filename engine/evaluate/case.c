/* Held-out cases: see case.h. */
#include "evaluate/case.h"

#include "base/mask.h"
#include "base/rng.h"

#include <string.h>

#define NOISE_STREAM 0x6576616c

static MoaImage *
from_bytes (const guint8 *bytes, int side, int channels)
{
  MoaImage *image = moa_image_new (side, side, channels);
  for (gsize i = 0; image && i < (gsize) side * side * channels; i++)
    image->data[i] = bytes[i] / 255.0f;
  return image;
}

guint8 *
moa_case_bytes (const MoaImage *picture)
{
  gsize n = (gsize) picture->width * picture->height * picture->channels;
  guint8 *bytes = g_new (guint8, n);
  for (gsize i = 0; i < n; i++)
    bytes[i] = CLAMP (picture->data[i], 0, 1) * 255 + 0.5f;
  return bytes;
}

/* ---- Drawing ---------------------------------------------------------- */

/* One side of a swap: the picture, and where each person is seen. */
static gboolean
draw (const MoaWorld *world, const MoaScene *scene, MoaImage **picture, MoaImage **seen)
{
  int side = moa_world_size (world);
  gsize n = (gsize) side * side;
  g_autofree guint8 *rgb = g_new (guint8, 3 * n), *masks = g_new0 (guint8, MOA_WORLD_PEOPLE * n);
  guint8 *visible[MOA_WORLD_PEOPLE];
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    visible[k] = masks + k * n;
  moa_world_draw (world, scene, rgb, visible, NULL);
  *picture = from_bytes (rgb, side, 3);
  gboolean ok = *picture != NULL;
  for (int k = 0; k < scene->context.n_people; k++)
    ok = (seen[k] = from_bytes (visible[k], side, 1)) && ok;
  return ok;
}

/* Whether pixel i shows something else in the truth. */
static gboolean
differs (const MoaCase *c, gsize i)
{
  return memcmp (c->source->data + 3 * i, c->truth->data + 3 * i, 3 * sizeof (float)) != 0;
}

static gboolean
make_masks (MoaCase *c, int side)
{
  c->region = moa_image_new (side, side, 1);
  c->selection = moa_image_new (side, side, 1);
  if (!c->region || !c->selection)
    return FALSE;
  for (gsize i = 0; i < (gsize) side * side; i++)
    {
      c->region->data[i] = differs (c, i);
      for (int k = 0; k < c->n_people; k++)
        if (c->who >> k & 1)
          {
            float before = c->before[k]->data[i], after = c->after[k]->data[i];
            c->region->data[i] = MAX (c->region->data[i], MAX (before, after));
            c->selection->data[i] = MAX (c->selection->data[i], before);
          }
    }
  moa_mask_dilate (c->region, side / 32.0);
  moa_mask_dilate (c->selection, side / 16.0);
  return TRUE;
}

static gboolean
take_photos (const MoaWorld *world, MoaCase *c)
{
  int side = moa_world_photo_size (world);
  g_autofree guint8 *rgb = moa_case_bytes (c->source), *photo = g_new (guint8, 3 * side * side);
  for (int k = 0; k < c->n_people; k++)
    {
      g_autofree guint8 *seen = moa_case_bytes (c->before[k]);
      if (c->who >> k & 1)
        moa_world_photo (world, &c->swapped.people[k], c->index, k, 0, photo);
      else
        moa_world_crop (world, &c->scene, c->index, k, rgb, seen, photo);
      if (!(c->photo[k] = from_bytes (photo, side, 3)))
        return FALSE;
    }
  return TRUE;
}

/* Another one for each case; it need not depend on the world. */
static guint64
noise_seed (guint64 index)
{
  guint32 words[4];
  moa_philox (0, NOISE_STREAM, index, words);
  return (guint64) words[1] << 32 | words[0];
}

MoaCase *
moa_case_new (const MoaWorld *world, int i, int n_people, guint who)
{
  MoaCase *c = g_new0 (MoaCase, 1);
  c->index = (n_people == 1 ? MOA_HELD_OUT_FIRST : MOA_HELD_OUT_PAIRS) + i;
  c->n_people = n_people;
  c->who = who ? who : 1u << i % n_people;
  moa_world_scene (world, c->index, n_people, &c->scene);
  moa_world_swap (world, c->index, 0, c->who, &c->scene, &c->swapped);
  c->noise = noise_seed (c->index);
  if (draw (world, &c->scene, &c->source, c->before)
      && draw (world, &c->swapped, &c->truth, c->after)
      && make_masks (c, moa_world_size (world)) && take_photos (world, c))
    return c;
  moa_case_free (c);
  return NULL;
}

void
moa_case_free (MoaCase *c)
{
  if (!c)
    return;
  moa_image_free (c->source);
  moa_image_free (c->truth);
  moa_image_free (c->region);
  moa_image_free (c->selection);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      moa_image_free (c->before[k]);
      moa_image_free (c->after[k]);
      moa_image_free (c->photo[k]);
    }
  g_free (c);
}

/* ---- Words ------------------------------------------------------------ */

/* Whether the caption names everybody by what they are, and the place. */
static gboolean
says_all (const MoaCaption *caption)
{
  static const char *const nouns[] = { "man", "woman", "boy", "girl" };
  for (int k = 0; k < caption->n_people; k++)
    {
      g_autofree char *before = g_strndup (caption->text, caption->end[k]);
      const char *noun = strrchr (before, ' ');
      gboolean known = FALSE;
      for (gsize i = 0; noun && i < G_N_ELEMENTS (nouns); i++)
        known |= !strcmp (noun + 1, nouns[i]);
      if (!known)
        return FALSE;
    }
  return caption->text[caption->end[caption->n_people - 1]] != '\0';
}

void
moa_case_prompt (const MoaWorld *world, const MoaCase *c, MoaCasePrompt *prompt)
{
  enum { MOST_VARIANTS = 64 }; /* four in ten say all */
  MoaCaption caption;
  guint variant = 0;
  do
    moa_world_caption (world, &c->swapped, c->index, variant, &caption);
  while (!says_all (&caption) && ++variant < MOST_VARIANTS);
  GString *text = g_string_new (caption.text);
  for (int k = caption.n_people - 1; k >= 0; k--)
    {
      char mark[] = { '<', '1' + k, '>', '\0' };
      g_string_insert (text, caption.end[k], mark);
    }
  *prompt = (MoaCasePrompt){ .front = strstr (text->str, " behind ") != NULL,
                             .pose = strchr (text->str, ',') != NULL };
  g_strlcpy (prompt->text, text->str, sizeof (prompt->text));
  g_string_free (text, TRUE);
}
